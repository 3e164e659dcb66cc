"""Copy weights by name, all or nothing, and say what does not fit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

import torch
from torch import Tensor, nn

__all__ = ["CheckpointViews", "PublishedNames", "copy_tensors", "linear_views", "load_weights"]

CheckpointViews = dict[str, Tensor]


@dataclass(frozen=True)
class PublishedNames:
    """How files name what a model's `checkpoint_views` names: transformers, the hub and TensorFlow differ.

    Args:
        prefix: stands before the names in some files and not in others.
        tied: names under which a file holds a tensor once more, and the name that the model reads it by.
        unused: names, as patterns with *, of what the model has no place for, such as masks and heads of other tasks.
        spellings: regular expressions of a name's end, and what it is called here.
    """

    prefix: str = ""
    tied: Mapping[str, str] = field(default_factory=dict)
    unused: Collection[str] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)

    def read(self, tensors: Mapping[str, Tensor], known: Collection[str]) -> tuple[CheckpointViews, list[str]]:
        """The tensors by the names of `known`, where they have one there; and which are there twice, and differ."""
        found: CheckpointViews = {}
        twice = []
        for name, tensor in tensors.items():
            plain = self._plain(name, known)
            if self._is_unused(plain):
                continue
            if not _equal(found.setdefault(plain, tensor), tensor):
                twice.append(f"{plain}, of which {name} is another spelling")
        for again, name in self.tied.items():
            if again in found and not _equal(found.setdefault(name, found[again]), found.pop(again)):
                twice.append(f"{name} and {again}, for which the model has one tensor")
        return found, twice

    def _plain(self, name: str, known: Collection[str]) -> str:
        for pattern, spelling in self.spellings.items():
            name = re.sub(f"{pattern}$", spelling, name)
        for candidate in (name, self.prefix + name, name.removeprefix(self.prefix)):
            if candidate in known or candidate in self.tied or self._is_unused(candidate):
                return candidate
        return name

    def _is_unused(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.unused)


class _FromTransformers(Protocol):
    @property
    def published(self) -> PublishedNames: ...

    def checkpoint_views(self) -> CheckpointViews: ...


def load_weights(model: _FromTransformers, tensors: Mapping[str, Tensor]) -> None:
    """Copy a checkpoint, named as transformers or the published file names it, into a model of this package.

    Args:
        model: receives the weights, in its own dtype and on its own device.
        tensors: by name. What the model's `published` names call unused is ignored.
    Raises:
        TypeError: tensors is no mapping, or the model does not name its weights.
        ValueError: tensors are missing, left over, of another shape or kind, or too large for the model's dtype; all
            are named, and nothing was copied. An output head that differs from the embedding, where the model has one
            tensor for both.
    """
    if not isinstance(tensors, Mapping):
        raise TypeError(f"tensors must be a mapping of names to tensors, got {type(tensors).__name__}")
    if not hasattr(model, "checkpoint_views"):
        raise TypeError(f"model must be one of mha.models, which names its weights, got {type(model).__name__}")
    views = model.checkpoint_views()
    found, twice = model.published.read(tensors, views)
    _copy(views, found, {"there twice, and not equal": twice})


def copy_tensors(targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy each tensor into the target of its name.

    Args:
        targets: by name, written in place.  tensors: by name; they may share memory with targets.
    Raises:
        ValueError: as `load_weights` does.
    """
    _copy(targets, dict(tensors), {})  # each read once: a mapping may read from a file


def _copy(targets: Mapping[str, Tensor], given: CheckpointViews, problems: Mapping[str, Collection[str]]) -> None:
    both = [(name, target, given[name]) for name, target in targets.items() if name in given]
    _refuse(
        {
            "missing": sorted(targets.keys() - given.keys()),
            "surplus": sorted(given.keys() - targets.keys()),
            "of another kind": [f"{name}: {why}" for name, *pair in both if (why := _unlike(*pair))],
            "of another shape": [
                f"{name}: expected {tuple(target.shape)}, got {tuple(tensor.shape)}"
                for name, target, tensor in both
                if not _unlike(target, tensor) and tensor.shape != target.shape
            ],
            **problems,
        }
    )
    with torch.no_grad():
        written = {target.untyped_storage().data_ptr() for target in targets.values()}
        ready = [(name, target, _ready(target, tensor, written)) for name, target, tensor in both]
        lost = [name for (name, _, tensor), (*_, copy) in zip(both, ready, strict=True) if _overflows(tensor, copy)]
        _refuse({"too large for the model's dtype": lost})
        for _, target, tensor in ready:  # whatever can fail has been done
            target.copy_(tensor)


def linear_views(modules: Mapping[str, nn.Module]) -> CheckpointViews:
    """The weight and, where there is one, the bias of each linear map or norm, named by its name in the checkpoint."""
    return {f"{name}.{part}": value.data for name, module in modules.items() for part, value in _parameters(module)}


def _parameters(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return module.named_parameters(recurse=False)


def _refuse(problems: Mapping[str, Collection[str]]) -> None:
    named = [f"{what}: {names}" for what, names in problems.items() if names]
    if named:
        raise ValueError("checkpoint does not fit: " + "; ".join(named))


def _unlike(target: Tensor, tensor: Tensor) -> str:
    """What keeps the one from being copied into the other, whatever their shapes."""
    if not isinstance(tensor, Tensor):
        return f"got {type(tensor).__name__}"
    if tensor.is_nested or tensor.layout != torch.strided or tensor.is_quantized:
        return f"got a tensor that is not dense ({tensor.layout}, {tensor.dtype})"
    if tensor.dtype != target.dtype and not (tensor.is_floating_point() and target.is_floating_point()):
        return f"expected {target.dtype}, got {tensor.dtype}"
    if target.is_meta or tensor.is_meta:
        return "the model is on the meta device" if target.is_meta else "got a tensor on the meta device"
    if target.is_inference() and not torch.is_inference_mode_enabled():
        return "the model was made in inference mode, and cannot be written outside it"
    return ""


def _ready(target: Tensor, tensor: Tensor, written: Collection[int]) -> Tensor:
    """The tensor so that copying it cannot fail, nor see what has been written before."""
    plain = type(tensor) in (Tensor, nn.Parameter) and (tensor.dtype, tensor.device) == (target.dtype, target.device)
    if plain and tensor.untyped_storage().data_ptr() not in written:
        return tensor
    return torch.empty_like(target).copy_(tensor)


def _overflows(tensor: Tensor, copy: Tensor) -> bool:
    return copy.dtype != tensor.dtype and not bool(copy.isfinite().all()) and bool(tensor.isfinite().all())


def _equal(one: Tensor, other: Tensor) -> bool:
    if one is other:
        return True
    if not isinstance(one, Tensor) or not isinstance(other, Tensor) or one.shape != other.shape:
        return False
    return one.is_meta or other.is_meta or torch.equal(one, other.to(one))
