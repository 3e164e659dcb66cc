"""A decoder bound to what an encoder has read: it can be used, and generated with, as a language model is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, cast

from torch import Tensor, nn

from mha.blocks import DecoderBlock
from mha.cache import LayerCaches
from mha.masks import check_key_mask
from mha.validation import check_ids, check_integer

__all__ = ["BoundDecoder", "DecoderCaches"]


class Decode(Protocol):
    """Logits (b, i, v) of what follows the tokens (b, i), given the memory and, in caches, the tokens before them."""

    def __call__(
        self, token_ids: Tensor, memory: Tensor, memory_key_mask: Tensor | None, caches: DecoderCaches | None
    ) -> Tensor: ...


class DecoderCaches:
    """What a `BoundDecoder` keeps of the tokens so far: each block's keys and values, its own and the
    memory's; the memory.

    Args:
        own: the caches of the self-attentions.  of_memory: those of the attentions to the memory.
        memory: (b, j, m).  memory_key_mask: bool (b, j), or None.
    """

    def __init__(
        self, own: LayerCaches, of_memory: LayerCaches, memory: Tensor, memory_key_mask: Tensor | None
    ) -> None:
        self.own, self.of_memory = own, of_memory
        self.memory, self.memory_key_mask = memory, memory_key_mask

    @property
    def length(self) -> int:
        """Tokens so far, which is the position of the next one."""
        return self.own.length

    @property
    def cache_bytes(self) -> int:
        """Bytes allocated by all layers; the memory is not counted."""
        return self.own.cache_bytes + self.of_memory.cache_bytes

    def truncate(self, length: int) -> None:
        """Keep the first tokens only, and the memory; raises as `KVCache.truncate` does."""
        self.own.truncate(length)

    def reorder(self, index: Tensor) -> None:
        """Let sequence n go on from what was sequence index[n], its memory included; as `KVCache.reorder` does."""
        self.own.reorder(index)
        self.of_memory.reorder(index)
        self.memory = self.memory[index]
        self.memory_key_mask = None if self.memory_key_mask is None else self.memory_key_mask[index]


class BoundDecoder:
    """A decoder bound to a memory: tokens so far in, logits of the next out.

    Args:
        decode: the decoder.  blocks: its `DecoderBlock`s, whose caches it uses in this order.
        memory: (b, j, m), the encoder's output.
        memory_key_mask: bool (b, j); True = a real token of the source.
    Raises:
        TypeError: memory is no tensor, or memory_key_mask is not bool.
        ValueError: they have another shape.
    """

    max_len = None  # it can write as much as there are caches for

    def __init__(
        self, decode: Decode, blocks: Iterable[nn.Module], memory: Tensor, memory_key_mask: Tensor | None = None
    ) -> None:
        self._decode, self._blocks = decode, [cast(DecoderBlock, block) for block in blocks]
        _check_memory(memory, memory_key_mask, self._blocks[0].cross_attn.d_model)
        self.memory, self.memory_key_mask = memory, memory_key_mask

    def __call__(self, token_ids: Tensor, caches: DecoderCaches | None = None) -> Tensor:
        """What follows each token.

        Args:
            token_ids: (n·b, i) integers, the start token first; n sequences in a row share a memory. With caches, only
                the tokens that are new.
            caches: from `new_caches`; the new tokens are added to them.
        Returns:
            logits (n·b, i, v).
        Raises:
            TypeError: the ids are no integers, or the caches none of `new_caches`.
            ValueError: the batch is no multiple of the memory's; as the decoder does.
        """
        check_ids("token_ids", token_ids)
        if caches is not None and not isinstance(caches, DecoderCaches):
            raise TypeError(f"caches must come from new_caches, got {type(caches).__name__}")
        if caches is not None:
            return self._decode(token_ids, caches.memory, caches.memory_key_mask, caches)
        return self._decode(token_ids, *self._repeated(token_ids.shape[0]), None)

    def new_caches(self, batch: int, max_len: int) -> DecoderCaches:
        """Empty caches for a batch of n·b sequences of max_len tokens at most. Raises ValueError as the call does."""
        memory, memory_key_mask = self._repeated(check_integer("batch", batch, at_least=1))
        own = LayerCaches(block.self_attn.new_cache(batch, max_len) for block in self._blocks)
        of_memory = LayerCaches(block.cross_attn.new_cache(batch, memory.shape[1]) for block in self._blocks)
        return DecoderCaches(own, of_memory, memory, memory_key_mask)

    def _repeated(self, batch: int) -> tuple[Tensor, Tensor | None]:
        n, rest = divmod(batch, self.memory.shape[0])
        if rest or n < 1:
            raise ValueError(f"batch ({batch}) must be a multiple of the memory's ({self.memory.shape[0]})")
        mask = self.memory_key_mask
        return self.memory.repeat_interleave(n, 0), None if mask is None else mask.repeat_interleave(n, 0)


def _check_memory(memory: Tensor, memory_key_mask: Tensor | None, d_model: int) -> None:
    if not isinstance(memory, Tensor):
        raise TypeError(f"memory must be a tensor (b, j, {d_model}), got {type(memory).__name__}")
    if memory.dim() != 3 or memory.shape[-1] != d_model or 0 in memory.shape:
        raise ValueError(f"memory must have shape (b, j, {d_model}), none empty, got {tuple(memory.shape)}")
    if memory_key_mask is not None:
        check_key_mask(memory_key_mask, memory.shape[0], memory.shape[1], "memory_key_mask")
