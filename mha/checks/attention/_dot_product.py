"""Attention, without a mask and with one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mha import reference
from mha.checks.attention._softmax import (
    GLOBAL_SHIFT,
    OVER_QUERIES,
    OVERFLOWS,
    global_shift,
    row_sums,
    sums_to_one,
    unstable,
)
from mha.checks.diagnosis import Exercise, Inputs, Mistake, Trial
from mha.checks.inputs import LARGE_RTOL, far_rows, mask, numbers, qkv, tempting_keys

Array = NDArray[Any]


def _scores(q: Array, k: Array) -> Array:
    return np.asarray(q @ k.T / np.sqrt(q.shape[-1]))


def _with_values(weights: Array, v: Array) -> tuple[Array, Array]:
    return weights @ v, weights


def _rescaled(factor: Any) -> Any:
    """Attention whose scores q kᵀ are multiplied by factor(q, k, v) instead of 1/√d."""
    return lambda q, k, v, *mask: reference.attention(
        q, k, v, scale=factor(q, k, v), attn_mask=mask[0] if mask else None
    )


def _reweighted(weigh: Any) -> Any:
    """Attention whose weights are weigh(scores, mask if any) instead of the softmax over the last axis."""
    return lambda q, k, v, *mask: _with_values(weigh(_scores(q, k), *mask), v)


def _refilled(fill: float) -> Any:
    """Masked attention that puts a finite number, not -inf, where the mask forbids."""
    return _reweighted(lambda scores, mask: reference.softmax(np.where(mask, scores, fill)))


def _masked(scores: Array, mask: Array) -> Array:
    return np.where(mask, scores, -np.inf)


def _no_keys_zero(weights: Array, mask: Array) -> Array:
    return np.where(mask.any(-1, keepdims=True), weights, 0.0)


def _attention_remark(inputs: Inputs, outputs: Inputs) -> str:
    follows = np.allclose(outputs["weights"] @ inputs["v"], outputs["out"], rtol=1e-4, atol=1e-5, equal_nan=True)
    tail = "out is your weights times v, so look at the weights." if follows else "out is not your weights times v."
    return f"{row_sums(outputs['weights'])} Your {tail}"


SHARED_MISTAKES = (
    Mistake(
        "unscaled",
        _rescaled(lambda q, k, v: 1.0),
        "equals the answer without the scale: divide the scores by √d before the softmax.",
    ),
    Mistake(
        "divides-by-d",
        _rescaled(lambda q, k, v: 1.0 / q.shape[1]),
        "the scores are divided by d; divide by its square root.",
    ),
    Mistake(
        "multiplies-by-root-d",
        _rescaled(lambda q, k, v: np.sqrt(q.shape[1])),
        "the scores are multiplied by √d; divide by it.",
    ),
    Mistake(
        "root-of-keys",
        _rescaled(lambda q, k, v: 1.0 / np.sqrt(len(k))),
        "the scores are divided by the root of the number of keys; d is the length of one key, k.shape[-1].",
    ),
    Mistake(
        "root-of-queries",
        _rescaled(lambda q, k, v: 1.0 / np.sqrt(len(q))),
        "the scores are divided by the root of the number of queries; d is the length of one query, q.shape[-1].",
    ),
    Mistake(
        "root-of-value-width",
        _rescaled(lambda q, k, v: 1.0 / np.sqrt(v.shape[1])),
        "the scores are divided by the root of the values' width; d is the width of queries and keys.",
    ),
)

ATTENTION = Exercise(
    returns=("out", "weights"),
    right=reference.attention,
    trials=(
        Trial("small scores", qkv(21, 3, 7, 5, 2)),
        Trial("large scores", far_rows(qkv(24, 3, 7, 5, 2)), single_rtol=LARGE_RTOL),
        Trial("other sizes", qkv(27, 5, 2, 13, 11)),
    ),
    mistakes=(
        *SHARED_MISTAKES,
        Mistake("axis-0", _reweighted(lambda s: reference.softmax(s, axis=0)), OVER_QUERIES),
        Mistake(
            "whole-array",
            _reweighted(lambda s: sums_to_one(np.exp(s - s.max()), axis=None)),
            "all weights together sum to 1, each row should: the softmax lacks its axis, the last.",
        ),
        Mistake("overflows", _reweighted(unstable), OVERFLOWS),
        Mistake("global-shift", _reweighted(global_shift), GLOBAL_SHIFT),
        Mistake(
            "no-softmax",
            _reweighted(lambda s: s),
            "these weights are the scores themselves: the softmax is missing.",
        ),
        Mistake(
            "not-normalised",
            _reweighted(np.exp),
            "the weights are exponentials that sum to anything: divide each row by its sum.",
        ),
        Mistake(
            "scaled-after-softmax",
            lambda q, k, v: _with_values(reference.softmax(q @ k.T) / np.sqrt(q.shape[1]), v),
            "the rows of weights sum to 1/√d: the scale comes after the softmax and should come before.",
        ),
        Mistake(
            "scores-returned",
            lambda q, k, v: (reference.attention(q, k, v)[0], _scores(q, k)),
            "out is right, but beside it you return the scores: return the weights.",
        ),
        Mistake(
            "order-swapped",
            lambda q, k, v: reference.attention(q, k, v)[::-1],
            "you return (weights, out): return (out, weights).",
        ),
        Mistake(
            "weights-transposed",
            lambda q, k, v: (reference.attention(q, k, v)[0], reference.attention(q, k, v)[1].T),
            "out is right, the weights are transposed: a row for each query, a column for each key.",
        ),
        Mistake(
            "reshaped-keys",
            lambda q, k, v: _with_values(reference.softmax(q @ k.reshape(k.shape[::-1]) / np.sqrt(q.shape[1])), v),
            "k.reshape(d, j) has the shape of kᵀ, but its numbers are shuffled: transpose with k.T.",
        ),
        Mistake(
            "keys-for-values",
            lambda q, k, v: _with_values(reference.attention(q, k, v)[1], k),
            "the weights are right, but they average the keys: multiply them with v.",
        ),
        Mistake(
            "cosine",
            lambda q, k, v: _with_values(
                reference.softmax(q @ k.T / np.linalg.norm(q, axis=1, keepdims=True) / np.linalg.norm(k, axis=1)),
                v,
            ),
            "the scores are cosines: queries and keys keep their lengths, only √d divides.",
        ),
    ),
    remark=_attention_remark,
)

MASKED_ATTENTION = Exercise(
    returns=("out", "weights"),
    right=lambda q, k, v, attn_mask: reference.attention(q, k, v, attn_mask=attn_mask),
    trials=(
        Trial("a mask that leaves each query some keys", {**qkv(31, 3, 7, 5, 2), "attn_mask": mask(3, 7)}),
        Trial("a query that may attend to nothing", {**qkv(34, 3, 7, 5, 2), "attn_mask": mask(3, 7, empty_row=1)}),
        Trial(
            "forbidden keys with large scores", tempting_keys(qkv(37, 3, 7, 5, 2), numbers(40, 7) > -0.5), LARGE_RTOL
        ),
        Trial("other sizes", {**qkv(41, 5, 3, 13, 11), "attn_mask": mask(5, 3)}),
    ),
    mistakes=(
        *SHARED_MISTAKES,
        Mistake(
            "mask-ignored",
            lambda q, k, v, m: reference.attention(q, k, v),
            "equals the answer without the mask: forbidden keys still get weight.",
        ),
        Mistake(
            "mask-inverted",
            lambda q, k, v, m: reference.attention(q, k, v, attn_mask=~m),
            "the weight goes to the forbidden keys: True means may attend, so it is ~attn_mask that gets -inf.",
        ),
        Mistake(
            "masked-after-softmax",
            _reweighted(lambda s, m: reference.softmax(s) * m),
            "the rows of weights sum to less than 1: you mask after the softmax. Put -inf into the scores before it.",
        ),
        Mistake(
            "zero-score",
            _refilled(0.0),
            "forbidden keys still get weight: a score of 0 gives exp(0) = 1, not 0. Fill with -inf.",
        ),
        Mistake(
            "mask-added",
            _reweighted(lambda s, m: reference.softmax(s + m)),
            "the bool mask is added to the scores as 0 and 1: put -inf where it is False.",
        ),
        Mistake(
            "causal",
            lambda q, k, v, m: reference.attention(q, k, v, attn_mask=np.tri(*m.shape, dtype=bool)),
            "this is the answer with a causal mask: use the mask that you are given.",
        ),
        Mistake(
            "axis-0",
            _reweighted(lambda s, m: reference.softmax(_masked(s, m), axis=0)),
            OVER_QUERIES,
        ),
        Mistake(
            "nan-row",
            _reweighted(lambda s, m: sums_to_one(np.exp(_masked(s, m) - _masked(s, m).max(-1, keepdims=True)))),
            "a query that may attend to nothing gives NaN, which is 0/0: make its weights and out zero.",
        ),
        Mistake(
            "uniform-row",
            _refilled(-1e9),
            "a query that may attend to nothing weighs all keys alike: a large negative number is not -inf. "
            "Make its weights zero.",
        ),
        Mistake(
            "unmasked-row",
            _reweighted(lambda s, m: reference.softmax(np.where(m | ~m.any(-1, keepdims=True), s, -np.inf))),
            "a query that may attend to nothing attends as if nothing were masked: make its weights zero.",
        ),
        Mistake(
            "zero-times-infinity",
            _reweighted(lambda s, m: reference.softmax(s + (1 - m) * -np.inf)),
            "all is NaN: 0 * -inf is NaN, so a mask cannot be multiplied by -inf. "
            "Write np.where(attn_mask, scores, -np.inf).",
        ),
        Mistake("overflows", _reweighted(lambda s, m: _no_keys_zero(unstable(_masked(s, m)), m)), OVERFLOWS),
        Mistake("global-shift", _reweighted(lambda s, m: _no_keys_zero(global_shift(_masked(s, m)), m)), GLOBAL_SHIFT),
        Mistake(
            "renormalised",
            _reweighted(lambda s, m: _no_keys_zero(sums_to_one(reference.softmax(s) * m), m)),
            "where a forbidden key has by far the largest score, the weights you keep are all 0 before you "
            "divide by their sum. Put -inf into the scores before the softmax.",
        ),
    ),
    remark=_attention_remark,
)
