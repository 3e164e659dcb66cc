"""BERT: embeddings, a stack of post-norm blocks that look both ways, and a head that names masked tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.blocks import EncoderBlock
from mha.checkpoint import CheckpointViews, PublishedNames, linear_views
from mha.positions import real_positions
from mha.validation import check_config, check_ids, check_stream

__all__ = ["Embeddings", "Encoder", "EncoderConfig", "MaskedLM"]

OF_TENSORFLOW = {r"LayerNorm\.gamma": "LayerNorm.weight", r"LayerNorm\.beta": "LayerNorm.bias"}


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an `Encoder`; the defaults are those of all-MiniLM-L6-v2.

    Raises:
        TypeError: a size is no integer, or another field no number.
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
        check_config(self)


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

    def forward(
        self, token_ids: Tensor, segment_ids: Tensor | None = None, *, key_mask: Tensor | None = None
    ) -> Tensor:
        """Vectors for tokens.

        Args:
            token_ids: (b, i) integers below vocab_size.  segment_ids: (b, i) integers below n_segments; 0 if None.
            key_mask: bool (b, i), True = a real token; a position counts the real tokens before it.
        Returns:
            (b, i, m).
        Raises:
            TypeError: the ids are not integers, or key_mask is not bool.
            ValueError: they have another shape, none at all, more than max_len, or lie outside the table.
        """
        check_ids("token_ids", token_ids, self.tokens.num_embeddings)
        length, max_len = token_ids.shape[1], self.positions.num_embeddings
        if length > max_len:
            raise ValueError(f"token_ids must have at most max_len ({max_len}) tokens, got {length}")
        if segment_ids is None:
            segments = self.segments.weight[0]  # (m,)
        else:
            check_ids("segment_ids", segment_ids, self.segments.num_embeddings)
            if segment_ids.shape != token_ids.shape:
                raise ValueError(
                    f"segment_ids must have the shape of token_ids {tuple(token_ids.shape)}, "
                    f"got {tuple(segment_ids.shape)}"
                )
            segments = self.segments(segment_ids)  # (b, i, m)
        places = None if key_mask is None else real_positions(key_mask, (token_ids.shape[0], length))
        positions = self.positions.weight[:length] if places is None else self.positions(places)
        x = self.tokens(token_ids) + segments + positions
        return self.dropout(self.norm(x))


class Encoder(nn.Module):
    """BERT's encoder: every token's vector, made of all tokens on both sides of it.

    Args:
        config: the sizes.
    Source: Devlin et al. 2019.
    """

    published = PublishedNames(
        prefix="bert.",
        unused=("embeddings.position_ids", "pooler.dense.*", "cls.*"),
        spellings=OF_TENSORFLOW,
    )

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

    def reset_parameters(self) -> None:
        """Draw all weights anew, each part as when it was made; `MaskedLM` draws those of pre-training."""
        for module in reversed(list(self.modules())):  # a part before the whole, which may draw it otherwise
            reset = getattr(module, "reset_parameters", None)
            if reset is not None and module is not self:
                reset()

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
        states = [self.embeddings(token_ids, segment_ids, key_mask=key_mask)]
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


class MaskedLM(nn.Module):
    """An `Encoder` and what it is pre-trained with: a head that scores every token of the vocabulary at a position.

    Args:
        config: the sizes.
    Source: Devlin et al. 2019, section 3.1; the head as in its code: a linear map, gelu and a norm, then the token
        embeddings read backwards and a bias a token. Weights are drawn with a width of 0.02.
    """

    published = PublishedNames(
        prefix="bert.",
        tied={
            "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
            "cls.predictions.decoder.bias": "cls.predictions.bias",
        },
        unused=("bert.embeddings.position_ids", "bert.pooler.dense.*", "cls.seq_relationship.*"),
        spellings=OF_TENSORFLOW,
    )

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.dense = nn.Linear(config.d_model, config.d_model)
        self.norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew, as BERT does; norms start as ones and zeros."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        nn.init.zeros_(self.bias)

    def forward(
        self, token_ids: Tensor, *, key_mask: Tensor | None = None, segment_ids: Tensor | None = None
    ) -> Tensor:
        """Logits (b, i, v) of the token at each position itself; arguments as for `Encoder`."""
        return self.token_logits(self.encoder(token_ids, key_mask=key_mask, segment_ids=segment_ids))

    def token_logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., v) from the encoder's vectors (..., m): of the masked positions alone, say, to save the rest.

        Raises:
            TypeError: hidden is no tensor.  ValueError: a width, dtype or device that does not fit.
        """
        check_stream("hidden", hidden, self.dense.in_features, self.dense)
        hidden = self.norm(F.gelu(self.dense(hidden)))  # (..., m) -> (..., m)
        return F.linear(hidden, self.encoder.embeddings.tokens.weight, self.bias)  # (..., m) -> (..., v)

    def checkpoint_views(self) -> CheckpointViews:
        """Where each tensor of transformers' BertForMaskedLM belongs: views into the parameters."""
        head = {"cls.predictions.transform.dense": self.dense, "cls.predictions.transform.LayerNorm": self.norm}
        encoder = {f"bert.{name}": view for name, view in self.encoder.checkpoint_views().items()}
        return encoder | linear_views(head) | {"cls.predictions.bias": self.bias.data}


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
