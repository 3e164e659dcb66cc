"""What the trials of the exercises are made of: fixed numbers, exact in float32, a different prime for each axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGE_RTOL", "far_key", "far_rows", "log_softmax", "mask", "numbers", "qkv", "tempting_keys"]

Array = NDArray[Any]
LARGE_RTOL = 1e-3  # scores near 800 cost a float32 answer four of its seven digits


def numbers(seed: int, *shape: int) -> Array:
    """Normal numbers of the given shape, rounded to multiples of 1/16."""
    return np.round(16.0 * np.random.default_rng(seed).standard_normal(shape)) / 16.0


def qkv(seed: int, n_queries: int, n_keys: int, d: int, e: int) -> dict[str, Array]:
    """q (i, d), k (j, d) and v (j, e)."""
    return {
        "q": numbers(seed, n_queries, d),
        "k": numbers(seed + 1, n_keys, d),
        "v": numbers(seed + 2, n_keys, e),
    }


def far_rows(arrays: dict[str, Array]) -> dict[str, Array]:
    """The same q, k, v but for one column, with the scores of the rows near -800, 0, 800: exp cannot hold them.

    Each query likes or dislikes all keys alike, so the weights are ordinary. Meant for d = 5.
    """
    q, k = arrays["q"].copy(), arrays["k"].copy()
    q[:, -1], k[:, -1] = np.resize([-448.0, 0.0, 448.0], len(q)), 4.0
    return {**arrays, "q": q, "k": k}


def far_key(arrays: dict[str, Array]) -> dict[str, Array]:
    """`far_rows` in which query 1 scores key 2 1600 above the other keys, and query 2 scores it 1600 below them.

    A softmax that subtracts a row's smallest score overflows in both rows, one that subtracts its mean in the first.
    """
    far = far_rows(arrays)
    far["q"][:, -2], far["k"][:, -2] = np.resize([0.0, 448.0, -448.0], len(far["q"])), 0.0
    far["k"][2, -2] = 8.0
    return far


def tempting_keys(arrays: dict[str, Array], allowed: Array) -> dict[str, Array]:
    """`far_rows` in which the keys not allowed, (j,) bool, score 800 more than the others, with the mask (i, j)."""
    far = far_rows(arrays)
    far["q"][:, -2], far["k"][:, -2] = 448.0, np.where(allowed, 0.0, 4.0)
    return {**far, "attn_mask": np.tile(allowed, (len(far["q"]), 1))}


def log_softmax(logits: Array, axis: int = -1) -> Array:
    """log softmax(logits) along `axis`, for logits of any size."""
    shifted = logits - logits.max(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))


def mask(n_queries: int, n_keys: int, *, empty_row: int | None = None) -> Array:
    """(i, j) bool: each query may attend to key 1 and the last, not to key 0; `empty_row` may attend to none."""
    allowed = np.random.default_rng(8).random((n_queries, n_keys)) < 0.6
    allowed[:, 0], allowed[:, 1], allowed[:, -1] = False, True, True
    if empty_row is not None:
        allowed[empty_row] = False
    return allowed
