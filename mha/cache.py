"""The keys and values of the tokens so far, kept so that the next token does not compute them again."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["KVCache", "LayerCaches"]


class KVCache:
    """Room for the keys and values of one attention layer, allocated once; for inference.

    Args:
        batch: b.  n_kv_heads: g.  max_len: tokens there is room for.  head_dim: d.
        dtype, device: of what will be appended.
    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        batch: int,
        n_kv_heads: int,
        max_len: int,
        head_dim: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        sizes = {"batch": batch, "n_kv_heads": n_kv_heads, "max_len": max_len, "head_dim": head_dim}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} ({size}) must be positive")
        self.max_len = max_len
        self._length = 0
        with torch.inference_mode(False):  # or a cache made during inference could not be written outside it
            self._both = torch.zeros(2, batch, n_kv_heads, max_len, head_dim, dtype=dtype, device=device)
        self._keys, self._values = self._both

    @property
    def length(self) -> int:
        """Tokens in the cache, which is the position of the next one."""
        return self._length

    @property
    def keys(self) -> Tensor:
        """(b, g, length, d), a view: later writes show in it."""
        return self._keys[:, :, : self._length]

    @property
    def values(self) -> Tensor:
        """(b, g, length, d), a view: later writes show in it."""
        return self._values[:, :, : self._length]

    @property
    def cache_bytes(self) -> int:
        """Bytes allocated, whether filled or not."""
        return self._both.nbytes

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write the next tokens behind those there are.

        Args:
            k, v: (b, g, i, d), keys and values of i ≥ 1 tokens.
        Returns:
            keys and values of all tokens so far, (b, g, length, d), views.
        Raises:
            ValueError: wrong shape, dtype or device; more tokens than there is room for; a tensor that requires grad
                while grad is enabled. Nothing is written then.
        """
        self._check(k, v)
        stop = self._length + k.shape[-2]
        self._keys[:, :, self._length : stop] = k
        self._values[:, :, self._length : stop] = v
        self._length = stop
        return self.keys, self.values

    def truncate(self, length: int) -> None:
        """Keep the first tokens only; the next append writes over the rest.

        Raises:
            ValueError: length is negative or beyond the tokens there are.
        """
        if not 0 <= length <= self._length:
            raise ValueError(f"length ({length}) must be between 0 and the tokens in the cache ({self._length})")
        self._length = length

    def reset(self) -> None:
        """Forget every token."""
        self._length = 0

    def reorder(self, index: Tensor) -> None:
        """Let sequence n go on from what was sequence index[n], as a beam search does.

        Args:
            index: (b,), integers in 0 … b - 1; may repeat.
        Raises:
            TypeError: index is not an integer tensor.
            ValueError: wrong shape or device, or an entry is no sequence of the batch.
        """
        batch, device = self._both.shape[1], self._both.device
        if index.dtype not in (torch.int64, torch.int32):
            raise TypeError(f"index must be int64 or int32, got {index.dtype}")
        if index.shape != (batch,) or index.device != device:
            raise ValueError(f"index must be ({batch},) on {device}, got {tuple(index.shape)} on {index.device}")
        if int(index.min()) < 0 or int(index.max()) >= batch:
            raise ValueError(f"index must lie between 0 and {batch - 1}, got {index.tolist()}")
        filled = self._both[:, :, :, : self._length]
        filled.copy_(filled.index_select(1, index))

    def _check(self, k: Tensor, v: Tensor) -> None:
        _, batch, n_kv_heads, max_len, head_dim = self._both.shape
        dtype, device = self._both.dtype, self._both.device
        for name, x in (("k", k), ("v", v)):
            if x.dim() != 4 or (*x.shape[:2], x.shape[3]) != (batch, n_kv_heads, head_dim) or x.shape[2] == 0:
                raise ValueError(f"{name} must be ({batch}, {n_kv_heads}, i ≥ 1, {head_dim}), got {tuple(x.shape)}")
            if x.dtype != dtype or x.device != device:
                raise ValueError(f"{name} must be {dtype} on {device} as the cache is, got {x.dtype} on {x.device}")
            if x.requires_grad and torch.is_grad_enabled():
                raise ValueError(f"{name} requires grad, but a cache is for inference: call under torch.no_grad()")
        if k.shape != v.shape:
            raise ValueError(f"k and v must hold the same tokens, got {tuple(k.shape)} and {tuple(v.shape)}")
        if k.shape[2] > max_len - self._length:
            room = max_len - self._length
            raise ValueError(
                f"k and v hold {k.shape[2]} tokens, got room for {room} of max_len ({max_len}) in the cache"
            )


class LayerCaches(tuple[KVCache, ...]):
    """The caches of a stack of layers, one each."""

    @property
    def length(self) -> int:
        """Tokens in the caches, which is the position of the next one."""
        return self[0].length

    @property
    def cache_bytes(self) -> int:
        """Bytes allocated by all layers."""
        return sum(cache.cache_bytes for cache in self)

    def reorder(self, index: Tensor) -> None:
        """`KVCache.reorder` in every layer."""
        for cache in self:
            cache.reorder(index)
