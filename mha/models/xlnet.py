"""XLNet: predicts tokens in permuted orders, by two streams of attention with relative positions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.blocks import FeedForward
from mha.checkpoint import CheckpointViews, PublishedNames, linear_views
from mha.masks import combine_masks
from mha.models.relative import Pairs, RelativeAttention, lag_vectors
from mha.validation import check_config, check_ids, check_integer, check_tensor, readable

__all__ = ["XLNet", "XLNetBlock", "XLNetConfig", "permutation_masks"]


@dataclass(frozen=True)
class XLNetConfig:
    """Sizes of an `XLNet`; the defaults are those of the smaller published one. There is no longest text.

    Raises:
        TypeError: a size is no integer, or another field no number.
        ValueError: a size is not positive, n_heads does not divide d_model, d_model is odd, or dropout leaves [0, 1).
    """

    vocab_size: int = 32000
    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    d_ff: int = 3072
    dropout: float = 0.0
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        check_config(self)
        if self.d_model % 2:
            raise ValueError(f"d_model ({self.d_model}) must be even: lags are encoded in pairs of sine and cosine")


def permutation_masks(order: Tensor, n_context: int = 0) -> tuple[Tensor, Tensor]:
    """Who may attend to whom where tokens are predicted in a given order.

    Args:
        order: (..., i) integers, each row a permutation: the position that comes first, that which comes second …
        n_context: so many positions at the head of the order are not predicted; all of them may see one another.
    Returns:
        content and query, each (..., i, i) bool by position, True = may attend. The content stream sees what comes
        earlier in the order and the position itself, the query stream only what comes earlier.
    Raises:
        TypeError: order is not int64 or int32.
        ValueError: a row of it is no permutation of 0 … i - 1, or n_context is not in 0 … i.
    Source: Yang et al. 2019, section 2.3; that the context sees itself whole, from its code.
    """
    ranks = (_ranks(order, n_context) - n_context).clamp(min=-1)  # the context shares one rank
    query = ranks[..., :, None] > ranks[..., None, :]  # (..., i, j): key j comes before query i
    return query | (ranks[..., :, None] == ranks[..., None, :]), query


class XLNetBlock(nn.Module):
    """Relative attention, then a feed-forward net, each normalised behind its residual sum.

    Args:
        config: d_model, n_heads, d_ff, dropout and layer_norm_eps are read.
    Source: Yang et al. 2019, appendix A.2.
    """

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__()
        norm = partial(nn.LayerNorm, config.d_model, eps=config.layer_norm_eps)
        self.attn = RelativeAttention(config.d_model, config.n_heads, dropout=config.dropout)
        self.attn_norm = norm()
        self.ffn = FeedForward(config.d_model, config.d_ff, dropout=config.dropout)
        self.ffn_norm = norm()
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, context: Tensor, pairs: Pairs) -> Tensor:
        """Queries (b, q, m) over keys (b, j, m) -> (b, q, m)."""
        x = self.attn_norm(x + self.dropout(self.attn(x, context, pairs)))
        x = self.ffn_norm(x + self.dropout(self.ffn(x)))
        return x


class XLNet(nn.Module):
    """Predicts each token from those before it in an order that may differ from text to text.

    The content stream h holds a token and what it may see; the query stream g starts from one learned vector for all
    positions and never sees the token it stands for. Both use the same weights and the keys and values of h, so one
    layer call does both: the queries of g stand behind those of h.

    Args:
        config: the sizes.
    Deviations: Transformer-XL's memory of earlier segments is left out. A query that may see nothing gathers zeros;
        the published code spreads it evenly over all tokens, its own among them.
    Source: Yang et al. 2019; weights drawn with a width of 0.02 as there.
    """

    published = PublishedNames(prefix="transformer.", tied={"lm_loss.weight": "transformer.word_embedding.weight"})

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.query = nn.Parameter(torch.empty(config.d_model))  # where the query stream starts
        self.blocks = nn.ModuleList(XLNetBlock(config) for _ in range(config.n_layers))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.dropout = nn.Dropout(config.dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew: with a width of 0.02; norms start as ones and zeros, biases as 0."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
            if isinstance(module, RelativeAttention):
                for vector in (module.content_bias, module.lag_bias, module.segment_bias, module.segment_keys):
                    nn.init.normal_(vector, std=0.02)
        nn.init.normal_(self.query, std=0.02)
        nn.init.zeros_(self.bias)

    def forward(
        self,
        token_ids: Tensor,
        *,
        attn_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """The content stream alone, read by the output: each position has seen its own token, so this predicts none.

        Args:
            token_ids: (b, i) integers.  key_mask: bool (b, i), True = a real token.
            attn_mask: bool (b, i, i), True = may attend; a position may always see itself.
            segment_ids: (b, i) integers; only whether two are equal counts.
        Returns:
            logits (b, i, v). What stands at padding is computed but means nothing.
        Raises:
            TypeError: ids are not integers, or a mask is not bool.
            ValueError: ids outside the vocabulary, or shapes that do not fit.
        """
        hidden = self.last_hidden_state(token_ids, attn_mask=attn_mask, key_mask=key_mask, segment_ids=segment_ids)
        return self._logits(hidden)

    def last_hidden_state(
        self,
        token_ids: Tensor,
        *,
        attn_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """The content stream's vectors (b, i, m), what a task's own head would read. Arguments as for `forward`."""
        self._check(token_ids, {"attn_mask": attn_mask}, key_mask, segment_ids)
        pairs = self._pairs(token_ids, _itself(attn_mask, key_mask, token_ids), segment_ids)
        h = self.dropout(self.tokens(token_ids))  # (b, i) -> (b, i, m)
        for block in self.blocks:
            h = block(h, h, pairs)
        return h

    def permuted(
        self,
        token_ids: Tensor,
        order: Tensor,
        *,
        n_context: int = 0,
        predicted: Tensor | None = None,
        key_mask: Tensor | None = None,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """Predict tokens, each from those before it in the order.

        Args:
            token_ids: (b, i) integers.
            order: (b, i) integers, each row a permutation: the position that comes first, that which comes second …
            n_context: so many positions at the head of the order are given, not predicted, and see one another.
            predicted: (b, p) integers, positions behind the context; all of those, in their order, if None.
            key_mask: bool (b, i), True = a real token. Padding belongs to the head of the order, in the context.
            segment_ids: as for `forward`.
        Returns:
            logits (b, p, v) of the tokens token_ids.gather(1, predicted), or token_ids.gather(1, order[:, n_context:]).
        Raises:
            TypeError: ids or positions are not integers, or key_mask is not bool.
            ValueError: order is no permutation or nothing stands behind the context; predicted names a position that
                does not; ids outside the vocabulary; shapes that do not fit.
        """
        check_ids("token_ids", token_ids, self.config.vocab_size)
        check_tensor("order", order)
        if order.shape != token_ids.shape:
            raise ValueError(f"order must have shape {tuple(token_ids.shape)}, got {tuple(order.shape)}")
        content, query = permutation_masks(order, n_context)
        if predicted is None:
            predicted = order[..., n_context:]
        else:
            check_ids("predicted", predicted, order.shape[-1])
            _check_rows(predicted, token_ids)
            given = readable(_ranks(order, n_context).gather(-1, predicted.long()) < n_context)
            if given is not None and bool(given.any()):
                raise ValueError(f"predicted must name positions behind the context ({n_context}) of the order only")
        return self.two_streams(token_ids, content, query, predicted, key_mask=key_mask, segment_ids=segment_ids)

    def two_streams(
        self,
        token_ids: Tensor,
        content_mask: Tensor,
        query_mask: Tensor,
        predicted: Tensor,
        *,
        key_mask: Tensor | None = None,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """Predict the tokens at some positions under any two masks; the query stream runs at those positions only.

        Args:
            token_ids: (b, i) integers.  predicted: (b, p) integers, positions; may repeat.
            content_mask, query_mask: bool (b, i, i) by position, True = may attend. Only the content stream may see
                its own position, and always does.
            key_mask, segment_ids: as for `forward`.
        Returns:
            logits (b, p, v).
        Raises:
            As `forward` does; ValueError where query_mask lets a position see itself.
        """
        self._check(token_ids, {"content_mask": content_mask, "query_mask": query_mask}, key_mask, segment_ids)
        check_tensor("content_mask", content_mask)
        check_tensor("query_mask", query_mask)
        check_ids("predicted", predicted, token_ids.shape[1])
        _check_rows(predicted, token_ids)
        itself = readable(query_mask.diagonal(dim1=-2, dim2=-1))
        if itself is not None and bool(itself.any()):
            raise ValueError("query_mask must be False on its diagonal, or a token would be predicted from itself")
        predicted = predicted.long()
        asked = query_mask if key_mask is None else query_mask & key_mask[:, None, :]
        asked = asked.gather(1, predicted[..., None].expand(-1, -1, token_ids.shape[1]))  # (b, i, j) -> (b, p, j)
        mask = torch.cat([_itself(content_mask, key_mask, token_ids), asked], dim=1)  # (b, i + p, j)
        pairs = self._pairs(token_ids, mask, segment_ids, predicted)
        h, g = self.tokens(token_ids), self.query.expand(*predicted.shape, -1)
        x = self.dropout(torch.cat([h, g], dim=1))  # (b, i + p, m)
        *early, late = self.blocks
        for block in early:
            x = block(x, x[:, : token_ids.shape[1]], pairs)
        n_predicted = predicted.shape[1]  # nobody reads the last content
        return self._logits(late(x[:, -n_predicted:], x[:, : token_ids.shape[1]], pairs.last(n_predicted)))

    def checkpoint_views(self) -> CheckpointViews:
        """Where each tensor of transformers' XLNetLMHeadModel belongs: views into the parameters."""
        views = {
            "transformer.word_embedding.weight": self.tokens.weight.data,
            "transformer.mask_emb": self.query.data[None, None],
            "lm_loss.bias": self.bias.data,
        }
        for index, module in enumerate(self.blocks):
            block, prefix = cast(XLNetBlock, module), f"transformer.layer.{index}"
            views |= {f"{prefix}.rel_attn.{name}": view for name, view in _attention_views(block.attn).items()}
            modules: dict[str, nn.Module] = {"rel_attn.layer_norm": block.attn_norm, "ff.layer_norm": block.ffn_norm}
            modules |= {"ff.layer_1": block.ffn.up, "ff.layer_2": block.ffn.down}
            views |= linear_views({f"{prefix}.{name}": module for name, module in modules.items()})
        return views

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(self.dropout(x), self.tokens.weight, self.bias)  # (..., m) -> (..., v)

    def _pairs(
        self, token_ids: Tensor, mask: Tensor, segment_ids: Tensor | None, predicted: Tensor | None = None
    ) -> Pairs:
        """For queries at every position, and at those predicted behind them."""
        positions = torch.arange(token_ids.shape[1], device=token_ids.device)
        places = positions.expand_as(token_ids)
        if predicted is not None:
            places = torch.cat([places, predicted], dim=1)  # (b, i + p)
        elsewhere = None
        if segment_ids is not None:
            elsewhere = (segment_ids.gather(1, places)[:, :, None] != segment_ids[:, None, :]).long()[:, None]
        lags = places[:, None, :, None] - positions + len(positions) - 1  # (b, 1, q, j), from 0
        vectors = lag_vectors(len(positions), self.config.d_model).to(self.query)
        return Pairs(mask[:, None], self.dropout(vectors), lags, elsewhere)

    def _check(
        self, token_ids: Tensor, masks: dict[str, Tensor | None], key_mask: Tensor | None, segment_ids: Tensor | None
    ) -> None:
        check_ids("token_ids", token_ids, self.config.vocab_size)
        shape, square = tuple(token_ids.shape), (*token_ids.shape, token_ids.shape[1])
        wanted = {name: (mask, square) for name, mask in masks.items()}
        for name, (value, expected) in {**wanted, "key_mask": (key_mask, shape)}.items():
            if value is not None:
                check_tensor(name, value)
            if value is not None and value.dtype != torch.bool:
                raise TypeError(f"{name} must be bool (True = may attend), got {value.dtype}")
            if value is not None and value.shape != expected:
                raise ValueError(f"{name} must have shape {expected}, got {tuple(value.shape)}")
        if segment_ids is not None:
            check_ids("segment_ids", segment_ids)
        if segment_ids is not None and segment_ids.shape != shape:
            raise ValueError(f"segment_ids must have shape {shape}, got {tuple(segment_ids.shape)}")


def _check_rows(predicted: Tensor, token_ids: Tensor) -> None:
    if predicted.shape[0] != token_ids.shape[0]:
        raise ValueError(f"predicted must have {token_ids.shape[0]} rows as token_ids, got {predicted.shape[0]}")


def _ranks(order: Tensor, n_context: int) -> Tensor:
    """(..., i): when each position's turn comes, from 0."""
    check_tensor("order", order)
    if order.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"order must be int64 or int32, got {order.dtype}")
    if order.dim() < 1 or 0 in order.shape:
        raise ValueError(f"order must have shape (..., i), none empty, got {tuple(order.shape)}")
    ranks, length = order.argsort(-1), order.shape[-1]
    wrong = readable(order.gather(-1, ranks) != torch.arange(length, device=order.device))
    if wrong is not None and bool(wrong.any()):
        raise ValueError(f"each row of order must be a permutation of 0 … {length - 1}, got {order.tolist()}")
    check_integer("n_context", n_context, at_least=0, at_most=length)
    return ranks


def _itself(mask: Tensor | None, key_mask: Tensor | None, token_ids: Tensor) -> Tensor:
    """(b, i, i): allowed by both masks, and each position by itself, so that no row is empty."""
    itself = torch.eye(token_ids.shape[1], dtype=torch.bool, device=token_ids.device)
    allowed = combine_masks(mask, None if key_mask is None else key_mask[:, None, :])
    return (torch.ones_like(itself) if allowed is None else allowed | itself).expand(len(token_ids), *itself.shape)


def _attention_views(attn: RelativeAttention) -> dict[str, Tensor]:
    """XLNet stores each projection as (m, h, d)."""
    q, k, v = attn.qkv.weight.data.chunk(3)
    rows = {"q": q, "k": k, "v": v, "r": attn.lag_keys.weight.data}
    views = {name: matrix.T.unflatten(1, (attn.n_heads, -1)) for name, matrix in rows.items()}  # (h·d, m) -> (m, h, d)
    return {
        **views,
        "o": attn.out.weight.data.unflatten(1, (attn.n_heads, -1)),  # (m, h·d) -> (m, h, d)
        "r_w_bias": attn.content_bias.data,
        "r_r_bias": attn.lag_bias.data,
        "r_s_bias": attn.segment_bias.data,
        "seg_embed": attn.segment_keys.data,
    }
