"""The mean of what was measured with its 95 % interval, as a table shows it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from course.columns import Interval
from mha.statistics.grouped import grouped_interval
from mha.statistics.intervals import student_interval

__all__ = ["grouped_mean", "mean"]


def mean(values: ArrayLike) -> Interval:
    """Of independent values (n,), with Student's interval.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    given = np.asarray(values, dtype=float)
    return Interval(float(given.mean()), *student_interval(given))


def grouped_mean(values: ArrayLike, *groups: Sequence[Hashable], seed: int = 0, n_samples: int = 4000) -> Interval:
    """Of values (n,) that come in groups, with the interval over groups that are drawn anew (Owen 2007).

    Args:
        groups: one or more kinds of group, of each one label a value: modules, say, or classes and blocks.
    Raises:
        ValueError: as for `grouped_interval`, where values, labels or groups do not fit.
    """
    given = np.asarray(values, dtype=float)
    ends = grouped_interval(given, *groups, rng=np.random.default_rng(seed), n_samples=n_samples)
    return Interval(float(given.mean()), *map(float, ends))
