"""Multi-head attention: split the width into heads, attend in each, merge, mix."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.attention import fused_attention
from mha.cache import KVCache
from mha.masks import combine_masks
from mha.row_linear import Linear

__all__ = ["MultiHeadAttention", "merge_heads", "split_heads"]


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Give each head its own slice of the width.

    Args:
        x: (..., i, h·d).  n_heads: h.
    Returns:
        (..., h, i, d), a view: nothing is copied.
    Raises:
        ValueError: the width is not divisible by n_heads.
    """
    if n_heads < 1 or x.shape[-1] % n_heads:
        raise ValueError(f"the width of x ({x.shape[-1]}) must be divisible by n_heads ({n_heads})")
    return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)  # (..., i, h·d) -> (..., i, h, d) -> (..., h, i, d)


def merge_heads(x: Tensor) -> Tensor:
    """Lay the heads side by side again; undoes `split_heads`.

    Args:
        x: (..., h, i, d).
    Returns:
        (..., i, h·d).
    Raises:
        ValueError: x has fewer than three axes.
    """
    if x.dim() < 3:
        raise ValueError(f"x must have shape (..., h, i, d), got {tuple(x.shape)}")
    return x.transpose(-3, -2).flatten(-2)  # (..., h, i, d) -> (..., i, h, d) -> (..., i, h·d)


class MultiHeadAttention(nn.Module):
    """Concat(head_1 … head_h) W_O, where head_n = attention(x W_Q, c W_K, c W_V) in its own slice of the width.

    c is `context`, or x itself when there is none (self-attention): then one matrix product makes q, k and v.

    Args:
        d_model: m, width of what comes in and goes out.  n_heads: h.
        n_kv_heads: g, heads of keys and values; g < h is grouped-query, g = 1 multi-query attention; h if None.
        head_dim: d; m / h if None.
        bias: whether the projections add one.
        dropout: probability of dropping a weight, in training.
        rotary: module called as rotary(q, offset=…) on queries and on keys, such as `positions.Rotary`.
        gate: module that maps the heads' outputs (b, h, i, d) to the same shape, to weigh or switch off heads.
        scale: what q kᵀ is multiplied by; 1 / √d if None. T5 takes 1.
    Raises:
        ValueError: n_heads does not divide d_model (with head_dim None), n_kv_heads does not divide n_heads, a size
            is not positive, or dropout leaves [0, 1).
    Source: Vaswani et al. 2017, section 3.2.2; grouped queries: Ainslie et al. 2023.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        *,
        n_kv_heads: int | None = None,
        head_dim: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        rotary: nn.Module | None = None,
        gate: nn.Module | None = None,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        if min(d_model, n_heads, n_kv_heads, 1 if head_dim is None else head_dim) < 1:
            raise ValueError(
                f"sizes must be positive, got d_model ({d_model}), n_heads ({n_heads}), n_kv_heads ({n_kv_heads}), "
                f"head_dim ({head_dim})"
            )
        if head_dim is None and d_model % n_heads:
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        if n_heads % n_kv_heads:
            raise ValueError(f"n_heads ({n_heads}) must be divisible by n_kv_heads ({n_kv_heads})")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.d_model, self.n_heads, self.n_kv_heads = d_model, n_heads, n_kv_heads
        self.head_dim = d_model // n_heads if head_dim is None else head_dim
        self.dropout, self.scale = dropout, scale
        self.rotary, self.gate = rotary, gate
        self.qkv = Linear(d_model, (n_heads + 2 * n_kv_heads) * self.head_dim, bias=bias)  # rows: q, then k, then v
        self.out = Linear(n_heads * self.head_dim, d_model, bias=bias)
        self.attend: Callable[..., Tensor] = fused_attention  # `recording` puts the explicit path here for a while
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform for each of the four matrices by itself, zero for the biases."""
        for weight in (*self.qkv.weight.split(self._widths), self.out.weight):
            nn.init.xavier_uniform_(weight)
        for linear in (self.qkv, self.out):
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        key_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        attn_bias: Tensor | None = None,
        is_causal: bool = False,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Let each position of x gather from context, or from x itself.

        Args:
            x: (b, i, m).  context: (b, j, m); j = i, or what the cache holds and i more, without it.
            key_mask: bool (b, j); True = a real token, False = padding that no query may attend to.
            attn_mask: bool, broadcasts to (b, h, i, j); True = may attend. Both masks must allow.
            attn_bias: float, broadcasts to (b, h, i, j); added to the scores.
            is_causal: a query attends up to its own position only.
            cache: keys and values of earlier calls. Self-attention appends to it; with context it is filled by the
                first call and read by those that follow.
        Returns:
            out (b, i, m). A query that may attend to nothing gets zeros from attention, so the output bias alone.
        Raises:
            ValueError: a shape, dtype or device that does not fit, an empty sequence, or a cache without room.
            TypeError: a mask that is not bool, or a bias that is not float.
        """
        self.check_inputs(x, context)
        q, k, v = self.project(x, context, cache)
        if key_mask is not None:
            attn_mask = combine_masks(attn_mask, self._check_key_mask(key_mask, k)[:, None, None, :])  # (b, 1, 1, j)
        heads = self.attend(
            q,
            k,
            v,
            attn_mask=attn_mask,
            attn_bias=attn_bias,
            is_causal=is_causal,
            dropout_p=self.dropout if self.training else 0.0,
            scale=self.scale,
        )
        if self.gate is not None:
            heads = self.gate(heads)
        return self.out(merge_heads(heads))  # (b, h, i, d) -> (b, i, h·d) -> (b, i, m)

    def new_cache(self, batch: int, max_len: int) -> KVCache:
        """An empty cache for this layer, of its dtype and on its device."""
        weight = self.qkv.weight
        return KVCache(batch, self.n_kv_heads, max_len, self.head_dim, dtype=weight.dtype, device=weight.device)

    def check_inputs(self, x: Tensor, context: Tensor | None) -> None:
        """Refuse an x (b, i, m) or a context (b, j, m) that does not fit the layer: ValueError, as `forward` raises."""
        weight = self.qkv.weight
        for name, value in (("x", x), ("context", context)):
            if value is None:
                continue
            if value.dim() != 3 or value.shape[-1] != self.d_model or 0 in value.shape:
                raise ValueError(f"{name} must have shape (b, i, {self.d_model}), none empty, got {tuple(value.shape)}")
            if value.dtype != weight.dtype and not torch.is_autocast_enabled(value.device.type):
                raise ValueError(f"{name} must be {weight.dtype} as the layer is, got {value.dtype}")
            if value.device != weight.device:
                raise ValueError(f"{name} must be on {weight.device} as the layer is, got {value.device}")
        if context is not None and context.shape[0] != x.shape[0]:
            raise ValueError(f"x and context must agree in batch, got {x.shape[0]} and {context.shape[0]}")

    def project(self, x: Tensor, context: Tensor | None, cache: KVCache | None) -> tuple[Tensor, Tensor, Tensor]:
        """q (b, h, i, d), k and v (b, g, j, d) of `forward`'s arguments, rotated, with what the cache holds."""
        offset = cache.length if cache is not None and context is None else 0
        if context is None:
            q, k, v = self._split(self.qkv(x), self._widths)
        else:
            n_q, n_kv = self._widths[0], sum(self._widths[1:])
            w_q, w_kv = self.qkv.weight.split([n_q, n_kv])
            b_q, b_kv = (None, None) if self.qkv.bias is None else self.qkv.bias.split([n_q, n_kv])
            (q,) = self._split(F.linear(x, w_q, b_q), [n_q])
            if cache is not None and cache.length:
                if cache.length != context.shape[1]:
                    raise ValueError(f"cache holds {cache.length} keys, context has {context.shape[1]}: not the same")
                return self._rotate(q, 0), cache.keys, cache.values
            k, v = self._split(F.linear(context, w_kv, b_kv), self._widths[1:])
        q, k = self._rotate(q, offset), self._rotate(k, offset)
        if cache is not None:
            k, v = cache.append(k, v)
        return q, k, v

    def extra_repr(self) -> str:
        return f"d_model={self.d_model}, n_heads={self.n_heads}, n_kv_heads={self.n_kv_heads}, head_dim={self.head_dim}"

    @property
    def _widths(self) -> list[int]:
        return [self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim, self.n_kv_heads * self.head_dim]

    def _split(self, projected: Tensor, widths: list[int]) -> list[Tensor]:
        return [split_heads(part, part.shape[-1] // self.head_dim) for part in projected.split(widths, dim=-1)]

    def _rotate(self, x: Tensor, offset: int) -> Tensor:
        return x if self.rotary is None else self.rotary(x, offset=offset)

    @staticmethod
    def _check_key_mask(key_mask: Tensor, k: Tensor) -> Tensor:
        if key_mask.dtype != torch.bool:
            raise TypeError(f"key_mask must be bool (True = a real token), got {key_mask.dtype}")
        if key_mask.shape != (k.shape[0], k.shape[2]):
            raise ValueError(f"key_mask must have shape {(k.shape[0], k.shape[2])}, got {tuple(key_mask.shape)}")
        return key_mask
