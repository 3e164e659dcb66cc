"""A table says its numbers twice, as HTML and as text: aligned, rounded as its columns say, with true signs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from course.tables import Column, Interval, Spread, Table
from tests.small_book import ROOT
from tools.comparison import html_difference, text_difference

COLUMNS = [
    Column("variant"),
    Column("exponent", digits=2, main=True, note="slope of log time"),
    Column("gain", unit="points", digits=1, form="signed"),
    Column("p", form="p"),
    Column("tokens", unit="1/s"),
]
ROWS = [
    ["explicit", Interval(1.967, 1.91, 2.02), -1234.5, 0.0004, 3],
    ["fused", 0.9, None, 0.5101, np.int64(12_345)],
    ["tiled <&>", Interval(12.6, -1.58, 10.62), np.float32(0.04), 1, None],
    ["cuDNN", "cannot run", -0.04, None, 128],
]
TEXT = """One layer
exponent: slope of log time

variant                exponent  gain (points)       p  tokens (1/s)
─────────  ────────────────────  ─────────────  ──────  ────────────
explicit    1.97 [ 1.91,  2.02]       −1,234.5  <0.001             3
fused       0.90                             –   0.510        12,345
tiled <&>  12.60 [−1.58, 10.62]           +0.0   1.000             –
cuDNN                cannot run           +0.0       –           128"""


def table(rows=ROWS, columns=COLUMNS, caption="One layer"):
    return Table(rows, columns, caption)


def test_text_is_aligned():
    assert repr(table()) == TEXT


def test_spreads_of_runs_and_numbers_of_any_size():
    columns = [Column("length"), Column("right", unit="%", digits=0), Column("error", digits=0, form="scientific")]
    rows = [[128, Spread(100, 99, 100), 3e-10], [2048, Spread(7, -3, 11), 1.0], [8192, 3, 2e5]]
    assert repr(table(rows, columns, "c")).splitlines()[2:] == [
        "length        right (%)  error",
        "──────  ───────────────  ─────",
        "   128  100 (99–100)     3e−10",
        " 2,048    7 (−3 to  11)  1e+00",
        " 8,192    3              2e+05",
    ]  # fmt: skip


class Reader(HTMLParser):
    """The cells of a table, row by row: (name of the element, attributes, text)."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.caption = [], ""
        self.where = None
        self.feed(text)

    def handle_starttag(self, name, attributes):
        if name == "tr":
            self.rows.append([])
        if name in {"th", "td"}:
            self.rows[-1].append([name, dict(attributes), ""])
        self.where = {"th": "cell", "td": "cell", "caption": "caption"}.get(name, self.where)

    def handle_data(self, data):
        if self.where == "cell" and self.rows[-1]:
            self.rows[-1][-1][2] += data.strip("\n")
        if self.where == "caption":
            self.caption += data


def test_html_says_what_the_text_says():
    read = Reader(table()._repr_html_())
    words = ["".join(" ".join(cell[2] for cell in row).split()) for row in read.rows]
    expected = ["".join(line.split()) for line in TEXT.splitlines()[3:] if "─" not in line]
    assert words == expected
    assert read.caption.strip() == "One layerexponent: slope of log time"


def test_html_names_its_columns_and_rows_and_the_one_that_decides():
    read = Reader(table()._repr_html_())
    assert [(name, attributes.get("scope")) for name, attributes, _ in read.rows[0]] == [("th", "col")] * 5
    for row in read.rows[1:]:
        assert [(cell[0], cell[1].get("scope")) for cell in row] == [("th", "row")] + [("td", None)] * 4
    assert [[i for i, cell in enumerate(row) if cell[1].get("class") == "main"] for row in read.rows] == [[1]] * 5
    assert not re.search(r"color:(?!inherit)|background", table()._repr_html_())


@pytest.mark.parametrize(
    ("build", "error", "match"),
    [
        (lambda: table([["a", 1]]), ValueError, "row 0 has 2 cells, the table 5 columns"),
        (lambda: table([]), ValueError, "2 columns and a row, got 5 and 0"),
        (lambda: table([["a"]], COLUMNS[:1]), ValueError, "got 1 and 1"),
        (lambda: table(caption=" "), ValueError, "caption must say what the table shows, got ' '"),
        (lambda: table([["a"]], ["variant"]), TypeError, r"columns\[0\] must be a Column, got 'variant'"),
        (
            lambda: table(columns=[Column("v"), *[Column("x", digits=1, main=True)] * 4]),
            ValueError,
            "got x and x and x",
        ),
        (lambda: table([["a", 1.5]], [Column("v"), Column("n")]), ValueError, "'n' of 'a' is 1.5, no whole number"),
        (lambda: table([["a", float("nan")]], COLUMNS[:2]), ValueError, "'exponent' of 'a' must be finite, or None"),
        (lambda: table([["a", True]], COLUMNS[:2]), TypeError, r"or None, got True \(bool\)"),
        (lambda: table([["a", torch.tensor(1.0)]], COLUMNS[:2]), TypeError, r"got tensor\(1.\) \(Tensor\)"),
        (
            lambda: table([["a", Interval(1, 3, 2)]], COLUMNS[:2]),
            ValueError,
            "must have low at most high, got I",
        ),
        (lambda: table([["a", 1.01]], [Column("v"), Column("p", form="p")]), ValueError, "a p-value, from 0 to 1, got"),
        (lambda: Column(""), ValueError, "head must name the column"),
        (lambda: Column("x", unit=3), TypeError, "unit must be text, got 3"),
        (lambda: Column("x", digits=-1), ValueError, r"digits of 'x' \(-1\)"),
        (lambda: Column("p", form="p", digits=2), ValueError, "digits of 'p' must be 3 for form 'p', got 2"),
        (lambda: Column("x", form="percent"), ValueError, "form of 'x' must be one of"),
    ],
)
def test_what_a_table_cannot_show_is_said_where_it_is_made(build, error, match):
    with pytest.raises(error, match=match):
        build()


@pytest.mark.parametrize(
    ("value", "other", "same"),
    [(9.99, 10.0, True), (1.0, 1.01, True), (1.0, 1.02, False), (-0.001, 0.001, True), (-1.0, 1.0, False)],
)
def test_a_number_may_differ_by_one_unit_of_its_last_digit(value, other, same):
    stored, got = (table([["a", Interval(1, -1, x)], ["b", 7]], COLUMNS[:2]) for x in (value, other))
    assert (text_difference(repr(stored), repr(got)) is None) == same
    assert (html_difference(stored._repr_html_(), got._repr_html_()) is None) == same
    assert html_difference(stored._repr_html_(), table([["a", 7], ["b", 7]], COLUMNS[:2])._repr_html_())


POINTS = """() => [...document.querySelectorAll("tbody td.main")].map(cell => {
  const text = cell.firstChild, at = text.data.indexOf(".");
  if (at < 0) return null;
  const range = document.createRange();
  range.setStart(text, at); range.setEnd(text, at + 1);
  return range.getBoundingClientRect().left;
})"""


def shown(page, made, width):
    styles = "".join((ROOT / "book/static" / name).read_text(encoding="utf-8") for name in ("book.css", "tables.css"))
    box = f'<div class="cell_output"><div class="output text_html">{made._repr_html_()}</div></div>'
    page.set_viewport_size({"width": width, "height": 700})
    page.set_content(
        f'<html data-theme="light"><style>:root {{--pst-color-background: #fff}} {styles}</style>'
        f'<main class="bd-article">{box}</main></html>'
    )
    return page


def test_decimal_points_stand_under_one_another_in_a_browser(page):
    found = shown(page, table(), 1300).evaluate(POINTS)
    points = [x for x in found if x is not None]
    assert len(points) == 3
    assert max(points) - min(points) < 1.0


@pytest.mark.parametrize("last", [True, False])
def test_on_a_phone_the_name_and_the_column_that_decides_are_in_sight(page, last):
    columns = [Column("variant"), *[Column(f"a long head number {n}", digits=2) for n in range(6)]]
    columns[6 if last else 3] = Column("decides", digits=2, main=True)
    rows = [["the name of a thing that needs some room", *[1000.0] * 6]] * 3
    shown(page, table(rows, columns), 390)
    for scrolled in (0, 150, 2000):
        page.evaluate(f"document.querySelector('.text_html').scrollLeft = {scrolled}")
        for cell in ("tbody th", "tbody td.main" if last or scrolled < 200 else "tbody th"):
            box = page.locator(cell).first.bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 390, (scrolled, cell, box)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
