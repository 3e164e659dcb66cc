"""Two directives made from what is stored: `{claims}`, the verdicts on all claims; `{parts}`, the map of the book."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element, Node
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from course.claims import ClaimText, read_claims
from course.verdicts import VERDICTS

from . import stored

LOGGER = logging.getLogger(__name__)
CHAPTERS = "chapters/"
CLAIMS = Path("course/claims.toml")
NOT_YET = "not yet measured"
TO_COME = "To come"
UNREADABLE: dict[str, Any] = {
    "cells": [{"cell_type": "markdown", "metadata": {}, "source": "# A notebook that cannot be read"}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 4,
}
SPELT = {"bert": "BERT", "gpt": "GPT", "xlnet": "XLNet", "t5": "T5", "gpu": "GPU"}


def row(*cells: Iterable[Node], classes: Iterable[str] = (), span: int = 0) -> nodes.row:
    """A table's row; `span` widens its only cell over that many more columns."""
    line = nodes.row(classes=list(classes))
    for cell in cells:
        entry = nodes.entry("", *cell)
        if span:
            entry["morecols"] = span
        line += entry
    return line


def table(heads: tuple[str, ...], rows: list[nodes.row], name: str) -> nodes.table:
    """A table with a head row; `name` is its class."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in heads), cols=len(heads))
    group += nodes.thead("", row(*([nodes.paragraph(text=head)] for head in heads)))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=[name])


def read_or_none(path: Path) -> dict[str, Any] | None:
    """The notebook, or None where the file holds none, which `replace_unreadable` has said."""
    try:
        return stored.read_notebook(path)
    except ValueError:
        return None


class Stored(SphinxDirective):
    """What both directives need: the chapters in the order of _toc.yml, and links to them."""

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


class ClaimsDirective(Stored):
    """`{claims}`: each claim, its verdicts, the measurements behind them and the place where they are measured."""

    def run(self) -> list[Node]:
        self.notebooks = self.chapters()
        claims = self.claims()
        verdicts = [v for name, book in self.notebooks.items() for v in stored.read_verdicts(name, book)]
        for problem in stored.find_problems(claims, verdicts):
            self.warn(problem)
        known = {claim.id: claim for claim in claims}
        verdicts = [verdict for verdict in verdicts if not stored.find_problem(known.get(verdict.id), verdict)]
        rows = [self.claim_row(claim, [v for v in verdicts if v.id == claim.id]) for claim in claims]
        return [self.summary(claims, verdicts), table(("Claim", "Verdict and measurements"), rows, "claims")]

    def summary(self, claims: list[ClaimText], verdicts: list[stored.Verdict]) -> nodes.paragraph:
        measured = {verdict.id for verdict in verdicts}
        counts = Counter(str(verdict.record.get("verdict")) for verdict in verdicts)
        said = [f"{count} × {word}" for word in VERDICTS if (count := counts[word])]
        waiting = sum(claim.id not in measured for claim in claims)
        text = f"{len(claims)} claims. Verdicts so far: {', '.join(said) or 'none'}. {NOT_YET.capitalize()}: {waiting}."
        return nodes.paragraph(text=text)

    def claim_row(self, claim: ClaimText, verdicts: list[stored.Verdict]) -> nodes.row:
        parsed, messages = self.state.inline_text(claim.text, self.lineno)
        name = nodes.inline(text=claim.id, classes=["claim-id"])
        text = nodes.paragraph("", "", name, nodes.Text(" "), *parsed, *messages)
        found: list[Node] = [block for verdict in verdicts for block in self.verdict_blocks(verdict)]
        row_of_claim = row([text], found or [nodes.paragraph("", "", badge(NOT_YET))])
        row_of_claim["ids"].append(claim.id.lower())
        return row_of_claim

    def verdict_blocks(self, verdict: stored.Verdict) -> list[Node]:
        line = nodes.paragraph("", "", badge(str(verdict.record["verdict"])))
        line += nodes.Text(f" {verdict.record['condition']} " if verdict.record["condition"] else " ")
        title = self.title(verdict.chapter, self.notebooks[verdict.chapter])
        line += self.link(verdict.chapter, title, verdict.anchor)
        rows = [nodes.list_item("", nodes.paragraph(text=m.line())) for m in verdict.measurements]
        return [line, nodes.bullet_list("", *rows, classes=["measurements"])]


def badge(verdict: str) -> nodes.inline:
    """A verdict as a word in a quiet frame."""
    return nodes.inline(text=verdict, classes=["verdict", "verdict-" + verdict.replace(" ", "-")])


def spelt(chapter: str) -> str:
    """`cost/gpu_timing` -> "GPU timing"."""
    return " ".join(SPELT.get(word, word) for word in chapter.rsplit("/", 1)[-1].split("_"))


class PartsDirective(Stored):
    """`{parts}`: a line a part, `folder | title | what it is about`; it shows the chapters that are there.

    What is to come is one line, `to come | To come | what`.
    """

    has_content = True

    def run(self) -> list[Node]:
        notebooks = self.chapters()
        rows: list[nodes.row] = []
        for line in filter(str.strip, self.content):
            pieces = [piece.strip() for piece in line.split("|", 2)]
            if len(pieces) != 3:
                raise self.error(f"a line of {{parts}} must be 'folder | title | what it is about', got {line!r}")
            rows += self.part_rows(*pieces, notebooks)
        return [table(("Chapter", "Read", "Run"), rows, "parts")]

    def part_rows(self, folder: str, title: str, about: str, notebooks: dict[str, dict[str, Any]]) -> list[nodes.row]:
        there = [chapter for chapter in notebooks if chapter.startswith(f"{folder}/")]
        if not there and title != TO_COME:
            self.warn(f"the part {title!r} has no chapter: what is to come stands in the line '{TO_COME}'")
        name = nodes.paragraph("", "", nodes.strong(text=title), nodes.Text(f" {about}"))
        head = row([name], classes=["part" if there else "coming"], span=2)
        return [head, *(self.chapter_row(chapter, notebooks[chapter]) for chapter in there)]

    def chapter_row(self, chapter: str, notebook: dict[str, Any]) -> nodes.row:
        title = nodes.paragraph("", "", self.link(chapter, self.title(chapter, notebook)))
        minutes = nodes.paragraph(text=f"{stored.minutes_to_read(notebook)} min")
        return row([title], [minutes], [nodes.paragraph(text=stored.minutes_to_run(notebook))])


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
