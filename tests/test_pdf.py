"""One PDF of the book: numbered through, with contents, bookmarks, and links from page to page."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader

from tools.binding import Part, bind, inside
from tools.pdf import ROOT, TITLE, Press, print_book, read_contents

STYLE = "<style>@page { margin: 2cm; @bottom-center { content: counter(page) } } h2 { break-before: page }</style>"
INDEX = f"""<!doctype html><html lang="en"><title>Front</title>{STYLE}<body><article><h1>The front page</h1>
<a href="part/one.html#deep">to a term</a> <a href="part/one.html">to the chapter</a> <a href="missing.html">nowhere</a>
<a href="https://example.org/">out</a></article></body></html>"""
CHAPTER = f"""<!doctype html><html lang="en"><title>One</title>{STYLE}<body><article><h1>Chapter one</h1>
<h2>Second sheet</h2><h2 id="deep">Third sheet</h2><a href="#deep">here</a></article></body></html>"""
PARTS = [Part("", ["index"]), Part("First part", ["part/one"])]


@pytest.fixture
def document(page, tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "index.html").write_text(INDEX, encoding="utf-8")
    (tmp_path / "part" / "one.html").write_text(CHAPTER, encoding="utf-8")
    file = io.BytesIO()
    bind(print_book(Press(page, tmp_path), PARTS), PARTS, tmp_path).write(file)
    return PdfReader(file)


def headings(outline, level=0):
    for entry in outline:
        if isinstance(entry, list):
            yield from headings(entry, level + 1)
        else:
            yield level, entry.title


def links(document, number):
    """Where the links of a sheet lead: the number of a sheet, an address, or None for nowhere."""
    for note in (note.get_object() for note in document.pages[number]["/Annots"]):
        if "/Dest" in note:
            yield next(n for n, sheet in enumerate(document.pages) if sheet.indirect_reference == note["/Dest"][0])
        else:
            yield note["/A"]["/URI"] if "/A" in note else None


def test_contents_come_first_and_sheets_are_numbered_through(document):
    texts = [sheet.extract_text().split() for sheet in document.pages]
    assert len(texts) == 5
    said = " ".join(texts[0])
    assert said.startswith(f"{TITLE} Contents")
    assert "The front page 2" in said
    assert "Chapter one 3" in said
    assert [text[0] for text in texts[1:]] == ["2", "3", "4", "5"]


def test_bookmarks_are_parts_pages_and_headings(document):
    expected = [(0, "The front page"), (0, "First part"), (1, "Chapter one"), (2, "Second sheet"), (2, "Third sheet")]
    assert list(headings(document.outline)) == expected


def test_links_lead_to_sheets_or_out_of_the_book(document):
    assert list(links(document, 0)) == [1, 2]
    assert list(links(document, 1)) == [4, 2, None, "https://example.org/"]
    assert 4 in links(document, 4)


def test_the_parts_are_those_of_the_contents_file():
    parts = read_contents(ROOT / "_toc.yml")
    assert parts[0] == Part("", ["index"])
    assert parts[1].pages[0] == "chapters/foundations/attention"


def test_an_address_elsewhere_is_not_inside(tmp_path):
    assert inside(f"{tmp_path.as_uri()}/a.html#%CE%B2", tmp_path) == "a.html#β"
    assert inside("https://example.org/a.html", tmp_path) == ""
