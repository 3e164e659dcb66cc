"""A model with its matrices stored as integers: a copy that has them, and its file.

Every matrix is swapped, or named by the caller as one to keep, or refused by name. PyTorch's own `quantize_dynamic`
passes by what it does not know, a subclass of `nn.Linear` say, and says nothing.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from torch import nn

from mha.compress.integer_layers import IntegerMatrix, QuantizedEmbedding, QuantizedLinear, Scheme
from mha.validation import check_module

__all__ = ["Scheme", "load_quantized", "matrix_bytes", "quantized", "save_quantized"]

SWAPPED: dict[type, type[QuantizedLinear | QuantizedEmbedding]] = {
    nn.Linear: QuantizedLinear,
    nn.Embedding: QuantizedEmbedding,
}
Layers = Mapping[str, nn.Module]


def quantized(model: nn.Module, scheme: Scheme | None = None, *, keep: Collection[str] = ()) -> nn.Module:
    """A copy of the model whose linear maps and embeddings are stored as integers; the model itself stays as it is.

    Args:
        model: in float32.  scheme: how; 8 bits with a scale a row if None.
        keep: names of modules or parameters, as patterns with *, that stay in float32.
    Returns:
        The copy, in the mode that the model is in. A layer that occurs twice occurs twice in it as one.
    Raises:
        TypeError: model is no module.
        ValueError: a matrix that is not kept stands elsewhere than in a plain `nn.Linear` or `nn.Embedding` (a
            subclass, say), carries a hook that would be lost, is not float32 or finite, or is read by a second layer;
            all are named. Or nothing is left to swap, a name in keep fits nothing, or the scheme does not fit a width.
    """
    scheme = scheme or Scheme()
    check_module("model", model)
    swapped = _to_swap(model, keep)
    return _copy_with(model, swapped, {name: _class(layer).of(layer, scheme) for name, layer in swapped.items()})


def save_quantized(model: nn.Module, path: str | Path) -> None:
    """Write the model's tensors and how each matrix is stored into a safetensors file.

    Raises:
        ValueError: no layer of the model is quantized.
    """
    schemes = {name: asdict(module.scheme) for name, module in _integer_matrices(model)}
    if not schemes:
        raise ValueError("model must hold a quantized layer, got none: make it by quantized(model)")
    save_model(model, str(path), metadata={"schemes": json.dumps(schemes)})


def load_quantized(model: nn.Module, path: str | Path) -> nn.Module:
    """A copy of a float model, filled from what `save_quantized` wrote.

    Args:
        model: of the same architecture, trained or not; it stays as it is.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no quantized model, or one of another architecture.
    """
    check_module("model", model)
    with safe_open(str(path), framework="pt") as file:
        stored = (file.metadata() or {}).get("schemes")
    if stored is None:
        raise ValueError(f"{path} does not say how matrices are stored: it was not written by save_quantized")
    schemes = {name: Scheme(**fields) for name, fields in json.loads(stored).items()}
    layers = {name: layer for name, layer in model.named_modules() if type(layer) in SWAPPED}
    if missing := schemes.keys() - layers.keys():
        raise ValueError(f"model must have the layers that {path} names, got none of the name {sorted(missing)}")
    swapped = {name: layers[name] for name in schemes}
    made = {name: _class(layer).like(layer, schemes[name]) for name, layer in swapped.items()}
    copied = _copy_with(model, swapped, made)
    try:
        load_model(copied, str(path))
    except RuntimeError as error:
        raise ValueError(f"model is not of the architecture in {path}: {error}") from error
    return copied


def matrix_bytes(model: nn.Module) -> dict[str, int]:
    """Bytes of a model's distinct tensors by what they hold: "integers", "scales" and "float"; a tensor counts once."""
    counted = {"integers": 0, "scales": 0, "float": 0}
    seen: set[int] = set()
    of_integers = {id(module.scales) for _, module in _integer_matrices(model)}
    for tensor in (*model.parameters(), *model.buffers()):
        if id(tensor) not in seen:
            seen.add(id(tensor))
            kind = "scales" if id(tensor) in of_integers else "float" if tensor.is_floating_point() else "integers"
            counted[kind] += tensor.numel() * tensor.element_size()
    return counted


def _integer_matrices(model: nn.Module) -> Iterator[tuple[str, IntegerMatrix]]:
    return ((name, module) for name, module in model.named_modules() if isinstance(module, IntegerMatrix))


def _copy_with(model: nn.Module, layers: Layers, made: Layers) -> nn.Module:
    """A deep copy that has `made` wherever the model has the layer of its name."""
    for name, layer in layers.items():
        made[name].train(layer.training)
    return copy.deepcopy(model, {id(layer): made[name] for name, layer in layers.items()})


def _class(layer: nn.Module) -> Any:
    """What stands in for it; typed loosely, since each takes its own kind of layer."""
    return SWAPPED[type(layer)]


def _to_swap(model: nn.Module, keep: Collection[str]) -> dict[str, nn.Module]:
    """The layers to swap, by name; refuses what `quantized` says."""
    kept = _Kept(keep)
    found: dict[str, nn.Module] = {}
    problems, readers = [], defaultdict(set)
    for owner_name, owner in model.named_modules():
        for name, parameter in owner.named_parameters(prefix=owner_name, recurse=False):
            readers[id(parameter)].add(owner_name)
            if name in kept or owner_name in kept or parameter.dim() < 2:
                continue
            if why := _unfit(owner, parameter):
                problems.append(f"{name}: {why}")
            else:
                found[owner_name] = owner
    for name, layer in found.items():
        others = sorted(readers[id(layer.weight)] - {name})
        if others:
            problems.append(f"{name}: its weight is read by {', '.join(others)} as well, which would go on without it")
    if kept.unused():
        raise ValueError(f"keep must name modules or parameters of the model, got {kept.unused()}, which fits none")
    if problems:
        raise ValueError("model cannot be quantized whole; mend, or name in keep: " + "; ".join(problems))
    if not found:
        raise ValueError("model must hold a matrix to quantize, got none that is not kept")
    return found


class _Kept:
    """Whether a name fits one of the patterns, and which patterns fitted none."""

    def __init__(self, patterns: Collection[str]) -> None:
        if isinstance(patterns, str):
            raise TypeError(f"keep must be several names, got one string: write [{patterns!r}]")
        self._fitted = dict.fromkeys(patterns, False)

    def __contains__(self, name: str) -> bool:
        fitting = [p for p in self._fitted if fnmatchcase(name, p) or fnmatchcase(name, f"{p}.*")]
        self._fitted.update(dict.fromkeys(fitting, True))
        return bool(fitting)

    def unused(self) -> list[str]:
        return [pattern for pattern, fitted in self._fitted.items() if not fitted]


def _unfit(owner: nn.Module, parameter: nn.Parameter) -> str:
    """Why a matrix cannot be swapped with its layer; empty where it can."""
    if type(owner) not in SWAPPED:
        return f"it stands in a {type(owner).__name__}, not in a plain nn.Linear or nn.Embedding"
    hooks = (owner._forward_hooks, owner._forward_pre_hooks, owner._backward_hooks, owner._backward_pre_hooks)
    if any(hooks) or any(True for _ in owner.children()) or "forward" in vars(owner):
        return "its layer carries a hook, pruning, a part or a forward of its own, which would be lost"
    if parameter is not owner.weight:
        return "it is no weight of its layer, and would be lost"
    if isinstance(owner, nn.Embedding) and owner.max_norm is not None:
        return "its embedding has a max_norm, which would be lost"
    if parameter.dtype != torch.float32:
        return f"it is {parameter.dtype}, expected torch.float32"
    return "" if bool(torch.isfinite(parameter).all()) else "it is not finite"
