"""A causal language model of whichever blocks it is given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import cast

from torch import Tensor, nn

from mha.blocks import EncoderBlock
from mha.cache import KVCache, LayerCaches
from mha.row_linear import linear, linear_layer
from mha.validation import check_ids, check_integer

__all__ = ["CausalLM"]


class CausalLM(nn.Module):
    """Token vectors through a stack of blocks: at each position, scores for the token that comes next.

    Args:
        vocab_size: v.
        blocks: at least one, of one d_model; each sees its own position and those before it.
        norm: of what the last block gives, where the blocks are pre-norm; nothing if None.
        positions: called as positions(x, offset, key_mask=…), such as `LearnedPositions`; None where the blocks'
            attention tells positions apart, by a rotary encoding say.
        tied: whether the embedding also reads the output; otherwise a matrix of its own does.
    Raises:
        ValueError: vocab_size is not positive, there is no block, or blocks differ in d_model.
    Source: weights are drawn as GPT-2's (Radford et al. 2019): with a width of 0.02, those that write to the stream
    with 0.02 / √(2 n_layers).
    """

    def __init__(
        self,
        vocab_size: int,
        blocks: Iterable[EncoderBlock],
        *,
        norm: nn.Module | None = None,
        positions: nn.Module | None = None,
        tied: bool = True,
    ) -> None:
        super().__init__()
        check_integer("vocab_size", vocab_size, at_least=1)
        self.blocks = nn.ModuleList(blocks)
        widths = {block.attn.d_model for block in self.layers()}
        if len(widths) != 1:
            raise ValueError(f"blocks must be at least one, all of one d_model, got widths {sorted(widths)}")
        (d_model,) = widths
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.positions, self.norm = positions, norm
        self.unembed = None if tied else nn.Linear(d_model, vocab_size, bias=False)
        self.reset_parameters()

    @property
    def max_len(self) -> int | None:
        """The most tokens it can read; None where its positions know no end."""
        return getattr(self.positions, "max_len", None)

    def reset_parameters(self) -> None:
        """Draw all weights anew; norms start as ones and zeros."""
        for module in self.modules():  # a module comes before its parts
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
                if getattr(module, "bias", None) is not None:
                    nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif module is not self and hasattr(module, "reset_parameters"):
                module.reset_parameters()  # type: ignore[operator]
        for block in self.layers():
            for writer in (block.attn.out, block.ffn.down):
                nn.init.normal_(writer.weight, std=0.02 / math.sqrt(2 * len(self.blocks)))

    def forward(
        self, token_ids: Tensor, *, key_mask: Tensor | None = None, caches: Sequence[KVCache] | None = None
    ) -> Tensor:
        """Logits of the next token at each position.

        Args:
            token_ids: (b, i) integers; with caches only those that come after what the caches hold.
            key_mask: bool (b, j), True = a real token, over all tokens, those in the caches included.
            caches: from `new_caches`; extended by these tokens.
        Returns:
            logits (b, i, v). What stands at padding is computed but means nothing.
        Raises:
            TypeError: the ids are not integers, or key_mask is not bool.
            ValueError: ids outside the vocabulary, more tokens than max_len, or caches that do not fit.
        """
        states = self.last_hidden_state(token_ids, key_mask=key_mask, caches=caches)
        return linear(states, self.tokens.weight) if self.unembed is None else linear_layer(self.unembed, states)

    def last_hidden_state(
        self, token_ids: Tensor, *, key_mask: Tensor | None = None, caches: Sequence[KVCache] | None = None
    ) -> Tensor:
        """The vectors (b, i, m) that the logits are read from. Arguments as for `forward`."""
        check_ids("token_ids", token_ids, self.tokens.num_embeddings)
        if caches is not None and len(caches) != len(self.blocks):
            raise ValueError(f"caches must be one a block ({len(self.blocks)}), got {len(caches)}")
        caches = None if caches is None else LayerCaches(caches)  # which refuses one that two blocks share
        offset = 0 if caches is None else caches.length
        self._check_length(offset + token_ids.shape[1])
        x: Tensor = self.tokens(token_ids)  # (b, i) -> (b, i, m)
        if self.positions is not None:
            x = self.positions(x, offset, key_mask=key_mask)
        for index, block in enumerate(self.blocks):
            x = block(x, key_mask=key_mask, is_causal=True, cache=None if caches is None else caches[index])
        return x if self.norm is None else cast(Tensor, self.norm(x))

    def new_caches(self, batch: int, max_len: int) -> LayerCaches:
        """An empty cache for each block, with room for max_len tokens of `batch` sequences."""
        return LayerCaches(block.attn.new_cache(batch, max_len) for block in self.layers())

    def layers(self) -> list[EncoderBlock]:
        """The blocks, the first first."""
        return [cast(EncoderBlock, block) for block in self.blocks]

    def _check_length(self, length: int) -> None:
        if self.max_len is not None and length > self.max_len:
            raise ValueError(f"token_ids must end within max_len ({self.max_len}) tokens, got {length}")
