"""A chapter prints whole; what is cut on a page is noticed (tests/test_book.py asks for it on each)."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader

from tests.built_book import SETTLED, cut_off

MOST_PAGES = 19

WIDE_PAGE = f"""<!doctype html><html lang="en"><body style="margin:0"><main><article style="width:300px">
<mjx-container display="true" style="display:block;overflow:auto"><div style="width:400px">E</div></mjx-container>
<p style="white-space:nowrap">words <mjx-container style="display:inline-block;width:290px">x</mjx-container></p>
<div class="cell_input"><pre style="overflow:auto">{"0123456789" * 7}</pre></div>
</article></main></body></html>"""


def test_what_is_cut_is_noticed(page):
    page.set_content(WIDE_PAGE)
    at_390 = [one for one in cut_off(page) if one.startswith("390")]
    assert [one.split(" by ")[0] for one in at_390] == ["390 px: equation", "390 px: formula"]
    assert sum(one.startswith("1300 px: code") for one in cut_off(page)) == 1


@pytest.fixture
def printed(page, built):
    def print_page(name):
        page.goto((built / name).as_uri())
        page.evaluate(SETTLED, "dark")
        return PdfReader(io.BytesIO(page.pdf(format="A4", prefer_css_page_size=True)))

    return print_page


@pytest.mark.parametrize("chapter", ["foundations/attention", "models/gpt"])
def test_a_chapter_prints_whole(printed, chapter):
    """In few pages, its solutions at the end."""
    document = printed(f"chapters/{chapter}.html")
    texts = [sheet.extract_text() for sheet in document.pages]
    assert len(texts) <= MOST_PAGES
    first = next(number for number, text in enumerate(texts) if "Solutions\n" in text)
    assert "Solution to exercise 1" in "".join(texts[first:])
    assert "Solution to exercise" not in "".join(texts[:first])
    assert "Read on" in "".join(texts[: first + 1])


def test_maps_are_printed_in_colour(page, built):
    """Browsers leave out the ground of a table's cells, unless a page insists."""
    page.goto((built / "chapters/foundations/attention.html").as_uri())
    page.emulate_media(media="print")
    ways = page.eval_on_selector_all(".mx td", "all => all.map(cell => getComputedStyle(cell).printColorAdjust)")
    assert {*ways} == {"exact"}


def test_after_printing_the_page_is_as_it_was(page, built):
    page.goto((built / "chapters/models/gpt.html").as_uri())
    page.evaluate(SETTLED, "dark")
    before = page.evaluate("document.querySelector('article').outerHTML")
    page.pdf()
    assert page.evaluate("document.querySelector('article').outerHTML") == before
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
