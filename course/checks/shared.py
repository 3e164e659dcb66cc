"""The mistakes that every exercise built on attention shares, as edits in the lines that their right answers share.

An exercise takes part by using these lines to the letter, each where it needs it:

    scores = q @ k.T / np.sqrt(q.shape[-1])           or  q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    scores = np.where(allowed, scores, -np.inf)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    return out, weights

Causal masks are `allowed = np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)` with any numbers in the brackets.
`returned("out", "weights")` makes what goes wrong in the last line, for whatever results an exercise returns.
What an edit does not find it leaves alone. Old texts are as short as can be, so that two mistakes in one line can be
tried together. What comes out right in an exercise is a matter of style there (no guard against 0/0 where no row is
empty), and is tried together with the mistakes without being mentioned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.edits import Mistake

__all__ = ["ATTENTION", "CAUSAL", "MASK", "OUTPUTS", "SCALE", "SOFTMAX", "UNMASKED", "largest", "returned", "total"]

Array = NDArray[Any]
Function = Callable[..., Array]


def _unless(found: float, instead: float) -> Callable[[Function], Function]:
    """Puts another number for one found; `__wrapped__` is the function that does not."""

    def guarded(reduce: Function) -> Function:
        @wraps(reduce)
        def replaced(x: Array, axis: int | None = -1) -> Array:
            reduced = reduce(x, axis)
            return np.where(reduced == found, instead, reduced)

        return replaced

    return guarded


@_unless(-np.inf, 0.0)
def largest(scores: Array, axis: int | None = -1) -> Array:
    """Along an axis, which is kept; 0 where all scores are -inf."""
    return scores.max(axis=axis, keepdims=True)


@_unless(0.0, 1.0)
def total(exponentials: Array, axis: int | None = -1) -> Array:
    """Along an axis, which is kept; 1 where all exponentials are 0."""
    return exponentials.sum(axis=axis, keepdims=True)


def returned(*names: str) -> tuple[Mistake, ...]:
    """Results in another order, one of them alone, or one in every place, where the last line is `return a, b`."""
    line, asked = f"return {', '.join(names)}", f"return ({', '.join(names)})"
    orders = [order for order in permutations(names) if order != names]
    swapped = [
        Mistake(
            f"order-swapped-{n}" if n else "order-swapped",
            f"{line} -> return {', '.join(order)}",
            f"you return ({', '.join(order)}): {asked}.",
        )
        for n, order in enumerate(orders)
    ]
    alone = [Mistake(f"{x}-alone", f"{line} -> return {x}", f"you return {x} alone: {asked}.") for x in names]
    many = "twice" if len(names) == 2 else "in every place"
    repeated = [
        Mistake(f"{x}-twice", f"{line} -> return {', '.join([x] * len(names))}", f"you return {x} {many}: {asked}.")
        for x in names
    ]
    return (*swapped, *alone, *repeated)


_ROOT = "np.sqrt(q.shape[-1])"
_SHIFT = "- largest(scores, axis=-1)"
_MAX = "largest(scores, axis=-1)"
_SUM = "total(exponentials, axis=-1)"
_FILL = "np.where(allowed, scores, -np.inf)"
_BARE_SUM = "total -> total.__wrapped__"

SCALE = (
    Mistake(
        "unscaled",
        f"/ {_ROOT} ->",
        "the scale is missing: divide the scores by √d before the softmax.",
    ),
    Mistake(
        "divides-by-d",
        f"{_ROOT} -> q.shape[-1]",
        "the scores are divided by d, the width of a query: divide by its square root.",
    ),
    Mistake(
        "multiplies-by-root-d",
        f"/ {_ROOT} -> * {_ROOT}",
        "the scores are multiplied by √d: divide by it.",
        also=(f"/ {_ROOT} -> * q.shape[-1]",),
    ),
    Mistake(
        "root-of-keys",
        f"{_ROOT} -> np.sqrt(k.shape[-2])",
        "the scores are divided by the root of the number of keys; d is the length of one key, k.shape[-1].",
        also=(f"{_ROOT} -> k.shape[-2]",),
    ),
    Mistake(
        "root-of-queries",
        f"{_ROOT} -> np.sqrt(q.shape[-2])",
        "the scores are divided by the root of the number of queries; d is the length of one query, q.shape[-1].",
        also=(f"{_ROOT} -> q.shape[-2]",),
    ),
    Mistake(
        "root-of-value-width",
        f"{_ROOT} -> np.sqrt(v.shape[-1])",
        "the scores are divided by the root of the values' width: d is the width of queries and keys.",
    ),
    Mistake(
        "root-of-all-scores",
        f"{_ROOT} -> np.sqrt(q.size)",
        "the scores are divided by the root of how many numbers q holds: d is the length of one query, q.shape[-1].",
        also=(f"{_ROOT} -> np.sqrt(k.size)",),
    ),
    Mistake(
        "root-twice",
        f"{_ROOT} -> np.sqrt(np.sqrt(q.shape[-1]))",
        "the root of d is taken twice: divide by np.sqrt(d).",
    ),
    Mistake(
        "square-of-d",
        f"{_ROOT} -> q.shape[-1] ** 2",
        "the scores are divided by d²: divide by the root of d.",
    ),
    Mistake(
        "scaled-after-softmax",
        (f"/ {_ROOT} ->", f"weights = -> weights = 1 / {_ROOT} *"),
        "the rows of weights sum to 1/√d: the scale comes after the softmax, and should come before.",
    ),
    Mistake(
        "cosine",
        f"/ {_ROOT} -> / np.linalg.norm(q, axis=-1)[..., :, None] / np.linalg.norm(k, axis=-1)[..., None, :]",
        "the scores are cosines: queries and keys keep their lengths, only √d divides.",
    ),
    Mistake(
        "fixed-width",
        f"{_ROOT} -> np.sqrt(5)",
        "the scores are divided by one number whatever the width: take d from the queries, q.shape[-1].",
        also=tuple(f"{_ROOT} -> {size}" for size in ("2", "3", "4", "8", "np.sqrt(2)", "np.sqrt(3)", "np.sqrt(8)")),
    ),
    Mistake(
        "half-scaled",
        f"{_ROOT} -> np.sqrt(np.linalg.norm(q, axis=-1, keepdims=True))",
        "the scores are divided by the root of a query's length: d is its width, how many numbers it has.",
        also=(f"{_ROOT} -> np.linalg.norm(q, axis=-1, keepdims=True)",),
    ),
)

SOFTMAX = (
    Mistake(
        "over-queries",
        "axis=-1 -> axis=-2",
        "each column sums to 1, each row should: the softmax runs over the queries. It runs over the keys, axis=-1.",
    ),
    Mistake(
        "whole-array",
        "axis=-1 -> axis=None",
        "all weights together sum to 1, each row should: the softmax lacks its axis, the last (with keepdims=True).",
    ),
    Mistake(
        "over-first-axis",
        "axis=-1 -> axis=0",
        "the softmax runs over axis 0: it runs over the last, axis=-1.",
    ),
    Mistake(
        "over-axis-1",
        "axis=-1 -> axis=1",
        "the softmax runs over axis 1: it runs over the last, axis=-1, however many there are.",
    ),
    Mistake(
        "sum-over-queries",
        f"{_SUM} -> total(exponentials, axis=-2)",
        "the exponentials are divided by the sums of columns, each row's sum is meant: axis=-1, keepdims=True.",
    ),
    Mistake(
        "sum-over-everything",
        f"{_SUM} -> exponentials.sum()",
        "the exponentials are divided by the sum of all: divide each row by its own sum, axis=-1, keepdims=True.",
        also=((f"{_SHIFT} ->", f"{_SUM} -> exponentials.sum()"),),
    ),
    Mistake(
        "keepdims-missing",
        f"{_SUM} -> exponentials.sum(axis=-1)",
        "a sum over the last axis drops it, and the division then goes along the wrong axis or fails: keepdims=True.",
    ),
    Mistake(
        "keepdims-missing-in-max",
        f"{_MAX} -> scores.max(axis=-1)",
        "a maximum over the last axis drops it, and the subtraction then goes along the wrong axis or fails: "
        "keepdims=True.",
        also=((f"{_MAX} -> scores.max(axis=-1)", f"{_SUM} -> exponentials.sum(axis=-1)"),),
    ),
    Mistake(
        "overflows",
        f"{_SHIFT} ->",
        "large scores give NaN or zeros: exp overflows above 709, vanishes below -745. "
        "Subtract each row's largest score first.",
    ),
    Mistake(
        "global-shift",
        f"{_MAX} -> scores.max()",
        "a row far below another gives 0/0: you subtract the largest of all scores. "
        "Subtract each row's own (axis=-1, keepdims=True).",
    ),
    Mistake(
        "columns-shift",
        f"{_MAX} -> largest(scores, axis=0)",
        "you subtract each column's largest score, which changes the weights: subtract each row's, axis=-1.",
        also=(f"{_MAX} -> largest(scores, axis=-2)",),
    ),
    Mistake(
        "mean-shift",
        f"{_MAX} -> scores.mean(axis=-1, keepdims=True)",
        "you subtract the mean of a row; where the largest score is far above it, exp still overflows: "
        "subtract the largest.",
    ),
    Mistake(
        "smallest-shift",
        f"{_MAX} -> scores.min(axis=-1, keepdims=True)",
        "you subtract the smallest score of a row, and exp of the largest still overflows: subtract the largest.",
    ),
    Mistake(
        "size-shift",
        f"{_MAX} -> np.abs(scores).max(axis=-1, keepdims=True)",
        "you subtract the largest absolute value; in a row of large negative scores exp then vanishes: "
        "subtract the largest score, without abs.",
    ),
    Mistake(
        "plus-largest",
        f"{_SHIFT} -> + {_MAX}",
        "the largest score is added, and exp overflows sooner: subtract it.",
    ),
    Mistake(
        "base",
        "np.exp(scores -> 2.0 ** (scores",
        "the base of the powers is not e: use np.exp.",
        also=tuple(f"np.exp(scores -> {b} ** (scores" for b in (10.0, 2.7, 2.71, 2.72, 2.718)),
    ),
    Mistake(
        "no-softmax",
        f"exponentials / {_SUM} -> scores",
        "these weights are the scores themselves: the softmax is missing.",
    ),
    Mistake(
        "not-normalised",
        f"exponentials / {_SUM} -> np.exp(scores)",
        "the weights are exponentials that sum to anything: divide each row by its sum.",
    ),
    Mistake(
        "shifted-not-normalised",
        f"/ {_SUM} ->",
        "the largest weight of each row is 1, so that its sum is more: divide the exponentials by their sum.",
    ),
    Mistake(
        "no-exponential",
        f"exponentials / {_SUM} -> scores / scores.sum(axis=-1, keepdims=True)",
        "weights can be negative: these are the scores over their sum. Take np.exp first.",
    ),
    Mistake(
        "half-shifted",
        (
            f"{_SHIFT} -> {_SHIFT}",
            f"exponentials / {_SUM} -> exponentials / np.exp(scores).sum(axis=-1, keepdims=True)",
        ),
        "the largest score is subtracted on one side of the fraction line only: "
        "divide by the sum of the same exponentials.",
        also=((f"{_SHIFT} -> {_SHIFT}", f"exponentials / {_SUM} -> np.exp(scores) / {_SUM}"),),
    ),
    Mistake(
        "softmax-twice",
        f"exponentials / {_SUM} -> (p := np.exp(exponentials / {_SUM})) / p.sum(axis=-1, keepdims=True)",
        "the softmax is taken twice: its weights are put through it again, which evens them out. Once is enough.",
    ),
    Mistake(
        "log",
        f"exponentials / {_SUM} -> scores - largest(scores) - np.log(total(exponentials))",
        "these are the logarithms of the weights (log-softmax): take exp of them.",
        also=(f"exponentials / {_SUM} -> np.log(exponentials / {_SUM})",),
    ),
    Mistake(
        "sign",
        f"np.exp(scores {_SHIFT}) -> np.exp(-scores - largest(-scores, axis=-1))",
        "the largest score gets the smallest weight: the sign in exp is flipped.",
        also=("np.exp(scores -> np.exp(-scores",),
    ),
    Mistake(
        "hard",
        f"exponentials / {_SUM} -> np.where(scores == scores.max(axis=-1, keepdims=True), 1.0, 0.0)",
        "all weight goes to the largest score: that is argmax; softmax shares it out.",
    ),
    Mistake(
        "sigmoid",
        f"exponentials / {_SUM} -> 1.0 / (1.0 + np.exp(-scores))",
        "each score is squashed on its own (sigmoid): divide by the sum of the row's exponentials instead.",
    ),
    Mistake(
        "over-sum-of-scores",
        f"{_SUM} -> scores.sum(axis=-1, keepdims=True)",
        "the exponentials are divided by the sum of the scores: divide by the sum of the exponentials.",
        also=((f"{_SHIFT} ->", f"{_SUM} -> scores.sum(axis=-1, keepdims=True)"),),
    ),
    Mistake(
        "over-mean",
        f"{_SUM} -> exponentials.mean(axis=-1, keepdims=True)",
        "the exponentials are divided by their mean: divide by their sum.",
    ),
    Mistake(
        "over-largest",
        f"{_SUM} -> exponentials.max(axis=-1, keepdims=True)",
        "the exponentials are divided by their largest: divide by their sum.",
    ),
    Mistake(
        "unit-length",
        f"{_SUM} -> np.linalg.norm(exponentials, axis=-1, keepdims=True)",
        "the squares of the weights sum to 1: divide by the sum of the exponentials, not by their length.",
    ),
    Mistake(
        "small-number-added",
        f"{_SUM} -> ({_SUM} + 1e-3)",
        "a small number is added to the sum, and rows sum to less than 1: leave it out; the sum is never 0.",
        also=tuple(f"{_SUM} -> ({_SUM} + {n})" for n in (1, 0.1, 1e-2, 1e-4, 1e-5)),
    ),
    Mistake(
        "nan-row",
        _BARE_SUM,
        "a query that may attend to nothing gives NaN, from 0/0 or -inf minus -inf: make its weights zero.",
        also=((_BARE_SUM, "largest -> largest.__wrapped__"), "largest -> largest.__wrapped__"),
    ),
    Mistake(
        "guarded",
        f"exponentials / {_SUM} -> np.nan_to_num(exponentials / exponentials.sum(axis=-1, keepdims=True))",
        "NaN is turned into 0 where it should not arise.",
    ),
    Mistake(
        "guarded-sum",
        f"{_SUM} -> (exponentials.sum(axis=-1, keepdims=True) + 1e-9)",
        "a small number is added to the sum, which is never 0: leave it out.",
    ),
)

MASK = (
    Mistake(
        "mask-ignored",
        f"{_FILL} -> scores",
        "the mask is not used: forbidden keys still get weight.",
    ),
    Mistake(
        "mask-inverted",
        f"{_FILL} -> np.where(allowed, -np.inf, scores)",
        "the weight goes to the forbidden keys: True means may attend, so the scores where it is False get -inf.",
        also=((f"{_FILL} -> np.where(allowed, -np.inf, scores)", _BARE_SUM),),
    ),
    Mistake(
        "masked-after-softmax",
        (f"{_FILL} -> scores", "weights = -> weights = allowed *"),
        "rows of weights sum to less than 1: you mask after the softmax. Put -inf into the scores before it.",
    ),
    Mistake(
        "renormalised",
        (f"{_FILL} -> scores", "exponentials = -> exponentials = allowed *"),
        "a forbidden key with a large score pushes the allowed ones to 0, and nothing is left to divide by: "
        "mask the scores, before the softmax.",
    ),
    Mistake(
        "overflows-before-the-mask",
        (f"{_FILL} -> scores", f"{_SHIFT} ->", "exponentials = -> exponentials = allowed *"),
        "exp of a large score overflows, a forbidden one's too, as infinity times 0 is NaN: put -inf into the scores, "
        "then subtract each row's largest.",
    ),
    Mistake(
        "zero-score",
        f"{_FILL} -> np.where(allowed, scores, 0.0)",
        "forbidden keys still get weight: a score of 0 gives exp(0) = 1, not 0. Fill with -inf.",
    ),
    Mistake(
        "mask-added",
        f"{_FILL} -> scores + allowed",
        "the mask is added to the scores as 0 and 1: put -inf where it is False.",
        also=(f"{_FILL} -> scores - allowed", f"{_FILL} -> scores - ~allowed", f"{_FILL} -> scores + ~allowed"),
    ),
    Mistake(
        "infinities",
        f"{_FILL} -> scores + (1 - allowed) * -np.inf",
        "0 * -inf and inf - inf are NaN: write np.where(allowed, scores, -np.inf), and subtract a row's largest score, "
        "never its mean or smallest.",
        also=(
            (f"{_FILL} -> scores + (1 - allowed) * -np.inf", _BARE_SUM),
            f"{_FILL} -> np.where(allowed, scores, np.inf)",
        ),
    ),
    Mistake(
        "scores-times-infinity",
        f"{_FILL} -> scores * np.where(allowed, 1.0, -np.inf)",
        "a negative score times -inf is +inf, and its row NaN: write np.where(allowed, scores, -np.inf).",
    ),
    Mistake(
        "weights-filled",
        (f"{_FILL} -> scores", f"exponentials / {_SUM} -> np.where(allowed, exponentials / {_SUM}, -np.inf)"),
        "the weights are filled with -inf, after the softmax: fill the scores before it.",
    ),
    Mistake(
        "tiny-fill",
        f"{_FILL} -> np.where(allowed, scores, np.finfo(np.float64).tiny)",
        "the fill is the smallest positive number, near 0, and exp(0) = 1: fill with -np.inf.",
        also=(f"{_FILL} -> np.where(allowed, scores, 1e-9)",),
    ),
    Mistake(
        "fill-not-low-enough",
        f"{_FILL} -> np.where(allowed, scores, -10.0)",
        "a number such as -10 or -100 is not low enough: a forbidden key still takes weight. Use -inf.",
        also=(
            *(
                edit
                for fill in (*range(1, 13), 20, 30, 50, 100)
                for edit in (
                    f"{_FILL} -> np.where(allowed, scores, -{fill}.0)",
                    f"{_FILL} -> np.where(allowed, scores, scores - {fill}.0)",
                )
            ),
            *(f"{_FILL} -> scores + np.log(allowed + {n})" for n in ("1e-3", "1e-6", "1e-9")),
        ),
    ),
    Mistake(
        "uniform-row",
        f"{_FILL} -> np.where(allowed, scores, -1e9)",
        "a query that may attend to nothing gets equal weights over all keys: make its weights zero.",
        also=(f"{_FILL} -> np.where(allowed.any(-1, keepdims=True), {_FILL}, 0.0)",),
    ),
    Mistake(
        "unmasked-row",
        f"{_FILL} -> np.where(allowed | ~allowed.any(-1, keepdims=True), scores, -np.inf)",
        "a query that may attend to nothing attends as if nothing were masked: make its weights zero.",
    ),
    Mistake(
        "zeroed-later",
        "weights = -> weights = allowed.any(axis=-1, keepdims=True) *",
        "the weights of a query that may attend to nothing are set to zero afterwards.",
    ),
    Mistake(
        "forbidden-zeroed-later",
        "weights = -> weights = allowed *",
        "the weights of forbidden keys are set to zero afterwards.",
    ),
    Mistake(
        "empty-rows-left-out",
        f"exponentials / {_SUM} -> "
        "np.where(allowed.any(-1, keepdims=True), exponentials / total.__wrapped__(exponentials), 0.0)",
        "the weights of a query that may attend to nothing are left out.",
    ),
)

_TRI = "np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)"
CAUSAL = (
    Mistake(
        "not-causal",
        f"{_FILL} -> scores",
        "there is no mask: later positions still get weight. A query attends up to its own position.",
    ),
    Mistake(
        "mask-reversed",
        f"{_TRI} -> ~np.tri(n_queries, n_keys, n_keys - n_queries - 1, dtype=bool)",
        "each query sees itself and what comes after it: it should see what comes before, the lower triangle, np.tril.",
    ),
    Mistake(
        "mask-inverted",
        f"{_TRI} -> ~{_TRI}",
        "only what comes after gets weight: the mask is the wrong way round, what it allows is set to -inf.",
        also=((f"{_TRI} -> ~{_TRI}", _BARE_SUM),),
    ),
    Mistake(
        "own-position-excluded",
        f"{_TRI} -> np.tri(n_queries, n_keys, n_keys - n_queries - 1, dtype=bool)",
        "a query does not see its own position: the diagonal belongs to what is allowed.",
        also=(
            (f"{_TRI} -> np.tri(n_queries, n_keys, n_keys - n_queries - 1, dtype=bool)", _BARE_SUM),
            f"{_TRI} -> (t := np.tri(n_queries, n_keys, n_keys - n_queries - 1, dtype=bool)) | ~t.any(-1)[:, None]",
        ),
    ),
    Mistake(
        "diagonal-alone",
        f"{_TRI} -> np.eye(n_queries, n_keys, n_keys - n_queries, dtype=bool)",
        "a query sees its own position alone: it should see what comes before too, the lower triangle, np.tril.",
    ),
    Mistake(
        "one-too-far",
        f"{_TRI} -> np.tri(n_queries, n_keys, n_keys - n_queries + 1, dtype=bool)",
        "a query sees one later position: the mask reaches one too far.",
    ),
    Mistake(
        "aligned-first",
        f"{_TRI} -> np.tri(n_queries, n_keys, dtype=bool)",
        "the first query is level with the first key: the last ones are level, so the triangle moves right by "
        "the number of keys less that of queries.",
        also=(
            f"{_TRI} -> np.tri(n_queries, n_keys, 1, dtype=bool)",
            f"{_TRI} -> np.tri(n_queries, n_keys, -1, dtype=bool)",
        ),
    ),
    Mistake(
        "window",
        f"{_TRI} -> {_TRI} & ~np.tri(n_queries, n_keys, n_keys - n_queries - 2, dtype=bool)",
        "a query sees only the last few positions, a window: it should see everything up to its own.",
        also=(f"{_TRI} -> {_TRI} & ~np.tri(n_queries, n_keys, n_keys - n_queries - 3, dtype=bool)",),
    ),
    Mistake(
        "offset-of-queries",
        f"{_TRI} -> np.tri(n_queries, n_keys, n_queries, dtype=bool)",
        "the triangle is moved by the number of queries: move it by the number of keys less that of queries.",
        also=(f"{_TRI} -> np.tri(n_queries, n_keys, n_keys, dtype=bool)",),
    ),
)

OUTPUTS = (
    *returned("out", "weights"),
    Mistake(
        "scores-returned",
        "return out, weights -> return out, scores",
        "beside out you return the scores: return the weights.",
    ),
    Mistake(
        "exponentials-returned",
        "return out, weights -> return out, exponentials",
        "beside out you return the exponentials: return the weights, which sum to 1.",
    ),
    Mistake(
        "weights-transposed",
        "return out, weights -> return out, weights.swapaxes(-1, -2)",
        "the weights are transposed: a row for each query, a column for each key.",
    ),
    Mistake(
        "out-transposed",
        "return out, weights -> return out.swapaxes(-1, -2), weights",
        "out is transposed: a row for each query.",
    ),
    Mistake(
        "keys-for-values",
        "weights @ v -> weights @ k",
        "the weights average the keys: multiply them with v.",
    ),
    Mistake(
        "queries-for-values",
        "weights @ v -> weights @ q",
        "the weights multiply the queries: multiply them with v.",
    ),
    Mistake(
        "weights-transposed-for-values",
        "weights @ v -> weights.swapaxes(-1, -2) @ v",
        "the values are multiplied by the transposed weights: out is weights @ v, a row for each query.",
    ),
    Mistake(
        "values-times-weights",
        "weights @ v -> v @ weights",
        "v @ weights has the two in the wrong order: out is weights @ v, (i, j) @ (j, e).",
    ),
    Mistake(
        "scores-weigh",
        "weights @ v -> scores @ v",
        "the scores themselves weigh the values: multiply the weights with v.",
    ),
    Mistake(
        "elementwise",
        "weights @ v -> weights * v",
        "* multiplies entry by entry: out is the matrix product weights @ v.",
    ),
    Mistake(
        "keys-not-transposed",
        "q @ k.T -> q @ k",
        "the keys are not transposed: q (i, d) times kᵀ (d, j) gives the scores, q @ k.T.",
        also=("q @ k.swapaxes(-1, -2) -> q @ k",),
    ),
    Mistake(
        "queries-transposed",
        "q @ k.T -> q.T @ k",
        "the queries are transposed instead of the keys: the scores (i, j) are q @ k.T.",
        also=("q @ k.swapaxes(-1, -2) -> q.swapaxes(-1, -2) @ k",),
    ),
    Mistake(
        "scores-transposed",
        "q @ k.T -> k @ q.T",
        "the scores are transposed, a row for each key: they are q @ k.T, a row for each query.",
        also=("q @ k.swapaxes(-1, -2) -> k @ q.swapaxes(-1, -2)",),
    ),
    Mistake(
        "reshaped-keys",
        "q @ k.T -> q @ k.reshape(k.shape[::-1])",
        "k.reshape(d, j) has the shape of kᵀ, but its numbers are shuffled: transpose with k.T.",
        also=("q @ k.swapaxes(-1, -2) -> q @ k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])",),
    ),
    Mistake(
        "queries-with-queries",
        "q @ k.T -> q @ q.T",
        "queries are compared with queries: the scores compare them with the keys, q @ k.T.",
        also=("q @ k.swapaxes(-1, -2) -> q @ q.swapaxes(-1, -2)",),
    ),
    Mistake(
        "keys-with-keys",
        "q @ k.T -> k @ k.T",
        "keys are compared with keys: the scores compare the queries with them, q @ k.T.",
        also=("q @ k.swapaxes(-1, -2) -> k @ k.swapaxes(-1, -2)",),
    ),
    Mistake(
        "scores-elementwise",
        "q @ k.T -> q * k",
        "* multiplies entry by entry: the scores are dot products of every query with every key, q @ k.T.",
        also=("q @ k.swapaxes(-1, -2) -> q * k",),
    ),
    Mistake(
        "distances",
        "q @ k.T -> -((q[..., :, None, :] - k[..., None, :, :]) ** 2).sum(-1)",
        "the scores are distances: they are dot products, q @ k.T.",
    ),
)

_SEEN = "np.exp(scores -> np.exp((scores := np.where({}, scores, -np.inf))"
_LEVEL = "scores.shape[-1] - scores.shape[-2]"
UNMASKED = (  # where every query may attend to every key
    Mistake(
        "causal",
        _SEEN.format("np.tri(*scores.shape[-2:], dtype=bool)"),
        "this is the answer with a causal mask: here every query may attend to every key.",
        also=(_SEEN.format(f"np.tri(*scores.shape[-2:], {_LEVEL}, dtype=bool)"),),
    ),
    Mistake(
        "own-position-hidden",
        _SEEN.format("~np.eye(*scores.shape[-2:], dtype=bool)"),
        "the diagonal is masked, so that no query attends to the key of its own place: here it may.",
    ),
    Mistake(
        "later-keys-alone",
        _SEEN.format("~np.tri(*scores.shape[-2:], -1, dtype=bool)"),
        "keys before the query are masked: here every query may attend to every key.",
    ),
)

ATTENTION = (*SCALE, *SOFTMAX, *OUTPUTS)
