"""Checks for the chapter on what attention costs: a tile more, a count of operations, an exponent, a length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "cost", "exponent", "longest", "merge"]

Array = NDArray[Any]

# ---- an online softmax, one tile more


def _merge(largest: Array, total: Array, weighted: Array, scores: Array, v: Array) -> tuple[Array, Array, Array]:
    """The state after one more tile of keys: largest score, sum of exponentials, values weighted by them."""
    new = np.maximum(largest, scores.max(axis=1, keepdims=True))
    factor = np.exp(largest - new)
    p = np.exp(scores - new)
    total = total * factor + p.sum(axis=1, keepdims=True)
    weighted = weighted * factor + p @ v
    return new, total, weighted


def _tile(label: str, seed: int, i: int, t: int, e: int, **others: Array) -> Trial:
    """i queries, t keys, values of width e; about half of the queries find a new largest score."""
    inputs = {
        "largest": numbers(seed, i, 1) + 1.0,
        "total": 1.0 + np.abs(numbers(seed + 1, i, 1)),
        "weighted": numbers(seed + 2, i, e),
        "scores": numbers(seed + 3, i, t),
        "v": numbers(seed + 4, t, e),
    }
    return Trial(label, {**inputs, **others}, single_rtol=1e-3 if "scores" in others else 1e-5)


_FAR = np.array([[-800.0], [800.0], [790.0]])
_FIRST = {"largest": np.full((2, 1), -np.inf), "total": np.zeros((2, 1)), "weighted": np.zeros((2, 7))}

_TILE_MAX = "scores.max(axis=1, keepdims=True)"
_MAX = f"np.maximum(largest, {_TILE_MAX})"
_SUM = "p.sum(axis=1, keepdims=True)"
_TOTAL, _WEIGHTED = "total * factor", "weighted * factor"
_STATE = "return new, total, weighted"

merge = Exercise(
    _merge,
    "largest (i, 1), total (i, 1), weighted (i, e), scores (i, t), v (t, e) "
    "-> largest (i, 1), total (i, 1), weighted (i, e)",
    trials=(
        _tile("five queries and a tile of seven keys", 216, 5, 7, 3),
        _tile("the first tile", 221, 2, 5, 7, **_FIRST),
        _tile("scores near 800", 231, 3, 5, 2, largest=_FAR, scores=_FAR[::-1] + numbers(234, 3, 5)),
    ),
    mistakes=(
        Mistake(
            "nothing-corrected",
            (f"{_TOTAL} -> total", f"{_WEIGHTED} -> weighted"),
            "what was summed so far was shifted by another largest score: multiply total and weighted by "
            "exp(old largest - new largest) before you add.",
            also=((f"{_MAX} -> {_TILE_MAX}", "np.exp(largest - new) -> 1.0"),),
        ),
        Mistake(
            "sum-not-corrected",
            f"{_TOTAL} -> total",
            "total is not corrected: like weighted it was shifted by the old largest score, and takes the same factor.",
        ),
        Mistake(
            "values-not-corrected",
            f"{_WEIGHTED} -> weighted",
            "weighted is not corrected: like total it was shifted by the old largest score, and takes the same factor.",
        ),
        Mistake(
            "correction-upside-down",
            "largest - new -> new - largest",
            "the correction is upside down: where the largest score has grown, what was summed becomes smaller, "
            "by exp(old largest - new largest).",
            also=(f"{_TOTAL} -> total / factor", f"{_WEIGHTED} -> weighted / factor"),
        ),
        Mistake(
            "correction-without-exp",
            "np.exp(largest - new) -> (largest - new)",
            "the factor is the difference itself: it is exp(old largest - new largest).",
            also=("np.exp(largest - new) -> largest / new",),
        ),
        Mistake(
            "tile-corrected",
            (f"{_TOTAL} + {_SUM} -> total + {_SUM} * factor", f"{_WEIGHTED} + p @ v -> weighted + p @ v * factor"),
            "the factor stands at what is new: that is shifted by the new largest score already. "
            "What was summed before needs it.",
        ),
        Mistake(
            "all-corrected",
            (f"{_TOTAL} + {_SUM} -> (total + {_SUM}) * factor", f"{_WEIGHTED} + p @ v -> (weighted + p @ v) * factor"),
            "the factor multiplies old and new together: what is new is shifted by the new largest score already. "
            "Correct first, then add.",
        ),
        Mistake(
            "largest-of-the-tile",
            f"{_MAX} -> {_TILE_MAX}",
            "the new largest score is that of the tile alone: an earlier tile may have had a larger one, "
            "np.maximum(largest, …).",
        ),
        Mistake(
            "largest-never-changes",
            f"{_MAX} -> largest",
            "the largest score stays what it was: a larger one in this tile overflows, "
            "and before the first tile it is -inf.",
        ),
        Mistake(
            "smallest",
            "np.maximum -> np.minimum",
            "the smaller of the two is kept, np.minimum: the largest score so far is np.maximum.",
            also=("scores.max(axis=1 -> scores.min(axis=1",),
        ),
        Mistake(
            "one-largest-for-all",
            f"{_TILE_MAX} -> scores.max()",
            "the largest score is taken over all queries: each has its own, axis=1, else one whose scores lie far "
            "below loses every weight.",
            also=(f"{_MAX} -> np.maximum(largest.max(), scores.max())",),
        ),
        Mistake(
            "over-queries",
            "scores.max(axis=1 -> scores.max(axis=0",
            "the maximum runs over the queries, axis=0: each query needs that of its own keys, axis=1.",
        ),
        Mistake(
            "keepdims-missing",
            f"{_TILE_MAX} -> scores.max(axis=1)",
            "a maximum or sum over axis 1 drops it, and (i,) then meets (i, 1) along the wrong axis: keepdims=True.",
            also=(f"{_SUM} -> p.sum(axis=1)", (f"{_TILE_MAX} -> scores.max(axis=1)", f"{_SUM} -> p.sum(axis=1)")),
        ),
        Mistake(
            "shifted-by-the-old",
            "scores - new -> scores - largest",
            "the tile is shifted by the old largest score: a larger one overflows, and before the first tile it is "
            "-inf. Shift by the new.",
        ),
        Mistake(
            "shifted-by-the-tile's",
            f"scores - new -> scores - {_TILE_MAX}",
            "the tile is shifted by its own largest score: where an earlier tile had a larger one, its exponentials "
            "are too large. Shift by the new largest.",
        ),
        Mistake(
            "not-shifted",
            "scores - new -> scores",
            "the tile's exponentials are not shifted: they overflow near 800, and do not match what was summed. "
            "exp(scores - new largest).",
            also=(("scores - new -> scores", f"{_TOTAL} -> total", f"{_WEIGHTED} -> weighted"),),
        ),
        Mistake(
            "divided-already",
            "new, total, weighted -> new, total, weighted / total",
            "weighted is divided by total already: later tiles still change both, so divide once, after the last.",
        ),
        Mistake(
            "softmax-in-the-tile",
            "p @ v -> p / p.sum(axis=1, keepdims=True) @ v",
            "the tile's weights are divided by their own sum: only the sum over all tiles is right, "
            "and it is known after the last.",
            also=(
                "p = np.exp(scores - new) -> p = np.exp(scores - new); p = p / p.sum(axis=1, keepdims=True)",
                f"p = np.exp(scores - new) -> p = np.exp(scores - {_TILE_MAX}); p = p / p.sum(axis=1, keepdims=True)",
            ),
        ),
        Mistake(
            "tile-alone",
            (f"{_TOTAL} + ->", f"{_WEIGHTED} + ->"),
            "what was summed before this tile is lost: correct it, then add the tile.",
        ),
        Mistake(
            "total-lost", f"{_TOTAL} + ->", "what total held before this tile is lost: correct it, then add the tile."
        ),
        Mistake(
            "weighted-lost",
            f"{_WEIGHTED} + ->",
            "what weighted held before this tile is lost: correct it, then add the tile.",
        ),
        Mistake(
            "tile-left-out",
            (f"+ {_SUM} ->", "+ p @ v ->"),
            "the old state is corrected and the tile is missing: add its exponentials, and its weighted values.",
        ),
        Mistake(
            "summed-over-queries",
            f"{_SUM} -> p.sum(axis=0, keepdims=True)",
            "the exponentials are summed over the queries, axis=0: each query sums over its keys, axis=1.",
        ),
        Mistake(
            "summed-over-everything",
            f"{_SUM} -> p.sum()",
            "the exponentials of all queries are added up: each query has its own sum, axis=1 with keepdims=True.",
        ),
        Mistake(
            "mean",
            f"{_SUM} -> p.mean(axis=1, keepdims=True)",
            "the exponentials are averaged: means of tiles do not add up, sums do.",
        ),
        Mistake(
            "scores-weigh",
            "p @ v -> scores @ v",
            "the scores themselves weigh the values: the exponentials do, p @ v.",
        ),
        Mistake(
            "old-largest-returned",
            "return new, -> return largest,",
            "the largest score you return is the old one: the next tile needs the new.",
        ),
        Mistake(
            "log",
            f"{_STATE} -> return new, np.log(total), weighted",
            "total is a logarithm: the sum itself is asked for.",
            also=(f"{_STATE} -> return new, new + np.log(total), weighted",),
        ),
        Mistake(
            "order",
            f"{_STATE} -> return new, weighted, total",
            "the three come in another order than asked for: return largest, total, weighted.",
            also=(
                f"{_STATE} -> return total, weighted, new",
                f"{_STATE} -> return total, new, weighted",
            ),
        ),
        Mistake(
            "weighted-alone",
            f"{_STATE} -> return weighted",
            "the next tile needs the whole state: return largest, total, weighted.",
            also=(f"{_STATE} -> return total, weighted", f"{_STATE} -> return weighted / total"),
        ),
        Mistake(
            "axis-lost",
            f"{_STATE} -> return new[:, 0], total[:, 0], weighted",
            "largest and total have lost their axis of length 1: they come in as (i, 1), and leave so.",
            also=(
                f"{_STATE} -> return new, total[:, 0], weighted",
                f"{_STATE} -> return new[:, 0], total, weighted",
            ),
        ),
        Mistake(
            "two-shifts",
            f"p @ v -> np.exp(scores - {_TILE_MAX}) @ v",
            "total and weighted are shifted by different largest scores: both by the new one.",
            also=(f"{_SUM} -> np.exp(scores - {_TILE_MAX}).sum(axis=1, keepdims=True)",),
        ),
        Mistake(
            "values-averaged",
            "p @ v -> p @ v / p.shape[1]",
            "the tile's values are averaged: add them up, each times its exponential.",
        ),
        Mistake(
            "values-not-weighted",
            "p @ v -> v.sum(axis=0)",
            "the tile's values are added up as they are: each counts by its exponential, p @ v.",
        ),
        Mistake(
            "corrected-by-total",
            f"{_WEIGHTED} -> weighted * total / (total - {_SUM})",
            "weighted is corrected by the totals: the factor is exp(old largest - new largest).",
        ),
        Mistake(
            "largest-added",
            f"{_MAX} -> (largest + {_TILE_MAX})",
            "the two largest scores are added: the larger of them is the new one, np.maximum.",
        ),
        Mistake(
            "old-lost-where-largest-stays",
            "np.exp(largest - new) -> np.where(new > largest, np.exp(largest - new), 0.0)",
            "where the largest score stays what it was, the old sums are lost: their factor is 1 there.",
        ),
        Mistake(
            "mean-of-values",
            f"p @ v -> {_SUM} * v.mean(axis=0)",
            "the tile's values are averaged before they are weighted: each counts by its own exponential, p @ v.",
        ),
        Mistake(
            "tile-over-total",
            "p @ v -> p @ v / total",
            "the tile's values are divided by total already: nothing is divided before the last tile.",
        ),
        Mistake(
            "order-reversed",
            f"{_STATE} -> return weighted, total, new",
            "the three come in reverse order: return largest, total, weighted.",
        ),
    ),
)

# ---- operations and bytes of cross-attention


def _cost(n_queries: int, n_keys: int, d_model: int, n_heads: int, item_bytes: int) -> tuple[float, float]:
    """Operations of the matrix products in a layer of cross-attention, and bytes of its weights."""
    on_queries = 2 * 2 * n_queries * d_model**2
    on_keys = 2 * 2 * n_keys * d_model**2
    scores = 2 * n_queries * n_keys * d_model
    average = 2 * n_queries * n_keys * d_model
    n_weights = n_heads * n_queries * n_keys
    operations = on_queries + on_keys + scores + average
    n_bytes = n_weights * item_bytes
    return 1.0 * operations, 1.0 * n_bytes


def _shares(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    """By what the answer is off here where that is one of the usual counts; else which part takes how much."""
    m, i, j = inputs["d_model"], inputs["n_queries"], inputs["n_keys"]
    more = float(outputs["operations"] - _cost(**inputs)[0])
    if np.isclose(more, 0):
        return _weights_said(inputs, float(outputs["weight_bytes"]))
    return _too_many(inputs, more) or (
        f"One map of the queries takes {2 * i * m * m:,} operations, one of the keys {2 * j * m * m:,}, "
        f"the scores of all heads {2 * i * j * m:,}."
    )


def _weights_said(inputs: Mapping[str, Any], got: float) -> str:
    i, j, h, size = (inputs[name] for name in ("n_queries", "n_keys", "n_heads", "item_bytes"))
    pairs = {"n_queries · n_keys": i * j, "n_queries²": i * i, "n_keys²": j * j, "(n_queries + n_keys)²": (i + j) ** 2}
    each = {"1": 1, "item_bytes": size, "n_heads": h, "n_heads · item_bytes": h * size, "d_model": inputs["d_model"]}
    found = (f"{pair} · {one}" for pair, n in pairs.items() for one, k in each.items() if np.isclose(got, n * k))
    return next((f"That is {said}: n_heads · n_queries · n_keys · item_bytes is asked for." for said in found), "")


def _too_many(inputs: Mapping[str, Any], more: float) -> str:
    """The surplus as a small multiple of one product, or ""."""
    m, i, j, h = (inputs[name] for name in ("d_model", "n_queries", "n_keys", "n_heads"))
    products = {
        "n_queries · d_model²": i * m * m,
        "n_keys · d_model²": j * m * m,
        "n_queries · n_keys · d_model": i * j * m,
        "n_heads · n_queries · n_keys": h * i * j,
        "n_queries · n_keys": i * j,
        "n_queries² · d_model": i * i * m,
        "n_keys² · d_model": j * j * m,
        "n_queries · d_model": i * m,
        "n_keys · d_model": j * m,
    }
    for said, product in products.items():
        times = more / product
        if 0.5 < abs(times) < 24.5 and np.isclose(times, np.round(times), 1e-9):
            how = "many" if more > 0 else "few"
            return f"That is {abs(times):.0f} · {said} too {how}: go through the products one by one."
    return ""


_KEYS = "2 * 2 * n_keys * d_model**2"
_QUERIES = "2 * 2 * n_queries * d_model**2"
_SCORES = "scores = 2 * n_queries * n_keys * d_model"
_AVERAGE = "average = 2 * n_queries * n_keys * d_model"
_COUNT = "n_heads * n_queries * n_keys"
_BYTES = "n_weights * item_bytes"
_RESULT = "return 1.0 * operations, 1.0 * n_bytes"

cost = Exercise(
    _cost,
    "n_queries, n_keys, d_model, n_heads, item_bytes -> operations, weight_bytes",
    trials=(
        Trial(
            "37 queries on 53 keys",
            {"n_queries": 37, "n_keys": 53, "d_model": 60, "n_heads": 5, "item_bytes": 2},
        ),
        Trial(
            "211 queries on 19 keys",
            {"n_queries": 211, "n_keys": 19, "d_model": 84, "n_heads": 3, "item_bytes": 4},
        ),
        Trial(
            "one query on 101 keys",
            {"n_queries": 1, "n_keys": 101, "d_model": 98, "n_heads": 7, "item_bytes": 8},
        ),
    ),
    mistakes=(
        Mistake(
            "multiplications-alone",
            "operations = on_queries + on_keys + scores + average "
            "-> operations = (on_queries + on_keys + scores + average) / 2",
            "these are the multiplications: a product of matrices takes as many additions, 2abc operations in all.",
        ),
        Mistake(
            "maps-of-queries-alone",
            f"{_KEYS} -> {_QUERIES}",
            "all four maps are counted on the queries: k and v are maps of the keys, of which there are n_keys.",
        ),
        Mistake(
            "maps-of-keys-alone",
            f"{_QUERIES} -> {_KEYS}",
            "all four maps are counted on the keys: q and the output are maps of n_queries tokens.",
        ),
        Mistake(
            "three-maps-of-keys",
            (f"{_QUERIES} -> 2 * n_queries * d_model**2", f"{_KEYS} -> 2 * 3 * n_keys * d_model**2"),
            "three maps are counted on the keys: only k and v are. The output has a row for each query.",
        ),
        Mistake(
            "three-maps-of-queries",
            (f"{_QUERIES} -> 2 * 3 * n_queries * d_model**2", f"{_KEYS} -> 2 * n_keys * d_model**2"),
            "three maps are counted on the queries: only q and the output are, k and v are maps of the keys.",
        ),
        Mistake(
            "maps-of-both",
            (f"{_QUERIES} -> 2 * 4 * n_queries * d_model**2", f"{_KEYS} -> 2 * 4 * n_keys * d_model**2"),
            "four maps are counted on queries and keys alike: q and the output are maps of the queries, "
            "k and v of the keys.",
        ),
        Mistake(
            "output-map-forgotten",
            f"{_QUERIES} -> 2 * n_queries * d_model**2",
            "one map of the queries is missing: q, and the output's map after the heads are merged.",
        ),
        Mistake(
            "value-map-forgotten",
            f"{_KEYS} -> 2 * n_keys * d_model**2",
            "one map of the keys is missing: both k and v are maps of them.",
        ),
        Mistake(
            "maps-forgotten",
            "operations = on_queries + on_keys + scores + average -> operations = scores + average",
            "the four maps are missing: q, k, v and the output.",
        ),
        Mistake(
            "average-forgotten",
            "on_keys + scores + average -> on_keys + scores",
            "the scores or the average of the values are missing: each takes 2 · n_queries · n_keys · d_model.",
        ),
        Mistake(
            "pairs-forgotten",
            "on_keys + scores + average -> on_keys",
            "these are the maps alone: the scores and the average of the values are products of matrices too.",
        ),
        Mistake(
            "heads-multiply",
            (f"{_SCORES} -> {_SCORES} * n_heads", f"{_AVERAGE} -> {_AVERAGE} * n_heads"),
            "scores and average are multiplied by the heads: each head is d_model / n_heads wide, so the heads cancel.",
        ),
        Mistake(
            "heads-multiply-everything",
            "operations = on_queries + on_keys + scores + average "
            "-> operations = (on_queries + on_keys + scores + average) * n_heads",
            "everything is multiplied by the heads: they share the width, and cancel in every product of matrices.",
        ),
        Mistake(
            "one-head",
            (f"{_SCORES} -> {_SCORES} / n_heads", f"{_AVERAGE} -> {_AVERAGE} / n_heads"),
            "scores and average are counted for one head: there are n_heads of them.",
            also=(
                (
                    f"{_QUERIES} -> {_QUERIES} / n_heads",
                    f"{_KEYS} -> {_KEYS} / n_heads",
                    f"{_SCORES} -> {_SCORES} / n_heads",
                    f"{_AVERAGE} -> {_AVERAGE} / n_heads",
                    f"{_COUNT} -> n_queries * n_keys",
                ),
            ),
        ),
        Mistake(
            "maps-of-one-head",
            (f"{_QUERIES} -> {_QUERIES} / n_heads", f"{_KEYS} -> {_KEYS} / n_heads"),
            "the maps are counted for one head, (m, m/h): all heads together take a map of (m, m).",
            also=((f"{_QUERIES} -> {_QUERIES} / n_heads**2", f"{_KEYS} -> {_KEYS} / n_heads**2"),),
        ),
        Mistake(
            "width-not-squared",
            "d_model**2 -> d_model",
            "a map of n tokens takes 2 · n · d_model²: its matrix is d_model by d_model.",
        ),
        Mistake(
            "width-squared-in-pairs",
            (f"{_SCORES} -> {_SCORES} ** 2", f"{_AVERAGE} -> {_AVERAGE} * d_model"),
            "the width stands squared in the scores and the average: a dot product runs over the width once.",
        ),
        Mistake(
            "all-tokens-together",
            (
                f"{_SCORES} -> scores = 2 * (n_queries + n_keys) ** 2 * d_model",
                f"{_AVERAGE} -> average = 2 * (n_queries + n_keys) ** 2 * d_model",
            ),
            "queries and keys are counted as one text: the scores are n_queries by n_keys.",
            also=(
                f"{_COUNT} -> n_heads * (n_queries + n_keys) ** 2",
                (
                    f"{_QUERIES} -> 2 * 4 * n_queries * d_model**2",
                    f"{_KEYS} -> 2 * 4 * n_keys * d_model**2",
                    f"{_SCORES} -> scores = 2 * (n_queries + n_keys) ** 2 * d_model",
                    f"{_AVERAGE} -> average = 2 * (n_queries + n_keys) ** 2 * d_model",
                    f"{_COUNT} -> n_heads * (n_queries + n_keys) ** 2",
                ),
            ),
        ),
        Mistake(
            "square-of-queries",
            "n_queries * n_keys -> n_queries * n_queries",
            "the square of n_queries is counted: there is a score for each query and key, n_queries · n_keys.",
            also=(
                (
                    f"{_SCORES} -> scores = 2 * n_queries * n_queries * d_model",
                    f"{_AVERAGE} -> average = 2 * n_queries * n_queries * d_model",
                ),
                f"{_COUNT} -> n_heads * n_queries**2",
                f"{_SCORES} -> scores = 2 * n_queries * n_queries * d_model",
            ),
        ),
        Mistake(
            "square-of-keys",
            "n_queries * n_keys -> n_keys * n_keys",
            "the square of n_keys is counted: there is a score for each query and key, n_queries · n_keys.",
            also=(
                (
                    f"{_SCORES} -> scores = 2 * n_keys * n_keys * d_model",
                    f"{_AVERAGE} -> average = 2 * n_keys * n_keys * d_model",
                ),
                f"{_COUNT} -> n_heads * n_keys**2",
                f"{_SCORES} -> scores = 2 * n_keys * n_keys * d_model",
            ),
        ),
        Mistake(
            "softmax-too",
            f"{_AVERAGE} -> {_AVERAGE} + 5 * n_heads * n_queries * n_keys",
            "the softmax, the scale or the like is counted too: only the products of matrices are asked for.",
            also=tuple(f"{_AVERAGE} -> {_AVERAGE} + {n} * n_heads * n_queries * n_keys" for n in (1, 2, 3, 4, 6)),
        ),
        Mistake(
            "bytes-of-one-head",
            f"{_COUNT} -> n_queries * n_keys",
            "the weights of one head are counted: each head has its own n_queries by n_keys.",
        ),
        Mistake(
            "items",
            f"{_BYTES} -> n_weights",
            "this is the number of weights, or that divided: multiply it by the bytes of each, item_bytes.",
            also=(f"{_BYTES} -> n_weights / item_bytes", f"{_BYTES} -> n_weights // item_bytes"),
        ),
        Mistake(
            "bits",
            f"{_BYTES} -> n_weights * item_bytes * 8",
            "these are bits: item_bytes already says bytes.",
            also=(f"{_BYTES} -> n_weights * item_bytes / 8",),
        ),
        Mistake(
            "four-bytes",
            f"{_BYTES} -> n_weights * 4",
            "a weight is taken to have the same bytes always: item_bytes says how many.",
            also=(f"{_BYTES} -> n_weights * 2", f"{_BYTES} -> n_weights * 8"),
        ),
        Mistake(
            "mebibytes",
            f"{_BYTES} -> n_weights * item_bytes / 2**20",
            "these are larger units: bytes are asked for.",
            also=tuple(f"{_BYTES} -> n_weights * item_bytes / {unit}" for unit in ("1e6", "1024", "1e3", "2**30")),
        ),
        Mistake(
            "weights-times-width",
            f"{_BYTES} -> n_weights * item_bytes * d_model",
            "the width stands among the weights: each head has one number for a query and a key.",
            also=(f"{_BYTES} -> n_weights * item_bytes * d_model / n_heads",),
        ),
        Mistake(
            "bytes-of-the-maps",
            f"{_BYTES} -> 4 * d_model**2 * item_bytes",
            "these are the bytes of the four maps, which are learned: attention weights are n_heads · n_queries · "
            "n_keys numbers.",
        ),
        Mistake(
            "maps-of-pairs",
            (
                f"{_QUERIES} -> 8 * n_queries * n_keys * d_model**2",
                "operations = on_queries + on_keys -> operations = on_queries",
            ),
            "the maps are counted for each pair of query and key: a map is taken of each token once.",
        ),
        Mistake(
            "bytes-of-keys-and-values",
            f"{_BYTES} -> 2 * n_keys * d_model * item_bytes",
            "these are the bytes of keys and values: the weights are n_heads · n_queries · n_keys numbers.",
        ),
        Mistake(
            "scores-and-weights",
            f"{_BYTES} -> 2 * n_weights * item_bytes",
            "twice the weights are counted, the scores beside them perhaps: the bytes of the weights are asked for.",
        ),
        Mistake("order", f"{_RESULT} -> return n_bytes, operations", "you return the bytes first: operations, bytes."),
        Mistake(
            "one-result",
            f"{_RESULT} -> return 1.0 * operations",
            "two numbers are asked for: operations, then the bytes of the weights.",
            also=(f"{_RESULT} -> return 1.0 * n_bytes",),
        ),
        Mistake(
            "queries-among-the-keys",
            (
                f"{_SCORES} -> scores = 2 * n_queries * (n_queries + n_keys) * d_model",
                f"{_AVERAGE} -> average = 2 * n_queries * (n_queries + n_keys) * d_model",
            ),
            "the queries are counted among the keys: in cross-attention each query looks at the n_keys others alone.",
            also=(
                f"{_COUNT} -> n_heads * n_queries * (n_queries + n_keys)",
                (
                    f"{_SCORES} -> scores = 2 * n_queries * (n_queries + n_keys) * d_model",
                    f"{_AVERAGE} -> average = 2 * n_queries * (n_queries + n_keys) * d_model",
                    f"{_COUNT} -> n_heads * n_queries * (n_queries + n_keys)",
                ),
            ),
        ),
        Mistake(
            "biases-too",
            f"{_AVERAGE} -> {_AVERAGE} + 2 * (n_queries + n_keys) * d_model",
            "biases are counted, an addition for each entry: the maps have none.",
        ),
        Mistake(
            "additions-one-fewer",
            (
                f"{_QUERIES} -> 2 * n_queries * d_model * (2 * d_model - 1)",
                f"{_KEYS} -> 2 * n_keys * d_model * (2 * d_model - 1)",
            ),
            "an addition less than multiplications is counted for each entry: count 2abc, as the table of the chapter "
            "does.",
        ),
        Mistake(
            "pairs-squared",
            f"{_COUNT} -> n_heads * (n_queries * n_keys) ** 2",
            "the number of pairs is squared: a head has one weight for each query and key.",
        ),
        Mistake(
            "more-than-the-weights",
            f"{_BYTES} -> (n_weights + n_queries * d_model + 2 * n_keys * d_model) * item_bytes",
            "queries, keys or values are among the bytes: the attention weights alone are asked for.",
            also=(
                f"{_BYTES} -> (n_weights + 2 * n_keys * d_model) * item_bytes",
                f"{_BYTES} -> (n_weights + 2 * n_queries * d_model + 2 * n_keys * d_model) * item_bytes",
                f"{_BYTES} -> (n_weights + n_queries * d_model) * item_bytes",
            ),
        ),
    ),
    remark=_shares,
)

# ---- an exponent beside a fixed cost


def _polyfit(x: Array, y: Array, deg: int) -> Array:
    """np.polyfit, but for what LAPACK prints when it meets NaN or infinity."""
    if len(x) == len(y) and not np.isfinite([*x, *y]).all():
        raise np.linalg.LinAlgError("SVD did not converge in Linear Least Squares")
    return np.polyfit(x, y, deg)


def _exponent(lengths: Array, seconds: Array) -> float:
    """The exponent p of seconds = fixed + a · length**p, from the steps of the seconds."""
    steps = np.diff(seconds)
    x = np.log(lengths[1:])
    y = np.log(steps)
    slope = _polyfit(x, y, 1)[0]
    return slope


def _timed(label: str, seed: int, first: int, ratio: int, n: int, fixed: float, scale: float, power: float) -> Trial:
    """Times with a fixed cost and some noise, so that two points do not say what all say."""
    lengths = first * ratio ** np.arange(n)
    grown = scale * (lengths / first) ** power * (1 + numbers(seed, n) / 16)
    return Trial(label, {"lengths": lengths, "seconds": np.round(32 * (fixed + np.cumsum(grown))) / 32})


def _curve(lengths: Array, seconds: Array) -> float:
    """The exponent of the curve of least squares through the seconds."""
    x = lengths / lengths[0]
    start = seconds[0] / 2, seconds[0] / 2, 1.5
    return float(curve_fit(lambda x, c, a, p: c + a * x**p, x, seconds, p0=start, maxfev=10000)[0][2])


_STEPS = "np.diff(seconds)"
_FIT = "_polyfit(x, y, 1)[0]"

exponent = Exercise(
    _exponent,
    "lengths (n), seconds (n) -> exponent",
    trials=(
        _timed("five lengths that treble", 241, 24, 3, 5, 2.5, 0.5, 1.75),
        _timed("seven lengths that double", 243, 40, 2, 7, 6.0, 1.0, 1.25),
        _timed("lengths that grow fivefold", 247, 6, 5, 5, 40.0, 0.25, 2.125),
    ),
    mistakes=(
        Mistake(
            "fixed-cost-kept",
            (f"{_STEPS} -> seconds", "lengths[1:] -> lengths"),
            "this is the slope of all of the time: the fixed cost is still in it and flattens the line. "
            "The steps np.diff(seconds) are free of it.",
        ),
        Mistake(
            "shortest-subtracted",
            f"{_STEPS} -> seconds[1:] - seconds[0]",
            "the shortest call's time is subtracted as if it were all fixed cost: "
            "it has a part that grows too. Take the steps, np.diff(seconds).",
            also=((f"{_STEPS} -> seconds - seconds[0]", "lengths[1:] -> lengths"),),
        ),
        Mistake(
            "logs-first",
            f"{_STEPS} -> np.exp(np.diff(np.log(seconds)))",
            "the logarithms are taken before the differences: differences of the seconds first, then their logarithm.",
            also=(
                f"{_FIT} -> (np.diff(np.log(seconds)) / np.diff(np.log(lengths))).mean()",
                f"{_STEPS} -> np.diff(np.log(seconds))",
            ),
        ),
        Mistake(
            "no-logarithms",
            ("np.log(lengths[1:]) -> lengths[1:]", "np.log(steps) -> steps"),
            "no logarithms are taken: a power is a straight line where both axes are logarithmic.",
            also=(
                ("np.log(lengths[1:]) -> lengths[:-1]", "np.log(steps) -> steps"),
                ("np.log(lengths[1:]) -> np.diff(lengths)", "np.log(steps) -> steps"),
                ("np.log(lengths[1:]) -> lengths", "np.log(steps) -> seconds"),
            ),
        ),
        Mistake(
            "lengths-without-log",
            "np.log(lengths[1:]) -> lengths[1:]",
            "the lengths lack their logarithm: a power is a straight line where both axes are logarithmic.",
            also=("np.log(lengths[1:]) -> lengths[:-1]", "np.log(lengths[1:]) -> np.diff(lengths)"),
        ),
        Mistake(
            "seconds-without-log",
            "np.log(steps) -> steps",
            "the steps lack their logarithm: a power is a straight line where both axes are logarithmic.",
        ),
        Mistake(
            "intercept",
            f"{_FIT} -> _polyfit(x, y, 1)[1]",
            "this is the second number of np.polyfit, where the line starts: the slope comes first, [0].",
            also=tuple(
                (f"lengths[1:] -> {x}", f"{_FIT} -> _polyfit(x, y, 1)[1]") for x in ("lengths[:-1]", "np.diff(lengths)")
            ),
        ),
        Mistake(
            "both-coefficients",
            f"{_FIT} -> _polyfit(x, y, 1)",
            "slope and start of the line are returned: the exponent is the slope, [0].",
            also=tuple(
                (f"lengths[1:] -> {x}", f"{_FIT} -> _polyfit(x, y, 1)") for x in ("lengths[:-1]", "np.diff(lengths)")
            ),
        ),
        Mistake(
            "axes-exchanged",
            f"{_FIT} -> _polyfit(y, x, 1)[0]",
            "the axes are exchanged: the lengths' logarithm is x, the first argument of np.polyfit.",
            also=("return slope -> return 1 / slope",),
        ),
        Mistake(
            "other-base",
            "np.log(steps) -> np.log2(steps)",
            "the two logarithms have different bases: use the same for lengths and steps.",
            also=(
                "np.log(lengths[1:]) -> np.log2(lengths[1:])",
                "np.log(lengths[1:]) -> np.log10(lengths[1:])",
                "np.log(steps) -> np.log10(steps)",
                ("np.log(lengths[1:]) -> np.log2(lengths[1:])", "np.log(steps) -> np.log10(steps)"),
                ("np.log(lengths[1:]) -> np.log10(lengths[1:])", "np.log(steps) -> np.log2(steps)"),
            ),
        ),
        Mistake(
            "ends-alone",
            f"{_FIT} -> (y[-1] - y[0]) / (x[-1] - x[0])",
            "only the first and the last step decide, or the mean of the local slopes, which is the same: "
            "fit a line through all (np.polyfit).",
        ),
        Mistake(
            "two-steps-alone",
            f"{_FIT} -> (y[-1] - y[-2]) / (x[-1] - x[-2])",
            "two neighbouring steps alone decide, the last two or the first two: fit a line through all (np.polyfit).",
            also=(f"{_FIT} -> (y[1] - y[0]) / (x[1] - x[0])",),
        ),
        Mistake(
            "median-slope",
            f"{_FIT} -> np.median(np.diff(y) / np.diff(x))",
            "this is the median of the slopes from step to step: the least-squares line is asked for (np.polyfit).",
        ),
        Mistake(
            "ratio-forgotten",
            f"{_FIT} -> np.diff(y).mean()",
            "this is the logarithm of how much the steps grow: divide by that of how much the lengths grow.",
            also=(f"{_FIT} -> np.exp(np.diff(y)).mean()",),
        ),
        Mistake(
            "always-doubled",
            f"{_FIT} -> np.diff(y).mean() / np.log(2)",
            "the lengths are taken to double: they grow by any factor. The logarithm of the lengths has to be x.",
            also=(f"{_FIT} -> _polyfit(np.arange(len(y)), y, 1)[0] / np.log(2)",),
        ),
        Mistake(
            "two-steps-doubled",
            f"{_FIT} -> (y[-1] - y[-2]) / np.log(2)",
            "two steps alone decide, and the lengths are taken to double: fit a line through all, with the logarithm "
            "of the lengths as x.",
            also=(f"{_FIT} -> (y[1] - y[0]) / np.log(2)", f"{_FIT} -> (y[-1] - y[0]) / np.log(2)"),
        ),
        Mistake(
            "index-for-length",
            f"{_FIT} -> _polyfit(np.arange(len(y)), y, 1)[0]",
            "the steps are numbered 0, 1, 2: the logarithm of the lengths has to be x.",
        ),
        Mistake(
            "through-the-origin",
            f"{_FIT} -> (x @ y) / (x @ x)",
            "the line is forced through the origin: it starts at log a. np.polyfit with deg=1 fits both.",
        ),
        Mistake(
            "correlation",
            f"{_FIT} -> np.corrcoef(x, y)[0, 1]",
            "this is the correlation, or its square, which says how straight the points lie: the slope of the line is "
            "asked for.",
            also=(f"{_FIT} -> np.corrcoef(x, y)[0, 1] ** 2",),
        ),
        Mistake(
            "steps-left-out",
            f"{_FIT} -> _polyfit(x[:-1], y[:-1], 1)[0]",
            "not all steps are in the fit: of n lengths there are n - 1.",
            also=(f"{_FIT} -> _polyfit(x[1:], y[1:], 1)[0]", f"{_FIT} -> _polyfit(x[-3:], y[-3:], 1)[0]"),
        ),
        Mistake(
            "rounded",
            "return slope -> return round(slope, 1)",
            "the exponent is rounded: return it as it is.",
            also=("return slope -> return round(slope, 2)", "return slope -> return round(slope)"),
        ),
        Mistake(
            "quotients",
            f"{_FIT} -> (y / x).mean()",
            "the logarithms are divided, which takes the line through the origin: fit the slope (np.polyfit).",
            also=(f"{_FIT} -> (np.log(seconds) / np.log(lengths)).mean()",),
        ),
        Mistake(
            "parabola",
            f"{_FIT} -> _polyfit(x, y, 2)[0]",
            "a parabola is fitted: a power is a straight line, deg=1.",
            also=(f"{_FIT} -> _polyfit(x, y, 2)[1]",),
        ),
        Mistake(
            "lengths-not-shortened",
            "lengths[1:] -> lengths",
            "n lengths meet n - 1 steps: leave out one length, lengths[1:] or lengths[:-1].",
        ),
        Mistake(
            "divided-by-length",
            "np.log(steps) -> np.log(steps / lengths[1:])",
            "the steps are divided by lengths first, which takes 1 from the exponent: fit their logarithm as it is.",
            also=("np.log(steps) -> np.log(seconds[1:] / lengths[1:])",),
        ),
        Mistake(
            "exponential",
            "return slope -> return np.exp(slope)",
            "the slope is the exponent itself: do not take exp of it.",
            also=("return slope -> return 2**slope",),
        ),
        Mistake(
            "steps-twice",
            (f"{_STEPS} -> np.diff(seconds, 2)", "lengths[1:] -> lengths[2:]"),
            "the differences are taken twice: one difference takes off the fixed cost.",
        ),
        Mistake(
            "gradient",
            (f"{_STEPS} -> np.gradient(seconds)", "lengths[1:] -> lengths"),
            "np.gradient averages two steps: np.diff gives each.",
            also=((f"{_STEPS} -> np.gradient(seconds, lengths)", "lengths[1:] -> lengths"),),
        ),
        Mistake(
            "derivative-and-line",
            (f"{_STEPS} -> np.diff(seconds) / np.diff(lengths)", f"{_FIT} -> _polyfit(x, y, 1)"),
            "the steps are divided by those of the lengths, which takes 1 from the exponent, and the whole line is "
            "returned: fit np.diff(seconds), take [0].",
            also=tuple(
                (
                    f"{_STEPS} -> np.diff(seconds) / np.diff(lengths)",
                    f"lengths[1:] -> {x}",
                    f"{_FIT} -> _polyfit(x, y, 1)",
                )
                for x in ("lengths[:-1]", "np.diff(lengths)")
            ),
        ),
        Mistake(
            "curve-fitted",
            _curve,
            "a curve is fitted to the seconds themselves, which the longest calls decide: fit a line to the "
            "logarithms of the steps (np.polyfit).",
        ),
    ),
)

# ---- the longest sequence

_EACH = 12 * 12 * 4  # layers, heads, bytes

_TOKENS: dict[float, str] = {
    int((2**30 / 12 / 4) ** 0.5): "that counts one layer, or one head of each: 12 layers of 12 heads are stored, "
    "144 squares of numbers.",
    int((2**30 / 4) ** 0.5): "that counts one head of one layer: 12 layers of 12 heads are stored.",
    int((2**30 / 144) ** 0.5): "that counts one byte for each weight: 32 bits are four.",
    int((2**30 / 144 / 32) ** 0.5): "that divides bytes by bits: 32 bits are four bytes.",
    int(2**30 / _EACH): "that is the square of the length: take its root.",
    int((1e9 / _EACH) ** 0.5): "that takes 1 GiB for 10⁹ bytes: it is 2³⁰.",
    int((2**30 / _EACH) ** 0.5) + 1: "with that many they take a little more than 1 GiB: round down.",
}

longest = Numbers("longest", right={"tokens": int((2**30 / _EACH) ** 0.5)}, mistakes=_TOKENS)

EXERCISES = listed(merge, cost, exponent)
