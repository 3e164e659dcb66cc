"""Linear attention: a feature map in place of the exponential lets the keys be summed before any query comes."""

from __future__ import annotations

import torch
from torch import Tensor

from mha.attention import as_mask_of_keys, check_attention, repeat_kv
from mha.precision import half_precision
from mha.validation import check_integer

__all__ = ["elu_plus_one", "linear_attention"]


def elu_plus_one(x: Tensor) -> Tensor:
    """The feature map of the paper: elu(x) + 1, which is exp(x) below 0 and positive everywhere.

    As an exponential, not as a difference from 1, of which no digit would be left at -20.
    """
    return torch.where(x > 0, x + 1.0, x.clamp(max=0.0).exp())


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
        out (..., h, i, e). What is given in half precision is computed in float32 and rounded once.
    Raises:
        ValueError: chunk < 1, or is_causal with i ≠ j; as `attention` does.
        TypeError: key_mask is not bool, or chunk no integer.
    Source: Katharopoulos et al. 2020.
    """
    mask = None if key_mask is None else as_mask_of_keys(key_mask)
    check_attention(q, k, v, mask, is_causal=is_causal, mask_name="key_mask")
    check_integer("chunk", chunk, at_least=1)
    if is_causal and q.shape[-2] != k.shape[-2]:
        raise ValueError(f"with is_causal q and k must be of one length, got {q.shape[-2]} and {k.shape[-2]}")
    narrow = half_precision(q)
    if narrow is not None:
        with torch.autocast(q.device.type, enabled=False):
            wide = (x.float() for x in (q, k, v))
            return linear_attention(*wide, key_mask=key_mask, is_causal=is_causal, chunk=chunk).to(narrow)
    k, v = repeat_kv(q, k), repeat_kv(q, v)
    # A query far below 0 has features that vanish, all alike: a factor common to them is of no account.
    q = elu_plus_one(q - q.detach().amax(-1, keepdim=True).clamp(max=0.0))
    k = elu_plus_one(k)
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
