"""Links back from the glossary, the bibliography and the notation, and what pages say of themselves."""

from __future__ import annotations

import re
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes

from book.ext.measured_book import card, heads, uses
from tests.small_book import build, write_small_book
from tools import cards


def notebook(text, run_s=None):
    cells = [{"cell_type": "markdown", "metadata": {}, "source": text, "id": "a"}]
    return {"cells": cells, "metadata": {"mha": {"run_s": run_s}}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("W_Q x_i", {"W_Q", "W", "Q", "x_i", "x", "i"}),
        (r"\sqrt{d}\, \operatorname{softmax}(s)", {"d", "s"}),
        (r"q k^\top", {"q", "k"}),
        (r"d_{model}", {"d", "m", "o", "e", "l"}),  # a name of several letters is no index
    ],
)
def test_symbols_of_a_formula(tex, expected):
    assert uses.symbols_in(tex) == expected


def test_terms_sources_and_symbols_lead_back(built):
    read = {name: (built / f"book/{name}.html").read_text(encoding="utf-8") for name in ("glossary", "bibliography")}
    intensity = read["glossary"].split('id="term-arithmetic-intensity"')[1].split("<dt")[0]
    assert 'class="used-in">Used in <a' in intensity
    assert 'href="../chapters/cost/gpu_timing.html#' in intensity
    vaswani = read["bibliography"].split("Attention is all you need")[1].split("</div>")[0]
    assert ">Attention</a>" in vaswani
    assert ">Multi-head attention</a>" in vaswani
    rows = (built / "book/notation.html").read_text(encoding="utf-8").split("<tr")
    heads_row = next(row for row in rows if "n_kv_heads" in row)
    assert re.search(r'<td class="used-in"><p><a class="reference internal" href="\.\./chapters/[^"]+">', heads_row)


def document(*paragraphs):
    return nodes.section("", *(nodes.paragraph(text=text) for text in paragraphs))


def test_a_description_is_whole_sentences_or_ends_at_a_word():
    assert heads.describe(document("Short.", "And a second one.")) == "Short. And a second one."
    assert heads.describe(document("word " * 30, "Not this.")) == ("word " * 30).strip()
    long = heads.describe(document("longer, " * 60))
    assert len(long) <= heads.MOST + 2
    assert long.endswith("longer …")


def test_a_page_is_named_once_described_and_listed(tmp_path):
    said = "Words that are on the front page of this small book, and say what it is about, in one sentence."
    front = notebook(f"# Multi-Head Attention, Measured\n\n{said}")
    write_small_book(tmp_path, front, notebook("# One"))
    assert build(tmp_path, MHA_ADDRESS="https://example.org/course").returncode == 0
    html = tmp_path / "_build/html"
    front = (html / "index.html").read_text(encoding="utf-8")
    assert "<title>Multi-Head Attention, Measured</title>" in front
    assert f'<meta name="description" content="{said}" />' in front
    assert '<meta property="og:url" content="https://example.org/course/index.html" />' in front
    assert '<link rel="canonical" href="https://example.org/course/index.html"' in front
    assert "<loc>https://example.org/course/chapters/part/one.html</loc>" in (html / "sitemap.xml").read_text()
    assert '<base href="/course/" />' in (html / "404.html").read_text(encoding="utf-8")


def test_an_address_that_is_none_is_named(caplog, monkeypatch):
    monkeypatch.setenv("MHA_ADDRESS", "example.org")
    config = SimpleNamespace(html_baseurl="")
    heads.find_address(None, config)
    assert "MHA_ADDRESS must begin with https:// or http://, got 'example.org'" in caplog.text
    assert config.html_baseurl == ""


CARD = "> **This chapter.** x\n>\n> **Time**: 5 min to read, 1 min to run on two cores.\n>\n> More."


def test_a_card_says_the_times_of_the_front_page():
    made = notebook(CARD, run_s=60)
    assert card.problem(made) == ""
    made["metadata"]["mha"]["run_s"] = 30
    assert "counts '5 min to read, under 1 min to run on two cores.'" in card.problem(made)


def test_a_card_is_corrected_in_place(tmp_path, monkeypatch):
    path = tmp_path / "chapter.ipynb"
    nbformat.write(nbformat.from_dict(notebook(CARD, run_s=130)), path)
    monkeypatch.setattr(cards, "notebook_paths", lambda: [path])
    monkeypatch.setattr(cards, "ROOT", tmp_path)
    cards.main()
    (cell,) = nbformat.read(path, as_version=4).cells
    assert cell.source == CARD.replace("1 min to run", "3 min to run")
