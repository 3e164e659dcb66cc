"""A prediction on its page: choose, commit, see; remembered, by keyboard, without scripts, on paper and on a phone."""

from __future__ import annotations

import json
import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.predict import MIME_TYPE, settle
from tests.built_book import visit_page
from tests.small_book import build, write_small_book

PAGE = "chapters/part/one"
KEYS = "attention-measured.predictions"
QUESTION = """## Turning

> **Predict.** Turn the query to $-q$. Which key leads now?
>
> - **a**: sky
> - **b**: brick, since $q \\cdot k$ changes its sign
> - **c**: sand
"""
FRONT = "# A book\n\n```{parts}\npart | Part | All there is\n```"


def code(source, count, *outputs, **hidden):
    return new_code_cell(source, execution_count=count, outputs=list(outputs), metadata={"jupyter": hidden})


HIDDEN = {"outputs_hidden": True}  # as JupyterLab folds them


def stream(text):
    return new_output("stream", text=text)


def settled(count, **choices):
    data = json.loads(json.dumps(settle(**choices)._repr_mimebundle_()))
    return new_output("execute_result", data=data, execution_count=count)


def chapter():
    cells = [
        new_markdown_cell("# Attention\n\nWords."),
        code("print('open')", 1, stream("open\n")),
        new_markdown_cell(QUESTION),
        code(
            "settle(a=False, b=True, c=False)",
            2,
            stream("brick leads\n"),
            settled(2, a=False, b=True, c=False),
            **HIDDEN,
        ),
        code("import colours", None),
        code("print('drawn')", 3, stream("the answer, drawn\n")),
        new_markdown_cell("Seen."),
        code("print('after')", 3, stream("for everyone\n")),
        new_markdown_cell("> **Predict.** How long will it take?"),
        code("print(3)", 3, stream("3 ms\n"), source_hidden=True, **HIDDEN),
        new_markdown_cell("> **Predict.** Is it?\n>\n> - **a**: yes\n> - **b**: no\n\nThink, then run."),
        code("settle(a=True, b=False)", 4, settled(4, a=True, b=False), **HIDDEN),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    write_small_book(folder, new_notebook(cells=[new_markdown_cell(FRONT)]), chapter())
    made = build(folder, "-n", "-W", "--keep-going")
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    return folder / "_build" / "html"


def visit(page, built, name=PAGE, **storage):
    page.goto((built / f"{name}.html").as_uri())
    return page


def is_open(page, number):
    return page.eval_on_selector(f"#predict-{number}-result", "result => result.open")


def test_commit_unfolds_the_output_and_says_who_was_right(page, built):
    visit(page, built)
    assert [is_open(page, n) for n in (1, 2, 3)] == [False] * 3
    assert page.is_visible("text=print('open')")
    assert page.is_visible("text=settle(a=False, b=True, c=False)")  # the code stays open
    assert not page.is_visible("text=brick leads")
    assert not page.is_visible("text=the answer, drawn")  # by a cell of its own, before the next word
    assert page.is_visible("text=for everyone")
    page.click("#predict-1 >> text=sand")
    page.click("#predict-1 >> text=Commit")
    assert page.inner_text("#predict-1 [role=status]").startswith("Not this time: the answer is b.")
    assert page.is_visible("text=brick leads")
    assert page.is_visible("text=the answer, drawn")
    assert [is_open(page, n) for n in (2, 3)] == [False] * 2
    page.click("#predict-3 >> text=yes")
    page.click("#predict-3 >> text=Commit")
    assert page.inner_text("#predict-3 [role=status]").startswith("Right: a.")


def test_nothing_is_committed_without_a_choice(page, built):
    visit(page, built).click("#predict-1 >> text=Commit")
    assert not is_open(page, 1)
    assert page.evaluate(f"localStorage.getItem('{KEYS}')") is None


def test_an_answer_is_remembered_counted_and_forgotten(page, built):
    visit(page, built)
    page.check("#predict-1 input[value=b]")
    page.click("#predict-1 >> text=Commit")
    page.reload()
    assert is_open(page, 1)
    assert page.is_checked("#predict-1 input[value=b]")
    assert page.inner_text(".bd-sidebar-primary .predict-tick").startswith("1/2")
    visit(page, built, "index")
    assert page.inner_text("main .predict-count") == "1 of 2 predictions answered"
    assert page.inner_text("div.parts .predict-tick").startswith("1/2")
    visit(page, built)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click(".bd-sidebar-primary >> text=Forget my answers")
    assert page.inner_text(".predict-count") == "0 of 2 predictions answered"
    assert not is_open(page, 1)
    assert page.is_enabled("#predict-1 input[value=a]")


def test_an_answer_can_be_given_again(page, built):
    visit(page, built)
    page.check("#predict-1 input[value=a]")
    page.click("#predict-1 >> text=Commit")
    page.click("#predict-1 >> text=Answer again")
    assert not is_open(page, 1)
    assert page.evaluate("document.activeElement.value") == "a"
    page.reload()
    assert page.inner_text(".predict-count") == "0 of 2 predictions answered"


def test_the_keyboard_is_enough(page, built):
    visit(page, built).focus("#predict-1 input[value=a]")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    assert page.inner_text("#predict-1 [role=status]").startswith("Right: b.")
    assert page.evaluate("document.activeElement.textContent") == "See what came out"
    page.keyboard.press("Enter")
    assert page.url.endswith("#predict-1-result")


@pytest.mark.parametrize(
    "broken",
    [
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied', 'SecurityError') }})",
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }",
        f"localStorage.setItem('{KEYS}', '{{no JSON')",
        f"""localStorage.setItem('{KEYS}', '{{"{PAGE}": 7}}')""",
        f"localStorage.setItem('{KEYS}', '[]')",
    ],
)
def test_a_browser_that_keeps_nothing_still_answers(page, built, broken):
    problems = []
    page.on("pageerror", lambda error: "predict.js" in (error.stack or "") and problems.append(str(error)))
    page.add_init_script(broken)
    visit(page, built)
    for number, value in ((1, "b"), (3, "a")):
        page.check(f"#predict-{number} input[value={value}]")
        page.click(f"#predict-{number} >> text=Commit")
        assert page.inner_text(f"#predict-{number} [role=status]").startswith(f"Right: {value}.")
    assert page.inner_text(".predict-count") == "2 of 2 predictions answered"
    assert problems == []


def test_without_scripts_it_is_a_question_with_a_folded_answer(browser, built):
    context = browser.new_context(java_script_enabled=False)
    page = visit(context.new_page(), built)
    assert re.findall(r"\w+(?=:)", page.inner_text("#predict-1 ul")) == ["a", "b", "c"]
    assert not page.is_visible("text=brick leads")
    page.click("#predict-1-result > summary")
    assert page.is_visible("text=brick leads")
    context.close()


def test_on_paper_the_answer_shows(page, built):
    visit(page, built).emulate_media(media="print")
    assert page.is_visible("text=brick leads")
    said = page.eval_on_selector("#predict-1", "box => getComputedStyle(box, '::after').content")
    assert "b" in said
    assert not page.is_visible("#predict-1 >> text=Commit")


@pytest.mark.parametrize("width", [1300, 390])
def test_axe_finds_nothing_serious_before_or_after(browser, built, width):
    before = visit_page(browser, built, f"{PAGE}.html", width)
    after = visit_page(browser, built, f"{PAGE}.html", width, stored={KEYS: answers(built)})
    assert [str(v) + finding for v in before + after for finding in v.axe + v.console] == []
    assert [v.facts["beyond"] for v in before + after] == [0] * 4


def answers(built):
    """One right answer and one wrong, as a browser keeps them."""
    counts = (built / "_static" / "predictions.js").read_text(encoding="utf-8")
    keys = json.loads(counts.removeprefix("window.PREDICTIONS = ").rstrip(";\n"))[PAGE]
    return json.dumps({PAGE: dict.fromkeys(keys, "b")})


def test_an_output_is_folded_once_and_drawing_code_by_itself(built):
    page = (built / f"{PAGE}.html").read_text(encoding="utf-8")
    assert re.findall(r'<details class="(?!sd-)([\w -]+)"', page) == [
        "predict-result", "predict-result", "admonition hide above-input", "predict-result", "predict-result",
    ]  # fmt: skip


def test_a_verdict_is_stored_in_the_output_and_nowhere_typed(built):
    page = (built / f"{PAGE}.html").read_text(encoding="utf-8")
    assert re.findall(r'data-answer="(\w*)"', page) == ["b", "", "a"]
    assert MIME_TYPE not in page
