"""T5's attention weights: scores without a scale, a bias from a table, the softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers
from mha import reference

Array = NDArray[Any]


def _bias(table: Array, buckets: Array) -> Array:
    return np.moveaxis(table[buckets], -1, 0)  # (i, j, h) -> (h, i, j)


def _products(q: Array, k: Array) -> Array:
    return np.asarray(q @ np.swapaxes(k, -1, -2))


def _weights(scores: Any, bias: Any = _bias) -> Any:
    """softmax(scores(q kᵀ, bias, d)) over the keys."""
    return lambda q, k, table, buckets: reference.softmax(scores(_products(q, k), bias(table, buckets), q.shape[-1]))


def _plus(products: Array, bias: Array, d: int) -> Array:
    return np.asarray(products + bias)


def _inputs(seed: int, h: int, i: int, j: int, d: int, n: int) -> dict[str, Any]:
    buckets = np.random.default_rng(seed).integers(0, n, (i, j))
    q, k = numbers(seed + 1, h, i, d) / 2, numbers(seed + 2, h, j, d)
    return {"q": q, "k": k, "table": numbers(seed + 3, n, h), "buckets": buckets}


BIASED_WEIGHTS = Exercise(
    returns=("weights",),
    right=_weights(_plus),
    trials=(
        Trial("three heads, 5 queries, 7 keys", _inputs(31, 3, 5, 7, 2, 11)),
        Trial("two heads, 3 queries, 11 keys", _inputs(41, 2, 3, 11, 5, 7)),
    ),
    mistakes=(
        Mistake(
            "scaled",
            _weights(lambda products, bias, d: products / np.sqrt(d) + bias),
            "q kᵀ is divided by √d: T5 does not do that, its trained queries already hold the scale.",
        ),
        Mistake(
            "both-scaled",
            _weights(lambda products, bias, d: (products + bias) / np.sqrt(d)),
            "the sum of scores and bias is divided by √d: T5 has no scale.",
        ),
        Mistake(
            "no-bias",
            _weights(lambda products, bias, d: products),
            "the bias is missing.",
        ),
        Mistake(
            "multiplied",
            _weights(lambda products, bias, d: products * bias),
            "scores and bias are multiplied: add them.",
        ),
        Mistake(
            "subtracted",
            _weights(lambda products, bias, d: products - bias),
            "the bias is subtracted: add it.",
        ),
        Mistake(
            "after-the-softmax",
            lambda q, k, table, buckets: reference.softmax(_products(q, k)) + _bias(table, buckets),
            "the bias is added to the weights, whose rows then do not sum to 1: it is added to the scores, before the "
            "softmax.",
        ),
        Mistake(
            "one-head-for-all",
            _weights(_plus, lambda table, buckets: table[buckets, 0]),
            "all heads get the bias of head 0: each has a column of the table.",
        ),
        Mistake(
            "mean-of-heads",
            _weights(_plus, lambda table, buckets: table[buckets].mean(-1)),
            "all heads get the mean of the biases: each has a column of the table.",
        ),
        Mistake(
            "reshaped",
            _weights(_plus, lambda table, buckets: table[buckets].reshape(-1, *buckets.shape)),
            "table[buckets] is (i, j, h), and a reshape to (h, i, j) mixes heads with keys: move the last axis to the "
            "front.",
        ),
        Mistake(
            "bucket-numbers",
            _weights(_plus, lambda table, buckets: buckets),
            "the number of the bucket is added: look its bias up in the table.",
        ),
        Mistake(
            "no-softmax",
            lambda q, k, table, buckets: _products(q, k) + _bias(table, buckets),
            "these are the scores: the softmax over the keys is missing.",
        ),
        Mistake(
            "over-queries",
            lambda q, k, table, buckets: reference.softmax(_products(q, k) + _bias(table, buckets), axis=-2),
            "the softmax runs over the queries: it runs over the keys, the last axis.",
        ),
    ),
)
