"""The book's notebooks: where they are, the form they are stored in, and the hashes that tie outputs to code."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from tools.colab import TAG
from tools.pictures import repacked

ROOT = Path(__file__).resolve().parent.parent
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
DRAWING = ("mha/view/plots.py", "mha/view/book.mplstyle")

__all__ = ["ROOT", "code_cells", "hashes", "notebook_paths", "pictures", "read", "stable", "write"]


def notebook_paths(root: Path = ROOT) -> list[Path]:
    """The front page and every chapter."""
    chapters = (path for path in root.glob("chapters/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    return [path for path in [root / "index.ipynb", *sorted(chapters)] if path.exists()]


def read(path: Path) -> NotebookNode:
    """The notebook in a file.

    Raises:
        ValueError: the file holds none; the message names it, and the line where JSON ends, as at the marks of a merge.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        made_for = json.loads(text).get("nbformat")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8, at byte {error.start}") from None
    except json.JSONDecodeError as error:
        line = "".join(text.splitlines()[error.lineno - 1 : error.lineno])
        raise ValueError(f"{path}: no notebook, since line {error.lineno} is no JSON: {line[:60]!r}") from None
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        what = str(error).splitlines()[0]
        raise ValueError(f"{path}: no notebook, though it is JSON ({type(error).__name__}: {what[:200]})") from None
    if made_for != 4:
        raise ValueError(f"{path}: nbformat must be 4, got {made_for}: convert it, jupyter nbconvert --to notebook")
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Replace the file at once, so that an interruption leaves the old one whole."""
    unfinished = path.with_suffix(".unfinished")
    nbformat.write(notebook, unfinished)  # sorted keys, one space of indent, a newline at the end
    os.replace(unfinished, path)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(cell: NotebookNode) -> list[Any]:
    """The data of every picture among a cell's outputs."""
    bundles = [output.get("data", {}) for output in cell.outputs]
    return [data for bundle in bundles for mime, data in bundle.items() if mime.startswith("image/")]


def digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def hashes(notebook: NotebookNode, root: Path = ROOT) -> dict[str, str]:
    """What the stored outputs were made by: the code cells; and, where there are pictures, these and what drew them.

    nbval compares text but no pictures, and it cannot know which code made a picture. The Colab cell is left out: it
    makes no output, and it is compared with its template.
    """
    cells = [cell for cell in code_cells(notebook) if TAG not in cell.metadata.get("tags", [])]
    made_by = {"source_hash": digest([[cell.source, sorted(cell.metadata.get("tags", []))] for cell in cells])}
    drawn = [pictures(cell) for cell in cells]
    if any(drawn):
        files = [root / name for name in DRAWING if (root / name).exists()]
        made_by["pictures_hash"] = digest(drawn)
        made_by["drawing_hash"] = digest([file.read_text(encoding="utf-8") for file in files])
    return made_by


def merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs with neighbouring pieces of one stream joined: how they were cut depends on timing."""
    joined: list[NotebookNode] = []
    for stream, group in itertools.groupby(outputs, key=lambda output: output.get("name")):
        pieces = list(group)
        if stream:
            pieces[0].text = "".join(piece.text for piece in pieces)
        joined += pieces[:1] if stream else pieces
    return joined


def stable_output(output: NotebookNode) -> NotebookNode:
    if "image/png" in output.get("data", {}):
        output.data["image/png"] = repacked(output.data["image/png"])
    if output.output_type == "error":  # frames outside the notebook hold this machine's paths
        plain = [re.sub(r"\x1b\[[0-9;]*m", "", entry) for entry in output.traceback]
        kept = [entry for entry, text in zip(output.traceback, plain, strict=True) if not text.startswith("File ")]
        output.traceback = kept
    return output


def stable(notebook: NotebookNode, root: Path = ROOT, run_s: int = 30) -> NotebookNode:
    """Drop from an executed notebook what differs between two runs or two machines; store its hashes and run time.

    The notebook is changed in place, and returned.
    """
    for cell in code_cells(notebook):
        for key in ("execution", "ExecuteTime", "collapsed", "scrolled"):
            cell.metadata.pop(key, None)
        cell.outputs = [stable_output(output) for output in merged(cell.outputs)]
    notebook.metadata.pop("widgets", None)
    notebook.metadata.update(kernelspec=KERNELSPEC, language_info=LANGUAGE)
    notebook.metadata["mha"] = hashes(notebook, root) | {"run_s": run_s}
    return notebook
