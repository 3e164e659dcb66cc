"""Checks for the chapter on attention: softmax, attention, masks, contributions, kernel regression."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import LARGE_RTOL, far_key, mask, numbers, qkv, tempting_keys
from course.checks.numeric import Numbers
from course.checks.shared import ATTENTION, MASK, SOFTMAX, UNMASKED, largest, total

__all__ = ["EXERCISES", "attention", "by_hand", "contribution", "kernel_weights", "masked_attention", "softmax"]

Array = NDArray[Any]

# ---- softmax


def _softmax(scores: Array) -> Array:
    """The softmax over the last axis, safe from overflow."""
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    return weights


def _large_scores() -> Array:
    """Rows near -1000, 0 and 1000, and two whose own scores lie 1000 apart: one large among small, and the reverse."""
    rows = np.array([[-1000.0], [0.0], [1000.0], [0.0], [1000.0]])
    scores = np.round(numbers(12, 5, 7)) + rows
    scores[3, 2], scores[4, 3] = 1000.0, 0.0
    return scores


softmax = Exercise(
    _softmax,
    "scores (i, j) -> weights (i, j)",
    trials=(
        Trial("small scores", {"scores": numbers(11, 3, 5)}),
        Trial("large scores", {"scores": _large_scores()}, LARGE_RTOL),
        Trial("scores of -inf", {"scores": np.where(mask(3, 7), numbers(13, 3, 7), -np.inf)}),
        Trial("three axes", {"scores": numbers(14, 2, 3, 5)}),
        Trial("one axis", {"scores": numbers(15, 11)}),
    ),
    shared=SOFTMAX,
    mistakes=(
        Mistake(
            "over-queries",
            "axis=-1 -> axis=0",
            "each column sums to 1, each row should: the softmax runs over axis 0 and should run over the last.",
            also=("axis=-1 -> axis=-2",),
        ),
        Mistake(
            "over-axis-1",
            "axis=-1 -> axis=1",
            "with more than two axes the softmax runs over axis 1 and should run over the last, axis=-1.",
        ),
        Mistake(
            "rows-of-a-matrix",
            "axis=-1 -> axis=tuple(range(1, scores.ndim))",
            "with more than two axes it fails: a loop over the first axis meets whole matrices there. "
            "Use axis=-1 in place of the loop.",
            also=(
                (
                    "- largest(scores, axis=-1) ->",
                    "exponentials, axis=-1 -> exponentials, axis=tuple(range(1, scores.ndim))",
                ),
            ),
        ),
        Mistake(
            "clipped",
            "scores - largest(scores, axis=-1) -> np.clip(scores, -500.0, 500.0)",
            "the scores are cut off, so that those beyond the limit get equal weights: "
            "subtract the row's largest score instead.",
            also=tuple(
                f"scores - largest(scores, axis=-1) -> np.clip(scores, -{n}, {n})"
                for n in (10, 20, 30, 50, 100, 700, 709)
            ),
        ),
        Mistake(
            "clipped-above",
            "scores - largest(scores, axis=-1) -> np.minimum(scores, 500.0)",
            "large scores are cut off and get equal weights, and in a row of large negative ones every exp vanishes: "
            "subtract the row's largest score instead.",
            also=tuple(f"scores - largest(scores, axis=-1) -> np.minimum(scores, {n})" for n in (100, 700, 709)),
        ),
        Mistake(
            "divided-by-largest",
            "scores - largest(scores, axis=-1) -> scores / scores.max(axis=-1, keepdims=True)",
            "the scores are divided by the largest, which changes the weights: subtract it.",
            also=tuple(
                f"scores - largest(scores, axis=-1) -> scores / {by}"
                for by in ("scores.max()", "np.abs(scores).max(axis=-1, keepdims=True)", "np.abs(scores).max()")
            ),
        ),
        Mistake(
            "infinity-replaced",
            "np.exp(scores -> np.exp(np.where(np.isinf(scores), 0.0, scores)",
            "-inf is replaced by a number, and exp(0) = 1 is a weight: leave it, exp(-inf) is 0.",
            also=("np.exp(scores -> np.exp(np.nan_to_num(scores, neginf=0.0)",),
        ),
        Mistake(
            "sizes",
            "scores - largest(scores, axis=-1) -> np.abs(scores) - largest(np.abs(scores))",
            "a very negative score gets a large weight: exp takes the score with its sign, without abs.",
            also=("np.exp(scores -> np.exp(np.abs(scores)",),
        ),
    ),
)

# ---- attention


def _attention(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
    """softmax(q kᵀ / √d) v and its weights, safe from overflow."""
    scores = q @ k.T / np.sqrt(q.shape[-1])
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    return out, weights


def _follows(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    """Whether out is made of the weights that were returned."""
    follows = np.allclose(outputs["weights"] @ inputs["v"], outputs["out"], rtol=1e-4, atol=1e-5, equal_nan=True)
    return (
        "Your out is your weights times v, so look at the weights."
        if follows
        else "Your out is not your weights times v."
    )


attention = Exercise(
    _attention,
    "q (i, d), k (j, d), v (j, e) -> out (i, e), weights (i, j)",
    trials=(
        Trial("small scores", qkv(21, 3, 7, 5, 2)),
        Trial("large scores", far_key(qkv(24, 3, 7, 5, 2)), LARGE_RTOL),
        Trial("other sizes", qkv(27, 5, 2, 13, 11)),
    ),
    shared=(*ATTENTION, *UNMASKED),
    mistakes=(),
    remark=_follows,
)

# ---- attention under a mask


def _masked_attention(q: Array, k: Array, v: Array, attn_mask: Array) -> tuple[Array, Array]:
    """Attention to the keys where attn_mask is True; zeros for a query without any."""
    allowed = attn_mask
    scores = q @ k.T / np.sqrt(q.shape[-1])
    scores = np.where(allowed, scores, -np.inf)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    return out, weights


def _tempted() -> dict[str, Array]:
    """11 queries whose allowed scores are near -800, 0, 800 and 800; the last kind has no forbidden key above them.

    The rows that fail tell masking too late (the first three kinds), one shift for all rows (the first two), a fill
    that is not low enough (the first) and exp of large scores (all but the second) from each other.
    """
    inputs = tempting_keys(qkv(37, 11, 7, 5, 2), numbers(40, 7) > -0.5)
    inputs["q"][:, -1] = np.resize([-448.0, 0.0, 448.0, 448.0], 11)
    inputs["q"][3::4, -2] = 0.0
    return inputs


_PAST = "np.where(allowed, scores, -np.inf)"
masked_attention = Exercise(
    _masked_attention,
    "q (i, d), k (j, d), v (j, e), attn_mask (i, j) -> out (i, e), weights (i, j)",
    trials=(
        Trial("a mask that leaves each query some keys", {**qkv(31, 3, 7, 5, 2), "attn_mask": mask(3, 7)}),
        Trial("a query that may attend to nothing", {**qkv(34, 3, 7, 5, 2), "attn_mask": mask(3, 7, empty_row=1)}),
        Trial("forbidden keys with large scores", _tempted(), LARGE_RTOL),
        Trial("other sizes", {**qkv(41, 5, 3, 13, 11), "attn_mask": mask(5, 3)}),
    ),
    shared=(*MASK, *ATTENTION),
    mistakes=(
        Mistake(
            "infinity-times-false",
            "np.where(allowed, scores, -np.inf) -> np.nan_to_num(scores + ~allowed * -np.inf, nan=0.0) * 0 - np.inf",
            "all weights are 0, on allowed keys too: -np.inf * False is NaN, which nan_to_num hides. Write "
            "np.where(attn_mask, scores, -np.inf).",
        ),
        Mistake(
            "causal",
            "allowed = attn_mask -> allowed = np.tri(*attn_mask.shape, dtype=bool)",
            "this is the answer with a causal mask: use the mask that you are given.",
            also=("allowed = attn_mask -> allowed = attn_mask & np.tri(*attn_mask.shape, dtype=bool)",),
        ),
        Mistake(
            "one-row-for-all",
            "allowed = attn_mask -> allowed = attn_mask[:1]",
            "every query gets the mask of the first: use row i of attn_mask for query i.",
        ),
        Mistake(
            "mask-transposed",
            "allowed = attn_mask -> allowed = attn_mask.T",
            "the mask is transposed: it is (i, j) already, a row for each query, as the scores are.",
        ),
        Mistake(
            "whole-keys",
            "allowed = attn_mask -> allowed = attn_mask.any(axis=0)",
            "a key that some query may attend to is open to all: use row i of attn_mask for query i.",
            also=("allowed = attn_mask -> allowed = attn_mask.all(axis=0)",),
        ),
        Mistake(
            "whole-queries",
            "allowed = attn_mask -> allowed = attn_mask.any(axis=-1, keepdims=True)",
            "the mask decides for whole queries: it decides for each query and key, attn_mask[i, j].",
        ),
        Mistake(
            "zeros-row-in-out-only",
            ("total -> total.__wrapped__", "weights @ v -> np.nan_to_num(weights @ v)"),
            "a query that may attend to nothing has zeros in out and NaN in weights: make its weights zero too.",
        ),
    ),
    remark=_follows,
)

# ---- contributions


def _contribution(weights: Array, v: Array) -> Array:
    """The length of weights[i, j] * v[j] for each query and key (Kobayashi et al. 2020)."""
    weighted = weights[:, :, None] * v
    lengths = np.sqrt((weighted**2).sum(axis=-1))
    return lengths


_WEIGHTS = np.array([[4, 1, 1, 2, 1, 5, 2], [1, 3, 2, 6, 2, 1, 1], [2, 2, 8, 1, 0, 1, 2]]) / 16.0  # rows sum to 1
_LENGTH = "np.sqrt((weighted**2).sum(axis=-1))"
_LENGTHS = "np.linalg.norm(v, axis=-1)"

contribution = Exercise(
    _contribution,
    "weights (i, j), v (j, e) -> contributions (i, j)",
    trials=(
        Trial("weights and values", {"weights": _WEIGHTS, "v": numbers(52, 7, 2)}),
        Trial(
            "a large weight on a value of zeros",
            {"weights": _WEIGHTS, "v": numbers(53, 7, 11) * (np.arange(7) != _WEIGHTS[0].argmax())[:, None]},
        ),
    ),
    mistakes=(
        Mistake(
            "weights-alone",
            f"{_LENGTH} -> weights",
            "these are the weights alone: a large weight on a short value adds little. Multiply by the length of v[j].",
        ),
        Mistake(
            "lengths-alone",
            f"{_LENGTH} -> np.tile({_LENGTHS}, (len(weights), 1))",
            "these are the lengths of the values, the same for each query: multiply by the weights.",
            also=(f"{_LENGTH} -> {_LENGTHS}",),
        ),
        Mistake(
            "no-length",
            f"{_LENGTH} -> weighted",
            "these are the weighted values themselves, a vector for each query and key: take the length of each.",
        ),
        Mistake(
            "length-of-output",
            f"{_LENGTH} -> np.linalg.norm(weights @ v, axis=-1)",
            "this is the length of each query's output, in which the keys are already summed: "
            "take the lengths before the sum.",
            also=(f"{_LENGTH} -> np.linalg.norm(weights @ v, axis=-1, keepdims=True)",),
        ),
        Mistake(
            "output",
            f"{_LENGTH} -> weights @ v",
            "this is the output, in which the keys are already summed: take the lengths before the sum.",
            also=(f"{_LENGTH} -> np.abs(weights @ v)",),
        ),
        Mistake(
            "lengths-of-weights",
            f"{_LENGTH} -> np.linalg.norm(weights, axis=-1, keepdims=True) * {_LENGTHS}",
            "the length is taken of the rows of weights too: each weight enters as it is, times the length of v[j].",
        ),
        Mistake("added", f"{_LENGTH} -> weights + {_LENGTHS}", "weights and lengths are added: multiply them."),
        Mistake(
            "axis-too-many",
            f"{_LENGTH} -> weights[:, :, None] * {_LENGTHS}",
            "an axis is added that the lengths (j,) do not need: weights * lengths is (i, j) already.",
        ),
        Mistake(
            "over-keys",
            "sum(axis=-1) -> sum(axis=1)",
            "the norm runs over the keys and should run over the entries of a value, the last axis.",
        ),
        Mistake(
            "over-queries",
            "sum(axis=-1) -> sum(axis=0)",
            "the norm runs over the queries and should run over the entries of a value, the last axis.",
        ),
        Mistake(
            "over-everything",
            "sum(axis=-1) -> sum()",
            "this is one number: np.linalg.norm without an axis takes the whole array; it needs axis=-1.",
        ),
        Mistake(
            "whole-matrix",
            f"{_LENGTH} -> weights * np.linalg.norm(v)",
            "this uses the length of the whole matrix v: add axis=-1, for the length of each v[j].",
        ),
        Mistake(
            "summed",
            f"{_LENGTH} -> weights @ {_LENGTHS}",
            "the contributions of a query are added up: @ sums over the keys, * does not.",
        ),
        Mistake(
            "wrong-axis-of-v",
            f"{_LENGTH} -> weights * np.linalg.norm(v, axis=0)",
            "the norm runs over axis 0 of v and gives one length for each channel: axis=-1 gives one for each v[j].",
        ),
        Mistake(
            "axis-added",
            f"{_LENGTH} -> weights * np.linalg.norm(v, axis=-1)[:, None]",
            "the lengths stand in a column and meet the queries: a length for each key, (j,), fits (i, j) as it is.",
            also=(f"{_LENGTH} -> weights * np.linalg.norm(v, axis=-1, keepdims=True)",),
        ),
        Mistake(
            "axis-missing",
            "weights[:, :, None] -> weights",
            "weights (i, j) and v (j, e) do not fit: give the weights a last axis of one, weights[:, :, None].",
        ),
        Mistake(
            "axis-in-the-middle",
            "weights[:, :, None] -> weights[:, None, :]",
            "the new axis stands in the middle: weights (i, j) needs it last, weights[:, :, None], to meet v (j, e).",
        ),
        Mistake(
            "mean-entry",
            f"{_LENGTH} -> weighted.mean(axis=-1)",
            "the entries are averaged with their signs, so they cancel: the length is the root of the sum of squares, "
            "np.linalg.norm.",
        ),
        Mistake(
            "mean-size",
            f"{_LENGTH} -> np.abs(weighted).mean(axis=-1)",
            "the sizes of the entries are averaged: the length is the root of the sum of squares, np.linalg.norm.",
        ),
        Mistake(
            "over-length-of-output",
            "return lengths -> return lengths / np.linalg.norm(weights @ v, axis=-1, keepdims=True)",
            "only the last step is wrong: you divide by the length of the output.",
        ),
        Mistake("squared", "np.sqrt -> ", "these are the squares of the lengths: take the root."),
        Mistake(
            "sum-of-sizes",
            f"{_LENGTH} -> np.abs(weighted).sum(axis=-1)",
            "the sizes of the entries are added up (the L1 norm): the length is the root of the sum of squares.",
        ),
        Mistake(
            "largest-entry",
            f"{_LENGTH} -> np.abs(weighted).max(axis=-1)",
            "this is the largest entry, not the length, which is the root of the sum of squares.",
            also=(f"{_LENGTH} -> weighted.max(axis=-1)",),
        ),
        Mistake(
            "signed-sum",
            f"{_LENGTH} -> weighted.sum(axis=-1)",
            "the entries are added up with their signs, so they cancel: the length is the root of the sum of squares.",
            also=(f"{_LENGTH} -> np.abs(weighted.sum(axis=-1))",),
        ),
        Mistake(
            "root-mean-square",
            "sum(axis=-1) -> mean(axis=-1)",
            "this is the root of the mean of the squares: take the root of their sum.",
        ),
        Mistake(
            "weights-squared",
            "weights[:, :, None] * v -> weights[:, :, None] ** 2 * v",
            "the weights enter squared: the length of weights[i, j] * v[j] has the weight once.",
        ),
        Mistake(
            "weights-not-squared",
            "weighted**2 -> weights[:, :, None] * v**2",
            "the weights stand under the root without being squared: weigh the values first, then take their length.",
        ),
        Mistake(
            "values-squared",
            f"{_LENGTH} -> weights * (v**2).sum(axis=-1)",
            "the weight times the squared length of v[j]: take the root.",
        ),
        Mistake(
            "shares",
            "return lengths -> return lengths / lengths.sum(axis=-1, keepdims=True)",
            "each row is divided by its sum, which loses how long the contributions are: leave that out.",
            also=(
                "return lengths -> return lengths / lengths.sum()",
                "return lengths -> return lengths / lengths.max()",
            ),
        ),
        Mistake(
            "transposed",
            "return lengths -> return lengths.T",
            "the contributions are transposed: a row for each query, a column for each key.",
        ),
        Mistake(
            "first-query",
            "return lengths -> return lengths[0]",
            "these are the contributions to the first query alone: return a row for each.",
        ),
        Mistake(
            "unit-values",
            f"weights[:, :, None] * v -> weights[:, :, None] * v / {_LENGTHS}[:, None]",
            "the values are brought to length 1 first, and what is left is the weight: keep their lengths.",
        ),
    ),
)

# ---- kernel regression


def _kernel_weights(x: Array, points: Array, bandwidth: float) -> Array:
    """exp(-|x - p|² / (2 bandwidth²)) over its row's sum, safe from underflow."""
    differences = x[:, None, :] - points
    squares = (differences**2).sum(axis=-1)
    scores = -squares / (2 * bandwidth**2)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    return weights


def _far_points() -> Array:
    """(11, 3), five of which lie so far behind the others that shifting by a mean or a smallest exponent overflows."""
    return numbers(64, 11, 3) - np.where(np.arange(11) < 5, 24.0, 0.0)[:, None] * np.array([1.0, 0.0, 0.0])


def _far_queries() -> Array:
    """(5, 3), far from all points and not all equally far."""
    return numbers(63, 5, 3) + np.array([[56.0], [40.0], [48.0], [56.0], [40.0]]) * np.array([1.0, 0.0, 0.0])


_SCORES = "-squares / (2 * bandwidth**2)"
_DOT, _SIZE = "x @ points.T", "(points**2).sum(axis=1)"
_STABLE = "- largest(scores, axis=-1)"
_SUM = "total(exponentials, axis=-1)"


def _scored(*scores: str) -> tuple[str, ...]:
    return tuple(f"{_SCORES} -> {score}" for score in scores)


kernel_weights = Exercise(
    _kernel_weights,
    "x (i, d), points (j, d), bandwidth -> weights (i, j)",
    trials=(
        Trial("queries among the points", {"x": numbers(61, 3, 5), "points": numbers(62, 7, 5), "bandwidth": 1.5}),
        Trial(
            "queries far from all points",
            {"x": _far_queries(), "points": _far_points(), "bandwidth": 0.75},
            LARGE_RTOL,
        ),
    ),
    shared=SOFTMAX,
    mistakes=(
        Mistake(
            "distance-not-squared",
            "differences**2).sum(axis=-1) -> differences**2).sum(axis=-1) ** 0.5",
            "the distance is not squared: |x - p|² goes into exp.",
            also=_scored(
                *(f"-np.sqrt(squares) / {by}" for by in ("bandwidth", "(2 * bandwidth)", "bandwidth**2", "1"))
            ),
        ),
        Mistake(
            "squared-twice",
            _scored("-((squares / bandwidth) ** 2) / 2")[0],
            "the squared distance is squared again: |x - p|² / (2 bandwidth²) has each square once.",
            also=_scored("-(squares**2) / (2 * bandwidth**2)"),
        ),
        Mistake(
            "no-two",
            _scored("-squares / bandwidth**2")[0],
            "the 2 is missing: divide by 2 · bandwidth².",
        ),
        Mistake(
            "bandwidth-not-squared",
            _scored("-squares / (2 * bandwidth)")[0],
            "the bandwidth is not squared: divide by 2 · bandwidth².",
            also=_scored("-squares / bandwidth"),
        ),
        Mistake(
            "two-squared",
            _scored("-squares / (2 * bandwidth)**2")[0],
            "the exponent comes out at half its size: |x - p|² is divided by 2 * bandwidth**2, "
            "not by (2 * bandwidth)**2.",
        ),
        Mistake(
            "times-bandwidth",
            _scored("-squares / 2 * bandwidth**2")[0],
            "the bandwidth multiplies, it should divide: / 2 * bandwidth**2 divides by 2 alone; "
            "write / (2 * bandwidth**2).",
            also=_scored(
                *(
                    f"-squares * {by}"
                    for by in ("bandwidth / 2", "bandwidth", "2 * bandwidth", "bandwidth**2", "2 * bandwidth**2")
                )
            ),
        ),
        Mistake(
            "other-kernel",
            f"exponentials / {_SUM} -> (z := np.maximum(1 - squares / bandwidth**2, 0)) / z.sum(-1, keepdims=True)",
            "this is another kernel, which is 0 beyond the bandwidth (a row of zeros over its sum is NaN): take "
            "exp(-|x - p|² / (2 bandwidth²)).",
            also=tuple(
                f"exponentials / {_SUM} -> (z := {kernel}) / z.sum(axis=-1, keepdims=True)"
                for kernel in (
                    "np.maximum(1 - np.sqrt(squares) / bandwidth, 0)",
                    "np.maximum(1 - squares / bandwidth**2, 0) ** 2",
                    "np.where(squares <= bandwidth**2, 1.0, 0.0)",
                    "np.where(squares < bandwidth**2, 1.0, 0.0)",
                )
            ),
        ),
        Mistake(
            "bandwidth-ignored",
            _scored("-squares / 2")[0],
            "the bandwidth has no effect: inside exp, divide |x - p|² by 2 · bandwidth².",
            also=_scored("-squares"),
        ),
        Mistake(
            "not-normalised",
            f"exponentials / {_SUM} -> np.exp(scores)",
            "these are the kernel's values: divide each row by its sum.",
            also=tuple(
                f"exponentials / {_SUM} -> np.exp(scores) / {by}"
                for by in (
                    "len(points)",
                    "np.sqrt(2 * np.pi)",
                    "(bandwidth * np.sqrt(2 * np.pi))",
                    "(bandwidth * np.sqrt(2 * np.pi)) ** x.shape[1]",
                )
            ),
        ),
        Mistake(
            "over-queries",
            ("largest(scores, axis=-1) -> largest(scores, axis=0)", f"{_SUM} -> total(exponentials, axis=0)"),
            "each column sums to 1, each row should: normalise over the points, not over the queries.",
        ),
        Mistake(
            "sign",
            _scored("squares / (2 * bandwidth**2)")[0],
            "the farthest point gets most weight: the minus sign in exp is missing.",
        ),
        Mistake(
            "mean-over-d",
            "differences**2).sum(axis=-1) -> differences**2).mean(axis=-1)",
            "the exponent is divided by d, the number of coordinates: the squared differences are added up, "
            "not averaged.",
        ),
        Mistake(
            "root-d",
            _scored("-squares / (2 * bandwidth**2) / np.sqrt(x.shape[1])")[0],
            "a stray √d scales the exponent: the kernel has none, the bandwidth takes its place.",
            also=_scored("-squares / (2 * bandwidth**2) * np.sqrt(x.shape[1])"),
        ),
        Mistake(
            "first-coordinate",
            "(differences**2).sum(axis=-1) -> differences[..., 0] ** 2",
            "only the first coordinate is used: add up the squared differences of all, the last axis.",
        ),
        Mistake(
            "over-points",
            "differences**2).sum(axis=-1) -> differences**2).sum(axis=1)",
            "the squared differences are summed over the points: sum them over the coordinates, the last axis.",
        ),
        Mistake(
            "city-block",
            "(differences**2).sum(axis=-1) -> np.abs(differences).sum(axis=-1) ** 2",
            "the distance adds up the sizes of the differences: it is the root of the sum of their squares.",
            also=("(differences**2).sum(axis=-1) -> np.abs(differences).sum(axis=-1)",),
        ),
        Mistake(
            "differences-added-first",
            "(differences**2).sum(axis=-1) -> differences.sum(axis=-1) ** 2",
            "the differences are added before they are squared, so they cancel: square first.",
        ),
        Mistake(
            "axis-missing",
            "x[:, None, :] -> x",
            "x (i, d) - points (j, d) does not fit: give x an axis for the points, x[:, None, :] - points, (i, j, d).",
        ),
        Mistake(
            "axis-last",
            "x[:, None, :] -> x[:, :, None]",
            "the new axis of x stands last: it goes in the middle, x[:, None, :] - points is (i, j, d).",
        ),
        Mistake(
            "dot-product",
            _scored(f"{_DOT} / (2 * bandwidth**2)")[0],
            "the scores are dot products: the kernel takes squared distances. Expand the square: -|x - p|² / 2 is "
            "x·p - |p|² / 2, less a term that is the same for all points.",
            also=_scored(
                _DOT,
                *(
                    f"{_DOT} / {by}"
                    for by in (
                        "bandwidth",
                        "bandwidth**2",
                        "np.sqrt(x.shape[1])",
                        "(np.sqrt(x.shape[1]) * bandwidth**2)",
                        "(np.sqrt(x.shape[1]) * 2 * bandwidth**2)",
                    )
                ),
            ),
        ),
        Mistake(
            "dot-product-bias",
            _scored(f"({_DOT} - {_SIZE}) / (2 * bandwidth**2)")[0],
            "x·p and |p|² are in the wrong proportion: -|x - p|² / 2 is x·p - |p|² / 2, "
            "less a term that is the same for all points.",
            also=_scored(
                f"({_DOT} - {_SIZE}) / bandwidth**2",
                f"(2 * {_DOT} - {_SIZE} / 2) / (2 * bandwidth**2)",
                f"{_DOT} - {_SIZE}",
            ),
        ),
        Mistake(
            "dot-product-sign",
            _scored(f"(-2 * {_DOT} - {_SIZE}) / (2 * bandwidth**2)")[0],
            "a sign is wrong: the distance is between x and p, x - p, and its square is |x|² - 2 x·p + |p|².",
            also=_scored(
                f"(2 * {_DOT} + {_SIZE}) / (2 * bandwidth**2)",
                f"-{_DOT} / (2 * bandwidth**2)",
                f"-{_DOT} / bandwidth**2",
            ),
        ),
        Mistake(
            "transposed",
            "return weights -> return weights.T",
            "the weights are transposed: a row for each query, a column for each point.",
        ),
        Mistake(
            "overflows",
            f"{_STABLE} ->",
            "queries far from every point give NaN or zeros: there every exp vanishes. "
            "Subtract each row's largest exponent before exp.",
        ),
        Mistake(
            "global-shift",
            f"{_STABLE} -> - scores.max()",
            "a query much farther off than another gives 0/0: you subtract the largest of all exponents; "
            "subtract each row's own (axis=-1, keepdims=True).",
        ),
        Mistake(
            "wrong-shift",
            f"{_STABLE} -> - scores.mean(axis=-1, keepdims=True)",
            "the mean or the smallest of a row's exponents is subtracted, and exp of the largest overflows: "
            "subtract each row's largest exponent before exp.",
            also=(f"{_STABLE} -> - scores.min(axis=-1, keepdims=True)",),
        ),
    ),
)

# ---- by hand

_LN3 = math.log(3)

by_hand = Numbers(
    "by_hand",
    right={"as_given": 3 / 4, "times_2": 9 / 10, "plus_5": 3 / 4},
    mistakes={
        1 / 4: "that is the second key's: the first has the larger score.",
        _LN3: "that is the score: take its exponential, and divide by the sum of both.",
        3.0: "that is its exponential: divide by the sum of both.",
        "as_given": {1.0: "these are the scores over their sum: take exponentials first."},
        "times_2": {
            3 / 4: "doubling does change it: the exponential of a doubled score is the square of the old one.",
            6 / 7: "the exponentials are doubled: doubled scores square them, 9 to 1.",
            1 / 10: "that is the second key's: the first has the larger score.",
        },
        "plus_5": {
            (_LN3 + 5) / (_LN3 + 10): "these are the scores over their sum: take exponentials first.",
            8 / 9: "5 is added to the exponentials: added to the scores, it multiplies both by the same.",
            8 / 14: "5 is added to the exponentials: added to the scores, it multiplies both by the same.",
        },
    },
)

EXERCISES = listed(softmax, attention, masked_attention, contribution, kernel_weights)
