"""The built book in a real browser: nothing fetched, nothing broken, readable by everyone.

Every page is opened from the disk on a wide window in the light theme and on a phone in the dark one, the front page in
both on each: axe takes seconds a look. Each page is a test of its own, so that several processes share them
(conftest.py). The pages are those of `_build/html`, built anew if something they are made of has changed.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest

from book.ext.measured_book.icons import names_in
from tests.built_book import Anchors, broken_links, page_names, page_names_to_be, visit_page

VIEWS = [(1300, ["light"]), (390, ["dark"])]
FRONT = "index.html"  # here each theme follows the other, at both widths
PLACES = [(FRONT, width, ["light", "dark"]) for width, _ in VIEWS]
PLACES += [(name, *view) for name in page_names_to_be() if name != FRONT for view in VIEWS]

BAD_PAGE = """<!doctype html><html lang="en"><head><title>Bad</title></head><body><main>
<h1>Everything that must be noticed</h1>
<script src="https://example.invalid/script.js"></script><script>undefined_name()</script>
<img src="there.svg"><img src="missing.png" alt="_images/missing.png">
<a href="nowhere.html">a page that is not there</a><a href="good.html#nowhere">a place that is not there</a>
<a href="https://example.invalid/">another host may be linked to</a><a href="good.html#here">a link that works</a>
<span class="math">\\(x\\)</span><p style="color:#999;background:#aaa">hardly legible</p>
<div class="highlight"><pre><span class="k">for</span> <span class="k">in</span>
<span class="k" style="color:#bbb">pale</span></pre></div>
<button aria-label="Find">Search</button>
<table class="measured"><tr><td><div style="width:3000px">too wide</div></td>
<td class="main">1.5</td></tr></table></main></body></html>"""


@pytest.fixture(scope="module")
def bad(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "index.html").write_text(BAD_PAGE)
    (folder / "good.html").write_text("<p id='here'>")
    (folder / "there.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'/>")
    return folder, visit_page(browser, folder, "index.html", 390, ["light"])[0]


def bad_pictures(visit):
    """Pictures without a description; the path of a file is none."""
    return [p["source"] for p in visit.facts["pictures"] if not p["alt"] or re.search(r"[/\\]|\.\w{3,4}$", p["alt"])]


def unrendered(visit):
    """Formulas that did not become mathematics on the page, or are not there for a screen reader."""
    facts = visit.facts
    missing = facts["formulas"] - min(facts["rendered"], facts["spoken"])
    return [f"{missing} of {facts['formulas']}"] * (missing > 0) + facts["errors"] + facts["fonts"]


LOOKS = {
    "it asks another host": lambda visit: visit.requests,
    "a file it asks for is missing": lambda visit: visit.failed,
    "a script complains": lambda visit: visit.console,
    "mathematics is not rendered": unrendered,
    "axe finds something serious": lambda visit: visit.axe,
    "a picture has no description": bad_pictures,
    "a picture is not there": lambda visit: [p["source"] for p in visit.facts["pictures"] if not p["width"]],
    "a column that decides is out of sight": lambda visit: [
        box for box in visit.facts["deciding"] if not 0 <= box[0] < box[1] <= visit.width
    ],
    "it is wider than its window": lambda visit: [visit.facts["beyond"]] * (visit.facts["beyond"] > 0),
}


def faults(visits):
    """`page (width, theme): what is wrong` with what shows it, for everything that is wrong."""
    return {f"{visit}: {wrong}": look(visit) for visit in visits for wrong, look in LOOKS.items() if look(visit)}


@pytest.mark.parametrize(("name", "width", "themes"), PLACES, ids=[f"page={name}-{width}" for name, width, _ in PLACES])
def test_a_page_is_whole(browser, built, name, width, themes):
    widest = width == VIEWS[0][0]
    visits = visit_page(browser, built, name, width, themes, fits=widest)
    assert faults(visits) == {}
    assert not widest or visits[0].facts["cut"] == []
    text = (built / name).read_text(encoding="utf-8")
    assert (visits[0].facts["formulas"] > 0) == ('class="math ' in text)
    assert (visits[0].facts["deciding"] != []) == bool(
        re.search(r'<td class="[^"]*\bmain\b|<table class="notation', text)
    )


def test_every_page_is_visited(built):
    assert page_names(built) == sorted(page_names_to_be())


def test_no_link_leads_nowhere(built):
    assert broken_links(built) == []


def test_the_front_page_is_index_html_itself(built):
    page = (built / "index.html").read_text(encoding="utf-8")
    assert "<h1>Multi-Head Attention, Measured" in page
    assert 'http-equiv="Refresh"' not in page


def test_the_theme_leaves_nothing_of_its_own(built):
    for name in page_names(built):
        page = (built / name).read_text(encoding="utf-8")
        assert not re.search(r"executablebooks|thebe|unpkg|jsdelivr|googleapis", page), name
        assert page.count('rel="icon"') == 1, name


def test_each_icon_has_a_drawing_and_its_font_is_gone(built):
    sheet = (built / "_static" / "icons.css").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^\.fa-([a-z0-9-]+) \{ --icon: url\(\"data:image/svg\+xml,", sheet, re.MULTILINE))
    asked = set.union(*(names_in((built / name).read_text(encoding="utf-8")) for name in page_names(built)))
    assert {"moon", "sun", "download", "magnifying-glass"} <= asked == drawn
    assert [path.name for path in built.rglob("*") if re.search(r"fontawesome|fa-solid", path.name)] == []


def test_mathjax_is_loaded_only_where_a_formula_stands(built):
    for name in page_names(built):
        page = (built / name).read_text(encoding="utf-8")
        assert ("tex-chtml-full.js" in page) == ('class="math ' in page), name


def test_the_theme_switch_shows_one_icon_and_changes_the_theme(page, built):
    page.goto((built / "index.html").as_uri())
    seen = []
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        seen.append(page.evaluate("document.documentElement.dataset.mode"))
        icons = page.locator(".theme-switch-button").first.locator("i:visible")
        assert icons.count() == 1
        assert icons.get_attribute("data-mode") == seen[-1]
        assert "svg" in icons.evaluate("icon => getComputedStyle(icon, '::before').maskImage")
    assert sorted(seen) == ["auto", "dark", "light"]


@pytest.mark.parametrize(
    ("words", "place", "excerpt"),
    [
        ("saturation", "book/glossary.html#term-saturation", "largest weight is near 1"),
        ("causal masks", "book/glossary.html#term-causal-mask", "each position look at itself"),
        ("why divide by", "chapters/foundations/attention.html#why-divide-by-d", ""),
        ("MiniLM: deep self-attention", "book/bibliography.html#id", "distillation"),
        ("scaled_dot_product_attention", "chapters/foundations/attention.html#all-queries-at-once", ""),
    ],
)
def test_search_from_the_disk_leads_to_the_place(page, built, words, place, excerpt):
    page.goto(f"{(built / 'search.html').as_uri()}?q={quote(words)}")
    found = page.locator("#search-results li")
    found.first.wait_for()
    hits = {one.locator("a").get_attribute("href"): one.locator("p").inner_text() for one in found.all()[:5]}
    link = next((link for link in hits if link.startswith(place)), None)
    assert link, f"{words!r} leads to {list(hits)}"
    assert excerpt in hits[link]
    if excerpt:
        assert page.locator("#search-results mark").count() > 0


def test_each_place_that_search_leads_to_is_there(built):
    script = (built / "sections.js").read_text(encoding="utf-8")
    places = json.loads(script.removeprefix("window.bookPlaces = ").rstrip(";\n"))["places"]
    names = {page: Anchors(built / f"{page}.html").ids | {""} for page in {place[0] for place in places}}
    assert len(places) > 150
    assert [place[:2] for place in places if place[1] not in names[place[0]]] == []


def test_a_search_for_what_is_nowhere_says_so(page, built):
    page.goto(f"{(built / 'search.html').as_uri()}?q=xyzzy%3Cqq%3E")
    assert page.locator("#search-results [role=status]").inner_text() == "Nothing found for “xyzzy<qq>”."


def test_a_bad_page_is_noticed(bad):
    folder, visit = bad
    assert visit.requests == ["https://example.invalid/script.js"]
    assert any("missing.png" in url for url in visit.failed)
    assert any("undefined_name" in line for line in visit.console)
    assert {key.removeprefix(f"{visit}: ") for key in faults([visit])} == set(LOOKS)
    assert unrendered(visit) == ["1 of 1"]
    assert len(bad_pictures(visit)) == 2
    assert visit.facts["beyond"] > 0
    rules = {line.split(":")[0] for line in visit.axe}
    assert {"color-contrast", "image-alt", "label-content-name-mismatch"} <= rules
    assert any("pale" in line for line in visit.axe)  # the one piece of code that looks unlike the others
    assert broken_links(folder) == [f"index.html -> {t}" for t in ("missing.png", "nowhere.html", "good.html#nowhere")]
