"""Heads to take out: what the figure refuses, and that slider and choice show the heads and the score of that order."""

from __future__ import annotations

import re

import pytest

from course.touch import fewer_heads
from course.touch.fragment import TouchFigure
from tests.test_touch import HOSTILE, assert_it_fits, page_of, part, words_of
from tests.test_touch import open_page as open_page  # a fixture

ORDERS = {
    "by slope": [(1, 2), (0, 0), (1, 0), (0, 1), (0, 2), (1, 1)],
    "<lot>": [(0, 2), (1, 1), (0, 1), (0, 0), (1, 2), (1, 0)],
}
SCORES = {"by slope": [0.63, 0.5, 0.1], "<lot>": [0.63, 0.25, 0.05]}


def figure(**changed: object) -> TouchFigure:
    given = {"orders": ORDERS, "counts": [0, 2, 5], "scores": SCORES, "shape": (2, 3), "start": 2} | changed
    return fewer_heads(given["orders"], given["counts"], given["scores"], shape=given["shape"], start=given["start"])


def test_it_is_small_the_same_each_time_and_says_the_numbers():
    page = page_of(figure())
    assert page == page_of(figure())
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)
    said = words_of(figure())
    assert "layer 0 □ ■ ■ layer 1 ■ ■ □" in said
    assert "2 heads gone, by slope : 0.50 of 0.63 is left." in said


def test_a_callers_words_add_no_element():
    def named(word: str) -> TouchFigure:
        return figure(orders={word: ORDERS["<lot>"]}, scores={word: SCORES["<lot>"]})

    tags = [re.findall(r"<(/?[a-z!]+)", page_of(named(word))) for word in (HOSTILE, "z")]
    assert tags[0] == tags[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": {"by slope": [1, 1, 1]}}, "same names"),
        ({"shape": (3, 2)}, "each of 6 heads once"),
        ({"counts": [0, 2]}, "one number for each of 2 counts"),
        ({"start": 3}, r"hold start \(3\)"),
        ({"counts": [1, 2, 5]}, "begin with 0"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        figure(**change)


def test_slider_and_choice_show_the_heads_and_scores_of_that_order(open_page):
    page = open_page(figure())
    assert page.locator("[data-part=head]").all_text_contents() == list("□■■■■□")
    page.get_by_label("heads removed").press("End")
    assert page.locator("[data-part=head]").all_text_contents() == list("□□□□■□")
    assert part(page, "status") == "5 heads gone, by slope: 0.10 of 0.63 is left."
    page.get_by_label("order", exact=True).select_option("<lot>")
    assert page.locator("[data-part=head]").all_text_contents() == list("□□□■□□")
    assert part(page, "status") == "5 heads gone, <lot>: 0.05 of 0.63 is left."
    page.get_by_label("heads removed").press("Home")
    assert page.locator("[data-part=head]").all_text_contents() == list("■■■■■■")


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1300, True)], ids=["phone, light", "desk, dark"])
def test_it_fits_is_accessible_and_scripts_change_no_word(open_page, width, dark):
    assert_it_fits(open_page, figure(), width=width, dark=dark)
