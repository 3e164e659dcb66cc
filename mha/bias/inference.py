"""What an association is worth: intervals whose unit is the word."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import nct

from mha.bias.association import effect_size, unit_vectors

__all__ = ["bootstrap_interval", "effect_interval"]

Array = NDArray[np.float64]


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
