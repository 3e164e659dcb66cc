"""Look at the weights of a model while it runs, without a flag in any `forward`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from mha.attention import attention, fused_attention
from mha.detours import detour, in_backward
from mha.heads import MultiHeadAttention
from mha.validation import check_module

__all__ = ["AttentionMaps", "record_attention"]


class AttentionMaps(Mapping[str, Tensor]):
    """Weights by the layer's name in the model, in the order in which the layers first ran.

    `maps[name]` is what the layer's last call gave, (b, h, i, j); `maps.calls(name)` lists all its calls. The weights
    hang on the autograd graph, so a gradient with respect to them can be taken.
    """

    def __init__(self) -> None:
        self._calls: dict[str, list[Tensor]] = {}

    def __getitem__(self, name: str) -> Tensor:
        return self.calls(name)[-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def calls(self, name: str) -> list[Tensor]:
        """Every call's weights of one layer. Raises KeyError, with the names there are, if the layer never ran."""
        if name not in self._calls:
            raise KeyError(f"no layer {name!r} was recorded; recorded were {list(self._calls)}")
        return self._calls[name]

    def stack(self) -> Tensor:
        """The last call of every layer, (n_layers, b, h, i, j).

        Raises:
            ValueError: nothing was recorded, or the layers' shapes differ (self- and cross-attention, say).
        """
        shapes = {name: tuple(self[name].shape) for name in self}
        if len(set(shapes.values())) != 1:
            raise ValueError(f"stack needs layers of one shape, got {shapes or 'no recorded layer'}")
        return torch.stack([self[name] for name in self])

    def add(self, name: str, weights: Tensor) -> None:
        """Keep the weights of one more call of a layer."""
        self._calls.setdefault(name, []).append(weights)


@contextmanager
def record_attention(model: nn.Module) -> Iterator[AttentionMaps]:
    """Inside the `with`, every `MultiHeadAttention` in model takes the explicit path and its weights are kept.

    That holds for the thread that entered it; other threads, and a copy of the model, go as ever. Under activation
    checkpointing a layer that runs again in the backward pass is not a call of its own; what the explicit path saves
    for the backward pass is kept all the same. On a GPU the paths draw dropout differently: do not have recording,
    checkpointing and dropout together there.

    Args:
        model: holds `MultiHeadAttention` layers, or is one.
    Yields:
        The maps, filled as the model runs; they stay when the `with` ends and the layers take the fused path again.
    Raises:
        TypeError: model is no module.
        ValueError: model has no `MultiHeadAttention`.
    """
    check_module("model", model)
    layers = {name or "attention": m for name, m in model.named_modules() if isinstance(m, MultiHeadAttention)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no MultiHeadAttention layer to record")
    maps = AttentionMaps()
    with detour({layer: partial(_recorded, maps, name) for name, layer in layers.items()}):
        yield maps


def _recorded(maps: AttentionMaps, name: str, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    if torch.compiler.is_compiling():
        out, weights = attention(q, k, v, **options)
    elif in_backward():
        return fused_attention(q, k, v, **options)
    else:
        if torch.is_grad_enabled():
            _save_as_unrecorded(q, k, v, **options)
        with saved_tensors_hooks(_as_it_is, _as_it_is):
            out, weights = attention(q, k, v, **options)
    maps.add(name, weights)
    return out


def _save_as_unrecorded(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> None:
    """Let checkpointing see what the fused path saves: it compares that with what the layer saves when it runs again,
    which may be behind the `with`."""
    with torch.random.fork_rng(devices=[q.device] if q.is_cuda else [], enabled=options.get("dropout_p", 0.0) > 0.0):
        fused_attention(q, k, v, **options)


def _as_it_is(x: Tensor) -> Tensor:
    return x
