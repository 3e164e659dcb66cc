"""Intervals over repetitions: a mean's by Student's t, a median's by order statistics, a standardised difference's."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import stdtrit
from scipy.stats import binom, nct

from mha.validation import check_finite, check_integer, check_number

__all__ = ["median_interval", "standardised_interval", "student_interval"]


def student_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The interval for the mean that holds it in `level` of all experiments, by Student's t.

    Args:
        values: (n,), n ≥ 2, independent (one a seed), roughly normal.  level: between 0 and 1.
    Returns:
        (low, high). Values that are all equal give an interval of no width: nothing in them speaks of spread.
    Raises:
        ValueError: not one axis, fewer than two values, one that is not finite, or a level outside (0, 1).
    """
    numbers = check_finite("values", values)
    check_number("level", level, above=0, below=1)
    if numbers.ndim != 1 or len(numbers) < 2:
        raise ValueError(f"values must be (n,) with n ≥ 2, got shape {numbers.shape}: one value has no spread")
    mean, n = float(np.mean(numbers)), len(numbers)
    if np.ptp(numbers) == 0.0:
        return float(numbers[0]), float(numbers[0])
    half = float(stdtrit(n - 1, 0.5 + level / 2) * np.std(numbers, ddof=1) / math.sqrt(n))
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
        ValueError: there are fewer than two seeds, or a value is not finite.
    """
    numbers = check_finite("values", values)
    if numbers.ndim == 0 or len(numbers) < 2:
        raise ValueError(f"values must hold two seeds or more along axis 0, got shape {numbers.shape}")
    ordered = np.sort(numbers, axis=0)
    outside = max(1, int(binom.ppf(0.025, len(ordered), 0.5)))  # so many values are left out at each end, less one
    return np.median(ordered, axis=0), ordered[outside - 1], ordered[-outside]


def standardised_interval(difference: float, n_x: int, n_y: int, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the difference of two means in standard deviations of both groups together.

    Exact if the groups are normal with one variance, however small: the standardised difference and Student's t of the
    two groups determine one another, so the limits of t's noncentrality give those of the difference.

    Args:
        difference: (mean of x - mean of y) / deviation of x and y together, with n_x + n_y - 1.
        n_x, n_y: how many values each group holds.  level: between 0 and 1.
    Returns:
        (low, high), for the difference in the deviation of all values of a population with groups of these shares.
    Raises:
        ValueError: a group has fewer than two values, a level lies outside (0, 1), or the difference is as large as
            only groups without any spread within them can have.
    Source: Hedges and Olkin 1985, chapter 5.
    """
    d = check_number("difference", difference)
    n_x, n_y = check_integer("n_x", n_x, at_least=2), check_integer("n_y", n_y, at_least=2)
    check_number("level", level, above=0, below=1)
    n, harmonic = n_x + n_y, n_x * n_y / (n_x + n_y)
    # the squares of all values around their mean are those within the groups plus harmonic · difference²
    within = n - 1 - harmonic * d * d
    if within < 1e-12 * n:
        most = math.sqrt((n - 1) / harmonic)
        raise ValueError(f"difference ({d}) must be below {most:.6g} in size: the groups must spread within themselves")
    t = d * math.sqrt(harmonic * (n - 2) / within)
    low, high = (_noncentrality(t, n - 2, tail) for tail in ((1 + level) / 2, (1 - level) / 2))
    scale = math.sqrt(n / harmonic)
    return low / math.sqrt(n + low * low) * scale, high / math.sqrt(n + high * high) * scale


def _noncentrality(t: float, freedom: int, tail: float) -> float:
    """The noncentrality under which t stands at the quantile `tail`."""

    def beyond(delta: float) -> float:
        below = float(nct.cdf(t, freedom, delta))
        return (float(delta < t) if math.isnan(below) else below) - tail  # far in a tail scipy has no number

    reach = 10.0 + 2.0 * abs(t)
    return float(brentq(beyond, t - reach, t + reach, xtol=1e-8))
