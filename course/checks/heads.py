"""Checks for the chapter on multi-head attention: split and merge heads, the whole layer, its causal form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers
from course.checks.shared import ATTENTION, CAUSAL, MASK, UNMASKED, largest, total

__all__ = ["EXERCISES", "causal_multi_head", "layer_sizes", "merge_heads", "multi_head_attention", "split_heads"]

Array = NDArray[Any]


def split(x: Array, n_heads: int) -> Array:
    """(b, i, h·d) -> (b, h, i, d)."""
    return x.reshape(*x.shape[:2], n_heads, -1).swapaxes(1, 2)


def merge(x: Array) -> Array:
    """(b, h, i, d) -> (b, i, h·d)."""
    return x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)


def _fine(seed: int, *shape: int) -> Array:
    """Numbers with more digits than float16 keeps: nothing is computed with them that would show it."""
    return np.asarray(numbers(seed, *shape) + numbers(seed + 100, *shape) / 4096)


def _same_numbers(name: str) -> Any:
    def remark(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
        if np.array_equal(np.sort(outputs[name], axis=None), np.sort(inputs["x"], axis=None)):
            return "All numbers of x are there, but not each where it belongs: follow one of them by hand."
        return "Some numbers of x are missing or changed: only their places should change."

    return remark


# ---- split


def _split_heads(x: Array, n_heads: int) -> Array:
    """The width cut into heads."""
    b, i, width = x.shape
    cut = x.reshape(b, i, n_heads, width // n_heads)
    heads = cut.swapaxes(1, 2)
    return heads


split_heads = Exercise(
    _split_heads,
    "x (b, i, h·d), n_heads -> heads (b, h, i, d)",
    trials=(
        Trial("three heads of two channels", {"x": _fine(71, 7, 5, 6), "n_heads": 3}),
        Trial("two heads of five channels", {"x": _fine(72, 3, 7, 10), "n_heads": 2}),
    ),
    mistakes=(
        Mistake(
            "view-instead-of-transpose",
            (
                "n_heads, width // n_heads -> 1, width",
                "heads = cut.swapaxes(1, 2) -> heads = x.reshape(b, n_heads, i, -1)",
            ),
            "the shape is right, the numbers misplaced: a reshape straight to (b, h, i, d) mixes tokens and channels. "
            "Reshape to (b, i, h, d), then swap the axes i and h.",
        ),
        Mistake(
            "not-transposed",
            "cut.swapaxes(1, 2) -> cut",
            "the heads still come after the tokens, (b, i, h, d): swap these two axes, "
            "so that a matrix product works within each head.",
        ),
        Mistake(
            "interleaved",
            (
                "b, i, n_heads, width // n_heads -> b, i, width // n_heads, n_heads",
                "heads = cut.swapaxes(1, 2) -> heads = np.moveaxis(cut, -1, 1)",
            ),
            "head 0 gets every h-th channel; it should get the first d channels, which stand side by side: reshape "
            "the width to (h, d), not to (d, h).",
        ),
        Mistake(
            "interleaved-and-not-transposed",
            (
                "b, i, n_heads, width // n_heads -> b, i, width // n_heads, n_heads",
                "cut.swapaxes(1, 2) -> cut.swapaxes(-1, -2)",
            ),
            "two things are wrong. First, head 0 gets every h-th channel: it gets the first d. Then, the heads come "
            "after the tokens, (b, i, h, d): swap these two axes.",
        ),
        Mistake(
            "sizes-swapped",
            "b, i, n_heads, width // n_heads -> b, i, width // n_heads, n_heads",
            "n_heads and head_dim are exchanged: the width is reshaped to (head_dim, n_heads).",
        ),
        Mistake(
            "heads-last",
            "cut.swapaxes(1, 2) -> np.moveaxis(cut, 2, -1)",
            "the axis of heads comes last, (b, i, d, h): it should stand before the tokens, (b, h, i, d).",
        ),
        Mistake(
            "heads-first",
            "cut.swapaxes(1, 2) -> np.moveaxis(cut, 2, 0)",
            "the axis of heads comes before the batch, (h, b, i, d): the batch should stay first.",
        ),
        Mistake(
            "wrong-axes",
            "cut.swapaxes(1, 2) -> cut.swapaxes(1, 2).swapaxes(-1, -2)",
            "tokens and channels of each head are swapped, (b, h, d, i): that is the transpose keys need later. "
            "Swap the axes i and h only.",
            also=("cut.swapaxes(1, 2) -> cut.transpose(0, 2, 3, 1)",),
        ),
        Mistake(
            "tokens-and-channels",
            "cut.swapaxes(1, 2) -> cut.swapaxes(1, 3)",
            "tokens and channels are exchanged, (b, d, h, i): swap axes 1 and 2 of (b, i, h, d), tokens and heads.",
            also=("cut.swapaxes(1, 2) -> cut.swapaxes(2, 3)",),
        ),
        Mistake(
            "batch-and-tokens",
            "cut.swapaxes(1, 2) -> cut.swapaxes(0, 1)",
            "batch and tokens are exchanged, (i, b, h, d): swap axes 1 and 2, not 0 and 1.",
        ),
        Mistake(
            "all-reversed",
            "cut.swapaxes(1, 2) -> cut.T",
            "all axes are reversed: .T turns a whole array around. Name the two axes: swapaxes(1, 2).",
            also=("cut.swapaxes(1, 2) -> cut.swapaxes(1, 2).T",),
        ),
        Mistake(
            "torch-transpose",
            "cut.swapaxes(1, 2) -> cut.transpose(1, 2)",
            "NumPy's transpose wants the order of all axes: cut.transpose(0, 2, 1, 3), or cut.swapaxes(1, 2).",
        ),
        Mistake(
            "no-batch",
            "return heads -> return heads[0]",
            "this is the first sequence alone: keep the axis of the batch.",
        ),
        Mistake(
            "batch-merged",
            "return heads -> return heads.reshape(b * n_heads, i, -1)",
            "batch and heads share one axis, (b·h, i, d): keep them apart, (b, h, i, d).",
        ),
        Mistake(
            "first-head-only",
            "return heads -> return x[..., : width // n_heads]",
            "this is head 0 alone: cut all of the width.",
            also=("return heads -> return heads[:, 0]", "return heads -> return heads[:, :1]"),
        ),
        Mistake(
            "heads-before-batch",
            "heads = cut.swapaxes(1, 2) -> heads = x.reshape(n_heads, b, i, -1)",
            "a reshape to (h, b, i, d) mixes everything: reshape to (b, i, h, d), then swap the axes i and h.",
        ),
        Mistake(
            "flat-heads",
            "heads = cut.swapaxes(1, 2) -> heads = x.reshape(b, n_heads, -1)",
            "each head is one long row: keep tokens and channels apart, (b, h, i, d).",
            also=("heads = cut.swapaxes(1, 2) -> heads = x.reshape(b, n_heads, -1).swapaxes(1, 2)",),
        ),
        Mistake(
            "every-head-all",
            "return heads -> return np.stack([x] * n_heads, axis=1)",
            "each head gets the whole width: it gets its own h-th part of it.",
        ),
        Mistake(
            "overlapping",
            "return heads -> return np.stack([x[..., n : n + width // n_heads] for n in range(n_heads)], axis=1)",
            "head n starts at channel n, so that heads overlap: it starts at channel n·d.",
        ),
        Mistake(
            "heads-reversed",
            "return heads -> return heads[:, ::-1]",
            "the heads stand in reverse order: head 0 has the first channels.",
        ),
        Mistake(
            "tokens-cut",
            "cut = x.reshape(b, i, n_heads, width // n_heads) -> cut = x.reshape(b, n_heads, -1, width)",
            "the tokens are cut into heads, and the width is whole: each head has all tokens and its part of it.",
        ),
        Mistake(
            "true-division",
            "width // n_heads -> width / n_heads",
            "/ makes a float, which is no length of an axis: divide whole numbers with //.",
        ),
    ),
    remark=_same_numbers("heads"),
)

# ---- merge


def _merge_heads(x: Array) -> Array:
    """The heads laid side by side again."""
    b, h, i, d = x.shape
    swapped = x.swapaxes(1, 2)
    merged = swapped.reshape(b, i, h * d)
    return merged


merge_heads = Exercise(
    _merge_heads,
    "x (b, h, i, d) -> merged (b, i, h·d)",
    trials=(
        Trial("three heads of seven channels", {"x": _fine(73, 2, 3, 5, 7)}),
        Trial("more heads than tokens", {"x": _fine(74, 2, 5, 3, 7)}),
    ),
    mistakes=(
        Mistake(
            "sizes-in-wrong-order",
            ("b, h, i, d = x.shape -> b, i, h, d = x.shape", "x.swapaxes(1, 2) -> x"),
            "x.shape is (b, h, i, d): you unpack it as (b, i, h, d), and heads and tokens change places.",
            also=("b, h, i, d = x.shape -> b, i, h, d = x.shape",),
        ),
        Mistake(
            "head-lost",
            "return merged -> return merged[..., : (h - 1) * d]",
            "a head is missing at one end: the width should be n_heads times head_dim.",
            also=("return merged -> return merged[..., d:]",),
        ),
        Mistake(
            "not-transposed",
            "x.swapaxes(1, 2) -> x",
            "the shape is right, the numbers misplaced: a reshape straight to (b, i, h·d) runs through all tokens of "
            "head 0 first. Swap the axes h and i before it.",
        ),
        Mistake(
            "interleaved",
            "x.swapaxes(1, 2) -> np.moveaxis(x, 1, -1)",
            "channel 0 of all heads comes first: the d channels of a head stand side by side. Swap the axes to "
            "(b, i, h, d), not to (b, i, d, h).",
        ),
        Mistake(
            "heads-reversed",
            "x.swapaxes(1, 2) -> x[:, ::-1].swapaxes(1, 2)",
            "the heads stand in reverse order: head 0 comes first.",
        ),
        Mistake(
            "mean",
            "return merged -> return x.mean(axis=1)",
            "the heads are averaged: lay them side by side, so that the width is h·d again.",
        ),
        Mistake(
            "sum",
            "return merged -> return x.sum(axis=1)",
            "the heads are added up: lay them side by side, so that the width is h·d again.",
        ),
        Mistake(
            "max", "return merged -> return x.max(axis=1)", "the largest of the heads is taken: lay them side by side."
        ),
        Mistake(
            "along-tokens",
            "return merged -> return x.reshape(b, h * i, d)",
            "the heads are joined along the tokens, (b, h·i, d): join them along the channels.",
            also=("return merged -> return swapped.reshape(b, h * i, d)",),
        ),
        Mistake(
            "no-reshape",
            "swapped.reshape(b, i, h * d) -> swapped",
            "the axes are swapped rightly, (b, i, h, d); the last two still have to become one.",
        ),
        Mistake(
            "wrong-axes",
            "x.swapaxes(1, 2) -> x.swapaxes(2, 3)",
            "you swap tokens and channels; swap heads and tokens, axes 1 and 2, before the reshape.",
            also=("x.swapaxes(1, 2) -> x.swapaxes(1, 3)", "x.swapaxes(1, 2) -> x.swapaxes(0, 1)"),
        ),
        Mistake(
            "all-reversed",
            "x.swapaxes(1, 2) -> x.T",
            "all axes are reversed: .T turns a whole array around. Name the two axes: swapaxes(1, 2).",
        ),
        Mistake(
            "torch-transpose",
            "x.swapaxes(1, 2) -> x.transpose(1, 2)",
            "NumPy's transpose wants the order of all axes: x.transpose(0, 2, 1, 3), or x.swapaxes(1, 2).",
        ),
        Mistake(
            "merged-too-far",
            "reshape(b, i, h * d) -> reshape(b, -1)",
            "tokens and channels share one axis: keep the tokens, (b, i, h·d).",
        ),
        Mistake(
            "batch-and-tokens-merged",
            "reshape(b, i, h * d) -> reshape(b * i, h * d)",
            "batch and tokens share one axis, (b·i, h·d): keep them apart, (b, i, h·d).",
        ),
        Mistake(
            "sizes-swapped",
            "reshape(b, i, h * d) -> reshape(b, h * d, i)",
            "the last two axes are exchanged: reshape to (b, i, h·d), a row for each token.",
            also=("reshape(b, i, h * d) -> reshape(b, h, i * d)",),
        ),
        Mistake(
            "first-head-only", "return merged -> return x[:, 0]", "this is head 0 alone: lay all heads side by side."
        ),
        Mistake(
            "last-head-only",
            "return merged -> return x[:, -1]",
            "this is the last head alone: lay all heads side by side.",
        ),
        Mistake(
            "no-batch",
            "return merged -> return merged[0]",
            "this is the first sequence alone: keep the axis of the batch.",
        ),
        Mistake(
            "no-loop-over-batch",
            "return merged -> return np.concatenate(x, axis=-1)",
            "the sequences of the batch are laid side by side: np.concatenate takes the parts along axis 0, "
            "which is the batch. Take x[:, n], the heads.",
            also=("return merged -> return np.concatenate(list(x), axis=1)",),
        ),
    ),
    remark=_same_numbers("merged"),
)

# ---- the layer


def _multi_head_attention(x: Array, w_q: Array, w_k: Array, w_v: Array, w_o: Array, n_heads: int) -> Array:
    """Self-attention with several heads."""
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    q, k, v = split(q, n_heads), split(k, n_heads), split(v, n_heads)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    merged = merge(out)
    return merged @ w_o


def _causal_multi_head(x: Array, w_q: Array, w_k: Array, w_v: Array, w_o: Array, n_heads: int) -> Array:
    """Self-attention with several heads, each position attending up to itself."""
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    q, k, v = split(q, n_heads), split(k, n_heads), split(v, n_heads)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    n_queries, n_keys = scores.shape[-2:]
    allowed = np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)
    scores = np.where(allowed, scores, -np.inf)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    merged = merge(out)
    return merged @ w_o


def split_by_view(x: Array, n_heads: int) -> Array:
    """The right shape by a reshape alone: a head gets runs of neighbouring numbers, whichever token they belong to."""
    return x.reshape(len(x), n_heads, x.shape[1], -1)


def merge_by_view(x: Array) -> Array:
    """The right shape by a reshape alone."""
    return x.reshape(len(x), x.shape[2], -1)


def split_interleaved(x: Array, n_heads: int) -> Array:
    """Head n gets the channels n, n + h, n + 2h …"""
    return np.moveaxis(x.reshape(*x.shape[:2], -1, n_heads), -1, 1)


def split_overlapping(x: Array, n_heads: int) -> Array:
    """Head n gets the channels n to n + d."""
    d = x.shape[-1] // n_heads
    return np.stack([x[..., n : n + d] for n in range(n_heads)], axis=1)


def merge_interleaved(x: Array) -> Array:
    """Channel c of every head side by side, then channel c + 1 of every head."""
    return np.moveaxis(x, 1, -1).reshape(len(x), x.shape[2], -1)


def rows(w_o: Array, n_heads: int, head: int) -> Array:
    """What w_o holds for one head."""
    return np.split(w_o, n_heads)[head]


_ROOT = "np.sqrt(q.shape[-1])"
_END = "return merged @ w_o"
_SPLIT = "q, k, v = split(q, n_heads), split(k, n_heads), split(v, n_heads)"
LAYER = (
    Mistake(
        "scale-of-all-heads",
        f"{_ROOT} -> np.sqrt(w_q.shape[1])",
        "the scores are divided by the root of the width of all heads together, √(h·d): each score is a dot "
        "product of d channels, so divide by √head_dim.",
    ),
    Mistake(
        "scale-d-model",
        f"{_ROOT} -> np.sqrt(x.shape[-1])",
        "the scores are divided by √d_model: each is a dot product of one head's channels, so divide by √head_dim.",
        also=(
            f"{_ROOT} -> x.shape[-1]",
            f"{_ROOT} -> x.shape[-1] // n_heads",
            f"{_ROOT} -> np.sqrt(x.shape[-1] // n_heads)",
            f"{_ROOT} -> np.sqrt(x.shape[-1] / n_heads)",
        ),
    ),
    Mistake(
        "scale-n-heads",
        f"{_ROOT} -> np.sqrt(n_heads)",
        "the scores are divided by √n_heads: divide by √head_dim.",
        also=(f"{_ROOT} -> n_heads",),
    ),
    Mistake(
        "divides-by-d",
        f"{_ROOT} -> q.shape[-1]",
        "the scores are divided by head_dim: divide by its root.",
    ),
    Mistake(
        "unscaled",
        f"/ {_ROOT} ->",
        "the scores are not divided by √head_dim: divide them before the softmax.",
    ),
    Mistake(
        "root-of-tokens",
        f"{_ROOT} -> np.sqrt(q.shape[-2])",
        "the scores are divided by the root of the number of tokens: divide by √head_dim.",
    ),
    Mistake(
        "one-head",
        ("split(q, n_heads) -> split(q, 1)", "split(k, n_heads) -> split(k, 1)", "split(v, n_heads) -> split(v, 1)"),
        "this is one head on the whole width: n_heads is not used. Split q, k and v into heads first.",
    ),
    Mistake(
        "view-instead-of-transpose",
        "split -> split_by_view",
        "the heads are cut by a reshape straight to (b, h, i, d), which mixes tokens: reshape to (b, i, h, d), "
        "then swap i and h.",
    ),
    Mistake(
        "view-both-ways",
        ("split -> split_by_view", "merge -> merge_by_view"),
        "heads are cut and merged by a reshape alone, so each attends among the wrong numbers: reshape to "
        "(b, i, h, d), swap i and h, and swap back before merging.",
    ),
    Mistake(
        "merged-without-transpose",
        "merge -> merge_by_view",
        "the heads are merged by a reshape alone, which mixes tokens: swap the axes back to (b, i, h, d) first.",
    ),
    Mistake(
        "keys-and-values-exchanged",
        "x @ w_k, x @ w_v -> x @ w_v, x @ w_k",
        "keys and values are exchanged: w_k makes the keys, w_v the values.",
    ),
    Mistake(
        "interleaved",
        "split -> split_interleaved",
        "head 0 takes every h-th channel: it takes the first d channels of q, k and v.",
        also=(("split -> split_interleaved", "merge -> merge_interleaved"),),
    ),
    Mistake(
        "overlapping",
        "split -> split_overlapping",
        "head n takes the channels from n to n + d: it takes those from n·d to (n + 1)·d.",
    ),
    Mistake(
        "merge-interleaved",
        "merge -> merge_interleaved",
        "the heads are merged channel by channel: the d channels of a head stand side by side, (b, i, h, d) before "
        "the reshape.",
    ),
    Mistake(
        "heads-never-swapped",
        (
            f"{_SPLIT} -> q, k, v = (y.reshape(*y.shape[:2], n_heads, -1) for y in (q, k, v))",
            "merge(out) -> out.reshape(*out.shape[:2], -1)",
        ),
        "the heads of one token attend to one another, and no token sees another: swap the axes from (b, i, h, d) "
        "to (b, h, i, d) before the scores.",
    ),
    Mistake(
        "not-merged",
        "merge(out) -> out",
        "the heads are not merged before w_o: swap back to (b, i, h, d) and reshape to (b, i, h·d).",
        also=("merge(out) -> out.swapaxes(1, 2)",),
    ),
    Mistake(
        "not-split", f"{_SPLIT} ->", "q, k and v are not split: cut each into heads, (b, h, i, d), before the scores."
    ),
    Mistake(
        "x-split",
        f"{_SPLIT} -> q, k, v = split(x, n_heads), split(x, n_heads), split(x, n_heads)",
        "x itself is split, and the maps are lost: split q, k and v.",
    ),
    Mistake(
        "no-output-map",
        f"{_END} -> return merged",
        "the heads are laid side by side, and w_o is missing: multiply by it.",
    ),
    Mistake(
        "output-map-transposed",
        "merged @ w_o -> merged @ w_o.T",
        "w_o is transposed: multiply by w_o as it is, (h·d, m).",
    ),
    Mistake(
        "first-rows-for-all",
        f"{_END} -> return sum(out[:, n] @ rows(w_o, n_heads, 0) for n in range(n_heads))",
        "every head is multiplied by the first d rows of w_o: head n has the rows n·d to (n + 1)·d of its own.",
    ),
    Mistake(
        "heads-reversed",
        "merge(out) -> merge(out[:, ::-1])",
        "the heads are joined in reverse order, so each meets the rows of w_o of another.",
    ),
    Mistake(
        "averaged",
        f"{_END} -> return merged @ w_o / n_heads",
        "the heads are averaged, and the output is n_heads times too small: they are added up by w_o.",
    ),
    Mistake(
        "averaged-before",
        "merge(out) -> merge(np.broadcast_to(out.mean(1, keepdims=True), out.shape))",
        "the heads' outputs are averaged before w_o: lay them side by side instead.",
        also=(
            "merge(out) -> merge(np.broadcast_to(out.sum(1, keepdims=True), out.shape))",
            "merge(out) -> out.mean(1)",
            "merge(out) -> out.sum(1)",
        ),
    ),
    Mistake(
        "first-head-only",
        f"{_END} -> return out[:, 0] @ rows(w_o, n_heads, 0)",
        "this is what head 0 adds, alone: add up what all heads do.",
    ),
    Mistake(
        "last-head-only",
        f"{_END} -> return out[:, -1] @ rows(w_o, n_heads, -1)",
        "this is what the last head adds, alone: add to the sum in the loop, instead of writing over it.",
    ),
    Mistake(
        "queries-for-keys",
        "x @ w_k -> x @ w_q",
        "the keys are made with w_q: they have a map of their own, w_k.",
    ),
    Mistake(
        "keys-for-queries",
        "x @ w_q -> x @ w_k",
        "the queries are made with w_k: they have a map of their own, w_q.",
    ),
    Mistake(
        "queries-and-keys-swapped",
        ("x @ w_q -> x @ w_k", "x @ w_k -> x @ w_q"),
        "queries and keys are exchanged: q = x @ w_q asks, k = x @ w_k is asked.",
    ),
    Mistake(
        "values-from-keys-map",
        "x @ w_v -> x @ w_k",
        "the values are made with w_k: they have a map of their own, w_v.",
        also=("x @ w_v -> x @ w_q",),
    ),
    Mistake(
        "maps-transposed",
        ("x @ w_q -> x @ w_q.T", "x @ w_k -> x @ w_k.T", "x @ w_v -> x @ w_v.T"),
        "the maps are transposed: x (b, i, m) times w_q (m, h·d) needs no transpose, x @ w_q.",
    ),
    Mistake(
        "over-heads",
        "axis=-1 -> axis=1",
        "the softmax runs over the heads, axis 1 of (b, h, i, j): it runs over the keys, the last axis.",
    ),
    Mistake(
        "no-softmax",
        "weights @ v -> scores @ v",
        "the scores themselves weigh the values: a softmax over the keys is missing.",
    ),
    Mistake(
        "scores-averaged",
        "np.sqrt(q.shape[-1]) -> np.sqrt(q.shape[-1]); scores = scores.mean(1, keepdims=True)",
        "all heads use the same weights, from the mean of their scores: each head has weights of its own.",
    ),
    Mistake(
        "reversed-axes",
        "k.swapaxes(-1, -2) -> k.T",
        "k has four axes (b, h, i, d), and .T reverses all of them: k.swapaxes(-1, -2) exchanges the last two.",
    ),
    Mistake(
        "torch-transpose",
        "k.swapaxes(-1, -2) -> k.transpose(-2, -1)",
        "NumPy's transpose wants the order of all axes: k.swapaxes(-1, -2) exchanges two.",
        also=("k.swapaxes(-1, -2) -> k.transpose(2, 3)",),
    ),
    Mistake(
        "weights-too",
        f"{_END} -> return merged @ w_o, weights",
        "you return the weights too: return the output alone.",
        also=(f"{_END} -> return weights, merged @ w_o",),
    ),
    Mistake(
        "weights-alone",
        f"{_END} -> return weights",
        "these are the weights of the heads: return the output, (b, i, m).",
    ),
    Mistake(
        "residual",
        f"{_END} -> return x + merged @ w_o",
        "x is added to the output: that belongs to the block, not to the layer.",
    ),
    Mistake(
        "no-batch",
        f"{_END} -> return (merged @ w_o)[0]",
        "this is the first sequence alone: keep the axis of the batch.",
    ),
    Mistake(
        "mean-over-tokens",
        f"{_END} -> return (merged @ w_o).mean(1)",
        "the output is averaged over the tokens: return one row for each token.",
    ),
)


def _inputs(seed: int, batch: int, length: int, d_model: int, width: int, n_heads: int) -> dict[str, Any]:
    """x (b, i, m), three maps (m, h·d), one (h·d, m), h."""
    maps = {name: numbers(seed + n, d_model, width) / 4 for n, name in enumerate(("w_q", "w_k", "w_v"), 1)}
    return {"x": numbers(seed, batch, length, d_model), **maps, "w_o": numbers(seed + 4, width, d_model) / 4} | {
        "n_heads": n_heads
    }


_SIGNATURE = "x (b, i, m), w_q (m, h·d), w_k (m, h·d), w_v (m, h·d), w_o (h·d, m), n_heads -> out (b, i, m)"
_TRIALS = (
    Trial("three heads of two channels", _inputs(81, 2, 5, 7, 6, 3)),
    Trial("two heads of five channels", _inputs(91, 3, 7, 13, 10, 2)),
)

multi_head_attention = Exercise(
    _multi_head_attention,
    _SIGNATURE,
    trials=_TRIALS,
    shared=(*ATTENTION, *UNMASKED),
    mistakes=(
        *LAYER,
        Mistake(
            "causal",
            "weights @ v -> np.tril(exponentials) / total(np.tril(exponentials), axis=-1) @ v",
            "this is the answer with a causal mask: here every token attends to all.",
        ),
    ),
)
causal_multi_head = Exercise(
    _causal_multi_head,
    _SIGNATURE,
    trials=_TRIALS,
    shared=(*CAUSAL, *MASK, *ATTENTION),
    mistakes=(
        *LAYER,
        Mistake(
            "mask-on-values",
            ("np.where(allowed, scores, -np.inf) -> scores", "weights @ v -> weights @ np.tril(v)"),
            "the triangle is laid over the values, tokens by channels: it belongs on the scores, (i, j).",
            also=(("np.where(allowed, scores, -np.inf) -> scores", "weights @ v -> np.tril(weights @ v)"),),
        ),
        Mistake(
            "mask-over-heads",
            "allowed = np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool) "
            "-> allowed = np.tri(n_heads, n_queries, dtype=bool)[:, :, None]",
            "the triangle lies over the heads: it lies over queries and keys, the last two axes of the scores.",
        ),
    ),
)

# ---- sizes of a layer

_MATRIX, _MAP = 512**2, 1024**2

layer_sizes = Numbers(
    "layer_sizes",
    right={"parameters_8": 4 * _MATRIX, "parameters_16": 4 * _MATRIX, "weights_8": 8 * _MAP, "weights_16": 16 * _MAP},
    mistakes={
        _MATRIX: "that is one matrix: the layer has four, w_q, w_k, w_v and w_o.",
        3 * _MATRIX: "that is three matrices: w_o, which mixes the heads, is the fourth.",
        4 * 512: "that counts one row of each matrix: each is 512 by 512.",
        "parameters_8": {
            32 * _MATRIX: "each head's maps have 512 / 8 channels: eight of them together are one 512 by 512 matrix.",
        },
        "parameters_16": {
            8 * _MATRIX: "more heads do not add parameters: each has half as many channels.",
            64 * _MATRIX: "each head's maps have 512 / 16 channels: together they are one 512 by 512 matrix.",
        },
        "weights_8": {
            _MAP: "that is one head's: each head has a weight for every query and key.",
            8 * 1024: "each query has a weight for every key: 1024 times 1024 in each head.",
        },
        "weights_16": {
            _MAP: "that is one head's: each head has a weight for every query and key.",
            8 * _MAP: "that is what 8 heads compute: each head has a map of its own.",
            16 * 1024: "each query has a weight for every key: 1024 times 1024 in each head.",
        },
    },
)

EXERCISES = listed(split_heads, merge_heads, multi_head_attention, causal_multi_head)
