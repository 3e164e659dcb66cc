"""The bootstrap: what a statistic would have been with other draws, taken from the values at hand.

A statistic of several groups is drawn by drawing each group by itself, from its own values, as many as it has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.validation import check_finite, check_generator, check_integer, check_number

__all__ = ["percentile_interval", "resampled", "resampled_means"]

Array = NDArray[np.float64]


def resampled(values: ArrayLike, *, rng: np.random.Generator, n_samples: int) -> Array:
    """n values drawn from n with replacement, again and again.

    Args:
        values: (n,); or (n_samples, n), where each draw has values of its own to draw from.
    Returns:
        (n_samples, n).
    Raises:
        ValueError: no values, another shape, or n_samples below 1.
    """
    numbers, n_samples = check_finite("values", values), check_integer("n_samples", n_samples, at_least=1)
    if numbers.ndim not in (1, 2) or 0 in numbers.shape or (numbers.ndim == 2 and len(numbers) != n_samples):
        raise ValueError(f"values must be (n,) or ({n_samples}, n), not empty, got shape {numbers.shape}")
    shape = n_samples, numbers.shape[-1]
    chosen = check_generator("rng", rng).integers(shape[1], size=shape)
    return np.take_along_axis(np.broadcast_to(numbers, shape), chosen, axis=1)


def resampled_means(vectors: ArrayLike, *, rng: np.random.Generator, n_samples: int) -> Array:
    """The mean of n vectors drawn from n with replacement, again and again; no draw is ever held in memory.

    Args:
        vectors: (n, d).
    Returns:
        (n_samples, d).
    Raises:
        ValueError: no vectors, another number of axes, or n_samples below 1.
    """
    x, n_samples = check_finite("vectors", vectors), check_integer("n_samples", n_samples, at_least=1)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"vectors must be (n, d), none empty, got shape {x.shape}")
    n = len(x)
    counts = check_generator("rng", rng).multinomial(n, np.full(n, 1 / n), size=n_samples)  # how often each is drawn
    return np.asarray(counts @ x / n)  # (s, n) (n, d) -> (s, d)


def percentile_interval(draws: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of what a statistic came to in the draws.

    Args:
        draws: (n_samples,).  level: between 0 and 1.
    Raises:
        ValueError: no draws, another shape, one that is not finite, or a level outside (0, 1).
    Source: Efron and Tibshirani 1993, chapter 13.
    """
    numbers = check_finite("draws", draws)
    check_number("level", level, above=0, below=1)
    if numbers.ndim != 1 or not numbers.size:
        raise ValueError(f"draws must be (n_samples,), not empty, got shape {numbers.shape}")
    low, high = np.quantile(numbers, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
