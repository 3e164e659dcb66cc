"""What an association is worth: intervals whose unit is the word."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mha.bias.association import attribute_direction, effect_size, spread_of, unit_vectors
from mha.statistics.bootstrap import percentile_interval, resampled, resampled_means
from mha.statistics.intervals import standardised_interval

__all__ = ["bootstrap_interval", "effect_interval"]


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
        rng: draws the words.  level: how much of the draws the interval holds.  n_samples: how many draws. A draw of
            words that are all equally associated has no d and is left out.
    Returns:
        (low, high).
    Raises:
        ValueError: as `associations`, `effect_size` and `percentile_interval` do, or no draw has a d.
    """
    x, y, a, b = (unit_vectors(name, v) for name, v in (("x", x), ("y", y), ("a", a), ("b", b)))
    means = [resampled_means(v, rng=rng, n_samples=n_samples) for v in (a, b)]  # (s, d) each
    directions = attribute_direction(*means)
    drawn_x, drawn_y = (resampled(directions @ v.T, rng=rng, n_samples=n_samples) for v in (x, y))  # (s, n_x), (s, n_y)
    with_spread = spread_of(drawn_x, drawn_y) > 0
    if not with_spread.any():
        raise ValueError("x and y must differ in their associations: no draw of them has an effect size")
    return percentile_interval(effect_size(drawn_x[with_spread], drawn_y[with_spread]), level)


def effect_interval(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of WEAT's d from the noncentral t distribution: exact if associations are normal, however few words.

    Args:
        x: (n_x,) and y: (n_y,) associations of the target words; the attribute words count as given.
    Returns:
        (low, high).
    Raises:
        ValueError: as `effect_size` and `standardised_interval` do.
    """
    if np.ndim(x) != 1 or np.ndim(y) != 1:
        raise ValueError(f"x and y must be (n_x,) and (n_y,), got shapes {np.shape(x)} and {np.shape(y)}")
    return standardised_interval(float(effect_size(x, y)), np.size(x), np.size(y), level=level)
