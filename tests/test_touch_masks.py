"""The mask to click: what it refuses, and that a hand gets the weights of the package's masked attention."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import Page

from course.touch import mask_grid
from course.touch.fragment import number
from mha.attention import attention
from tests.test_touch import assert_it_fits, page_of, part, words_of
from tests.test_touch import open_page as open_page  # a fixture

SCORES = np.random.default_rng(0).normal(size=(5, 7)).round(1)
CAUSAL = np.tri(5, 7, 2, dtype=bool)
LATE = CAUSAL & (np.arange(7) > 3)  # queries 0 and 1 are left without a key
MASKS = {"causal": CAUSAL, "late": LATE}


def expected(allowed: np.ndarray) -> list[list[str]]:
    q, k = torch.tensor(SCORES)[None], torch.eye(7, dtype=torch.float64)[None]  # q k^T is the scores
    _, weights = attention(q, k, k, attn_mask=torch.tensor(allowed), scale=1.0)
    return [
        [number(w, 2) if ok else "–" for w, ok in zip(*row, strict=True)] + [str(int(row[1].any()))]
        for row in zip(weights[0].tolist(), allowed, strict=True)
    ]


def shown(page: Page) -> list[list[str]]:
    script = "[...document.querySelectorAll('.mt-mask tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))"
    return [row[1:] for row in page.evaluate(script)]


def test_clicks_and_named_masks_give_the_weights_of_masked_attention(open_page):
    page = open_page(mask_grid(SCORES, MASKS))
    assert shown(page) == expected(CAUSAL)
    assert part(page, "says") == "25 of 35 pairs are allowed. Every row sums to 1."
    clicked = CAUSAL.copy()
    for i, j in [(4, 6), (0, 5), (2, 0)]:
        page.get_by_role("button", name=f"query {i}, key {j}").click()
        clicked[i, j] = not clicked[i, j]
    assert shown(page) == expected(clicked)
    page.get_by_label("mask", exact=True).select_option("late")
    assert shown(page) == expected(LATE)
    assert "Queries 0, 1 have no key left" in part(page, "says")
    page.get_by_role("button", name="query 0, key 2").click()
    assert "Query 1 has no key left" in part(page, "says")
    for name, mask in MASKS.items():  # clicks have not changed the named masks
        page.get_by_label("mask", exact=True).select_option(name)
        assert shown(page) == expected(mask)


def test_the_first_state_reads_without_scripts():
    said = words_of(mask_grid(SCORES, {"late": LATE}))
    assert "Queries 0, 1 have no key left" in said
    assert all(f" {i} {' '.join(row)} " in re.sub(r" +", " ", said) for i, row in enumerate(expected(LATE)))
    assert len(page_of(mask_grid(SCORES, MASKS)).encode()) <= 15_000


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1300, True)], ids=["phone, light", "desk, dark"])
def test_it_fits_is_accessible_and_scripts_change_no_word(open_page, width, dark):
    figures = [mask_grid(np.full((7, 7), -9.0), {"all": np.ones((7, 7), bool)}), mask_grid(SCORES, {"late": LATE})]
    assert_it_fits(open_page, *figures, width=width, dark=dark)


@pytest.mark.parametrize(
    ("scores", "masks", "message"),
    [
        (SCORES[0], MASKS, r"scores must be at most 7 by 7, got shape \(7,\)"),
        (np.zeros((8, 2)), MASKS, r"at most 7 by 7, got shape \(8, 2\)"),
        (SCORES, {}, "masks must name at least one mask, got none"),
        (SCORES, {"tall": CAUSAL.T}, r"mask 'tall' must be bool of shape \(5, 7\), got bool of shape \(7, 5\)"),
        (SCORES, {"sum": CAUSAL * 1}, r"mask 'sum' must be bool of shape \(5, 7\), got int64"),
    ],
)
def test_what_does_not_fit_is_named(scores, masks, message):
    with pytest.raises(ValueError, match=message):
        mask_grid(scores, masks)
