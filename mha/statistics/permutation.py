"""Permutation tests: how often chance alone sets two groups as far apart as they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.validation import check_finite, check_generator, check_integer

__all__ = ["Permutation", "permutation_test"]

Array = NDArray[np.float64]
MOST_EXACT = 20_000  # groupings that are all gone through; beyond, they are sampled
BLOCK = 4096  # groupings at a time
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Permutation:
    """What `permutation_test` returns: p, whether all groupings were gone through, and how many were looked at."""

    p: float
    exact: bool
    n_groupings: int


def permutation_test(
    x: ArrayLike, y: ArrayLike, *, rng: np.random.Generator | None = None, n_samples: int = 9999
) -> Permutation:
    """How often random groupings of the same values are as far apart as the two groups are, in the same direction.

    Args:
        x: (n_x,) and y: (n_y,), one number for each thing that could as well have been in the other group.
            One-sided: x is expected above y.
        rng: draws the groupings where there are more than 20 000 of them; fewer are all gone through.
        n_samples: how many are drawn.
    Returns:
        Permutation. Exact: p is the share of groupings with a difference of at least that observed, the observed one
        among them. Sampled: (as large + 1) / (n_samples + 1), since the observed grouping is one of those drawn;
        without it p could be 0, and would reject too often (Phipson and Smyth 2010).
    Raises:
        ValueError: a group is empty or not finite, n_samples is below 1, or rng is missing where groupings are drawn.
        TypeError: rng is no generator.
    """
    x, y = check_finite("x", x), check_finite("y", y)
    n_samples = check_integer("n_samples", n_samples, at_least=1)
    rng = None if rng is None else check_generator("rng", rng)
    if x.ndim != 1 or y.ndim != 1 or not (x.size and y.size):
        raise ValueError(f"x and y must be (n_x,) and (n_y,), none empty, got shapes {x.shape} and {y.shape}")
    pooled = _comparable(np.concatenate([x, y]))
    rounding = 4 * EPSILON * len(pooled) + 1e-12 * np.abs(pooled).sum()  # a rearranged sum may round below itself
    reached = pooled[: len(x)].sum() - rounding
    n_groupings = math.comb(len(pooled), len(x))
    if n_groupings <= MOST_EXACT:
        return Permutation(sum(_n_reached(pooled, reached, len(x))) / n_groupings, True, n_groupings)
    if rng is None:
        raise ValueError(f"rng must be given: {n_groupings} groupings are too many to go through, got None")
    shuffled = rng.permuted(np.tile(pooled, (n_samples, 1)), axis=1)
    n_reached = int((shuffled[:, : len(x)].sum(axis=1) >= reached).sum())
    return Permutation((n_reached + 1) / (n_samples + 1), False, n_samples)


def _comparable(values: Array) -> Array:
    """The values around their mean, in units of the largest, so that sums differ by what the values differ by."""
    largest = np.abs(values).max()
    scaled = values / largest if largest > 0 else values
    return np.asarray(scaled - scaled.mean())


def _n_reached(pooled: Array, reached: float, n_x: int) -> Iterator[int]:
    groupings = combinations(range(len(pooled)), n_x)
    while block := list(islice(groupings, BLOCK)):
        yield int((pooled[np.array(block)].sum(axis=1) >= reached).sum())
