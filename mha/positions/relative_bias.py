"""T5's learned bias on the scores: one number a head and bucket of lags."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mha.lags import every_lag, spread_over_pairs
from mha.validation import check_integer, check_tensor

__all__ = ["RelativeBias", "relative_buckets"]

EDGE = 1e-5  # of a bucket: above the rounding of float32, below what any distance but an edge's own comes to an edge


class RelativeBias(nn.Module):
    """A learned bias per head and bucket of distances, added to the scores.

    Args:
        n_heads: h.  n_buckets, max_distance, bidirectional: as in `relative_buckets`.
    Raises:
        ValueError: n_heads is not positive; as `relative_buckets` does.
    Source: Raffel et al. 2020, section 2.1.
    """

    def __init__(self, n_heads: int, n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True) -> None:
        super().__init__()
        check_integer("n_heads", n_heads, at_least=1)
        _check_buckets(n_buckets, max_distance, bidirectional)
        self.n_buckets, self.max_distance, self.bidirectional = n_buckets, max_distance, bidirectional
        self.weight = nn.Parameter(torch.empty(n_buckets, n_heads))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the biases anew."""
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, n_queries: int, n_keys: int | None = None) -> Tensor:
        """The bias (h, i, j) to hand on as attn_bias; the last query is level with the last key, i ≤ j."""
        n_keys = n_queries if n_keys is None else n_keys
        buckets = relative_buckets(
            every_lag(n_queries, n_keys, device=self.weight.device),
            n_buckets=self.n_buckets,
            max_distance=self.max_distance,
            bidirectional=self.bidirectional,
        )
        return spread_over_pairs(self.weight[buckets].T, n_keys)  # (i + j - 1, h) -> (h, i, j)


def relative_buckets(
    lags: Tensor, *, n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True
) -> Tensor:
    """T5's buckets: one per distance up to a half of them, then ever wider ones, the last for max_distance and beyond.

    Args:
        lags: integers, any shape: query position minus key position.
        n_buckets: how many there are, at least 2, or 4 and even if bidirectional.
        max_distance: from here on all share a bucket.
        bidirectional: half of the buckets are for keys after the query; otherwise those share bucket 0.
    Returns:
        int64 of the same shape, in 0 … n_buckets - 1.
    Raises:
        TypeError: lags are not integers.
        ValueError: n_buckets or max_distance is too small, or n_buckets odd where it must be even.
    Source: Raffel et al. 2020, section 2.1; the logarithms in float32 as in its code, since weights were trained so.
    A distance at the edge of a bucket, such as a power of two, begins the next one, whichever way a processor rounds.
    """
    check_tensor("lags", lags)
    if lags.dtype.is_floating_point or lags.dtype == torch.bool:
        raise TypeError(f"lags must be integers, got {lags.dtype}")
    size, n_exact = _check_buckets(n_buckets, max_distance, bidirectional)
    distance = lags.abs() if bidirectional else lags.clamp(min=0)
    growth = torch.log(distance.clamp(min=n_exact).float() / n_exact) / math.log(max_distance / n_exact)
    wide = (n_exact + (growth * (size - n_exact) + EDGE).long()).clamp(max=size - 1)
    buckets = torch.where(distance < n_exact, distance.long(), wide)
    return buckets + size * (lags < 0) if bidirectional else buckets


def _check_buckets(n_buckets: int, max_distance: int, bidirectional: bool) -> tuple[int, int]:
    """The number of buckets in one direction, and how many of them hold a single distance."""
    check_integer("n_buckets", n_buckets)
    check_integer("max_distance", max_distance)
    size = n_buckets // 2 if bidirectional else n_buckets
    if size < 2 or (bidirectional and n_buckets % 2):
        wanted = "even and at least 4" if bidirectional else "at least 2"
        raise ValueError(f"n_buckets ({n_buckets}) must be {wanted}")
    if max_distance <= size // 2:
        raise ValueError(
            f"max_distance ({max_distance}) must be above {size // 2}, the distances with their own bucket"
        )
    return size, size // 2
