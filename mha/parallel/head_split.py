"""The heads divided over ranks: each rank computes some heads, and some of the hidden channels, of every token.

PyTorch's tensor parallelism cuts a matrix into equal parts, and knows nothing of heads. Two things must be seen to:
q, k and v lie in one matrix here, which cut in two would give one rank the queries and the other the values; and a head
must not be cut. So the three are taken apart first, and the number of ranks must divide the heads.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    PrepareModuleInput,
    RowwiseParallel,
    parallelize_module,
)

from mha.blocks import FeedForward, GatedFeedForward
from mha.heads import MultiHeadAttention

__all__ = ["ProjectionsApart", "cut_at_heads", "projections_apart"]


class ProjectionsApart(nn.Module):
    """What `qkv` of a `MultiHeadAttention` does, x W + b for q, k and v side by side, by three layers.

    Args:
        q, k, v: maps of the same input.
    """

    def __init__(self, q: nn.Linear, k: nn.Linear, v: nn.Linear) -> None:
        super().__init__()
        self.q, self.k, self.v = q, k, v

    def forward(self, x: Tensor) -> Tensor:
        """(..., m) -> (..., h·d + 2·g·d)."""
        return torch.cat([self.q(x), self.k(x), self.v(x)], dim=-1)


def projections_apart(model: nn.Module) -> nn.Module:
    """Put three layers in place of each attention's `qkv`, with its weights; the model is changed and returned.

    The function stays the same. The names in its state become those that a model cut over ranks has, so that its
    checkpoint fits.
    """
    for layer in model.modules():
        if isinstance(layer, MultiHeadAttention) and isinstance(layer.qkv, nn.Linear):
            layer.qkv = _apart(layer)  # type: ignore[assignment]
    return model


def _apart(layer: MultiHeadAttention) -> ProjectionsApart:
    widths = [n * layer.head_dim for n in (layer.n_heads, layer.n_kv_heads, layer.n_kv_heads)]
    whole, parts = layer.qkv, []
    for rows in torch.arange(sum(widths)).split(widths):
        part = nn.Linear(layer.d_model, len(rows), bias=whole.bias is not None, device="meta")
        part.weight = nn.Parameter(whole.weight.detach()[rows])  # a copy
        if whole.bias is not None:
            part.bias = nn.Parameter(whole.bias.detach()[rows])
        parts.append(part)
    return ProjectionsApart(*parts)


def cut_at_heads(model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Divide the heads of every attention, and the channels of every feed-forward net, over the ranks of the mesh.

    Each rank then takes the same x and returns the same output, but holds its share of the matrices only. What a layer
    returns is the sum over ranks, one all-reduce; its output bias, which every rank holds whole, is added once. The
    backward pass sums the gradients of x, likewise. What is no attention and no feed-forward net stays whole on each
    rank, and gets the same gradient on each.

    Args:
        model: changed in place and returned; all ranks must hold the same weights. Make the optimizer afterwards, with
            foreach=False: it meets cut and whole parameters.
        mesh: one-dimensional.
    Raises:
        ValueError: the number of ranks does not divide the heads, the heads of keys and values, or the channels; or a
            layer drops out inside, which the ranks would have to do differently in some places and alike in others.
    Source: Shoeybi et al. 2019, Megatron-LM, section 3.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, MultiHeadAttention):
            _check(name, mesh.size(), n_heads=module.n_heads, n_kv_heads=module.n_kv_heads)
            _check_dropout(name, module.dropout)
        elif isinstance(module, FeedForward):
            _check(name, mesh.size(), d_ff=module.d_ff)
            _check_dropout(name, module.dropout)
    projections_apart(model)
    for module in list(model.modules()):
        if isinstance(module, MultiHeadAttention):
            _cut_attention(module, mesh)
        elif isinstance(module, FeedForward):
            _cut_channels(module, mesh)
    return model


def _cut_attention(layer: MultiHeadAttention, mesh: DeviceMesh) -> None:
    whole = PrepareModuleInput(input_layouts=Replicate(), desired_input_layouts=Replicate())
    plan: dict[str, ParallelStyle] = {"qkv": whole, "out": RowwiseParallel()}  # x enters once, for all three
    plan |= {f"qkv.{name}": ColwiseParallel() for name in "qkv"}
    parallelize_module(layer, mesh, plan)
    layer.n_heads //= mesh.size()
    layer.n_kv_heads //= mesh.size()


def _cut_channels(net: FeedForward, mesh: DeviceMesh) -> None:
    plan: dict[str, ParallelStyle] = {"up": ColwiseParallel(), "down": RowwiseParallel()}
    if isinstance(net, GatedFeedForward):
        plan["gate"] = ColwiseParallel()
    parallelize_module(net, mesh, plan)


def _check(name: str, n_ranks: int, **sizes: int) -> None:
    for what, size in sizes.items():
        if size % n_ranks:
            raise ValueError(f"{what} ({size}) of {name or 'the layer'} must be divisible by the ranks ({n_ranks})")


def _check_dropout(name: str, dropout: object) -> None:
    probability = dropout.p if isinstance(dropout, nn.Dropout) else dropout
    if cast(float, probability):
        raise ValueError(f"dropout ({probability}) of {name or 'the layer'} must be 0 where heads are on many ranks")
