"""A notebook's plain links, resolved once every page is read: citations, terms, parts of pages, numbered equations.

A link to an address that references.bib gives is a citation and leads to the bibliography's entry. A link to any other
address must say that it is none, by a title: `[the data](https://example.org "website")`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from docutils import nodes
from pybtex.plugin import find_plugin
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

LOGGER = logging.getLogger(__name__)
GLOSSARY = "book/glossary"
NO_CITATION = "website"  # the title of a link that is no citation

__all__ = ["NO_CITATION", "address_problems", "is_plain", "setup"]


def is_plain(page: str) -> bool:
    """Whether a page is a notebook in plain Markdown: a chapter or the front page."""
    return page == "index" or page.startswith("chapters/")


def address_problems(addresses: dict[str, str]) -> list[str]:
    """What is wrong with the bibliography's addresses (key -> url), one sentence each: missing or doubled."""
    problems = [f"references.bib: {key} has no url" for key, url in addresses.items() if not url]
    keys = defaultdict(list)
    for key, url in addresses.items():
        keys[url].append(key)
    doubled = {url: found for url, found in keys.items() if url and len(found) > 1}
    return problems + [
        f"references.bib: {url} is the url of {' and of '.join(found)}" for url, found in doubled.items()
    ]


def names_in(document: nodes.document) -> set[str]:
    """A page's anchors: those of its parts, and those in HTML that a directive wrote."""
    given = {name for node in document.findall(nodes.Element) for name in node["ids"]}
    return given.union(*(re.findall(r'\sid="([^"]+)"', node.astext()) for node in document.findall(nodes.raw)))


def check_addresses(app: Any, env: Any) -> None:
    """Say what is wrong with the bibliography's addresses (on `env-check-consistency`)."""
    entries = env.get_domain("cite").bibdata.data.entries
    for problem in address_problems({key: entry.fields.get("url", "") for key, entry in entries.items()}):
        LOGGER.warning(problem, type="measured_book")


class ResolvePlainLinks(SphinxPostTransform):
    """Before MyST resolves what is left of a notebook's links, and warns of what it cannot."""

    default_priority = 8

    def run(self, **kwargs: Any) -> None:
        if not is_plain(self.env.docname):
            return
        for link in list(self.document.findall(nodes.reference)):
            if re.match("https?:", link.get("refuri", "")):
                self.resolve_address(link)
        for link in list(self.document.findall(addnodes.pending_xref)):
            if link["reftype"] == "myst":
                resolve: Callable[[Any], None] = (
                    self.resolve_part if link["refdomain"] == "doc" else self.resolve_equation
                )
                resolve(link)

    def resolve_address(self, link: nodes.reference) -> None:
        """A citation leads to its entry in the bibliography, whose whole text it shows on hover."""
        if link.get("reftitle") == NO_CITATION:
            del link["reftitle"]
            return
        citations = [c for c in self.env.get_domain("cite").citations if c.entry.fields.get("url") == link["refuri"]]
        if not citations:
            marked = f'[text]({link["refuri"]} "{NO_CITATION}")'
            advice = f"cite an entry of book/references.bib by its url, or mark a link that is none: {marked}"
            self.warn(f"{link['refuri']} is no url of a reference: {advice}", link)
            return
        (found, *_) = citations
        title = found.formatted_entry.text.render(find_plugin("pybtex.backends", "plaintext")())
        self.lead(
            link, found.bibliography_key.docname, found.citation_id, [nodes.inline("", "", *link.children)], title
        )

    def resolve_part(self, link: addnodes.pending_xref) -> None:
        """`../../book/live.md#switch-heads-off` leads to that part of the page."""
        page, anchor = link["reftarget"], link["reftargetid"]
        if not anchor or page not in self.env.found_docs:
            return
        if page == GLOSSARY:
            self.resolve_term(link, anchor)
        elif anchor in names_in(self.env.get_doctree(page)):
            self.lead(link, page, anchor, link[0].children)
        else:
            self.warn(f"{page} has no part with the anchor #{anchor}", link)

    def resolve_term(self, link: addnodes.pending_xref, anchor: str) -> None:
        """`../../book/glossary.md#term-softmax` leads to the glossary's entry, and looks like a term."""
        objects = self.env.get_domain("std").objects
        terms = {place: name for (kind, name), place in objects.items() if kind == "term"}
        if (GLOSSARY, anchor) not in terms:
            self.warn(f"the glossary has no term with the anchor #{anchor}", link)
            return
        shown = nodes.inline("", "", *link[0].children, classes=["std", "std-term"])
        self.lead(link, GLOSSARY, anchor, [shown])

    def resolve_equation(self, link: addnodes.pending_xref) -> None:
        """`[equation (3)](#label)` leads to that equation of the page; its number is compared with the one written."""
        page, number = self.env.get_domain("math").equations.get(link["reftarget"], ("", 0))
        if page != self.env.docname:
            return
        if f"({number})" not in link.astext():
            self.warn(f"{link.astext()!r} leads to equation ({number})", link)
        self.lead(link, page, nodes.make_id(f"equation-{link['reftarget']}"), link[0].children)

    def lead(self, link: Any, page: str, anchor: str, shown: list[Any], title: str | None = None) -> None:
        link.replace_self(make_refnode(self.app.builder, self.env.docname, page, anchor, shown, title))

    def warn(self, problem: str, link: Any) -> None:
        LOGGER.warning(problem, location=link, type="measured_book")


def setup(app: Any) -> None:
    """Make the transform and the check known to Sphinx."""
    app.connect("env-check-consistency", check_addresses)
    app.add_post_transform(ResolvePlainLinks)
