"""Attention of new tokens over what is cached and over one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers
from mha import reference

Array = NDArray[Any]
Answer = Callable[..., Array]


def _attend(q: Array, k: Array, v: Array, offset: int, scale: float | None = None) -> Array:
    """Query n attends to the keys up to n + offset."""
    mask = np.tri(len(q), len(k), offset) > 0
    return np.asarray(reference.attention(q, k, v, attn_mask=mask, scale=scale)[0])


def _right(q: Array, k: Array, v: Array, cached_k: Array, cached_v: Array) -> Array:
    return _attend(q, np.concatenate([cached_k, k]), np.concatenate([cached_v, v]), len(cached_k))


def _with_offset(offset: Callable[[int, int], int], scale: Callable[[Array], float] | None = None) -> Answer:
    """Query n attends up to n + offset(new, cached)."""

    def answer(q: Array, k: Array, v: Array, cached_k: Array, cached_v: Array) -> Array:
        keys, values = np.concatenate([cached_k, k]), np.concatenate([cached_v, v])
        return _attend(q, keys, values, offset(len(k), len(cached_k)), None if scale is None else scale(q))

    return answer


def _new_first(q: Array, k: Array, v: Array, cached_k: Array, cached_v: Array) -> Array:
    return _attend(q, np.concatenate([k, cached_k]), np.concatenate([v, cached_v]), len(cached_k))


def _over_queries(q: Array, k: Array, v: Array, cached_k: Array, cached_v: Array) -> Array:
    keys, values = np.concatenate([cached_k, k]), np.concatenate([cached_v, v])
    allowed = np.tri(len(q), len(keys), len(cached_k)) > 0
    scores = np.where(allowed, q @ keys.T / np.sqrt(q.shape[-1]), -np.inf)
    return reference.softmax(scores, axis=0) @ values


def _masked_after(q: Array, k: Array, v: Array, cached_k: Array, cached_v: Array) -> Array:
    keys, values = np.concatenate([cached_k, k]), np.concatenate([cached_v, v])
    weights = reference.softmax(q @ keys.T / np.sqrt(q.shape[-1]))
    return np.asarray((weights * np.tri(len(q), len(keys), len(cached_k))) @ values)


def _trial(label: str, seed: int, new: int, cached: int, d: int) -> Trial:
    names = {"q": new, "k": new, "v": new, "cached_k": cached, "cached_v": cached}
    return Trial(label, {name: numbers(seed + n, length, d) for n, (name, length) in enumerate(names.items())})


CACHED_ATTENTION = Exercise(
    returns=("out",),
    right=_right,
    trials=(
        _trial("three new tokens behind five", 93, 3, 5, 7),
        _trial("more new tokens than cached ones", 103, 5, 2, 3),
    ),
    mistakes=(
        Mistake(
            "mask-from-the-front",
            _with_offset(lambda new, cached: 0),
            "the mask counts the new tokens from 0, so the first of them sees only the first key of the cache: query n "
            "stands behind the cached tokens, and attends up to key n + p, where p is how many there are.",
        ),
        Mistake(
            "no-mask",
            _with_offset(lambda new, cached: new + cached),
            "new tokens see the new tokens behind them: a query attends to everything cached and to the new tokens up "
            "to itself.",
        ),
        Mistake(
            "not-itself",
            _with_offset(lambda new, cached: cached - 1),
            "a new token does not see itself: its own key and value belong to what it attends to.",
        ),
        Mistake(
            "cache-alone",
            lambda q, k, v, cached_k, cached_v: reference.attention(q, cached_k, cached_v)[0],
            "the new keys and values are not used: append them to the cached ones before you attend.",
        ),
        Mistake(
            "new-alone",
            lambda q, k, v, cached_k, cached_v: _attend(q, k, v, 0),
            "what is cached is not used: the new keys and values are appended to it.",
            also=(lambda q, k, v, cached_k, cached_v: reference.attention(q, k, v)[0],),
        ),
        Mistake(
            "new-before-cached",
            _new_first,
            "the new keys stand before the cached ones: they come behind, and the mask counts on that order.",
        ),
        Mistake(
            "not-scaled",
            _with_offset(lambda new, cached: cached, scale=lambda q: 1.0),
            "the scores are not divided by √d.",
        ),
        Mistake(
            "over-queries",
            _over_queries,
            "the softmax runs over the queries: it runs over the keys, axis=-1.",
        ),
        Mistake(
            "masked-after-softmax",
            _masked_after,
            "the weights are masked behind the softmax, so the rows no longer sum to 1: mask the scores.",
        ),
        Mistake(
            "last-only",
            lambda *inputs: _right(*inputs)[-1],
            "this is the newest token's output alone: each new token has one.",
            also=(lambda *inputs: _right(*inputs)[-1:],),
        ),
        Mistake(
            "keys-as-values",
            lambda q, k, v, cached_k, cached_v: _right(q, k, k, cached_k, cached_k),
            "the weights average the keys: they average the values.",
        ),
    ),
)
