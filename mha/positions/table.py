"""What depends on the position alone: angles, the tables made of them, and what embeddings must look like."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mha.validation import check_integer, check_number, check_tensor

__all__ = ["PositionTable", "angles", "check_embeddings"]


class PositionTable:
    """What depends on the position alone: made in float64, kept per dtype and device, grown on demand.

    Not a buffer: `module.bfloat16().float()` would leave a buffer rounded for good, and a checkpoint needs none of it.
    """

    def __init__(self, make: Callable[[int], Tensor]) -> None:
        self._make = make
        self._kept: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"_make": self._make, "_kept": {}}  # a copy, or a saved module, makes its own

    def rows(self, offset: int, x: Tensor, dtype: torch.dtype) -> Tensor:
        """What belongs to the positions offset, offset + 1 … of x (..., i, d): (..., i, d), a view, on x's device."""
        stop = offset + x.shape[-2]
        kept = self._kept.get((dtype, x.device)) if _is_real(x) else None
        if kept is None or kept.shape[-2] < stop:
            kept = self._made(stop, dtype, x.device)
        return kept[..., offset:stop, :]

    def _made(self, stop: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """A table that reaches to stop; kept where it holds numbers, which in a trace it does not."""
        if torch.compiler.is_compiling():
            return self._make(stop).to(device, dtype)
        with torch.inference_mode(False):  # or training could not use a table made during inference
            made = torch.func.debug_unwrap(self._make(1 << (stop - 1).bit_length()).to(device, dtype))
        if _is_real(made):
            self._kept[dtype, device] = made
        return made


def _is_real(x: Tensor) -> bool:
    """No stand-in for a tensor, of which `torch.export` and its like make theirs."""
    return type(x) in (Tensor, nn.Parameter)


def angles(length: int, dim: int, base: float, name: str) -> Tensor:
    """(p, dim/2) in float64, on the CPU since not every accelerator has float64: p / base^(2c/dim)."""
    check_integer("length", length)
    check_integer(name, dim)
    if length < 1 or dim < 2 or dim % 2:
        raise ValueError(f"length ({length}) must be positive and {name} ({dim}) positive and even")
    check_number("base", base, above=1)
    channel = torch.arange(0, dim, 2, dtype=torch.float64, device="cpu")
    return torch.arange(length, dtype=torch.float64, device="cpu")[:, None] / base ** (channel / dim)


def check_embeddings(x: Tensor, width: int, offset: int, max_len: int | None = None, name: str = "d_model") -> None:
    """Refuse an x that is not (..., i, width) and an offset that leaves 0 … max_len - i: TypeError, ValueError."""
    check_tensor("x", x)
    if not x.dtype.is_floating_point:
        raise TypeError(f"x must be float, got {x.dtype}")
    if x.dim() < 2 or x.shape[-1] != width or 0 in x.shape:
        raise ValueError(f"x must have shape (..., i, {name} = {width}) with no axis empty, got {tuple(x.shape)}")
    check_integer("offset", offset)
    if offset < 0 or (max_len is not None and offset + x.shape[-2] > max_len):
        room = "" if max_len is None else f", and offset + {x.shape[-2]} tokens at most max_len ({max_len})"
        raise ValueError(f"offset ({offset}) must be at least 0{room}")
