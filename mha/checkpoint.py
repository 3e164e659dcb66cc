"""Copy weights by name, all or nothing, and say what does not fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

__all__ = ["CheckpointViews", "copy_tensors", "linear_views", "load_weights"]

CheckpointViews = dict[str, Tensor]


class _FromTransformers(Protocol):
    @property
    def unused(self) -> Collection[str]: ...  # tensors of a checkpoint that the model has no place for

    def checkpoint_views(self) -> CheckpointViews: ...


def load_weights(model: _FromTransformers, tensors: Mapping[str, Tensor]) -> None:
    """Copy a checkpoint, named as transformers names it, into a model of this package.

    Args:
        model: receives the weights, in its own dtype and on its own device.
        tensors: by name. What the model calls `unused` is ignored.
    Raises:
        ValueError: tensors are missing, left over or of another shape; all are named, and nothing was copied.
    """
    copy_tensors(model.checkpoint_views(), tensors, unused=model.unused)


def copy_tensors(
    targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor], *, unused: Collection[str] = frozenset()
) -> None:
    """Copy each tensor into the target of its name.

    Args:
        targets: by name, written in place.  tensors: by name.
        unused: names among tensors to ignore.
    Raises:
        ValueError: as `load_weights` does.
    """
    missing, surplus = sorted(targets.keys() - tensors.keys()), sorted(tensors.keys() - targets.keys() - set(unused))
    misshapen = [
        f"{name}: expected {tuple(target.shape)}, got {tuple(tensors[name].shape)}"
        for name, target in targets.items()
        if name in tensors and tensors[name].shape != target.shape
    ]
    problems = [("missing", missing), ("surplus", surplus), ("of another shape", misshapen)]
    if any(names for _, names in problems):
        raise ValueError(
            "checkpoint does not fit: " + "; ".join(f"{what}: {names}" for what, names in problems if names)
        )
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(tensors[name])


def linear_views(modules: Mapping[str, nn.Module]) -> CheckpointViews:
    """The weight and, where there is one, the bias of each linear map or norm, named by its name in the checkpoint."""
    return {f"{name}.{part}": value.data for name, module in modules.items() for part, value in _parameters(module)}


def _parameters(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(module.named_parameters(recurse=False))
