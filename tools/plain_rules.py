"""What the text of a notebook must hold to read well without this book: no directive, numbers that are right, folds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

from course.plain import equations, exercises, without_code

DIRECTIVE = re.compile(
    r"^\s*(?:`{3,}|~{3,}|:{3,})\s*\{[\w:-]+\}.*$"  # a fence that is a directive
    r"|^\s*:{3,}.*$|^\([\w-]+\)=\s*$"  # the end of one, a target
    r"|(?<!`)\{[a-z][\w:.-]*\}`[^`]+`",  # a role
    re.MULTILINE,
)
LOCAL_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\(#(?P<target>[\w-]+)\)")
SOLUTION = "<details><summary>Solution</summary>"
TITLE = re.compile(r"# @title \S.* \{ display-mode: \"form\" \}\n")

Problems = Iterator[str]

__all__ = ["PLAIN_RULES"]


def texts(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def no_directives(notebook: NotebookNode) -> Problems:
    for text in texts(notebook):
        for found in DIRECTIVE.finditer(text):
            yield f"{found.group().strip()!r} is shown raw by JupyterLab, Colab and GitHub: write it in plain Markdown"


def numbers_are_right(notebook: NotebookNode) -> Problems:
    text = "\n\n".join(texts(notebook))
    try:
        numbers = [exercise.number for exercise in exercises(text)]
    except ValueError as error:
        yield str(error)
        return
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the exercises are numbered {numbers}, not 1 to {len(numbers)}"
    tagged = dict(equations(text))
    if list(tagged.values()) != list(range(1, len(tagged) + 1)):
        yield f"the labelled equations have the numbers {tagged}, not \\tag{{1}} to \\tag{{{len(tagged)}}} in order"
    names = {f"exercise-{number}": f"Exercise {number}" for number in numbers}
    names |= {label: f"equation ({number})" for label, number in tagged.items()}
    for link in LOCAL_LINK.finditer(without_code(text)):
        expected = names.get(link["target"])
        if expected is None:
            yield f"{link.group()} leads to no exercise and no labelled equation of this notebook"
        elif link["text"].lower() != expected.lower():
            yield f"{link.group()} leads to {expected}"


def hidden(cell: NotebookNode) -> set[str]:
    return {key for key, value in cell.metadata.get("jupyter", {}).items() if value}


def solutions_are_folded(notebook: NotebookNode) -> Problems:
    solved = False
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            solved = SOLUTION in cell.source.rpartition("\n#")[2]
        elif "solution" in cell.metadata.get("tags", []):
            if not solved:
                yield f"cell {number} is tagged solution and follows no {SOLUTION}"
            if not {"source_hidden", "outputs_hidden"} <= hidden(cell) or not TITLE.match(cell.source):
                yield f"cell {number}, a solution, must be folded: jupyter.source_hidden and outputs_hidden, # @title"


PLAIN_RULES: tuple[Callable[[NotebookNode], Problems], ...] = (
    no_directives,
    numbers_are_right,
    solutions_are_folded,
)
