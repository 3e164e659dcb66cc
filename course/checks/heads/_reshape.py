"""The width cut into heads, and the heads laid side by side again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Inputs, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]


def _fine(seed: int, *shape: int) -> Array:
    """Numbers with more digits than float16 keeps: nothing is computed with them that would show it."""
    return np.asarray(numbers(seed, *shape) + numbers(seed + 100, *shape) / 4096)


def split(x: Array, n_heads: int) -> Array:
    """(..., i, h·d) -> (..., h, i, d)."""
    return np.swapaxes(x.reshape(*x.shape[:-1], n_heads, -1), -3, -2)


def merge(x: Array) -> Array:
    """(..., h, i, d) -> (..., i, h·d)."""
    swapped = np.swapaxes(x, -3, -2)
    return swapped.reshape(*swapped.shape[:-2], -1)


def split_by_view(x: Array, n_heads: int) -> Array:
    """The right shape by a reshape alone: a head gets runs of neighbouring numbers, whichever token they belong to."""
    *batch, length, width = x.shape
    return x.reshape(*batch, n_heads, length, width // n_heads)


def split_interleaved(x: Array, n_heads: int) -> Array:
    """Head n gets the channels n, n + h, n + 2h …"""
    return np.moveaxis(x.reshape(*x.shape[:-1], -1, n_heads), -1, -3)


def merge_by_view(x: Array) -> Array:
    """The right shape by a reshape alone."""
    *batch, n_heads, length, head_dim = x.shape
    return x.reshape(*batch, length, n_heads * head_dim)


def merge_interleaved(x: Array) -> Array:
    """Channel c of every head side by side, then channel c + 1 of every head."""
    moved = np.moveaxis(x, -3, -1)  # (..., h, i, d) -> (..., i, d, h)
    return moved.reshape(*moved.shape[:-2], -1)


def _same_numbers(name: str) -> Any:
    def remark(inputs: Inputs, outputs: Inputs) -> str:
        if np.array_equal(np.sort(outputs[name], axis=None), np.sort(inputs["x"], axis=None)):
            return "All numbers of x are there, but not each where it belongs: follow one of them by hand."
        return "Some numbers of x are missing or changed: only their places should change."

    return remark


SPLIT_HEADS = Exercise(
    returns=("heads",),
    right=split,
    trials=(
        Trial("three heads of two channels", {"x": _fine(71, 7, 5, 6), "n_heads": 3}),
        Trial("two heads of five channels", {"x": _fine(72, 3, 7, 10), "n_heads": 2}),
    ),
    mistakes=(
        Mistake(
            "view-instead-of-transpose",
            split_by_view,
            "the shape is right, but the numbers are in the wrong places: a reshape straight to (b, h, i, d) keeps "
            "the order in memory, so head 0 gets all channels of the first tokens. Reshape to (b, i, h, d) first, "
            "then swap the axes i and h.",
        ),
        Mistake(
            "not-transposed",
            lambda x, n_heads: x.reshape(*x.shape[:2], n_heads, -1),
            "the width is cut rightly, but the heads still come after the tokens, (b, i, h, d): swap these two axes, "
            "so that a matrix product works within each head.",
        ),
        Mistake(
            "interleaved",
            split_interleaved,
            "head 0 gets every h-th channel; it should get the first d channels, which stand side by side: reshape "
            "the width to (h, d), not to (d, h).",
        ),
        Mistake(
            "heads-last",
            lambda x, n_heads: np.moveaxis(split(x, n_heads), 1, -1),
            "the axis of heads comes last, (b, i, d, h): it should stand before the tokens, (b, h, i, d).",
        ),
        Mistake(
            "heads-first",
            lambda x, n_heads: np.moveaxis(split(x, n_heads), 1, 0),
            "the axis of heads comes before the batch, (h, b, i, d): the batch should stay first.",
        ),
        Mistake(
            "wrong-axes",
            lambda x, n_heads: np.swapaxes(split(x, n_heads), -1, -2),
            "tokens and channels of each head are swapped, (b, h, d, i): that is the transpose keys need later. "
            "Swap the axes i and h only.",
        ),
        Mistake(
            "all-reversed",
            lambda x, n_heads: split(x, n_heads).T,
            "all axes are reversed: .T turns a whole array around. Name the two axes: swapaxes(1, 2).",
        ),
        Mistake(
            "sizes-swapped",
            lambda x, n_heads: split(x, x.shape[-1] // n_heads),
            "n_heads and head_dim are exchanged: the width is reshaped to (head_dim, n_heads).",
        ),
        Mistake(
            "no-batch",
            lambda x, n_heads: split(x[0], n_heads),
            "this is the first sequence alone: keep the axis of the batch.",
        ),
        Mistake(
            "batch-merged",
            lambda x, n_heads: split(x, n_heads).reshape(-1, x.shape[1], x.shape[-1] // n_heads),
            "batch and heads share one axis, (b·h, i, d): keep them apart, (b, h, i, d).",
        ),
        Mistake(
            "first-head-only",
            lambda x, n_heads: x[..., : x.shape[-1] // n_heads],
            "this is head 0 alone: cut all of the width.",
        ),
        Mistake(
            "every-head-all",
            lambda x, n_heads: np.stack([x] * n_heads, axis=1),
            "each head gets the whole width: it gets its own h-th part of it.",
        ),
    ),
    remark=_same_numbers("heads"),
)

MERGE_HEADS = Exercise(
    returns=("merged",),
    right=merge,
    trials=(
        Trial("three heads of seven channels", {"x": _fine(73, 2, 3, 5, 7)}),
        Trial("more heads than tokens", {"x": _fine(74, 2, 5, 3, 7)}),
    ),
    mistakes=(
        Mistake(
            "not-transposed",
            merge_by_view,
            "the shape is right, but the numbers are in the wrong places: a reshape straight to (b, i, h·d) keeps the "
            "order in memory, which runs through all tokens of head 0 first. Swap the axes h and i before it.",
        ),
        Mistake(
            "interleaved",
            merge_interleaved,
            "channel 0 of all heads comes first, then channel 1 of all: the d channels of a head should stand side by "
            "side. Swap the axes to (b, i, h, d), not to (b, i, d, h).",
        ),
        Mistake(
            "heads-reversed",
            lambda x: merge(x[:, ::-1]),
            "the heads stand in reverse order: head 0 comes first.",
        ),
        Mistake(
            "mean",
            lambda x: x.mean(1),
            "the heads are averaged: lay them side by side, so that the width is h·d again.",
        ),
        Mistake(
            "sum",
            lambda x: x.sum(1),
            "the heads are added up: lay them side by side, so that the width is h·d again.",
        ),
        Mistake(
            "along-tokens",
            lambda x: x.reshape(x.shape[0], -1, x.shape[-1]),
            "the heads are joined along the tokens, (b, h·i, d): join them along the channels.",
        ),
        Mistake(
            "no-reshape",
            lambda x: np.swapaxes(x, 1, 2),
            "the axes are swapped rightly, (b, i, h, d); the last two still have to become one.",
        ),
        Mistake(
            "wrong-axes",
            lambda x: np.swapaxes(x, 2, 3).reshape(x.shape[0], x.shape[2], -1),
            "you swap tokens and channels; swap heads and tokens, axes 1 and 2, before the reshape.",
        ),
        Mistake(
            "first-head-only",
            lambda x: x[:, 0],
            "this is head 0 alone.",
        ),
        Mistake(
            "no-batch",
            lambda x: merge(x[0]),
            "this is the first sequence alone: keep the axis of the batch.",
        ),
    ),
    remark=_same_numbers("merged"),
)
