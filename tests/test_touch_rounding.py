"""The row of weights under rounding: what it refuses, and that a reader's hand gets the package's numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from course.touch import rounded_weights
from course.touch.fragment import number
from course.touch.rounded_weights import rounding_of
from mha.compress.rounding import dequantize, quantize
from tests.explorer_page import grave_violations
from tests.test_touch import open_page as open_page  # a fixture
from tests.test_touch import page_of, part, slide, words_of

WEIGHTS = 0.1 * np.random.default_rng(3).normal(size=96)
ROW = np.array([float(f"{w:.4g}") for w in WEIGHTS])
LARGEST = int(np.abs(ROW).argmax())


def test_a_figure_is_small_and_the_same_each_time():
    page = page_of(rounded_weights(WEIGHTS))
    assert page == page_of(rounded_weights(WEIGHTS))
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)


@pytest.mark.parametrize(("bits", "group", "outlier"), [(8, 96, 1.0), (4, 96, 8.0), (4, 8, 8.0), (2, 32, 1.0)])
def test_its_numbers_are_those_of_the_package(bits, group, outlier):
    row = torch.from_numpy(ROW).float()[None]
    row[0, LARGEST] *= outlier
    values, scales = quantize(row, bits=bits, per=group)
    others = np.arange(96) != LARGEST
    error = (dequantize(values, scales) - row)[0].numpy()[others]
    found = rounding_of(ROW, bits=bits, group=group, outlier=outlier)
    assert abs(found.error - np.sqrt((error**2).mean() / (ROW[others] ** 2).mean())) < 1e-4
    assert found.zeros == pytest.approx(float((values[0].numpy()[others] == 0).mean()))
    assert found.bits == bits + 32 * scales.numel() / 96
    np.testing.assert_allclose(found.steps, scales[0].numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weights": WEIGHTS[:95]}, ValueError, r"divisible by 8 and not all 0, got shape \(95,\)"),
        ({"weights": np.zeros(96)}, ValueError, "not all 0"),
        ({"group": 7}, ValueError, r"per \(7\) must divide the number of columns, 96"),
        ({"bits": 1}, ValueError, r"bits \(1\) must be between 2 and 8"),
        ({"outlier": 0.5}, ValueError, "outlier"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        rounded_weights(**({"weights": WEIGHTS} | change))


def said(bits, group, outlier):
    found = rounding_of(ROW, bits=bits, group=group, outlier=outlier)
    return (
        f"All but the outlier: off by {number(100 * found.error, 1)} % of their size, "
        f"{number(100 * found.zeros, 0)} % become 0. "
        f"Stored are {number(found.bits, 2)} bits a weight, scales included."
    )


def levels(page, name):
    return page.locator(f'[data-part="{name}"]').get_attribute("d").count("M")


def test_a_hand_gets_the_same_numbers(open_page):
    figure = rounded_weights(WEIGHTS)
    page = open_page(figure)
    assert part(page, "status") == said(4, 96, 1.0)
    assert said(4, 96, 1.0) in words_of(figure)
    assert levels(page, "mine") == levels(page, "other") == 15
    slide(page, "largest weight, times", 5)
    assert part(page, "status") == said(4, 96, 8.0)
    assert levels(page, "mine") == 1  # 0; the others lie beyond the weights
    slide(page, "weights that share a scale", 0)
    assert part(page, "status") == said(4, 8, 8.0)
    assert levels(page, "other") > levels(page, "mine") == 1
    slide(page, "bits", 5)
    assert part(page, "status") == said(8, 8, 8.0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_can_be_read_by_everyone(open_page, dark):
    assert grave_violations(open_page(rounded_weights(WEIGHTS), dark=dark)) == []
