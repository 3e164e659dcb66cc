"""Mends in the HTML itself what accessibility checkers find wrong; book.js mends what depends on the window."""

from __future__ import annotations

from typing import Any

from sphinx.writers.html5 import HTML5Translator


def visit_citation(translator: Any, node: Any) -> None:
    """An entry of the bibliography is an item of the list around it; docutils gives it a role that no list takes."""
    start = len(translator.body)
    HTML5Translator.visit_citation(translator, node)
    translator.body[start:] = [
        piece.replace('role="doc-biblioentry"', 'role="listitem"') for piece in translator.body[start:]
    ]


def depart_citation(translator: Any, node: Any) -> None:
    """As docutils does."""
    HTML5Translator.depart_citation(translator, node)
