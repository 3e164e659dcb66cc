"""The built book in a real browser: nothing fetched, nothing broken, readable by everyone.

Every page is opened from the disk at two widths in both themes. The pages are those of `_build/html`, built anew if
something they are made of has changed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.built_book import broken_links, page_names, visit_page

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
STAMP = HTML / "mathjax" / "tex-chtml-full.js"  # the last file that a build writes, each time
SOURCES = ("_config.yml", "_toc.yml", "index.ipynb", "book/**/*", "chapters/**/*.ipynb", "course/claims.toml")
WIDTHS = (1300, 390)

BAD_PAGE = """<!doctype html><html lang="en"><head><title>Bad</title></head><body><main>
<h1>Everything that must be noticed</h1>
<script src="https://example.invalid/script.js"></script><script>undefined_name()</script>
<img src="there.svg"><img src="missing.png" alt="_images/missing.png">
<a href="nowhere.html">a page that is not there</a><a href="good.html#nowhere">a place that is not there</a>
<a href="https://example.invalid/">another host may be linked to</a><a href="good.html#here">a link that works</a>
<span class="math">\\(x\\)</span><p style="color:#999;background:#aaa">hardly legible</p>
<div class="highlight"><pre><span class="k">for</span> <span class="k">in</span>
<span class="k" style="color:#bbb">pale</span></pre></div>
<div style="width:3000px">too wide</div></main></body></html>"""


def sources():
    return [path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file() and path.suffix != ".pyc"]


@pytest.fixture(scope="module")
def built():
    if not STAMP.exists() or STAMP.stat().st_mtime < max(path.stat().st_mtime for path in sources()):
        command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "-n", "-W", "--keep-going"]
        build = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if build.returncode:
            STAMP.unlink(missing_ok=True)
            pytest.fail(f"the book does not build:\n{build.stdout[-3000:]}\n{build.stderr[-3000:]}")
    return HTML


@pytest.fixture(scope="module")
def visits(browser, built):
    opened = [visit_page(browser, built, name, width) for name in page_names(built) for width in WIDTHS]
    return [visit for both in opened for visit in both]


@pytest.fixture(scope="module")
def bad(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "index.html").write_text(BAD_PAGE)
    (folder / "good.html").write_text("<p id='here'>")
    (folder / "there.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'/>")
    return folder, visit_page(browser, folder, "index.html", 390)[0]


def bad_pictures(visit):
    """Pictures without a description; the path of a file is none."""
    return [p["source"] for p in visit.facts["pictures"] if not p["alt"] or re.search(r"[/\\]|\.\w{3,4}$", p["alt"])]


def unrendered(visit):
    """Formulas that did not become mathematics on the page, or are not there for a screen reader."""
    facts = visit.facts
    missing = facts["formulas"] - min(facts["rendered"], facts["spoken"])
    return [f"{missing} of {facts['formulas']}"] * (missing > 0) + facts["errors"] + facts["fonts"]


def found(visits, look):
    return [f"{visit}: {thing}" for visit in visits for thing in look(visit)]


def test_no_page_asks_another_host(visits):
    assert found(visits, lambda visit: visit.requests) == []


def test_every_file_a_page_asks_for_is_there(visits):
    assert found(visits, lambda visit: visit.failed) == []


def test_no_script_complains(visits):
    assert found(visits, lambda visit: visit.console) == []


def test_mathematics_is_rendered(visits):
    assert sum(visit.facts["formulas"] for visit in visits) > 0
    assert found(visits, unrendered) == []


def test_axe_finds_nothing_serious(visits):
    assert found(visits, lambda visit: visit.axe) == []


def test_every_picture_is_described_and_there(visits):
    assert found(visits, bad_pictures) == []
    assert found(visits, lambda visit: [p["source"] for p in visit.facts["pictures"] if not p["width"]]) == []


def test_no_page_is_wider_than_its_window(visits):
    assert found(visits, lambda visit: [visit.facts["beyond"]] * (visit.facts["beyond"] > 0)) == []


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


@pytest.mark.parametrize(("word", "page"), [("saturation", "glossary"), ("broadcast", "notation")])
def test_search_works_from_the_disk(browser, built, word, page):
    tab = browser.new_page()
    tab.goto(f"{(built / 'search.html').as_uri()}?q={word}")
    tab.wait_for_selector("#search-results li a", timeout=10_000)
    links = tab.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    tab.close()
    assert any(f"/{page}.html" in link for link in links), links


def test_a_bad_page_is_noticed(bad):
    folder, visit = bad
    assert visit.requests == ["https://example.invalid/script.js"]
    assert any("missing.png" in url for url in visit.failed)
    assert any("undefined_name" in line for line in visit.console)
    assert unrendered(visit) == ["1 of 1"]
    assert len(bad_pictures(visit)) == 2
    assert visit.facts["beyond"] > 0
    rules = {line.split(":")[0] for line in visit.axe}
    assert {"color-contrast", "image-alt"} <= rules
    assert any("pale" in line for line in visit.axe)  # the one piece of code that looks unlike the others
    assert broken_links(folder) == [f"index.html -> {t}" for t in ("missing.png", "nowhere.html", "good.html#nowhere")]
