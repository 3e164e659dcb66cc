"""Gate heads and cut edges in one attention of a run and not in the next, also where all are one layer's.

A run is a call of the model that is handed in; its attentions are numbered from 0 in the order in which they run. That
is the layer's number in an ordinary model, and the pass in one that runs a single layer again and again, as ALBERT
does. Both work by hooks, as in `patching`: nothing in the model is rewritten, they may be nested and combined with
`record_attention`, they act in the thread that entered the `with` and not in a copy of the model, and they go when it
ends, by an error too.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mha.detours import in_backward
from mha.heads import MultiHeadAttention, merge_heads, split_heads
from mha.interpret.patching import attention_layers
from mha.masks import combine_masks
from mha.validation import check_integer, check_number, check_tensor

__all__ = ["Place", "cut_edges", "edges_between", "gate_heads"]

Place = tuple[int, int]  # the attention's number in a run, and the head's in it


@contextmanager
def gate_heads(model: nn.Module, factors: Mapping[Place, float | Tensor]) -> Iterator[None]:
    """Inside the `with`, each named head's output is multiplied by its factor before the output projection.

    Args:
        model: holds `MultiHeadAttention` layers; each call of it is a run.
        factors: by (attention, head). 0 silences a head, 1 leaves it; a tensor without axes gets a gradient.
    Raises:
        TypeError: factors is no mapping, a place is no pair of integers, or a factor neither number nor such a tensor.
        ValueError: model has no `MultiHeadAttention` or none with such a head; a factor is not finite; a run ends
            before an attention that was named, or there was no run.
        RuntimeError: as for `cut_edges`.
    """
    if not isinstance(factors, Mapping):
        raise TypeError(f"factors must be a mapping of (attention, head) to a number, got {type(factors).__name__}")
    by_attention = _by_attention(model, factors)
    for factor in factors.values():
        _check_factor(factor)

    def gate(number: int, merged: Tensor, n_heads: int) -> Tensor:
        chosen = {head: factors[number, head] for head in by_attention.get(number, ())}
        if not chosen:
            return merged
        gates = [torch.as_tensor(chosen.get(head, 1.0)).to(merged) for head in range(n_heads)]
        return merge_heads(split_heads(merged, n_heads) * torch.stack(gates)[:, None, None])  # (b, h, i, d)·(h, 1, 1)

    with _numbered(model, by_attention) as run, ExitStack() as hooks:
        for layer in attention_layers(model):
            hooks.callback(layer.out.register_forward_pre_hook(_projected(run, layer, gate)).remove)
        yield


@contextmanager
def cut_edges(model: nn.Module, heads: Iterable[Place], edges: Tensor) -> Iterator[None]:
    """Inside the `with`, no query of the named heads attends to a key along the edges; other weights grow instead.

    The edges are masked before the softmax. A query all of whose edges are cut gets zeros from that head.

    Args:
        model: as for `gate_heads`.  heads: (attention, head) each.
        edges: bool (i, j), or (b, i, j) of a batch, on the device of the run; True = cut. `edges_between` makes them.
    Raises:
        TypeError: edges is no tensor of bool, a place no pair of integers, or a layer takes no `attn_mask`.
        ValueError: as for `gate_heads`; or, when the model runs, edges are not of the run's queries and keys.
        RuntimeError: an attention runs outside a call of model, or once more in the backward pass by checkpointing.
    """
    check_tensor("edges", edges)
    if edges.dtype != torch.bool:
        raise TypeError(f"edges must be bool (True = cut), got {edges.dtype}")
    if edges.dim() not in (2, 3):
        raise ValueError(f"edges must have shape (i, j) or (b, i, j), got {tuple(edges.shape)}")
    by_attention = _by_attention(model, heads)
    for layer in attention_layers(model):
        if "attn_mask" not in inspect.signature(layer.forward).parameters:
            raise TypeError(f"{type(layer).__name__} takes no attn_mask, so its edges cannot be cut")

    def cut(number: int, layer: MultiHeadAttention, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        if number not in by_attention:
            return kwargs
        _check_edges(edges, *_extent(*args, **kwargs))
        chosen = torch.zeros(layer.n_heads, 1, 1, dtype=torch.bool, device=edges.device)
        chosen[by_attention[number]] = True
        allowed = ~(edges.unsqueeze(-3) & chosen)  # (b, 1, i, j) & (h, 1, 1) -> (b, h, i, j)
        return kwargs | {"attn_mask": combine_masks(kwargs.get("attn_mask"), allowed)}

    with _numbered(model, by_attention, cut):
        yield


def edges_between(queries: Iterable[int], keys: Iterable[int], length: int) -> Tensor:
    """Every edge from one of the queries to one of the keys, as `cut_edges` takes them.

    Args:
        queries, keys: positions, from 0.  length: i = j, of the sequence.
    Returns:
        bool (i, j), True at (query, key).
    Raises:
        TypeError: a position is no integer.  ValueError: it lies outside the sequence.
    """
    length = check_integer("length", length, at_least=1)
    ends = torch.zeros(2, length, dtype=torch.bool)
    for end, name, positions in zip(ends, ("queries", "keys"), (queries, keys), strict=True):
        for position in positions:
            end[check_integer(name, position, at_least=0, at_most=length - 1)] = True
    return ends[0, :, None] & ends[1]  # (i, 1) & (j,) -> (i, j)


class _Run:
    """Which attention of the run is at work; None outside a run. One a context, for the thread that entered it.

    The hooks are closures over it: a bound method would be copied with the model, and act in the copy.
    """

    def __init__(self, model: nn.Module, n_named: int) -> None:
        self.name, self.n_named, self.thread = type(model).__name__, n_named, threading.get_ident()
        self.number: int | None = None
        self.n_runs = 0

    def is_meant(self, called: nn.Module, module: nn.Module) -> bool:
        """Hooks go into copies of a module, and are called in every thread."""
        return called is module and threading.get_ident() == self.thread

    def next(self) -> int:
        if self.number is None or in_backward():
            where = "in the backward pass" if in_backward() else f"outside a call of the {self.name}"
            raise RuntimeError(f"an attention ran {where}, where it has no number: it cannot be told what to gate")
        self.number += 1
        return self.number

    def end(self) -> None:
        number, self.number = self.number, None
        if number is not None and number + 1 < self.n_named:
            compiled = ": a model that was compiled before goes past its hooks" if number < 0 else ""
            raise ValueError(f"attention ({self.n_named - 1}) must be below {number + 1}, the run's number{compiled}")
        self.n_runs += 1


_Change = Callable[[int, MultiHeadAttention, Any, dict[str, Any]], dict[str, Any]]


@contextmanager
def _numbered(model: nn.Module, by_attention: Mapping[int, list[int]], change: _Change | None = None) -> Iterator[_Run]:
    """Inside the `with`, count the attentions of each run; change may replace the keyword arguments of one."""
    run = _Run(model, max(by_attention, default=-1) + 1)

    def begin(called: nn.Module, inputs: object) -> None:
        if run.is_meant(called, model):
            run.number = -1

    def end(called: nn.Module, inputs: object, output: object) -> None:
        if run.is_meant(called, model):
            run.end()

    def abandon(called: nn.Module, inputs: object, output: object) -> None:
        if run.is_meant(called, model):
            run.number = None

    with ExitStack() as hooks:
        hooks.callback(model.register_forward_pre_hook(begin).remove)
        hooks.callback(model.register_forward_hook(end).remove)
        hooks.callback(model.register_forward_hook(abandon, always_call=True).remove)  # also after an error
        for layer in attention_layers(model):
            hook = _counted(run, layer, by_attention, change)
            hooks.callback(layer.register_forward_pre_hook(hook, with_kwargs=True).remove)
        yield run
        if by_attention and not run.n_runs:
            raise ValueError(f"{run.name} must be called inside the with, by itself: nothing was changed")


def _counted(
    run: _Run, layer: MultiHeadAttention, by_attention: Mapping[int, list[int]], change: _Change | None
) -> Callable[[nn.Module, Any, dict[str, Any]], tuple[Any, dict[str, Any]] | None]:
    def count(called: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        if not run.is_meant(called, layer):
            return None
        number = run.next()
        highest = max(by_attention.get(number, [-1]))
        if highest >= layer.n_heads:
            raise ValueError(f"attention {number} must have head {highest}, got {layer.n_heads} heads")
        return None if change is None else (args, change(number, layer, args, kwargs))

    return count


def _projected(
    run: _Run, layer: MultiHeadAttention, gate: Callable[[int, Tensor, int], Tensor]
) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...] | None]:
    projection = layer.out

    def hook(called: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if not run.is_meant(called, projection) or run.number is None:
            return None
        return (gate(run.number, inputs[0], layer.n_heads),)

    return hook


def _by_attention(model: nn.Module, heads: Iterable[Place]) -> dict[int, list[int]]:
    most = max(layer.n_heads for layer in attention_layers(model))
    by_attention: dict[int, list[int]] = {}
    for place in heads:
        if not isinstance(place, tuple | list) or len(place) != 2:
            raise TypeError(f"a place must be a pair (attention, head), got {place!r}")
        number = check_integer("attention", place[0], at_least=0)
        by_attention.setdefault(number, []).append(check_integer("head", place[1], at_least=0, at_most=most - 1))
    return by_attention


def _check_factor(factor: object) -> None:
    if not isinstance(factor, Tensor):
        check_number("a factor", factor)
    elif factor.dim() or not factor.is_floating_point():
        raise TypeError(f"a factor must be a float tensor without axes, got {factor.dtype} {tuple(factor.shape)}")


def _extent(x: Tensor, context: Tensor | None = None, **options: Any) -> tuple[int, int, int]:
    """(b, i, j) of one call of a layer, with what its cache holds."""
    cached = options.get("cache")
    n_keys = (x if context is None else context).shape[1]
    if cached is not None and context is None:
        n_keys += cached.length
    return x.shape[0], x.shape[1], n_keys


def _check_edges(edges: Tensor, batch: int, n_queries: int, n_keys: int) -> None:
    wanted = (n_queries, n_keys) if edges.dim() == 2 else (batch, n_queries, n_keys)
    if edges.shape != wanted:
        raise ValueError(f"edges must have shape {wanted}, queries and keys of this run, got {tuple(edges.shape)}")
