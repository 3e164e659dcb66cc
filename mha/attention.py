"""Scaled dot-product attention twice: `attention` shows its weights, `fused_attention` is fast. They are equal."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mha.masks import causal_mask, combine_masks
from mha.precision import half_precision, same_precision
from mha.validation import check_number, check_tensor, was_checked

__all__ = ["as_mask_of_keys", "attention", "check_attention", "check_mask", "fused_attention", "repeat_kv"]


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    attn_mask: Tensor | None = None,
    attn_bias: Tensor | None = None,
    is_causal: bool = False,
    dropout_p: float = 0.0,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention, softmax(q kᵀ / √d) v, with its weights in the open.

    What is given in half precision, by autocast too, is computed in float32 and rounded once, at the end.

    Args:
        q: (..., h, i, d).  k: (..., g, j, d).  v: (..., g, j, e). The axis of heads may be missing; where g < h, g
            divides h and h / g query heads in a row share a key head.
        attn_mask: bool, broadcasts to (..., h, i, j); True = may attend.
        attn_bias: float, same shape; added to the scores. -inf forbids, as a mask does.
        is_causal: each query attends up to its own position, the last query being level with the last key.
        dropout_p: probability with which a weight is set to zero (the rest scaled up) before it meets v.
        scale: what q kᵀ is multiplied by; 1 / √d if None.
    Returns:
        out (..., h, i, e) and weights (..., h, i, j), before dropout. Rows of weights sum to 1; a fully masked row is
        all zeros, in its gradient too.
    Raises:
        ValueError: q, k and v disagree in a shared axis, a dtype or a device; a mask does not broadcast; more queries
            than keys with is_causal; dropout_p leaves [0, 1) or scale is not finite.
        TypeError: q, k or v is not float, attn_mask not bool, attn_bias not of q's dtype, or is_causal not a bool.
    Source: Vaswani et al. 2017, eq. 1.
    """
    check_attention(q, k, v, attn_mask, attn_bias, is_causal=is_causal, dropout_p=dropout_p, scale=scale)
    narrow = half_precision(q)
    if narrow is not None:
        with torch.autocast(q.device.type, enabled=False):
            out, weights = attention(
                *(x.float() for x in (q, k, v)),
                attn_mask=attn_mask,
                attn_bias=None if attn_bias is None else attn_bias.float(),
                is_causal=is_causal,
                dropout_p=dropout_p,
                scale=scale,
            )
        return out.to(narrow), weights.to(narrow)
    k, v = repeat_kv(q, k), repeat_kv(q, v)
    mask = combine_masks(attn_mask, _causal(q, k) if is_causal else None)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = q @ k.transpose(-1, -2) * scale  # (..., i, d) (..., d, j) -> (..., i, j)
    if attn_bias is not None:
        scores = scores + attn_bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    if mask is not None or attn_bias is not None:
        empty = torch.isneginf(scores).all(-1, keepdim=True)  # rows with nothing to attend to
        weights = scores.masked_fill(empty, 0.0).softmax(-1).masked_fill(empty, 0.0)
    else:
        weights = scores.softmax(-1)
    used = F.dropout(weights, dropout_p) if dropout_p else weights
    return used @ v, weights  # (..., i, j) (..., j, e) -> (..., i, e)


def fused_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    attn_mask: Tensor | None = None,
    attn_bias: Tensor | None = None,
    is_causal: bool = False,
    dropout_p: float = 0.0,
    scale: float | None = None,
) -> Tensor:
    """`attention` without its weights, through `F.scaled_dot_product_attention`: they are never stored.

    On a CPU, and without a mask, a query that holds NaN gets zeros, not NaN: torch's kernel has it so, and looking for
    NaN costs a layer some 3 % of its time. The gradients are NaN then, which `mha.train.fit` looks for.

    Args:
        As for `attention`.
    Returns:
        out (..., h, i, e).
    Raises:
        As `attention` does.
    """
    if not was_checked():
        check_attention(q, k, v, attn_mask, attn_bias, is_causal=is_causal, dropout_p=dropout_p, scale=scale)
    n_queries, n_keys = q.shape[-2], k.shape[-2]
    if is_causal and n_queries == 1:
        is_causal = False  # the one query is level with the last key: nothing lies ahead of it
    if is_causal and (n_queries != n_keys or attn_mask is not None or attn_bias is not None):
        attn_mask, is_causal = combine_masks(attn_mask, _causal(q, k)), False
    if attn_bias is not None:
        attn_mask = attn_bias if attn_mask is None else attn_bias.masked_fill(~attn_mask, -torch.inf)
    return F.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=attn_mask,
        is_causal=is_causal,
        dropout_p=dropout_p,
        scale=scale,
        enable_gqa=_n_heads(q) != _n_heads(k),
    )


def _n_heads(x: Tensor) -> int:
    return x.shape[-3] if x.dim() > 2 else 1


def _causal(q: Tensor, k: Tensor) -> Tensor:
    return causal_mask(q.shape[-2], k.shape[-2], device=q.device)


def repeat_kv(q: Tensor, x: Tensor) -> Tensor:
    """(..., g, j, d) -> (..., h, j, d), each head repeated h / g times in a row."""
    repeats = _n_heads(q) // _n_heads(x)
    return x if repeats == 1 else x.repeat_interleave(repeats, dim=-3)


def as_mask_of_keys(key_mask: Tensor) -> Tensor:
    """(..., j) -> (..., 1, j), the same for every query; TypeError if it is no tensor."""
    check_tensor("key_mask", key_mask)
    return key_mask[..., None, :]


def check_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    attn_bias: Tensor | None = None,
    *,
    is_causal: bool = False,
    dropout_p: float = 0.0,
    scale: float | None = None,
    mask_name: str = "attn_mask",
) -> None:
    """Refuse what `attention` would refuse, with the errors that it raises: for other ways to the same output.

    Args:
        As for `attention`.  mask_name: what the caller calls the mask.
    """
    for name, x in (("q", q), ("k", k), ("v", v)):
        check_tensor(name, x)
        if x.dim() < 2 or 0 in x.shape:
            raise ValueError(f"{name} must have two axes or more and none empty, got shape {tuple(x.shape)}")
        if x.device != q.device or not same_precision(x, q.dtype):
            raise ValueError(f"{name} must be {q.dtype} on {q.device} as q is, got {x.dtype} on {x.device}")
    if not q.dtype.is_floating_point:
        raise TypeError(f"q, k and v must be float, got {q.dtype}")
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"q and k must agree in their last axis, got {q.shape[-1]} and {k.shape[-1]}")
    if k.shape[:-1] != v.shape[:-1]:
        raise ValueError(f"k and v must agree in every axis but the last, got {tuple(k.shape)} and {tuple(v.shape)}")
    if q.dim() != k.dim() or q.shape[:-3] != k.shape[:-3] or _n_heads(q) % _n_heads(k):
        raise ValueError(
            f"q and k must agree in their leading axes, or k's heads divide q's, "
            f"got {tuple(q.shape)} and {tuple(k.shape)}"
        )
    _check_options(q, k, is_causal, dropout_p, scale)
    if attn_mask is not None:
        check_mask(mask_name, attn_mask, q, k)
    if attn_bias is not None:
        check_mask("attn_bias", attn_bias, q, k, is_bias=True)


def _check_options(q: Tensor, k: Tensor, is_causal: bool, dropout_p: float, scale: float | None) -> None:
    if is_causal is not False:
        if is_causal is not True:
            raise TypeError(f"is_causal must be True or False, got {type(is_causal).__name__}")
        if q.shape[-2] > k.shape[-2]:
            raise ValueError(
                f"with is_causal q must have no more positions than k, got {q.shape[-2]} and {k.shape[-2]}"
            )
    if dropout_p:
        check_number("dropout_p", dropout_p, at_least=0, below=1)
    if scale is not None:
        check_number("scale", scale)


def check_mask(name: str, mask: Tensor, q: Tensor, k: Tensor, *, is_bias: bool = False) -> None:
    """Refuse what `attention` would refuse as attn_mask of these q and k, or as attn_bias if is_bias."""
    check_tensor(name, mask)
    if not (same_precision(mask, q.dtype) if is_bias else mask.dtype == torch.bool):
        wanted = f"{q.dtype} as q is" if is_bias else "bool (True = may attend)"
        raise TypeError(f"{name} must be {wanted}, got {mask.dtype}")
    if mask.device != q.device:
        raise ValueError(f"{name} must be on {q.device} as q is, got {mask.device}")
    shape = (*q.shape[:-1], k.shape[-2])
    if mask.dim() > len(shape) or any(m not in (1, s) for m, s in zip(mask.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"{name} must broadcast to {shape}, got {tuple(mask.shape)}")
