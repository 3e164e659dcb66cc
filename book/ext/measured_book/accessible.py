"""Mends in the HTML itself what accessibility checkers find wrong; book.js mends what depends on the window."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput, visit_HideCellInput
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


def visit_fold(translator: Any, node: Any) -> None:
    """A fold is named by the words on it; myst-nb gives it another name, which who speaks to a page cannot see."""
    start = len(translator.body)
    visit_HideCellInput(translator, node)
    translator.body[start:] = [
        piece.replace(' aria-label="Toggle hidden content"', "") for piece in translator.body[start:]
    ]


def setup(app: Any) -> None:
    """Draw these nodes so."""
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart_HideCellInput))
