"""The untrained stack: what it refuses, and that a reader's choice shows what was measured of that stack."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page

from course.touch import untrained_stack
from course.touch.fragment import TouchFigure
from tests.explorer_page import grave_violations
from tests.test_touch import OUTSIDE, READ, data_of, page_of, part, slide, words_of
from tests.test_touch import open_page as open_page  # a fixture

DEPTHS = [2, 3, 7]
MEASURED = {  # the exponents of the first and the last block's gradient, and the cosine after the last block
    "pre-norm": {2: (0.0, 0.0, 0.5), 3: (0.2, 0.0, 0.6), 7: (0.3, -0.1, 0.7)},
    "no <norm>": {2: (1.0, 0.5, 0.4), 3: (3.0, 0.5, 0.4), 7: (6.98, 2.0, 0.4)},
    "neither": {2: (-1.3, 0.0, 0.995), 3: (-2.6, 0.0, 1.0), 7: (-11.0, 0.0, 1.0)},
}
SAID = {  # of those that are shown below, by hand
    ("pre-norm", 3): ["1.6", "1.0", "0.00", "0.60"],
    ("no <norm>", 7): ["1 · 10⁷", "100", "0.00", "0.40"],
    ("neither", 7): ["1 · 10⁻¹¹", "1.0", "0.00", "1.00"],
    ("neither", 2): ["0.050", "1.0", "0.00", "0.99"],
}


def blocks(first: float, last: float, cosine: float, n: int) -> np.ndarray:
    return np.stack([10 ** np.linspace(first, last, n), np.linspace(0, cosine, n)])


def measured() -> dict[str, dict[int, np.ndarray]]:
    return {name: {n: blocks(*ends, n) for n, ends in by_depth.items()} for name, by_depth in MEASURED.items()}


def stack(**changed: object) -> TouchFigure:
    return untrained_stack(**({"measured": measured(), "variant": "pre-norm", "depth": 3} | changed))


def shown(page: Page) -> list[str]:
    return page.locator('[data-part="end"]').all_text_contents()


def tops(page: Page, name: str) -> list[float]:
    """How high the bars of a chart reach, in hundredths from its top."""
    return [float(y) for y in re.findall(r"V([\d.]+)H", page.locator(f'[data-part="{name}-bars"]').get_attribute("d"))]


def test_it_is_small_and_the_same_each_time():
    page = page_of(stack())
    assert page == page_of(stack())
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)


def test_the_first_state_says_the_numbers():
    said = words_of(stack(variant="no <norm>", depth=7))
    assert " block 1 block 7 gradient 1 · 10⁷ 100 cosine 0.00 0.40 " in said
    assert "7 blocks, no <norm>: the gradient explodes on its way to the first block" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": "norm"}, "variant must be one of 'pre-norm', 'no <norm>', 'neither', got 'norm'"),
        ({"depth": 5}, r"depth \(5\) must be one of \[2, 3, 7\]"),
        ({"measured": measured() | {"short": {2: np.ones((2, 2))}}}, r"must have the depths \[2, 3, 7\], got \[2\]"),
        ({"measured": {"pre-norm": {3: np.ones((3, 2))}}}, r"must have shape \(2, 3\), got \(3, 2\)"),
        ({"measured": {"pre-norm": {3: np.zeros((2, 3))}}}, "must be above 0, got 0"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        stack(**change)


def test_a_choice_shows_what_was_measured_of_that_stack(open_page):
    page = open_page(stack())
    assert shown(page) == SAID["pre-norm", 3]
    assert part(page, "status").endswith(
        "the gradient arrives at the first block, and two tokens that leave the last one are still told apart."
    )
    page.get_by_role("combobox").select_option("neither")
    assert slide(page, "blocks", 2) == "7"
    assert shown(page) == SAID["neither", 7]
    assert part(page, "last") == "block 7"
    assert part(page, "status") == (
        "7 blocks, neither: the gradient vanishes on its way to the first block, and two tokens that leave the last "
        "one are as good as one."
    )
    low, high = data_of(stack())["range"]
    expected = 100 * (1 - (np.linspace(-11, 0, 7) - low) / (high - low))
    np.testing.assert_allclose(tops(page, "gradient"), expected, atol=0.1)
    np.testing.assert_allclose(tops(page, "cosine"), np.linspace(100, 0, 7), atol=0.1)
    slide(page, "blocks", 0)
    assert shown(page) == SAID["neither", 2]
    page.get_by_role("combobox").select_option("no <norm>")
    slide(page, "blocks", 2)
    assert shown(page) == SAID["no <norm>", 7]
    assert "explodes" in part(page, "status")


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1300, True)], ids=["phone, light", "desk, dark"])
def test_it_fits_is_accessible_and_scripts_change_no_word(open_page, width, dark):
    figures = [stack(), stack(variant="neither", depth=7)]
    page = open_page(*figures, dark=dark, viewport={"width": width, "height": 900})
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert grave_violations(page) == []
    paths = "[...document.querySelectorAll('.mt path')].map((path) => path.getAttribute('d'))"
    without = open_page(*figures, java_script_enabled=False)
    for what in (READ, paths):
        assert page.evaluate(what) == without.evaluate(what)
