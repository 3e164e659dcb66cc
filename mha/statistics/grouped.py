"""The bootstrap where values come in groups that hang together: each draw takes whole groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mha.statistics.bootstrap import percentile_interval
from mha.statistics.crossed import crossed_weights
from mha.validation import check_finite

__all__ = ["grouped_interval"]


def grouped_interval(
    values: ArrayLike,
    *groups: Sequence[Hashable],
    rng: np.random.Generator,
    n_samples: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval for a mean, had other groups been drawn: of questions about a module, say, whole modules.

    Of what two models score on the same questions, give the differences: one interval for the difference of means.

    Args:
        values: (n,).  groups: of each kind of group (modules, say, and seeds) n labels, one a value.
        n_samples: draws.  level: between 0 and 1.
    Raises:
        ValueError: values is not (n,), or not finite; another number of labels; no kind has two groups.
    Source: Owen 2007, for several kinds.
    """
    numbers = check_finite("values", values)
    sizes = [len(labels) for labels in groups]
    if numbers.ndim != 1 or not sizes or set(sizes) != {len(numbers)}:
        raise ValueError(f"values must be (n,) with a group each, got {numbers.shape} and {sizes} labels")
    if max(len(set(labels)) for labels in groups) < 2:
        raise ValueError("groups must hold two groups or more, got 1: one has no spread")
    weights = crossed_weights(groups, rng=rng, n_samples=n_samples)
    return percentile_interval(weights @ numbers / weights.sum(axis=1), level)
