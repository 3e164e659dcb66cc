"""ALBERT: one encoder block, applied again and again, on token vectors that are narrower than the stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.blocks import EncoderBlock
from mha.checkpoint import CheckpointViews, PublishedNames, linear_views
from mha.models.bert import Embeddings, EncoderConfig
from mha.validation import check_config, check_integer, check_stream

__all__ = ["Albert", "AlbertConfig", "AlbertMaskedLM"]

UNUSED = ("*embeddings.position_ids", "*pooler.*", "sop_classifier.*")


@dataclass(frozen=True)
class AlbertConfig:
    """Sizes of an `Albert`; the defaults are those of RXNMapper, which reads chemical reactions.

    d_embedding is the width of a token's vector before it is mapped to d_model; n_layers says how often the one block
    is applied.

    Raises:
        TypeError: a size is no integer, or another field no number.
        ValueError: a size is not positive, n_heads does not divide d_model, or dropout leaves [0, 1).
    """

    vocab_size: int = 591
    d_embedding: int = 128
    d_model: int = 256
    n_layers: int = 12
    n_heads: int = 8
    d_ff: int = 512
    max_len: int = 512
    n_segments: int = 2
    dropout: float = 0.0
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        check_config(self)


class Albert(nn.Module):
    """ALBERT's encoder: embeddings, a linear map to the stream's width, and one block run n_layers times.

    `record_attention` keeps every run's weights of that block: `maps.calls("block.attn")` has n_layers of them.

    Args:
        config: the sizes.
    Source: Lan et al. 2020, section 3.1: factorised embeddings, all weights shared across layers. The feed-forward net
        has the exact gelu, as RXNMapper's, where ALBERT's own code approximates it by a tanh; and in training it is
        dropped from too, where transformers drops from embeddings and attention alone.
    """

    published = PublishedNames(prefix="albert.", unused=(*UNUSED, "predictions.*"))

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(_embedding_sizes(config))
        self.widen = nn.Linear(config.d_embedding, config.d_model)
        self.block = EncoderBlock(
            config.d_model,
            config.n_heads,
            config.d_ff,
            dropout=config.dropout,
            norm=partial(nn.LayerNorm, eps=config.layer_norm_eps),
        )

    def reset_parameters(self) -> None:
        """Draw all weights anew, each part as when it was made; `AlbertMaskedLM` draws those of pre-training."""
        for module in reversed(list(self.modules())):  # a part before the whole, which may draw it otherwise
            reset = getattr(module, "reset_parameters", None)
            if reset is not None and module is not self:
                reset()

    def forward(
        self,
        token_ids: Tensor,
        *,
        key_mask: Tensor | None = None,
        segment_ids: Tensor | None = None,
        n_passes: int | None = None,
    ) -> Tensor:
        """Contextual vectors, the last pass's.

        Args:
            token_ids: (b, i) integers.  key_mask: bool (b, i), True = a real token.  segment_ids: (b, i) integers.
            n_passes: how often the block is run; n_layers if None. It was trained for n_layers and for nothing else.
        Returns:
            (b, i, m). What stands at padding is computed but means nothing.
        Raises:
            TypeError: n_passes is no integer.  ValueError: it is below 1.
            As `Embeddings` and `MultiHeadAttention` do.
        """
        return self.hidden_states(token_ids, key_mask=key_mask, segment_ids=segment_ids, n_passes=n_passes)[-1]

    def hidden_states(
        self,
        token_ids: Tensor,
        *,
        key_mask: Tensor | None = None,
        segment_ids: Tensor | None = None,
        n_passes: int | None = None,
    ) -> list[Tensor]:
        """The widened embeddings and the block's output at each pass: n_passes + 1 tensors (b, i, m)."""
        n_passes = self.config.n_layers if n_passes is None else check_integer("n_passes", n_passes, at_least=1)
        embedded = self.embeddings(token_ids, segment_ids, key_mask=key_mask)  # (b, i) -> (b, i, e)
        states = [self.widen(embedded)]  # (b, i, e) -> (b, i, m)
        for _ in range(n_passes):
            states.append(self.block(states[-1], key_mask=key_mask))
        return states

    def checkpoint_views(self) -> CheckpointViews:
        """Where each tensor of transformers' AlbertModel belongs: views into the parameters."""
        embeddings = self.embeddings
        return {
            "embeddings.word_embeddings.weight": embeddings.tokens.weight.data,
            "embeddings.position_embeddings.weight": embeddings.positions.weight.data,
            "embeddings.token_type_embeddings.weight": embeddings.segments.weight.data,
            **linear_views(
                {"embeddings.LayerNorm": embeddings.norm, "encoder.embedding_hidden_mapping_in": self.widen}
            ),
            **dict(_block_views("encoder.albert_layer_groups.0.albert_layers.0", self.block)),
        }


class AlbertMaskedLM(nn.Module):
    """An `Albert` and the head that scores every token of the vocabulary at a position.

    Args:
        config: the sizes.
    Source: Lan et al. 2020, whose head is BERT's with a narrow middle: back to d_embedding, gelu and a norm, then the
        token embeddings read backwards and a bias a token. Weights are drawn with a width of 0.02.
    """

    published = PublishedNames(
        prefix="albert.",
        tied={
            "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
            "predictions.decoder.bias": "predictions.bias",
        },
        unused=UNUSED,
    )

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.encoder = Albert(config)
        self.dense = nn.Linear(config.d_model, config.d_embedding)
        self.norm = nn.LayerNorm(config.d_embedding, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew, as ALBERT does; norms start as ones and zeros."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        nn.init.zeros_(self.bias)

    def forward(
        self,
        token_ids: Tensor,
        *,
        key_mask: Tensor | None = None,
        segment_ids: Tensor | None = None,
        n_passes: int | None = None,
    ) -> Tensor:
        """Logits (b, i, v) of the token at each position itself; arguments as for `Albert`."""
        hidden = self.encoder(token_ids, key_mask=key_mask, segment_ids=segment_ids, n_passes=n_passes)
        return self.token_logits(hidden)

    def token_logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., v) from the encoder's vectors (..., m): of the masked positions alone, say, to save the rest.

        Raises:
            TypeError: hidden is no tensor.  ValueError: a width, dtype or device that does not fit.
        """
        check_stream("hidden", hidden, self.dense.in_features, self.dense)
        hidden = self.norm(F.gelu(self.dense(hidden)))  # (..., m) -> (..., e)
        return F.linear(hidden, self.encoder.embeddings.tokens.weight, self.bias)  # (..., e) -> (..., v)

    def checkpoint_views(self) -> CheckpointViews:
        """Where each tensor of transformers' AlbertForMaskedLM belongs: views into the parameters."""
        head = {"predictions.dense": self.dense, "predictions.LayerNorm": self.norm}
        encoder = {f"albert.{name}": view for name, view in self.encoder.checkpoint_views().items()}
        return encoder | linear_views(head) | {"predictions.bias": self.bias.data}


def _embedding_sizes(config: AlbertConfig) -> EncoderConfig:
    """What `Embeddings` reads, as wide as a token's vector; it reads nothing of layers, heads and d_ff."""
    return EncoderConfig(
        vocab_size=config.vocab_size,
        d_model=config.d_embedding,
        n_heads=1,
        max_len=config.max_len,
        n_segments=config.n_segments,
        dropout=config.dropout,
        layer_norm_eps=config.layer_norm_eps,
    )


def _block_views(prefix: str, block: EncoderBlock) -> Iterator[tuple[str, Tensor]]:
    for part in ("weight", "bias"):
        rows = getattr(block.attn.qkv, part).data.chunk(3)  # one fused matrix here, three in the checkpoint
        for name, row in zip(("query", "key", "value"), rows, strict=True):
            yield f"{prefix}.attention.{name}.{part}", row
    modules = {
        f"{prefix}.attention.dense": block.attn.out,
        f"{prefix}.attention.LayerNorm": block.attn_norm,
        f"{prefix}.ffn": block.ffn.up,
        f"{prefix}.ffn_output": block.ffn.down,
        f"{prefix}.full_layer_layer_norm": block.ffn_norm,
    }
    yield from linear_views(modules).items()
