"""The roofline: what a machine can do at best, and the time that follows for a cost.

Source: Williams, Waterman and Patterson 2009.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mha.measure.cost import Cost
from mha.measure.timing import time_calls
from mha.validation import check_integer, check_number

__all__ = ["Machine", "measure_machine"]


@dataclass(frozen=True)
class Machine:
    """Ceilings of one device: operations and bytes a second."""

    flops_per_s: float
    bytes_per_s: float

    def __post_init__(self) -> None:
        check_number("flops_per_s", self.flops_per_s, above=0)
        check_number("bytes_per_s", self.bytes_per_s, above=0)

    @property
    def ridge(self) -> float:
        """Operations a byte from which on arithmetic is the limit; below it, memory is."""
        return self.flops_per_s / self.bytes_per_s

    def attainable(self, intensity: float) -> float:
        """Operations a second that code of this intensity (operations a byte) can reach: the roofline."""
        check_number("intensity", intensity, at_least=0)
        return min(self.flops_per_s, intensity * self.bytes_per_s)

    def seconds(self, cost: Cost) -> float:
        """The least time for a cost: arithmetic and transfers overlap, so the longer of the two counts."""
        return max(cost.flops / self.flops_per_s, cost.bytes / self.bytes_per_s)


def measure_machine(
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    side: int = 1024,
    n_bytes: int = 2**27,
    rounds: int = 10,
) -> Machine:
    """The ceilings as ordinary library calls reach them: a square matrix product, and a + 3 b written to c.

    The best of the rounds counts, as in STREAM: a ceiling is what can be reached, and disturbance only lowers it.

    Args:
        device, dtype: where, and in what.  side: of the matrices.  n_bytes: of each of a, b, c; well beyond the caches.
        rounds: how often each is timed.
    Raises:
        ValueError: side, n_bytes or rounds below 1.
        TypeError: one of them is no integer.
    """
    for name, size in (("side", side), ("n_bytes", n_bytes), ("rounds", rounds)):
        check_integer(name, size, at_least=1)
    x, y, product = (torch.ones(side, side, device=device, dtype=dtype) for _ in range(3))
    n_items = max(1, n_bytes // dtype.itemsize)
    a, b, c = (torch.ones(n_items, device=device, dtype=dtype) for _ in range(3))
    calls = {
        "product": lambda: torch.mm(x, y, out=product),
        "triad": lambda: torch.add(a, b, alpha=3, out=c),
    }
    best = {name: min(times) for name, times in time_calls(calls, rounds=rounds, device=device).items()}
    return Machine(2 * side**3 / best["product"], 3 * n_items * dtype.itemsize / best["triad"])
