"""Checks for the chapter on writing with a model: the nucleus, a cache and its bytes, a drafted token."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers
from course.checks.shared import ATTENTION, CAUSAL, MASK, largest, total

__all__ = ["EXERCISES", "cache_bytes", "cached_attention", "stand_or_replace", "top_p"]

Array = NDArray[Any]

# ---- the nucleus


def _top_p(p: Array, threshold: float) -> Array:
    """The likeliest tokens that together have the threshold, as shares."""
    order = np.argsort(-p, axis=-1)
    ordered = np.take_along_axis(p, order, axis=-1)
    before = ordered.cumsum(axis=-1) - ordered
    kept = before < threshold
    nucleus = np.zeros_like(p)
    np.put_along_axis(nucleus, order, np.where(kept, ordered, 0.0), axis=-1)
    shares = nucleus / nucleus.sum(axis=-1, keepdims=True)
    return shares


def _rows(seed: int, batch: int, vocab_size: int) -> Array:
    """Rows of 1/1024ths that sum to 1, in no order, no two alike in a row."""
    rng = np.random.default_rng(seed)
    cuts = np.stack([np.sort(rng.choice(np.arange(1, 1024), vocab_size - 1, replace=False)) for _ in range(batch)])
    return np.asarray(np.diff(cuts, axis=-1, prepend=0, append=1024) / 1024.0)


def _counted(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    """Whether the right tokens are kept, and how many."""
    kept, wanted = (x > 0 for x in (np.asarray(outputs["shares"]), _top_p(inputs["p"], inputs["threshold"])))
    if np.array_equal(kept, wanted):
        return "The right tokens are kept, with wrong shares: divide what p has of them by its sum in each row."
    n_kept, n_wanted = kept.sum(axis=-1).tolist(), wanted.sum(axis=-1).tolist()
    if n_kept == n_wanted:
        return "As many are kept as there should be, but others: the likeliest, each in its own place."
    return f"Kept are {n_kept} tokens of the rows, expected {n_wanted}."


_SCATTER = "np.put_along_axis(nucleus, order, np.where(kept, ordered, 0.0), axis=-1)"
_SHARES = "nucleus / nucleus.sum(axis=-1, keepdims=True)"
top_p = Exercise(
    _top_p,
    "p (b, v), threshold -> shares (b, v)",
    trials=(
        Trial("two rows of seven tokens", {"p": _rows(0, 2, 7), "threshold": 0.75}),
        Trial("a row whose likeliest token has more than the threshold", {"p": _rows(4, 3, 5), "threshold": 0.25}),
        Trial(
            "a threshold met exactly",
            {
                "p": np.array([[0.125, 0.5, 0.25, 0.0625, 0.0625], [0.25, 0.125, 0.5, 0.0625, 0.0625]]),
                "threshold": 0.75,
            },
        ),
    ),
    mistakes=(
        Mistake(
            "not-sorted",
            "np.argsort(-p, axis=-1) -> np.tile(np.arange(p.shape[-1]), (len(p), 1))",
            "the sum runs over the tokens in the order of their ids: sort them first, the likeliest first.",
            also=tuple(
                (
                    "np.argsort(-p, axis=-1) -> np.indices(p.shape)[1]",
                    f"before < threshold -> before + ordered {sign} threshold",
                )
                for sign in ("<=", "<")
            ),
        ),
        Mistake(
            "ascending",
            "np.argsort(-p, axis=-1) -> np.argsort(p, axis=-1)",
            "the sum begins with the least likely token: sort in descending order.",
        ),
        Mistake(
            "rows-reversed",
            "np.argsort(-p, axis=-1) -> np.argsort(p, axis=-1)[::-1]",
            "[::-1] turns the rows around, not the order within a row: [:, ::-1], or argsort of -p.",
        ),
        Mistake(
            "sorted-over-batch",
            "np.argsort(-p, axis=-1) -> np.argsort(-p, axis=0)",
            "the sort runs over the batch: sort each row, axis=-1.",
        ),
        Mistake(
            "left-sorted",
            f"{_SCATTER} -> nucleus = np.where(kept, ordered, 0.0)",
            "the probabilities stand in sorted order: bring each back to its token's place.",
        ),
        Mistake(
            "unsorted-mask",
            f"{_SCATTER} -> nucleus = np.where(kept, p, 0.0)",
            "what to keep was found in sorted order but applied in the order of the ids: bring the mask back first.",
        ),
        Mistake(
            "taken-back",
            f"{_SCATTER} -> nucleus = np.take_along_axis(np.where(kept, ordered, 0.0), order, axis=-1)",
            "take_along_axis with the same order sorts once more: to bring back, take with np.argsort(order), or put.",
            also=(f"{_SCATTER} -> nucleus = np.where(np.take_along_axis(kept, order, axis=-1), p, 0.0)",),
        ),
        Mistake(
            "first-order-for-all",
            "np.argsort(-p, axis=-1) -> np.tile(np.argsort(-p[0]), (len(p), 1))",
            "the order of the first row is used for all: sort each row by itself.",
        ),
        Mistake(
            "one-too-few",
            "before < threshold -> before + ordered <= threshold",
            "the token that reaches the threshold is left out, and it belongs to the nucleus: compare the sum of the "
            "tokens before it.",
            also=("before < threshold -> before + ordered < threshold",),
        ),
        Mistake(
            "first-kept-anyway",
            "before < threshold -> (before + ordered <= threshold) | (before == 0)",
            "the token that reaches the threshold is left out unless it is the first: compare the sum of the tokens "
            "before it.",
            also=("before < threshold -> (before + ordered < threshold) | (before == 0)",),
        ),
        Mistake(
            "likeliest-dropped",
            "before < threshold -> (before < threshold) & ((before > 0) | (ordered <= threshold))",
            "a likeliest token that has more than the threshold is dropped, and nothing is left: at least one stays.",
            also=("before < threshold -> (before < threshold) & ((before > 0) | (ordered < threshold))",),
        ),
        Mistake(
            "one-too-many",
            "before < threshold -> before <= threshold",
            "a token is kept although those before it have the threshold already: stop as soon as it is met.",
        ),
        Mistake(
            "always-one-more",
            "before < threshold -> before - ordered < threshold",
            "one token more than needed is kept: stop as soon as the threshold is met.",
            also=("before < threshold -> np.hstack([np.ones((len(p), 1), bool), before[:, :-1] < threshold])",),
        ),
        Mistake(
            "not-renormalised",
            f"{_SHARES} -> nucleus",
            "the kept probabilities do not sum to 1: divide by their sum.",
        ),
        Mistake(
            "likeliest-alone",
            "before < threshold -> before == 0",
            "only the likeliest token of each row is kept: keep them until together they have the threshold.",
        ),
        Mistake(
            "single-tokens",
            "before < threshold -> ordered >= threshold",
            "tokens are kept by their own probability: it is their sum that counts, from the likeliest on.",
            also=(
                "before < threshold -> ordered > threshold",
                "before < threshold -> (ordered >= threshold) | (before == 0)",
                "before < threshold -> ordered >= 1 - threshold",
                "before < threshold -> ordered > 1 - threshold",
                "before < threshold -> ordered >= threshold * ordered[:, :1]",
            ),
        ),
        Mistake(
            "complement",
            "before < threshold -> before >= threshold",
            "the unlikely tokens are kept and the likely ones left out: turn the mask round.",
            also=(
                "before < threshold -> before + ordered >= threshold",
                "before < threshold -> before + ordered > threshold",
            ),
        ),
        Mistake(
            "softmax-again",
            f"{_SHARES} -> (e := np.where(nucleus > 0, np.exp(nucleus), 0.0)) / e.sum(axis=-1, keepdims=True)",
            "a softmax was taken of probabilities: they are no scores. Divide what is left by its sum.",
            also=(f"{_SHARES} -> (e := np.exp(nucleus)) / e.sum(axis=-1, keepdims=True)",),
        ),
        Mistake(
            "nothing-filtered",
            f"{_SHARES} -> p",
            "this is p itself: nothing was left out.",
            also=(f"{_SHARES} -> ordered",),
        ),
        Mistake(
            "equal-shares",
            f"{_SCATTER} -> np.put_along_axis(nucleus, order, kept * 1.0, axis=-1)",
            "the tokens that are left have equal shares: they keep their proportions.",
        ),
        Mistake(
            "mask-returned",
            f"{_SHARES} -> (nucleus > 0) * 1.0",
            "this says which tokens are kept: return their probabilities, divided by their sum.",
        ),
        Mistake(
            "normalised-over-batch",
            f"{_SHARES} -> nucleus / nucleus.sum()",
            "the whole table sums to 1: each row should, axis=-1 and keepdims=True.",
        ),
        Mistake(
            "keepdims-missing",
            "nucleus.sum(axis=-1, keepdims=True) -> nucleus.sum(axis=-1)",
            "the sums of the rows (b,) do not fit (b, v): keepdims=True keeps them in a column.",
        ),
        Mistake(
            "fixed-number",
            "before < threshold -> np.indices(p.shape)[1] < (before < threshold)[0].sum()",
            "as many tokens are kept in each row as in the first: each row has its own nucleus.",
            also=("before < threshold -> np.indices(p.shape)[1] < (before < threshold).sum(-1).max()",),
        ),
        Mistake(
            "divided-by-threshold",
            f"{_SHARES} -> nucleus / threshold",
            "the kept probabilities are divided by the threshold, and they may have more than that together: divide by "
            "their sum.",
        ),
        Mistake(
            "divided-by-largest",
            f"{_SHARES} -> nucleus / nucleus.max(axis=-1, keepdims=True)",
            "the kept probabilities are divided by the largest of them, or by their length: divide by their sum.",
            also=(f"{_SHARES} -> nucleus / np.linalg.norm(nucleus, axis=-1, keepdims=True)",),
        ),
        Mistake(
            "rest-shared-out",
            f"{_SHARES} -> nucleus + (nucleus > 0) * (1 - nucleus.sum(-1, keepdims=True)) "
            "/ (nucleus > 0).sum(-1, keepdims=True)",
            "what was cut is shared out evenly, or given to one token: divide by the sum, so that all keep their "
            "proportions.",
            also=(
                f"{_SHARES} -> nucleus + (nucleus == nucleus.max(-1, keepdims=True)) "
                "* (1 - nucleus.sum(-1, keepdims=True))",
            ),
        ),
        Mistake(
            "sum-runs-on",
            "ordered.cumsum(axis=-1) -> ordered.cumsum().reshape(ordered.shape)",
            "the sum runs on from one row to the next: each row begins anew, cumsum(axis=-1).",
        ),
        Mistake(
            "summed-over-batch",
            "ordered.cumsum(axis=-1) -> ordered.cumsum(axis=0)",
            "the sum runs over the batch: it runs along each row, cumsum(axis=-1).",
        ),
        Mistake(
            "share-of-the-tokens",
            "before < threshold -> np.indices(p.shape)[1] < round(threshold * p.shape[-1])",
            "a share of the tokens is kept, the same number in each row: it is their probability together that counts.",
            also=(
                "before < threshold -> np.indices(p.shape)[1] < int(threshold * p.shape[-1])",
                "before < threshold -> np.indices(p.shape)[1] < np.ceil(threshold * p.shape[-1])",
            ),
        ),
        Mistake(
            "cut-to-minus-infinity",
            "np.where(kept, ordered, 0.0) -> np.where(kept, ordered, -np.inf)",
            "what is cut becomes -inf, which is for scores before a softmax: these are probabilities, so it becomes 0.",
            also=("np.where(kept, ordered, 0.0) -> np.where(kept, ordered, np.nan)",),
        ),
        Mistake(
            "first-row-alone",
            f"{_SHARES} -> {_SHARES} * (np.arange(len(p))[:, None] == 0)",
            "only the first row is filled: `return` belongs after the loop over the rows.",
        ),
        Mistake(
            "whole-numbers",
            f"{_SHARES} -> ({_SHARES}).astype(int)",
            "the shares are cut to whole numbers, as in an array of integers: make the array of zeros with "
            "dtype=float.",
        ),
        Mistake(
            "one-minus-threshold",
            "before < threshold -> before < 1 - threshold",
            "the sum is held against 1 - threshold: the likeliest are kept until they have the threshold itself.",
            also=("before < threshold -> before + ordered <= 1 - threshold",),
        ),
        Mistake(
            "order-as-rows",
            "np.take_along_axis(p, order, axis=-1) -> p[order]",
            "p[order] takes rows by the numbers of tokens: np.take_along_axis(p, order, axis=-1) sorts within each "
            "row.",
        ),
    ),
    remark=_counted,
)

# ---- attention over a cache


def _cached_attention(q: Array, k: Array, v: Array, cached_k: Array, cached_v: Array) -> Array:
    """Causal attention of new tokens over cached ones and one another."""
    k = np.concatenate([cached_k, k])
    v = np.concatenate([cached_v, v])
    scores = q @ k.T / np.sqrt(q.shape[-1])
    n_queries, n_keys = scores.shape
    allowed = np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)
    scores = np.where(allowed, scores, -np.inf)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    return out


def _apart(
    q: Array, k: Array, v: Array, cached_k: Array, cached_v: Array, causal: bool = True, hidden: float = 0.0
) -> Array:
    """A softmax each for what is cached and what is new, and the outputs added."""

    def weights(keys: Array, allowed: Array) -> Array:
        exponentials = np.where(allowed, np.exp(q @ keys.T / np.sqrt(q.shape[-1])), hidden)
        return exponentials / exponentials.sum(-1, keepdims=True)

    new = np.tri(len(q), dtype=bool) if causal else np.ones((len(q), len(q)), dtype=bool)
    return weights(cached_k, np.ones((len(q), len(cached_k)), dtype=bool)) @ cached_v + weights(k, new) @ v


def _lengths(label: str, seed: int, new: int, cached: int, d: int) -> Trial:
    names = {"q": new, "k": new, "v": new, "cached_k": cached, "cached_v": cached}
    return Trial(label, {name: numbers(seed + n, length, d) for n, (name, length) in enumerate(names.items())})


_KEYS, _VALUES = "np.concatenate([cached_k, k])", "np.concatenate([cached_v, v])"
_TRI = "np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)"
_FILL = "np.where(allowed, scores, -np.inf)"
cached_attention = Exercise(
    _cached_attention,
    "q (i, d), k (i, d), v (i, d), cached_k (p, d), cached_v (p, d) -> out (i, d)",
    trials=(
        _lengths("three new tokens after five", 93, 3, 5, 7),
        _lengths("more new tokens than cached ones", 103, 5, 2, 3),
    ),
    shared=(*CAUSAL, *MASK, *ATTENTION),
    mistakes=(
        Mistake(
            "aligned-first",
            f"{_TRI} -> np.tri(n_queries, n_keys, dtype=bool)",
            "the mask counts the new tokens from 0: query n comes after the p cached tokens, and sees up to key n + p.",
        ),
        Mistake(
            "not-causal",
            f"{_FILL} -> scores",
            "new tokens see later ones: a query attends to everything cached and to the new tokens up to itself.",
        ),
        Mistake(
            "own-position-excluded",
            f"{_TRI} -> np.tri(n_queries, n_keys, n_keys - n_queries - 1, dtype=bool)",
            "a new token does not see itself: its own key and value belong to what it attends to.",
        ),
        Mistake(
            "cache-alone",
            (f"{_KEYS} -> cached_k", f"{_VALUES} -> cached_v", f"{_FILL} -> scores"),
            "the new keys and values are not used: append them to the cached ones before you attend.",
            also=((f"{_KEYS} -> cached_k", f"{_VALUES} -> cached_v"),),
        ),
        Mistake(
            "new-alone",
            (f"{_KEYS} -> k", f"{_VALUES} -> v"),
            "what is cached is not used: the new keys and values are appended to it.",
            also=(
                (f"{_KEYS} -> k", f"{_VALUES} -> v", f"{_FILL} -> scores"),
                (f"{_KEYS} -> k", f"{_VALUES} -> v", f"{_TRI} -> np.tri(n_queries, n_keys, len(cached_k), dtype=bool)"),
            ),
        ),
        Mistake(
            "new-before-cached",
            (f"{_KEYS} -> np.concatenate([k, cached_k])", f"{_VALUES} -> np.concatenate([v, cached_v])"),
            "the new keys stand before the cached ones: they come after them, and the mask counts on that order.",
        ),
        Mistake(
            "orders-differ",
            f"{_KEYS} -> np.concatenate([k, cached_k])",
            "keys, values or mask are joined in different orders: cached first in all.",
            also=(
                f"{_VALUES} -> np.concatenate([v, cached_v])",
                f"{_TRI} -> np.roll({_TRI}, -len(cached_k), axis=1)",
            ),
        ),
        Mistake(
            "values-not-joined",
            f"{_VALUES} -> v",
            "the cached values are not used: join them with the new ones, as the keys are.",
        ),
        Mistake(
            "keys-not-joined",
            f"{_KEYS} -> k",
            "the cached keys are not used: join them with the new ones, as the values are.",
        ),
        Mistake(
            "added-up",
            (f"{_KEYS} -> cached_k + k", f"{_VALUES} -> cached_v + v"),
            "cached and new keys are added up: join them along the tokens, np.concatenate.",
        ),
        Mistake(
            "joined-along-channels",
            (
                f"{_KEYS} -> np.concatenate([cached_k, k], axis=-1)",
                f"{_VALUES} -> np.concatenate([cached_v, v], axis=-1)",
            ),
            "keys are joined along the channels: join them along the tokens, axis=0.",
        ),
        Mistake(
            "last-only",
            "return out -> return out[-1]",
            "this is the newest token's output alone: each new token has one.",
            also=("return out -> return out[-1:]",),
        ),
        Mistake(
            "softmax-each",
            _apart,
            "cached and new tokens have a softmax each: the weights of all keys together sum to 1, so join them first.",
            also=(partial(_apart, causal=False),),
        ),
        Mistake(
            "softmax-each-and-zeros",
            partial(_apart, hidden=1.0),
            "two things are wrong. First, cached and new tokens have a softmax each: join their scores first. Then, "
            "later tokens get the score 0, which has weight: fill with -inf.",
        ),
        Mistake("weights-too", "return out -> return out, weights", "you return the weights too: return out alone."),
        Mistake(
            "weights-alone",
            "return out -> return weights",
            "these are the weights: return out, weights times the values.",
        ),
        Mistake(
            "cached-and-itself-alone",
            f"{_TRI} -> np.hstack([np.ones((n_queries, n_keys - n_queries)), np.eye(n_queries)]).astype(bool)",
            "a new token sees what is cached and itself alone: it also sees the new ones before it.",
        ),
        Mistake(
            "rows-of-the-cached",
            "q @ k.T -> np.concatenate([cached_k, q]) @ k.T",
            "there are rows for the cached tokens too: only the new ones ask, (i, d), and their rows come last.",
            also=("q @ k.T -> k @ k.T", "q @ k.T -> np.concatenate([np.zeros_like(cached_k), q]) @ k.T"),
        ),
        Mistake(
            "mask-of-the-new",
            f"{_TRI} -> np.tri(n_queries, dtype=bool)",
            "the mask is (i, i), made for the new tokens alone: the scores are (i, p + i), np.tri(i, p + i, p).",
            also=(f"scores = {_FILL} -> scores[~np.tri(n_queries, dtype=bool)] = -np.inf",),
        ),
        Mistake(
            "mask-of-all",
            f"{_TRI} -> np.tri(n_keys, dtype=bool)",
            "the mask has a row for each key, (p + i, p + i): the scores have one for each new token, so take its last "
            "i rows.",
            also=(f"scores = {_FILL} -> scores[~np.tri(n_keys, dtype=bool)] = -np.inf",),
        ),
        Mistake(
            "new-keys-not-joined",
            f"{_KEYS} -> cached_k",
            "the new keys are not used: join them to the cached ones, as the values are.",
        ),
        Mistake(
            "new-values-not-joined",
            f"{_VALUES} -> cached_v",
            "the new values are not used: join them to the cached ones, as the keys are.",
        ),
        Mistake(
            "one-query-for-all",
            "q @ k.T -> np.tile(q[-1:], (len(q), 1)) @ k.T",
            "all rows are asked by one query: row n is that of query n, q[n].",
            also=("q @ k.T -> np.tile(q[:1], (len(q), 1)) @ k.T",),
        ),
    ),
)

# ---- bytes of a cache

_GIB = 2**30

cache_bytes = Numbers(
    "cache_bytes",
    right={"ours": 128 * 2**10, "large": 20 * _GIB, "grouped": 5 * _GIB // 2},
    mistakes={
        "ours": {
            64 * 2**10: "that is half: count keys and values, both layers, and 4 bytes for 32 bits.",
            8 * 128 * 2**10: "that is in bits: 8 are a byte.",
            32 * 2**10: "that counts numbers: each takes four bytes.",
            512 * 2**10: "that has a head's channels four times too often: 4 heads of 32 channels are 128 in all.",
        },
        "large": {
            10 * _GIB: "that is keys or values alone: the cache holds both.",
            40 * _GIB: "that is twice too much: 16 bits are two bytes.",
            160 * _GIB: "that is in bits: 8 are a byte.",
        },
        "grouped": {
            20 * _GIB: "keys and values have 8 heads here: only the queries keep their 64.",
            5 * _GIB: "16 bits are two bytes.",
            5 * _GIB // 4: "that is keys or values alone: the cache holds both.",
        },
    },
)

# ---- a drafted token


def _stand_or_replace(p: Array, q: Array) -> tuple[Array, Array]:
    """How probably each drafted token stands, and what is drawn from in the place of one that does not."""
    ratio = p / q
    stands = np.minimum(ratio, 1.0)
    more = np.maximum(p - q, 0.0)
    instead = more / more.sum()
    return stands, instead


_CUT = "np.maximum(p - q, 0.0)"
stand_or_replace = Exercise(
    _stand_or_replace,
    "p (v), q (v) -> stands (v), instead (v)",
    trials=(
        Trial("five tokens", {"p": _rows(5, 1, 5)[0], "q": _rows(6, 1, 5)[0]}),
        Trial("seven tokens", {"p": _rows(8, 1, 7)[0], "q": _rows(9, 1, 7)[0]}),
    ),
    mistakes=(
        Mistake(
            "ratio-turned",
            "p / q -> q / p",
            "the ratio is turned round: a token that the model likes more than the draft, p above q, surely stands.",
        ),
        Mistake("not-cut-at-one", "np.minimum(ratio, 1.0) -> ratio", "a probability above 1: cut the ratio off at 1."),
        Mistake(
            "maximum",
            "np.minimum(ratio, 1.0) -> np.maximum(ratio, 1.0)",
            "the larger of ratio and 1 is taken: a probability is at most 1, so take the smaller.",
        ),
        Mistake(
            "stands-by-p",
            "np.minimum(ratio, 1.0) -> p",
            "a token stands with probability p: the draft has proposed it with probability q already, so p / q.",
        ),
        Mistake(
            "from-p",
            f"{_CUT} -> p",
            "the replacement is drawn from p: then what the draft likes comes too often. Take what p has more than q.",
        ),
        Mistake(
            "what-q-has-more",
            f"{_CUT} -> np.maximum(q - p, 0.0)",
            "this is what q has more than p, which comes too often as it is: p - q, and 0 where that is negative.",
        ),
        Mistake(
            "either-way",
            f"{_CUT} -> np.abs(p - q)",
            "the difference counts either way: a token that the draft likes too much gets 0 here, not |p - q|.",
        ),
        Mistake("not-divided", "more / more.sum() -> more", "what is left does not sum to 1: divide it by its sum."),
        Mistake(
            "softmax-of-what-is-left",
            "more / more.sum() -> np.exp(more) / np.exp(more).sum()",
            "a softmax gives every token something: divide by the sum.",
        ),
        Mistake("swapped", "return stands, instead -> return instead, stands", "the two results have changed places."),
    ),
)

EXERCISES = listed(top_p, cached_attention, stand_or_replace)
