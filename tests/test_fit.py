"""Nothing is cut: equations at each width and on paper, code on a wide screen and on paper. A chapter prints whole."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader

from tests.built_book import SETTLED, page_names_to_be

SCREENS = (1300, 1920, 390)
PAPER = 695  # what A4 leaves between the margins of book.css, in CSS pixels
MOST_PAGES = 19

OPEN = "document.querySelectorAll('main details').forEach(details => details.open = true)"
# A formula's box scrolls if it is too wide for it; a formula in a line of text sticks out of the text.
CUT = """code => {
  const article = document.querySelector("article"), cut = [];
  if (!article) return cut;
  const edge = Math.min(innerWidth, article.getBoundingClientRect().right) + 1;
  const add = (what, box, by) => cut.push(`${what} by ${Math.round(by)} px: ${box.textContent.trim().slice(0, 60)}`);
  const boxes = [...article.querySelectorAll("mjx-container, pre")];
  const shown = boxes.filter(box => box.clientWidth && !box.closest(".mx"));
  for (const box of shown) {
    const over = box.scrollWidth - box.clientWidth, beyond = box.getBoundingClientRect().right - edge;
    if (box.matches("[display='true']")) { if (over > 1) add("equation", box, over); }
    else if (box.matches("mjx-container")) { if (beyond > 0 && !box.closest("table")) add("formula", box, beyond); }
    else if (code && over > 1 && box.closest(".cell_input, .highlight")) add("code", box, over);
    else if (code && beyond > 0) add("code", box, beyond);
  }
  return cut;
}"""
WIDE_PAGE = f"""<!doctype html><html lang="en"><body style="margin:0"><main><article style="width:300px">
<mjx-container display="true" style="display:block;overflow:auto"><div style="width:400px">E</div></mjx-container>
<p style="white-space:nowrap">words <mjx-container style="display:inline-block;width:290px">x</mjx-container></p>
<div class="cell_input"><pre style="overflow:auto">{"0123456789" * 7}</pre></div>
</article></main></body></html>"""


def cut_off(page):
    """What is cut on the page that is open, at each width and on paper."""
    page.evaluate(OPEN)
    found = []
    for width in SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{width} px: {one}" for one in page.evaluate(CUT, width > 1000)]
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    return found + [f"paper: {one}" for one in page.evaluate(CUT, True)]


@pytest.mark.parametrize("name", page_names_to_be(), ids="page={}".format)
def test_no_equation_and_no_code_is_cut(page, built, name):
    page.goto((built / name).as_uri())
    page.evaluate(SETTLED, "light")
    assert cut_off(page) == []


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
