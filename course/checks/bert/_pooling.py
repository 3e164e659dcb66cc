"""One vector for a text: the mean of its real tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]


def _sums(vectors: Array, key_mask: Array) -> Array:
    return np.asarray((vectors * key_mask[..., None]).sum(axis=1))  # (b, i, m) -> (b, m)


def _right(vectors: Array, key_mask: Array) -> Array:
    return _sums(vectors, key_mask) / key_mask.sum(axis=1, keepdims=True)


def _last(vectors: Array, key_mask: Array) -> Array:
    return vectors[np.arange(len(vectors)), key_mask.sum(axis=1) - 1]


def _trial(label: str, seed: int, shape: tuple[int, int, int], lengths: list[int]) -> Trial:
    key_mask = np.arange(shape[1]) < np.array(lengths)[:, None]  # (i,) < (b, 1) -> (b, i)
    return Trial(label, {"vectors": numbers(seed, *shape), "key_mask": key_mask})


MEAN_POOLING = Exercise(
    returns=("pooled",),
    right=_right,
    trials=(
        _trial("three texts of different lengths", 61, (3, 7, 5), [7, 4, 2]),
        _trial("texts that all have padding", 62, (2, 5, 11), [3, 1]),
    ),
    mistakes=(
        Mistake(
            "padding-included",
            lambda vectors, key_mask: vectors.mean(axis=1),
            "padding is in the mean: what stands there is computed and means nothing.",
        ),
        Mistake(
            "divided-by-length",
            lambda vectors, key_mask: _sums(vectors, key_mask) / vectors.shape[1],
            "padding is left out of the sum, and the sum is divided by the padded length: divide by the number of real "
            "tokens.",
        ),
        Mistake(
            "divided-by-batch",
            lambda vectors, key_mask: _sums(vectors, key_mask) / key_mask.sum(),
            "the sum is divided by the number of real tokens in the whole batch: each text has its own.",
        ),
        Mistake(
            "sum",
            _sums,
            "this is the sum of the real tokens: divide by how many there are.",
        ),
        Mistake(
            "padding-only",
            lambda vectors, key_mask: _right(vectors, ~key_mask),
            "this is the mean of the padding: True in key_mask is a real token.",
        ),
        Mistake(
            "first-token",
            lambda vectors, key_mask: vectors[:, 0],
            "this is the vector of the first token, [CLS]: take the mean of all real tokens.",
        ),
        Mistake(
            "last-token",
            _last,
            "this is the vector of the last real token: take the mean of all of them.",
        ),
        Mistake(
            "maximum",
            lambda vectors, key_mask: np.where(key_mask[..., None], vectors, -np.inf).max(axis=1),
            "this is the largest number of each channel: take the mean.",
        ),
        Mistake(
            "unit-length",
            lambda vectors, key_mask: (
                _right(vectors, key_mask) / np.linalg.norm(_right(vectors, key_mask), axis=1, keepdims=True)
            ),
            "the mean is scaled to length 1 too: that is a step of its own.",
        ),
        Mistake(
            "whole-batch",
            lambda vectors, key_mask: np.broadcast_to(vectors[key_mask].mean(axis=0), (len(vectors), vectors.shape[2])),
            "every text gets the mean over all texts: average each by itself.",
        ),
        Mistake(
            "over-channels",
            lambda vectors, key_mask: vectors.mean(axis=2),
            "the mean runs over the channels: it runs over the tokens, axis 1.",
        ),
    ),
)
