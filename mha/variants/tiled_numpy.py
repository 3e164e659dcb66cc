"""Tiled attention in NumPy, for one head: the online softmax, to be read before `mha.variants.tiled`."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["merge", "tiled_attention"]

Array = NDArray[np.float64]
State = tuple[Array, Array, Array]  # largest score (i, 1), sum of exponentials (i, 1), weighted sum of values (i, e)


def merge(state: State, scores: Array, v: Array) -> State:
    """Take one more tile of keys into account.

    A weight is exp(score − largest) / sum. When a tile brings a larger score, what was summed so far was shifted by too
    little: one factor, exp(old largest − new largest), corrects the sum and the weighted values alike.

    Args:
        state: of the keys so far; at the start −inf, 0 and 0.
        scores: (i, t), of t more keys.  v: (t, e), their values.
    Returns:
        The state of all keys up to here. The output is its third part divided by its second.
    Source: Milakov and Gimelshein 2018.
    """
    largest, total, weighted = state
    new = np.maximum(largest, scores.max(axis=1, keepdims=True))
    correction = np.exp(largest - new)
    exponentials = np.exp(scores - new)  # (i, t)
    return new, total * correction + exponentials.sum(axis=1, keepdims=True), weighted * correction + exponentials @ v


def tiled_attention(q: ArrayLike, k: ArrayLike, v: ArrayLike, *, tile: int = 64) -> Array:
    """softmax(q kᵀ / √d) v with never more than i × tile scores at a time.

    Args:
        q: (i, d).  k: (j, d).  v: (j, e).  tile: how many keys at a time, at least 1.
    Returns:
        (i, e), what `mha.reference.attention` gives.
    Raises:
        TypeError: tile is no integer.
        ValueError: q, k and v do not fit together, or tile is not positive.
    Source: Rabe and Staats 2021; Dao et al. 2022.
    """
    if isinstance(tile, bool) or not isinstance(tile, Integral):
        raise TypeError(f"tile must be an integer, got {tile!r}")
    q, k, v = (np.asarray(x, dtype=np.float64) for x in (q, k, v))
    if tile < 1 or q.ndim != 2 or k.shape[1:] != q.shape[1:] or v.ndim != 2 or len(v) != len(k):
        raise ValueError(
            f"expected q (i, d), k (j, d), v (j, e), tile > 0, got {q.shape}, {k.shape}, {v.shape}, {tile}"
        )
    state: State = np.full((len(q), 1), -np.inf), np.zeros((len(q), 1)), np.zeros((len(q), v.shape[1]))
    for start in range(0, len(k), tile):
        keys = slice(start, start + tile)
        state = merge(state, q @ k[keys].T / np.sqrt(q.shape[1]), v[keys])
    return state[2] / state[1]
