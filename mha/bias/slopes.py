"""How much a bias follows a number known of each occupation, and how well so few occupations and words say it.

The same draws serve every method that is compared, so that a ratio or a difference of two methods is taken within each
draw. `Draws` holds weights: how often each occupation is drawn, and what each word or pair of names counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.statistics.bootstrap import percentile_interval
from mha.validation import check_finite, check_generator, check_integer

__all__ = ["Draws", "drawn", "interval_of", "means", "slopes"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draws:
    """Fields:
    rows: (s, n), how often each row of a table counts.  columns: (s, k), what each column counts. The first of the s is
        the table as it is, the others are drawn anew.
    """

    rows: Array
    columns: Array


def drawn(n_rows: int, columns: Sequence[int], *, rng: np.random.Generator, n_samples: int = 4000) -> Draws:
    """Draw the rows of a table anew, and its columns, each kind of column from its own.

    Args:
        n_rows: occupations, say.  columns: how many columns of each kind: (8,) pairs of names, whose mean counts; or
            (8, 8) words for men and for women, of which the mean of the second less that of the first counts.
        n_samples: how many draws.
    Raises:
        ValueError: n_rows or n_samples below 1, or other than one or two kinds of columns.
    """
    check_integer("n_rows", n_rows, at_least=1)
    check_integer("n_samples", n_samples, at_least=1)
    check_generator("rng", rng)
    if len(columns) not in (1, 2):
        raise ValueError(f"columns must be of one or two kinds, got {len(columns)}")
    signs = (1.0,) if len(columns) == 1 else (-1.0, 1.0)
    parts = [sign / n * _counts(n, rng, n_samples) for sign, n in zip(signs, columns, strict=True)]
    return Draws(_counts(n_rows, rng, n_samples), np.hstack(parts))


def slopes(shares: ArrayLike, values: ArrayLike, draws: Draws) -> Array:
    """Slope of a table's values over a number known of each row, for ten units of it: (1 + s,), the table's own first.

    Args:
        shares: (n,), women's share in percent, say.  values: (n, k).
    Raises:
        ValueError: other shapes than the draws have, or a number that is not finite.
    """
    x, table = check_finite("shares", shares), _table(values, draws)
    if x.shape != table.shape[:1]:
        raise ValueError(f"shares must be ({len(table)},), one a row of values, got {x.shape}")
    y = draws.columns @ table.T  # (s, n)
    weights = draws.rows / draws.rows.sum(axis=1, keepdims=True)
    x = x - (weights @ x)[:, None]
    return np.asarray(10 * (weights * x * y).sum(axis=1) / (weights * x * x).sum(axis=1))


def means(values: ArrayLike, draws: Draws) -> Array:
    """Mean over the rows of what the columns count, (1 + s,), the table's own first.

    Args:
        values: (n, k).
    Raises:
        ValueError: as for `slopes`.
    """
    weights = draws.rows / draws.rows.sum(axis=1, keepdims=True)
    return np.asarray((weights * (draws.columns @ _table(values, draws).T)).sum(axis=1))


def interval_of(found: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Value, low and high of what `slopes` or `means` gave, or of a ratio or difference of two of them.

    Args:
        found: (1 + s,), the table's own first.
    """
    numbers = check_finite("found", found)
    return float(numbers[0]), *percentile_interval(numbers[1:], level)


def _counts(n: int, rng: np.random.Generator, n_samples: int) -> Array:
    check_integer("columns", n, at_least=1)
    return np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=n_samples)])


def _table(values: ArrayLike, draws: Draws) -> Array:
    table, expected = check_finite("values", values), (draws.rows.shape[1], draws.columns.shape[1])
    if table.shape != expected:
        raise ValueError(f"values must be {expected}, as the draws are, got {table.shape}")
    return table
