"""Words to take away: what the figure refuses, and that a reader's choice shows the number of that very set."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page

from course.touch import taken_away
from course.touch.fragment import TouchFigure
from tests.test_touch import HOSTILE, assert_it_fits, page_of, part, words_of
from tests.test_touch import open_page as open_page  # a fixture

WORDS = ["compute", "the", "<norm>"]
# entry k: without the words whose bits are set in k; the whole is 4
SCORES = {
    "hide": np.array([4.0, 3.0, 3.9, 2.5, 1.0, -0.5, 0.9, -1.0]),
    "mask": np.array([4.0, 3.5, 4.2, 3.1, 0.25, 0.2, 0.3, 0.1]),
}


def figure(**changed: object) -> TouchFigure:
    return taken_away(**({"words": WORDS, "scores": SCORES} | changed))


def numbers(page: Page) -> list[str]:
    return page.locator(".mt tbody td:nth-child(2)").all_text_contents()


def test_it_is_small_the_same_each_time_and_says_the_numbers():
    page = page_of(figure())
    assert page == page_of(figure())
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)
    said = words_of(figure(gone=[0, 2]))
    assert " hide −0.50 mask 0.20 2 of 3 words missing: from −0.50 ( hide ) to 0.20 ( mask )." in said
    assert "Nothing is missing: all ways agree." in words_of(figure())


def test_a_callers_words_add_no_element():
    tags = [re.findall(r"<(/?[a-z!]+)", page_of(figure(words=["x", "y", word]))) for word in (HOSTILE, "z")]
    assert tags[0] == tags[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": ["w"] * 10}, "at most 9, got 10"),
        ({"scores": {"hide": np.zeros(7)}}, r"shape \(8,\) for each way, got \{'hide': \(7,\)\}"),
        ({"scores": {}}, "got no way"),
        ({"gone": [3]}, r"places from 0 to 2, got \[3\]"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        figure(**change)


def test_a_choice_shows_the_number_of_that_set(open_page):
    page = open_page(figure())
    assert numbers(page) == ["4.00", "4.00"]
    page.get_by_role("button", name="<norm>").click()
    assert numbers(page) == ["1.00", "0.25"]
    page.get_by_role("button", name="compute").click()
    assert numbers(page) == ["−0.50", "0.20"]
    assert part(page, "status") == "2 of 3 words missing: from −0.50 (hide) to 0.20 (mask)."
    assert page.get_by_role("button", name="compute").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="<norm>").click()
    assert numbers(page) == ["3.00", "3.50"]
    page.get_by_role("button", name="put all back").click()
    assert numbers(page) == ["4.00", "4.00"]


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1300, True)], ids=["phone, light", "desk, dark"])
def test_it_fits_is_accessible_and_scripts_change_no_word(open_page, width, dark):
    assert_it_fits(open_page, figure(), figure(gone=[1, 2]), width=width, dark=dark)
