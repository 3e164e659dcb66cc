"""A notebook in plain Markdown becomes a page with boxes, folds, citations and terms; what is wrong in it is named."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser

import pytest
from docutils import nodes
from docutils.utils import new_document

from book.ext.measured_book.addresses import shortened
from book.ext.measured_book.plain import blocks, folding, links
from tests.small_book import build, write_small_book

PAPER = "https://arxiv.org/abs/1706.03762"
BLOCKS = {
    "> **This chapter.** Words\n>\n> more": "{admonition} This chapter\n:class: chapter-card\n\nWords\n\nmore",
    "<details><summary>Hint 2</summary>\n\nLook *up*.\n\n</details>": "{fold} Hint 2\n\nLook *up*.",
    "<details><summary>Solution</summary>\n\nSo.\n\n</details>": "{fold} Solution\n\nSo.",
    "#### Exercise 2 (build, ★★, 10 min)\n\nDo.\n": "{exercise} 2\n:kind: build\n:stars: 2\n:minutes: 10\n\nDo.",
    "## The parts\n\n- **Cost.** Time\n  [A](a.ipynb)\n- **Far.** On": "{parts}\n\ncost | Cost | Time\nfar | Far | On",
    "## The parts\n\n- **Far off.** On\n  [A](chapters/far/a.ipynb)": "{parts}\n\nfar | Far off | On",
}
UNTOUCHED = {
    "a Predict": "> **Predict.** Which?\n>\n> - **a**: sky\n> - **b**: sand",
    "another blockquote": "> Words of **This chapter.**",
    "code": "```\n#### Exercise 2 (build, ★★, 10 min)\n> **Predict.** Which?\n```",
    "another list": "- **Cost.** Time",
    "an equation without a name": "$$\nx \\tag{1}\n$$",
}
CHAPTER = f"""# One

Attention ([Vaswani et al. 2017]({PAPER})) is a [soft](../../book/glossary.md#term-softmax) lookup;
[data]({PAPER}v7 "website"); [sources](../../book/bibliography.md#bibliography);
[Exercise 1](#exercise-1) writes [equation (2)](#second).

$$
a \\tag{{1}}
$$ (first)

$$
b \\tag{{2}}
$$ (second)

Which?

<details><summary>Solution</summary>

That.

</details>

#### Exercise 1 (build, ★★★, 20 min)

Write it.

<details><summary>Hint 1</summary>

Think.

</details>

<details><summary>Solution</summary>

In words.

</details>

And then?

<details><summary>Solution</summary>

This.

</details>"""
WRONG = f"""# One

Cited [nowhere]({PAPER}v7), [no term](../../book/glossary.md#term-none),
[no part](../../book/bibliography.md#no-part), [equation (2)](#first).

$$
a \\tag{{1}}
$$ (first)

#### Exercise 2 (build, ★, 5 min)

#### Exercise 2 (knit, ★, 5 min)

<details><summary>Solution</summary>

Never closed."""
COMPLAINTS = [
    f"{PAPER}v7 is no url of a reference",
    "the glossary has no term with the anchor #term-none",
    "book/bibliography has no part with the anchor #no-part",
    "'equation (2)' leads to equation (1)",
    "exercise 1 of this page is called Exercise 2",
    "an exercise's heading is '#### Exercise 2 (knit, ★, 5 min)'",
    "<details> is not closed",
    "a cell tagged solution stands beside no",
]


@pytest.mark.parametrize("plain", BLOCKS)
def test_a_block_becomes_a_directive_and_what_stands_around_it_stays(plain):
    front = "## The parts\n\n" if plain.startswith("## The parts") else ""
    made = blocks.rewrite(f"before\n\n{plain}\n\n## after", "here")
    directive = f"{blocks.FENCE}{BLOCKS[plain]}\n{blocks.FENCE}"
    assert re.sub(r"\n+## after", "\n\n## after", made) == f"before\n\n{front}{directive}\n\n## after"


@pytest.mark.parametrize("name", UNTOUCHED)
def test_what_is_no_block_is_left_alone(name):
    assert blocks.rewrite(UNTOUCHED[name], "here") == UNTOUCHED[name]


@pytest.mark.parametrize(
    ("hidden", "tags", "expected"),
    [
        ({"source_hidden": True}, [], ["hide-input"]),
        ({"outputs_hidden": True}, ["x"], ["x", "hide-output"]),
        ({"source_hidden": True, "outputs_hidden": True}, ["solution"], ["solution"]),
        ({"source_hidden": True}, ["colab-setup", "remove-cell"], ["colab-setup", "remove-cell"]),
    ],
)
def test_what_jupyterlab_folds_is_folded_once(hidden, tags, expected):
    cell = {
        "source": ['# @title Solution { display-mode: "form" }\n', "x = 1"],
        "metadata": {"jupyter": hidden, "tags": tags},
    }
    answer = copy.deepcopy(cell)
    folding.fold(cell)
    folding.fold(answer, answers=True)
    assert answer["metadata"]["tags"] == [tag for tag in expected if tag != "hide-output"]
    assert cell["metadata"]["tags"] == expected
    assert cell["source"] == "x = 1"


def test_a_part_is_named_by_its_heading_or_in_what_a_directive_wrote():
    document = new_document("here")
    written = nodes.raw("", '<form data-id="no" id="task-heads"></form>', format="html")
    document += nodes.section("", nodes.title("", "Heads off"), written, ids=["heads-off"])
    assert links.names_in(document) == {"heads-off", "task-heads"}


def test_each_reference_needs_an_address_of_its_own():
    problems = links.address_problems({"a": PAPER, "b": "", "c": PAPER, "d": f"{PAPER}v7"})
    assert problems == ["references.bib: b has no url", f"references.bib: {PAPER} is the url of a and of c"]


@pytest.mark.parametrize(
    ("url", "short"),
    [
        (PAPER, "arXiv:1706.03762"),
        ("https://doi.org/10.1137/1109020", "doi:10.1137/1109020"),
        ("https://www.jstor.org/stable/4615733", "jstor.org/stable/4615733"),
    ],
)
def test_the_bibliography_shortens_an_address(url, short):
    assert shortened(url) == short


def notebook(text, *tagged):
    """Markdown, then code cells with these tags."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": text, "id": "text"}]
    cells += [
        {
            "cell_type": "code",
            "metadata": {"tags": tags},
            "source": f"x = {n}",
            "outputs": [],
            "id": f"c{n}",
            "execution_count": n,
        }
        for n, tags in enumerate(tagged, 1)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


class Page(HTMLParser):
    """The links of a page by their text, and the text that its folds hold by their summary."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.folds: dict[str, str] = {}
        self.href, self.summary, self.open = "", "", ""
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.open = "summary" if tag == "summary" else self.open
        self.href = dict(attributes).get("href", "") if tag == "a" else self.href

    def handle_endtag(self, tag):
        self.href = "" if tag == "a" else self.href
        self.open = "fold" if tag == "summary" else "" if tag == "details" else self.open

    def handle_data(self, data):
        if self.href:
            self.links[data] = self.href
        if self.open == "summary":
            self.summary = data
        elif self.open:
            self.folds[self.summary] = self.folds.get(self.summary, "") + data


@pytest.fixture
def with_references(tmp_path):
    """Writes a small book of one chapter, with the glossary and the bibliography."""

    def write(chapter):
        write_small_book(tmp_path, notebook("# Front"), chapter)
        files = ("chapters/part/one", "book/glossary", "book/bibliography")
        listed = ", ".join(f"{{file: {name}}}" for name in files)
        (tmp_path / "_toc.yml").write_text(f"format: jb-book\nroot: index\nchapters: [{listed}]\n")
        return tmp_path

    return write


def test_a_plain_chapter_becomes_a_page(with_references):
    folder = with_references(notebook(CHAPTER, ["solution"], ["solution"], []))
    said = build(folder)
    assert "chapters/part/one" not in said.stderr
    source = (folder / "_build/html/chapters/part/one.html").read_text(encoding="utf-8")
    page = Page(source)
    assert page.links["Vaswani et al. 2017"].startswith("../../book/bibliography.html#")
    assert page.links["soft"] == "../../book/glossary.html#term-softmax"
    assert page.links["sources"] == "../../book/bibliography.html#bibliography"
    assert page.links["data"] == f"{PAPER}v7"
    assert page.links["Exercise 1"] == "#exercise-1"
    assert page.links["equation (2)"] == "#equation-second"
    assert re.findall(r'class="eqno">\((\d)\)', source) == ["1", "2"]
    assert "tag{" not in source
    assert page.folds["Hint 1"].split() == ["Think."]
    assert page.folds["Solution to exercise 1"].split() == ["In", "words."]
    assert page.folds["Solution"].split() == ["That.", "This.", "x", "=", "1", "x", "=", "2"]  # of no exercise
    assert re.search(r'build, <abbr title="hard">★★★</abbr>, 20 min', source)


def test_what_is_wrong_in_a_chapter_is_named(with_references):
    folder = with_references(notebook(WRONG, [], ["solution"]))
    references = folder / "book/references.bib"
    doubled = references.read_text(encoding="utf-8").replace("https://arxiv.org/abs/1409.0473", PAPER)
    references.write_text(doubled, encoding="utf-8")
    said = build(folder)
    complaints = [*COMPLAINTS, f"{PAPER} is the url of vaswani2017attention and of bahdanau2015neural"]
    assert [complaint for complaint in complaints if complaint not in said.stderr + said.stdout] == []
