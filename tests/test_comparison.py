"""A number may be off by one unit of its last digit, nothing else may; and so the cells of a notebook are judged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course.predict import MIME_TYPE, settle
from tools.comparison import html_difference, json_difference, output_differences, text_difference
from tools.notebooks import ROOT

SAME = [
    ("0.9903 of 5", "0.9902 of 5"),
    ("49 % of 200", "50 % of 200"),
    ("49%", "48%"),
    ("loss -1.84", "loss -1.83"),
    ("loss −1.84", "loss −1.85"),
    ("shift -0.00", "shift 0.00"),
    ("shift −0.0", "shift 0.0"),
    ("shift +0.00", "shift -0.00"),
    ("shift +0.00", "shift -0.01"),
    ("shift -0", "shift 0"),
    ("9.99 ms", "10.00 ms"),
    ("9.99 ms", "10 ms"),
    ("0.9999 of it", "1 of it"),
    ("9.99e-05", "1.00e-04"),
    ("9.9e-05", "1e-04"),
    ("error 9.99e‑05", "error 1.00e‑04"),
    ("1e-07", "2e-07"),
    ("[2.1, 2.5]", "[2.08, 2.49]"),
    ("0.0999", "0.1"),
    ("1,234.5 tokens", "1,234.6 tokens"),
    (".25", ".26"),
    ("about 0.5.", "about 0.6."),
    ("[0.   9.99]", "[ 0. 10.]"),
    ("[1.   0.51]", "[0.99 0.51]"),
    ("a  9.99  b\nc  1.00  d", "a 10.00  b\nc  1.00  d"),
    ("head  x\n9.99  1", "head   x\n10.00  1"),
    ("name   x\n----\n9.99", "name   x\n-----\n10.00"),
    ("[0.   0.51]", "[-0.    0.51]"),
]
OTHER = [
    ("4 of 5 seeds", "5 of 5 seeds"),
    ("4 of 5.", "5 of 5."),
    ("3,072 MiB", "3,073 MiB"),
    ("0.9903", "0.9901"),
    ("49 %", "51 %"),
    ("49 %", "49"),
    ("49%", "49 %"),
    ("1e+06", "6e+05"),
    ("9e-05", "1e-04"),
    ("1e-04", "9.8e-05"),
    ("0e+00", "1e-07"),
    ("9.9e-05", "9.9e-04"),
    ("0.1", "0.03"),
    ("1", "0.6"),
    ("1e5", "150000"),
    ("10", "9.5"),
    ("0.01", "-0.01"),
    ("+0.5", "0.5"),
    ("+5", "-5"),
    ("-0.5", "−0.5"),
    ("0.5 ms", "0.5 s"),
    ("0.5 better", "0.5 worse"),
    ("0.5 0.6", "0.5"),
    ("0.5 0.6", "0.5 0.6 0.7"),
    ("[1. 2.]", "[1. 3.]"),
    ("inf", "nan"),
    ("C2.5", "C2.6"),
    ("torch 2.13.0", "torch 2.13.1"),
    ("torch 2.1.0", "torch 2.2.0"),
    ("0.5  x", "0.5 x"),
    ("9.99   x", "10.00 x"),
    ("9.99 a b", "10.00 ab"),
    ("line\n", "line"),
    ("a\nb", "a b"),
]


@pytest.mark.parametrize(("stored", "got"), SAME)
def test_one_unit_of_the_last_digit_is_no_difference(stored, got):
    assert text_difference(stored, got) is None
    assert text_difference(got, stored) is None


@pytest.mark.parametrize(("stored", "got"), OTHER)
def test_anything_else_is_a_difference(stored, got):
    for pair in ((stored, got), (got, stored)):
        assert text_difference(*pair)


NUMBERS = st.floats(-1e6, 1e6)


@given(NUMBERS, st.floats(-0.99, 0.99), st.integers(1, 6), st.sampled_from(["", "+", "8", "+9"]))
def test_noise_below_one_unit_is_never_a_difference(x, share, decimals, form):
    pair = [f"loss {value:{form}.{decimals}f} ms" for value in (x, x + share * 10.0**-decimals)]
    assert text_difference(*pair) is None


@given(NUMBERS, st.floats(2.01, 1e6), st.integers(1, 6))
def test_noise_beyond_two_units_always_is(x, units, decimals):
    pair = [f"{value:.{decimals}f}" for value in (x, x + units * 10.0**-decimals)]
    assert text_difference(*pair)


@given(st.floats(1e-30, 1e30), st.integers(2, 8), st.sampled_from("eg"))
def test_a_rounding_edge_is_no_difference_at_any_magnitude(x, digits, form):
    shown = f"{x:.{digits - 1}e}"
    unit = 10.0 ** (int(shown.partition("e")[2]) - digits + 1)
    edge = float(shown) + unit / 2  # halfway to the next number that is shown
    pair = [f"{value:.{digits - (form == 'e')}{form}}" for value in (edge - unit / 100, edge + unit / 100)]
    assume(not all(text.isdigit() for text in pair))  # whole numbers are exact
    assert text_difference(*pair) is None


@given(st.text("ab 01.,-+−%e[]\n", max_size=20), st.text("ab 01.,-+−%e[]\n", max_size=20))
def test_a_difference_has_no_direction_and_none_to_itself(a, b):
    assert text_difference(a, a) is None
    assert bool(text_difference(a, b)) == bool(text_difference(b, a))


@given(st.text("xyz", min_size=1, max_size=8), st.text("xyz", min_size=1, max_size=8), st.floats(0, 10))
def test_words_around_a_number_are_compared_to_the_letter(a, b, x):
    assert (text_difference(f"{a} {x:.2f}", f"{b} {x:.2f}") is None) == (a == b)


def test_a_difference_shows_the_lines_that_differ_and_no_others():
    found = text_difference("a 0.10\nb 0.20\nc 0.30", "a 0.11\nb 0.22\nc 0.30")
    assert found == "  stored: b 0.20\n  got:    b 0.22"


ROW = '<td style="padding:0.2em">{}</td><td>p &lt; {}</td><script>let x = {}</script>'


@pytest.mark.parametrize(
    ("got", "same"),
    [
        (ROW.format("0.52", "0.05", "0.25"), True),
        (ROW.format("0.53", "0.05", "0.25"), False),
        (ROW.format("0.51", "0.07", "0.25"), False),
        (ROW.format("0.51", "0.05", "0.26"), False),
        (ROW.format("0.51", "0.05", "0.25").replace("0.2em", "0.3em"), False),
        (ROW.format("0.51", "0.05", "0.25") + "<br>", False),
        (ROW.format("0.51", "0.05", "0.25").replace("&lt;", "&gt;"), False),
    ],
)
def test_html_is_its_text_and_its_markup(got, same):
    assert (html_difference(ROW.format("0.51", "0.05", "0.25"), got) is None) == same


VERDICT = {"id": "C26", "condition": "d = 16", "figures": [{"value": 0.58, "interval": [0.51, 0.65], "n": 8}]}


def verdict(**changed: object) -> dict[str, object]:
    return VERDICT | {"figures": [VERDICT["figures"][0] | changed]}


@pytest.mark.parametrize(
    ("got", "same"),
    [
        (verdict(value=0.59), True),
        (verdict(interval=[0.5, 0.66]), True),
        (verdict(value=0.6), True),  # as it would be shown with a digit less
        (verdict(value=0.61), False),
        (verdict(value=-0.58), False),
        (verdict(interval=[0.51, 0.68]), False),
        (verdict(interval=[0.51]), False),
        (verdict(interval=None), False),
        (verdict(n=9), False),
        (verdict(n=8.0), False),
        (verdict(unit="ms"), False),
        (VERDICT | {"condition": "d = 17"}, False),
        (VERDICT | {"condition": None}, False),
    ],
)
def test_a_verdict_is_compared_as_it_is_shown(got, same):
    assert (json_difference(VERDICT, got) is None) == same


def test_another_answer_to_a_prediction_differs():
    b, c = ([new_output("display_data", settle(b=x, c=not x, a=False)._repr_mimebundle_())] for x in (True, False))
    assert output_differences(b, b) == []
    assert [found.partition(":")[0] for found in output_differences(b, c)] == [MIME_TYPE, "text/html", "text/plain"]


def test_whole_figures_of_a_verdict_are_exact_and_neighbours_of_fractions():
    assert json_difference(4.0, 5.0)
    assert json_difference(4.0, 3.99) is None
    assert json_difference(-0.0, 0.0) is None


def test_a_json_difference_names_its_place():
    assert json_difference(VERDICT, verdict(value=0.7)).startswith("figures[0].value\n")


def outputs(*texts: str, **data: object) -> list[nbformat.NotebookNode]:
    streams = [new_output("stream", text=text) for text in texts]
    return streams + ([new_output("display_data", data=data)] if data else [])


def test_outputs_are_compared_kind_by_kind():
    stored = outputs("a 0.5\n", "b\n", **{"text/plain": "1", "image/png": "AAAA"})
    assert output_differences(stored, outputs("a 0.6\nb\n", **{"text/plain": "1", "image/png": "BBBB"})) == []
    assert "stdout: 1 stored, got 0" in output_differences(stored, outputs(**{"text/plain": "1"}))[0]
    assert "text/plain: 1 stored, got 0" in output_differences(stored, outputs("a 0.5\nb\n"))[0]
    assert "text/html: 0 stored, got 1" in output_differences(outputs("a"), outputs("a", **{"text/html": "b"}))[0]
    assert output_differences(outputs(**{"application/x": "0.5"}), outputs(**{"application/x": "0.6"}))
    stderr = [new_output("stream", name="stderr", text="a")]
    assert output_differences(outputs("a"), stderr)


def test_an_error_is_its_name_and_its_message():
    errors = [
        [new_output("error", ename=name, evalue=value, traceback=[place])]
        for name, value, place in [("E", "0.51", "x"), ("E", "0.52", "y"), ("E", "0.9", "x"), ("F", "0.51", "x")]
    ]
    assert [bool(output_differences(errors[0], got)) for got in errors] == [False, False, True, True]


# Each cell runs with the outputs of another, as on another processor or after an edit: (source, stored, passes).
CELLS = [
    ("print('share 0.9902')", outputs("share 0.9903\n"), True),
    ("print('share 0.9902')", outputs("share 0.9905\n"), False),
    ("print('4 of 5')", outputs("5 of 5\n"), False),
    ("print('4 of 5')", [], False),
    ("import time\nprint(time.time())", outputs("0.5\n"), False),
    ("# NBVAL_IGNORE_OUTPUT\nprint(time.time())", outputs("0.5\n"), True),
    (
        "# NBVAL_IGNORE_OUTPUT\n# NBVAL_RAISES_EXCEPTION\nx = 1",
        [new_output("error", ename="E", evalue="", traceback=[])],
        False,
    ),
    (
        "# NBVAL_RAISES_EXCEPTION\nraise ValueError('d 10')",
        [new_output("error", ename="ValueError", evalue="d 10", traceback=[])],
        True,
    ),
    ("assert False", [], False),
    ("# NBVAL_IGNORE_OUTPUT\n!false", outputs(""), False),
]


def test_each_cell_of_a_notebook_is_judged_so(tmp_path: Path):
    cells = [
        new_code_cell(source, outputs=stored, execution_count=count)
        for count, (source, stored, _) in enumerate(CELLS, 1)
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "chapter.ipynb")
    (tmp_path / "broken.ipynb").write_text("{\n<<<<<<< HEAD\n", encoding="utf-8")  # named, and in nobody's way
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-c", os.devnull, "--rootdir", str(tmp_path)]
    command += ["--nbval-current-env", "--color=no", "-v", str(tmp_path)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, check=False
    )
    results = re.findall(r"Cell (\d+) (PASSED|FAILED)", done.stdout)
    assert results == [(str(i), "PASSED" if passes else "FAILED") for i, (_, _, passes) in enumerate(CELLS)], (
        done.stdout + done.stderr
    )
    assert "stdout:   stored: share 0.9905\n  got:    share 0.9902" in done.stdout
    assert "marked to raise an exception and raised none" in done.stdout
    assert "broken.ipynb: no notebook, since line 2 is no JSON: '<<<<<<< HEAD'" in done.stdout
