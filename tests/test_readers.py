"""A chapter in tools that know nothing of this book: JupyterLab without any extension, and nbconvert's HTML.

A real browser shows each; equations, links, exercises and folded solutions must read there as they stand.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

from book.ext.measured_book.offline import BUNDLE, find_mathjax
from course.plain import equations, exercises
from tests.lab_server import Server
from tools.notebooks import ROOT, read

CHAPTER = ROOT / "chapters" / "foundations" / "attention.ipynb"
TIMEOUT_MS = 90_000
PAPER = "https://arxiv.org/abs/1706.03762"
# As nbconvert configures its own MathJax, which it would fetch from another host.
DELIMITERS = "window.MathJax = {tex: {inlineMath: [['$', '$']]}}"
FACTS = """of => ({
  text: [...document.querySelectorAll(of)].map(cell => cell.innerText).join("\\n"),
  display: document.querySelectorAll(`${of} mjx-container[display="true"]`).length,
  numbered: document.querySelectorAll(`${of} mjx-mlabeledtr`).length,
  errors: [...document.querySelectorAll("mjx-merror")].map(error => error.textContent),
  links: [...document.querySelectorAll(`${of} a`)].map(link => link.href),
  exercises: [...document.querySelectorAll(`${of} h4`)].map(heading => heading.textContent),
  folds: [...document.querySelectorAll(`${of} details`)].map(fold => [fold.children[0].textContent, fold.open]),
})"""
NUMBERED = "document.querySelectorAll('.jp-MarkdownCell mjx-mlabeledtr').length"
RAW = re.compile(r"^\s*(?:`{3}|:{3})\S*.*$|\{\w[\w:]*\}`|\$\$|\\\w+\{", re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(Path(sys.executable), tmp_path_factory.mktemp("server"))
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.close()


@pytest.fixture
def text():
    cells = read(CHAPTER).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def assert_reads_well(facts, text):
    """What the page must show, told from the notebook's own text."""
    assert RAW.findall(facts["text"]) == []
    assert facts["errors"] == []
    assert facts["display"] == len(re.findall(r"^\$\$", text, re.MULTILINE)) // 2
    assert facts["numbered"] == len(list(equations(text))) > 0
    assert len(facts["exercises"]) == len(list(exercises(text))) > 0
    assert facts["exercises"][0].startswith("Exercise 1 (")
    folds = re.findall(r"<summary>(.*?)</summary>", text)
    assert facts["folds"] == [[summary, False] for summary in folds]  # all closed
    assert "Solution" in folds
    assert PAPER in facts["links"]


def test_a_chapter_reads_well_in_jupyterlab_alone(server, page, text):
    page.goto(f"http://{server.address}/lab/tree/{CHAPTER.relative_to(ROOT).as_posix()}?token={server.token}")
    cells = read(CHAPTER).cells
    page.wait_for_function(f"document.querySelectorAll('.jp-Cell').length === {len(cells)}", timeout=TIMEOUT_MS)
    page.wait_for_function(f"{NUMBERED} === {len(list(equations(text)))}", timeout=TIMEOUT_MS)
    assert_reads_well(page.evaluate(FACTS, ".jp-MarkdownCell"), text)
    hidden = [cell.metadata.get("jupyter", {}) for cell in cells if cell.cell_type == "code"]
    assert page.locator(".jp-InputPlaceholder").count() == sum(bool(one.get("source_hidden")) for one in hidden)
    assert page.locator(".jp-OutputPlaceholder").count() > 0


def test_a_chapter_reads_well_as_nbconverts_html(page, tmp_path, text):
    bundle = find_mathjax() / BUNDLE
    exporter = HTMLExporter(mathjax_url=bundle.as_uri(), require_js_url="")
    made, _ = exporter.from_notebook_node(nbformat.read(CHAPTER, as_version=4))
    (tmp_path / "chapter.html").write_text(made, encoding="utf-8")
    page.add_init_script(DELIMITERS)
    page.goto((tmp_path / "chapter.html").as_uri())
    page.wait_for_function("window.MathJax?.startup?.promise", timeout=TIMEOUT_MS)
    page.evaluate("() => window.MathJax.startup.promise")
    assert_reads_well(page.evaluate(FACTS, ".jp-MarkdownCell"), text)
