"""Corrections for many tests at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["holm"]


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
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
