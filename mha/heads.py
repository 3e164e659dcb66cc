"""Multi-head attention: split the width into heads, attend in each, merge, mix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from mha.attention import check_mask, fused_attention
from mha.cache import KVCache, RollingCache, check_cache
from mha.detours import way_of
from mha.masks import check_key_mask, combine_masks
from mha.patterns import Pattern
from mha.precision import layer_precision, product_dtype
from mha.row_linear import linear_layer, linear_part
from mha.validation import check_integer, check_number, check_stream, check_tensor, was_checked

__all__ = ["MultiHeadAttention", "merge_heads", "normed", "split_heads"]


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Give each head its own slice of the width.

    Args:
        x: (..., i, h·d).  n_heads: h.
    Returns:
        (..., h, i, d), a view: nothing is copied.
    Raises:
        TypeError: n_heads is no integer.
        ValueError: the width is not divisible by n_heads.
    """
    check_tensor("x", x)
    check_integer("n_heads", n_heads, at_least=1)
    if x.shape[-1] % n_heads:
        raise ValueError(f"the width of x ({x.shape[-1]}) must be divisible by n_heads ({n_heads})")
    heads = x.view(*x.shape[:-1], n_heads, x.shape[-1] // n_heads)  # (..., i, h·d) -> (..., i, h, d)
    return heads.transpose(-3, -2)  # -> (..., h, i, d)


def merge_heads(x: Tensor) -> Tensor:
    """Lay the heads side by side again; undoes `split_heads`.

    Args:
        x: (..., h, i, d).
    Returns:
        (..., i, h·d).
    Raises:
        ValueError: x has fewer than three axes.
    """
    check_tensor("x", x)
    if x.dim() < 3:
        raise ValueError(f"x must have shape (..., h, i, d), got {tuple(x.shape)}")
    return x.transpose(-3, -2).flatten(-2)  # (..., h, i, d) -> (..., i, h, d) -> (..., i, h·d)


def normed(norm: nn.Module, x: Tensor) -> Tensor:
    """norm(x) in x's dtype, computed in the norm's: under autocast a projection is narrower than the norm's gain."""
    dtype, _ = layer_precision(norm) or (x.dtype, x.device)
    out: Tensor = norm(x.to(dtype))
    return out.to(x.dtype)


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
        qk_norm: makes the norms of queries and of keys, over the d channels of a head and before they are rotated: a
            class such as `nn.RMSNorm`, or a partial of one.
        patterns: which keys a query meets, and how, such as `patterns.SlidingWindow`; the first sees the keys as they
            are, the next what it hands on.
    Raises:
        ValueError: n_heads does not divide d_model (with head_dim None), n_kv_heads does not divide n_heads, a size
            is not positive, or dropout leaves [0, 1).
    Source: Vaswani et al. 2017, section 3.2.2; grouped queries: Ainslie et al. 2023; normed queries and keys: Henry et
    al. 2020, with `nn.RMSNorm` as in Qwen3.
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
        qk_norm: Callable[[int], nn.Module] | None = None,
        patterns: Sequence[Pattern] = (),
    ) -> None:
        super().__init__()
        d_model, n_heads = (check_integer(*size, at_least=1) for size in (("d_model", d_model), ("n_heads", n_heads)))
        n_kv_heads = n_heads if n_kv_heads is None else check_integer("n_kv_heads", n_kv_heads, at_least=1)
        if head_dim is not None:
            check_integer("head_dim", head_dim, at_least=1)
        elif d_model % n_heads:
            raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
        if n_heads % n_kv_heads:
            raise ValueError(f"n_heads ({n_heads}) must be divisible by n_kv_heads ({n_kv_heads})")
        check_number("dropout", dropout, at_least=0, below=1)
        if scale is not None:
            check_number("scale", scale)
        self.d_model, self.n_heads, self.n_kv_heads = d_model, n_heads, n_kv_heads
        self.head_dim = d_model // n_heads if head_dim is None else head_dim
        self.dropout, self.scale = dropout, scale
        self.rotary, self.gate = rotary, gate
        self.q_norm, self.k_norm = (None if qk_norm is None else qk_norm(self.head_dim) for _ in range(2))
        self.patterns = nn.ModuleList(patterns) if patterns else None
        self.qkv = nn.Linear(d_model, sum(self._widths), bias=bias)  # rows: q, then k, then v
        self.out = nn.Linear(n_heads * self.head_dim, d_model, bias=bias)
        self._draw()

    def reset_parameters(self) -> None:
        """Xavier-uniform for each of the four matrices by itself, zero biases; what was handed in draws its own."""
        self._draw()
        for part in (self.rotary, self.gate, self.q_norm, self.k_norm, *(self.patterns or ())):
            draw = getattr(part, "reset_parameters", None)
            if draw is not None:
                draw()

    def _draw(self) -> None:
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
            key_mask: bool (b, j); True = a real token, False = padding that no query may attend to. With a rolling
                cache over all tokens so far, forgotten ones included.
            attn_mask: bool, broadcasts to (b, h, i, j); True = may attend. Both masks must allow.
            attn_bias: float, broadcasts to (b, h, i, j); added to the scores.
            is_causal: a query attends up to its own position only.
            cache: keys and values of earlier calls. Self-attention appends to it; with context it is filled by the
                first call and read by those that follow.
        Returns:
            out (b, i, m). A query that may attend to nothing gets zeros from attention, so the output bias alone.
        Raises:
            ValueError: a shape, dtype or device that does not fit, an empty sequence, or a cache without room.
            TypeError: a mask that is not bool, a bias that is not float, or a cache that is no `KVCache`.
        """
        self.check_inputs(x, context)
        q, k, v = self.project(x, context, cache)
        if key_mask is not None:
            n_tokens = k.shape[2] if cache is None else cache.length
            check_key_mask(key_mask, k.shape[0], n_tokens)
            key_mask = key_mask[:, n_tokens - k.shape[2] :]  # a rolling cache has forgotten the first
            if attn_mask is not None:
                check_mask("attn_mask", attn_mask, q, k)
            attn_mask = combine_masks(attn_mask, key_mask[:, None, None, :])  # (b, j) -> (b, 1, 1, j)
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
        return linear_layer(self.out, merge_heads(heads))  # (b, h, i, d) -> (b, i, h·d) -> (b, i, m)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        """`fused_attention`, or the way that `recording` has asked for in this thread, within the layer's patterns."""
        way = way_of(self) or fused_attention
        for pattern in reversed(self.patterns or ()):
            way = partial(pattern, way)
        return way(q, k, v, **options)

    def new_cache(self, batch: int, max_len: int) -> KVCache:
        """An empty cache for this layer, on its device and of the dtype of its keys: its own, or that of autocast.

        Where a sliding window is shorter than max_len it is a `RollingCache`, which has no limit.
        """
        dtype, device = self.cache_precision()
        windows = [w for pattern in self.patterns or () if (w := cast(Pattern, pattern).window) is not None]
        if windows and min(windows) <= max_len:
            return RollingCache(batch, self.n_kv_heads, min(windows), self.head_dim, dtype=dtype, device=device)
        return KVCache(batch, self.n_kv_heads, max_len, self.head_dim, dtype=dtype, device=device)

    def cache_precision(self) -> tuple[torch.dtype, torch.device]:
        """Of what the layer appends to a cache."""
        dtype, device = layer_precision(self.qkv) or (torch.get_default_dtype(), torch.get_default_device())
        return product_dtype(dtype, device), device

    def check_inputs(self, x: Tensor, context: Tensor | None) -> None:
        """Refuse an x (b, i, m) or a context (b, j, m) that does not fit the layer, as `forward` does."""
        if was_checked():
            return
        check_stream("x", x, self.d_model, self.qkv, batched=True)
        if context is not None:
            check_stream("context", context, self.d_model, self.qkv, batched=True)
            if context.shape[0] != x.shape[0]:
                raise ValueError(f"x and context must agree in batch, got {x.shape[0]} and {context.shape[0]}")

    def project(self, x: Tensor, context: Tensor | None, cache: KVCache | None) -> tuple[Tensor, Tensor, Tensor]:
        """q (b, h, i, d), k and v (b, g, j, d), placed, with what the cache holds; arguments as for `forward`."""
        if cache is not None and not was_checked():
            check_cache(cache, x, context)
        offset = cache.length if cache is not None and context is None else 0
        if context is None:
            q, k, v = self._split(linear_layer(self.qkv, x), self._widths)
        else:
            n_q = self._widths[0]
            (q,) = self._split(linear_part(self.qkv, x, 0, n_q), [n_q])
            if cache is not None and cache.length:
                return self._place(q, self.q_norm, 0), cache.keys, cache.values
            k, v = self._split(linear_part(self.qkv, context, n_q), self._widths[1:])
        q, k = self._place(q, self.q_norm, offset), self._place(k, self.k_norm, offset)
        if cache is not None:
            k, v = cache.append(k, v)
        return q, k, v

    def extra_repr(self) -> str:
        return f"d_model={self.d_model}, n_heads={self.n_heads}, n_kv_heads={self.n_kv_heads}, head_dim={self.head_dim}"

    @property
    def _widths(self) -> list[int]:
        return [self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim, self.n_kv_heads * self.head_dim]

    def _split(self, projected: Tensor, widths: list[int]) -> tuple[Tensor, ...]:
        heads = [width // self.head_dim for width in widths]
        return split_heads(projected, sum(heads)).split_with_sizes(heads, dim=-3)  # (b, i, n·d) -> (b, n, i, d), cut

    def _place(self, x: Tensor, norm: nn.Module | None, offset: int) -> Tensor:
        """Queries or keys as they are compared: normed, then turned by their positions."""
        if norm is not None:
            x = normed(norm, x)
        return x if self.rotary is None else self.rotary(x, offset=offset)
