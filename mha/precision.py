"""Which dtype a product is computed in: what autocast asks for, and float32 where half precision would lose a sum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["autocast_is_on", "half_precision", "layer_precision", "product_dtype", "same_precision"]

HALF = (torch.float16, torch.bfloat16)
CAST = (torch.float32, *HALF)  # what autocast casts; it leaves float64 alone


def autocast_is_on(device: torch.device) -> bool:
    """Whether autocast is on for products on this device."""
    return device.type != "meta" and torch.is_autocast_enabled(device.type)  # which raises an error for meta


def product_dtype(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """The dtype of a product of tensors of this dtype: autocast's where it is on, their own elsewhere."""
    if dtype in CAST and autocast_is_on(device):
        return torch.get_autocast_dtype(device.type)
    return dtype


def half_precision(x: Tensor) -> torch.dtype | None:
    """The dtype of a product with x where that is a half-precision one, else None.

    Whoever sums many such products does it in float32 and rounds the result to this dtype once.
    """
    dtype = product_dtype(x.dtype, x.device)
    return dtype if dtype in HALF else None


def same_precision(x: Tensor, dtype: torch.dtype) -> bool:
    """Whether a product takes x beside a tensor of this dtype: they are one, or autocast makes them one."""
    return x.dtype == dtype or (x.dtype in CAST and dtype in CAST and autocast_is_on(x.device))


def layer_precision(layer: nn.Module) -> tuple[torch.dtype, torch.device] | None:
    """The dtype and the device of what a layer takes in; None where nothing tells, as after quantization.

    The weight of a parametrized layer is not asked for: that would compute it.
    """
    if type(layer) is nn.Linear:
        return layer.weight.dtype, layer.weight.device
    for parameter in layer.parameters():
        if parameter.is_floating_point():
            return parameter.dtype, parameter.device
    return None
