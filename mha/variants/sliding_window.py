"""Attention to the last few positions: time and memory grow with length × window."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mha.attention import as_mask_of_keys, check_attention, fused_attention, repeat_kv
from mha.validation import check_integer

__all__ = ["sliding_window_attention"]


def sliding_window_attention(
    q: Tensor, k: Tensor, v: Tensor, *, window: int, key_mask: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """`attention` under `sliding_window_mask`, computing no score outside two windows of each block of queries.

    The sequence is cut into blocks of `window` positions. What a block's queries may see lies in their own block and
    the one before, so its scores are window × 2·window.

    Args:
        q: (..., h, i, d).  k: (..., g, i, d).  v: (..., g, i, e); as for `attention`, with as many keys as queries.
        window: positions a query sees, its own included; at least 1.
        key_mask: bool, broadcasts to (..., h, i); True = a real token.
        scale: as for `attention`.
    Returns:
        out (..., h, i, e). A query that may attend to nothing gets zeros.
    Raises:
        ValueError: window < 1, as many keys as queries are not there, or as `attention` does.
        TypeError: key_mask is not bool, or window no integer.
    Source: Child et al. 2019 and Beltagy et al. 2020 for local attention.
    """
    mask = None if key_mask is None else as_mask_of_keys(key_mask)
    check_attention(q, k, v, mask, scale=scale, mask_name="key_mask")
    check_integer("window", window, at_least=1)
    length = q.shape[-2]
    if k.shape[-2] != length:
        raise ValueError(f"k must be as long as q ({length}), got {k.shape[-2]}")
    window = min(window, length)
    padding = -length % window
    n_blocks = (length + padding) // window
    queries = F.pad(q, (0, 0, 0, padding)).unflatten(-2, (n_blocks, window))  # (..., i, d) -> (..., n, w, d)
    keys, values = (
        F.pad(repeat_kv(q, x), (0, 0, window, padding)).unfold(-2, 2 * window, window).mT for x in (k, v)
    )  # (..., j, d) -> (..., n, 2w, d), each block behind the one before it
    lags = torch.arange(window, 2 * window, device=q.device)[:, None] - torch.arange(2 * window, device=q.device)
    real = torch.ones(length, dtype=torch.bool, device=q.device) if key_mask is None else key_mask
    real = F.pad(real, (window, padding)).unfold(-1, 2 * window, window)  # (..., n, 2w)
    allowed = (lags >= 0) & (lags < window) & real[..., None, :]  # (..., n, w, 2w)
    out = fused_attention(queries, keys, values, attn_mask=allowed, scale=scale)
    return out.flatten(-3, -2)[..., :length, :]
