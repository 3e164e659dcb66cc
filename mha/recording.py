"""Look at the weights of a model while it runs, without a flag in any `forward`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mha.attention import attention
from mha.heads import MultiHeadAttention

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

    Args:
        model: holds `MultiHeadAttention` layers, or is one.
    Yields:
        The maps, filled as the model runs; they stay when the `with` ends and the layers take the fused path again.
    Raises:
        ValueError: model has no `MultiHeadAttention`.
    """
    layers = {name or "attention": m for name, m in model.named_modules() if isinstance(m, MultiHeadAttention)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no MultiHeadAttention layer to record")
    maps = AttentionMaps()
    before = {name: layer.attend for name, layer in layers.items()}
    try:
        for name, layer in layers.items():
            layer.attend = _recorder(maps, name)
        yield maps
    finally:
        for name, layer in layers.items():
            layer.attend = before[name]


def _recorder(maps: AttentionMaps, name: str) -> Callable[..., Tensor]:
    def attend(q: Tensor, k: Tensor, v: Tensor, **options: object) -> Tensor:
        out, weights = attention(q, k, v, **options)  # type: ignore[arg-type]
        maps.add(name, weights)
        return out

    return attend
