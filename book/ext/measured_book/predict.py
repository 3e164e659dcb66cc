"""Predict, then run: a question is a box to commit an answer in, and what its cell made stays folded till then.

predict.js makes the choices of a box selectable. Without scripts the box is a question, and the output below it opens
by a click.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element
from sphinx.util import logging

from course.predict import Question, questions, settled_letter

from . import stored

LOGGER = logging.getLogger(__name__)
LABEL = "Predict."
COUNTS = "predictions.js"  # which answers the book asks for, for the ticks in its contents
PROMPT = "What came out"

Asked = tuple[Question, str | None]


class PredictBox(nodes.General, Element):
    """The question, with its choices if it has any."""


class PredictResult(nodes.General, Element):
    """What the question's cell made."""


def asked(notebook: dict[str, Any]) -> Iterator[Asked]:
    """(question, letter that the next code cell has settled or None) for each question of a notebook, in order."""
    cells = notebook["cells"]
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "markdown":
            following = next((after for after in cells[number:] if after["cell_type"] == "code"), {})
            for question in questions("".join(cell["source"])):
                yield question, settled_letter(following)


def is_question(node: Element) -> bool:
    first = node.next_node(nodes.strong) if isinstance(node, nodes.block_quote) else None
    return first is not None and first.astext() == LABEL and node.astext().startswith(LABEL)


def is_cell(node: Element) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def has_outputs(node: Element) -> bool:
    made = node.children[-1:] if is_cell(node) else []
    return bool(made) and made[0].get("nb_element") == "cell_code_output"


def make_boxes(app: Any, doctree: Element) -> None:
    """Put boxes for the questions of a notebook, and fold the outputs that answer them (on `doctree-read`)."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    try:
        expected = list(asked(stored.read_notebook(path)))
    except ValueError:
        return  # which `replace_unreadable` has said
    places = [node for node in doctree.findall(Element) if is_question(node) or has_outputs(node)]
    boxes = [node for node in places if isinstance(node, nodes.block_quote)]
    if len(boxes) != len(expected):
        LOGGER.warning(
            f"{len(expected)} cells begin a line with '> **{LABEL}**', {len(boxes)} of them a blockquote of its own",
            location=app.env.docname,
            type="measured_book",
        )
        return
    app.env.metadata[app.env.docname]["predictions"] = [question.key for question, letter in expected if letter]
    for number, (block, one) in enumerate(zip(boxes, expected, strict=True), 1):
        following = places[places.index(block) + 1 :][:1]
        box = make_box(block, number, one)
        block.replace_self(box)
        if following and not isinstance(following[0], nodes.block_quote):
            for place, cell in enumerate(run_of_cells(following[0])):
                fold(cell, box["result"] + f"-{place}" * (place > 0))


def run_of_cells(cell: Element) -> list[Element]:
    """A cell with outputs, and those that follow before the next word: what draws the answer must not give it away."""
    siblings = cell.parent.children[cell.parent.index(cell) + 1 :]
    return [cell, *filter(has_outputs, takewhile(is_cell, siblings))]


def make_box(block: Element, number: int, one: Asked) -> PredictBox:
    question, letter = one
    name = f"predict-{number}"
    box = PredictBox("", *block.children, ids=[name], key=question.key, answer=letter or "", result=f"{name}-result")
    for choices in box.children:
        if isinstance(choices, nodes.bullet_list) and letter:
            choices["classes"].append("choices")
            for item, choice in zip(choices.children, question.letters, strict=True):
                item["classes"].append(f"choice-{choice}")
    return box


def fold(cell: Element, name: str) -> None:
    """Move a cell's outputs into the result, which replaces whatever else would fold them."""
    made = cell.children[-1]
    if "output" in (cell.get("hide_mode") or ""):
        cell["hide_mode"] = {"output": None, "input+output": "input"}[cell["hide_mode"]]
    cell.remove(made)
    cell += PredictResult("", made, ids=[name])


def visit_box(translator: Any, node: Element) -> None:
    page = translator.builder.current_docname
    data = {"data-page": page, "data-key": node["key"], "data-answer": node["answer"], "data-result": node["result"]}
    translator.body.append(translator.starttag(node, "div", CLASS="predict", **data))


def depart_box(translator: Any, node: Element) -> None:
    translator.body.append("</div>\n")


def visit_result(translator: Any, node: Element) -> None:
    translator.body.append(translator.starttag(node, "details", CLASS="predict-result"))
    translator.body.append(f"<summary>{PROMPT}</summary>\n")


def depart_result(translator: Any, node: Element) -> None:
    translator.body.append("</details>\n")


def write_counts(app: Any, error: Exception | None) -> None:
    """Say to the pages' script which questions there are to answer, page by page (on `build-finished`)."""
    if error is not None or app.builder.format != "html":
        return
    pages = {name: data["predictions"] for name, data in sorted(app.env.metadata.items()) if data.get("predictions")}
    target = Path(app.outdir) / "_static" / COUNTS
    target.write_text(f"window.PREDICTIONS = {json.dumps(pages)};\n", encoding="utf-8")


def setup(app: Any) -> None:
    """Connect this part to Sphinx; called by the extension."""
    app.add_node(PredictBox, html=(visit_box, depart_box))
    app.add_node(PredictResult, html=(visit_result, depart_result))
    app.connect("doctree-read", make_boxes)
    app.connect("build-finished", write_counts)
    app.add_css_file("predict.css")
    app.add_js_file(COUNTS, defer="defer")
    app.add_js_file("predict.js", defer="defer")
