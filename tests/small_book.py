"""A book of a front page and a chapter, with this book's configuration and extension: small enough for a test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONTENTS = "format: jb-book\nroot: index\nchapters: [{file: chapters/part/one}]\n"


def write_small_book(folder: Path, front: dict[str, Any], chapter: dict[str, Any]) -> None:
    """Its sources; the notebooks are given as JSON."""
    for name in ("_config.yml", "course/claims.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "_toc.yml").write_text(CONTENTS)
    for name, notebook in (("index", front), ("chapters/part/one", chapter)):
        path = folder / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook))


def build(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `jupyter-book build` said; the pages are under _build/html."""
    builder = Path(sys.executable).with_name("jupyter-book")
    environment = os.environ | {"MHA_REPOSITORY": "", "PYTHONPATH": str(ROOT)} | environment
    command = [builder, "build", ".", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
