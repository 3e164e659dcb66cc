"""Activation patching: let one head of a run do what it did in another run, and see what changes.

The heads' outputs are read and replaced where they enter a layer's output projection, by hooks: nothing in the model
is rewritten, `record_attention` works beside it, and the hooks go when the `with` ends, by an error too. They act in
the thread that entered the `with`, and not in a copy of the model. Under activation checkpointing take the backward
pass inside the `with`: behind it the layers would run again unpatched.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from mha.detours import in_backward
from mha.heads import MultiHeadAttention, merge_heads, split_heads
from mha.validation import check_integer, check_module, check_tensor

__all__ = ["attention_layers", "head_contributions", "patch_heads", "patch_output", "record_heads"]


def attention_layers(model: nn.Module) -> list[MultiHeadAttention]:
    """The attention layers of a model, numbered as in this module, in the order in which they were defined.

    Raises:
        TypeError: model is no module.
        ValueError: there is none.
    """
    check_module("model", model)
    layers = [module for module in model.modules() if isinstance(module, MultiHeadAttention)]
    if not layers:
        raise ValueError(f"{type(model).__name__} has no MultiHeadAttention layer")
    return layers


@contextmanager
def record_heads(model: nn.Module) -> Iterator[dict[int, Tensor]]:
    """Inside the `with`, what each head gives is kept: before the output projection, after a gate if there is one.

    Yields:
        For each layer's number the last call's outputs (b, h, i, d), on the autograd graph.
    Raises:
        ValueError: model has no `MultiHeadAttention`.
    """
    kept: dict[int, Tensor] = {}
    with ExitStack() as hooks:
        for number, layer in enumerate(attention_layers(model)):
            hooks.enter_context(_before_projection(layer, _keeper(kept, number, layer.n_heads)))
        yield kept


@contextmanager
def patch_heads(model: nn.Module, donor: dict[int, Tensor], heads: Iterable[tuple[int, int]]) -> Iterator[None]:
    """Inside the `with`, the named heads give what they gave in the donor's run; all else is computed as ever.

    Args:
        model: as for `record_heads`.
        donor: what `record_heads` kept of a run on inputs of the same shape, of a model with the same heads.
        heads: (layer, head) each.
    Raises:
        TypeError: heads are not pairs of integers, or the donor holds no tensors.
        ValueError: there is no such layer or head, the donor lacks it or has other heads, or, when the model runs, the
            shapes differ.
    """
    layers = attention_layers(model)
    by_layer: dict[int, list[int]] = {}
    for layer, head in map(_pair, heads):
        if not (0 <= layer < len(layers) and 0 <= head < layers[layer].n_heads):
            raise ValueError(f"heads must lie within {len(layers)} layers and their heads, got {(layer, head)}")
        by_layer.setdefault(layer, []).append(head)
    for layer in by_layer:
        _check_donor(donor, layer, layers[layer])
    with ExitStack() as hooks:
        for number, chosen in by_layer.items():
            hooks.enter_context(_before_projection(layers[number], _patcher(donor[number], chosen, number)))
        yield


@contextmanager
def patch_output(module: nn.Module, value: Tensor) -> Iterator[None]:
    """Inside the `with`, module returns value: the residual stream of another run, say, where module is a block.

    Raises:
        TypeError: module is none, value no tensor, or, when the module runs, its output is none.
        ValueError: when the module runs: its output has another shape, dtype or device.
    """
    check_module("module", module)
    check_tensor("value", value)
    thread = threading.get_ident()

    def hook(called: nn.Module, inputs: object, output: Tensor) -> Tensor:
        if not _is_meant(called, module, thread):
            return output
        check_tensor("the module's output", output)
        if output.shape != value.shape or output.dtype != value.dtype or output.device != value.device:
            raise ValueError(
                f"value must have shape {tuple(output.shape)} in {output.dtype} on {output.device}, "
                f"got {tuple(value.shape)} in {value.dtype} on {value.device}"
            )
        return value

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def head_contributions(layer: MultiHeadAttention, outputs: Tensor) -> Tensor:
    """What each head adds to the residual stream: its output times its own rows of W_O.

    Args:
        layer: a layer.  outputs: (b, h, i, d) of its heads.
    Returns:
        (b, h, i, m). Their sum over h and the projection's bias are the layer's output.
    Raises:
        TypeError: outputs is no tensor, or the layer's projection has no weight: it was replaced.
        ValueError: outputs has other heads than the layer.
    """
    check_tensor("outputs", outputs)
    check_tensor("layer.out.weight", getattr(layer.out, "weight", None))
    if outputs.dim() != 4 or (outputs.shape[1], outputs.shape[3]) != (layer.n_heads, layer.head_dim):
        raise ValueError(
            f"outputs must have shape (b, {layer.n_heads}, i, {layer.head_dim}), got {tuple(outputs.shape)}"
        )
    rows = layer.out.weight.unflatten(1, (layer.n_heads, layer.head_dim))  # (m, h·d) -> (m, h, d)
    return torch.einsum("bhid,mhd->bhim", outputs, rows)


def _pair(pair: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"heads must be pairs (layer, head), got {pair!r} among them")
    return check_integer("layer", pair[0]), check_integer("head", pair[1])


def _check_donor(donor: dict[int, Tensor], number: int, layer: MultiHeadAttention) -> None:
    if number not in donor:
        raise ValueError(f"donor must hold layer {number}, got layers {sorted(donor)}")
    given = donor[number]
    check_tensor(f"donor[{number}]", given)
    if given.dim() != 4 or (given.shape[1], given.shape[3]) != (layer.n_heads, layer.head_dim):
        raise ValueError(
            f"donor[{number}] must have shape (b, {layer.n_heads}, i, {layer.head_dim}), got {tuple(given.shape)}"
        )


def _is_meant(called: nn.Module, module: nn.Module, thread: int) -> bool:
    """Hooks go into copies of a module, and are called in every thread."""
    return called is module and threading.get_ident() == thread


@contextmanager
def _before_projection(layer: MultiHeadAttention, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Inside the `with`, change what enters the layer's output projection (b, i, h·d)."""
    projection, thread = layer.out, threading.get_ident()

    def hook(called: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return (change(inputs[0]),) if _is_meant(called, projection, thread) else None

    handle = projection.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _keeper(kept: dict[int, Tensor], number: int, n_heads: int) -> Callable[[Tensor], Tensor]:
    def keep(merged: Tensor) -> Tensor:
        if not in_backward():  # where checkpointing runs the layer once more
            kept[number] = split_heads(merged, n_heads)  # (b, i, h·d) -> (b, h, i, d)
        return merged

    return keep


def _patcher(donor: Tensor, heads: Sequence[int], number: int) -> Callable[[Tensor], Tensor]:
    def patch(merged: Tensor) -> Tensor:
        outputs = split_heads(merged, donor.shape[1])  # (b, i, h·d) -> (b, h, i, d)
        if outputs.shape != donor.shape or outputs.dtype != donor.dtype or outputs.device != donor.device:
            raise ValueError(
                f"layer {number}: the donor's heads must have the shape of this run's {tuple(outputs.shape)} in "
                f"{outputs.dtype} on {outputs.device}, got {tuple(donor.shape)} in {donor.dtype} on {donor.device}"
            )
        patched = outputs.clone()
        patched[:, list(heads)] = donor[:, list(heads)]
        return merge_heads(patched)

    return patch
