"""The bootstrap where values share their makings: each draw takes groups, of every kind at once, and their values."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from mha.validation import check_generator, check_integer

__all__ = ["crossed_weights"]


def crossed_weights(
    factors: Sequence[Sequence[Hashable]], *, rng: np.random.Generator, n_samples: int
) -> NDArray[np.float64]:
    """How often each value is drawn when the groups it belongs to are drawn with replacement, kind by kind.

    A value that belongs to a class drawn twice and to a block drawn three times counts six times. The spread of the
    weighted means is, if anything, too wide.

    Args:
        factors: of each kind of group one label a value, (k, n): classes, say, and blocks.
    Returns:
        (n_samples, n); no row is all zeros, such draws are made again.
    Raises:
        ValueError: there is no factor, no value, or the factors differ in length.
    Source: Owen 2007, "The pigeonhole bootstrap".
    """
    sizes = {len(labels) for labels in factors}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"factors must be one or more of one length, not empty, got lengths {sorted(sizes)}")
    n_samples, rng = check_integer("n_samples", n_samples, at_least=1), check_generator("rng", rng)
    numbers = [_numbered(labels) for labels in factors]
    weights = np.zeros((n_samples, sizes.pop()))
    while (empty := ~weights.any(axis=1)).any():
        drawn = np.ones((int(empty.sum()), weights.shape[1]))
        for group in numbers:
            n_groups = int(group.max()) + 1
            drawn *= rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=len(drawn))[:, group]
        weights[empty] = drawn
    return weights


def _numbered(labels: Sequence[Hashable]) -> NDArray[np.int64]:
    """0 for the first label met, 1 for the next new one, and so on, (n,)."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(label, len(known)) for label in labels])
