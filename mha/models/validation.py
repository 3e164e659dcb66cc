"""What every model asks of its sizes and of the token ids it is given."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

__all__ = ["check_config", "check_ids", "check_sizes"]


def check_config(config: Any) -> None:
    """`check_sizes`, and that the heads share d_model.

    Args:
        config: a dataclass of numbers, among them d_model, n_heads and dropout.
    Raises:
        ValueError: a size is not positive, n_heads does not divide d_model, or dropout leaves [0, 1).
    """
    check_sizes(config)
    if config.d_model % config.n_heads:
        raise ValueError(f"d_model ({config.d_model}) must be divisible by n_heads ({config.n_heads})")


def check_sizes(config: Any) -> None:
    """Refuse sizes that no model can have.

    Args:
        config: a dataclass of numbers, among them dropout.
    Raises:
        ValueError: a size is not positive, or dropout leaves [0, 1).
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name != "dropout" and not value > 0:
            raise ValueError(f"{field.name} must be positive, got {value}")
    if not 0.0 <= config.dropout < 1.0:
        raise ValueError(f"dropout must be in [0, 1), got {config.dropout}")


def check_ids(name: str, ids: Tensor, size: int) -> None:
    """Refuse what an embedding of `size` rows would refuse late, or with an index error.

    Args:
        name: of the argument, for the message.  ids: what should be (b, i) integers in 0 … size - 1.
    Raises:
        TypeError: the ids are not integers.
        ValueError: another number of axes, an empty one, or an id outside the table.
    """
    if ids.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name} must be int64 or int32, got {ids.dtype}")
    if ids.dim() != 2 or 0 in ids.shape:
        raise ValueError(f"{name} must have shape (b, i), none empty, got {tuple(ids.shape)}")
    lowest, highest = (int(bound) for bound in ids.aminmax())
    if lowest < 0 or highest >= size:
        raise ValueError(f"{name} must lie between 0 and {size - 1}, got {lowest} to {highest}")
