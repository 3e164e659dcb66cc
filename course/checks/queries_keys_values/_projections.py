"""Attention with its three maps, over one sequence and from one to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Inputs, Mistake, Trial
from course.checks.inputs import numbers
from mha import reference

Array = NDArray[Any]


def _cross(x: Array, context: Array, w_q: Array, w_k: Array, w_v: Array, **how: Any) -> tuple[Array, Array]:
    return reference.attention(x @ w_q, context @ w_k, context @ w_v, **how)


def _self(x: Array, w_q: Array, w_k: Array, w_v: Array, **how: Any) -> tuple[Array, Array]:
    return _cross(x, x, w_q, w_k, w_v, **how)


def _reweighted(weigh: Any) -> Any:
    """Cross-attention whose weights are weigh(scaled scores)."""

    def answer(x: Array, context: Array, w_q: Array, w_k: Array, w_v: Array) -> tuple[Array, Array]:
        weights = weigh((x @ w_q) @ (context @ w_k).T / np.sqrt(w_q.shape[1]))
        return weights @ (context @ w_v), weights

    return answer


def _on_itself(mistake: Any) -> Any:
    """The same mistake in self-attention."""
    return lambda x, w_q, w_k, w_v: mistake(x, x, w_q, w_k, w_v)


def _with_values(values: Any) -> Any:
    """Cross-attention that averages values(context, w_q, w_k) instead of context w_v."""

    def answer(x: Array, context: Array, w_q: Array, w_k: Array, w_v: Array) -> tuple[Array, Array]:
        weights = _cross(x, context, w_q, w_k, w_v)[1]
        return weights @ values(context, w_q, w_k), weights

    return answer


def _remark(inputs: Inputs, outputs: Inputs) -> str:
    values = inputs.get("context", inputs["x"]) @ inputs["w_v"]
    follows = np.allclose(outputs["weights"] @ values, outputs["out"], rtol=1e-4, atol=1e-5, equal_nan=True)
    return f"Your out is {'' if follows else 'not '}your weights times the values."


SHARED = (
    ("unscaled", lambda *a: _cross(*a, scale=1.0), "equals the answer without the scale: divide the scores by √d."),
    (
        "root-of-d-model",
        lambda *a: _cross(*a, scale=a[0].shape[1] ** -0.5),
        "the scores are divided by the root of x's width; d is the width of queries and keys, w_q.shape[1].",
    ),
    (
        "maps-swapped",
        lambda x, c, w_q, w_k, w_v: _cross(x, c, w_k, w_q, w_v),
        "w_q and w_k are swapped: each query is compared as if it were a key.",
    ),
    (
        "queries-as-keys",
        lambda x, c, w_q, w_k, w_v: _cross(x, c, w_q, w_q, w_v),
        "the keys are made with w_q: they have a map of their own, w_k.",
    ),
    (
        "keys-as-queries",
        lambda x, c, w_q, w_k, w_v: _cross(x, c, w_k, w_k, w_v),
        "the queries are made with w_k: they have a map of their own, w_q.",
    ),
    (
        "keys-as-values",
        _with_values(lambda c, w_q, w_k: c @ w_k),
        "the weights are right, but they average the keys: average the values, made with w_v.",
    ),
    (
        "queries-as-values",
        _with_values(lambda c, w_q, w_k: c @ w_q),
        "the weights are right, but they average the queries: average the values, made with w_v.",
    ),
    (
        "values-not-mapped",
        _with_values(lambda c, w_q, w_k: c),
        "the weights are right, but they average the input itself: map it by w_v first.",
    ),
    (
        "axis-0",
        _reweighted(lambda s: reference.softmax(s, axis=0)),
        "each column sums to 1, each row should: the softmax runs over the keys, axis=-1.",
    ),
    (
        "no-softmax",
        _reweighted(lambda s: s),
        "these weights are the scores themselves: the softmax is missing.",
    ),
    (
        "order-swapped",
        lambda *a: _cross(*a)[::-1],
        "you return (weights, out): return (out, weights).",
    ),
)


def _inputs(seed: int, lengths: tuple[int, ...], m: int, d: int, e: int) -> dict[str, Array]:
    """x, the context if there is a second length, and the three maps; a quarter as large, for ordinary weights."""
    sequences = {
        name: numbers(seed + n, length, m)
        for n, (name, length) in enumerate(zip(("x", "context"), lengths, strict=False))
    }
    widths = {"w_q": d, "w_k": d, "w_v": e}
    return sequences | {name: numbers(seed + 5 + n, m, width) / 4 for n, (name, width) in enumerate(widths.items())}


SELF_ATTENTION = Exercise(
    returns=("out", "weights"),
    right=_self,
    trials=(
        Trial("seven tokens", _inputs(101, (7,), 11, 5, 2)),
        Trial("other sizes", _inputs(111, (3,), 5, 7, 13)),
    ),
    mistakes=(
        *(Mistake(key, _on_itself(answer), message) for key, answer, message in SHARED),
        Mistake(
            "one-map",
            lambda x, w_q, w_k, w_v: _self(x, w_q, w_q, w_q),
            "queries, keys and values are all made with w_q: each has a map of its own.",
        ),
        Mistake(
            "no-maps",
            lambda x, w_q, w_k, w_v: reference.attention(x, x, x),
            "the maps are not used: this is attention over the input itself.",
        ),
        Mistake(
            "causal",
            lambda x, *w: _self(x, *w, attn_mask=np.tri(len(x), dtype=bool)),
            "this is the answer with a causal mask: here every token may attend to every other.",
        ),
    ),
    remark=_remark,
)

CROSS_ATTENTION = Exercise(
    returns=("out", "weights"),
    right=_cross,
    trials=(
        Trial("three queries, seven tokens of context", _inputs(121, (3, 7), 11, 5, 2)),
        Trial("other sizes", _inputs(131, (5, 2), 3, 7, 13)),
    ),
    mistakes=(
        *(Mistake(*row) for row in SHARED),
        Mistake(
            "sides-swapped",
            lambda x, c, *w: _cross(c, x, *w),
            "the queries come from the context, keys and values from x: x asks, the context answers.",
        ),
        Mistake(
            "context-ignored",
            lambda x, c, *w: _self(x, *w),
            "this is self-attention over x: keys and values come from the context.",
        ),
        Mistake(
            "context-alone",
            lambda x, c, *w: _self(c, *w),
            "this is self-attention over the context: the queries come from x, one for each row of out.",
        ),
        Mistake(
            "both-sides",
            lambda x, c, *w: _cross(x, np.concatenate([x, c]), *w),
            "the keys come from x and the context together: they come from the context alone.",
        ),
        Mistake(
            "weights-transposed",
            lambda *a: (_cross(*a)[0], _cross(*a)[1].T),
            "out is right, the weights are transposed: a row for each query, a column for each token of the context.",
        ),
    ),
    remark=_remark,
)
