"""Pictures in the pages: their captions are counted and in their place."""

from __future__ import annotations

import pytest
from docutils import nodes
from docutils.utils import new_document

from book.ext.measured_book.figures import name_captions


def caption(text: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.emphasis(text=text), nodes.Text(" What to see."))


def page(*blocks: nodes.Node) -> nodes.document:
    document = new_document("page")
    document += nodes.section("", nodes.title(text="Title"), *blocks)
    return document


def picture() -> nodes.container:
    return nodes.container("", nodes.container("", nodes.image(uri="a.png")))


def test_captions_get_their_class_and_name():
    first, second = caption("Figure 1."), caption("Figure 2.")
    other = nodes.paragraph("", "", nodes.emphasis(text="Figures"), nodes.Text(" are counted."))
    assert list(name_captions(page(picture(), first, other, picture(), second))) == []
    assert [node["ids"] for node in (first, second, other)] == [["figure-1"], ["figure-2"], []]
    assert first["classes"] == ["figure-caption"]


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        ([caption("Figure 1.")], "the caption of figure 1 does not follow a cell with a picture"),
        ([picture(), nodes.paragraph(text="x"), caption("Figure 1.")], "figure 1 does not follow"),
        ([picture(), caption("Figure 2.")], "the caption of figure 1 says Figure 2"),
        ([picture(), caption("Figure 1."), picture(), caption("Figure 1.")], "the caption of figure 2 says Figure 1"),
    ],
)
def test_captions_out_of_place_or_count_are_named(blocks, problem):
    assert any(problem in found for found in name_captions(page(*blocks)))
