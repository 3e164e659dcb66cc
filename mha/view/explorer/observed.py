"""What the explorer shows beside the weights: queries, keys, and how long the vectors are that a weight hands on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mha.attention import attention, repeat_kv
from mha.detours import detour
from mha.heads import MultiHeadAttention
from mha.validation import check_module

__all__ = ["ObservedLayer", "observe_attention"]


@dataclass(frozen=True)
class ObservedLayer:
    """The last call of one attention layer, without gradients.

    Fields:
        weights: (b, h, i, j).
        queries: (b, h, i, d), rotated if the layer rotates, times its scale.  keys: (b, h, j, d). Their products over
            all channels are the scores, but for a bias.
        lengths: (b, h, j), of each value times its head's rows of W_O: what a weight of 1 would add to the output.
        biased: whether a bias was added to the scores.
    """

    weights: Tensor
    queries: Tensor
    keys: Tensor
    lengths: Tensor
    biased: bool


@contextmanager
def observe_attention(model: nn.Module) -> Iterator[dict[str, ObservedLayer]]:
    """Inside the `with`, every `MultiHeadAttention` in model takes the explicit path and what it did is kept.

    As `mha.recording.record_attention`, for `explore` alone: more of each call, the last call of each layer, and no
    gradients. A gate of the heads is left out of the lengths.

    Args:
        model: holds `MultiHeadAttention` layers, or is one.
    Yields:
        The layers by their names in the model, in the order in which they first ran.
    Raises:
        TypeError: model is no module.
        ValueError: model has no `MultiHeadAttention`.
    """
    check_module("model", model)
    layers = {name or "attention": m for name, m in model.named_modules() if isinstance(m, MultiHeadAttention)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no MultiHeadAttention layer to observe")
    seen: dict[str, ObservedLayer] = {}
    with detour({layer: partial(_observed, seen, name, layer) for name, layer in layers.items()}):
        yield seen


def _observed(
    seen: dict[str, ObservedLayer],
    name: str,
    layer: MultiHeadAttention,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    **options: Any,
) -> Tensor:
    out, weights = attention(q, k, v, **options)
    with torch.no_grad():
        scale = options.get("scale")
        queries = q * (q.shape[-1] ** -0.5 if scale is None else scale)
        lengths = _lengths(layer, repeat_kv(q, v))
        biased = options.get("attn_bias") is not None
        seen[name] = ObservedLayer(weights.detach(), queries, repeat_kv(q, k).detach(), lengths, biased)
    return out


def _lengths(layer: MultiHeadAttention, v: Tensor) -> Tensor:
    rows = layer.out.weight.T.unflatten(0, (layer.n_heads, -1))  # (h·d, m) -> (h, d, m)
    return (v.to(rows.dtype) @ rows).norm(dim=-1)  # (b, h, j, d) (h, d, m) -> (b, h, j, m) -> (b, h, j)
