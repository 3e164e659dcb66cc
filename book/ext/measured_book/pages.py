"""What the pages made from stored outputs share: the chapters in their order, links to them, badges."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element, Node
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from course.claims import ClaimText, read_claims

from . import stored

LOGGER = logging.getLogger(__name__)
CHAPTERS = "chapters/"
CLAIMS = Path("course/claims.toml")
UNREADABLE: dict[str, Any] = {
    "cells": [{"cell_type": "markdown", "metadata": {}, "source": "# A notebook that cannot be read"}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 4,
}
SPELT = {"bert": "BERT", "gpt": "GPT", "xlnet": "XLNet", "t5": "T5", "gpu": "GPU"}


def read_or_none(path: Path) -> dict[str, Any] | None:
    """The notebook, or None where the file holds none, which `replace_unreadable` has said."""
    try:
        return stored.read_notebook(path)
    except ValueError:
        return None


class Stored(SphinxDirective):
    """What such directives need: the chapters in the order of _toc.yml, and links to them."""

    def chapters(self) -> dict[str, dict[str, Any]]:
        """Chapter name -> notebook, and a note that this page must be made again when one changes."""
        site = self.env.app.config.external_site_map
        names = [name for name in site if name.startswith(CHAPTERS)]
        self.env.note_dependency(str(Path(self.env.srcdir) / "_toc.yml"))
        for name in names:
            self.env.note_dependency(self.env.doc2path(name))
        paths = {name: Path(self.env.doc2path(name)) for name in names}
        read = {name: read_or_none(path) for name, path in paths.items() if path.suffix == ".ipynb"}
        return {name.removeprefix(CHAPTERS): notebook for name, notebook in read.items() if notebook is not None}

    def claims(self) -> list[ClaimText]:
        path = Path(self.env.srcdir) / CLAIMS
        self.env.note_dependency(str(path))
        return list(read_claims(path.read_text(encoding="utf-8")).values())

    def verdicts(self, notebooks: dict[str, dict[str, Any]]) -> list[stored.Verdict]:
        """The verdicts that the chapters have stored; of each that cannot stand a warning says why."""
        known = {claim.id: claim for claim in self.claims()}
        found = [verdict for name, notebook in notebooks.items() for verdict in stored.read_verdicts(name, notebook)]
        for problem in stored.find_problems(list(known.values()), found):
            self.warn(problem)
        return [verdict for verdict in found if not stored.find_problem(known.get(verdict.id), verdict)]

    def link(self, chapter: str, text: str, anchor: str = "") -> nodes.reference:
        uri = self.env.app.builder.get_relative_uri(self.env.docname, CHAPTERS + chapter)
        return nodes.reference("", text, internal=True, refuri=f"{uri}#{anchor}" if anchor else uri)

    def title(self, chapter: str, notebook: dict[str, Any]) -> str:
        """A chapter's heading; where it has none, its name, and a warning."""
        try:
            return stored.find_title(notebook)
        except ValueError as error:
            self.warn(f"{chapter}: {error}")
            return spelt(chapter)

    def warn(self, problem: str) -> None:
        LOGGER.warning(problem, location=self.get_location(), type="measured_book")


def badge(verdict: str) -> nodes.inline:
    """A verdict as a word in a quiet frame."""
    return nodes.inline(text=verdict, classes=["verdict", "verdict-" + verdict.replace(" ", "-")])


def spelt(chapter: str) -> str:
    """`cost/gpu_timing` -> "GPU timing"."""
    return " ".join(SPELT.get(word, word) for word in chapter.rsplit("/", 1)[-1].split("_"))


def block(name: str, *inside: Node, classes: Iterable[str] = ()) -> nodes.container:
    """A division of the page of that class."""
    return nodes.container("", *inside, classes=[name, *classes])


def raw(html: str) -> nodes.raw:
    """HTML that docutils has no node for."""
    return nodes.raw("", html, format="html")


def name_verdict_cells(app: Any, doctree: Element) -> None:
    """Give each cell that shows a verdict the name that the claims page links to (on `doctree-read`)."""
    path = Path(app.env.doc2path(app.env.docname))
    if not app.env.docname.startswith(CHAPTERS) or path.suffix != ".ipynb":
        return
    notebook = read_or_none(path)
    if notebook is None:
        return
    anchors: dict[int, list[str]] = {}
    for verdict in stored.read_verdicts(app.env.docname.removeprefix(CHAPTERS), notebook):
        anchors.setdefault(verdict.cell, []).append(verdict.anchor)
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            cell["ids"] += anchors.get(cell["cell_index"], [])


def replace_unreadable(app: Any, name: str, source: list[str]) -> None:
    """Say which notebook cannot be read, and put another in its place so that the rest is built (on `source-read`)."""
    if Path(app.env.doc2path(name)).suffix != ".ipynb":
        return
    try:
        stored.parse_notebook(source[0])
    except ValueError as error:
        LOGGER.warning(f"{name}.ipynb {error}", location=name, type="measured_book")
        source[0] = json.dumps(UNREADABLE)
