"""The oracle: attention in NumPy float64, written to be read beside the paper and to be right.

Nothing here is fast and nothing depends on torch. Every faster implementation of the package is tested against
these functions, and every exercise of the book is judged by them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

__all__ = ["attention", "multi_head_attention", "sinusoidal_positions", "softmax"]


def softmax(scores: ArrayLike, axis: int = -1) -> Array:
    """Softmax along one axis: exp(s) / sum exp(s), shifted by the largest score so that nothing overflows.

    Args:
        scores: any shape, at least one axis; -inf is a score that gets weight 0.
        axis: the axis along which the weights sum to 1.
    Returns:
        Same shape, float64. A slice whose scores are all -inf has nothing to weigh and is all zeros.
    Raises:
        ValueError: scores has no axes, or the axis is empty or missing.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim == 0 or not -scores.ndim <= axis < scores.ndim:
        raise ValueError(f"axis ({axis}) must be an axis of scores, which have shape {scores.shape}")
    if scores.shape[axis] == 0:
        raise ValueError(f"scores must have at least one entry along axis {axis}, got shape {scores.shape}")
    largest = scores.max(axis=axis, keepdims=True)
    shifted = scores - np.where(np.isneginf(largest), 0.0, largest)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=axis, keepdims=True)
    return exponentials / np.where(total == 0.0, 1.0, total)


def attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    *,
    attn_mask: ArrayLike | None = None,
    attn_bias: ArrayLike | None = None,
    scale: float | None = None,
) -> tuple[Array, Array]:
    """Scaled dot-product attention, softmax(q kᵀ / √d) v.

    Args:
        q: (..., i, d).  k: (..., j, d).  v: (..., j, e).
        attn_mask: bool, broadcasts to (..., i, j); True = may attend.
        attn_bias: float, same shape; added to the scores.
        scale: what q kᵀ is multiplied by; 1 / √d if None.
    Returns:
        out (..., i, e) and weights (..., i, j). Rows of weights sum to 1; a fully masked row is all zeros.
    Raises:
        ValueError: q, k and v disagree in a shared axis, an axis is empty, a mask does not broadcast to the scores, or
            scale is not finite.
        TypeError: attn_mask is not bool.
    Source: Vaswani et al. 2017, eq. 1.
    """
    q, k, v = (np.asarray(x, dtype=np.float64) for x in (q, k, v))
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x.ndim < 2 or 0 in x.shape:
            raise ValueError(f"{name} must have two axes or more and none empty, got shape {x.shape}")
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"q and k must agree in their last axis, got {q.shape[-1]} and {k.shape[-1]}")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"k and v must agree in axis -2, got {k.shape[-2]} and {v.shape[-2]}")
    if scale is None:
        scale = 1.0 / np.sqrt(q.shape[-1])
    if not np.isfinite(scale):
        raise ValueError(f"scale ({scale}) must be finite")
    scores = q @ np.swapaxes(k, -1, -2) * scale  # (..., i, d) (..., d, j) -> (..., i, j)
    if attn_bias is not None:
        scores = scores + _broadcast("attn_bias", np.asarray(attn_bias, dtype=np.float64), scores.shape)
    if attn_mask is not None:
        allowed = np.asarray(attn_mask)
        if allowed.dtype != np.bool_:
            raise TypeError(f"attn_mask must be bool (True = may attend), got {allowed.dtype}")
        allowed = _broadcast("attn_mask", allowed, scores.shape)
        scores = np.where(allowed, scores, -np.inf)
    weights = softmax(scores)
    return weights @ v, weights  # (..., i, j) (..., j, e) -> (..., i, e)


def multi_head_attention(
    x: ArrayLike,
    w_q: ArrayLike,
    w_k: ArrayLike,
    w_v: ArrayLike,
    w_o: ArrayLike,
    *,
    n_heads: int,
    context: ArrayLike | None = None,
    attn_mask: ArrayLike | None = None,
    attn_bias: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Multi-head attention, Concat(head_1 … head_h) W_O, one head after another.

    The matrices multiply from the right, as in the paper (torch's Linear stores their transposes), and have no bias.

    Args:
        x: (..., i, m), where the queries come from.  context: (..., j, m), where keys and values do; x if None.
        w_q: (m, h d).  w_k: (m, g d).  w_v: (m, g e), where g divides h: h / g queries share a key head.
        w_o: (h e, m).
        n_heads: h.
        attn_mask, attn_bias: broadcast to (..., h, i, j); True = may attend.
    Returns:
        out (..., i, m) and weights (..., h, i, j).
    Raises:
        TypeError: n_heads is no integer.
        ValueError: the widths are not divisible by the head counts, or disagree; a mask does not broadcast.
    Source: Vaswani et al. 2017, section 3.2.2; grouped queries: Ainslie et al. 2023.
    """
    _check_integer("n_heads", n_heads, at_least=1)
    x = np.asarray(x, dtype=np.float64)
    source = x if context is None else np.asarray(context, dtype=np.float64)
    w_q, w_k, w_v, w_o = (np.asarray(w, dtype=np.float64) for w in (w_q, w_k, w_v, w_o))
    if w_q.shape[1] % n_heads:
        raise ValueError(f"the columns of w_q ({w_q.shape[1]}) must be divisible by n_heads ({n_heads})")
    head_dim = w_q.shape[1] // n_heads
    n_kv_heads, rest = divmod(w_k.shape[1], head_dim)
    if rest or not n_kv_heads or n_heads % n_kv_heads or w_v.shape[1] % n_kv_heads:
        raise ValueError(
            f"w_k ({w_k.shape[1]} columns) and w_v ({w_v.shape[1]}) must hold a number of heads of head_dim "
            f"({head_dim}) that divides n_heads ({n_heads})"
        )
    group, value_dim = n_heads // n_kv_heads, w_v.shape[1] // n_kv_heads
    shape = (*np.broadcast_shapes(x.shape[:-2], source.shape[:-2]), n_heads, x.shape[-2], source.shape[-2])
    masks = [
        None if m is None else _broadcast(name, np.asarray(m), shape)
        for name, m in (("attn_mask", attn_mask), ("attn_bias", attn_bias))
    ]
    outs, maps = [], []
    for head in range(n_heads):
        g = head // group
        q = x @ w_q[:, head * head_dim : (head + 1) * head_dim]
        k = source @ w_k[:, g * head_dim : (g + 1) * head_dim]
        v = source @ w_v[:, g * value_dim : (g + 1) * value_dim]
        mask, bias = (None if m is None else m[..., head, :, :] for m in masks)
        out, weights = attention(q, k, v, attn_mask=mask, attn_bias=bias)
        outs.append(out)
        maps.append(weights)
    return np.concatenate(outs, axis=-1) @ w_o, np.stack(maps, axis=-3)


def sinusoidal_positions(length: int, d_model: int, base: float = 10000.0) -> Array:
    """Sinusoidal positions: sin(p / base^(2c/m)) in channel 2c and cos of the same angle in channel 2c + 1.

    Args:
        length: number of positions p = 0 … length - 1.  d_model: m, even.
        base: ratio of the longest wavelength to the shortest, roughly.
    Returns:
        (length, d_model), float64.
    Raises:
        TypeError: a size is no integer.
        ValueError: d_model is odd, a size is not positive, or base is not above 1.
    Source: Vaswani et al. 2017, section 3.5.
    """
    _check_integer("length", length)
    _check_integer("d_model", d_model)
    if not 1 < base < np.inf:
        raise ValueError(f"base ({base}) must be above 1 and finite")
    if length < 1 or d_model < 2 or d_model % 2:
        raise ValueError(f"length ({length}) must be positive and d_model ({d_model}) positive and even")
    channel = np.arange(0, d_model, 2)
    angles = np.arange(length)[:, None] / base ** (channel / d_model)  # (p, m/2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, d_model)


def _broadcast(name: str, mask: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The mask in the shape of the scores; it must not enlarge them."""
    if mask.ndim > len(shape) or any(m not in (1, s) for m, s in zip(mask.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"{name} must broadcast to {shape}, got {mask.shape}")
    return np.broadcast_to(mask, shape)


def _check_integer(name: str, value: object, at_least: int | None = None) -> None:
    """As `mha.validation` does, which loads torch."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__})")
    if at_least is not None and value < at_least:
        raise ValueError(f"{name} ({value}) must be at least {at_least}")
