"""Corrections for many tests at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.validation import check_finite

__all__ = ["holm"]


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values of several tests, corrected so that the chance of any false rejection stays at the level.

    Args:
        p_values: (n,), each in [0, 1].
    Returns:
        (n,), in the order given. Reject where the result is at most the level.
    Raises:
        ValueError: not one axis, empty, or a value outside [0, 1] or NaN.
    Source: Holm 1979.
    """
    p = check_finite("p_values", p_values)
    if p.ndim != 1 or not p.size or p.min() < 0 or p.max() > 1:
        raise ValueError(f"p_values must be (n,), not empty and in [0, 1], got {p.tolist()}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))  # n times the smallest, n - 1 times the next
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
