"""The keys and values of the tokens so far, kept so that the next token does not compute them again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from mha.precision import same_precision
from mha.validation import check_integer, check_tensor, readable, was_checked

__all__ = ["KVCache", "LatentCache", "LayerCaches", "RollingCache", "check_cache"]


class KVCache:
    """Room for the keys and values of one attention layer, allocated once; for inference.

    Args:
        batch: b.  n_kv_heads: g.  max_len: tokens there is room for.  head_dim: d.
        dtype, device: of what will be appended; under autocast, which decides the dtype of keys and values itself, of
            what is kept.
    Raises:
        TypeError: a size is no integer, or dtype is not float.
        ValueError: a size is not positive.
    """

    _stored = 2  # tensors: the keys and the values

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
        batch, n_kv_heads, max_len, head_dim = (check_integer(*size, at_least=1) for size in sizes.items())
        if not dtype.is_floating_point:
            raise TypeError(f"dtype must be a float one, got {dtype}")
        self.max_len = max_len
        self._length = 0
        with torch.inference_mode(False):  # or a cache made during inference could not be written outside it
            self._both = torch.zeros(self._stored, batch, n_kv_heads, max_len, head_dim, dtype=dtype, device=device)
        self._keys, self._values = self._parts()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_keys", "_values")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._both.is_inference():  # copied during inference: it could not be written outside it either
            with torch.inference_mode(False):
                self._both = self._both.clone()
        self._keys, self._values = self._parts()  # in a copy these would be tensors of their own

    def _parts(self) -> tuple[Tensor, Tensor]:
        """Keys and values, views of what is stored."""
        return self._both[0], self._both[1]

    @property
    def _n_kept(self) -> int:
        """Tokens whose keys are there."""
        return self._length

    @property
    def batch(self) -> int:
        """Sequences there is room for."""
        return self._both.shape[1]

    @property
    def length(self) -> int:
        """Tokens in the cache, which is the position of the next one."""
        return self._length

    @property
    def keys(self) -> Tensor:
        """(b, g, length, d), a view: later writes show in it."""
        return self._keys.narrow(2, 0, self._n_kept)

    @property
    def values(self) -> Tensor:
        """(b, g, length, d), a view: later writes show in it."""
        return self._values.narrow(2, 0, self._n_kept)

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
        if not was_checked():
            self._check(k, v)
            self._check_room(k)
        n_tokens = k.shape[-2]
        self._keys.narrow(2, self._length, n_tokens).copy_(k)
        self._values.narrow(2, self._length, n_tokens).copy_(v)
        self._length += n_tokens
        return self.keys, self.values

    def truncate(self, length: int) -> None:
        """Keep the first tokens only; the next append writes over the rest.

        Raises:
            TypeError: length is no integer.
            ValueError: length is negative or beyond the tokens there are.
        """
        self._length = self._check_truncation(length)

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
        batch, device = self.batch, self._both.device
        check_tensor("index", index)
        if index.dtype not in (torch.int64, torch.int32):
            raise TypeError(f"index must be int64 or int32, got {index.dtype}")
        if index.shape != (batch,) or index.device != device:
            raise ValueError(f"index must be ({batch},) on {device}, got {tuple(index.shape)} on {index.device}")
        values = readable(index)
        if values is not None and (int(values.min()) < 0 or int(values.max()) >= batch):
            raise ValueError(f"index must lie between 0 and {batch - 1}, got {values.tolist()}")
        filled = self._both[:, :, :, : self._n_kept]
        filled.copy_(filled.index_select(1, index))

    def _check(self, k: Tensor, v: Tensor) -> None:
        dtype, device = self._both.dtype, self._both.device
        for name, x, kept in (("k", k, self._keys), ("v", v, self._values)):
            check_tensor(name, x)
            batch, n_kv_heads, _, head_dim = kept.shape
            if x.dim() != 4 or (*x.shape[:2], x.shape[3]) != (batch, n_kv_heads, head_dim) or x.shape[2] == 0:
                raise ValueError(f"{name} must be ({batch}, {n_kv_heads}, i ≥ 1, {head_dim}), got {tuple(x.shape)}")
            if x.device != device or not same_precision(x, dtype):
                raise ValueError(f"{name} must be {dtype} on {device} as the cache is, got {x.dtype} on {x.device}")
            if x.requires_grad and torch.is_grad_enabled():
                raise ValueError(f"{name} requires grad, but a cache is for inference: call under torch.no_grad()")
        if k.shape[2] != v.shape[2]:
            raise ValueError(f"k and v must hold the same tokens, got {tuple(k.shape)} and {tuple(v.shape)}")

    def _check_room(self, k: Tensor) -> None:
        room = self.max_len - self._length
        if k.shape[2] > room:
            raise ValueError(
                f"k and v hold {k.shape[2]} tokens, got room for {room} of max_len ({self.max_len}) in the cache"
            )

    def _check_truncation(self, length: int) -> int:
        return check_integer("length", length, at_least=0, at_most=self._length)


class LatentCache(KVCache):
    """Room for one vector a token, whose first channels are its value and all of which are its key; one head.

    Args:
        batch: b.  max_len: tokens there is room for.  latent_dim: c, width of a value.
        rotary_dim: r, channels of a key behind those of the value; 0 or more.
        dtype, device: as for `KVCache`.
    Raises:
        TypeError, ValueError: as `KVCache` does.
    Source: Liu et al. 2024 (DeepSeek-V2), section 2.1.
    """

    _stored = 1

    def __init__(
        self,
        batch: int,
        max_len: int,
        latent_dim: int,
        rotary_dim: int = 0,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        self._latent_dim = check_integer("latent_dim", latent_dim, at_least=1)
        width = latent_dim + check_integer("rotary_dim", rotary_dim, at_least=0)
        super().__init__(batch, 1, max_len, width, dtype=dtype, device=device)

    def _parts(self) -> tuple[Tensor, Tensor]:
        return self._both[0], self._both[0][..., : self._latent_dim]


class RollingCache(KVCache):
    """Room for the keys and values of the last window - 1 tokens: what the next one can see in a sliding window.

    `length` counts all tokens, `keys` and `values` are those of the last, and `append` gives these and the new ones.

    Args:
        batch, n_kv_heads, head_dim, dtype, device: as for `KVCache`.
        window: positions that a query sees, its own included; at least 1.
    Raises:
        TypeError, ValueError: as `KVCache` does.
    """

    def __init__(
        self,
        batch: int,
        n_kv_heads: int,
        window: int,
        head_dim: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        self.window = check_integer("window", window, at_least=1)
        super().__init__(batch, n_kv_heads, max(1, window - 1), head_dim, dtype=dtype, device=device)

    @property
    def _n_kept(self) -> int:
        return min(self._length, self.window - 1)

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put the next tokens behind those there are, and keep the last window - 1.

        Args:
            k, v: (b, g, i, d), keys and values of i ≥ 1 tokens.
        Returns:
            keys and values of the tokens kept so far and of the new ones, (b, g, at most window - 1 + i, d).
        Raises:
            ValueError: wrong shape, dtype or device; a tensor that requires grad while grad is enabled.
        """
        if not was_checked():
            self._check(k, v)
        dtype = self._both.dtype
        keys, values = (torch.cat([x, new.to(dtype)], dim=2) for x, new in ((self.keys, k), (self.values, v)))
        self._length += k.shape[2]
        n_kept = self._n_kept
        self.keys.copy_(keys[:, :, keys.shape[2] - n_kept :])
        self.values.copy_(values[:, :, values.shape[2] - n_kept :])
        return keys, values

    def _check_truncation(self, length: int) -> int:
        length = super()._check_truncation(length)
        if 0 < length < self._length and self._length > self.window - 1:
            raise ValueError(
                f"length ({length}) must be 0 or {self._length}: what lies before the last {self.window - 1} tokens "
                "has been forgotten"
            )
        return length


class LayerCaches(tuple[KVCache, ...]):
    """The caches of a stack of layers, one each, which hold the same tokens.

    Args:
        caches: one a layer.
    Raises:
        TypeError: one is no `KVCache`.
        ValueError: there is none, two layers share one, or they differ in batch or length.
    """

    def __new__(cls, caches: Iterable[KVCache]) -> LayerCaches:
        made = super().__new__(cls, caches)
        for cache in made:
            if not isinstance(cache, KVCache):
                raise TypeError(f"caches must be KVCache, got {type(cache).__name__} among them")
        if not made or len({id(cache) for cache in made}) != len(made):
            raise ValueError(f"caches must be one for each layer, got {len(made)}{' with one twice' if made else ''}")
        if len({cache.batch for cache in made}) > 1:
            raise ValueError(f"caches must agree in batch, got {[cache.batch for cache in made]}")
        _common_length(made)
        return made

    @property
    def length(self) -> int:
        """Tokens in the caches, which is the position of the next one.

        Raises:
            ValueError: the layers hold different numbers of them, as they do when an error stopped a model half-way;
                `truncate` to what all of them hold.
        """
        return _common_length(self)

    @property
    def cache_bytes(self) -> int:
        """Bytes allocated by all layers."""
        return sum(cache.cache_bytes for cache in self)

    def truncate(self, length: int) -> None:
        """`KVCache.truncate` in every layer, or in none."""
        length = check_integer("length", length, at_least=0, at_most=min(cache.length for cache in self))
        for cache in self:
            cache._check_truncation(length)
        for cache in self:
            cache.truncate(length)

    def reset(self) -> None:
        """Forget every token."""
        self.truncate(0)

    def reorder(self, index: Tensor) -> None:
        """`KVCache.reorder` in every layer."""
        for cache in self:
            cache.reorder(index)


def _common_length(caches: tuple[KVCache, ...]) -> int:
    first = caches[0].length
    if any(cache.length != first for cache in caches):
        raise ValueError(f"caches must hold the same number of tokens, got {[cache.length for cache in caches]}")
    return first


def check_cache(
    cache: KVCache, x: Tensor, context: Tensor | None, names: tuple[str, str] = ("cache", "context")
) -> None:
    """Refuse a cache that does not belong to the batch of x or, once filled from a context, to that context.

    Args:
        cache: of a layer.  x: (b, i, m).  context: (b, j, m), or None in self-attention.
        names: of cache and context, for the messages.
    Raises:
        TypeError: cache is no `KVCache`.
        ValueError: another batch, or keys of another number than context has.
    """
    if not isinstance(cache, KVCache):
        raise TypeError(f"{names[0]} must be a KVCache, got {type(cache).__name__}")
    if cache.batch != x.shape[0]:
        raise ValueError(f"{names[0]} must be of x's batch ({x.shape[0]}), got {cache.batch}")
    if context is not None and cache.length not in (0, context.shape[1]):
        raise ValueError(f"{names[0]} holds {cache.length} keys, {names[1]} has {context.shape[1]}: not the same")
