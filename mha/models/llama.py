"""Llama and its kin: RMSNorm before each sublayer, a gated feed-forward net, rotary positions, grouped queries.

With normed queries and keys it is Qwen3, with a sliding window Mistral.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

from torch import nn

from mha.blocks import EncoderBlock, GatedFeedForward
from mha.checkpoint import CheckpointViews, PublishedNames, linear_views
from mha.heads import MultiHeadAttention
from mha.models.causal_lm import CausalLM
from mha.patterns import SlidingWindow
from mha.positions import Rotary
from mha.validation import check_integer, check_number

__all__ = ["Llama", "LlamaConfig"]


@dataclass(frozen=True)
class LlamaConfig:
    """Sizes of a `Llama`; the defaults are those of the 7B model of 2023.

    Args:
        n_kv_heads: g, heads of keys and values; as many as n_heads if None.  head_dim: d; d_model / n_heads if None.
        rotary_base: of the angles.  norm_eps: of all norms.
        qk_norm: whether each head's queries and keys are normed (Qwen3).
        window: positions that a query sees, its own included (Mistral); all if None.
        tied: whether the embedding also reads the output.
    Raises:
        TypeError: a size is no integer, a number none, or qk_norm or tied no bool.
        ValueError: a size is not positive, n_heads does not divide d_model where head_dim is None, n_kv_heads does not
            divide n_heads, or the heads are of an odd width, which cannot be rotated.
    """

    vocab_size: int = 32000
    d_model: int = 4096
    n_layers: int = 32
    n_heads: int = 32
    n_kv_heads: int | None = None
    head_dim: int | None = None
    d_ff: int = 11008
    max_len: int = 2048
    rotary_base: float = 10000.0
    norm_eps: float = 1e-6
    qk_norm: bool = False
    window: int | None = None
    tied: bool = False

    def __post_init__(self) -> None:
        for name in ("vocab_size", "d_model", "n_layers", "n_heads", "d_ff", "max_len"):
            check_integer(name, getattr(self, name), at_least=1)
        for name in ("n_kv_heads", "head_dim", "window"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), at_least=1)
        check_number("rotary_base", self.rotary_base, above=1)
        check_number("norm_eps", self.norm_eps, above=0)
        for name in ("qk_norm", "tied"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.head_dim is None and self.d_model % self.n_heads:
            raise ValueError(f"d_model ({self.d_model}) must be divisible by n_heads ({self.n_heads})")
        if self.n_heads % (self.n_kv_heads or self.n_heads):
            raise ValueError(f"n_heads ({self.n_heads}) must be divisible by n_kv_heads ({self.n_kv_heads})")
        if self.width_of_heads % 2:
            raise ValueError(f"head_dim ({self.width_of_heads}) must be even, to be rotated in pairs")

    @property
    def width_of_heads(self) -> int:
        """d, as given or as d_model / n_heads."""
        return self.d_model // self.n_heads if self.head_dim is None else self.head_dim


class Llama(CausalLM):
    """A `CausalLM` of the blocks that its config asks for.

    Args:
        config: the sizes.
    Source: Touvron et al. 2023 (Llama); Jiang et al. 2023 (Mistral); Yang et al. 2025 (Qwen3). Weights are drawn as
    `CausalLM` says.
    """

    def __init__(self, config: LlamaConfig) -> None:
        rotary = Rotary(config.width_of_heads, config.rotary_base, pairing="halves")
        norm = partial(nn.RMSNorm, eps=config.norm_eps)
        blocks = [_block(config, rotary, norm) for _ in range(config.n_layers)]
        super().__init__(config.vocab_size, blocks, norm=norm(config.d_model), tied=config.tied)
        self.config = config

    @property
    def max_len(self) -> int:
        """The most tokens it can read."""
        return self.config.max_len

    @property
    def published(self) -> PublishedNames:
        """How files name its weights."""
        return PublishedNames(
            prefix="model.",
            tied={"lm_head.weight": "model.embed_tokens.weight"} if self.config.tied else {},
            unused=("model.layers.*.self_attn.rotary_emb.inv_freq",),
        )

    def checkpoint_views(self) -> CheckpointViews:
        """Where each tensor of transformers' LlamaForCausalLM and its kin belongs: views into the parameters."""
        modules = {"model.embed_tokens": self.tokens, "model.norm": cast(nn.Module, self.norm)}
        views = linear_views(modules | ({} if self.unembed is None else {"lm_head": self.unembed}))
        for index, block in enumerate(self.layers()):
            views |= _block_views(block, f"model.layers.{index}")
        return views


def _block(config: LlamaConfig, rotary: Rotary, norm: partial[nn.RMSNorm]) -> EncoderBlock:
    d_model, n_heads, d_ff = config.d_model, config.n_heads, config.d_ff
    attention = MultiHeadAttention(
        d_model,
        n_heads,
        n_kv_heads=config.n_kv_heads,
        head_dim=config.head_dim,
        bias=False,
        rotary=rotary,
        qk_norm=norm if config.qk_norm else None,
        patterns=() if config.window is None else (SlidingWindow(config.window),),
    )
    ffn = GatedFeedForward(d_model, d_ff, bias=False)
    return EncoderBlock(d_model, n_heads, d_ff, norm_first=True, norm=norm, attention=attention, ffn=ffn)


def _block_views(block: EncoderBlock, prefix: str) -> CheckpointViews:
    attn, ffn = block.attn, cast(GatedFeedForward, block.ffn)
    modules = {
        "input_layernorm": block.attn_norm,
        "post_attention_layernorm": block.ffn_norm,
        "self_attn.o_proj": attn.out,
        "mlp.gate_proj": ffn.gate,
        "mlp.up_proj": ffn.up,
        "mlp.down_proj": ffn.down,
    }
    if attn.q_norm is not None and attn.k_norm is not None:
        modules |= {"self_attn.q_norm": attn.q_norm, "self_attn.k_norm": attn.k_norm}
    views = linear_views({f"{prefix}.{name}": module for name, module in modules.items()})
    heads = [attn.n_heads, attn.n_kv_heads, attn.n_kv_heads]
    parts = attn.qkv.weight.data.split([n * attn.head_dim for n in heads])
    return views | {f"{prefix}.self_attn.{name}_proj.weight": part for name, part in zip("qkv", parts, strict=True)}
