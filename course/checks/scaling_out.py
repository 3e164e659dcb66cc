"""Checks for the chapter on many devices: a rank's share of a layer, a step of the ring, bytes sent and held."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "held", "ring_step", "sent", "share"]

Array = NDArray[Any]

# ---- bytes that are sent

sent = Numbers(
    "sent",
    right={"rank_0_gb": 7.0, "others_gb": 1.0, "ring_gb": 1.75},
    mistakes={
        "rank_0_gb": {
            8.0: "that counts a copy for rank 0 itself: it sends to the 7 others.",
            1.0: "that is one copy: the sum goes to each of the 7 others.",
            14.0: "that counts what comes in too: 7 copies come in, 7 go out, and sent is asked for.",
        },
        "others_gb": {
            2.0: "that counts the sum which comes back: sent is asked for.",
            0.125: "that is an eighth: here the whole gradient goes to rank 0.",
        },
        "ring_gb": {
            2.0: "that is N parts twice: of N parts each rank sends N − 1 to sum them, and N − 1 to spread the sums.",
            0.875: "that is one time round: once to sum the parts, once more to spread the sums.",
            14.0: "that sends the whole at each of 14 steps: a step sends one part of eight.",
            7.0: "that sends the whole at each of 7 steps: a step sends one part of eight, and there are 14 steps.",
            0.125: "that is one step: there are 7 to sum the parts and 7 to spread the sums.",
        },
    },
    rtol=0.02,
)

# ---- what a rank needs of a layer


def _share(w_qkv: Array, w_out: Array, b_out: Array, rank: int, n_ranks: int) -> tuple[Array, Array, Array]:
    """One rank's share of a layer: the rows for its heads, the columns that read them, its part of the bias."""
    width = w_out.shape[1] // n_ranks
    first = rank * width
    last = first + width
    q, k, v = np.split(w_qkv, 3)
    rows = np.concatenate([q[first:last], k[first:last], v[first:last]])
    columns = w_out[:, first:last]
    bias = b_out / n_ranks
    return rows, columns, bias


def _layer(label: str, seed: int, m: int, inner: int, rank: int, n_ranks: int) -> Trial:
    inputs = {
        "w_qkv": numbers(seed, 3 * inner, m),
        "w_out": numbers(seed + 1, m, inner),
        "b_out": numbers(seed + 2, m),
        "rank": rank,
        "n_ranks": n_ranks,
    }
    return Trial(label, inputs)


_ROWS = "np.concatenate([q[first:last], k[first:last], v[first:last]])"
_THREE = "return rows, columns, bias"

share = Exercise(
    _share,
    "w_qkv (3hd, m), w_out (m, hd), b_out (m), rank, n_ranks -> rows (3hd/n, m), columns (m, hd/n), bias (m)",
    trials=(
        _layer("rank 1 of 3", 411, 7, 6, 1, 3),
        _layer("the last rank of 5", 421, 11, 10, 4, 5),
        _layer("rank 0 of 2", 431, 13, 10, 0, 2),
    ),
    mistakes=(
        Mistake(
            "stack-cut",
            f"{_ROWS} -> w_qkv[3 * first : 3 * last]",
            "the stack of q, k and v is cut as if it were one matrix: one rank gets queries, another values. "
            "Cut each of the three, then stack the parts.",
            also=(f"{_ROWS} -> np.split(w_qkv, n_ranks)[rank]",),
        ),
        Mistake(
            "interleaved",
            f"{_ROWS} -> np.concatenate([q[rank::n_ranks], k[rank::n_ranks], v[rank::n_ranks]])",
            "the rows are every n-th one, which cuts through the heads: a rank gets rows that stand in a row, "
            "rank · width and on.",
            also=(
                (
                    f"{_ROWS} -> np.concatenate([q[rank::n_ranks], k[rank::n_ranks], v[rank::n_ranks]])",
                    "w_out[:, first:last] -> w_out[:, rank::n_ranks]",
                ),
            ),
        ),
        Mistake(
            "columns-interleaved",
            "w_out[:, first:last] -> w_out[:, rank::n_ranks]",
            "the columns are every n-th one: they must be those of the rank's own heads, which stand in a row.",
        ),
        Mistake(
            "bias-on-every-rank",
            "b_out / n_ranks -> b_out",
            "every rank adds the whole bias, and the sum over ranks has it n times: divide it by the number of ranks.",
        ),
        Mistake(
            "bias-halved",
            "b_out / n_ranks -> b_out / 2",
            "the bias is halved, which is right for two ranks alone: divide by n_ranks.",
        ),
        Mistake(
            "bias-times-ranks",
            "b_out / n_ranks -> b_out * n_ranks",
            "the bias is multiplied by the number of ranks: divide it.",
        ),
        Mistake(
            "bias-on-one-rank",
            "b_out / n_ranks -> b_out * (rank == 0)",
            "that adds up as well, but then one rank's part differs in kind: each gets b_out / n_ranks here.",
        ),
        Mistake(
            "bias-on-the-last-rank",
            "b_out / n_ranks -> b_out * (rank == n_ranks - 1)",
            "the last rank alone has the bias: each gets b_out / n_ranks here.",
        ),
        Mistake(
            "bias-by-rank",
            "b_out / n_ranks -> b_out / (rank + 1)",
            "the bias is divided by the number of this rank: divide by how many there are, n_ranks.",
        ),
        Mistake(
            "bias-left-out", "b_out / n_ranks -> 0 * b_out", "the bias is missing: each rank gets b_out / n_ranks."
        ),
        Mistake(
            "bias-cut",
            "b_out / n_ranks -> b_out[rank * len(b_out) // n_ranks : (rank + 1) * len(b_out) // n_ranks]",
            "the bias is cut: each rank's output has all m channels, so each adds to all of them, b_out / n_ranks.",
        ),
        Mistake(
            "first-share",
            "rank * width -> 0 * width",
            "every rank gets the first share: rank r begins at r times the width of a share.",
        ),
        Mistake(
            "next-share",
            "rank * width -> (rank + 1) * width",
            "this is the next rank's share: rank r begins at r times the width of a share, counted from 0.",
        ),
        Mistake(
            "to-the-end",
            "last = first + width -> last = None",
            "the share goes on to the end: it is one n-th wide.",
        ),
        Mistake(
            "from-the-start",
            ("first = rank * width -> first = 0", "last = first + width -> last = (rank + 1) * width"),
            "the share begins at 0 and holds those of earlier ranks too: it begins at rank times its width.",
        ),
        Mistake(
            "rows-of-out",
            "w_out[:, first:last] -> w_out[first:last]",
            "the rows of w_out are cut: its columns read the heads' channels, its rows make the output, w_out[:, …].",
        ),
        Mistake(
            "whole-out",
            "w_out[:, first:last] -> w_out",
            "w_out is whole: a rank has its own heads' channels only, and needs the columns that read them.",
        ),
        Mistake(
            "columns-transposed",
            "w_out[:, first:last] -> w_out[:, first:last].T",
            "the columns come back transposed: w_out stays (m, …).",
        ),
        Mistake(
            "columns-of-the-stack",
            f"{_ROWS} -> np.concatenate([q, k, v])[:, first:last]",
            "the columns of the stack are cut, which are the channels of x: a head is made by rows.",
        ),
        Mistake(
            "stacked-apart",
            f"{_ROWS} -> np.stack([q[first:last], k[first:last], v[first:last]])",
            "q, k and v have an axis of their own: they stand one below the other, as they came.",
        ),
        Mistake(
            "side-by-side",
            f"{_ROWS} -> np.concatenate([q[first:last], k[first:last], v[first:last]], axis=1)",
            "q, k and v stand side by side: they stand one below the other, as they came.",
        ),
        Mistake(
            "queries-alone",
            f"{_ROWS} -> q[first:last]",
            "these are the rows of q alone: the rank needs its rows of k and of v too.",
        ),
        Mistake(
            "keys-and-values-whole",
            f"{_ROWS} -> np.concatenate([q[first:last], k, v])",
            "keys and values are whole: a head reads its own alone, so they are cut as the queries are.",
        ),
        Mistake(
            "keys-first",
            f"{_ROWS} -> np.concatenate([k[first:last], q[first:last], v[first:last]])",
            "the order has changed: q, then k, then v, as in w_qkv.",
            also=(f"{_ROWS} -> np.concatenate([v[first:last], k[first:last], q[first:last]])",),
        ),
        Mistake(
            "queries-three-times",
            f"{_ROWS} -> np.concatenate([q[first:last], q[first:last], q[first:last]])",
            "the same rows come three times: cut q, k and v, each by itself.",
        ),
        Mistake(
            "averaged-columns",
            "w_out[:, first:last] -> w_out[:, first:last] / n_ranks",
            "the columns are divided by the number of ranks: what the ranks return is added up, not averaged. "
            "The bias alone is divided.",
        ),
        Mistake(
            "order",
            f"{_THREE} -> return columns, rows, bias",
            "the three come in another order: return rows, columns, bias.",
            also=(f"{_THREE} -> return rows, bias, columns", f"{_THREE} -> return bias, columns, rows"),
        ),
        Mistake("rows-alone", f"{_THREE} -> return rows", "return all three: rows, columns, bias."),
    ),
)

# ---- a step of the ring


def _ring_step(
    largest: Array, total: Array, weighted: Array, q: Array, k: Array, v: Array, rank: int, source: int
) -> tuple[Array, Array, Array]:
    """What this rank's queries carry after one more step of a causal ring: the keys and values of rank `source`."""
    scores = q @ k.T / np.sqrt(q.shape[-1])
    queries = rank * len(q) + np.arange(len(q))
    keys = source * len(k) + np.arange(len(k))
    scores = np.where(keys <= queries[:, None], scores, -np.inf)
    new = np.maximum(largest, scores.max(axis=1, keepdims=True))
    factor = np.exp(largest - new)
    p = np.exp(scores - new)
    total = total * factor + p.sum(axis=1, keepdims=True)
    weighted = weighted * factor + p @ v
    return new, total, weighted


def _step(label: str, seed: int, i: int, d: int, e: int, rank: int, source: int, **others: Array) -> Trial:
    """i queries and as many keys, about half of which find a new largest score where any may be met."""
    inputs = {
        "largest": numbers(seed, i, 1),
        "total": 1.0 + np.abs(numbers(seed + 1, i, 1)),
        "weighted": numbers(seed + 2, i, e),
        "q": 2.0 * numbers(seed + 3, i, d),
        "k": numbers(seed + 4, i, d),
        "v": numbers(seed + 5, i, e),
        "rank": rank,
        "source": source,
    }
    return Trial(label, {**inputs, **others})


_OWN = {"largest": np.full((6, 1), -np.inf), "total": np.zeros((6, 1)), "weighted": np.zeros((6, 5))}
_ROOT = "np.sqrt(q.shape[-1])"
_ALLOWED = "keys <= queries[:, None]"
_TOTAL, _WEIGHTED = "total * factor", "weighted * factor"
_SUM = "p.sum(axis=1, keepdims=True)"
_MAX = "scores.max(axis=1, keepdims=True)"
_QUERIES, _KEYS = "rank * len(q) + np.arange(len(q))", "source * len(k) + np.arange(len(k))"
_STATE = "return new, total, weighted"

ring_step = Exercise(
    _ring_step,
    "largest (i, 1), total (i, 1), weighted (i, e), q (i, d), k (i, d), v (i, e), rank, source "
    "-> largest (i, 1), total (i, 1), weighted (i, e)",
    trials=(
        _step("keys of an earlier rank", 511, 5, 3, 2, 3, 1),
        _step("a rank's own keys, at the first step", 521, 6, 2, 5, 2, 2, **_OWN),
        _step("keys of a later rank", 531, 11, 7, 3, 0, 2),
    ),
    mistakes=(
        Mistake(
            "every-part-triangular",
            (f"{_QUERIES} -> np.arange(len(q))", f"{_KEYS} -> np.arange(len(k))"),
            "places are counted from 0 on every rank, and each part is cut by its own diagonal: queries begin at place "
            "rank · len(q) of the whole, keys at source · len(k).",
        ),
        Mistake(
            "queries-from-zero",
            f"{_QUERIES} -> np.arange(len(q))",
            "the queries' places are counted from 0: this rank's begin at rank · len(q).",
        ),
        Mistake(
            "keys-from-zero",
            f"{_KEYS} -> np.arange(len(k))",
            "the keys' places are counted from 0: those of rank source begin at source · len(k).",
            also=(f"{_ALLOWED} -> np.arange(len(k)) <= queries[:, None]",),
        ),
        Mistake(
            "ranks-exchanged",
            (f"{_QUERIES} -> source * len(q) + np.arange(len(q))", f"{_KEYS} -> rank * len(k) + np.arange(len(k))"),
            "rank and source are exchanged: the queries are this rank's, the keys come from source.",
        ),
        Mistake(
            "backwards",
            f"{_ALLOWED} -> keys >= queries[:, None]",
            "the mask is the wrong way round: a query meets keys up to its own place, keys <= queries.",
        ),
        Mistake(
            "without-itself",
            f"{_ALLOWED} -> keys < queries[:, None]",
            "a token does not meet itself: its own key is allowed, keys <= queries.",
        ),
        Mistake(
            "no-mask",
            f"np.where({_ALLOWED}, scores, -np.inf) -> scores",
            "every key is met, those ahead too: forbid keys whose place is beyond the query's.",
        ),
        Mistake(
            "zeros-for-forbidden",
            "-np.inf -> 0.0",
            "forbidden scores are set to 0, and e⁰ is a weight of 1 before the sum: set them to -np.inf.",
        ),
        Mistake(
            "mask-transposed",
            f"{_ALLOWED} -> keys[:, None] <= queries",
            "the mask lies across: queries go down, keys across.",
        ),
        Mistake(
            "unscaled",
            f"/ {_ROOT} ->",
            "the scale is missing: divide the scores by √d.",
            also=(f"{_ROOT} -> q.shape[-1]",),
        ),
        Mistake(
            "nothing-corrected",
            (f"{_TOTAL} -> total", f"{_WEIGHTED} -> weighted"),
            "what came with earlier parts was shifted by another largest score: multiply it by "
            "exp(old largest - new largest).",
        ),
        Mistake(
            "sum-not-corrected",
            f"{_TOTAL} -> total",
            "total is not corrected: like weighted it takes the factor exp(old largest - new largest).",
        ),
        Mistake(
            "values-not-corrected",
            f"{_WEIGHTED} -> weighted",
            "weighted is not corrected: like total it takes the factor exp(old largest - new largest).",
        ),
        Mistake(
            "correction-upside-down",
            "largest - new -> new - largest",
            "the correction is upside down: it is exp(old largest - new largest), at most 1.",
        ),
        Mistake(
            "nothing-shifted",
            (f"{_TOTAL} -> total", f"{_WEIGHTED} -> weighted", "np.exp(scores - new) -> np.exp(scores)"),
            "the exponentials are not shifted, but what comes in was, by the largest score so far: take exp of "
            "scores - new, and correct the earlier parts.",
        ),
        Mistake(
            "part-alone",
            (f"{_TOTAL} + ->", f"{_WEIGHTED} + ->"),
            "what earlier parts gave is lost: correct it, then add this part.",
        ),
        Mistake(
            "averaged-over-parts",
            (f"{_TOTAL} + {_SUM} -> ({_TOTAL} + {_SUM}) / 2", f"{_WEIGHTED} + p @ v -> ({_WEIGHTED} + p @ v) / 2"),
            "old and new are averaged: they are added, and divided once, after the last step.",
        ),
        Mistake(
            "softmax-in-the-part",
            "p @ v -> p / np.maximum(p.sum(axis=1, keepdims=True), 1e-300) @ v",
            "the weights of this part are divided by its own sum: divide once, by the sum over all parts, at the end.",
        ),
        Mistake(
            "divided-already",
            f"{_STATE} -> return new, total, weighted / total",
            "weighted is divided by total already: later parts still change both, so divide after the last.",
        ),
        Mistake(
            "largest-of-the-part",
            f"np.maximum(largest, {_MAX}) -> {_MAX}",
            "the largest score is that of this part alone: an earlier part may have had a larger one, np.maximum.",
        ),
        Mistake(
            "largest-never-changes",
            f"np.maximum(largest, {_MAX}) -> largest",
            "the largest score stays what it was: at the first step that is -inf.",
        ),
        Mistake(
            "one-largest-for-all",
            f"{_MAX} -> scores.max()",
            "the largest score is taken over all queries: each has its own, axis=1 with keepdims=True.",
        ),
        Mistake(
            "scores-weigh",
            "p @ v -> np.where(np.isfinite(scores), scores, 0.0) @ v",
            "the scores themselves weigh the values: the exponentials do, p @ v.",
        ),
        Mistake(
            "old-largest-returned",
            f"{_STATE} -> return largest, total, weighted",
            "the largest score you return is the old one: the next step needs the new.",
        ),
        Mistake(
            "later-part-forgets",
            f"{_STATE} -> return (new, total, weighted) if source <= rank else (0 * new, 0 * total, 0 * weighted)",
            "keys of a later rank wipe out what was carried: they change nothing.",
        ),
        Mistake(
            "earlier-part-skipped",
            f"{_STATE} -> return (new, total, weighted) if source == rank else "
            f"(largest, (total - {_SUM}) / factor, (weighted - p @ v) / factor)",
            "a part from another rank is left out: those of earlier ranks are met as a whole.",
        ),
        Mistake(
            "weighted-alone",
            f"{_STATE} -> return weighted",
            "the next step needs all three: return largest, total, weighted.",
            also=(f"{_STATE} -> return weighted / total",),
        ),
        Mistake(
            "order",
            f"{_STATE} -> return new, weighted, total",
            "the three come in another order: return largest, total, weighted.",
        ),
        Mistake(
            "axis-lost",
            f"{_STATE} -> return new[:, 0], total[:, 0], weighted",
            "largest and total have lost their axis of length 1: they come in as (i, 1), and leave so.",
        ),
    ),
)

# ---- what a rank holds and sends

held = Numbers(
    "held",
    right={"copies_gb": 112.0, "divided_gb": 7.0, "copies_sent_gb": 26.25, "divided_sent_gb": 39.375},
    mistakes={
        "copies_gb": {
            14.0: "these are the weights alone: a gradient and what the optimizer keeps belong to each.",
            28.0: "these are weights and gradients: the optimizer keeps 12 bytes more of each.",
            84.0: "this is what the optimizer keeps: weights and gradients take two bytes each besides.",
            98.0: "the weights or the gradients are missing: two bytes each.",
            56.0: "these are 8 bytes a parameter: weight, gradient and 12 bytes of the optimizer are 16.",
        },
        "divided_gb": {
            5.25: "that divides what the optimizer keeps, and leaves out weights and gradients: all of it is divided.",
            33.25: "that divides what the optimizer keeps alone: weights and gradients are divided too.",
            20.125: "that divides gradients and optimizer: the weights are divided too.",
            0.875: "that divides the weights alone, and counts nothing else.",
        },
        "copies_sent_gb": {
            28.0: "that is twice all of it: of 16 parts each rank sends 15, twice.",
            13.125: "that is one time round: once to sum, once more to spread the sums.",
            14.0: "that is the gradients once: an all-reduce is a reduce-scatter and an all-gather, 15/16 each.",
            210.0: "that sends the whole at each of 15 steps: a step sends one part of sixteen.",
        },
        "divided_sent_gb": {
            26.25: "there are three times 15/16 of it: weights gathered forward and backward, gradients scattered.",
            42.0: "that is three times all of it: of 16 parts each rank sends 15.",
            13.125: "that is one of three: weights are gathered forward and backward, gradients reduced and scattered.",
            52.5: "that is four times: an all-gather forward, one backward, and one reduce-scatter.",
        },
    },
    rtol=0.02,
)

EXERCISES = listed(share, ring_step)
