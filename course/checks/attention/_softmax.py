"""The softmax: wrong ways to weigh that other exercises share, and its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Inputs, Mistake, Trial
from course.checks.inputs import LARGE_RTOL, mask, numbers
from mha import reference

Array = NDArray[Any]


def sums_to_one(exponentials: Array, axis: int | tuple[int, ...] | None = -1) -> Array:
    return np.asarray(exponentials / exponentials.sum(axis=axis, keepdims=True))


def unstable(scores: Array) -> Array:
    return sums_to_one(np.exp(scores))


def global_shift(scores: Array) -> Array:
    return sums_to_one(np.exp(scores - scores.max()))


def hidden(weights: Array) -> Array:
    """With zeros for NaN, as nan_to_num has it."""
    return np.nan_to_num(weights)


def guarded(exponentials: Array) -> Array:
    """Over their sums, or over 1 where that is 0."""
    total = exponentials.sum(-1, keepdims=True)
    return np.asarray(exponentials / np.where(total == 0.0, 1.0, total))


def _one_hot(scores: Array) -> Array:
    return np.where(scores == scores.max(-1, keepdims=True), 1.0, 0.0)


def mean_shift(scores: Array) -> Array:
    return sums_to_one(np.exp(scores - scores.mean(-1, keepdims=True)))


def smallest_shift(scores: Array) -> Array:
    return sums_to_one(np.exp(scores - scores.min(-1, keepdims=True)))


def size_shift(scores: Array) -> Array:
    return sums_to_one(np.exp(scores - np.abs(scores).max(-1, keepdims=True)))


def row_sums(weights: Array, wanted: Array | float = 1.0) -> str:
    """Whether the rows sum to 1, in a sentence; rows with nothing to weigh, whose `wanted` sum is 0, are left out."""
    counted = np.broadcast_to(wanted, weights.shape[:-1]) == 1.0
    sums = weights.sum(axis=-1)[counted]
    row = "row of weights" if counted.all() else "row of weights that has a key to attend to"
    if not np.isfinite(sums).all():
        return ""
    if np.allclose(sums, 1.0, atol=1e-5):
        return f"Each {row} sums to 1, as it should."
    low, high = (f"{x:.6g}" if np.all(np.abs(sums - 1.0) < 0.01) else f"{x:.3g}" for x in (sums.min(), sums.max()))
    found = low if low == high else f"something between {low} and {high}"
    small = " Is a small number added to the sum they are divided by?" if 0.98 < sums.min() <= sums.max() < 1 else ""
    return f"Each {row} sums to {found}, and should sum to 1.{small}"


def softmax_remark(inputs: Inputs, outputs: Inputs) -> str:
    return row_sums(outputs["weights"])


OVER_QUERIES = "each column sums to 1, each row should: the softmax runs over axis 0 and should run over the last."
OVERFLOWS = (
    "small scores are weighed right, large ones give NaN: exp overflows above 709 and vanishes below -745. "
    "Subtract each row's largest score first; the weights stay the same."
)
OVERFLOW_HIDDEN = (
    "small scores are weighed right, large ones give rows of zeros or NaN: exp overflows above 709 and vanishes below "
    "-745, which a guard against 0/0 hides. Subtract each row's largest score first; the weights stay the same."
)
GLOBAL_SHIFT = (
    "rows alike are weighed right, one far below another gives 0/0: you subtract the largest of all scores; "
    "subtract each row's own (axis=-1, keepdims=True)."
)

# Wrong constants to subtract: (key, weights, message). Small scores are weighed right by them.
WRONG_SHIFTS = (
    (
        "mean-shift",
        mean_shift,
        "you subtract the mean of a row; where the largest score is far above it, exp still overflows: "
        "subtract the largest.",
    ),
    (
        "smallest-shift",
        smallest_shift,
        "you subtract the smallest score of a row, and exp of the largest still overflows: subtract the largest.",
    ),
    (
        "size-shift",
        size_shift,
        "you subtract the largest absolute value; in a row of large negative scores exp then vanishes: "
        "subtract the largest score, without abs.",
    ),
)
WRONG_BASES = tuple(
    lambda s, base=base: reference.softmax(s * np.log(base)) for base in (2.0, 10.0, 2.7, 2.71, 2.72, 2.718)
)
NOT_BASE_E = "the base of the powers is not e: use np.exp."


def _large_scores() -> Array:
    """Rows near -1000, 0 and 1000, and two whose own scores lie 1000 apart: one large among small, and the reverse."""
    rows = np.array([[-1000.0], [0.0], [1000.0], [0.0], [1000.0]])
    scores = np.round(numbers(12, 5, 7)) + rows
    scores[3, 2], scores[4, 3] = 1000.0, 0.0
    return scores


SOFTMAX = Exercise(
    returns=("weights",),
    right=reference.softmax,
    trials=(
        Trial("small scores", {"scores": numbers(11, 3, 5)}),
        Trial(
            "large scores",
            {"scores": _large_scores()},
            single_rtol=LARGE_RTOL,
        ),
        Trial("scores of -inf", {"scores": np.where(mask(3, 7), numbers(13, 3, 7), -np.inf)}),
        Trial("three axes", {"scores": numbers(14, 2, 3, 5)}),
    ),
    mistakes=(
        Mistake("axis-0", lambda s: reference.softmax(s, axis=0), OVER_QUERIES),
        Mistake(
            "axis-1",
            lambda s: reference.softmax(s, axis=1),
            "a matrix is weighed right, more axes are not: the softmax runs over axis 1 and should run over the last, "
            "axis=-1.",
        ),
        Mistake(
            "whole-array",
            lambda s: sums_to_one(np.exp(s - s.max()), axis=None),
            "all weights together sum to 1, each row should: run the softmax over the last axis (axis=-1; "
            "a sum needs keepdims=True too).",
        ),
        Mistake("base", WRONG_BASES[0], NOT_BASE_E, also=WRONG_BASES[1:]),
        Mistake(
            "not-normalised",
            np.exp,
            "these are the exponentials, and they sum to anything: divide each row by its sum.",
        ),
        Mistake(
            "shifted-not-normalised",
            lambda s: np.exp(s - s.max(-1, keepdims=True)),
            "the largest weight of each row is 1, so that its sum is more: divide the exponentials by their sum.",
        ),
        Mistake("overflows", unstable, OVERFLOWS),
        Mistake(
            "overflow-hidden", lambda s: hidden(unstable(s)), OVERFLOW_HIDDEN, also=(lambda s: guarded(np.exp(s)),)
        ),
        Mistake("global-shift", global_shift, GLOBAL_SHIFT, also=(lambda s: guarded(np.exp(s - s.max())),)),
        *(Mistake(*shift) for shift in WRONG_SHIFTS),
        Mistake(
            "clipped",
            lambda s: sums_to_one(np.exp(np.clip(s, -500.0, 500.0))),
            "the scores are cut off, so that those beyond the limit get equal weights: "
            "subtract the row's largest score instead.",
            also=(lambda s: sums_to_one(np.exp(np.clip(s, -10.0, 10.0))),),
        ),
        Mistake(
            "clipped-above",
            lambda s: sums_to_one(np.exp(np.minimum(s, 500.0))),
            "large scores are cut off and get equal weights, and in a row of large negative ones every exp vanishes: "
            "subtract the row's largest score instead.",
        ),
        Mistake(
            "half-shifted",
            lambda s: np.exp(s - s.max(-1, keepdims=True)) / np.exp(s).sum(-1, keepdims=True),
            "the largest score is subtracted on one side of the fraction line only: "
            "divide by the sum of the same exponentials.",
            also=(lambda s: np.exp(s) / np.exp(s - s.max(-1, keepdims=True)).sum(-1, keepdims=True),),
        ),
        Mistake(
            "shift-over-axis-0",
            lambda s: sums_to_one(np.exp(s - s.max(0, keepdims=True))),
            "you subtract each column's largest score, which changes the weights: subtract each row's, axis=-1.",
        ),
        Mistake(
            "no-exponential",
            lambda s: sums_to_one(s),
            "the rows sum to 1 but weights can be negative: these are the scores over their sum, without exp.",
        ),
        Mistake(
            "log",
            lambda s: (
                s - s.max(-1, keepdims=True) - np.log(np.exp(s - s.max(-1, keepdims=True)).sum(-1, keepdims=True))
            ),
            "these are the logarithms of the weights (log-softmax): take exp of them.",
        ),
        Mistake(
            "sign",
            lambda s: reference.softmax(-s),
            "the largest score gets the smallest weight: the sign in exp is flipped.",
        ),
        Mistake("hard", _one_hot, "all weight goes to the largest score: that is argmax; softmax shares it out."),
        Mistake(
            "sigmoid",
            lambda s: 1.0 / (1.0 + np.exp(-s)),
            "each score is squashed on its own (sigmoid): divide by the sum of the row's exponentials instead.",
        ),
        Mistake(
            "divided-by-largest",
            lambda s: reference.softmax(s / s.max(-1, keepdims=True)),
            "the scores are divided by the largest, which changes the weights: subtract it.",
            also=(
                lambda s: reference.softmax(s / s.max()),
                lambda s: reference.softmax(s / np.abs(s).max(-1, keepdims=True)),
                lambda s: reference.softmax(s / np.abs(s).max()),
            ),
        ),
        Mistake(
            "over-sum-of-scores",
            lambda s: np.exp(s) / s.sum(-1, keepdims=True),
            "the exponentials are divided by the sum of the scores: divide by the sum of the exponentials.",
        ),
        Mistake(
            "over-mean",
            lambda s: reference.softmax(s) * s.shape[-1],
            "the exponentials are divided by their mean: divide by their sum.",
        ),
        Mistake(
            "unit-length",
            lambda s: np.exp(s) / np.linalg.norm(np.exp(s), axis=-1, keepdims=True),
            "the squares of the weights sum to 1: divide by the sum of the exponentials, not by their length.",
        ),
        Mistake(
            "sizes",
            lambda s: reference.softmax(np.abs(s)),
            "a very negative score gets a large weight: exp takes the score with its sign, without abs.",
        ),
    ),
    remark=softmax_remark,
)
