"""Linear attention: a feature map in place of the exponential lets the keys be summed before any query comes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mha.attention import check_attention, repeat_kv

__all__ = ["elu_plus_one", "linear_attention"]


def elu_plus_one(x: Tensor) -> Tensor:
    """The feature map of the paper: elu(x) + 1, positive everywhere."""
    return F.elu(x) + 1.0


def linear_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    key_mask: Tensor | None = None,
    is_causal: bool = False,
    chunk: int = 128,
) -> Tensor:
    """φ(q) (φ(k)ᵀ v) / φ(q) Σ φ(k): time and memory grow with the length. It is another function than `attention`.

    Query n weighs key m by φ(q_n)·φ(k_m), divided by the sum over the keys. With is_causal the sums run along the
    sequence, chunk by chunk, and the weights inside a chunk are written out.

    Args:
        q: (..., h, i, d).  k: (..., g, j, d).  v: (..., g, j, e), as for `attention`; i = j with is_causal.
        key_mask: bool, broadcasts to (..., h, j); True = a real token. Each query needs one that it may attend to.
        is_causal: each query attends up to its own position.  chunk: positions at a time, with is_causal.
    Returns:
        out (..., h, i, e).
    Raises:
        ValueError: chunk < 1, or is_causal with i ≠ j; as `attention` does.
        TypeError: key_mask is not bool.
    Source: Katharopoulos et al. 2020.
    """
    check_attention(q, k, v, None if key_mask is None else key_mask[..., None, :], None)
    if chunk < 1 or (is_causal and q.shape[-2] != k.shape[-2]):
        raise ValueError(
            f"chunk ({chunk}) must be at least 1, and with is_causal q and k of one length, "
            f"got {q.shape[-2]} and {k.shape[-2]}"
        )
    k, v = repeat_kv(q, k), repeat_kv(q, v)
    q, k = elu_plus_one(q), elu_plus_one(k)
    if key_mask is not None:
        k = k * key_mask[..., None]
    if is_causal:
        return _causal(q, k, v, chunk)
    return q @ (k.mT @ v) / (q @ k.sum(-2)[..., None])  # (..., i, d) (..., d, e) -> (..., i, e)


def _causal(q: Tensor, k: Tensor, v: Tensor, chunk: int) -> Tensor:
    state, total = k.new_zeros(()), k.new_zeros(())
    parts: list[Tensor] = []
    for q_, k_, v_ in zip(q.split(chunk, -2), k.split(chunk, -2), v.split(chunk, -2), strict=True):
        weights = (q_ @ k_.mT).tril()  # (..., c, c)
        weighted, sums = weights @ v_, weights.sum(-1, keepdim=True)
        if parts:
            weighted, sums = weighted + q_ @ state, sums + q_ @ total
        parts.append(weighted / sums)
        state, total = state + k_.mT @ v_, total + k_.sum(-2)[..., None]
    return torch.cat(parts, dim=-2)
