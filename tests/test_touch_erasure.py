"""The strength of an erasure: what the figure refuses, and that a reader's hand gets that strength's numbers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from course.touch import erasure_strength
from course.touch.fragment import TouchFigure
from tests.explorer_page import grave_violations
from tests.test_touch import HOSTILE, page_of, slide, words_of
from tests.test_touch import open_page as open_page  # a fixture

LEFT = {"association": [100.0, 47.26, -3.0], "decision": [100.0, 99.0, 81.5]}
CONTROL = {"association": [100.0, 101.0, 102.5], "decision": [100.0, 100.0, 98.0]}


def figure(**changed: object) -> TouchFigure:
    return erasure_strength(
        **({"strengths": [0.0, 0.5, 1.0], "left": LEFT, "control": CONTROL, "strength": 0.5} | changed)
    )


def rows(page: Page) -> list[list[str]]:
    return [row.locator("td").all_text_contents()[:2] for row in page.locator(".mt tbody tr").all()]


def widths(page: Page) -> list[float]:
    shown = page.locator(".mt-track i").evaluate_all("bars => bars.map(b => b.getBoundingClientRect().width)")
    return [round(w / shown[2], 2) for w in shown]


def test_it_is_small_the_same_each_time_and_says_the_numbers():
    page = page_of(figure())
    assert page == page_of(figure())
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)
    assert "association 47.3 101.0 decision 99.0 100.0" in " ".join(words_of(figure()).split())


def test_a_callers_words_add_no_element():
    tags = [
        re.findall(r"<(/?[a-z!]+)", page_of(figure(left={word: [1, 2, 3]}, control={word: [1, 2, 3]})))
        for word in (HOSTILE, "z")
    ]
    assert tags[0] == tags[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left": {}}, r"the same measures, got \[\]"),
        ({"control": {"decision": [1, 2, 3]}}, "the same measures"),
        ({"left": LEFT | {"decision": [1, 2]}}, r"decision must have shape \(3,\), one number a strength, got \(2,\)"),
        ({"strength": 0.7}, r"one of \[0.0, 0.5, 1.0\], got 0.7"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        figure(**change)


def test_a_hand_gets_the_numbers_of_that_strength(open_page):
    page = open_page(figure())
    assert rows(page) == [["47.3", "101.0"], ["99.0", "100.0"]]
    assert widths(page) == [1.01, 0.47, 1.0, 0.99]
    slide(page, "strength", 2)
    assert rows(page) == [["−3.0", "102.5"], ["81.5", "98.0"]]
    assert widths(page)[1] < 0.05
    slide(page, "strength", 0)
    assert rows(page) == [["100.0", "100.0"]] * 2


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_can_be_read_by_everyone(open_page, dark):
    assert grave_violations(open_page(figure(), dark=dark)) == []
