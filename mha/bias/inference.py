"""What an association is worth: permutation tests and intervals whose unit is the word, and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import nct

from mha.bias.association import effect_size, unit_vectors

__all__ = ["Permutation", "bootstrap_interval", "effect_interval", "holm", "permutation_test"]

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


def bootstrap_interval(
    x: ArrayLike,
    y: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    n_samples: int = 2000,
) -> tuple[float, float]:
    """Percentile interval of WEAT's d over words: targets and attributes are drawn anew, each from its own set.

    Args:
        x: (n_x, d), y: (n_y, d) vectors of the target words.  a: (p, d), b: (q, d) of the attribute words.
        rng: draws the words.  level: how much of the draws the interval holds.  n_samples: how many draws.
    Returns:
        (low, high).
    Raises:
        ValueError: as `associations` and `effect_size` do.
    """
    x, y, a, b = (unit_vectors(name, v) for name, v in (("x", x), ("y", y), ("a", a), ("b", b)))
    directions = _resampled_mean(a, rng, n_samples) - _resampled_mean(b, rng, n_samples)  # (s, d)
    groups = [
        np.take_along_axis(directions @ group.T, rng.integers(len(group), size=(n_samples, len(group))), axis=1)
        for group in (x, y)
    ]
    spread = np.concatenate(groups, axis=1).std(axis=1)
    drawn = effect_size(groups[0][spread > 0], groups[1][spread > 0])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def effect_interval(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of WEAT's d from the noncentral t distribution: exact if associations are normal, however few words.

    d and Student's t of the two groups determine one another, so the limits of t's noncentrality give those of d.

    Args:
        x: (n_x,) and y: (n_y,) associations of the target words; the attribute words count as given.
    Returns:
        (low, high).
    Raises:
        ValueError: as `effect_size` does.
    Source: Hedges and Olkin 1985, chapter 5, for the interval of a standardised difference.
    """
    d = float(effect_size(x, y))
    n_x, n_y = np.size(x), np.size(y)
    n, harmonic = n_x + n_y, n_x * n_y / (n_x + n_y)
    # the squares of all words around their mean are those within the groups plus harmonic · difference²
    t = d * math.sqrt(harmonic * (n - 2) / max(n - 1 - harmonic * d * d, 1e-12))
    low, high = (_noncentrality(t, n - 2, tail) for tail in ((1 + level) / 2, (1 - level) / 2))
    scale = math.sqrt(n / harmonic)
    return low / math.sqrt(n + low * low) * scale, high / math.sqrt(n + high * high) * scale


def holm(p_values: ArrayLike) -> Array:
    """p-values of several tests, corrected so that the chance of any false rejection stays at the level.

    Args:
        p_values: (n,), each in [0, 1].
    Returns:
        (n,), in the order given. Reject where the result is below the level.
    Raises:
        ValueError: not one axis, or a value outside [0, 1].
    Source: Holm 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values must be (n,) and in [0, 1], got {p.tolist()}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))  # n times the smallest, n - 1 times the next
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def _n_reached(pooled: Array, reached: float, n_x: int) -> Iterator[int]:
    groupings = combinations(range(len(pooled)), n_x)
    while block := list(islice(groupings, BLOCK)):
        yield int((pooled[np.array(block)].sum(axis=1) >= reached).sum())


def _resampled_mean(vectors: Array, rng: np.random.Generator, n_samples: int) -> Array:
    counts = rng.multinomial(len(vectors), np.full(len(vectors), 1 / len(vectors)), size=n_samples)
    return np.asarray(counts @ vectors / len(vectors))  # (s, n) (n, d) -> (s, d)


def _noncentrality(t: float, freedom: int, tail: float) -> float:
    """The noncentrality under which t stands at the quantile `tail`."""

    def beyond(delta: float) -> float:
        below = float(nct.cdf(t, freedom, delta))
        return (float(delta < t) if math.isnan(below) else below) - tail  # far in a tail scipy has no number

    reach = 10.0 + 2.0 * abs(t)
    return float(brentq(beyond, t - reach, t + reach, xtol=1e-8))
