"""Pictures of notebooks: the size they are meant to have, and the paragraph after one that is its caption."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element
from sphinx.util import logging

from . import stored

LOGGER = logging.getLogger(__name__)
CAPTION = re.compile(r"Figure (\d+)\.")


def frame(app: Any, doctree: Element) -> None:
    """Size pictures as their outputs say, and name captions (on `doctree-read`).

    A picture drawn at twice the density says in its output's metadata how wide it is to be shown. A caption is a
    paragraph that begins `*Figure 2.*` right after the cell of a picture; captions count 1, 2, 3 through a page.
    """
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    try:
        cells = stored.read_notebook(path)["cells"]
    except ValueError:
        return  # another step has said so
    drawn = [cell for cell in doctree.findall(nodes.container) if cell.get("nb_element") == "cell_code"]
    for container in drawn:
        for image, width in zip(container.findall(nodes.image), widths(cells[container["cell_index"]]), strict=False):
            image["width"] = f"{width}px"
    for problem in name_captions(doctree):
        LOGGER.warning(problem, location=app.env.docname, type="measured_book")


def widths(cell: dict[str, Any]) -> list[int]:
    """How wide each picture of a cell is to be shown, in pixels; none where an output does not say."""
    metadata = [output.get("metadata", {}).get("image/png", {}) for output in cell.get("outputs", [])]
    return [size["width"] for size in metadata if "width" in size]


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
