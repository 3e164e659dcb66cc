"""Attention without a mask, and what it shares with attention under one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.attention._softmax import (
    GLOBAL_SHIFT,
    NOT_BASE_E,
    OVER_QUERIES,
    OVERFLOW_HIDDEN,
    OVERFLOWS,
    WRONG_BASES,
    WRONG_SHIFTS,
    global_shift,
    guarded,
    hidden,
    row_sums,
    sums_to_one,
    unstable,
)
from course.checks.diagnosis import Exercise, Inputs, Mistake, Trial
from course.checks.inputs import LARGE_RTOL, far_key, qkv
from mha import reference

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


def reweighted(weigh: Any) -> Any:
    """Attention whose weights are weigh(scores, mask if any) instead of the softmax over the last axis."""
    return lambda q, k, v, *mask: _with_values(weigh(_scores(q, k), *mask), v)


def attention_remark(inputs: Inputs, outputs: Inputs) -> str:
    follows = np.allclose(outputs["weights"] @ inputs["v"], outputs["out"], rtol=1e-4, atol=1e-5, equal_nan=True)
    tail = "out is your weights times v, so look at the weights." if follows else "out is not your weights times v."
    wanted = inputs["attn_mask"].any(-1) if "attn_mask" in inputs else 1.0  # a row without keys has nothing to sum to
    return f"{row_sums(outputs['weights'], wanted)} Your {tail}".strip()


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
    Mistake(
        "fixed-width",
        _rescaled(lambda q, k, v: 1.0 / np.sqrt(5)),
        "the scores are divided by √5 whatever the width: take d from the queries, q.shape[-1].",
    ),
)

ATTENTION = Exercise(
    returns=("out", "weights"),
    right=reference.attention,
    trials=(
        Trial("small scores", qkv(21, 3, 7, 5, 2)),
        Trial("large scores", far_key(qkv(24, 3, 7, 5, 2)), single_rtol=LARGE_RTOL),
        Trial("other sizes", qkv(27, 5, 2, 13, 11)),
    ),
    mistakes=(
        *SHARED_MISTAKES,
        Mistake("axis-0", reweighted(lambda s: reference.softmax(s, axis=0)), OVER_QUERIES),
        Mistake(
            "whole-array",
            reweighted(lambda s: sums_to_one(np.exp(s - s.max()), axis=None)),
            "all weights together sum to 1, each row should: the softmax lacks its axis, the last.",
        ),
        Mistake("overflows", reweighted(unstable), OVERFLOWS),
        Mistake(
            "overflow-hidden",
            reweighted(lambda s: hidden(unstable(s))),
            OVERFLOW_HIDDEN,
            also=(reweighted(lambda s: guarded(np.exp(s))),),
        ),
        Mistake(
            "global-shift",
            reweighted(global_shift),
            GLOBAL_SHIFT,
            also=(reweighted(lambda s: guarded(np.exp(s - s.max()))),),
        ),
        Mistake("base", reweighted(WRONG_BASES[0]), NOT_BASE_E, also=tuple(map(reweighted, WRONG_BASES[1:]))),
        *(Mistake(key, reweighted(weigh), message) for key, weigh, message in WRONG_SHIFTS),
        Mistake(
            "no-softmax",
            reweighted(lambda s: s),
            "these weights are the scores themselves: the softmax is missing.",
        ),
        Mistake(
            "not-normalised",
            reweighted(np.exp),
            "the weights are exponentials that sum to anything: divide each row by its sum.",
            also=(reweighted(lambda s: np.exp(s - s.max(-1, keepdims=True))),),
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
            "weights-twice",
            lambda q, k, v: (reference.attention(q, k, v)[1],) * 2,
            "you return the weights twice: return (out, weights), where out is weights @ v.",
        ),
        Mistake(
            "out-twice",
            lambda q, k, v: (reference.attention(q, k, v)[0],) * 2,
            "you return out twice: return (out, weights).",
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
    remark=attention_remark,
)
