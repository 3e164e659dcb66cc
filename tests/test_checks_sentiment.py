"""The checks of the chapter on sentiment against answers as learners write them, right and wrong."""

import numpy as np
import pytest
import torch

from course.checks import sentiment as check
from tests.told import told_test


def pairs_loop(positive, negative):
    n = 0
    for p, q in zip(positive, negative, strict=True):
        n += p > 0 > q
    return n / len(positive)


def pairs_torch(positive, negative):
    return (torch.from_numpy(positive).gt(0) & torch.from_numpy(negative).lt(0)).double().mean()


def cue_loop(weights, counted, cue):
    return [np.mean([row[cue] for row, counts in zip(head, counted, strict=True) if counts]) for head in weights]


def cue_divided(weights, counted, cue):
    return (weights[..., cue] * counted).sum(-1) / counted.sum()


def cue_torch(weights, counted, cue):
    return torch.from_numpy(weights)[:, torch.from_numpy(counted), cue].mean(-1)


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.pairs_right, pairs_loop),
        (check.pairs_right, pairs_torch),
        (check.pairs_right, lambda p, n: np.mean(np.minimum(p, -n) > 0)),
        (check.weight_on_cue, cue_loop),
        (check.weight_on_cue, cue_divided),
        (check.weight_on_cue, cue_torch),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


WRONG = [
    (check.pairs_right, lambda p, n: np.mean((p > 0) | (n < 0)), "either", "both must be right"),
    (check.pairs_right, lambda p, n: np.mean([*(p > 0), *(n < 0)]), "sentences", "share of sentences"),
    (check.pairs_right, lambda p, n: np.mean(p > 0) * np.mean(n < 0), "shares-multiplied", "pair by pair"),
    (check.pairs_right, lambda p, n: min(np.mean(p > 0), np.mean(n < 0)), "smaller-share", "pair by pair"),
    (check.pairs_right, lambda p, n: np.mean(p > n), "order", "its own side of 0"),
    (check.pairs_right, lambda p, n: np.mean(np.sign(p) != np.sign(n)), "apart", "both be wrong"),
    (check.pairs_right, lambda p, n: np.mean((p > 0) & (n > 0)), "both-above", "below 0"),
    (check.pairs_right, lambda p, n: np.sum((p > 0) & (n < 0)), "counted", "divide"),
    (check.pairs_right, lambda p, n: (p > 0) & (n < 0), "each-pair", "take the mean"),
    (check.pairs_right, lambda p, n: np.sum((p > 0) & (n < 0)) / (2 * len(p)), "over-sentences", "number of pairs"),
    (check.pairs_right, lambda p, n: np.mean((p < 0) & (n > 0)), "signs-swapped", "above 0"),
    (check.pairs_right, lambda p, n: np.mean((p > 0.5) & (n < 0.5)), "as-probabilities", "0 divides them"),
    (check.pairs_right, lambda p, n: np.mean((p >= 0) & (n < 0)), "zero-is-right", "neither side"),
    (check.pairs_right, lambda p, n: np.mean((p > 0) & ~(n > 0)), "zero-is-right", "neither side"),
    (check.pairs_right, lambda p, n: None, None, ""),
    (check.weight_on_cue, lambda w, n, c: w[:, :, c].mean(1), "all-queries", "also the cue's own"),
    (check.weight_on_cue, lambda w, n, c: w[:, ~n, c].mean(1), "left-out", "do not count"),
    (check.weight_on_cue, lambda w, n, c: np.delete(w, c, axis=1)[:, :, c].mean(1), "own-left-out", "no other"),
    (check.weight_on_cue, lambda w, n, c: w[:, n.astype(int), c].mean(1), "as-places", "it is a mask"),
    (check.weight_on_cue, lambda w, n, c: w[:, n, c].sum(1), "added", "take their mean"),
    (check.weight_on_cue, lambda w, n, c: (w[..., c] * n).mean(1), "over-all", "how many are counted"),
    (check.weight_on_cue, lambda w, n, c: w[:, n, c].mean(), "heads-averaged", "one number each"),
    (check.weight_on_cue, lambda w, n, c: w[:, n, c][:, 0], "first-query", "one query alone"),
    (check.weight_on_cue, lambda w, n, c: w[:, c][:, n], None, ""),
]


test_wrong_answers_are_told_what_is_wrong = told_test(WRONG)


def test_the_chances_are_those_of_many_tosses():
    rng = np.random.default_rng(0)
    tosses = rng.random((200_000, 2))
    assert check.chances((tosses < 0.5).all(1).mean(), 0.5, 0.0, (tosses < 0.9).all(1).mean()).ok
    assert "two tosses" in str(check.chances(0.5, 0.5, 0.0, 0.81))
    assert "one sentence is right and one wrong" in str(check.chances(0.25, 0.5, 0.5, 0.81))
    assert "a pair needs both" in str(check.chances(0.25, 0.5, 0, 0.9))
    assert "exactly one" in str(check.chances(0.25, 0.5, 0, 0.18))
