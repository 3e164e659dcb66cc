"""The checks of the chapter on heatmaps against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.checks import heatmaps as check
from tests.told import wrong_answer_tests

# ---- right answers, written differently


def received_loops(weights, may_see):
    queries = [np.flatnonzero(column) for column in may_see.T]
    return [[sum(head[i, j] for i in rows) / len(rows) for j, rows in enumerate(queries)] for head in weights]


def received_masked(weights, may_see):
    seen = np.where(may_see, weights, np.nan)
    return np.nanmean(seen, axis=1)


def received_torch(weights, may_see):
    return torch.from_numpy(weights).sum(1) / torch.from_numpy(may_see).sum(0)


def handed_loops(weights, lengths):
    shares = np.zeros_like(weights)
    for head, row in np.ndindex(weights.shape[:2]):
        moved = [w * length for w, length in zip(weights[head, row], lengths[head], strict=True)]
        shares[head, row] = np.array(moved) / sum(moved)
    return shares


def handed_torch(weights, lengths):
    moved = torch.einsum("hij,hj->hij", torch.from_numpy(weights), torch.from_numpy(lengths))
    return moved / moved.sum(-1)[..., None]


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.received, received_loops),
        (check.received, received_torch),
        (check.received, received_masked),
        (check.handed_on, handed_loops),
        (check.handed_on, handed_torch),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers

WRONG = [
    (check.received, lambda w, m: w.sum(2), "rows", "stands in its column"),
    (check.received, lambda w, m: w.sum(1), "sums", "queries that may see the key"),
    (check.received, lambda w, m: w.mean(1), "all-queries", "count those"),
    (check.received, lambda w, m: w.sum(1) / m.sum(), "all-pairs", "axis 0 of may_see"),
    (check.received, lambda w, m: np.array(received_loops(w, m)).mean(0), "over-heads", "one row for each head"),
    (check.received, lambda w, m: w.max(1), "largest", "take the mean"),
    (check.received, lambda w, m: np.nanmedian(np.where(m, w, np.nan), axis=1), "median", "take the mean"),
    (
        check.received,
        lambda w, m: w.sum(1) / np.maximum((w > 0).sum(1), 1),
        "where-above-zero",
        "may look and does not",
    ),
    (check.received, lambda w, m: w.sum(1) / w.shape[2], "all-keys", "may see the key"),
    (check.received, lambda w, m: w.sum(1) / np.arange(w.shape[2], 0, -1), "by-place", "square causal map"),
    (check.handed_on, lambda w, n: w * n[:, :, None], "lengths-of-queries", "each belongs to a key"),
    (check.handed_on, lambda w, n: w * n[:, None], "not-divided", "divide each row"),
    (check.handed_on, lambda w, n: w * n[:, None] / (w * n[:, None]).sum(1, keepdims=True), "columns", "axis=-1"),
    (check.handed_on, lambda w, n: w * n[:, None] / (w * n[:, None]).sum(), "whole-map", "each query's row"),
    (check.handed_on, lambda w, n: w / w.sum(-1, keepdims=True), "weights-again", "multiply each"),
    (check.handed_on, lambda w, n: handed_loops(w, 1 / n), "divided-by-lengths", "times the value"),
    (check.handed_on, lambda w, n: handed_loops(w, n**2), "squared", "as they are"),
    (check.handed_on, lambda w, n: handed_loops(np.ones_like(w), n), "lengths-alone", "by the weights"),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)


# ---- three numbers

WEIGHTS, LENGTHS = np.array([0.7, 0.2, 0.1]), np.array([0.1, 4.0, 3.0])


def shares(numbers):
    return numbers / numbers.sum()


@pytest.mark.parametrize("answer", [shares(WEIGHTS * LENGTHS), (0.06, 0.68, 0.26), (0.060, 0.684, 0.256)])
def test_shares_of_two_digits_are_right(answer):
    assert check.three_tokens(*answer).ok


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (WEIGHTS, "that is its weight"),
        (WEIGHTS * LENGTHS, "divide by the sum of the three"),
        (shares(LENGTHS), "share of the lengths"),
        (shares(WEIGHTS * LENGTHS**2), "squared"),
        (shares(WEIGHTS / LENGTHS), "divided by the lengths"),
        (WEIGHTS / (WEIGHTS * LENGTHS).sum(), "above the line"),
        (np.array([0.0, 0.8, 0.3]) / 1.1, "left out"),
        (WEIGHTS * LENGTHS / 0.8, "largest product"),
        (shares(np.exp(WEIGHTS * LENGTHS)), "softmax"),
        (WEIGHTS * LENGTHS / LENGTHS.sum(), "over the sum of the lengths"),
    ],
)
def test_each_wrong_share_is_told_what_it_is(answer, phrase):
    for place, number in enumerate(answer):
        given = [..., ..., ...]
        given[place] = float(number)
        feedback = check.three_tokens(*given)
        assert not feedback.ok
        assert phrase in feedback.message, (place, feedback)
