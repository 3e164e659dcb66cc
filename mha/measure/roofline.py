"""The roofline: what a machine can do at best, what attention asks of it, and the time that follows.

Operations count 1 for each addition, multiplication, exponential, division or comparison. Bytes are those that must
cross between the chip and its memory if nothing stays in a cache from one part to the next, and nothing is read twice
within a part; so they are a floor.

Source: Williams, Waterman and Patterson 2009.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mha.measure.timing import time_calls

__all__ = ["Cost", "Machine", "explicit_attention", "fused_attention", "measure_machine"]

SOFTMAX_FLOPS = 5  # for each score: maximum, subtraction, exponential, sum, division


@dataclass(frozen=True)
class Machine:
    """Ceilings of one device: operations and bytes a second."""

    flops_per_s: float
    bytes_per_s: float

    def __post_init__(self) -> None:
        if not (self.flops_per_s > 0 and self.bytes_per_s > 0):
            raise ValueError(
                f"flops_per_s and bytes_per_s must be positive, got {self.flops_per_s} and {self.bytes_per_s}"
            )

    @property
    def ridge(self) -> float:
        """Operations a byte from which on arithmetic is the limit; below it, memory is."""
        return self.flops_per_s / self.bytes_per_s

    def attainable(self, intensity: float) -> float:
        """Operations a second that code of this intensity (operations a byte) can reach: the roofline."""
        return min(self.flops_per_s, intensity * self.bytes_per_s)

    def seconds(self, cost: Cost) -> float:
        """The least time for a cost: arithmetic and transfers overlap, so the longer of the two counts."""
        return max(cost.flops / self.flops_per_s, cost.bytes / self.bytes_per_s)


@dataclass(frozen=True)
class Cost:
    """Operations, and bytes moved."""

    flops: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Operations a byte."""
        return self.flops / self.bytes

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


def explicit_attention(
    n_heads: int, n_queries: int, n_keys: int, head_dim: int, *, item_bytes: int = 4
) -> dict[str, Cost]:
    """The cost of each part when scores and weights are written out, without a mask.

    Args:
        n_heads: heads times sequences.  n_queries, n_keys, head_dim: sizes of one head.
        item_bytes: of one number: 4 in float32, 2 in float16 and bfloat16.
    Returns:
        "scores" (q kᵀ), "scale", "softmax", "output" (weights v).
    Raises:
        ValueError: a size below 1.
    """
    _check(n_heads=n_heads, n_queries=n_queries, n_keys=n_keys, head_dim=head_dim, item_bytes=item_bytes)
    square = n_heads * n_queries * n_keys
    product = Cost(
        2 * square * head_dim, item_bytes * (n_heads * (n_queries + n_keys) * head_dim + square)
    )  # both products read or write the square, and as many numbers besides
    return {
        "scores": product,
        "scale": Cost(square, 2 * item_bytes * square),
        "softmax": Cost(SOFTMAX_FLOPS * square, 2 * item_bytes * square),
        "output": product,
    }


def fused_attention(n_heads: int, n_queries: int, n_keys: int, head_dim: int, *, item_bytes: int = 4) -> Cost:
    """The cost when scores and weights never leave the chip: the same operations; q, k, v read, out written, once.

    Args, Raises:
        As for `explicit_attention`.
    """
    parts = explicit_attention(n_heads, n_queries, n_keys, head_dim, item_bytes=item_bytes)
    flops = sum(part.flops for part in parts.values())
    return Cost(flops, item_bytes * n_heads * 2 * (n_queries + n_keys) * head_dim)


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
    """
    _check(side=side, n_bytes=n_bytes, rounds=rounds)
    x, y, product = (torch.ones(side, side, device=device, dtype=dtype) for _ in range(3))
    n_items = max(1, n_bytes // dtype.itemsize)
    a, b, c = (torch.ones(n_items, device=device, dtype=dtype) for _ in range(3))
    calls = {
        "product": lambda: torch.mm(x, y, out=product),
        "triad": lambda: torch.add(a, b, alpha=3, out=c),
    }
    best = {name: min(times) for name, times in time_calls(calls, rounds=rounds, device=device).items()}
    return Machine(2 * side**3 / best["product"], 3 * n_items * dtype.itemsize / best["triad"])


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be 1 or more, got {size}")
