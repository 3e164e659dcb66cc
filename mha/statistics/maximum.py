"""Many tests at once, by their maximum: how large the largest of all of them comes out by chance alone.

Unlike `correction.holm` this takes no p-value of each test, which few draws could not make small, and it takes what
the tests have in common into account.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.validation import check_finite, check_generator, check_integer

__all__ = ["corrected_by_maximum", "sign_flip_maxima"]

Array = NDArray[np.float64]


def corrected_by_maximum(observed: ArrayLike, maxima: ArrayLike) -> Array:
    """p-values of many tests, corrected so that the chance of any false rejection stays at the level.

    Args:
        observed: any shape, the statistic of each test, all on one scale; large ones speak against chance.
        maxima: (n,), the largest of them all in each of n draws in which chance alone was at work.
    Returns:
        Of the shape of observed: (draws whose maximum reaches it + 1) / (n + 1), since what was observed is one more
        draw if chance alone was at work in it.
    Raises:
        ValueError: no maxima, another shape, or a number that is not finite.
    Source: Westfall and Young 1993, section 2.3 (single-step maxT).
    """
    values, ordered = check_finite("observed", observed), np.sort(check_finite("maxima", maxima), axis=None)
    if np.ndim(maxima) != 1 or not ordered.size:
        raise ValueError(f"maxima must be (n,), not empty, got shape {np.shape(maxima)}")
    reached = len(ordered) - np.searchsorted(ordered, values, side="left")
    return np.asarray((reached + 1) / (len(ordered) + 1), dtype=np.float64)


def sign_flip_maxima(differences: ArrayLike, *, rng: np.random.Generator, n_samples: int = 9999) -> tuple[Array, Array]:
    """Student's t of many paired differences, in size, and its maximum when the signs of whole units are drawn anew.

    Args:
        differences: (n, k), one row a unit (a text, a seed) that could as well have had the other sign, all of it.
        rng: draws the signs.  n_samples: how often.
    Returns:
        |t| (k,), and the largest of them in each draw (n_samples,). A column of zeros has t = 0.
    Raises:
        ValueError: fewer than two units, no columns, a number that is not finite, or n_samples below 1.
        TypeError: rng is no generator.
    """
    x, n_samples = check_finite("differences", differences), check_integer("n_samples", n_samples, at_least=1)
    if x.ndim != 2 or len(x) < 2 or not x.shape[1]:
        raise ValueError(f"differences must be (n, k) with n ≥ 2 and k ≥ 1, got shape {x.shape}")
    squares = np.square(x).mean(axis=0)
    means = np.abs(x.mean(axis=0))
    signs = check_generator("rng", rng).choice([-1.0, 1.0], size=(n_samples, len(x)))
    maxima = np.array([_sizes(np.abs(some @ x) / len(x), squares, len(x)).max() for some in signs])
    return _sizes(means, squares, len(x)), maxima


def _sizes(means: Array, squares: Array, n: int) -> Array:
    """|t| from the size of a mean and the mean square, which no sign changes."""
    variances = np.maximum(squares - means**2, np.finfo(np.float64).eps * squares)
    return np.divide(means * np.sqrt(n - 1), np.sqrt(variances), out=np.zeros_like(means), where=squares > 0)
