"""Weights under a causal mask and under padding, from scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Inputs, Mistake, Trial
from course.checks.inputs import numbers
from mha import reference

Array = NDArray[Any]


def _masked(scores: Array, allowed: Array, fill: float = -np.inf) -> Array:
    """Softmax over the allowed keys; a row without any is zeros, whatever the fill would make of it."""
    weights = reference.softmax(np.where(allowed, scores, fill))
    return np.where(allowed.any(-1, keepdims=True), weights, 0.0) if np.isneginf(fill) else weights


def _with_nan(scores: Array, allowed: Array) -> Array:
    return np.where(allowed.any(-1, keepdims=True), _masked(scores, allowed), np.nan)


def _after(scores: Array, allowed: Array) -> Array:
    return np.asarray(reference.softmax(scores) * allowed)


def _renormalised(scores: Array, allowed: Array) -> Array:
    weights = _after(scores, allowed)
    return np.asarray(np.where(allowed.any(-1, keepdims=True), weights / weights.sum(-1, keepdims=True), 0.0))


def _zero_times_infinity(scores: Array, allowed: Array) -> Array:
    return np.asarray(reference.softmax(scores + (1 - allowed) * -np.inf))


def _causal(scores: Array, shift: int = 0) -> Array:
    """(i, j): key j lies at most `shift` after query i, the last query being level with the last key."""
    n_queries, n_keys = scores.shape
    return np.asarray(np.tri(n_queries, n_keys, n_keys - n_queries + shift) > 0)


def _real(scores: Array, lengths: Array, shift: int = 0) -> Array:
    """(b, 1, j): key j is one of the first lengths[b] + shift."""
    return (np.arange(scores.shape[-1]) < lengths[:, None] + shift)[:, None, :]


def _row_remark(inputs: Inputs, outputs: Inputs) -> str:
    sums = np.asarray(outputs["weights"]).sum(-1)
    return (
        "" if np.allclose(sums, 1.0, atol=1e-4) else f"Your rows sum to between {sums.min():.3g} and {sums.max():.3g}."
    )


ZERO_TIMES_INFINITY = (
    "there are NaNs: 0 * -inf is NaN, so a mask cannot be multiplied by -inf. Write np.where(allowed, scores, -np.inf)."
)
AFTER = "rows of weights sum to less than 1: you mask after the softmax. Put -inf into the scores before it."
ZERO_FILL = "forbidden keys still get weight: a score of 0 gives exp(0) = 1, not 0. Fill with -inf."
RENORMALISED = (
    "where a forbidden key has by far the largest score, little or nothing is left to divide by. "
    "Put -inf into the scores before the softmax."
)

CAUSAL_WEIGHTS = Exercise(
    returns=("weights",),
    right=lambda scores: _masked(scores, _causal(scores)),
    trials=(
        Trial("three queries and five keys", {"scores": numbers(81, 3, 5)}),
        Trial("one query more than half the keys", {"scores": numbers(82, 7, 11)}),
        Trial("a forbidden key with a large score", {"scores": numbers(83, 3, 7) + 1024.0 * (np.arange(7) == 6)}, 1e-3),
    ),
    mistakes=(
        Mistake(
            "not-causal",
            lambda s: reference.softmax(s),
            "equals the answer without a mask: the future still gets weight.",
        ),
        Mistake(
            "inverted",
            lambda s: _masked(s, ~_causal(s)),
            "only the future gets weight: the mask is the wrong way round.",
        ),
        Mistake(
            "aligned-first",
            lambda s: _masked(s, np.tri(*s.shape) > 0),
            "the first query is level with the first key: with more keys than queries the last ones are level, "
            "so the triangle moves right by j - i.",
        ),
        Mistake(
            "strict",
            lambda s: _masked(s, _causal(s, -1)),
            "a query may not see its own position: it should; the diagonal belongs to what is allowed.",
        ),
        Mistake(
            "one-too-far",
            lambda s: _masked(s, _causal(s, 1)),
            "every query sees one position of the future: the triangle reaches one too far.",
        ),
        Mistake(
            "backwards",
            lambda s: _masked(s, np.tri(*s.shape[::-1]).T > 0),
            "each query sees itself and what comes after it: the triangle is transposed.",
        ),
        Mistake(
            "backwards-aligned",
            lambda s: _masked(s, ~_causal(s, -1)),
            "each query sees itself and what comes after it, not before: the triangle is the upper one.",
        ),
        Mistake("after-softmax", lambda s: _after(s, _causal(s)), AFTER),
        Mistake("zero-fill", lambda s: _masked(s, _causal(s), 0.0), ZERO_FILL),
        Mistake("mask-added", lambda s: reference.softmax(s + _causal(s)), "the bool mask is added to the scores."),
        Mistake("zero-times-infinity", lambda s: _zero_times_infinity(s, _causal(s)), ZERO_TIMES_INFINITY),
        Mistake(
            "axis-0",
            lambda s: np.asarray(np.exp(s - s.max(0)) * _causal(s) / (np.exp(s - s.max(0)) * _causal(s)).sum(0)),
            "each column sums to 1, each row should: the softmax runs over the keys, axis=-1.",
        ),
        Mistake("renormalised", lambda s: _renormalised(s, _causal(s)), RENORMALISED),
    ),
    remark=_row_remark,
)

PADDED_WEIGHTS = Exercise(
    returns=("weights",),
    right=lambda scores, lengths: _masked(scores, _real(scores, lengths)),
    trials=(
        Trial("sentences of 3 and 4 tokens", {"scores": numbers(91, 2, 7, 5), "lengths": np.array([3, 4])}),
        Trial("one sentence without any token", {"scores": numbers(92, 3, 2, 5), "lengths": np.array([4, 0, 5])}),
        Trial(
            "padding with a large score",
            {"scores": numbers(93, 2, 5, 7) + 1024.0 * (np.arange(7) == 6), "lengths": np.array([6, 2])},
            1e-3,
        ),
    ),
    mistakes=(
        Mistake(
            "not-masked",
            lambda s, n: reference.softmax(s),
            "equals the answer without a mask: padding still gets weight.",
        ),
        Mistake(
            "inverted",
            lambda s, n: _masked(s, ~_real(s, n)),
            "only padding gets weight: the mask is the wrong way round.",
        ),
        Mistake(
            "one-too-many",
            lambda s, n: _masked(s, _real(s, n, 1)),
            "the first padding token still gets weight: positions count from 0, so position < length is real.",
        ),
        Mistake(
            "one-too-few",
            lambda s, n: _masked(s, _real(s, n, -1)),
            "the last real token gets no weight: positions 0 to length - 1 are real.",
        ),
        Mistake(
            "queries-masked",
            lambda s, n: _masked(s, (np.arange(s.shape[1]) < n[:, None])[:, :, None] & np.ones(s.shape, bool)),
            "the queries are masked, not the keys: the mask goes along the last axis, (b, 1, j).",
        ),
        Mistake(
            "left-padding",
            lambda s, n: _masked(s, _real(s, n)[..., ::-1]),
            "the mask takes the first positions for padding: here the padding is at the end.",
        ),
        Mistake(
            "first-length-for-all",
            lambda s, n: _masked(s, _real(s, np.full_like(n, n[0]))),
            "every sentence is masked by the first one's length.",
        ),
        Mistake(
            "longest-for-all",
            lambda s, n: _masked(s, _real(s, np.full_like(n, n.max()))),
            "every sentence is masked by the longest one's length.",
        ),
        Mistake("after-softmax", lambda s, n: _after(s, _real(s, n)), AFTER),
        Mistake("zero-fill", lambda s, n: _masked(s, _real(s, n), 0.0), ZERO_FILL),
        Mistake("zero-times-infinity", lambda s, n: _zero_times_infinity(s, _real(s, n)), ZERO_TIMES_INFINITY),
        Mistake(
            "nan-row",
            lambda s, n: _with_nan(s, _real(s, n)),
            "a sentence without tokens gives NaN, which is 0/0: make its weights zero.",
        ),
        Mistake(
            "uniform-row",
            lambda s, n: _masked(s, _real(s, n), -1e9),
            "a sentence without tokens weighs all its padding alike: a large negative number is not -inf. "
            "Make its weights zero.",
        ),
        Mistake("renormalised", lambda s, n: _renormalised(s, _real(s, n)), RENORMALISED),
    ),
    remark=_row_remark,
)
