"""The softmax: wrong ways to weigh that other exercises share, and its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mha import reference
from mha.checks.diagnosis import Exercise, Inputs, Mistake, Trial
from mha.checks.inputs import LARGE_RTOL, mask, numbers

Array = NDArray[Any]


def sums_to_one(exponentials: Array, axis: int | tuple[int, ...] | None = -1) -> Array:
    return np.asarray(exponentials / exponentials.sum(axis=axis, keepdims=True))


def unstable(scores: Array) -> Array:
    return sums_to_one(np.exp(scores))


def global_shift(scores: Array) -> Array:
    return sums_to_one(np.exp(scores - scores.max()))


def _one_hot(scores: Array) -> Array:
    return np.where(scores == scores.max(-1, keepdims=True), 1.0, 0.0)


def row_sums(weights: Array) -> str:
    sums = weights.sum(axis=-1)
    if np.allclose(sums, 1.0, atol=1e-5):
        return "Each row of weights sums to 1, as it should."
    return f"The rows of weights sum to between {sums.min():.3g} and {sums.max():.3g}, each should sum to 1."


def softmax_remark(inputs: Inputs, outputs: Inputs) -> str:
    return row_sums(outputs["weights"])


OVER_QUERIES = "each column sums to 1, each row should: the softmax runs over axis 0 and should run over the last."
OVERFLOWS = (
    "small scores are weighed right, large ones give NaN: exp overflows above 709 and vanishes below -745. "
    "Subtract each row's largest score first; the weights stay the same."
)
GLOBAL_SHIFT = (
    "rows alike are weighed right, one far below another gives NaN: you subtract the largest of all scores; "
    "subtract each row's own (axis=-1, keepdims=True)."
)

SOFTMAX = Exercise(
    returns=("weights",),
    right=reference.softmax,
    trials=(
        Trial("small scores", {"scores": numbers(11, 3, 5)}),
        Trial(
            "large scores",
            {"scores": np.round(numbers(12, 3, 5)) + np.array([[-1000.0], [0.0], [1000.0]])},
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
            "all weights together sum to 1, each row should: the sum needs axis=-1, keepdims=True.",
        ),
        Mistake(
            "not-normalised",
            np.exp,
            "these are the exponentials, and they sum to anything: divide each row by its sum.",
        ),
        Mistake(
            "shifted-not-normalised",
            lambda s: np.exp(s - s.max(-1, keepdims=True)),
            "these are the exponentials after subtracting the largest score: divide each row by its sum.",
        ),
        Mistake("overflows", unstable, OVERFLOWS),
        Mistake("global-shift", global_shift, GLOBAL_SHIFT),
        Mistake(
            "half-shifted",
            lambda s: np.exp(s - s.max(-1, keepdims=True)) / np.exp(s).sum(-1, keepdims=True),
            "the largest score is subtracted above the fraction line but not below: sum the same exponentials.",
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
    ),
    remark=softmax_remark,
)
