"""Sines and cosines of the position, added to embeddings; nothing in them is learned."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from mha.positions.table import PositionTable, angles, check_embeddings

__all__ = ["SinusoidalPositions", "sinusoidal_positions"]


def sinusoidal_positions(
    length: int,
    d_model: int,
    *,
    base: float = 10000.0,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Sinusoidal positions: sin(p / base^(2c/m)) in channel 2c and cos of the same angle in channel 2c + 1.

    Args:
        length: number of positions p = 0 … length - 1.  d_model: m, even.
        base: ratio of the longest wavelength to the shortest, roughly.
        dtype, device: of the result, torch's defaults if None; it is computed in float64 and rounded once.
    Returns:
        (length, d_model).
    Raises:
        ValueError: d_model is odd, a size is not positive, or base is not above 1.
    Source: Vaswani et al. 2017, section 3.5.
    """
    turned = angles(length, d_model, base, "d_model")
    table = torch.stack([turned.sin(), turned.cos()], dim=-1).flatten(-2)  # (p, m/2, 2) -> (p, m)
    return table.to(device or torch.get_default_device(), dtype or torch.get_default_dtype())


class SinusoidalPositions(nn.Module):
    """Adds `sinusoidal_positions` to embeddings; nothing in it is learned.

    Args:
        d_model: m, even.  max_len: positions it may reach.  base: as in `sinusoidal_positions`.
    Raises:
        ValueError: as `sinusoidal_positions` does.
    """

    def __init__(self, d_model: int, max_len: int, *, base: float = 10000.0) -> None:
        super().__init__()
        angles(max_len, d_model, base, "d_model")  # complains now rather than at the first batch
        self.d_model, self.max_len = d_model, max_len
        self._table = PositionTable(partial(_sinusoids, d_model=d_model, base=base))

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """x (..., i, m) plus the positions offset … offset + i - 1; offset = tokens already in the cache."""
        check_embeddings(x, self.d_model, offset, self.max_len)
        return x + self._table.rows(offset, x, x.dtype)


def _sinusoids(length: int, d_model: int, base: float) -> Tensor:
    return sinusoidal_positions(length, d_model, base=base, dtype=torch.float64, device="cpu")
