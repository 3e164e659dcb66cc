"""Links back: where a term of the glossary and a source are used, and where a symbol of the notation comes first.

The chapters are looked through when all of them are read, and the three pages get their links when they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from docutils.nodes import Element, Node
from sphinx.addnodes import pending_xref
from sphinx.util.nodes import make_refnode

GLOSSARY, BIBLIOGRAPHY, NOTATION = "book/glossary", "book/bibliography", "book/notation"
USED = "used-in"  # the class of what is added here

# TeX without its commands; then a letter with its index counts as itself and as both letters.
COMMAND = re.compile(r"\\(?:text|operatorname\*?|mathrm|mathsf|tag)\s*\{[^}]*\}|\\[A-Za-z]+")
SYMBOL = re.compile(r"(?P<base>[A-Za-z])(?:_\{?(?P<index>[A-Za-z])(?![A-Za-z])\}?)?")
WORD = re.compile(r"[A-Za-z_]\w+")

Place = tuple[str, str]  # page and anchor
Uses = dict[str, list[Place]]  # what is used -> its places, one a page, in the book's order


def has_title(node: Node) -> bool:
    """Whether a node is a section with a heading."""
    return isinstance(node, nodes.section) and any(isinstance(child, nodes.title) for child in node.children)


def anchor_of(node: Node) -> str:
    """The name of the section that a node stands in; "" for a page's first."""
    while node.parent is not None and not has_title(node):
        node = node.parent
    return "" if node.parent is None or isinstance(node.parent, nodes.document) else str(node["ids"][0])


def symbols_in(tex: str) -> set[str]:
    """The symbols of a formula: `W_Q x_i` has W_Q, W, Q, x_i, x and i."""
    found: set[str] = set()
    for match in SYMBOL.finditer(COMMAND.sub(" ", tex)):
        base, index = match["base"], match["index"]
        found |= {base, index, f"{base}_{index}"} if index else {base}
    return found


def used_by(node: Node) -> Iterable[str]:
    """What a node uses: a term by its anchor, a source by its address, symbols, and names in code."""
    if isinstance(node, pending_xref) and node.get("reftarget") == GLOSSARY:
        return [node.get("reftargetid") or ""]
    if isinstance(node, nodes.reference):
        return [node.get("refuri", "")]
    if isinstance(node, nodes.math | nodes.math_block):
        return {f"${symbol}" for symbol in symbols_in(node.astext())}
    if isinstance(node, nodes.literal | nodes.literal_block):
        return {f"`{word}" for word in WORD.findall(node.astext())}
    return ()


def collect(app: Any, env: Any) -> list[str]:
    """Look through the chapters; the three pages are written again if a use has changed (on `env-updated`)."""
    uses: Uses = {}
    for page in [page for page in env.external_site_map if page in env.all_docs and not page.startswith("book/")]:
        for node in env.get_doctree(page).findall():
            for thing in used_by(node):
                places = uses.setdefault(thing, [])
                if not places or places[-1][0] != page:
                    places.append((page, anchor_of(node)))
    changed = uses != getattr(env, "measured_uses", None)
    env.measured_uses = uses
    return [page for page in (GLOSSARY, BIBLIOGRAPHY, NOTATION) if changed and page in env.all_docs]


def link_back(app: Any, doctree: Element, page: str) -> None:
    """Add the links to the page that is about to be written (on `doctree-resolved`)."""
    if page == GLOSSARY:
        for item in list(doctree.findall(nodes.definition_list_item)):
            ids = item.next_node(nodes.term)["ids"]
            add_sentence(app, page, item.next_node(nodes.definition), "Used in", ids[0] if ids else "")
    elif page == BIBLIOGRAPHY:
        addresses = {c.citation_id: c.entry.fields.get("url", "") for c in app.env.get_domain("cite").citations}
        for source in list(doctree.findall(nodes.citation)):
            add_sentence(app, page, source, "Cited in", addresses.get(source["ids"][0], ""))
    elif page == NOTATION:
        for table in list(doctree.findall(nodes.tgroup)):
            add_column(app, page, table)


def add_sentence(app: Any, page: str, entry: Element, verb: str, thing: str) -> None:
    """At the end of an entry `Used in Attention, GPT.`, nothing if no chapter uses it."""
    places = app.env.measured_uses.get(thing, []) if thing else []
    if not places:
        return
    sentence = nodes.paragraph("", f"{verb} ", classes=[USED])
    for number, place in enumerate(places):
        sentence += [nodes.Text(", ")] * (number > 0) + [link(app, page, place)]
    sentence += nodes.Text(".")
    entry += sentence


def add_column(app: Any, page: str, table: nodes.tgroup) -> None:
    """A last column, "First in", for a table of the notation."""
    table["cols"] += 1
    table.insert(table.first_child_matching_class(nodes.thead), nodes.colspec(colwidth=1))
    head, body = table.next_node(nodes.thead), table.next_node(nodes.tbody)
    head[0] += nodes.entry("", nodes.paragraph(text="First in"), classes=[USED])
    for row in body.children:
        place = next((app.env.measured_uses[thing][0] for thing in named(row) if thing in app.env.measured_uses), None)
        shown = [nodes.paragraph("", "", link(app, page, place))] if place else []
        row += nodes.entry("", *shown, classes=[USED])


def named(row: nodes.row) -> Iterator[str]:
    """What a row of the notation is about: its name in code if that is a word, else the symbols left of "="."""
    names = [name.astext() for cell in row.children[1:3] for name in cell.findall(nodes.literal)]
    yield from (f"`{name}" for name in names if len(name) > 2 and WORD.fullmatch(name))
    symbol = row[0].next_node(nodes.math)
    if symbol is not None:
        yield from (f"${name.strip()}" for name in symbol.astext().split("=")[0].split(","))


def link(app: Any, page: str, place: Place) -> nodes.reference:
    """The title of a page, leading to the place on it."""
    target, anchor = place
    title = nodes.Text(app.env.titles[target].astext())
    return make_refnode(app.builder, page, target, anchor, [title])
