"""One block's weights at several depths: a copy of a model that shares them, and what sharing saves and does not."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from torch import nn

from mha.validation import check_integer, check_module

__all__ = ["Weights", "share_blocks", "weights_of"]


class Weights(NamedTuple):
    """How many numbers a model stores, and as one of how many it computes: each counted as often as it is used."""

    stored: int
    used: int


def share_blocks(model: nn.Module, n_distinct: int = 1) -> nn.Module:
    """A copy of a model with fewer blocks, each at several depths: of 6 and n_distinct = 2 the first three are one.

    Trained on, a shared block gets the sum of the gradients of all its places.

    Args:
        model: with `blocks`, an `nn.ModuleList` of blocks that are alike in shape; it stays as it is.
        n_distinct: how many blocks are kept; it divides their number. The first of each stretch stays.
    Raises:
        TypeError: model is no module, has no such `blocks`, or n_distinct is no integer.
        ValueError: n_distinct does not divide the number of blocks, or blocks differ in shape.
    Source: Lan et al. 2020, section 3.1 (ALBERT), where all blocks are one.
    """
    check_module("model", model)
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, nn.ModuleList):
        raise TypeError(f"model must have blocks, an nn.ModuleList, got {type(blocks).__name__}")
    check_integer("n_distinct", n_distinct, at_least=1)
    if len(blocks) % n_distinct:
        raise ValueError(f"n_distinct ({n_distinct}) must divide the number of blocks, {len(blocks)}")
    if len({_shapes(block) for block in blocks}) > 1:
        raise ValueError("blocks must be alike in shape to share weights, got several shapes")
    stretch = len(blocks) // n_distinct
    firsts = [copy.deepcopy(block) for block in blocks[::stretch]]
    return copy.deepcopy(model, {id(block): firsts[n // stretch] for n, block in enumerate(blocks)})


def weights_of(model: nn.Module, call: Callable[[], object]) -> Weights:
    """Count the numbers in a model's parameters once, and as often as a call of it runs the layer that holds them.

    Args:
        model: any.  call: runs it once, such as lambda: model(token_ids).
    Returns:
        stored, and used: what a model without sharing would store that computes the same. A layer whose weights are
        read without a call counts once.
    Raises:
        TypeError: model is no module.
    """
    check_module("model", model)
    calls: Counter[nn.Module] = Counter()
    with ExitStack() as hooks:
        for module in model.modules():
            handle = module.register_forward_pre_hook(lambda called, _: calls.update([called]))
            hooks.callback(handle.remove)
        call()
    own = {module: sum(p.numel() for p in module.parameters(recurse=False)) for module in model.modules()}
    stored = sum(p.numel() for p in model.parameters())
    return Weights(stored, sum(n * max(1, calls[module]) for module, n in own.items()))


def _shapes(block: nn.Module) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((name, tuple(p.shape)) for name, p in block.named_parameters())
