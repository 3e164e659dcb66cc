"""Numbers as small integers and a scale: symmetric rounding by tensor, by row or by group, and two of four bits a byte.

The scale of a group is its largest magnitude over the largest integer, so nothing is cut off and 0 stays 0.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from mha.validation import check_integer, check_tensor, check_torch_generator

__all__ = [
    "Per",
    "Rounded",
    "check_per",
    "dequantize",
    "group_size",
    "int_product",
    "largest_level",
    "pack",
    "quantize",
    "quantize_rows",
    "unpack",
]

Per = str | int
"""What has a scale of its own: the whole "tensor", each "row", or so many columns of a row."""
EXACT = 1024  # 127² so many times is below 2²⁴: a sum that float32 holds without rounding


class Rounded(NamedTuple):
    """Integers and what they are multiplied by."""

    values: Tensor  # int8 (n, m)
    scales: Tensor  # float32 (n, m / group), (n, 1) or (1, 1)


def largest_level(bits: int) -> int:
    """The largest integer that is used: 127 for 8 bits, 7 for 4. Its negative is the smallest, so -128 is not used.

    Raises:
        TypeError: bits is no integer.  ValueError: it is not in 2 … 8.
    """
    return int(2 ** (check_integer("bits", bits, at_least=2, at_most=8) - 1) - 1)


def quantize(w: Tensor, *, bits: int = 8, per: Per = "row", generator: torch.Generator | None = None) -> Rounded:
    """The nearest of the evenly spaced levels -k·s … k·s to each number, k = `largest_level(bits)`.

    Args:
        w: (n, m), floating and finite.  bits: 2 … 8.
        per: "tensor", "row" or a number of columns that divides m: what shares a scale s, its largest magnitude / k.
        generator: rounds up or down by chance instead, more often to the nearer, so that the error is 0 on average.
    Returns:
        values int8 (n, m); scales float32: (1, 1), (n, 1) or (n, m / per). A group of zeros gets zeros.
    Raises:
        TypeError: w is no floating tensor; bits is no integer.
        ValueError: w has not two axes, is empty or not finite; bits or per is out of range.
    """
    _check_matrix(w)
    if not bool(torch.isfinite(w).all()):
        raise ValueError(f"w must be finite, got {int((~torch.isfinite(w)).sum())} entries that are not")
    if generator is not None:
        check_torch_generator("generator", generator)
    return _quantize(w.detach().float(), largest_level(bits), group_size(w.shape[1], per), per == "tensor", generator)


def quantize_rows(x: Tensor) -> Rounded:
    """`quantize` by row to 8 bits of what a layer is given, unchecked: NaN or infinity makes the row's scale so."""
    return _quantize(x, 127, x.shape[-1], False, None)


def dequantize(values: Tensor, scales: Tensor) -> Tensor:
    """The numbers that the integers stand for, float32 (n, m).

    Args:
        values: int8 (n, m).  scales: as `quantize` returns them.
    Raises:
        TypeError: values are not int8.  ValueError: the shapes do not fit.
    """
    check_tensor("values", values)
    check_tensor("scales", scales)
    if values.dtype != torch.int8:
        raise TypeError(f"values must be int8, got {values.dtype}")
    n, m = values.shape
    fits = scales.dim() == 2 and scales.shape[0] in (1, n) and m % scales.shape[1] == 0
    if not fits or (scales.shape[0] != n and scales.shape[1] != 1):
        raise ValueError(f"scales must be (1, 1), ({n}, 1) or ({n}, a divisor of {m}), got {tuple(scales.shape)}")
    grouped = values.unflatten(1, (scales.shape[1], -1))  # (n, m) -> (n, groups, m / groups)
    return (grouped * scales[:, :, None]).flatten(1)


def pack(values: Tensor) -> Tensor:
    """Two integers of four bits in each byte: the even column in the low half, the odd one in the high half.

    Args:
        values: int8 (n, m), m even, between -8 and 7.
    Returns:
        uint8 (n, m / 2).
    Raises:
        TypeError: values are not int8.  ValueError: m is odd, or a value does not fit into four bits.
    """
    check_tensor("values", values)
    if values.dtype != torch.int8:
        raise TypeError(f"values must be int8, got {values.dtype}")
    if values.shape[-1] % 2:
        raise ValueError(f"values must have an even number of columns to share bytes, got {tuple(values.shape)}")
    if values.numel() and (int(values.min()) < -8 or int(values.max()) > 7):
        raise ValueError(f"values must lie between -8 and 7, got {int(values.min())} to {int(values.max())}")
    nibbles = values.bitwise_and(0x0F).view(torch.uint8)  # two's complement: -1 is 15
    return nibbles[..., 0::2] | (nibbles[..., 1::2] << 4)


def unpack(packed: Tensor) -> Tensor:
    """Undoes `pack`: uint8 (n, m / 2) -> int8 (n, m).

    Raises:
        TypeError: packed is not uint8.
    """
    check_tensor("packed", packed)
    if packed.dtype != torch.uint8:
        raise TypeError(f"packed must be uint8, got {packed.dtype}")
    high = packed.view(torch.int8) >> 4  # an arithmetic shift keeps the sign
    low = (packed << 4).view(torch.int8) >> 4
    return torch.stack([low, high], dim=-1).flatten(-2)  # (n, m / 2, 2) -> (n, m)


def int_product(a: Tensor, b: Tensor) -> Tensor:
    """The exact product of int8 matrices, int32.

    By the processor's own instructions where torch reaches them and they are exact: without VNNI some add pairs of
    products in 16 bits and cut them off. Else by float32, in parts that it holds exactly.

    Args:
        a: (n, k).  b: (k, m).
    Returns:
        (n, m).
    Raises:
        TypeError: one is not int8.
    """
    if a.dtype != torch.int8 or b.dtype != torch.int8:
        raise TypeError(f"a and b must be int8, got {a.dtype} and {b.dtype}")
    if a.is_cpu and _is_exact():
        return torch._int_mm(a, b)
    parts = zip(a.split(EXACT, dim=1), b.split(EXACT, dim=0), strict=True)
    products = [(one.float() @ other.float()).to(torch.int32) for one, other in parts]
    return torch.stack(products).sum(0, dtype=torch.int32)


def group_size(n_columns: int, per: Per) -> int:
    """How many columns of a row share a scale.

    Raises:
        TypeError, ValueError: as `check_per`; per does not divide n_columns.
    """
    check_per(per)
    if isinstance(per, str):
        return n_columns
    if n_columns % per:
        raise ValueError(f"per ({per}) must divide the number of columns, {n_columns}")
    return per


def check_per(per: Per) -> None:
    """Refuse what is neither "tensor", nor "row", nor a number of columns.

    Raises:
        TypeError, ValueError: it is none of them.
    """
    if not isinstance(per, str):
        check_integer("per", per, at_least=1)
    elif per not in ("tensor", "row"):
        raise ValueError(f"per must be 'tensor', 'row' or a number of columns, got {per!r}")


@cache
def _is_exact() -> bool:
    """Whether torch's product of int8 is there and exact on this processor: tried once, on the largest values."""
    a = torch.full((32, 64), 127, dtype=torch.int8)
    try:
        return all(bool((torch._int_mm(a, (s * a).t()) == s * 127 * 127 * 64).all()) for s in (1, -1))
    except (AttributeError, RuntimeError):
        return False


def _check_matrix(w: Tensor) -> None:
    check_tensor("w", w)
    if not w.is_floating_point():
        raise TypeError(f"w must be floating, got {w.dtype}")
    if w.dim() != 2 or 0 in w.shape:
        raise ValueError(f"w must have shape (n, m), none empty, got {tuple(w.shape)}")


def _quantize(w: Tensor, top: int, group: int, shared: bool, generator: torch.Generator | None) -> Rounded:
    grouped = w.unflatten(1, (-1, group))  # (n, m) -> (n, groups, m / groups)
    largest = grouped.abs().amax() if shared else grouped.abs().amax(-1)
    tiny = torch.finfo(torch.float32).tiny  # of zeros: 0 / 0 would be NaN
    scales = (largest / top).clamp_min(tiny).view(*((1, 1) if shared else largest.shape))
    steps = grouped / scales[:, :, None]
    if generator is None:
        steps = steps.round_()
    else:
        steps = (steps + torch.rand(steps.shape, generator=generator, device=steps.device)).floor_()
    return Rounded(steps.clamp_(-top, top).to(torch.int8).flatten(1), scales)
