"""Transformer blocks: attention and a feed-forward net, each with a residual connection and a layer norm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from mha.cache import KVCache, check_cache
from mha.heads import MultiHeadAttention
from mha.masks import check_key_mask
from mha.row_linear import linear_layer
from mha.validation import check_choice, check_integer, check_number, check_stream, was_checked

__all__ = ["DecoderBlock", "EncoderBlock", "FeedForward", "GatedFeedForward"]

Norm = Callable[[int], nn.Module]  # d_model -> what normalises a token's channels


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,  # GPT-2's approximation
    "relu": F.relu,
    "silu": F.silu,
}


class FeedForward(nn.Module):
    """down(activation(up(x))), at each position by itself.

    Args:
        d_model: m, width of what comes in and goes out.  d_ff: width in between.
        activation: one of `ACTIVATIONS`: "gelu", "gelu_tanh", "relu", "silu".
        dropout: probability of dropping an activation, in training.  bias: whether the two projections add one.
    Raises:
        ValueError: a size is not positive, the activation is unknown, or dropout leaves [0, 1).
    Source: Vaswani et al. 2017, section 3.3 (with "relu"); gelu: Hendrycks and Gimpel 2016.
    """

    def __init__(
        self, d_model: int, d_ff: int, *, activation: str = "gelu", dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        self.d_model = check_integer("d_model", d_model, at_least=1)
        self.d_ff = check_integer("d_ff", d_ff, at_least=1)
        check_choice("activation", activation, ACTIVATIONS)
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)
        self.dropout = _dropout(dropout)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(..., m) -> (..., m). Raises ValueError where width, dtype or device is not the layer's."""
        if not was_checked():
            check_stream("x", x, self.d_model, self.up)
        hidden = self.hidden(x)
        return linear_layer(self.down, self.dropout(hidden) if self.training else hidden)

    def hidden(self, x: Tensor) -> Tensor:
        """What is projected down: (..., m) -> (..., d_ff)."""
        return ACTIVATIONS[self.activation](linear_layer(self.up, x))

    def extra_repr(self) -> str:
        return f"activation={self.activation!r}"


class GatedFeedForward(FeedForward):
    """down(activation(gate(x)) · up(x)): one projection says what is written, another how much of it.

    It has three matrices where `FeedForward` has two: with two thirds of its d_ff it is as large.

    Args:
        d_model, d_ff, activation, dropout, bias: as for `FeedForward`; with "silu" it is a SwiGLU.
    Raises:
        ValueError: as `FeedForward` does.
    Source: Shazeer 2020 (there without biases).
    """

    def __init__(
        self, d_model: int, d_ff: int, *, activation: str = "silu", dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__(d_model, d_ff, activation=activation, dropout=dropout, bias=bias)
        self.gate = nn.Linear(d_model, d_ff, bias=bias)

    def hidden(self, x: Tensor) -> Tensor:
        """What is projected down: (..., m) -> (..., d_ff)."""
        return ACTIVATIONS[self.activation](linear_layer(self.gate, x)) * linear_layer(self.up, x)


class _Residual(nn.Module):
    """How a block joins a sublayer to the stream x: normalised behind the sum, or before the sublayer."""

    def __init__(self, norm_first: bool, dropout: float) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.dropout = _dropout(dropout)

    def _join(self, x: Tensor, norm: nn.Module, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        update = sublayer(norm(x) if self.norm_first else x)
        if self.training:
            update = self.dropout(update)
        joined: Tensor = x + update if self.norm_first else norm(x + update)
        return joined


class EncoderBlock(_Residual):
    """Self-attention, then a feed-forward net. With is_causal it is the block of a decoder-only model.

    Args:
        d_model: m.  n_heads: h.  d_ff: width inside the feed-forward net.
        norm_first: False normalises behind each sum (post-norm, as in the paper and BERT); True before each sublayer
            (pre-norm, as in GPT-2), and then whoever stacks the blocks adds one norm behind the last.
        dropout: probability, in training, on weights, on activations and on what each sublayer adds.
        activation: of the feed-forward net.  bias: whether its projections, and those of a plain attention, add one.
        norm: makes the norms: a class such as `nn.LayerNorm` or `nn.RMSNorm`, or `partial(nn.LayerNorm, eps=1e-12)`.
        attention: the attention to use, for what `MultiHeadAttention` offers beyond this (grouped queries, rotary
            positions, a gate, its own dropout); a plain one if None.
        ffn: the feed-forward net to use, such as a `GatedFeedForward`; a plain one if None.
    Raises:
        ValueError: attention is not of d_model and n_heads, or ffn not of d_model and d_ff; as `MultiHeadAttention`
            and `FeedForward` do.
    Source: Vaswani et al. 2017, section 3.1; pre-norm: Xiong et al. 2020.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_ff: int,
        *,
        norm_first: bool = False,
        dropout: float = 0.0,
        activation: str = "gelu",
        bias: bool = True,
        norm: Norm = nn.LayerNorm,
        attention: MultiHeadAttention | None = None,
        ffn: FeedForward | None = None,
    ) -> None:
        super().__init__(norm_first, dropout)
        self.attn = _attention(attention, d_model, n_heads, dropout, bias)
        self.attn_norm = norm(d_model)
        self.ffn = _feed_forward(ffn, d_model, d_ff, activation, dropout, bias)
        self.ffn_norm = norm(d_model)

    def forward(
        self,
        x: Tensor,
        *,
        key_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        attn_bias: Tensor | None = None,
        is_causal: bool = False,
        cache: KVCache | None = None,
    ) -> Tensor:
        """(b, i, m) -> (b, i, m); the keyword arguments, and what is raised, are `MultiHeadAttention`'s."""
        self.attn.check_inputs(x, None)  # before a norm fails on it
        attend = partial(
            self.attn, key_mask=key_mask, attn_mask=attn_mask, attn_bias=attn_bias, is_causal=is_causal, cache=cache
        )
        x = self._join(x, self.attn_norm, attend)
        return self._join(x, self.ffn_norm, self.ffn)


class DecoderBlock(_Residual):
    """Causal self-attention, attention over an encoder's output, then a feed-forward net.

    Args:
        As for `EncoderBlock`; attention is the self-attention, cross_attention the one over the memory.
    Raises:
        ValueError: as `EncoderBlock` does.
    Source: Vaswani et al. 2017, section 3.1.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_ff: int,
        *,
        norm_first: bool = False,
        dropout: float = 0.0,
        activation: str = "gelu",
        bias: bool = True,
        norm: Norm = nn.LayerNorm,
        attention: MultiHeadAttention | None = None,
        cross_attention: MultiHeadAttention | None = None,
        ffn: FeedForward | None = None,
    ) -> None:
        super().__init__(norm_first, dropout)
        self.self_attn = _attention(attention, d_model, n_heads, dropout, bias)
        self.self_norm = norm(d_model)
        self.cross_attn = _attention(cross_attention, d_model, n_heads, dropout, bias)
        self.cross_norm = norm(d_model)
        self.ffn = _feed_forward(ffn, d_model, d_ff, activation, dropout, bias)
        self.ffn_norm = norm(d_model)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        *,
        key_mask: Tensor | None = None,
        memory_key_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        attn_bias: Tensor | None = None,
        cache: KVCache | None = None,
        memory_cache: KVCache | None = None,
    ) -> Tensor:
        """One step down the decoder.

        Args:
            x: (b, i, m).  memory: (b, j, m), the encoder's output.
            key_mask, attn_mask, attn_bias, cache: of the self-attention, which is causal whatever they say.
            memory_key_mask: bool (b, j); True = a real token of the memory.
            memory_cache: keys and values of the memory, filled by the first call and read by those that follow.
        Returns:
            (b, i, m).
        Raises:
            ValueError, TypeError: as `MultiHeadAttention` does.
        """
        self.self_attn.check_inputs(x, None)
        self._check_memory(x, memory, memory_key_mask, memory_cache)
        attend = partial(
            self.self_attn, key_mask=key_mask, attn_mask=attn_mask, attn_bias=attn_bias, is_causal=True, cache=cache
        )
        look_up = partial(self.cross_attn, context=memory, key_mask=memory_key_mask, cache=memory_cache)
        x = self._join(x, self.self_norm, attend)
        x = self._join(x, self.cross_norm, look_up)
        return self._join(x, self.ffn_norm, self.ffn)

    def _check_memory(
        self, x: Tensor, memory: Tensor, memory_key_mask: Tensor | None, memory_cache: KVCache | None
    ) -> None:
        """What the cross-attention would refuse under the names that it has for them."""
        check_stream("memory", memory, self.cross_attn.d_model, self.cross_attn.qkv, batched=True)
        if memory.shape[0] != x.shape[0]:
            raise ValueError(f"x and memory must agree in batch, got {x.shape[0]} and {memory.shape[0]}")
        if memory_key_mask is not None:
            check_key_mask(memory_key_mask, memory.shape[0], memory.shape[1], "memory_key_mask")
        if memory_cache is not None:
            check_cache(memory_cache, x, memory, ("memory_cache", "memory"))


def _attention(
    attention: MultiHeadAttention | None, d_model: int, n_heads: int, dropout: float, bias: bool
) -> MultiHeadAttention:
    if attention is None:
        return MultiHeadAttention(d_model, n_heads, dropout=dropout, bias=bias)
    if (attention.d_model, attention.n_heads) != (d_model, n_heads):
        raise ValueError(
            f"attention must have d_model ({d_model}) and n_heads ({n_heads}), "
            f"got {attention.d_model} and {attention.n_heads}"
        )
    return attention


def _feed_forward(
    ffn: FeedForward | None, d_model: int, d_ff: int, activation: str, dropout: float, bias: bool
) -> FeedForward:
    if ffn is None:
        return FeedForward(d_model, d_ff, activation=activation, dropout=dropout, bias=bias)
    if (ffn.d_model, ffn.d_ff) != (d_model, d_ff):
        raise ValueError(f"ffn must have d_model ({d_model}) and d_ff ({d_ff}), got {ffn.d_model} and {ffn.d_ff}")
    return ffn


def _dropout(p: float) -> nn.Dropout:
    return nn.Dropout(check_number("dropout", p, at_least=0, below=1))
