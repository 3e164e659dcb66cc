"""A dictionary with vectors for keys: the exact lookup and the soft one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import qkv
from mha import reference

Array = NDArray[Any]


def _hard(q: Array, k: Array, v: Array) -> Array:
    return v[(q @ k.T).argmax(axis=-1)]


def _soft(q: Array, k: Array, v: Array) -> Array:
    return reference.attention(q, k, v, scale=1.0)[0]


def _both(hard: Any, soft: Any) -> Any:
    return lambda q, k, v: (hard(q, k, v), soft(q, k, v))


def _distances(q: Array, k: Array) -> Array:
    return ((q[:, None] - k) ** 2).sum(-1)  # (i, 1, d) (j, d) -> (i, j)


LOOKUP = Exercise(
    returns=("hard", "soft"),
    right=_both(_hard, _soft),
    trials=(
        Trial("three queries and seven keys", qkv(71, 3, 7, 5, 2)),
        Trial("other sizes", qkv(74, 5, 11, 3, 13)),
    ),
    mistakes=(
        Mistake(
            "smallest",
            _both(lambda q, k, v: v[(q @ k.T).argmin(-1)], _soft),
            "this is the value of the key with the smallest score: take the largest.",
        ),
        Mistake(
            "over-queries",
            _both(lambda q, k, v: v[(q @ k.T).argmax(0)], _soft),
            "argmax runs over the queries and gives a row for each key: each query chooses among the keys, axis=-1.",
        ),
        Mistake(
            "one-choice-for-all",
            _both(lambda q, k, v: np.repeat(v[[(q @ k.T).argmax() % len(k)]], len(q), 0), _soft),
            "every query gets the same value: argmax lacks its axis, the last.",
        ),
        Mistake(
            "best-key",
            _both(lambda q, k, v: k[(q @ k.T).argmax(-1)], _soft),
            "this is the best key itself: return the value that belongs to it.",
        ),
        Mistake(
            "index",
            _both(lambda q, k, v: (q @ k.T).argmax(-1), _soft),
            "these are the positions of the best keys: look the values up there, v[positions].",
        ),
        Mistake(
            "largest-score",
            _both(lambda q, k, v: (q @ k.T).max(-1), _soft),
            "these are the largest scores: argmax says where they are, v[...] what is stored there.",
        ),
        Mistake(
            "nearest",
            _both(lambda q, k, v: v[_distances(q, k).argmin(-1)], _soft),
            "this is the value of the nearest key: compare by dot product, not by distance.",
        ),
        Mistake(
            "hard-twice",
            _both(_hard, _hard),
            "this is the best key's value again: average all values with the softmax of the scores.",
        ),
        Mistake(
            "soft-twice",
            _both(_soft, _soft),
            "this is the average again: hard is one value, that of the key with the largest score.",
        ),
        Mistake(
            "order-swapped",
            _both(_soft, _hard),
            "you return (soft, hard): return (hard, soft).",
        ),
        Mistake(
            "scaled",
            _both(_hard, lambda q, k, v: reference.attention(q, k, v)[0]),
            "the scores are divided by √d: not here, the scores are plain dot products.",
        ),
        Mistake(
            "not-normalised",
            _both(_hard, lambda q, k, v: np.exp(q @ k.T) @ v),
            "the weights are exponentials that sum to anything: divide each row by its sum.",
        ),
        Mistake(
            "scores-as-weights",
            _both(_hard, lambda q, k, v: q @ k.T @ v),
            "the scores themselves weigh the values: take their softmax first.",
        ),
        Mistake(
            "axis-0",
            _both(_hard, lambda q, k, v: reference.softmax(q @ k.T, axis=0) @ v),
            "the softmax runs over the queries: the weights of each query sum to 1, axis=-1.",
        ),
    ),
)
