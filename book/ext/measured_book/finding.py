"""The book's own search: what each section says, each term and each source, in one file beside the pages.

Sphinx finds pages; and where pages are opened from the disk it shows no excerpt, since a browser lets no script read
another file. A script that defines a list may be loaded from the disk too: static/search.js looks through it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element, Node

from .uses import USED, has_title

FILE = "sections.js"
SILENT = (nodes.raw, nodes.comment, nodes.math_block, nodes.image, nodes.system_message)


@dataclass
class Place:
    """A place that a search can lead to, and what stands there."""

    page: str
    anchor: str
    title: str
    text: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    def record(self) -> list[str]:
        return [self.page, self.anchor, self.title, " ".join(self.text), " ".join(self.code)]


def one_line(node: Node) -> str:
    return " ".join(node.astext().split())


def is_silent(node: Node) -> bool:
    """Whether a node says nothing of its own: what a cell printed, and links back from uses.py."""
    if isinstance(node, SILENT):
        return True
    return isinstance(node, Element) and (node.get("nb_element") == "cell_code_output" or USED in node["classes"])


def read_places(page: str, doctree: Element) -> list[Place]:
    """The sections of a page in order, and the terms and sources that it lists; what cells print is left out."""
    return [place for section in doctree.findall(has_title) for place in read_section(page, section)]


def read_section(page: str, section: Element) -> Iterator[Place]:
    """The section itself without those below it, then the entries in it."""
    title = section.next_node(nodes.title)
    place = Place(page, section["ids"][0] if section.parent.tagname != "document" else "", one_line(title))
    entries: list[Place] = []
    for child in section.children:
        if child is not title and not has_title(child):
            gather(child, place, entries)
    yield place
    yield from entries


def gather(node: Node, place: Place, entries: list[Place]) -> None:
    """Add what a node says to a place; a term or a source becomes an entry of its own."""
    if is_silent(node):
        return
    entry = as_entry(place.page, node)
    if entry:
        entries.append(entry)
    elif isinstance(node, nodes.literal_block):
        place.code.append(one_line(node))
    elif isinstance(node, nodes.TextElement | nodes.Text):
        place.text.append(one_line(node))
    else:
        for child in node.children:
            gather(child, place, entries)


def as_entry(page: str, node: Node) -> Place | None:
    """An entry of the glossary or the bibliography as a place; None for what is neither."""
    if isinstance(node, nodes.definition_list_item):
        term = node.next_node(nodes.term)
        ids = term["ids"] if term is not None else []
        return Place(page, ids[0], one_line(term), spoken(node.next_node(nodes.definition))) if ids else None
    if isinstance(node, nodes.citation):
        return Place(page, node["ids"][0], "", spoken(node))
    return None


def spoken(entry: Element) -> list[str]:
    return [one_line(child) for child in entry.children if not isinstance(child, nodes.label) and not is_silent(child)]


def write_places(app: Any, error: Exception | None) -> None:
    """Write the list that the search page loads (on `build-finished`)."""
    if error is not None or app.builder.format != "html":
        return
    env = app.env
    pages = [page for page in env.external_site_map if page in env.all_docs]
    read = {page: env.get_and_resolve_doctree(page, app.builder) for page in pages}
    found = {
        "titles": {page: one_line(env.titles[page]) for page in pages},
        "places": [place.record() for page in pages for place in read_places(page, read[page])],
    }
    script = f"window.bookPlaces = {json.dumps(found, ensure_ascii=False, separators=(',', ':'))};\n"
    (Path(app.outdir) / FILE).write_text(script, encoding="utf-8")
