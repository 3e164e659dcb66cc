"""An encoder-decoder that may copy: each word written is drawn from the vocabulary or from the words of the source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.attention import attention
from mha.blocks import DecoderBlock, EncoderBlock
from mha.masks import check_key_mask
from mha.models.bound_decoder import BoundDecoder, DecoderCaches
from mha.positions import RelativeBias
from mha.validation import check_ids, check_sizes

__all__ = ["Copied", "CopyOutput", "Summariser", "SummariserConfig", "VocabularyOutput"]

SIDES = ("reads", "writes")  # encoder and decoder
TINY = 1e-9  # added to a probability before its logarithm: a word that neither part can write has one too


@dataclass(frozen=True)
class SummariserConfig:
    """Sizes of a `Summariser`; n_layers counts the blocks of the encoder, and those of the decoder.

    Raises:
        TypeError: a size is no integer.  ValueError: a size is not positive.
    """

    vocab_size: int
    d_model: int = 64
    n_layers: int = 2
    n_heads: int = 4
    d_ff: int = 128
    max_distance: int = 32

    def __post_init__(self) -> None:
        check_sizes(self)


@dataclass(frozen=True)
class Copied:
    """What a call wrote: log_probs (b, i, v); weights (b, i, j) of copying; generated (b, i), the share not copied."""

    log_probs: Tensor
    weights: Tensor
    generated: Tensor


class VocabularyOutput(nn.Module):
    """Every word comes from the vocabulary: log softmax(E x / √m), with E the embedding of its `Summariser`."""

    def __init__(self, config: SummariserConfig) -> None:
        super().__init__()
        self.words = nn.Linear(config.d_model, config.vocab_size, bias=False)

    def forward(self, x: Tensor, memory: Tensor, source_ids: Tensor, key_mask: Tensor) -> Tensor:
        """x (b, i, m) -> log probabilities (b, i, v); the memory is read by the blocks alone."""
        return F.log_softmax(self.logits(x), dim=-1)

    def logits(self, x: Tensor) -> Tensor:
        """(b, i, m) -> (b, i, v); the embedding is drawn with variance 1, so without the root they begin too large."""
        return cast(Tensor, self.words(x)) * x.shape[-1] ** -0.5


class CopyOutput(VocabularyOutput):
    """A pointer-generator: P(w) = g P_vocabulary(w) + (1 - g) · (the weights of all places of the source that hold w).

    The weights are one head of attention from the decoder's state to the memory, and g reads the state and what the
    head brings. Source: See et al. 2017, equations 8 and 9; there the attention is the decoder's only one and additive,
    and words outside the vocabulary get ids of their own. Here every word of a source has an id.
    """

    def __init__(self, config: SummariserConfig) -> None:
        super().__init__(config)
        self.query = nn.Linear(config.d_model, config.d_model, bias=False)
        self.key = nn.Linear(config.d_model, config.d_model, bias=False)
        self.gate = nn.Linear(2 * config.d_model, 1)

    def forward(self, x: Tensor, memory: Tensor, source_ids: Tensor, key_mask: Tensor) -> Tensor:
        """x (b, i, m), memory (b, j, m), source_ids and key_mask (b, j) -> log probabilities (b, i, v)."""
        return self.copied(x, memory, source_ids, key_mask).log_probs

    def copied(self, x: Tensor, memory: Tensor, source_ids: Tensor, key_mask: Tensor) -> Copied:
        """The same, with the weights and the gate."""
        brought, weights = attention(self.query(x), self.key(memory), memory, attn_mask=key_mask[:, None, :])
        generated = torch.sigmoid(self.gate(torch.cat([x, brought], dim=-1)))  # (b, i, 1)
        index = source_ids[:, None, :].expand_as(weights)  # (b, j) -> (b, i, j)
        vocabulary = generated * self.logits(x).softmax(-1)
        mixed = vocabulary.scatter_add(-1, index, (1.0 - generated) * weights)  # (b, i, v)
        return Copied((mixed + TINY).log(), weights, generated[..., 0])


class Summariser(nn.Module):
    """Pre-norm encoder and decoder with T5's relative bias, and an output that copies or does not.

    Args:
        config: the sizes.  output: a `VocabularyOutput` or a `CopyOutput` of the same sizes.
    Source: the blocks, Vaswani et al. 2017; the bias, Raffel et al. 2020; copying, See et al. 2017.
    """

    def __init__(self, config: SummariserConfig, output: VocabularyOutput) -> None:
        super().__init__()
        self.config, self.output = config, output
        sizes = config.d_model, config.n_heads, config.d_ff
        self.embed = nn.Embedding(config.vocab_size, config.d_model)
        output.words.weight = self.embed.weight
        self.biases = nn.ModuleDict(
            {side: RelativeBias(config.n_heads, 32, config.max_distance, side == "reads") for side in SIDES}
        )
        self.encoder = nn.ModuleList(EncoderBlock(*sizes, norm_first=True) for _ in range(config.n_layers))
        self.decoder = nn.ModuleList(DecoderBlock(*sizes, norm_first=True) for _ in range(config.n_layers))
        self.norms = nn.ModuleDict({side: nn.LayerNorm(config.d_model) for side in SIDES})

    def forward(self, token_ids: Tensor, decoder_ids: Tensor, *, key_mask: Tensor) -> Tensor:
        """The logarithm of each word's probability behind each decoder token.

        Args:
            token_ids: (b, j) integers, the source.  decoder_ids: (b, i), the start token first.
            key_mask: bool (b, j), True = a real token of the source.
        Returns:
            (b, i, v).
        Raises:
            TypeError, ValueError: another kind or shape, or an id outside the vocabulary.
        """
        memory = self.encode(token_ids, key_mask)
        return cast(Tensor, self.output(self._states(decoder_ids, memory, key_mask), memory, token_ids, key_mask))

    def copied(self, token_ids: Tensor, decoder_ids: Tensor, *, key_mask: Tensor) -> Copied:
        """As `forward`, with the weights and the gate. Raises TypeError where the output does not copy."""
        if not isinstance(self.output, CopyOutput):
            raise TypeError(f"output must be a CopyOutput, got {type(self.output).__name__}")
        memory = self.encode(token_ids, key_mask)
        return self.output.copied(self._states(decoder_ids, memory, key_mask), memory, token_ids, key_mask)

    def encode(self, token_ids: Tensor, key_mask: Tensor) -> Tensor:
        """The memory (b, j, m)."""
        check_ids("token_ids", token_ids, self.config.vocab_size)
        check_key_mask(key_mask, *token_ids.shape)
        x, bias = self.embed(token_ids), self.biases["reads"](token_ids.shape[1])
        for block in self.encoder:
            x = block(x, key_mask=key_mask, attn_bias=bias)
        return cast(Tensor, self.norms["reads"](x))

    def writer_for(self, token_ids: Tensor, key_mask: Tensor) -> BoundDecoder:
        """The decoder bound to a source: a language model to generate with, one sequence for each source.

        Args:
            token_ids, key_mask: (b, j), as for `forward`.
        """
        return BoundDecoder(partial(self._decode, token_ids), self.decoder, self.encode(token_ids, key_mask), key_mask)

    def _decode(
        self, source_ids: Tensor, ids: Tensor, memory: Tensor, key_mask: Tensor | None, caches: DecoderCaches | None
    ) -> Tensor:
        key_mask = torch.ones_like(source_ids, dtype=torch.bool) if key_mask is None else key_mask
        return cast(Tensor, self.output(self._states(ids, memory, key_mask, caches), memory, source_ids, key_mask))

    def _states(self, ids: Tensor, memory: Tensor, key_mask: Tensor, caches: DecoderCaches | None = None) -> Tensor:
        """What the output reads, (b, i, m)."""
        check_ids("decoder_ids", ids, self.config.vocab_size)
        before = 0 if caches is None else caches.length
        x, bias = self.embed(ids), self.biases["writes"](ids.shape[1], before + ids.shape[1])
        for index, block in enumerate(self.decoder):
            kept = {} if caches is None else {"cache": caches.own[index], "memory_cache": caches.of_memory[index]}
            x = block(x, memory, memory_key_mask=key_mask, attn_bias=bias, **kept)
        return cast(Tensor, self.norms["writes"](x))
