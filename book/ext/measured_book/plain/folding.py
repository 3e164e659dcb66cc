"""What a notebook folds in JupyterLab and VS Code, folded in the page too."""

from __future__ import annotations

import re
from typing import Any

SOLUTION = "solution"  # the tag of a cell that lies in a folded solution already
NOT_FOLDED = {SOLUTION, "remove-cell"}
SETTLED = "application/vnd.mha.settled+json"  # the answer to a Predict with choices: its page script folds it
COLAB_TITLE = re.compile(r"\A#\s*@title[^\n]*\n")

__all__ = ["fold"]


def fold(cell: dict[str, Any]) -> None:
    """Turn JupyterLab's `source_hidden` and `outputs_hidden` into myst-nb's tags, and drop Colab's title line."""
    cell["source"] = COLAB_TITLE.sub("", "".join(cell["source"]))
    metadata = cell.setdefault("metadata", {})
    tags = metadata.setdefault("tags", [])
    hidden = metadata.get("jupyter", {})
    if NOT_FOLDED & {*tags}:
        return
    settles = any(SETTLED in output.get("data", {}) for output in cell.get("outputs", []))
    if hidden.get("source_hidden"):
        tags.append("hide-input")
    if hidden.get("outputs_hidden") and not settles:
        tags.append("hide-output")
