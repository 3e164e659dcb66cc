"""What a page says of itself to search engines, to whoever links to it, and to a reader who missed it.

An address that is to be linked to must be whole, so canonical links, the sitemap and the 404 page's own links need to
know where the book is published: MHA_ADDRESS, `https://owner.github.io/name/`. Without it they are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from docutils.nodes import Element
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
ENOUGH, MOST = 100, 220  # characters of a description
MISSING = "404"  # hosts show 404.html for an address that they do not have


def find_address(app: Any, config: Any) -> None:
    """Take the book's public address from the environment (on `config-inited`)."""
    address = os.environ.get("MHA_ADDRESS", config.html_baseurl)
    if address and urlsplit(address).scheme not in {"http", "https"}:
        LOGGER.warning(f"MHA_ADDRESS must begin with https:// or http://, got {address!r}", type="measured_book")
        address = ""
    config.html_baseurl = f"{address.rstrip('/')}/" if address else ""


def describe(doctree: Element) -> str:
    """A page's first sentences in one line: whole paragraphs until they say enough, cut at a word."""
    said = ""
    for paragraph in doctree.findall(nodes.paragraph):
        said = f"{said} {' '.join(paragraph.astext().split())}".strip()
        if len(said) >= ENOUGH:
            break
    return said if len(said) <= MOST else said[:MOST].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def tags(title: str, book: str, description: str, address: str) -> Iterator[str]:
    """The tags: a description for search engines, Open Graph's for whoever shows a link."""
    yield f'<meta name="description" content="{escape(description)}" />'
    graph = {"type": "website", "site_name": book, "title": title, "description": description, "url": address}
    for name, value in graph.items():
        if value:
            yield f'<meta property="og:{name}" content="{escape(value)}" />'


def complete(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the tags of a page; on the front page name the book once in the title (on `html-page-context`)."""
    config = app.config
    if page == config.root_doc:
        context["docstitle"] = ""
    if page == MISSING and config.html_baseurl:
        context["base"] = urlsplit(config.html_baseurl).path
    if doctree is None:
        context["metatags"] = '<meta name="robots" content="noindex" />'
        return
    title = app.env.titles[page].astext()
    address = f"{config.html_baseurl}{app.builder.get_target_uri(page)}" if config.html_baseurl else ""
    own = "\n    ".join(tags(title, config.project, describe(doctree), address))
    context["metatags"] = f"{context.get('metatags', '')}{own}"


def write_sitemap(app: Any, error: Exception | None) -> None:
    """List the pages for search engines, where the book's address is known (on `build-finished`)."""
    base = app.config.html_baseurl
    if error is not None or app.builder.format != "html" or not base:
        return
    pages = (app.builder.get_target_uri(page) for page in sorted(app.env.found_docs))
    entries = "".join(f"<url><loc>{escape(base + page)}</loc></url>\n" for page in pages)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    (Path(app.outdir) / "sitemap.xml").write_text(f"{head}{entries}</urlset>\n", encoding="utf-8")
