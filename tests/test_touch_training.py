"""The valley of gradient descent: what it refuses, and that a reader's hand gets NumPy's numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page

from course.touch import descent
from course.touch.fragment import TouchFigure
from tests.explorer_page import grave_violations
from tests.test_touch import open_page as open_page  # a fixture
from tests.test_touch import page_of, part, slide, words_of

BENDS = np.array([1.0, 10.0])
SHOWN = [0, 1, 2, 5, 10, 20, 40]


def valley() -> TouchFigure:
    return descent(BENDS, start=(4.0, 1.5), rate=0.05)


def losses(start: tuple[float, float], rate: float, momentum: float) -> list[float]:
    """The loss of each coordinate by the closed recursion x[t+1] = (1 + µ - rate c) x[t] - µ x[t-1]."""
    total = np.zeros(41)
    for place, bend in zip(start, BENDS, strict=True):
        x = [place, (1 - rate * bend) * place]
        for _ in range(39):
            x.append((1 + momentum - rate * bend) * x[-1] - momentum * x[-2])
        total += bend * np.array(x) ** 2 / 2
    return [float(total[step]) for step in SHOWN]


def written(loss: float) -> str:
    return "above 10,000" if loss > 1e4 else "below 0.001" if loss < 5e-4 else f"{loss:.3f}"


def shown(page: Page) -> list[str]:
    return page.locator('[data-part="loss"]').all_text_contents()


def test_it_is_small_and_the_same_each_time():
    page = page_of(valley())
    assert page == page_of(valley())
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)


def test_the_first_state_says_the_numbers():
    said = words_of(valley())
    for step, loss in zip(SHOWN, losses((4.0, 1.5), 0.05, 0.0), strict=True):
        assert f" {step} {written(loss)} " in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"curvatures": [1.0]}, r"curvatures must be two numbers, got shape \(1,\)"),
        ({"curvatures": [1.0, 0.0]}, "curvatures must be above 0, got 0"),
        ({"start": [1.0, 2.0, 3.0]}, r"start must be two numbers, got shape \(3,\)"),
        ({"rate": 0}, r"rate \(0\) must be at least 0.001"),
        ({"momentum": 1}, r"momentum \(1\) must be at least 0 and at most 0.99"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        descent(**({"curvatures": BENDS} | change))


def test_sliders_and_the_start_move_the_path(open_page):
    page = open_page(valley())
    assert shown(page) == [written(x) for x in losses((4.0, 1.5), 0.05, 0.0)]
    assert slide(page, "learning rate", 10) == "0.21"
    assert shown(page) == [written(x) for x in losses((4.0, 1.5), 0.21, 0.0)]
    assert part(page, "status").endswith("the rate is too large.")
    slide(page, "learning rate", 4)
    assert slide(page, "momentum", 3) == "0.7"
    assert shown(page) == [written(x) for x in losses((4.0, 1.5), 0.1, 0.7)]
    handle = page.get_by_role("slider", name="start")
    handle.focus()
    for key in ("ArrowLeft", "ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    assert handle.get_attribute("aria-valuetext") == "a: 3.9, b: 0.4"
    assert shown(page) == [written(x) for x in losses((3.9, 0.4), 0.1, 0.7)]
    box = page.locator('[data-part="valley"]').bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3)
    assert handle.get_attribute("aria-valuetext") == "a: 2.0, b: 2.0"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_it_is_accessible_and_within_the_page(open_page, width, dark):
    page = open_page(valley(), dark=dark, viewport={"width": width, "height": 900})
    assert grave_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
