"""The times on a chapter's card are those of the front page, where they are counted and measured."""

from __future__ import annotations

import re
from typing import Any

from sphinx.util import logging

from . import stored

LOGGER = logging.getLogger(__name__)
TIMES = re.compile(r"^> \*\*Time\*\*: (?P<said>.*?)$", re.MULTILINE)


def times(notebook: dict[str, Any]) -> str:
    """What a card says, `40 min to read, 1 min to run on two cores.`; the second part only if a run was timed."""
    run = stored.minutes_to_run(notebook)
    return f"{stored.minutes_to_read(notebook)} min to read" + (f", {run} to run on two cores" if run else "") + "."


def problem(notebook: dict[str, Any]) -> str:
    """What is wrong with the times on a notebook's card, or ""."""
    text = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    card, expected = TIMES.search(text), times(notebook)
    if card is None or card["said"] == expected:
        return ""
    return f"the card says {card['said']!r}, the front page counts {expected!r}: python -m tools.cards writes it"


def compare_times(app: Any, name: str, source: list[str]) -> None:
    """Say where a chapter's card and the front page differ (on `source-read`, before the notebook is rewritten)."""
    if not app.env.doc2path(name).endswith(".ipynb"):
        return
    if said := problem(stored.parse_notebook(source[0])):
        LOGGER.warning(said, location=name, type="measured_book")
