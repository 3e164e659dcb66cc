"""Make one PDF of the built book: `python -m tools.pdf`, with contents, page numbers, bookmarks and links that work.

Chromium prints each page as a reader's browser would, numbered through; tools/binding.py puts them together.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import urldefrag

import yaml
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader
from tqdm import tqdm

from tools.binding import Part, Printed, bind, inside
from tools.browser import NO_BROWSER, find_browser
from tools.notebooks import ROOT

HTML = ROOT / "_build" / "html"
PDF = ROOT / "_build" / "pdf" / "multi-head-attention-measured.pdf"
TITLE = "Multi-Head Attention, Measured"
PAPER = {"width": 695, "height": 1000}  # between A4's margins, for scripts that draw by the width they find
READY = """async () => {
  if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
  await document.fonts.ready;
}"""
# Chromium notes where an anchor is only if the page itself links to it; so each gets such a link, which nobody sees.
MARK_ANCHORS = """anchors => {
  const marks = document.createElement("p");
  marks.style.cssText = "position: absolute; top: 0; font-size: 1px; line-height: 0; opacity: 0";
  for (const anchor of anchors.filter(name => document.getElementById(name))) {
    const mark = marks.appendChild(document.createElement("a"));
    mark.href = `#${encodeURIComponent(anchor)}`;
    mark.textContent = ".";
  }
  document.querySelector("article").prepend(marks);
}"""
CONTENTS = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Contents</title><style>
  @page {{ margin: 20mm 25mm; }}
  body {{ font: 10.5pt/1.5 sans-serif; color: #20262e; }}
  h1 {{ margin: 12mm 0 4mm; font-size: 26pt; line-height: 1.2; }} h2 {{ margin: 8mm 0 0; font-size: 15pt; }}
  h3 {{ margin: 4mm 0 0; font-size: 10.5pt; }}
  a {{ display: flex; gap: 1em; color: inherit; text-decoration: none; }} a span:last-child {{ margin-left: auto; }}
</style><body><h1>{title}</h1><h2>Contents</h2>{entries}</body></html>"""

__all__ = ["Press", "main", "print_book", "read_contents"]


def read_contents(toc: Path) -> list[Part]:
    """The pages in the order of _toc.yml, the front page first."""
    contents = yaml.safe_load(toc.read_text(encoding="utf-8"))
    parts = [Part(part["caption"], [chapter["file"] for chapter in part["chapters"]]) for part in contents["parts"]]
    return [Part("", [contents["root"]]), *parts]


class Press:
    """Prints pages of a built book in a browser.

    Args:
        page: an open page of the browser.
        html: the folder of the built book.
    """

    def __init__(self, page: Page, html: Path) -> None:
        self.page, self.html = page, html
        page.set_viewport_size(PAPER)

    def anchors(self, names: list[str]) -> dict[str, list[str]]:
        """Page -> the anchors on it that a link of any page leads to."""
        found: dict[str, set[str]] = {f"{name}.html": set() for name in names}
        for name in names:
            self.page.goto((self.html / f"{name}.html").as_uri(), wait_until="domcontentloaded")
            for link in self.page.eval_on_selector_all("article a[href]", "all => all.map(link => link.href)"):
                target, anchor = urldefrag(inside(link, self.html))
                if anchor and target in found:
                    found[target].add(anchor)
        return {name: sorted(found[f"{name}.html"]) for name in names}

    def print(self, name: str, first: int, anchors: list[str]) -> Printed:
        """A page, whose first sheet is number `first` of the book, from 0."""
        self.page.goto((self.html / f"{name}.html").as_uri())
        self.page.evaluate(READY)
        self.page.evaluate(MARK_ANCHORS, anchors)
        self.page.add_style_tag(content=f"html {{ counter-set: page {first}; }}")
        return Printed(name, self.sheets(), first)

    def print_contents(self, title: str, entries: str) -> Printed:
        """The title and the contents: the first sheets of the book."""
        self.page.goto((self.html / "index.html").as_uri())  # a blank page may not link to files
        self.page.set_content(CONTENTS.format(title=escape(title), entries=entries))
        return Printed("contents", self.sheets(), 0)

    def sheets(self) -> PdfReader:
        pdf = self.page.pdf(format="A4", print_background=True, prefer_css_page_size=True, outline=True, tagged=True)
        return PdfReader(io.BytesIO(pdf))


def entries(parts: list[Part], html: Path, line: Callable[[str], tuple[str, str]]) -> str:
    """The contents as HTML; `line` gives a page's title and number."""
    lines = []
    for part in parts:
        lines += [f"<h3>{escape(part.title)}</h3>"] * bool(part.title)
        for name in part.pages:
            title, number = line(name)
            address = (html / f"{name}.html").as_uri()
            lines.append(f'<a href="{address}"><span>{escape(title)}</span><span>{number}</span></a>')
    return "\n".join(lines)


def print_book(press: Press, parts: list[Part]) -> list[Printed]:
    """The contents and all pages, numbered through.

    Raises:
        RuntimeError: the contents take more sheets with the titles in them than without.
    """
    names = [name for part in parts for name in part.pages]
    anchors = press.anchors(names)
    draft = press.print_contents(TITLE, entries(parts, press.html, lambda name: (name, "000")))
    printed: dict[str, Printed] = {}
    first = len(draft.sheets.pages)
    for name in tqdm(names, desc="Printing", unit="page", disable=not sys.stderr.isatty()):
        printed[name] = press.print(name, first, anchors[name])
        first += len(printed[name].sheets.pages)
    lines = entries(parts, press.html, lambda name: (printed[name].title, str(printed[name].first + 1)))
    contents = press.print_contents(TITLE, lines)
    if len(contents.sheets.pages) != len(draft.sheets.pages):
        raise RuntimeError(f"the contents take {len(contents.sheets.pages)} sheets, expected {len(draft.sheets.pages)}")
    return [contents, *printed.values()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Make one PDF of the built book.")
    parser.add_argument("--out", type=Path, default=PDF, help="the file to write")
    out = parser.parse_args().out
    if not (HTML / "index.html").exists():
        sys.exit("The book is not built: `make book` builds it.")
    program = find_browser()
    if program is None:
        sys.exit(NO_BROWSER)
    parts = read_contents(ROOT / "_toc.yml")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        document = bind(print_book(Press(browser.new_page(), HTML), parts), parts, HTML)
        browser.close()
    document.add_metadata({"/Title": TITLE})
    document.compress_identical_objects()
    out.parent.mkdir(parents=True, exist_ok=True)
    document.write(out)
    sys.stdout.write(f"{len(document.pages)} pages: {out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
