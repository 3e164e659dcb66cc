"""What depends on the position alone: angles, the tables made of them, and what embeddings must look like."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

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

    def rows(self, start: int, stop: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """(..., stop - start, d), a view."""
        kept = self._kept.get((dtype, device))
        if kept is None or kept.shape[-2] < stop:
            with torch.inference_mode(False):  # or training could not use a table made during inference
                kept = self._make(1 << (stop - 1).bit_length()).to(device, dtype)
            self._kept[dtype, device] = kept
        return kept[..., start:stop, :]


def angles(length: int, dim: int, base: float, name: str) -> Tensor:
    """(p, dim/2) in float64, on the CPU since not every accelerator has float64: p / base^(2c/dim)."""
    if length < 1 or dim < 2 or dim % 2:
        raise ValueError(f"length ({length}) must be positive and {name} ({dim}) positive and even")
    if base <= 1:
        raise ValueError(f"base ({base}) must be above 1")
    channel = torch.arange(0, dim, 2, dtype=torch.float64, device="cpu")
    return torch.arange(length, dtype=torch.float64, device="cpu")[:, None] / base ** (channel / dim)


def check_embeddings(x: Tensor, width: int, offset: int, max_len: int | None = None, name: str = "d_model") -> None:
    if not x.dtype.is_floating_point:
        raise TypeError(f"x must be float, got {x.dtype}")
    if x.dim() < 2 or x.shape[-1] != width or 0 in x.shape:
        raise ValueError(f"x must have shape (..., i, {name} = {width}) with no axis empty, got {tuple(x.shape)}")
    if offset < 0 or (max_len is not None and offset + x.shape[-2] > max_len):
        room = "" if max_len is None else f", and offset + {x.shape[-2]} tokens at most max_len ({max_len})"
        raise ValueError(f"offset ({offset}) must be at least 0{room}")
