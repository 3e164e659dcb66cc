"""GPT-2: a stack of causal pre-norm blocks over token and position vectors; the embedding also reads the output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.blocks import EncoderBlock
from mha.cache import KVCache, LayerCaches
from mha.checkpoint import CheckpointViews, PublishedNames, linear_views
from mha.positions import LearnedPositions
from mha.row_linear import linear
from mha.validation import check_config, check_ids

__all__ = ["GPT", "GPTConfig"]

CHUNK = 512  # rows of logits that stand in memory together during training


@dataclass(frozen=True)
class GPTConfig:
    """Sizes of a `GPT`; the defaults are those of the smallest GPT-2.

    Raises:
        TypeError: a size is no integer, or another field no number.
        ValueError: a size is not positive, n_heads does not divide d_model, or dropout leaves [0, 1).
    """

    vocab_size: int = 50257
    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    d_ff: int = 3072
    max_len: int = 1024
    dropout: float = 0.0
    layer_norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        check_config(self)


class GPT(nn.Module):
    """A causal decoder: at each position, scores for the token that comes next.

    Args:
        config: the sizes.
    Source: Radford et al. 2019 (GPT-2): pre-norm, a last norm, the embedding tied to the output, weights drawn with a
        width of 0.02 and those that write to the stream with 0.02 / √(2 n_layers).
    """

    published = PublishedNames(
        prefix="transformer.",
        tied={"lm_head.weight": "transformer.wte.weight"},
        unused=("transformer.h.*.attn.bias", "transformer.h.*.attn.masked_bias"),  # causal masks
    )

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = LearnedPositions(config.d_model, config.max_len)
        self.dropout = nn.Dropout(config.dropout)
        norm = partial(nn.LayerNorm, eps=config.layer_norm_eps)
        self.blocks = nn.ModuleList(
            EncoderBlock(
                config.d_model,
                config.n_heads,
                config.d_ff,
                norm_first=True,
                dropout=config.dropout,
                activation="gelu_tanh",
                norm=norm,
            )
            for _ in range(config.n_layers)
        )
        self.norm = norm(config.d_model)
        self._draw()

    @property
    def max_len(self) -> int:
        """The most tokens it can read."""
        return self.config.max_len

    def reset_parameters(self) -> None:
        """Draw all weights anew, as GPT-2 does; norms start as ones and zeros."""
        self.positions.reset_parameters()
        self._draw()

    def _draw(self) -> None:
        """All weights but the positions, which have just been drawn."""
        writers: list[nn.Linear] = []
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
            if isinstance(module, EncoderBlock):
                writers += [module.attn.out, module.ffn.down]
        for writer in writers:
            nn.init.normal_(writer.weight, std=0.02 / math.sqrt(2 * self.config.n_layers))

    def forward(
        self, token_ids: Tensor, *, key_mask: Tensor | None = None, caches: Sequence[KVCache] | None = None
    ) -> Tensor:
        """Logits of the next token at each position.

        Args:
            token_ids: (b, i) integers; with caches only those that come after what the caches hold.
            key_mask: bool (b, j), True = a real token, over all tokens, those in the caches included. Padding may
                stand anywhere: a token's position counts the real ones before it.
            caches: from `new_caches`; extended by these tokens.
        Returns:
            logits (b, i, v). What stands at padding is computed but means nothing.
        Raises:
            TypeError: the ids are not integers, or key_mask is not bool.
            ValueError: ids outside the vocabulary, more tokens than max_len, or caches that do not fit.
        """
        return linear(self.last_hidden_state(token_ids, key_mask=key_mask, caches=caches), self.tokens.weight)

    def last_hidden_state(
        self, token_ids: Tensor, *, key_mask: Tensor | None = None, caches: Sequence[KVCache] | None = None
    ) -> Tensor:
        """The vectors (b, i, m) that the logits are read from. Arguments as for `forward`."""
        check_ids("token_ids", token_ids, self.config.vocab_size)
        if caches is not None and len(caches) != len(self.blocks):
            raise ValueError(f"caches must be one a block ({len(self.blocks)}), got {len(caches)}")
        if caches is not None and not isinstance(caches, LayerCaches):
            caches = LayerCaches(caches)  # which refuses one that two blocks share
        offset = 0 if caches is None else caches.length
        x: Tensor = self.positions(self.tokens(token_ids), offset, key_mask=key_mask)  # (b, i) -> (b, i, m)
        x = self.dropout(x) if self.training else x
        for index, block in enumerate(self.blocks):
            x = block(x, key_mask=key_mask, is_causal=True, cache=None if caches is None else caches[index])
        normed: Tensor = self.norm(x)
        return normed

    def next_token_loss(self, token_ids: Tensor) -> Tensor:
        """Mean cross-entropy, in nats, of each token given those before it.

        The logits of all positions never stand in memory together: at v = 8192 writing and reading them takes a
        quarter of a training step of a small model. They do where the loss is compiled, exported or transformed by
        `torch.func`, and where its gradient is differentiated again.

        Args:
            token_ids: (b, i) integers, i ≥ 2, without padding.
        Returns:
            A scalar.
        Raises:
            TypeError, ValueError: as `forward` does.
        """
        check_ids("token_ids", token_ids, self.config.vocab_size)  # the last one too, which `forward` does not see
        if token_ids.shape[1] < 2:
            raise ValueError(f"token_ids must have at least 2 tokens, one to predict, got {token_ids.shape[1]}")
        states = self.last_hidden_state(token_ids[:, :-1]).flatten(0, 1)  # (b, i - 1, m) -> (b · (i - 1), m)
        targets, weight = token_ids[:, 1:].flatten().long(), self.tokens.weight
        if torch.compiler.is_compiling() or torch.func.debug_unwrap(states) is not states:
            return _loss(states, weight, targets)
        loss: Tensor = _LossInChunks.apply(states, weight, targets)  # type: ignore[no-untyped-call]
        return loss

    def new_caches(self, batch: int, max_len: int) -> LayerCaches:
        """An empty cache for each block, with room for max_len tokens of `batch` sequences."""
        return LayerCaches(cast(EncoderBlock, block).attn.new_cache(batch, max_len) for block in self.blocks)

    def checkpoint_views(self) -> CheckpointViews:
        """Where each tensor of transformers' GPT2LMHeadModel belongs: views into the parameters."""
        views = {
            "transformer.wte.weight": self.tokens.weight.data,
            "transformer.wpe.weight": self.positions.weight.data,
        }
        modules: dict[str, nn.Module] = {"transformer.ln_f": self.norm}
        for index, module in enumerate(self.blocks):
            block, prefix = cast(EncoderBlock, module), f"transformer.h.{index}"
            modules |= {f"{prefix}.ln_1": block.attn_norm, f"{prefix}.ln_2": block.ffn_norm}
            linears = {"attn.c_attn": block.attn.qkv, "attn.c_proj": block.attn.out}
            linears |= {"mlp.c_fc": block.ffn.up, "mlp.c_proj": block.ffn.down}
            for name, layer in linears.items():  # GPT-2 stores (in, out), as its first TensorFlow code did
                views[f"{prefix}.{name}.weight"] = layer.weight.data.T
                views[f"{prefix}.{name}.bias"] = layer.bias.data
        return views | linear_views(modules)


def _loss(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(states, weight), targets)  # (n, m) -> (n, v) -> ()


class _LossInChunks(torch.autograd.Function):
    """`_loss`, whose gradient is computed along the way; to be differentiated again it is computed from the logits."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        ctx.save_for_backward(states, weight, targets)
        needed = ctx.needs_input_grad[:2]
        with torch.set_grad_enabled(any(needed)):
            ctx.inner = [x.detach().requires_grad_(need) for x, need in zip((states, weight), needed, strict=True)]
            options = nn.LinearCrossEntropyOptions(batch_chunk_size=CHUNK)
            ctx.loss = F.linear_cross_entropy(ctx.inner[0], ctx.inner[1], targets, options=options)
        return cast(Tensor, ctx.loss.detach())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        again = torch.is_grad_enabled()
        inputs, loss = ctx.inner, ctx.loss
        if again:
            *outer, targets = ctx.saved_tensors
            inputs = [x.view_as(x) for x in outer]  # the weight itself is also behind the states
            loss = _loss(inputs[0], inputs[1], targets)
        wanted = [x for x, need in zip(inputs, ctx.needs_input_grad[:2], strict=True) if need]
        found = iter(torch.autograd.grad(loss, wanted, gradients, create_graph=again))
        return tuple(next(found) if need else None for need in ctx.needs_input_grad)
