"""Permutation tests: how often chance alone sets two groups as far apart as they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Permutation", "permutation_test"]

Array = NDArray[np.float64]
MOST_EXACT = 20_000  # groupings that are all gone through; beyond, they are sampled
BLOCK = 4096  # groupings at a time


@dataclass(frozen=True)
class Permutation:
    """What `permutation_test` returns: p, whether all groupings were gone through, and how many were looked at."""

    p: float
    exact: bool
    n_groupings: int


def permutation_test(
    x: ArrayLike, y: ArrayLike, *, rng: np.random.Generator | None = None, n_samples: int = 9999
) -> Permutation:
    """How often random groupings of the same words are as far apart as the two groups are, in the same direction.

    Args:
        x: (n_x,) and y: (n_y,) associations, one for each word. One-sided: x is expected above y.
        rng: draws the groupings where there are more than 20 000 of them; fewer are all gone through.
        n_samples: how many are drawn.
    Returns:
        Permutation. Exact: p is the share of groupings with a difference of at least that observed, the observed one
        among them. Sampled: (as large + 1) / (n_samples + 1), since the observed grouping is one of those drawn;
        without it p could be 0, and would reject too often (Phipson and Smyth 2010).
    Raises:
        ValueError: a group is empty, or rng is missing where groupings must be drawn.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 1 or not (x.size and y.size):
        raise ValueError(f"x and y must be one number a word, (n,), none empty, got shapes {x.shape} and {y.shape}")
    pooled = np.concatenate([x, y])
    reached = x.sum() - 1e-12 * np.abs(pooled).sum()  # a rearranged sum may round below itself
    n_groupings = math.comb(len(pooled), len(x))
    if n_groupings <= MOST_EXACT:
        return Permutation(sum(_n_reached(pooled, reached, len(x))) / n_groupings, True, n_groupings)
    if rng is None:
        raise ValueError(f"rng must be given: {n_groupings} groupings are too many to go through, got None")
    shuffled = rng.permuted(np.tile(pooled, (n_samples, 1)), axis=1)
    n_reached = int((shuffled[:, : len(x)].sum(axis=1) >= reached).sum())
    return Permutation((n_reached + 1) / (n_samples + 1), False, n_samples)


def _n_reached(pooled: Array, reached: float, n_x: int) -> Iterator[int]:
    groupings = combinations(range(len(pooled)), n_x)
    while block := list(islice(groupings, BLOCK)):
        yield int((pooled[np.array(block)].sum(axis=1) >= reached).sum())
