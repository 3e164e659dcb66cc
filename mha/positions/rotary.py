"""Queries and keys turned by an angle that grows with the position."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from mha.positions.table import PositionTable, angles, check_embeddings
from mha.validation import check_choice

__all__ = ["Rotary"]


class Rotary(nn.Module):
    """Turns each pair of channels by an angle proportional to the position: pair c at position p by p / base^(2c/d).

    A score between two rotated vectors then depends on how far they lie apart, not on where they stand.

    Args:
        head_dim: d, even.  base: as in `sinusoidal_positions`.
        pairing: which two channels make a pair. "interleaved": 2c and 2c + 1, as in the paper and in Meta's Llama, and
            the fastest here. "halves": c and c + d/2, as in GPT-NeoX and in Hugging Face's Llama. One is the other with
            the channels in another order, so weights trained with one need it.
    Raises:
        ValueError: head_dim is odd or not positive, base is not above 1, or pairing is neither.
    Source: Su et al. 2021, eq. 15 and 34.
    """

    def __init__(self, head_dim: int, base: float = 10000.0, *, pairing: str = "interleaved") -> None:
        super().__init__()
        angles(1, head_dim, base, "head_dim")
        check_choice("pairing", pairing, ("interleaved", "halves"))
        self.head_dim, self.base, self.pairing = head_dim, base, pairing
        make = _turns if pairing == "interleaved" else _cos_and_sin
        self._table = PositionTable(partial(make, head_dim=head_dim, base=base))

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """Rotate queries or keys, in float32 at least.

        Args:
            x: (..., i, d), float.  offset: position of the first, which is the number of tokens already in the cache.
        Returns:
            (..., i, d) of x's dtype.
        Raises:
            ValueError: the last axis is not head_dim, or offset is negative.
            TypeError: x is not float, or offset no integer.
        """
        check_embeddings(x, self.head_dim, offset, name="head_dim")
        wide = x if x.dtype == torch.float64 else x.float()
        if self.pairing == "halves":
            return _rotate_halves(wide, self._table.rows(offset, x, wide.dtype)).to(x.dtype)
        dtype = torch.complex128 if x.dtype == torch.float64 else torch.complex64
        return _rotate_interleaved(wide, self._table.rows(offset, x, dtype)).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.head_dim}, base={self.base}, pairing={self.pairing!r}"


def _turns(length: int, head_dim: int, base: float) -> Tensor:
    """(p, d/2) complex: the numbers of length 1 that turn a pair by its angle."""
    turned = angles(length, head_dim, base, "head_dim")
    return torch.polar(torch.ones_like(turned), turned)


def _cos_and_sin(length: int, head_dim: int, base: float) -> Tensor:
    """(2, p, d): cos for both halves, and sin, negative in the first half."""
    turned = angles(length, head_dim, base, "head_dim")
    cos, sin = turned.cos(), turned.sin()
    return torch.stack([torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)])


def _rotate_interleaved(x: Tensor, turns: Tensor) -> Tensor:
    # A pair can be read as a complex number only where it lies aligned; a compiler cannot see whether it does.
    if torch.compiler.is_compiling() or x.stride(-1) != 1 or any(n % 2 for n in (x.storage_offset(), *x.stride()[:-1])):
        x = x.clone(memory_format=torch.contiguous_format)  # contiguous() leaves an odd offset where it is
    pairs = torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))  # (..., i, d) -> (..., i, d/2)
    return torch.view_as_real(pairs * turns).flatten(-2)


def _rotate_halves(x: Tensor, table: Tensor) -> Tensor:
    cos, sin = table
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)  # roll swaps the halves
