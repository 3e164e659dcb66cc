"""The state of an online softmax after one more tile of keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers
from mha.variants import tiled_numpy

Array = NDArray[Any]
State = tuple[Array, Array, Array]
Answer = Callable[..., State]


def _right(largest: Array, total: Array, weighted: Array, scores: Array, v: Array) -> State:
    return tiled_numpy.merge((largest, total, weighted), scores, v)


def _corrected(for_total: Callable[[Array], Array], for_weighted: Callable[[Array], Array]) -> Answer:
    """With other factors on what was summed so far, made from exp(old largest - new largest)."""

    def answer(largest: Array, total: Array, weighted: Array, scores: Array, v: Array) -> State:
        new = np.maximum(largest, scores.max(axis=1, keepdims=True))
        factor, exponentials = np.exp(largest - new), np.exp(scores - new)
        total = total * for_total(factor) + exponentials.sum(axis=1, keepdims=True)
        return new, total, weighted * for_weighted(factor) + exponentials @ v

    return answer


def _one(factor: Array) -> Array:
    return np.ones_like(factor)


def _same(factor: Array) -> Array:
    return factor


def _inverse(factor: Array) -> Array:
    return 1.0 / factor


def _with_largest(choose: Callable[[Array, Array], Array], corrects: bool = True) -> Answer:
    """With another choice of the new largest score, from the old one and the tile's scores."""

    def answer(largest: Array, total: Array, weighted: Array, scores: Array, v: Array) -> State:
        new = np.broadcast_to(choose(largest, scores), largest.shape)
        factor = np.exp(largest - new) if corrects else np.ones_like(largest)
        exponentials = np.exp(scores - new)
        return new, total * factor + exponentials.sum(axis=1, keepdims=True), weighted * factor + exponentials @ v

    return answer


def _divided(largest: Array, total: Array, weighted: Array, scores: Array, v: Array) -> State:
    new, total, weighted = _right(largest, total, weighted, scores, v)
    return new, total, weighted / total


def _tile_by_itself(largest: Array, total: Array, weighted: Array, scores: Array, v: Array) -> State:
    new = np.maximum(largest, scores.max(axis=1, keepdims=True))
    factor, exponentials = np.exp(largest - new), np.exp(scores - new)
    sums = exponentials.sum(axis=1, keepdims=True)
    return new, total * factor + sums, weighted * factor + exponentials / sums @ v


def _tile_alone(largest: Array, total: Array, weighted: Array, scores: Array, v: Array) -> State:
    new = np.maximum(largest, scores.max(axis=1, keepdims=True))
    exponentials = np.exp(scores - new)
    return new, exponentials.sum(axis=1, keepdims=True), exponentials @ v


def _trial(label: str, seed: int, i: int, t: int, e: int, **replaced: Array) -> Trial:
    inputs = {
        "largest": numbers(seed, i, 1),
        "total": 1.0 + np.abs(numbers(seed + 1, i, 1)),
        "weighted": numbers(seed + 2, i, e),
        "scores": numbers(seed + 3, i, t),
        "v": numbers(seed + 4, t, e),
    }
    return Trial(label, inputs | replaced)


_FAR = np.array([[-800.0], [0.0], [800.0]])

MERGE = Exercise(
    returns=("largest", "total", "weighted"),
    right=_right,
    trials=(
        _trial("three queries and a tile of five keys", 211, 3, 5, 7),
        _trial(
            "the first tile",
            221,
            2,
            3,
            5,
            largest=np.full((2, 1), -np.inf),
            total=np.zeros((2, 1)),
            weighted=np.zeros((2, 5)),
        ),
        _trial("scores near 800", 231, 3, 5, 2, largest=_FAR, scores=_FAR[::-1] + numbers(234, 3, 5)),
    ),
    mistakes=(
        Mistake(
            "nothing-corrected",
            _corrected(_one, _one),
            "what was summed so far is added as it is, although it was shifted by another largest score: multiply the "
            "sum and the weighted values by exp(old largest - new largest).",
            also=(_with_largest(lambda largest, scores: scores.max(axis=1, keepdims=True), corrects=False),),
        ),
        Mistake(
            "sum-not-corrected",
            _corrected(_one, _same),
            "the sum so far is not corrected: it was shifted by the old largest score, as the weighted values were.",
        ),
        Mistake(
            "values-not-corrected",
            _corrected(_same, _one),
            "the weighted values so far are not corrected: they were shifted by the old largest score, as the sum was.",
        ),
        Mistake(
            "correction-upside-down",
            _corrected(_inverse, _inverse),
            "the correction is upside down: where the largest score has grown, what was summed so far becomes smaller, "
            "by exp(old largest - new largest).",
        ),
        Mistake(
            "largest-of-the-tile",
            _with_largest(lambda largest, scores: scores.max(axis=1, keepdims=True)),
            "the new largest score is that of the tile alone: an earlier tile may have had a larger one.",
        ),
        Mistake(
            "largest-never-changes",
            _with_largest(lambda largest, scores: largest),
            "the largest score stays what it was: a larger one in this tile overflows, and with the first tile it is "
            "-inf.",
        ),
        Mistake(
            "one-largest-for-all",
            _with_largest(lambda largest, scores: np.maximum(largest, scores.max())),
            "the largest score is taken over the whole tile: each query has its own, axis=1. With one for all, a query "
            "whose scores lie far below loses every weight.",
            also=(_with_largest(lambda largest, scores: np.maximum(largest.max(), scores.max())),),
        ),
        Mistake(
            "divided-already",
            _divided,
            "the weighted values are divided by the sum already: later tiles still change it, so divide once, after "
            "the last.",
        ),
        Mistake(
            "softmax-in-the-tile",
            _tile_by_itself,
            "the tile's weights are divided by their own sum: only the sum over all tiles is the right one, and it is "
            "known after the last.",
        ),
        Mistake(
            "tile-alone",
            _tile_alone,
            "what was summed before this tile is lost: correct it and add.",
        ),
    ),
)
