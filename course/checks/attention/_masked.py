"""Attention with a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.attention._dot_product import SHARED_MISTAKES, attention_remark, reweighted
from course.checks.attention._softmax import (
    GLOBAL_SHIFT,
    OVER_QUERIES,
    OVERFLOW_HIDDEN,
    OVERFLOWS,
    global_shift,
    guarded,
    hidden,
    sums_to_one,
    unstable,
)
from course.checks.diagnosis import Exercise, Mistake, Trial
from course.checks.inputs import LARGE_RTOL, mask, numbers, qkv, tempting_keys
from mha import reference

Array = NDArray[Any]


def _refilled(fill: float) -> Any:
    """Masked attention that puts a finite number, not -inf, where the mask forbids."""
    return reweighted(lambda scores, mask: reference.softmax(np.where(mask, scores, fill)))


def _masked(scores: Array, mask: Array) -> Array:
    return np.where(mask, scores, -np.inf)


def _tempted() -> dict[str, Array]:
    """11 queries whose allowed scores are near -800, 0, 800 and 800; the last kind has no forbidden key above them.

    The rows that fail tell masking too late (the first three kinds), one shift for all rows (the first two), a fill
    that is not low enough (the first) and exp of large scores (all but the second) from each other.
    """
    inputs = tempting_keys(qkv(37, 11, 7, 5, 2), numbers(40, 7) > -0.5)
    inputs["q"][:, -1] = np.resize([-448.0, 0.0, 448.0, 448.0], 11)
    inputs["q"][3::4, -2] = 0.0
    return inputs


def _no_keys_zero(weights: Array, mask: Array) -> Array:
    return np.where(mask.any(-1, keepdims=True), weights, 0.0)


def _filled(fill: float) -> tuple[Any, ...]:
    """Masked attention with a fill that is not low enough, put in or added, then perhaps with weights set to 0."""
    ways = (
        lambda s, m: np.where(m, s, fill),
        lambda s, m: np.where(m, s, s + fill),
    )
    return tuple(
        reweighted(lambda s, m, way=way, last=last: last(reference.softmax(way(s, m)), m))
        for way in ways
        for last in (lambda weights, m: weights, _no_keys_zero, lambda weights, m: weights * m)
    )


MASKED_ATTENTION = Exercise(
    returns=("out", "weights"),
    right=lambda q, k, v, attn_mask: reference.attention(q, k, v, attn_mask=attn_mask),
    trials=(
        Trial("a mask that leaves each query some keys", {**qkv(31, 3, 7, 5, 2), "attn_mask": mask(3, 7)}),
        Trial("a query that may attend to nothing", {**qkv(34, 3, 7, 5, 2), "attn_mask": mask(3, 7, empty_row=1)}),
        Trial("forbidden keys with large scores", _tempted(), LARGE_RTOL),
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
            reweighted(lambda s, m: reference.softmax(s) * m),
            "the rows of weights sum to less than 1: you mask after the softmax. Put -inf into the scores before it.",
        ),
        Mistake(
            "zero-score",
            _refilled(0.0),
            "forbidden keys still get weight: a score of 0 gives exp(0) = 1, not 0. Fill with -inf.",
        ),
        Mistake(
            "mask-added",
            reweighted(lambda s, m: reference.softmax(s + m)),
            "this equals adding the mask to the scores as 0 and 1: put -inf where it is False.",
        ),
        Mistake(
            "causal",
            lambda q, k, v, m: reference.attention(q, k, v, attn_mask=np.tri(*m.shape, dtype=bool)),
            "this is the answer with a causal mask: use the mask that you are given.",
        ),
        Mistake(
            "axis-0",
            reweighted(lambda s, m: reference.softmax(_masked(s, m), axis=0)),
            OVER_QUERIES,
        ),
        Mistake(
            "nan-row",
            reweighted(lambda s, m: sums_to_one(np.exp(_masked(s, m) - _masked(s, m).max(-1, keepdims=True)))),
            "a query that may attend to nothing gives NaN (from 0/0, or from -inf minus -inf): "
            "make its weights and out zero.",
        ),
        Mistake(
            "uniform-row",
            _refilled(-1e9),
            "a query that may attend to nothing gets equal weights over all keys: make its weights and out zero.",
        ),
        Mistake(
            "unmasked-row",
            reweighted(lambda s, m: reference.softmax(np.where(m | ~m.any(-1, keepdims=True), s, -np.inf))),
            "a query that may attend to nothing attends as if nothing were masked: make its weights zero.",
        ),
        Mistake(
            "zero-times-infinity",
            reweighted(lambda s, m: reference.softmax(s + (1 - m) * -np.inf)),
            "all is NaN, and 0 * -inf and inf - inf are. So do not multiply a mask by -inf, but write "
            "np.where(attn_mask, scores, -np.inf), and subtract a row's largest score, never its mean or smallest, "
            "which are then -inf.",
        ),
        Mistake(
            "scores-times-infinity",
            reweighted(
                lambda s, m: sums_to_one(np.exp((x := s * np.where(m, 1.0, -np.inf)) - x.max(-1, keepdims=True)))
            ),
            "a negative score times -inf is +inf, and all of its row NaN: write np.where(attn_mask, scores, -np.inf).",
        ),
        Mistake(
            "weights-filled",
            reweighted(lambda s, m: np.where(m, reference.softmax(s), -np.inf)),
            "the weights are filled with -inf, after the softmax: fill the scores before it.",
        ),
        Mistake(
            "one-row-for-all",
            reweighted(lambda s, m: reference.softmax(_masked(s, m[:1]))),
            "every query gets the mask of the first: use row i of attn_mask for query i.",
        ),
        Mistake(
            "overflows",
            reweighted(lambda s, m: _no_keys_zero(unstable(_masked(s, m)), m)),
            OVERFLOWS,
            also=(reweighted(lambda s, m: _no_keys_zero(sums_to_one(np.exp(s) * m), m)),),
        ),
        Mistake(
            "overflow-hidden",
            reweighted(lambda s, m: hidden(unstable(_masked(s, m)))),
            OVERFLOW_HIDDEN,
            also=(
                reweighted(lambda s, m: hidden(sums_to_one(np.exp(s) * m))),
                reweighted(lambda s, m: guarded(np.exp(_masked(s, m)))),
                reweighted(lambda s, m: guarded(np.exp(s) * m)),
            ),
        ),
        Mistake(
            "global-shift",
            reweighted(lambda s, m: _no_keys_zero(global_shift(_masked(s, m)), m)),
            GLOBAL_SHIFT,
            also=(reweighted(lambda s, m: guarded(np.exp(_masked(s, m) - _masked(s, m).max()))),),
        ),
        Mistake(
            "renormalised",
            reweighted(lambda s, m: _no_keys_zero(sums_to_one(reference.softmax(s) * m), m)),
            "a forbidden key with a large score pushes the allowed ones to 0, so that nothing is left to divide by "
            "their sum: mask before the softmax, with -inf in the scores.",
            also=(reweighted(lambda s, m: guarded(reference.softmax(s) * m)),),
        ),
        Mistake(
            "fill-not-low-enough",
            _filled(-10.0)[0],
            "a number such as -10 or -100 is not low enough: a forbidden key still takes weight. Use -inf.",
            also=tuple(answer for fill in (*range(-1, -13, -1), -100.0) for answer in _filled(fill)),
        ),
    ),
    remark=attention_remark,
)
