"""T5: an encoder and a decoder that read and write text, with a relative bias on the scores for positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from mha.blocks import DecoderBlock, EncoderBlock, FeedForward
from mha.checkpoint import CheckpointViews, PublishedNames, linear_views
from mha.heads import MultiHeadAttention
from mha.models.bound_decoder import BoundDecoder, DecoderCaches
from mha.positions import RelativeBias
from mha.validation import check_ids, check_integer, check_sizes

__all__ = ["T5", "T5Config", "shift_right"]


@dataclass(frozen=True)
class T5Config:
    """Sizes of a `T5`; the defaults are those of t5-small, without its dropout of 0.1.

    n_layers counts the blocks of the encoder, and those of the decoder. head_dim is free: n_heads need not divide
    d_model. n_buckets and max_distance belong to the relative bias, see `mha.positions.relative_buckets`.

    Raises:
        TypeError: a size is no integer, or another field no number.
        ValueError: a size is not positive, or dropout leaves [0, 1).
    """

    vocab_size: int = 32128
    d_model: int = 512
    n_layers: int = 6
    n_heads: int = 8
    head_dim: int = 64
    d_ff: int = 2048
    n_buckets: int = 32
    max_distance: int = 128
    dropout: float = 0.0
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        check_sizes(self)


class _Stack(nn.Module):
    """The blocks of one side, the one table of biases they share, and the norm behind the last."""

    def __init__(self, config: T5Config, block: type[EncoderBlock] | type[DecoderBlock], bidirectional: bool) -> None:
        super().__init__()
        self.bias = RelativeBias(config.n_heads, config.n_buckets, config.max_distance, bidirectional)
        self.blocks = nn.ModuleList(_block(config, block) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.d_model, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)


class T5(nn.Module):
    """Text in, text out: an encoder over the source, a causal decoder that looks into its output.

    Pre-norm blocks with RMS norms and without any bias in a linear map. Scores are q kᵀ plus the relative bias, not
    divided by √d: the first weights of the queries are smaller instead. One embedding serves source, target and logits.

    Args:
        config: the sizes.
    Source: Raffel et al. 2020, section 2.1 (version 1.0: relu, tied embeddings); initial weights as in its code.
    """

    published = PublishedNames(
        tied=dict.fromkeys(
            ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"), "shared.weight"
        ),
        unused=("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",),  # never read there either
    )

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = _Stack(config, EncoderBlock, bidirectional=True)
        self.decoder = _Stack(config, DecoderBlock, bidirectional=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew: normal, each of a width that keeps what it makes near width 1.

        That of the queries takes the place of 1 / √d; norms start as ones.
        """
        config = self.config
        nn.init.normal_(self.embed.weight)
        for module in self.modules():
            if isinstance(module, MultiHeadAttention):
                q, *k_and_v = module.qkv.weight.chunk(3)
                nn.init.normal_(q, std=(config.d_model * config.head_dim) ** -0.5)
                for weight in k_and_v:
                    nn.init.normal_(weight, std=config.d_model**-0.5)
                nn.init.normal_(module.out.weight, std=(config.n_heads * config.head_dim) ** -0.5)
            elif isinstance(module, FeedForward):
                nn.init.normal_(module.up.weight, std=config.d_model**-0.5)
                nn.init.normal_(module.down.weight, std=config.d_ff**-0.5)
            elif isinstance(module, RelativeBias):
                nn.init.normal_(module.weight, std=config.d_model**-0.5)
            elif isinstance(module, nn.RMSNorm):
                module.reset_parameters()

    def forward(self, token_ids: Tensor, decoder_ids: Tensor, *, key_mask: Tensor | None = None) -> Tensor:
        """What follows each decoder token, given the source.

        Args:
            token_ids: (b, j) integers, the source.  decoder_ids: (b, i), see `shift_right`.
            key_mask: bool (b, j); True = a real token of the source. Padding behind a target needs no mask: nothing
                before it sees it.
        Returns:
            logits (b, i, v).
        Raises:
            As `encode` and `BoundDecoder` do; ValueError where the batches differ.
        """
        memory = self.encode(token_ids, key_mask=key_mask)
        check_ids("decoder_ids", decoder_ids, self.config.vocab_size)
        if len(decoder_ids) != len(token_ids):
            raise ValueError(f"decoder_ids must have {len(token_ids)} rows as token_ids, got {len(decoder_ids)}")
        return self.decoder_for(memory, key_mask)(decoder_ids)

    def encode(self, token_ids: Tensor, *, key_mask: Tensor | None = None) -> Tensor:
        """The memory that the decoder looks into.

        Args:
            token_ids: (b, j) integers.  key_mask: bool (b, j), True = a real token.
        Returns:
            (b, j, m). What stands at padding is computed but means nothing.
        Raises:
            TypeError: token_ids are not integers.
            ValueError: they have another shape or lie outside the vocabulary; as `MultiHeadAttention` does.
        """
        stack = self.encoder
        x = stack.dropout(self._embedded(token_ids))
        bias = _as_projected(stack.bias(x.shape[1]))  # (h, j, j), made once for all blocks
        for block in stack.blocks:
            x = block(x, key_mask=key_mask, attn_bias=bias)
        memory: Tensor = stack.dropout(stack.norm(x))
        return memory

    def decoder_for(self, memory: Tensor, memory_key_mask: Tensor | None = None) -> BoundDecoder:
        """The decoder bound to a memory: a language model to generate with.

        Args:
            memory: (b, j, m), as `encode` makes it.  memory_key_mask: bool (b, j), True = a real token of the source.
        Raises:
            TypeError, ValueError: as `BoundDecoder` does.
        """
        return BoundDecoder(self._decode, self.decoder.blocks, memory, memory_key_mask)

    def checkpoint_views(self) -> CheckpointViews:
        """Where each tensor of transformers' T5ForConditionalGeneration belongs: views into the parameters."""
        views = {"shared.weight": self.embed.weight.data}
        for side, stack in (("encoder", self.encoder), ("decoder", self.decoder)):
            views[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = stack.bias.weight.data
            views |= linear_views({f"{side}.final_layer_norm": stack.norm})
            for index, block in enumerate(stack.blocks):
                views |= dict(_block_views(f"{side}.block.{index}.layer", cast(EncoderBlock | DecoderBlock, block)))
        return views

    def _decode(
        self, token_ids: Tensor, memory: Tensor, memory_key_mask: Tensor | None, caches: DecoderCaches | None
    ) -> Tensor:
        stack = self.decoder
        x = stack.dropout(self._embedded(token_ids))
        before = 0 if caches is None else caches.length
        bias = _as_projected(stack.bias(x.shape[1], before + x.shape[1]))  # (h, i, tokens so far)
        for index, block in enumerate(stack.blocks):
            kept = {} if caches is None else {"cache": caches.own[index], "memory_cache": caches.of_memory[index]}
            x = block(x, memory, memory_key_mask=memory_key_mask, attn_bias=bias, **kept)
        x = stack.dropout(stack.norm(x)) * self.config.d_model**-0.5  # else the first logits are huge
        return x @ self.embed.weight.T  # (b, i, m) (m, v)

    def _embedded(self, token_ids: Tensor) -> Tensor:
        check_ids("token_ids", token_ids, self.config.vocab_size)
        return self.embed(token_ids)


def shift_right(targets: Tensor, start_id: int = 0) -> Tensor:
    """What the decoder reads so that it learns to write targets: the start token, then all targets but the last.

    Args:
        targets: (b, i) integers; -100, which a loss ignores, becomes start_id, T5's padding.
    Returns:
        (b, i).
    Raises:
        TypeError: targets are not integers, or start_id is none.  ValueError: another number of axes, or an empty one.
    Source: Raffel et al. 2020's code; start and padding are one token there.
    """
    check_integer("start_id", start_id, at_least=0)
    check_ids("targets", targets)
    shifted = torch.cat([torch.full_like(targets[:, :1], start_id), targets[:, :-1]], dim=1)
    return shifted.masked_fill(shifted == -100, start_id)


def _as_projected(bias: Tensor) -> Tensor:
    """Of the dtype that queries and keys come in: under autocast that is not the weights' own."""
    device = bias.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return bias.to(torch.get_autocast_dtype(device))
    return bias


def _block(config: T5Config, block: type[EncoderBlock] | type[DecoderBlock]) -> EncoderBlock | DecoderBlock:
    def attention() -> MultiHeadAttention:
        return MultiHeadAttention(
            config.d_model, config.n_heads, head_dim=config.head_dim, bias=False, dropout=config.dropout, scale=1.0
        )

    options: dict[str, Any] = {"attention": attention()} | (
        {"cross_attention": attention()} if block is DecoderBlock else {}
    )
    return block(
        config.d_model,
        config.n_heads,
        config.d_ff,
        norm_first=True,
        dropout=config.dropout,
        activation="relu",
        bias=False,
        norm=partial(nn.RMSNorm, eps=config.norm_eps),
        **options,
    )


def _block_views(prefix: str, block: EncoderBlock | DecoderBlock) -> Iterator[tuple[str, Tensor]]:
    parts = {"SelfAttention": ("attn", "attn_norm")}
    if isinstance(block, DecoderBlock):
        parts = {"SelfAttention": ("self_attn", "self_norm"), "EncDecAttention": ("cross_attn", "cross_norm")}
    modules: dict[str, nn.Module] = {}
    for n, (theirs, (attention, norm)) in enumerate(parts.items()):
        layer = cast(MultiHeadAttention, getattr(block, attention))
        for name, rows in zip("qkv", layer.qkv.weight.data.chunk(3), strict=True):
            yield f"{prefix}.{n}.{theirs}.{name}.weight", rows
        modules |= {f"{prefix}.{n}.{theirs}.o": layer.out, f"{prefix}.{n}.layer_norm": getattr(block, norm)}
    last = f"{prefix}.{len(parts)}"
    modules |= {f"{last}.DenseReluDense.wi": block.ffn.up, f"{last}.DenseReluDense.wo": block.ffn.down}
    yield from linear_views(modules | {f"{last}.layer_norm": block.ffn_norm}).items()
