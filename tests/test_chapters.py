"""Every chapter keeps the rules; and each rule catches a notebook broken in the one way it is there for."""

from __future__ import annotations

import base64
import copy
import io
import re
from collections.abc import Callable

import matplotlib.pyplot as plt
import pytest
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.predict import MIME_TYPE
from mha.view.inline import inline_source
from tools.colab import METADATA, colab_cell
from tools.notebook_rules import problems
from tools.notebooks import ROOT, code_cells, notebook_paths, read, stable

PATHS = notebook_paths()


def picture() -> str:
    figure, file = plt.figure(figsize=(0.1, 0.1)), io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    return base64.b64encode(file.getvalue()).decode()


def whole_notebook() -> NotebookNode:
    """A notebook that keeps every rule: Colab cell, text, a value, a picture, a meant error, an ignored output."""
    alt = {"image": {"alt": "An empty figure, one tenth of an inch wide"}}
    shown = {"data": {"image/png": picture()}}
    meant = {"ename": "ValueError", "evalue": "no", "traceback": ["ValueError: no"]}
    codes = [
        (colab_cell(ROOT), METADATA, []),
        (
            "x = 1  # one\nprint(x)\nx",
            {},
            [("stream", {"text": "1\n"}), ("execute_result", {"data": {"text/plain": "1"}})],
        ),
        ("plt.plot([x])\nplt.show()", {"mystnb": alt}, [("display_data", shown)]),
        ("raise ValueError('no')", {"tags": ["raises-exception"]}, [("error", meant)]),
        ("# NBVAL_IGNORE_OUTPUT\nprint(time())", {}, [("stream", {"text": "5\n"})]),
    ]
    cells = [new_markdown_cell("# Title")]
    for count, (source, metadata, outputs) in enumerate(codes, 1):
        made = [new_output(kind, **copy.deepcopy(content)) for kind, content in outputs]
        for output in made:
            if output.output_type == "execute_result":
                output.execution_count = count
        cells += [new_code_cell(source, metadata=copy.deepcopy(metadata), outputs=made, execution_count=count)]
        cells += [new_markdown_cell("Words.")]
    return stable(new_notebook(cells=cells))


def code(notebook: NotebookNode, number: int) -> NotebookNode:
    return [cell for cell in notebook.cells if cell.cell_type == "code"][number - 1]


Edit = Callable[[NotebookNode], None]


def set_source(number: int, source: str) -> Edit:
    """An edit of one cell, made before the run, so that the hashes are right and another rule has to speak."""

    def edit(notebook: NotebookNode) -> None:
        code(notebook, number).source = source
        notebook.metadata["mha"] = stable(copy.deepcopy(notebook)).metadata["mha"]

    return edit


def add_cells_in_a_row(number: int) -> Callable[[NotebookNode], None]:
    """Code cells before the first of the notebook, so that so many follow one another, words after them."""

    def edit(notebook: NotebookNode) -> None:
        added = [new_code_cell("y = 1") for _ in range(number)]
        notebook.cells[3:3] = [*added, new_markdown_cell("Words.")]
        for count, cell in enumerate(code_cells(notebook), 1):
            cell.execution_count = count
        notebook.metadata["mha"] = stable(copy.deepcopy(notebook)).metadata["mha"]

    return edit


def set_tags(number: int, *tags: str) -> Callable[[NotebookNode], None]:
    def edit(notebook: NotebookNode) -> None:
        code(notebook, number).metadata["tags"] = list(tags)
        notebook.metadata["mha"] = stable(copy.deepcopy(notebook)).metadata["mha"]

    return edit


def set_outputs(number: int, *outputs: NotebookNode) -> Callable[[NotebookNode], None]:
    def edit(notebook: NotebookNode) -> None:
        code(notebook, number).outputs = list(outputs)
        notebook.metadata["mha"] = stable(copy.deepcopy(notebook)).metadata["mha"]

    return edit


def stderr() -> NotebookNode:
    return new_output("stream", name="stderr", text="UserWarning")


def text(shown: str) -> NotebookNode:
    return new_output("stream", text=shown)


def image(data: str) -> NotebookNode:
    return new_output("display_data", data={"image/png": data})


def swap_picture(notebook: NotebookNode) -> None:
    code(notebook, 3).outputs[0].data["image/png"] = base64.b64encode(b"\x89PNG\r\n\x1a\ngarbage").decode()


def set_alt(alt: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: code(notebook, 3).metadata.mystnb.image.update(alt=alt)


def ignored_call_without_output(notebook: NotebookNode) -> None:
    set_source(5, "# NBVAL_IGNORE_OUTPUT\nshow(time())")(notebook)
    code(notebook, 5).outputs = []


def change_drawing(notebook: NotebookNode) -> None:
    notebook.metadata["mha"]["drawing_hash"] = "that of another style sheet"


QUESTION = "> **Predict.** Which?\n>\n> - **a**: this\n> - **b**: that"


def predict(source: str = "settle(a=x < 1, b=x > 0)", letter: str = "b", question: str = QUESTION) -> Edit:
    """The second code cell settles a question that the text before it asks."""

    def edit(notebook: NotebookNode) -> None:
        set_source(2, source)(notebook)
        cell = code(notebook, 2)
        cell.metadata["jupyter"] = {"outputs_hidden": True}
        data = {"text/plain": f"The answer is {letter}.", MIME_TYPE: {"letter": letter}}
        cell.outputs = [new_output("execute_result", data=data, execution_count=2)]
        notebook.cells[2].source = question

    return edit


def predict_in_the_open(number: int) -> Edit:
    """The answer to a Predict before the second code cell stands in the open in that cell or a later one."""

    def edit(notebook: NotebookNode) -> None:
        predict()(notebook)
        if number > 2:
            predict("x = 1", question="> **Predict.** How long?")(notebook)
            code(notebook, 2).outputs = []
        code(notebook, number).metadata.pop("jupyter", None)

    return edit


def drawn_in_the_open(notebook: NotebookNode) -> None:
    """The cell right behind the one that answers draws the answer."""
    predict()(notebook)
    del notebook.cells[notebook.cells.index(code(notebook, 3)) - 1]


ERROR = new_output("error", ename="KeyError", evalue="'x'", traceback=["KeyError: 'x'"])
BROKEN = {
    "never run": (lambda n: code(n, 2).update(execution_count=None), "execution counts"),
    "run out of order": (lambda n: code(n, 2).update(execution_count=7), "execution counts"),
    "error nobody meant": (set_outputs(2, ERROR), "cell 2 holds an error"),
    "meant error that did not come": (set_outputs(4), "cell 4 is marked raises-exception and holds no error"),
    "stderr": (set_outputs(2, text("1\n"), stderr()), "cell 2 wrote to stderr"),
    "stripped output": (set_outputs(2), "cell 2 shows something and has no output"),
    "stripped ignored output": (set_outputs(5), "cell 5 shows something and has no output"),
    "ignored call without output": (ignored_call_without_output, "cell 5 shows something and has no output"),
    "empty output": (set_outputs(2, text("")), "cell 2 has an empty output"),
    "picture gone": (set_outputs(3), "cell 3 draws and has no picture"),
    "two pictures": (set_outputs(3, image(picture()), image(picture())), "cell 3 has 2 pictures"),
    "picture swapped": (swap_picture, "pictures_hash"),
    "style sheet changed": (change_drawing, "drawing_hash"),
    "no alt text": (lambda n: code(n, 3).metadata.pop("mystnb"), "cell 3 has a picture without alt text"),
    "short alt text": (set_alt("A plot of x"), "cell 3 has a picture without alt text"),
    "path as alt text": (set_alt("../_images/attention_weights.png"), "cell 3 has a picture without alt text"),
    "text picture without alt": (lambda n: n.cells[-1].update(source="![](weights.png)"), "picture in the text"),
    "no caption": (lambda n: n.cells[-1].update(source="*Figure 1.* Of nothing."), "picture 1 has no caption"),
    "misspelt marker": (set_source(5, "# NBVAL_IGNORE_OUTPUTS\nprint(time())"), "is no marker"),
    "letters swapped": (set_source(5, "# NVBAL_IGNORE_OUTPUT\nprint(time())"), "is no marker"),
    "lower-case marker": (set_source(5, "# nbval_ignore_output\nprint(time())"), "is no marker"),
    "marker behind code": (set_source(5, "print(time())  # NBVAL_IGNORE_OUTPUT"), "is no marker"),
    "misspelt tag": (set_tags(4, "raises-exception", "nbval-ignore-outputs"), "none that the tests know"),
    "underscored tag": (set_tags(5, "nbval_ignore_output"), "none that the tests know"),
    "misspelt shake tag": (set_tags(2, "shake_exact"), "none that the tests know"),
    "shaking left out without a reason": (set_tags(2, "shake-exact"), "go together (got ['shake-exact'] and '')"),
    "a reason for nothing": (lambda n: code(n, 2).metadata.update({"shake-exact": "it counts bytes"}), "go together"),
    "an explorer compared": (set_outputs(2, text('<div class="mha-explorer">')), "cell 2 shows an explorer"),
    "skip by comment": (set_source(5, "# NBVAL_SKIP\nprint(time())"), "cell 5 is marked to be skipped"),
    "skip by tag": (set_tags(2, "nbval-skip"), "cell 2 is marked to be skipped"),
    "skip by nbclient's tag": (set_tags(2, "skip-execution"), "cell 2 is marked to be skipped"),
    "code changed": (lambda n: code(n, 2).update(source="x = 1\nprint(x)\nx  # two"), "source_hash"),
    "tag changed": (lambda n: code(n, 2).metadata.update(tags=["nbval-ignore-output"]), "source_hash"),
    "26 lines": (set_source(2, "x = 1\n" * 24 + "print(x)\nx"), "cell 2 has 26 lines"),
    "four cells in a row": (add_cells_in_a_row(4), "more than 3 code cells in a row, the fourth begins: ['y = 1']"),
    "five cells in a row": (add_cells_in_a_row(5), "more than 3 code cells in a row"),
    "home folder": (set_outputs(2, text("saved in /home/ada/run.json")), "cell 2 shows a path"),
    "the checkout": (set_outputs(2, text(f"in {ROOT}")), "cell 2 shows a path"),
    "a drive": (set_outputs(2, text(r"C:\Users\ada\run.json")), "cell 2 shows a path"),
    "path in a traceback": (
        set_outputs(4, new_output("error", ename="E", evalue="e", traceback=["File x/site-packages/numpy/a.py"])),
        "cell 4 shows a path",
    ),
    "minus zero": (set_outputs(2, text("costs  -0.0 nats")), "cell 2 shows -0.0"),
    "minus zero in an interval": (set_outputs(2, text("1.2 [−0.00, 2.4]")), "cell 2 shows −0.00"),
    "a Predict that nothing settles": (predict("x"), "cell 2 ends in settle of nothing, the Predict before it asks"),
    "other letters": (predict("settle(a=True, b=x > 1, c=x < 1)"), "settle of ['a', 'b', 'c'], the Predict before it"),
    "settled without a question": (
        predict(question="Words."),
        "settle of ['a', 'b'], the Predict before it asks for none",
    ),
    "a letter that is no choice": (predict(letter="c"), "cell 2 settles ['a', 'b'] and has stored 'c'"),
    "letters that skip one": (predict(question=QUESTION.replace("**b**", "**c**")), "choices [['a', 'c']]: one, of"),
    "a single choice": (
        predict(question=QUESTION[: QUESTION.index("\n> - **b**")]),
        "choices [['a']]: one, of a and b",
    ),
    "two questions for a cell": (predict(question=f"{QUESTION}\n\n{QUESTION}"), "cell 2 follows a Predict with the"),
    "an answer in the open": (predict_in_the_open(2), "cell 2 answers a Predict in the open"),
    "an answer in the next cell's output": (predict_in_the_open(3), "cell 3 answers a Predict in the open"),
    "an answer drawn behind it": (drawn_in_the_open, "cell 3 answers a Predict in the open"),
    "open drawing": (set_source(3, "plt.plot([x])\n" * 6 + "plt.show()"), "cell 3 shows 7 lines that draw"),
    "no Colab cell": (lambda n: n.cells.pop(1), "first code cell is not the Colab cell"),
    "Colab cell edited": (lambda n: code(n, 1).update(source="import sys"), "first code cell is not the Colab cell"),
    "Colab cell shown": (lambda n: code(n, 1).metadata.update(tags=["colab-setup"]), "not the Colab cell"),
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_stored_notebook_keeps_the_rules(path):
    found = problems(read(path))
    assert not found, "\n".join(found)


def test_a_whole_notebook_has_no_problems():
    assert problems(whole_notebook()) == []


def test_a_settled_prediction_is_no_problem():
    notebook = whole_notebook()
    predict()(notebook)
    assert problems(notebook) == []


@pytest.mark.parametrize("shown", ["-0.04 nats", "0.0 [-0.3, 0.0]", "a range 10-0", "1e-05", "4 (0–0)", "head 3-0.1"])
def test_a_zero_without_a_sign_is_no_problem(shown):
    notebook = whole_notebook()
    set_outputs(2, text(shown))(notebook)
    assert problems(notebook) == []


def test_a_picture_with_its_caption_is_no_problem():
    notebook = whole_notebook()
    notebook.cells[notebook.cells.index(code(notebook, 3)) + 1].source = "*Figure 1.* A line of one point."
    assert problems(notebook) == []


def test_three_code_cells_in_a_row_are_no_problem():
    notebook = whole_notebook()
    add_cells_in_a_row(3)(notebook)
    assert problems(notebook) == []


@pytest.mark.parametrize("case", BROKEN)
def test_broken_notebook_is_named(case):
    edit, expected = BROKEN[case]
    notebook = whole_notebook()
    edit(notebook)
    found = problems(notebook)
    assert [problem for problem in found if expected in problem], found


def page_parts() -> dict[str, str]:
    """The scripts and styles that figures to touch carry in their outputs, as a page has them."""
    paths = [path for folder in ("mha/view/explorer", "course/touch") for path in sorted((ROOT / folder).glob("*.*s"))]
    packages = {path: ".".join(path.parent.relative_to(ROOT).parts) for path in paths}
    return {str(path.relative_to(ROOT)): inline_source(packages[path], path.name) for path in paths}


def stale_parts(html: str, parts: dict[str, str]) -> list[str]:
    """Those of which an output has the beginning and not the whole."""
    return [name for name, part in parts.items() if part[:70] in html and part not in html]


def test_stored_figures_carry_the_present_scripts():
    parts, seen = page_parts(), 0
    for path in PATHS:
        for cell in code_cells(read(path)):
            htmls = ["".join(output.get("data", {}).get("text/html", "")) for output in cell.outputs]
            assert [stale_parts(html, parts) for html in htmls] == [[]] * len(htmls), (path.stem, cell.id)
            seen += sum("<script>" in html for html in htmls)
    assert seen >= 20
    assert stale_parts("".join(parts.values()).replace("return", "yield"), parts) != []


def listed_files(entry: object) -> list[str]:
    """Every file that a part of _toc.yml names, at any depth."""
    if isinstance(entry, list):
        return [name for part in entry for name in listed_files(part)]
    if isinstance(entry, dict):
        own = [entry[key] for key in ("root", "file") if key in entry]
        return own + [name for value in entry.values() if isinstance(value, list) for name in listed_files(value)]
    return []


def test_contents_list_each_notebook_once():
    listed = listed_files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
    stored = [path.relative_to(ROOT).with_suffix("").as_posix() for path in PATHS]
    notebooks = [name.removesuffix(".ipynb") for name in listed if re.match(r"chapters/|index", name)]
    assert sorted(notebooks) == sorted(stored)
