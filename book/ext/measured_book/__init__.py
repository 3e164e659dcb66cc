"""The book's own Sphinx extension: plain notebooks, offline pages, launch buttons, claims, pictures, predictions."""

from __future__ import annotations

import logging
from typing import Any

from course import claims
from course import predict as settling

from . import (
    accessible,
    addresses,
    card,
    chapter_cards,
    claims_page,
    figures,
    finding,
    heads,
    hosting,
    icons,
    live,
    live_page,
    offline,
    pages,
    plain,
    predict,
    scripts,
    uses,
)

BESIDE_HTML = (claims.MIME_TYPE, settling.MIME_TYPE)


def is_worth_saying(record: logging.LogRecord) -> bool:
    """False for myst-nb's complaint that it cannot draw JSON of ours: the HTML beside it is what is drawn."""
    said = record.getMessage()
    return not any(f"unknown output mime type: {mime_type}" in said for mime_type in BESIDE_HTML)


def setup(app: Any) -> dict[str, bool]:
    """Connect the parts to Sphinx."""
    for handler in logging.getLogger("sphinx").handlers:
        handler.filters.insert(0, is_worth_saying)
    app.connect("config-inited", hosting.configure)
    app.connect("html-page-context", hosting.mend_repository_button, priority=900)  # after the theme has added it
    app.connect("config-inited", heads.find_address)
    app.connect("html-page-context", heads.complete)
    app.connect("build-finished", heads.write_sitemap)
    app.connect("source-read", pages.replace_unreadable)
    app.connect("source-read", card.compare_times)
    plain.setup(app)
    addresses.register()
    app.connect("doctree-read", pages.name_verdict_cells)
    app.connect("doctree-read", figures.frame)
    app.connect("config-inited", offline.drop_live_code)
    app.connect("config-inited", scripts.use_own_templates)
    app.connect("env-get-outdated", scripts.see_changed_files)
    app.connect("html-page-context", scripts.lighten, priority=900)  # after all extensions have added theirs
    app.connect("env-updated", uses.collect)
    app.connect("doctree-resolved", uses.link_back)
    app.connect("build-finished", claims_page.write_json)
    app.connect("build-finished", chapter_cards.write_pictures)
    app.connect("build-finished", finding.write_places)
    app.connect("build-finished", icons.write_icons)
    app.connect("build-finished", live.copy_live)
    app.connect("build-finished", offline.copy_mathjax)
    accessible.setup(app)
    app.add_directive("claims", claims_page.ClaimsDirective)
    app.add_directive("parts", chapter_cards.PartsDirective)
    predict.setup(app)
    live_page.setup(app)
    app.add_css_file(icons.SHEET)
    app.add_css_file("book.css")
    app.add_css_file("tables.css")
    app.add_js_file("book.js", defer="defer")
    app.add_js_file("print.js", defer="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
