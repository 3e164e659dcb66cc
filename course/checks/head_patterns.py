"""Checks for the chapter on head patterns: a head's score, p-values corrected by the maximum, two counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.numeric import Numbers
from course.checks.picked_weights import PICKED, PICKED_WEIGHTS

__all__ = ["EXERCISES", "corrected_p", "many_tests", "previous_score"]

Array = NDArray[Any]

# ---- the score of one pattern


def _previous_score(weights: Array) -> Array:
    """Each head's mean weight on the token just before; the rows are all queries but the first."""
    n = weights.shape[-2]
    asked = np.arange(n)
    found = asked + 0
    picked = weights[:, asked, found]
    scores = picked.mean(axis=-1)
    return scores


def _maps(label: str, seed: int, n_heads: int, n: int) -> Trial:
    """Rows of 1/1024ths that sum to 1, of all queries but the first of n."""
    rng = np.random.default_rng(seed)
    shares = rng.random((n_heads, n - 1, n))
    weights = rng.multinomial(1024, shares / shares.sum(-1, keepdims=True)) / 1024.0
    return Trial(label, {"weights": weights})


_NEXT = "this is the weight on the token just after: row r is query r + 1, and the key before it is r."
previous_score = Exercise(
    _previous_score,
    "weights (h, i, j) -> scores (h)",
    trials=(
        _maps("three heads on six tokens", 301, 3, 6),
        _maps("seven heads on eleven", 302, 7, 11),
    ),
    shared=PICKED_WEIGHTS,
    mistakes=(
        Mistake(
            "itself",
            "found = asked + 0 -> found = asked + 1",
            "this is the weight on the query's own token: row r is query r + 1, and the key before it is r.",
        ),
        Mistake("next", ("np.arange(n) -> np.arange(n - 1)", "found = asked + 0 -> found = asked + 2"), _NEXT),
        Mistake(
            "two-before",
            ("np.arange(n) -> np.arange(1, n)", "found = asked + 0 -> found = asked - 1"),
            "this is the token two places before: row r is query r + 1 already, so its key is r.",
        ),
        Mistake(
            "wrapped-around",
            "found = asked + 0 -> found = asked - 1",
            "1 is taken off as if row r were query r: for the first row that is the index -1, the last token.",
        ),
        Mistake(
            "first-token",
            "found = asked + 0 -> found = asked * 0",
            "this is the weight on the first token: the key before the query of row r is r.",
        ),
        Mistake(
            "all-earlier",
            f"{PICKED} -> np.tril(weights).sum(axis=-1)",
            "this is the weight on all tokens before the query: take the one just before.",
        ),
    ),
)

# ---- many tests at once


def _corrected_p(observed: Array, null: Array) -> Array:
    """The share of draws, the observed one among them, whose largest score reaches each observed one."""
    largest = null.max(axis=1)
    reached = largest[:, None] >= observed
    n = len(null)
    p = (reached.sum(axis=0) + 1) / (n + 1)
    return p


def _draws(label: str, seed: int, n: int, n_tests: int) -> Trial:
    rng = np.random.default_rng(seed)
    values = (rng.permutation(np.arange(1, 1 + (n + 1) * n_tests)) - n * n_tests // 2) / 64.0  # some below zero
    null = values[: n * n_tests].reshape(n, n_tests)
    observed = np.sort(null.max(axis=1))[np.linspace(0, n - 1, n_tests).astype(int)] + 1 / 128
    observed[0] -= 1 / 128  # reached by a draw that equals it
    return Trial(label, {"observed": np.roll(observed, 1), "null": null})


_P = "(reached.sum(axis=0) + 1) / (n + 1)"
corrected_p = Exercise(
    _corrected_p,
    "observed (t), null (n, t) -> p (t)",
    trials=(_draws("three scores, 97 random models", 303, 97, 3), _draws("five scores, 7", 304, 7, 5)),
    mistakes=(
        Mistake(
            "uncorrected",
            "reached = largest[:, None] >= observed -> reached = null >= observed",
            "each score is compared with its own column alone: compare it with the largest of all scores in each draw.",
        ),
        Mistake(
            "over-draws",
            ("largest = null.max(axis=1) -> largest = null.max(axis=0)", "largest[:, None] -> largest[None]"),
            "the largest is taken over the draws: take it over the scores, one largest a draw.",
            also=(("largest = null.max(axis=1) -> largest = null.max(axis=0)",),),
        ),
        Mistake(
            "one-largest",
            "largest = null.max(axis=1) -> largest = null.max(keepdims=True)[0]",
            "this is the largest of all draws together: each draw has a largest of its own.",
        ),
        Mistake(
            "can-be-zero",
            f"{_P} -> reached.sum(axis=0) / n",
            "p can come out as 0: what was observed is one more draw, so add 1 above and below.",
        ),
        Mistake(
            "one-above",
            f"{_P} -> (reached.sum(axis=0) + 1) / n",
            "the 1 is missing below: n draws and the observed one are n + 1.",
        ),
        Mistake(
            "one-below",
            f"{_P} -> reached.sum(axis=0) / (n + 1)",
            "the 1 is missing above: the observed scores reach themselves.",
        ),
        Mistake(
            "turned-round",
            "largest[:, None] >= observed -> largest[:, None] < observed",
            "this counts the draws that stay below: count those that reach what was observed.",
        ),
        Mistake(
            "smallest",
            "null.max(axis=1) -> null.min(axis=1)",
            "this is the smallest score of each draw: take the largest.",
        ),
        Mistake(
            "mean-of-draws",
            "null.max(axis=1) -> null.mean(axis=1)",
            "this is the mean of each draw: take its largest score.",
        ),
        Mistake(
            "pooled",
            (
                "reached = largest[:, None] >= observed -> reached = null.reshape(-1, 1) >= observed",
                f"{_P} -> reached.mean(axis=0)",
            ),
            "this is the share of all random scores, pooled: take the share of draws whose largest reaches it.",
            also=(
                (
                    "reached = largest[:, None] >= observed -> reached = null.reshape(-1, 1) >= observed",
                    f"{_P} -> (reached.sum(axis=0) + 1) / (null.size + 1)",
                ),
            ),
        ),
        Mistake(
            "largest-observed",
            "reached = largest[:, None] >= observed -> reached = largest[:, None] >= observed * 0 + observed.max()",
            "this is the p of the largest observed score: each observed score has its own.",
            also=("reached = largest[:, None] >= observed -> reached = largest >= observed.max()",),
        ),
        Mistake(
            "signs-lost",
            ("null.max(axis=1) -> np.abs(null).max(axis=1)", ">= observed -> >= np.abs(observed)"),
            "the signs are lost: a score far below the others is no find, so take the scores as they are.",
            also=("null.max(axis=1) -> np.abs(null).max(axis=1)",),
        ),
        Mistake(
            "decided",
            f"{_P} -> {_P} <= 0.05",
            "this says which scores are at most 0.05, true or false: return p itself.",
        ),
        Mistake(
            "strictly-above",
            "largest[:, None] >= observed -> largest[:, None] > observed",
            "a draw whose largest equals the observed score reaches it: count it too, >= and not >.",
        ),
        Mistake("counts", f"{_P} -> reached.sum(axis=0)", "these are counts: divide by the number of draws."),
        Mistake(
            "times-tests",
            f"{_P} -> np.minimum(1, observed.shape[0] * {_P})",
            "p is multiplied by the number of tests as well: the largest has corrected for them already.",
        ),
        Mistake("one-p", f"{_P} -> {_P}.min(keepdims=True)[0]", "this is one p for all: return one for each score."),
    ),
)

many_tests = Numbers(
    "many_tests",
    right={"false_finds": 36, "models": 99},
    mistakes={
        "false_finds": {
            3.6: "that is for 72 tests: each of the 72 heads has ten scores.",
            720: "that is the number of tests: one in twenty of them comes out by chance.",
            0.5: "that is for the ten scores of one head: there are 72 heads.",
            0.05: "that is for one test: each of 72 heads has ten.",
            72: "that is one for each head: it has ten tests, and one in twenty comes out by chance.",
            684: "those are the tests that do not come out by chance: 5 % do.",
        },
        "models": {
            100: "then the smallest p is 1 / 101: what was observed counts as one more draw.",
            98: "then the smallest p is 1 / 99, above 0.01: what was observed counts as one more draw.",
            101: "then the smallest p is 1 / 102: what was observed counts as one more draw, no more.",
            19: "that gives 1 / 20 = 0.05: 0.01 is asked for.",
            20: "that gives 1 / 21, about 0.05: 0.01 is asked for.",
            720: "the largest of a draw corrects for all tests at once: their number does not matter.",
            72000: "the largest of a draw corrects for all tests at once: their number does not matter.",
            71999: "the largest of a draw corrects for all tests at once: their number does not matter.",
            7200: "the largest of a draw corrects for all tests at once: their number does not matter.",
        },
    },
)

EXERCISES = listed(previous_score, corrected_p)
