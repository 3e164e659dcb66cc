"""A linear map that uses every core for a single row, which is all that the next token of a sequence asks of it.

The layers themselves are `nn.Linear`, so that whatever looks for linear layers finds them: pruning, adapters, hooks,
quantization. Where something of the kind is there, the layer is called; the shortcuts are for those that are plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

__all__ = ["linear", "linear_layer", "linear_part", "wide_by_column"]

SMALL = 2**17  # entries of a matrix that one core has read before another has been called


class _Matrix(NamedTuple):
    """A matrix as a single row meets it."""

    owner: nn.Module | Tensor  # a layer or a weight; kept, or another could come to have its id
    weight: Tensor  # (out, in)
    bias: Tensor | None  # (out,)
    shares: Tensor | None  # (cores, in, out / cores), what each core reads; None for a matrix that one core reads


_laid_out: ContextVar[Mapping[int, _Matrix]] = ContextVar("laid_out", default={})  # noqa: B039


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`, x Wᵀ + bias; for a single row on a CPU, and without gradients, each core its share of the outputs.

    A row times a matrix takes as long as reading the matrix. BLAS leaves that to one core, which reads no faster than
    one core can; a batched product is shared out.

    Args:
        x: (..., in).  weight: (out, in).  bias: (out,).
    Returns:
        (..., out).
    """
    if not _is_single_row(x) or not weight.is_cpu:
        return F.linear(x, weight, bias)
    laid = _laid_out.get().get(id(weight))
    weight, shares = (weight, _shares(weight)) if laid is None else (laid.weight, laid.shares)
    return _times_row(x, weight, bias, shares)


def linear_layer(layer: nn.Module, x: Tensor) -> Tensor:
    """layer(x); where that is a single row through a plain `nn.Linear`, by `linear`."""
    if _is_single_row(x):
        laid = _laid_out.get().get(id(layer))
        if laid is not None:
            return _times_row(x, *laid[1:])
        if _is_plain(layer) and not _has_any_global_hook():
            return linear(x, layer.weight, layer.bias)
    out: Tensor = layer(x)
    return out


def linear_part(layer: nn.Module, x: Tensor, start: int, stop: int | None = None) -> Tensor:
    """layer(x)[..., start:stop]; where the layer is a plain `nn.Linear` no other output is computed.

    So too under a hook that hangs on all modules alike: what counts operations there shall count what is done here.
    """
    if _is_plain(layer):
        return F.linear(x, layer.weight[start:stop], None if layer.bias is None else layer.bias[start:stop])
    out: Tensor = layer(x)[..., start:stop]
    return out


@contextmanager
def wide_by_column(model: nn.Module) -> Iterator[None]:
    """Within this context `linear` reads matrices with more rows than columns from copies that lie column by column.

    No value changes, and nothing in the model: other threads, and whoever trains the model meanwhile, see it as it is.
    A row times such a matrix is read along its longer side, about twice as fast. The copy takes as long as some thirty
    tokens gain by it, and as much memory as the matrices. What is changed inside, a weight or a hook on a plain layer,
    is seen at the end only.
    """
    known = _laid_out.get()
    weights = [p for p in model.parameters() if p.dim() == 2 and p.is_cpu and id(p) not in known]
    laid = {id(p): _lay_out(p) for p in weights}
    matrices = {**known, **laid}
    if not _has_any_global_hook():
        for layer in filter(_is_plain, model.modules()):
            if id(layer.weight) in matrices:
                _, weight, _, shares = matrices[id(layer.weight)]
                laid[id(layer)] = _Matrix(layer, weight, layer.bias, shares)
    token = _laid_out.set({**known, **laid})
    try:
        yield
    finally:
        _laid_out.reset(token)


def _lay_out(weight: Tensor) -> _Matrix:
    is_wide = weight.shape[0] > weight.shape[1]
    laid = weight.detach().t().contiguous().t() if is_wide else weight
    return _Matrix(weight, laid, None, _shares(laid))


def _shares(weight: Tensor) -> Tensor | None:
    """(out, in) -> (cores, in, out / cores), a view; None where one core has read it before another has been called."""
    if weight.numel() < SMALL:
        return None
    n_out, n_in = weight.shape
    cores = torch.get_num_threads()
    while n_out % cores:
        cores -= 1
    return weight.t().view(n_in, cores, -1).transpose(0, 1)


def _times_row(x: Tensor, weight: Tensor, bias: Tensor | None, shares: Tensor | None) -> Tensor:
    if shares is None:
        return F.linear(x, weight, bias)
    cores, n_in, _ = shares.shape
    rows = x.reshape(1, 1, n_in).expand(cores, 1, n_in)
    out = torch.bmm(rows, shares) if bias is None else torch.baddbmm(bias.view(cores, 1, -1), rows, shares)
    return out.view(*x.shape[:-1], weight.shape[0])


def _is_single_row(x: Tensor) -> bool:
    """A single row, for which no gradient is wanted, and which no compiler sees: it has its own ways."""
    return x.numel() == x.shape[-1] and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def _is_plain(layer: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether calling it is the matrix product and nothing besides: no subclass, hook, pruning or parametrization."""
    return (
        type(layer) is nn.Linear
        and "forward" not in vars(layer)
        and not layer._forward_hooks
        and not layer._forward_pre_hooks
        and not layer._backward_hooks
        and not layer._backward_pre_hooks
    )
