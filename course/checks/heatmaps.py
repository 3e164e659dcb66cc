"""Checks for the chapter on heatmaps: weight received in a causal map, what a row hands on, three tokens by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "handed_on", "received", "three_tokens"]

Array = NDArray[Any]

# ---- the weight that a token receives


def _received(weights: Array, may_see: Array) -> Array:
    """Each key's mean weight, over the queries that may see it."""
    queries = may_see.sum(axis=0)
    sums = weights.sum(axis=-2)
    means = sums / queries
    return means


def _last_queries(label: str, seed: int, n_heads: int, n_queries: int, n_keys: int) -> Trial:
    """Rows of 1/1024ths that sum to 1: the last queries of a causal map, with no weight on some keys they may see."""
    rng = np.random.default_rng(seed)
    may_see = np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)
    shares = rng.random((n_heads, n_queries, n_keys)) * may_see * (rng.random((n_queries, n_keys)) < 0.7)
    shares[..., 0] += 0.1
    weights = rng.multinomial(1024, shares / shares.sum(-1, keepdims=True)) / 1024.0
    return Trial(label, {"weights": weights, "may_see": may_see})


_SUMS, _MEANS, _RETURN = "weights.sum(axis=-2)", "means = sums / queries", "return means"
_QUERIES = "queries = may_see.sum(axis=0)"
received = Exercise(
    _received,
    "weights (h, i, j), may_see (i, j) -> means (h, j)",
    trials=(
        _last_queries("three heads, five queries of seven keys", 71, 3, 5, 7),
        _last_queries("two heads, seven queries of eleven keys", 72, 2, 7, 11),
    ),
    mistakes=(
        Mistake(
            "rows",
            (f"{_SUMS} -> weights.sum(axis=-1)", f"{_MEANS} -> means = sums"),
            "these are the sums of the rows, which are 1: what a key receives stands in its column, axis -2.",
            also=((f"{_SUMS} -> weights.sum(axis=-1)", "may_see.sum(axis=0) -> may_see.sum(axis=1)"),),
        ),
        Mistake(
            "sums",
            f"{_MEANS} -> means = sums",
            "these are the sums of the columns: divide each by the number of queries that may see the key.",
        ),
        Mistake(
            "all-queries",
            f"{_MEANS} -> means = sums / weights.shape[-2]",
            "each column is divided by the number of all queries: count those that may see the key.",
        ),
        Mistake(
            "all-keys",
            f"{_MEANS} -> means = sums / weights.shape[-1]",
            "each column is divided by the number of keys: count the queries that may see the key, axis 0 of may_see.",
        ),
        Mistake(
            "by-place",
            f"{_QUERIES} -> queries = np.arange(weights.shape[-1], 0, -1)",
            "the queries are counted by place, which fits a square causal map alone: count them in may_see, axis 0.",
        ),
        Mistake(
            "all-pairs",
            "may_see.sum(axis=0) -> may_see.sum()",
            "every column is divided by all that may be seen: count the queries of each key, axis 0 of may_see.",
        ),
        Mistake(
            "keys-counted",
            "may_see.sum(axis=0) -> may_see.sum(axis=1)",
            "this counts the keys that a query may see: count the queries that may see a key, axis 0 of may_see.",
        ),
        Mistake(
            "where-above-zero",
            f"{_QUERIES} -> queries = (weights > 0).sum(axis=-2)",
            "only queries with a weight above 0 are counted: a query that may look and does not counts too.",
        ),
        Mistake(
            "over-heads",
            f"{_RETURN} -> return means.mean(axis=0)",
            "the heads are averaged: return one row for each head, (h, j).",
            also=(f"{_RETURN} -> return means.sum(axis=0)",),
        ),
        Mistake(
            "shares",
            f"{_RETURN} -> return means / means.sum(axis=-1, keepdims=True)",
            "these are shares that sum to 1: return the means as they are.",
        ),
        Mistake(
            "median",
            f"{_RETURN} -> return np.nanmedian(np.where(may_see, weights, np.nan), axis=-2)",
            "this is the median over the queries that may see the key: take the mean.",
        ),
        Mistake(
            "largest",
            f"{_RETURN} -> return weights.max(axis=-2)",
            "this is the largest weight of each column: take the mean over the queries that may see the key.",
        ),
    ),
)

# ---- what a row hands on


def _handed_on(weights: Array, lengths: Array) -> Array:
    """Each key's share of what a query gets, by weight times the length of the value."""
    moved = weights * lengths[:, None, :]
    shares = moved / moved.sum(axis=-1, keepdims=True)
    return shares


def _observed(label: str, seed: int, n_heads: int, n_queries: int, n_keys: int) -> Trial:
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(1024, rng.dirichlet(np.ones(n_keys), (n_heads, n_queries))) / 1024.0
    return Trial(label, {"weights": weights, "lengths": rng.integers(1, 33, (n_heads, n_keys)) / 8.0})


_MOVED, _SHARES = "weights * lengths[:, None, :]", "moved / moved.sum(axis=-1, keepdims=True)"
handed_on = Exercise(
    _handed_on,
    "weights (h, i, j), lengths (h, j) -> shares (h, i, j)",
    trials=(
        _observed("three heads, five queries of seven keys", 73, 3, 5, 7),
        _observed("two heads, seven queries of eleven keys", 74, 2, 7, 11),
    ),
    mistakes=(
        Mistake(
            "weights-again",
            f"{_MOVED} -> weights",
            "these are the weights again: multiply each by the length of its key's value, lengths[:, None, :].",
        ),
        Mistake(
            "lengths-of-queries",
            f"{_MOVED} -> weights * lengths[:, :, None]",
            "the lengths stand along the queries: each belongs to a key, the last axis, lengths[:, None, :].",
        ),
        Mistake(
            "not-divided",
            f"{_SHARES} -> moved",
            "these are the products: divide each row by its sum, so that it sums to 1.",
        ),
        Mistake(
            "columns",
            f"{_SHARES} -> moved / moved.sum(axis=-2, keepdims=True)",
            "the columns sum to 1: each query's row must, axis=-1.",
        ),
        Mistake(
            "whole-map",
            f"{_SHARES} -> moved / moved.sum(axis=(-2, -1), keepdims=True)",
            "the whole map sums to 1: each query's row must.",
            also=(f"{_SHARES} -> moved / moved.sum()",),
        ),
        Mistake(
            "divided-by-lengths",
            f"{_MOVED} -> weights / lengths[:, None, :]",
            "the weights are divided by the lengths: what moves is the weight times the value.",
        ),
        Mistake(
            "lengths-alone",
            f"{_MOVED} -> np.ones_like(weights) * lengths[:, None, :]",
            "only the lengths count here: multiply them by the weights.",
        ),
        Mistake(
            "heads-averaged",
            f"{_MOVED} -> weights * lengths.mean(axis=0)[None, None, :]",
            "the lengths are averaged over the heads: each head has its own values.",
        ),
        Mistake(
            "squared",
            f"{_MOVED} -> weights * lengths[:, None, :] ** 2",
            "the lengths are squared: take them as they are.",
        ),
        Mistake(
            "by-the-largest",
            f"{_SHARES} -> moved / moved.max(axis=-1, keepdims=True)",
            "each row is divided by its largest entry: divide by the sum.",
        ),
        Mistake(
            "softmax",
            f"{_SHARES} -> np.exp(moved) / np.exp(moved).sum(axis=-1, keepdims=True)",
            "this is a softmax of the products: a share is a product divided by the sum of its row.",
        ),
    ),
)

# ---- three tokens by hand

_WEIGHT = "that is its weight: multiply by the length, and divide by the sum of the three products."
_PRODUCT = "that is the product: divide by the sum of the three products, 1.17."
_LENGTH = "that is its share of the lengths: multiply each length by its weight first."
_UNWEIGHED = "that is the weight over the sum of the products: put the product above the line too."
_WITHOUT = "[CLS] is left out of the sum: it hands on little, but it counts."
_LARGEST = "that is the product over the largest product: divide by the sum of the three, 1.17."
_SQUARED = "the lengths are squared: take them as they are."
_OVER = "the weights are divided by the lengths: multiply them."
_BY_LENGTHS = "that is the product over the sum of the lengths: divide by the sum of the three products, 1.17."
_SOFTMAX = "that is a softmax of the products: divide each product by their sum, 1.17."
three_tokens = Numbers(
    "three_tokens",
    right={"cls": 0.07 / 1.17, "bank": 0.8 / 1.17, "river": 0.3 / 1.17},
    mistakes={
        "cls": {
            0.7: _WEIGHT,
            0.07: _PRODUCT,
            0.1 / 7.1: _LENGTH,
            0.7 / 1.17: _UNWEIGHED,
            0.0: _WITHOUT,
            0.07 / 0.8: _LARGEST,
            0.007 / 4.107: _SQUARED,
            0.9882: _OVER,
            0.07 / 7.1: _BY_LENGTHS,
            0.2307: _SOFTMAX,
        },
        "bank": {
            0.2: _WEIGHT,
            0.8: _PRODUCT,
            4 / 7.1: _LENGTH,
            0.2 / 1.17: _UNWEIGHED,
            0.8 / 1.1: _WITHOUT,
            1.0: _LARGEST,
            3.2 / 4.107: _SQUARED,
            0.007059: _OVER,
            0.8 / 7.1: _BY_LENGTHS,
            0.4788: _SOFTMAX,
        },
        "river": {
            0.1: _WEIGHT,
            0.3: _PRODUCT,
            3 / 7.1: _LENGTH,
            0.1 / 1.17: _UNWEIGHED,
            0.3 / 1.1: _WITHOUT,
            0.375: _LARGEST,
            0.9 / 4.107: _SQUARED,
            0.004706: _OVER,
            0.3 / 7.1: _BY_LENGTHS,
            0.2904: _SOFTMAX,
        },
    },
    rtol=0.015,  # so that the shares to two digits, 0.26 for one, are right
)

EXERCISES = listed(handed_on, received)
