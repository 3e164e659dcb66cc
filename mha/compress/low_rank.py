"""What fine-tuning changed, kept small: of each matrix the change of lowest rank that comes nearest to it.

The changed model is the old one with the changes added, so that only these need to be stored.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mha.validation import check_integer, check_module

__all__ = ["add_changes", "low_rank_changes"]

LEFT, RIGHT = "left", "right"


@torch.no_grad()
def low_rank_changes(old: nn.Module, new: nn.Module, rank: int) -> dict[str, Tensor]:
    """The differences of two models of one shape, of each matrix to a rank.

    Args:
        old, new: with the same parameters.  rank: at least 1; a matrix with fewer rows or columns is kept whole.
    Returns:
        For a matrix (n, m) that changed, "name.left" (n, r) and "name.right" (r, m), whose product is the change; for
        any other parameter that changed, "name" with the change itself. Half precision.
    Raises:
        TypeError: no module, or rank no integer.  ValueError: the parameters differ in name or shape; rank below 1.
    Source: the nearest matrix of a rank, Eckart and Young 1936; that changes of low rank serve, Hu et al. 2021.
    """
    check_integer("rank", rank, at_least=1)
    before, after = _parameters("old", old), _parameters("new", new)
    if {name: p.shape for name, p in before.items()} != {name: p.shape for name, p in after.items()}:
        raise ValueError("old and new must have the same parameters, in name and shape")
    kept: dict[str, Tensor] = {}
    for name, parameter in before.items():
        change = (after[name] - parameter).float()
        if not change.any():
            continue
        if change.dim() != 2 or min(change.shape) <= rank:
            kept[name] = change.half()
            continue
        u, s, vh = torch.linalg.svd(change, full_matrices=False)
        root = s[:rank].sqrt()
        kept |= {f"{name}.{LEFT}": (u[:, :rank] * root).half(), f"{name}.{RIGHT}": (root[:, None] * vh[:rank]).half()}
    return {name: tensor.contiguous() for name, tensor in kept.items()}


@torch.no_grad()
def add_changes(model: nn.Module, changes: Mapping[str, Tensor]) -> None:
    """Add them to the model's parameters, in place.

    Args:
        model: the old one.  changes: as `low_rank_changes` gives them.
    Raises:
        TypeError: model is no module.  ValueError: a change fits no parameter, or half of a product is missing.
    """
    parameters = _parameters("model", model)
    for name in {_name(key) for key in changes}:
        halves = [changes.get(f"{name}.{half}") for half in (LEFT, RIGHT)]
        change = changes.get(name) if halves == [None, None] else _product(name, halves)
        parameter = parameters.get(name)
        if change is None or parameter is None or change.shape != parameter.shape:
            raise ValueError(f"{name} must be a parameter of the model with the shape of its change")
        parameter += change.to(parameter)  # type: ignore[misc]  # in place it stays a parameter


def _name(key: str) -> str:
    return key.removesuffix(f".{LEFT}").removesuffix(f".{RIGHT}")


def _product(name: str, halves: list[Tensor | None]) -> Tensor:
    left, right = halves
    if left is None or right is None or left.shape[1:] != right.shape[:1]:
        raise ValueError(f"{name} must have both halves of its change, of one rank")
    return left.float() @ right.float()


def _parameters(name: str, model: nn.Module) -> dict[str, nn.Parameter]:
    check_module(name, model)
    return dict(model.named_parameters())
