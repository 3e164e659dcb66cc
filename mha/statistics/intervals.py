"""Intervals over repetitions: for a mean by Student's t, for a median by order statistics."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit
from scipy.stats import binom

__all__ = ["median_interval", "student_interval"]


def student_interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """The interval for the mean that holds it in `level` of all experiments, by Student's t.

    Args:
        values: (n,), n ≥ 2, independent (one a seed), roughly normal.
    Returns:
        (low, high). Values that are all equal give an interval of no width: nothing in them speaks of spread.
    """
    mean, n = float(np.mean(values)), len(values)
    if np.ptp(values) == 0.0:
        return float(values[0]), float(values[0])
    half = float(stdtrit(n - 1, 0.5 + level / 2) * np.std(values, ddof=1) / math.sqrt(n))
    return mean - half, mean + half


def median_interval(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Median over seeds, and an interval for it made of order statistics, so that no distribution is assumed.

    The interval holds the true median with a probability of 95 % or more from six seeds on. From five it is the whole
    range and holds it with 93.75 %, 1 - 2 (1/2)^5; no wider one can be had from so few.

    Args:
        values: (n_seeds, ...), at least two seeds.
    Returns:
        median, low, high: each of shape (...).
    Raises:
        ValueError: there are fewer than two seeds.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=0)
    if ordered.ndim == 0 or len(ordered) < 2:
        raise ValueError(f"values must hold two seeds or more along axis 0, got shape {ordered.shape}")
    outside = max(1, int(binom.ppf(0.025, len(ordered), 0.5)))  # so many values are left out at each end, less one
    return np.median(ordered, axis=0), ordered[outside - 1], ordered[-outside]
