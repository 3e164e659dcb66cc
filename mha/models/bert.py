"""The bidirectional encoder of BERT: embeddings, then a stack of post-norm blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from mha.blocks import EncoderBlock
from mha.models.checkpoint import CheckpointViews, linear_views

__all__ = ["Embeddings", "Encoder", "EncoderConfig"]


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an `Encoder`; the defaults are those of all-MiniLM-L6-v2.

    Raises:
        ValueError: a size is not positive, n_heads does not divide d_model, or dropout leaves [0, 1).
    """

    vocab_size: int = 30522
    d_model: int = 384
    n_layers: int = 6
    n_heads: int = 12
    d_ff: int = 1536
    max_len: int = 512
    n_segments: int = 2
    dropout: float = 0.0
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "dropout" and not value > 0:
                raise ValueError(f"{field.name} must be positive, got {value}")
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model ({self.d_model}) must be divisible by n_heads ({self.n_heads})")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")


class Embeddings(nn.Module):
    """What each token is, where it stands and which segment it is in: three vectors, added and normalised.

    Args:
        config: vocab_size, max_len, n_segments, d_model, layer_norm_eps and dropout are read.
    Source: Devlin et al. 2019, figure 2.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.max_len, config.d_model)
        self.segments = nn.Embedding(config.n_segments, config.d_model)
        self.norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, token_ids: Tensor, segment_ids: Tensor | None = None) -> Tensor:
        """Vectors for tokens.

        Args:
            token_ids: (b, i) integers below vocab_size.  segment_ids: (b, i) integers below n_segments; 0 if None.
        Returns:
            (b, i, m).
        Raises:
            TypeError: the ids are not integers.
            ValueError: they have another shape, none at all, more than max_len, or lie outside the table.
        """
        _check_ids("token_ids", token_ids, self.tokens.num_embeddings)
        length, max_len = token_ids.shape[1], self.positions.num_embeddings
        if length > max_len:
            raise ValueError(f"token_ids must have at most max_len ({max_len}) tokens, got {length}")
        if segment_ids is None:
            segments = self.segments.weight[0]  # (m,)
        else:
            _check_ids("segment_ids", segment_ids, self.segments.num_embeddings)
            if segment_ids.shape != token_ids.shape:
                raise ValueError(
                    f"segment_ids must have the shape of token_ids {tuple(token_ids.shape)}, "
                    f"got {tuple(segment_ids.shape)}"
                )
            segments = self.segments(segment_ids)  # (b, i, m)
        x = self.tokens(token_ids) + segments + self.positions.weight[:length]
        return self.dropout(self.norm(x))


class Encoder(nn.Module):
    """BERT's encoder: every token's vector, made of all tokens on both sides of it.

    Args:
        config: the sizes.
    Source: Devlin et al. 2019.
    """

    unused = frozenset({"embeddings.position_ids", "pooler.dense.bias", "pooler.dense.weight"})

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.blocks = nn.ModuleList(
            EncoderBlock(
                config.d_model,
                config.n_heads,
                config.d_ff,
                dropout=config.dropout,
                norm=partial(nn.LayerNorm, eps=config.layer_norm_eps),
            )
            for _ in range(config.n_layers)
        )

    def forward(
        self, token_ids: Tensor, *, key_mask: Tensor | None = None, segment_ids: Tensor | None = None
    ) -> Tensor:
        """Contextual vectors, the last layer's.

        Args:
            token_ids: (b, i) integers.  key_mask: bool (b, i), True = a real token.  segment_ids: (b, i) integers.
        Returns:
            (b, i, m). What stands at padding is computed but means nothing.
        Raises:
            As `Embeddings` and `MultiHeadAttention` do.
        """
        return self.hidden_states(token_ids, key_mask=key_mask, segment_ids=segment_ids)[-1]

    def hidden_states(
        self, token_ids: Tensor, *, key_mask: Tensor | None = None, segment_ids: Tensor | None = None
    ) -> list[Tensor]:
        """The embeddings and each block's output: n_layers + 1 tensors (b, i, m). Arguments as for `forward`."""
        states = [self.embeddings(token_ids, segment_ids)]
        for block in self.blocks:
            states.append(block(states[-1], key_mask=key_mask))
        return states

    def checkpoint_views(self) -> CheckpointViews:
        """Where each tensor of transformers' BertModel belongs: views into the parameters."""
        embeddings = self.embeddings
        views = {
            "embeddings.word_embeddings.weight": embeddings.tokens.weight.data,
            "embeddings.position_embeddings.weight": embeddings.positions.weight.data,
            "embeddings.token_type_embeddings.weight": embeddings.segments.weight.data,
            **linear_views({"embeddings.LayerNorm": embeddings.norm}),
        }
        for index, block in enumerate(self.blocks):
            views |= dict(_block_views(f"encoder.layer.{index}", cast(EncoderBlock, block)))
        return views


def _block_views(prefix: str, block: EncoderBlock) -> Iterator[tuple[str, Tensor]]:
    for part in ("weight", "bias"):
        rows = getattr(block.attn.qkv, part).data.chunk(3)  # one fused matrix here, three in the checkpoint
        for name, row in zip(("query", "key", "value"), rows, strict=True):
            yield f"{prefix}.attention.self.{name}.{part}", row
    modules = {
        f"{prefix}.attention.output.dense": block.attn.out,
        f"{prefix}.attention.output.LayerNorm": block.attn_norm,
        f"{prefix}.intermediate.dense": block.ffn.up,
        f"{prefix}.output.dense": block.ffn.down,
        f"{prefix}.output.LayerNorm": block.ffn_norm,
    }
    yield from linear_views(modules).items()


def _check_ids(name: str, ids: Tensor, size: int) -> None:
    if ids.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name} must be int64 or int32, got {ids.dtype}")
    if ids.dim() != 2 or 0 in ids.shape:
        raise ValueError(f"{name} must have shape (b, i), none empty, got {tuple(ids.shape)}")
    lowest, highest = (int(bound) for bound in ids.aminmax())
    if lowest < 0 or highest >= size:
        raise ValueError(f"{name} must lie between 0 and {size - 1}, got {lowest} to {highest}")
