"""Checks for the chapter on queries, keys and values: lookups, masks, self- and cross-attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Feedback, Mistake, Trial, listed
from course.checks.inputs import LARGE_RTOL, numbers, qkv
from course.checks.numeric import Numbers
from course.checks.shared import ATTENTION, CAUSAL, MASK, OUTPUTS, SOFTMAX, UNMASKED, largest, total

__all__ = ["EXERCISES", "causal_weights", "cross_attention", "lookup", "padded_weights", "pointing", "self_attention"]

Array = NDArray[Any]

_SCALED = Mistake(
    "scaled",
    "np.exp(scores -> np.exp((scores := scores / np.sqrt(scores.shape[-1]))",
    "the scores are divided by a root once more: they are handed over as they enter the softmax.",
    also=("np.exp(scores -> np.exp((scores := scores / np.sqrt(scores.shape[-2]))",),
)

# ---- exact lookup, then soft


def _lookup(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
    """The value of each query's best key, and the average of all values."""
    dots = q @ k.T
    best = dots.argmax(1)
    hard = v[best]
    scores = dots
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    soft = weights @ v
    return hard, soft


def _tied(inputs: dict[str, Array]) -> dict[str, Array]:
    """Every key twice, with another value, so that the largest score is always shared by two."""
    return inputs | {"k": np.tile(inputs["k"], (2, 1)), "v": np.concatenate([inputs["v"], inputs["v"] + 1])}


def _large(inputs: dict[str, Array]) -> dict[str, Array]:
    """Scores beyond the 709 at which exp overflows."""
    return inputs | {"q": 512 * inputs["q"]}


def _mean_of_ties(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
    dots = q @ k.T
    best = (dots == dots.max(axis=-1, keepdims=True)).astype(float)
    return best @ v / best.sum(axis=-1, keepdims=True), _lookup(q, k, v)[1]


lookup = Exercise(
    _lookup,
    "q (i, d), k (j, d), v (j, e) -> hard (i, e), soft (i, e)",
    trials=(
        Trial("three queries and seven keys", qkv(71, 3, 7, 5, 2)),
        Trial("keys that share the largest score", _tied(qkv(77, 5, 3, 2, 7))),
        Trial("large scores", _large(qkv(74, 5, 11, 3, 13)), LARGE_RTOL),
    ),
    shared=(*SOFTMAX, *OUTPUTS),
    mistakes=(
        Mistake(
            "last-of-ties",
            "dots.argmax(1) -> dots.shape[1] - 1 - dots[:, ::-1].argmax(1)",
            "where several keys share the largest score, you take the last of them: take the first, as argmax does.",
        ),
        Mistake(
            "mean-of-ties",
            _mean_of_ties,
            "where several keys share the largest score, you average their values: take the first, as argmax does.",
        ),
        Mistake(
            "smallest",
            "argmax(1) -> argmin(1)",
            "this is the value of the key with the smallest score: take the largest.",
        ),
        Mistake(
            "argmax-over-queries",
            "argmax(1) -> argmax(0)",
            "argmax runs over the queries and gives a row for each key: each query chooses among the keys, axis=-1.",
        ),
        Mistake(
            "one-choice-for-all",
            "best = dots.argmax(1) -> best = np.repeat(dots.argmax() % len(k), len(q))",
            "every query gets the same value: argmax lacks its axis, the last.",
            also=("argmax(1) -> argmax()",),
        ),
        Mistake(
            "best-key",
            "hard = v[best] -> hard = k[best]",
            "this is the best key itself: return the value that belongs to it.",
        ),
        Mistake(
            "index",
            "hard = v[best] -> hard = best",
            "these are the positions of the best keys: look the values up there, v[positions].",
        ),
        Mistake(
            "largest-score",
            "hard = v[best] -> hard = dots.max(axis=1)",
            "these are the largest scores: argmax says where they are, v[...] what is stored there.",
        ),
        Mistake(
            "nearest",
            "best = dots.argmax(1) -> best = ((q[:, None] - k) ** 2).sum(2).argmin(1)",
            "this is the value of the nearest key: compare by dot product, not by distance.",
        ),
        Mistake(
            "cosine-lookup",
            "best = dots.argmax(1) -> best = (dots / np.linalg.norm(k, axis=1)).argmax(1)",
            "the best key is chosen by the cosine: compare by dot product, without dividing by lengths.",
        ),
        Mistake(
            "equal-keys-only",
            "hard = v[best] -> hard = np.zeros((len(q), v.shape[1]))",
            "no key equals a query, so nothing is found: take the value of the key with the largest dot product.",
        ),
        Mistake(
            "largest-of-values",
            "hard = v[best] -> hard = v.max(axis=-1)",
            "the largest is taken among the values: choose by the scores, v[argmax of the scores].",
            also=(
                "hard = v[best] -> hard = v.max(axis=0)",
                "hard = v[best] -> hard = np.tile(v.max(axis=0), (len(q), 1))",
            ),
        ),
        Mistake(
            "hard-twice",
            "return hard, soft -> return hard, hard",
            "this is the best key's value again: average all values with the softmax of the scores.",
        ),
        Mistake(
            "soft-twice",
            "return hard, soft -> return soft, soft",
            "this is the average again: hard is one value, that of the key with the largest score.",
        ),
        Mistake(
            "order-swapped", "return hard, soft -> return soft, hard", "you return (soft, hard): return (hard, soft)."
        ),
        Mistake("hard-alone", "return hard, soft -> return hard", "you return hard alone: return (hard, soft)."),
        Mistake("soft-alone", "return hard, soft -> return soft", "you return soft alone: return (hard, soft)."),
        Mistake(
            "weights-returned",
            "return hard, soft -> return hard, weights",
            "these are the weights of the keys: return the average of the values, weights @ v.",
        ),
        Mistake(
            "scaled",
            "scores = dots -> scores = dots / np.sqrt(q.shape[-1])",
            "the scores are divided by √d: not here, the scores are plain dot products.",
            also=("scores = dots -> scores = dots / q.shape[-1]",),
        ),
        Mistake(
            "distances-in-softmax",
            "scores = dots -> scores = -((q[:, None] - k) ** 2).sum(2)",
            "the softmax is taken of distances: take it of the dot products.",
            also=("scores = dots -> scores = -((q[:, None] - k) ** 2).sum(2) / 2",),
        ),
        Mistake(
            "plain-mean",
            "soft = weights @ v -> soft = np.tile(v.mean(0), (len(q), 1))",
            "this is the plain average of the values: weigh them by the softmax of the scores.",
        ),
        Mistake(
            "over-queries",
            "axis=-1 -> axis=0",
            "the softmax runs over the queries: the weights of each query sum to 1, axis=-1.",
        ),
    ),
)

# ---- weights under a mask


def _one_large(scores: Array, key: int) -> Array:
    """One key's scores far above the others'; in the second query's row all are as large, where exp overflows."""
    large = np.arange(scores.shape[-1]) == key
    return scores + 1024.0 * (large | (np.arange(scores.shape[-2]) == 1)[:, None])


def _causal_weights(scores: Array) -> Array:
    """Causal weights, the last query level with the last key; i ≤ j."""
    n_queries, n_keys = scores.shape
    allowed = np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)
    scores = np.where(allowed, scores, -np.inf)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    return weights


_TRI = "np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)"
_FILL = "np.where(allowed, scores, -np.inf)"
WEIGHTS = (
    Mistake("scores", "return weights -> return scores", "these are the masked scores: the softmax is missing."),
    Mistake("mask", "return weights -> return allowed * 1.0", "this is the mask itself: put it to use on the scores."),
    Mistake(
        "transposed",
        "return weights -> return weights.swapaxes(-1, -2)",
        "the weights are transposed: a row for each query, a column for each key.",
    ),
)
causal_weights = Exercise(
    _causal_weights,
    "scores (i, j) -> weights (i, j)",
    trials=(
        Trial("three queries and five keys", {"scores": numbers(81, 3, 5)}),
        Trial("one query more than half the keys", {"scores": numbers(82, 7, 11)}),
        Trial("a forbidden key with a large score", {"scores": _one_large(numbers(83, 3, 7), 6)}, 1e-3),
    ),
    shared=(*CAUSAL, *MASK, *SOFTMAX, _SCALED),
    mistakes=(
        *WEIGHTS,
        Mistake(
            "backwards",
            f"{_TRI} -> np.tri(n_keys, n_queries, dtype=bool).T",
            "each query sees itself and what comes after it: the triangle is transposed.",
        ),
        Mistake(
            "sign-of-offset",
            f"{_TRI} -> np.tri(n_queries, n_keys, n_queries - n_keys, dtype=bool)",
            "the offset has the wrong sign: the triangle moves right, by the number of keys less that of queries.",
            also=(
                (f"{_TRI} -> np.tri(n_queries, n_keys, n_queries - n_keys, dtype=bool)", "total -> total.__wrapped__"),
            ),
        ),
        Mistake(
            "future-alone",
            f"{_TRI} -> ~np.tri(n_queries, n_keys, dtype=bool)",
            "only later keys get weight, and the first query is level with the first key: keep the lower triangle, "
            "moved right by j - i.",
            also=(f"{_TRI} -> ~np.tri(n_queries, n_keys, -1, dtype=bool)",),
        ),
        Mistake(
            "keys-cut-off",
            "return weights -> return weights[:, :n_queries]",
            "a column for some keys is missing: return weights for all keys, (i, j).",
            also=("n_queries, n_keys = scores.shape -> n_queries = n_keys = len(scores); scores = scores[:, :n_keys]",),
        ),
        Mistake(
            "square-mask",
            f"{_TRI} -> np.tri(n_queries, dtype=bool)",
            "the mask is square, (i, i): it needs a column for each key, (i, j), the last query level with the last.",
            also=(f"{_TRI} -> np.tri(n_keys, dtype=bool)",),
        ),
    ),
)


def _padded_weights(scores: Array, lengths: Array) -> Array:
    """Weights without any on padding, zeros where all is padding."""
    places = np.arange(scores.shape[-1])
    allowed = (places < lengths[:, None])[:, None, :]
    scores = np.where(allowed, scores, -np.inf)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    return weights


_QUERIES = "allowed = (np.arange(scores.shape[1]) < lengths[:, None])[:, :, None]"
padded_weights = Exercise(
    _padded_weights,
    "scores (b, i, j), lengths (b) -> weights (b, i, j)",
    trials=(
        Trial("sentences of 3 and 4 tokens", {"scores": numbers(91, 2, 7, 5), "lengths": np.array([3, 4])}),
        Trial("one sentence without any token", {"scores": numbers(92, 3, 2, 5), "lengths": np.array([4, 0, 5])}),
        Trial(
            "padding with a large score",
            {"scores": _one_large(numbers(93, 2, 5, 7), 6), "lengths": np.array([6, 2])},
            1e-3,
        ),
    ),
    shared=(*MASK, *SOFTMAX, _SCALED),
    mistakes=(
        *WEIGHTS[:1],
        WEIGHTS[2],
        Mistake(
            "mask-ignored",
            f"{_FILL} -> scores",
            "there is no mask: padding still gets weight.",
        ),
        Mistake(
            "hidden-columns-even",
            (f"{_FILL} -> np.where(allowed, scores, -1e9)", "axis=-1 -> axis=-2"),
            "each column sums to 1: the softmax runs over the queries, so a padding key, with one number for all of "
            "them, gets 1/i from each. Use axis=-1, and -inf for padding.",
        ),
        Mistake(
            "mask-inverted",
            f"{_FILL} -> np.where(allowed, -np.inf, scores)",
            "only padding gets weight: the mask is the wrong way round, True for what is hidden.",
            also=("places < lengths -> places >= lengths",),
        ),
        Mistake(
            "one-too-many",
            "places < lengths -> places <= lengths",
            "the first padding token still gets weight: positions count from 0, so position < length is real.",
            also=("places < lengths[:, None] -> (places <= lengths[:, None]) & (lengths[:, None] > 0)",),
        ),
        Mistake(
            "one-too-few",
            "places < lengths -> places + 1 < lengths",
            "the last real token gets no weight: positions 0 to length - 1 are real.",
        ),
        Mistake(
            "queries-masked",
            f"allowed = (places < lengths[:, None])[:, None, :] -> {_QUERIES}",
            "the queries are masked, not the keys: the mask goes along the last axis, (b, 1, j).",
            also=(f"allowed = (places < lengths[:, None])[:, None, :] -> {_QUERIES.replace('<', '<=')}",),
        ),
        Mistake(
            "padded-queries-too",
            f"return weights -> {_QUERIES}; return weights * allowed",
            "queries that are padding are set to zero too: only keys are masked, every query keeps its row.",
        ),
        Mistake(
            "left-padding",
            "[:, None, :] -> [:, None, ::-1]",
            "the mask takes the first positions for padding: here the padding is at the end.",
            also=("places < -> -lengths[:, None] <= places - len(places) <",),
        ),
        Mistake(
            "first-length-for-all",
            "lengths[:, None] -> lengths[0]",
            "every sentence is masked by the first one's length: each has its own, lengths[b].",
            also=("(places < lengths[:, None])[:, None, :] -> places < lengths[0]",),
        ),
        Mistake(
            "longest-for-all",
            "(places < lengths[:, None])[:, None, :] -> places < lengths.max()",
            "every sentence is masked by the longest one's length: each has its own, lengths[b].",
        ),
        Mistake(
            "axis-missing",
            "[:, None, :] ->",
            "the mask (b, j) lacks the axis of the queries and meets (b, i, j) in the wrong places: make it (b, 1, j).",
        ),
        Mistake(
            "lengths-not-in-a-column",
            "lengths[:, None] -> lengths",
            "positions (j,) and lengths (b,) do not fit: write lengths[:, None], so that their comparison is (b, j).",
        ),
        Mistake(
            "nan-row",
            "total -> total.__wrapped__",
            "a sentence without tokens gives NaN, which is 0/0: make its weights zero.",
            also=(("total -> total.__wrapped__", "largest -> largest.__wrapped__"), "largest -> largest.__wrapped__"),
        ),
        Mistake(
            "uniform-row",
            f"{_FILL} -> np.where(allowed, scores, -1e9)",
            "a sentence without tokens weighs all its padding alike: a large negative number is not -inf. "
            "Make its weights zero.",
            also=(f"{_FILL} -> np.where(allowed.any(-1, keepdims=True), {_FILL}, 0.0)",),
        ),
        Mistake(
            "unmasked-row",
            f"{_FILL} -> np.where(allowed | (lengths == 0)[:, None, None], scores, -np.inf)",
            "a sentence without tokens is weighed as if all its tokens were real: make its weights zero.",
        ),
    ),
)

# ---- attention with its three maps


def _self_attention(x: Array, w_q: Array, w_k: Array, w_v: Array) -> tuple[Array, Array]:
    """Attention of a sequence to itself."""
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    scores = q @ k.T / np.sqrt(q.shape[-1])
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    return out, weights


def _cross_attention(x: Array, context: Array, w_q: Array, w_k: Array, w_v: Array) -> tuple[Array, Array]:
    """Attention of a sequence to another."""
    q, k, v = x @ w_q, context @ w_k, context @ w_v
    scores = q @ k.T / np.sqrt(q.shape[-1])
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    return out, weights


def _follows(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    """Whether out is made of the weights that were returned."""
    values = inputs.get("context", inputs["x"]) @ inputs["w_v"]
    follows = np.allclose(outputs["weights"] @ values, outputs["out"], rtol=1e-4, atol=1e-5, equal_nan=True)
    return f"Your out is {'' if follows else 'not '}your weights times the values."


def _inputs(seed: int, lengths: tuple[int, ...], m: int, d: int, e: int) -> dict[str, Array]:
    """x, the context if there is a second length, and the three maps; a quarter as large, for ordinary weights."""
    sequences = {
        name: numbers(seed + n, length, m)
        for n, (name, length) in enumerate(zip(("x", "context"), lengths, strict=False))
    }
    widths = {"w_q": d, "w_k": d, "w_v": e}
    return sequences | {name: numbers(seed + 5 + n, m, width) / 4 for n, (name, width) in enumerate(widths.items())}


def _maps(source: str) -> tuple[Mistake, ...]:
    """What goes wrong with the three maps, when keys and values are made of `source`."""
    keys, values = f"{source} @ w_k", f"{source} @ w_v"
    return (
        Mistake(
            "root-of-d-model",
            "np.sqrt(q.shape[-1]) -> np.sqrt(x.shape[-1])",
            "the scores are divided by the root of x's width; d is the width of queries and keys, w_q.shape[1].",
            also=("np.sqrt(q.shape[-1]) -> x.shape[-1]",),
        ),
        Mistake(
            "maps-swapped",
            ("x @ w_q -> x @ w_k", f"{keys} -> {source} @ w_q"),
            "each query is compared as if it were a key: w_q and w_k are swapped, or their sources, or the scores are "
            "transposed. Scores are (x @ w_q) @ (… @ w_k).T.",
            also=("q @ k.T -> k @ q.T",) if source == "x" else (),
        ),
        Mistake(
            "queries-as-keys",
            f"{keys} -> {source} @ w_q",
            "the keys are made with w_q: they have a map of their own, w_k.",
        ),
        Mistake(
            "keys-as-queries",
            "x @ w_q -> x @ w_k",
            "the queries are made with w_k: they have a map of their own, w_q.",
        ),
        Mistake(
            "keys-as-values",
            f"{values} -> {keys}",
            "the weights average the keys: average the values, made with w_v.",
        ),
        Mistake(
            "queries-as-values",
            f"{values} -> {source} @ w_q",
            "the weights average the queries: average the values, made with w_v.",
        ),
        Mistake(
            "values-not-mapped",
            f"{values} -> {source}",
            "the weights average the input itself: map it by w_v first.",
        ),
        Mistake("keys-not-mapped", f"{keys} -> {source}", "the keys are the input itself: map it by w_k first."),
        Mistake("queries-not-mapped", "x @ w_q -> x", "the queries are the input itself: map it by w_q first."),
        Mistake(
            "no-maps",
            ("x @ w_q -> x", f"{keys} -> {source}", f"{values} -> {source}"),
            "the maps are not used: this is attention over the input itself.",
        ),
        Mistake(
            "maps-transposed",
            ("x @ w_q -> x @ w_q.T", f"{keys} -> {keys}.T", f"{values} -> {values}.T"),
            "the maps are transposed, as nn.Linear stores them: here x (i, m) times w_q (m, d) needs no transpose.",
        ),
        Mistake(
            "maps-from-the-left",
            ("x @ w_q -> w_q @ x", f"{keys} -> w_k @ {source}", f"{values} -> w_v @ {source}"),
            "the maps stand on the wrong side: x (i, m) times w_q (m, d), x @ w_q.",
        ),
    )


self_attention = Exercise(
    _self_attention,
    "x (i, m), w_q (m, d), w_k (m, d), w_v (m, e) -> out (i, e), weights (i, i)",
    trials=(
        Trial("seven tokens", _inputs(101, (7,), 11, 5, 2)),
        Trial("other sizes", _inputs(111, (3,), 5, 7, 13)),
    ),
    shared=(*ATTENTION, *UNMASKED),
    mistakes=(
        *_maps("x"),
        Mistake(
            "one-map",
            ("x @ w_k -> x @ w_q", "x @ w_v -> x @ w_q"),
            "queries, keys and values are all made with w_q: each has a map of its own.",
        ),
        Mistake(
            "causal",
            "scores = q @ -> scores = np.where(np.tri(len(x)), 0.0, -np.inf) + q @",
            "this is the answer with a causal mask: here every token may attend to every other.",
        ),
    ),
    remark=_follows,
)

cross_attention = Exercise(
    _cross_attention,
    "x (i, m), context (j, m), w_q (m, d), w_k (m, d), w_v (m, e) -> out (i, e), weights (i, j)",
    trials=(
        Trial("three queries, seven tokens of context", _inputs(121, (3, 7), 11, 5, 2)),
        Trial("other sizes", _inputs(131, (5, 2), 3, 7, 13)),
    ),
    shared=(*ATTENTION, *UNMASKED),
    mistakes=(
        Mistake(
            "keys-and-values-exchanged",
            "context @ w_k, context @ w_v -> context @ w_v, context @ w_k",
            "w_k and w_v are exchanged, so keys have the width of values: k = context @ w_k, v = context @ w_v.",
        ),
        *_maps("context"),
        Mistake(
            "sides-swapped",
            ("x @ w_q -> context @ w_q", "context @ w_k -> x @ w_k", "context @ w_v -> x @ w_v"),
            "the queries come from the context, keys and values from x: x asks, the context answers.",
        ),
        Mistake(
            "context-ignored",
            ("context @ w_k -> x @ w_k", "context @ w_v -> x @ w_v"),
            "this is self-attention over x: keys and values come from the context.",
        ),
        Mistake(
            "context-alone",
            "x @ w_q -> context @ w_q",
            "this is self-attention over the context: the queries come from x, one for each row of out.",
        ),
        Mistake(
            "keys-from-x",
            "context @ w_k -> x @ w_k",
            "the keys come from x, only the values from the context: both come from the context.",
        ),
        Mistake(
            "values-from-x",
            "context @ w_v -> x @ w_v",
            "the values come from x, only the keys from the context: both come from the context.",
        ),
        Mistake(
            "both-sides",
            (
                "context @ w_k -> np.concatenate([x, context]) @ w_k",
                "context @ w_v -> np.concatenate([x, context]) @ w_v",
            ),
            "the keys come from x and the context together: they come from the context alone.",
        ),
    ),
    remark=_follows,
)

# ---- two maps by hand

_POINTING = Numbers(
    "pointing",
    right={"s_11": 0, "s_12": 9, "s_21": 0, "s_22": 0},
    mistakes={
        "s_12": {
            0: "token 1 does not point at token 2: x_1 W_Q and x_2 W_K must both differ from 0.",
            6: "that is a sum: the score is the product of x_1 W_Q and x_2 W_K.",
            3: "the score is the product of x_1 W_Q and x_2 W_K: 3 times 3.",
        },
        "s_11": {9: "token 1 points at itself: W_K must not hear token 1."},
        "s_22": {9: "token 2 points at itself: W_Q must not hear token 2."},
        "s_21": {9: "token 2 points at token 1: W_Q must hear token 1 alone, W_K token 2 alone."},
    },
)


def pointing(w_q: Any, w_k: Any) -> Feedback:
    """Check two (2, 1) maps by the four scores that they give to x_1 = (1, 0) and x_2 = (0, 1)."""
    if w_q is ... or w_k is ...:
        return _POINTING(..., ..., ..., ...)
    maps = [np.asarray(w, dtype=float) for w in (w_q, w_k)]
    if any(w.shape != (2, 1) for w in maps):
        shapes = " and ".join(str(w.shape) for w in maps)
        return Feedback(False, "shape", f"w_q and w_k should each be (2, 1), got {shapes}: [[1.0], [2.0]] is (2, 1).")
    return _POINTING(*(maps[0] @ maps[1].T).ravel())


EXERCISES = listed(lookup, causal_weights, padded_weights, self_attention, cross_attention)
