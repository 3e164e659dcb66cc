"""What a notebook folds in JupyterLab and VS Code, folded in the page too."""

from __future__ import annotations

import re
from typing import Any

SOLUTION = "solution"  # the tag of a cell that lies in a folded solution already
NOT_FOLDED = {SOLUTION, "remove-cell"}
COLAB_TITLE = re.compile(r"\A#\s*@title[^\n]*\n")

__all__ = ["fold"]


def fold(cell: dict[str, Any], *, answers: bool = False) -> None:
    """Turn JupyterLab's `source_hidden` and `outputs_hidden` into myst-nb's tags, and drop Colab's title line.

    The output that answers a Predict is left to `predict`, which folds it till the reader has committed.
    """
    cell["source"] = COLAB_TITLE.sub("", "".join(cell["source"]))
    metadata = cell.setdefault("metadata", {})
    tags = metadata.setdefault("tags", [])
    hidden = metadata.get("jupyter", {})
    if NOT_FOLDED & {*tags}:
        return
    if hidden.get("source_hidden"):
        tags.append("hide-input")
    if hidden.get("outputs_hidden") and not answers:
        tags.append("hide-output")
