"""Builds the book, opens its pages in a real browser and notes what a reader would meet there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from axe_playwright_python.sync_playwright import Axe
from filelock import FileLock
from playwright.sync_api import Browser, Page

from tools.pdf import read_contents

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
STAMP = HTML / "mathjax" / "tex-chtml-full.js"  # the last file that a build writes, each time
SOURCES = ("_config.yml", "_toc.yml", "index.ipynb", "book/**/*", "chapters/**/*.ipynb", "course/claims.toml")

OF_THE_PAGE = ("file:", "data:", "blob:")
# A change of theme touches nothing else; axe's third rule on colour is the stricter AAA, off by default.
COLOUR_RULES = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
NO_COLOUR_RULES = {name: {"enabled": False} for name in ("color-contrast", "link-in-text-block")}
GRAVE = {"serious", "critical"}
# Off by default before axe-core 4.13: what is read on a control must be part of its name, for who speaks to a page.
SPOKEN_NAMES = {"label-content-name-mismatch": {"enabled": True}}
SETTLED = """async theme => {
  document.documentElement.dataset.mode = document.documentElement.dataset.theme = theme;
  if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
  await document.fonts.ready;
  await new Promise(done => setTimeout(done, 150));
}"""
# Nine tenths of axe's time would go into the contrast of thousands of words in a few dozen looks, and into cells of
# maps, all of which tests/test_explorer.py looks at. So contrast is judged where a look is met first, on each ground
# that it stands on and wherever something lies over something else; and of each map some rows stay.
ONE_OF_EACH_LOOK = """() => {
  document.querySelectorAll(".mx tbody tr:nth-child(n+4)").forEach(row => row.remove());
  const seen = new Set(), grounds = new Map(), looks = new Map();
  const look = element => {
    const {color, backgroundColor, backgroundImage, fontSize, fontWeight, opacity, textDecorationLine} =
      getComputedStyle(element);
    return [element.localName, color, backgroundColor, backgroundImage, fontSize, fontWeight, opacity,
      textDecorationLine].join();
  };
  const ground = element => {
    if (!element) return "";
    if (!grounds.has(element)) {
      const {backgroundColor, backgroundImage, opacity, position} = getComputedStyle(element);
      const floats = ["absolute", "fixed"].includes(position) ? `over ${grounds.size}` : "";
      grounds.set(element, [ground(element.parentElement), backgroundColor, backgroundImage, opacity, floats].join());
    }
    return grounds.get(element);
  };
  for (const element of document.body.querySelectorAll(":not(title, style, script, mjx-assistive-mml *)")) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const met = [look(element), element.parentElement && look(element.parentElement), ground(element)].join();
    if (!seen.has(met)) element.dataset.firstOfItsLook = "";
    seen.add(met);
  }
  document.querySelectorAll(".highlight pre span:not(:has(*)):not([data-first-of-its-look])")
    .forEach(piece => piece.replaceWith(...piece.childNodes));
}"""
FACTS = """async () => {
  const late = [...document.images].filter(i => i.loading === "lazy");  // those below the window wait to be scrolled to
  late.forEach(i => { i.loading = "eager"; });
  await Promise.all(late.map(i => i.decode().catch(() => null)));
  return {
  formulas: document.querySelectorAll("main .math").length,
  rendered: document.querySelectorAll("main .math mjx-container mjx-math").length,
  spoken: document.querySelectorAll("main .math mjx-assistive-mml").length,
  errors: [...document.querySelectorAll("mjx-merror, [data-mjx-error]")].map(e => e.textContent),
  fonts: [...document.fonts].filter(f => f.status === "error").map(f => f.family),
  pictures: [...document.images].filter(i => !i.classList.contains("logo__image"))
    .map(i => ({source: i.currentSrc.slice(-60), alt: i.getAttribute("alt"), width: i.naturalWidth})),
  beyond: document.documentElement.scrollWidth - window.innerWidth,
};
}"""
# Boxes of the cells that decide: what a letter means, and the main column of what was measured.
DECIDING = """() => {
  document.querySelectorAll("details").forEach(fold => { fold.open = true; });
  return [...document.querySelectorAll("table.notation td:nth-child(2), table.measured td.main")]
    .map(cell => cell.getBoundingClientRect()).map(box => [box.left, box.right]);
}"""

CUT_SCREENS = (1300, 1920, 390)
PAPER = 695  # what A4 leaves between the margins of book.css, in CSS pixels
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


def sources() -> list[Path]:
    return [path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file() and path.suffix != ".pyc"]


def build_book() -> Path:
    """The folder of the built book, made anew if something it is made of has changed.

    Raises:
        RuntimeError: it does not build; the message ends with what the build said.
    """
    HTML.parent.mkdir(exist_ok=True)
    with FileLock(HTML.parent / "tests.lock"):  # modules of tests run side by side
        if not STAMP.exists() or STAMP.stat().st_mtime < max(path.stat().st_mtime for path in sources()):
            command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "-n", "-W", "--keep-going"]
            build = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if build.returncode:
                STAMP.unlink(missing_ok=True)
                raise RuntimeError(f"the book does not build:\n{build.stdout[-3000:]}\n{build.stderr[-3000:]}")
    return HTML


@dataclass
class Visit:
    """One page at one width in one theme, and what was met there."""

    page: str
    width: int
    theme: str
    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    axe: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page} ({self.width} px, {self.theme})"


def watch(page: Page, visit: Visit) -> None:
    """Note requests to other hosts, requests that fail, and everything the console or a script complains of."""
    page.on("request", lambda r: None if r.url.startswith(OF_THE_PAGE) else visit.requests.append(r.url))
    page.on("requestfailed", lambda r: visit.failed.append(r.url))
    page.on("console", lambda m: visit.console.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: visit.console.append(str(e)))


def visit_page(
    browser: Browser,
    folder: Path,
    name: str,
    width: int,
    themes: Sequence[str] = ("light", "dark"),
    stored: dict[str, str] | None = None,
    *,
    fits: bool = False,
) -> list[Visit]:
    """Open a page from the disk, wait until its mathematics stands, and look at it in each theme.

    The browser's storage holds `stored` beforehand. With `fits`, what is cut at other widths and on paper is noted too.
    """
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    kept = {"mode": themes[0], "theme": themes[0]} | (stored or {})
    context.add_init_script(f"for (const entry of Object.entries({json.dumps(kept)})) localStorage.setItem(...entry)")
    page = context.new_page()
    visits = [Visit(name, width, theme) for theme in themes]
    watch(page, visits[0])
    page.goto((folder / name).as_uri())
    for visit in visits:
        page.evaluate(SETTLED, visit.theme)
        visit.facts = page.evaluate(FACTS)
        page.evaluate(ONE_OF_EACH_LOOK)
        visit.axe = grave_findings(page, COLOUR_RULES, "[data-first-of-its-look]")
        if visit is visits[0]:
            visit.axe += grave_findings(page, {"rules": SPOKEN_NAMES | NO_COLOUR_RULES})
    deciding = page.evaluate(DECIDING)  # last, since it opens what is folded
    for visit in visits:
        visit.facts["deciding"] = deciding
    if fits:
        visits[0].facts["cut"] = cut_off(page)
    context.close()
    return visits


def grave_findings(page: Page, rules: dict[str, Any], within: str | None = None) -> list[str]:
    """What axe-core calls serious or critical, a line an element; of the whole page, or of what a selector names."""
    options = {"preload": False, "resultTypes": ["violations"], "rules": SPOKEN_NAMES, **rules}
    found = Axe().run(page, context=within, options=options).response["violations"]
    grave = [rule for rule in found if rule["impact"] in GRAVE]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in grave for node in rule["nodes"]]


def cut_off(page: Page) -> list[str]:
    """What is cut on the open page: equations at each width and on paper, code on a wide screen and on paper."""
    page.evaluate(OPEN)
    found = []
    for width in CUT_SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{width} px: {one}" for one in page.evaluate(CUT, width > 1000)]
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    return found + [f"paper: {one}" for one in page.evaluate(CUT, True)]


class Anchors(HTMLParser):
    """The names on a page, and what the page points to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.ids.add(value)
            elif name in {"href", "src"} and value:
                self.targets.append(value)


def page_names(folder: Path) -> list[str]:
    """Every page of a built book, by its path inside."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html") if "_static" not in path.parts)


def page_names_to_be() -> list[str]:
    """Every page that a build will write: those of _toc.yml, and those that Sphinx and the extension add."""
    listed = [name.removesuffix(".ipynb") for part in read_contents(ROOT / "_toc.yml") for name in part.pages]
    return [f"{name}.html" for name in [*listed, "404", "search"]]


def broken_links(folder: Path) -> list[str]:
    """`page -> target` for each link to a file or a place that the book does not have."""
    pages = {name: Anchors(folder / name) for name in page_names(folder)}
    broken = []
    for name, page in pages.items():
        for target in page.targets:
            if urlsplit(target).scheme or target.startswith("//"):
                continue
            parts = urlsplit(urljoin(name, target))
            path = unquote(parts.path) or name
            missing = not (folder / path).is_file()
            if missing or (parts.fragment and path in pages and unquote(parts.fragment) not in pages[path].ids):
                broken.append(f"{name} -> {target}")
    return broken
