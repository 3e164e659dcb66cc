"""Pictures of notebooks: the paragraph after one that is its caption."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
CAPTION = re.compile(r"Figure (\d+)\.")


def frame(app: Any, doctree: Element) -> None:
    """Name the captions of a notebook's pictures (on `doctree-read`).

    A caption is a paragraph that begins `*Figure 2.*` right after the cell of a picture; captions count 1, 2, 3 through
    a page.
    """
    if Path(app.env.doc2path(app.env.docname)).suffix == ".ipynb":
        for problem in name_captions(doctree):
            LOGGER.warning(problem, location=app.env.docname, type="measured_book")


def name_captions(doctree: Element) -> Iterator[str]:
    """Give captions their class and their name; yields what is wrong with them."""
    expected = 1
    for paragraph in doctree.findall(nodes.paragraph):
        number = caption_number(paragraph)
        if number is None:
            continue
        paragraph["classes"].append("figure-caption")
        paragraph["ids"].append(f"figure-{number}")
        before = paragraph.parent.index(paragraph) - 1
        if before < 0 or next(paragraph.parent[before].findall(nodes.image), None) is None:
            yield f"the caption of figure {number} does not follow a cell with a picture"
        if number != expected:
            yield f"the caption of figure {expected} says Figure {number}"
        expected = number + 1


def caption_number(paragraph: Element) -> int | None:
    """2 for a paragraph that begins with "Figure 2." in italics, None for any other."""
    first = paragraph[0] if len(paragraph) else None
    match = CAPTION.fullmatch(first.astext()) if isinstance(first, nodes.emphasis) else None
    return int(match[1]) if match else None
