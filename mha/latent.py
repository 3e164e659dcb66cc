"""Multi-head latent attention: of a token one short vector is kept, which all heads' keys and values are made from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mha.cache import KVCache, LatentCache, check_cache
from mha.heads import MultiHeadAttention, normed, split_heads
from mha.positions import Rotary
from mha.row_linear import linear_layer
from mha.validation import check_integer, was_checked

__all__ = ["LatentAttention"]


class LatentAttention(MultiHeadAttention):
    """Self-attention whose keys and values are read off a latent, up(norm(x W_C)), which alone is cached.

    A rotated key cannot be made from a latent that does not know its position. So the position has channels of its own,
    r for each head's query and r for one key that all heads share; it is cached beside the latent.

    Args:
        d_model: m.  n_heads: h.  head_dim: d, of a key without its position and of a value; m / h if None.
        latent_dim: c. A token takes c + r numbers of a cache, in `MultiHeadAttention` 2·h·d.
        rotary: turns the position's channels; its head_dim is r. None: there are none.
        bias: whether the projections of x and of the heads' outputs add one.
        dropout: as for `MultiHeadAttention`.
        norm: makes the norm of the latent.
    Raises:
        ValueError: a size is not positive; as `MultiHeadAttention` does.
    Source: Liu et al. 2024 (DeepSeek-V2), section 2.1; queries are projected straight from x, as in its Lite model.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        *,
        latent_dim: int,
        head_dim: int | None = None,
        rotary: Rotary | None = None,
        bias: bool = False,
        dropout: float = 0.0,
        norm: Callable[[int], nn.Module] = nn.RMSNorm,
    ) -> None:
        self.latent_dim = check_integer("latent_dim", latent_dim, at_least=1)  # before qkv is made to its measure
        super().__init__(d_model, n_heads, head_dim=head_dim, bias=bias, dropout=dropout, rotary=rotary)
        self.scale = (self.head_dim + self.rotary_dim) ** -0.5
        self.latent_norm = norm(latent_dim)
        self.up = nn.Linear(latent_dim, 2 * n_heads * self.head_dim, bias=False)  # rows: a head's keys, its values …
        self._draw_up()

    @property
    def rotary_dim(self) -> int:
        """r, channels that carry the position."""
        return 0 if self.rotary is None else self.rotary.head_dim  # type: ignore[return-value]

    def reset_parameters(self) -> None:
        """As `MultiHeadAttention` does, W_K and W_V like the others; the norm draws its own."""
        super().reset_parameters()
        self.latent_norm.reset_parameters()  # type: ignore[operator]
        self._draw_up()

    def _draw_up(self) -> None:
        bound = math.sqrt(6 / (self.latent_dim + self.n_heads * self.head_dim))  # of W_K and of W_V by itself
        nn.init.uniform_(self.up.weight, -bound, bound)

    @property
    def _widths(self) -> list[int]:
        return [self.n_heads * (self.head_dim + self.rotary_dim), self.latent_dim, self.rotary_dim]

    def new_cache(self, batch: int, max_len: int) -> KVCache:
        """An empty cache for this layer, of latents; device and dtype as `MultiHeadAttention.new_cache`."""
        dtype, device = self.cache_precision()
        return LatentCache(batch, max_len, self.latent_dim, self.rotary_dim, dtype=dtype, device=device)

    def check_inputs(self, x: Tensor, context: Tensor | None) -> None:
        """As `MultiHeadAttention` does; a context is refused."""
        if context is not None:
            raise ValueError("context must be None: latent attention is self-attention")
        super().check_inputs(x, None)

    def project(self, x: Tensor, context: Tensor | None, cache: KVCache | None) -> tuple[Tensor, Tensor, Tensor]:
        """q (b, h, i, d + r); a latent and its position's key (b, 1, j, c + r); the latent alone (b, 1, j, c)."""
        if cache is not None and not was_checked():
            check_cache(cache, x, None)
        offset = 0 if cache is None else cache.length
        projected, latent, position = linear_layer(self.qkv, x).split(self._widths, dim=-1)
        q = split_heads(projected, self.n_heads)  # (b, i, h·(d + r)) -> (b, h, i, d + r)
        latent, position = normed(self.latent_norm, latent)[:, None], position[:, None]  # (b, i, c) -> (b, 1, i, c)
        if self.rotary is not None:
            content, turned = q.split([self.head_dim, self.rotary_dim], dim=-1)
            q = torch.cat([content, self.rotary(turned, offset=offset)], dim=-1)
            position = self.rotary(position, offset=offset)
        k = torch.cat([latent, position], dim=-1)
        return (q, k, latent) if cache is None else (q, *cache.append(k, latent))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        """Attention of q to what `project` gives, in whichever of two equal ways multiplies less: (b, h, i, d)."""
        many = q.shape[-2] == k.shape[-2]  # as many queries as tokens: each key is used that often
        return self._expanded(q, k, v, **options) if many else self._absorbed(q, k, v, **options)

    def _expanded(self, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        """Every head's keys and values, made from the latents."""
        both = split_heads(linear_layer(self.up, v[:, 0]), self.n_heads)  # (b, 1, j, c) -> (b, h, j, 2d)
        contents, values = both.chunk(2, dim=-1)
        positions = k[..., self.latent_dim :].expand(-1, self.n_heads, -1, -1)  # one for all heads
        return super().attend(q, torch.cat([contents, positions], dim=-1), values, **options)

    def _absorbed(self, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        """(W_K c)·q = c·(W_Kᵀ q): queries go to the latents, which are keys and values of all heads at once."""
        to_keys, to_values = self._key_and_value_maps()
        content, position = q.split([self.head_dim, self.rotary_dim], dim=-1)
        q = torch.cat([content @ to_keys, position], dim=-1)  # (b, h, i, d) (h, d, c) -> (b, h, i, c)
        return super().attend(q, k, v, **options) @ to_values.mT  # (b, h, i, c) (h, c, d) -> (b, h, i, d)

    def _key_and_value_maps(self) -> tuple[Tensor, Tensor]:
        """W_K and W_V of each head, (h, d, c) each, views."""
        to_keys, to_values = self.up.weight.unflatten(0, (self.n_heads, 2, self.head_dim)).unbind(1)
        return to_keys, to_values

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, latent_dim={self.latent_dim}, rotary_dim={self.rotary_dim}"
