"""What a notebook says in plain Markdown, for readers anywhere, made into more when the book's HTML is built.

Three steps: `blocks` turns a notebook's blocks into directives before it is parsed, `exercises` holds these directives,
and `links` resolves citations, terms and equations once every page has been read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from course.predict import questions

from .. import stored
from . import blocks, exercises, folding, links

__all__ = ["read_blocks", "setup"]


def read_blocks(app: Any, page: str, source: list[str]) -> None:
    """Turn a notebook's blocks into directives, and what it folds into folds of the page (on `source-read`)."""
    if not links.is_plain(page) or Path(app.env.doc2path(page)).suffix != ".ipynb":
        return
    notebook = stored.parse_notebook(source[0])
    asked = False
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            cell["source"] = blocks.rewrite("".join(cell["source"]), f"{page}.ipynb, cell {number}")
            asked = asked or any(questions(cell["source"]))
        elif cell["cell_type"] == "code":
            answers = asked and bool(cell.get("outputs"))
            folding.fold(cell, answers=answers)
            asked = asked and not answers
    source[0] = json.dumps(notebook)


def setup(app: Any) -> None:
    """Connect the three steps to Sphinx, after what makes an unreadable notebook readable."""
    app.connect("source-read", read_blocks)
    exercises.setup(app)
    links.setup(app)
