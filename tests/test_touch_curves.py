"""The two learning curves: what is refused, and that sliders show the curve and the sentence of their own table."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page

from course.touch import learning_curves
from course.touch.fragment import TouchFigure
from tests.explorer_page import grave_violations
from tests.test_touch import open_page as open_page  # a fixture
from tests.test_touch import page_of, part, slide, words_of

KNOWN, DECAYS, STEPS = [50, 200, 800], [0.0, 1.0], [20, 40, 60, 80, 100]
LOSSES = np.random.default_rng(0).random((2, 3, 2, 5)).round(2) * 2
LOSSES[1, 2, 1] = [1.0, 0.25, 0.5, 0.75, 3.0]  # turns round, and leaves the picture
LOSSES[0, 2, 1] = [0.5, 0.25, 0.125, 0.0, 0.0]


def curves() -> TouchFigure:
    return learning_curves(KNOWN, DECAYS, STEPS, LOSSES, start=(0, 1))


def sentence(known: int, decay: int) -> str:
    train, others = LOSSES[:, known, decay]
    least = min(range(5), key=lambda n: others[n])
    return (
        f"Trained on {KNOWN[known]} images. At the end: loss {train[4]:.2f} nats on them, {others[4]:.2f} on others, "
        f"a gap of {others[4] - train[4]:.2f}. On others it was least at step {STEPS[least]}: {others[least]:.2f}."
    ).replace("of -", "of −")


def test_it_is_small_and_the_same_each_time():
    page = page_of(curves())
    assert page == page_of(curves())
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)
    assert sentence(0, 1) in words_of(curves())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": LOSSES[:, :2]}, r"losses must have shape \(2, 3, 2, 5\) and be 0 or more, got \(2, 2, 2, 5\)"),
        ({"losses": LOSSES - 9}, "losses must .* 0 or more"),
        ({"losses": LOSSES * np.nan}, "losses must be finite"),
        ({"start": (3, 0)}, r"start\[0\] \(3\) must be between 0 and 2"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        learning_curves(**({"known": KNOWN, "decays": DECAYS, "steps": STEPS, "losses": LOSSES} | change))


def lines(page: Page) -> list[str]:
    return [line.get_attribute("d") for line in page.locator('[data-part="line"]').all()]


def test_sliders_show_the_curves_of_their_place(open_page):
    page = open_page(curves())
    assert part(page, "status") == sentence(0, 1)
    assert slide(page, "images trained on", 2) == "800"
    assert part(page, "status") == sentence(2, 1)
    # by hand: x = 340 · step / 100, y = 210 · (1 - loss / 2.5), a loss above 2.5 at the top edge
    assert lines(page)[1] == "M68.0 126.0L136.0 189.0L204.0 168.0L272.0 147.0L340.0 0.0"
    assert lines(page)[0].endswith("L272.0 210.0L340.0 210.0")
    assert slide(page, "weight decay", 0) == "0"
    assert part(page, "status") == sentence(2, 0)


def test_the_script_draws_what_was_drawn_before_it_ran(open_page):
    before = re.findall(
        r'data-part="line"[^>]*|d="(M[^"]+)" fill="none" stroke-width="2.5" data-part', page_of(curves())
    )
    assert lines(open_page(curves())) == [line for line in before if line]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_it_is_accessible_and_within_the_page(open_page, width, dark):
    page = open_page(curves(), dark=dark, viewport={"width": width, "height": 900})
    assert grave_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
