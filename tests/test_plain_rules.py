"""Each rule for a notebook's text catches a notebook that breaks it; the chapters' own test runs them all."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.plain import Exercise, equations, exercises, without_numbers
from tools.plain_rules import PLAIN_RULES

TITLE = '# @title Solution { display-mode: "form" }\n'
FOLDED = {"source_hidden": True, "outputs_hidden": True}
TEXT = """# One

[Exercise 1](#exercise-1) writes [equation (2)](#second); `{x}` and `y`.

$$
\\begin{aligned}
a &= b
\\end{aligned} \\tag{1}
$$ (first)

$$
b \\tag{2}
$$ (second)

```python
#### Exercise 9 (none)
[link](#nowhere)
```

#### Exercise 1 (build, ★★, 10 min)

Write it."""
SOLUTION = "<details><summary>Solution</summary>\n\nSo.\n\n</details>"


def code(source="x", *, jupyter=None, tags=(), shows=True):
    outputs = [new_output("stream", text="1")] if shows else []
    return new_code_cell(source, metadata={"jupyter": jupyter or {}, "tags": list(tags)}, outputs=outputs)


def solved(**changes):
    return code(TITLE + "x", **({"jupyter": FOLDED, "tags": ["solution"]} | changes))


def problems(*cells):
    made = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return [problem for rule in PLAIN_RULES for problem in rule(new_notebook(cells=made))]


def test_a_plain_notebook_keeps_the_rules():
    assert problems(TEXT, SOLUTION, solved(), solved(), code()) == []


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["```{exercise}\nx\n```"], "'```{exercise}' is shown raw"),
        ([":::{admonition} x\n:::"], "':::{admonition} x' is shown raw"),
        (["A {term}`softmax`."], "'{term}`softmax`' is shown raw"),
        (["as {cite:t}`a,b` say"], "'{cite:t}`a,b`' is shown raw"),
        (["(place)=\n# x"], "'(place)=' is shown raw"),
        ([TEXT.replace("Exercise 1 (", "Exercise 2 (")], "numbered [2], not 1 to 1"),
        ([TEXT.replace("10 min", "ten min")], "an exercise's heading is"),
        ([TEXT.replace("\\tag{2}", "\\tag{3}")], "'second': 3}, not \\tag{1} to \\tag{2}"),
        ([TEXT.replace(" \\tag{1}", "")], "'first': None"),
        ([TEXT.replace("equation (2)", "equation (1)")], "[equation (1)](#second) leads to equation (2)"),
        ([TEXT.replace("#exercise-1", "#exercise-7")], "(#exercise-7) leads to no exercise"),
        ([TEXT, solved()], "cell 1 is tagged solution and follows no"),
        ([SOLUTION + "\n\n## On", solved()], "cell 1 is tagged solution and follows no"),
        ([SOLUTION, solved(jupyter={"source_hidden": True})], "cell 1, a solution, must be folded"),
        ([SOLUTION, code(jupyter=FOLDED, tags=["solution"])], "cell 1, a solution, must be folded"),
    ],
)
def test_what_reads_badly_elsewhere_is_named(cells, expected):
    assert [problem for problem in problems(*cells) if expected in problem]


def test_an_exercise_is_read_from_its_heading():
    assert list(exercises(TEXT)) == [Exercise(number=1, kind="build", stars=2, minutes=10)]
    with pytest.raises(ValueError, match="'#### Exercise two', expected #### Exercise 2"):
        list(exercises("#### Exercise two"))


def test_the_numbers_of_labelled_equations_are_read_and_taken_out():
    assert list(equations(TEXT)) == [("first", 1), ("second", 2)]
    assert list(equations(without_numbers(TEXT))) == [("first", None), ("second", None)]
    assert without_numbers("$$\nx \\tag{1}\n$$") == "$$\nx \\tag{1}\n$$"
