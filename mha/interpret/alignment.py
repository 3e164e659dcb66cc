"""Which words of a source belong to which of its translation: links read from scores, and how many of them are wrong.

A decoder's row i is computed from token i - 1 and predicts token i. So there are two ways to read cross-attention, and
`rows_of` gives either: by the row that predicts a word, or by the row that reads it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.validation import check_choice, check_finite

__all__ = ["Counts", "count_links", "diagonal_scores", "error_rate", "even_counts", "rows_of", "strongest_links"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Counts(NamedTuple):
    """Of one pair or of many: the links drawn, those of them that are possible, and sure; the sure ones there are."""

    drawn: float
    possible: float
    right: float
    sure: float


def rows_of(weights: ArrayLike, n_target: int, n_source: int, row: str = "predicts") -> Array:
    """The part of cross-attention maps that stands for the words of one pair.

    Args:
        weights: (..., i, j), teacher-forced: row 0 reads the start, row k the k-th word; i > n_target, j ≥ n_source.
        n_target, n_source: words, without start, end and padding.
        row: "predicts", the row whose output is the word; or "reads", the row whose input it is.
    Returns:
        (..., n_target, n_source).
    Raises:
        ValueError: the maps are too small, not finite, or row is neither.
    """
    maps = check_finite("weights", weights)
    check_choice("row", row, ("predicts", "reads"))
    if maps.ndim < 2 or maps.shape[-2] <= n_target or maps.shape[-1] < n_source:
        raise ValueError(f"weights must have over {n_target} rows and {n_source} columns, got shape {maps.shape}")
    first = int(row == "reads")
    return maps[..., first : first + n_target, :n_source]


def strongest_links(scores: ArrayLike) -> Mask:
    """One link for each target word: to the source word with the largest score; of equal ones, nearest the diagonal.

    Args:
        scores: (..., i, j).
    Returns:
        bool (..., i, j), one True a row.
    """
    values = check_finite("scores", scores)
    ranked = np.where(values == values.max(axis=-1, keepdims=True), diagonal_scores(*values.shape[-2:]), -np.inf)
    return np.arange(values.shape[-1]) == ranked.argmax(axis=-1)[..., None]


def diagonal_scores(n_target: int, n_source: int) -> Array:
    """(i, j), largest where a word stands as far into its sentence as the other does into its own."""
    target = (np.arange(n_target) + 0.5) / n_target
    source = (np.arange(n_source) + 0.5) / n_source
    return -np.abs(target[:, None] - source)


def count_links(links: ArrayLike, sure: ArrayLike, possible: ArrayLike) -> Counts:
    """Compare links with those that are known, over the target words that have any.

    Args:
        links, sure, possible: bool (i, j); every sure link is possible.
    Raises:
        ValueError: the shapes differ, or a sure link is not possible.
    """
    drawn, certain, allowed = (np.asarray(mask, dtype=bool) for mask in (links, sure, possible))
    if not drawn.shape == certain.shape == allowed.shape or drawn.ndim != 2:
        raise ValueError(
            f"links, sure and possible must be (i, j), got {drawn.shape}, {certain.shape}, {allowed.shape}"
        )
    if (certain & ~allowed).any():
        raise ValueError("sure links must be possible too, got one that is not")
    drawn = drawn & allowed.any(axis=1, keepdims=True)  # a comma has no counterpart that a link could miss
    return Counts(*(float(mask.sum()) for mask in (drawn, drawn & allowed, drawn & certain, certain)))


def even_counts(sure: ArrayLike, possible: ArrayLike) -> Counts:
    """What `count_links` gives on average where each target word is linked to a source word drawn by chance."""
    certain, allowed = np.asarray(sure, dtype=bool), np.asarray(possible, dtype=bool)
    n_source = allowed.shape[1]
    scored = float(allowed.any(axis=1).sum())
    return Counts(scored, allowed.sum() / n_source, certain.sum() / n_source, float(certain.sum()))


def error_rate(counts: ArrayLike) -> Array:
    """The alignment error rate, 1 - (right + possible) / (drawn + sure): 0 is perfect.

    Args:
        counts: (..., 4), `Counts` of one or of many.
    Returns:
        (...).
    Source: Och and Ney 2003, section 3.
    """
    values = check_finite("counts", counts)
    drawn, possible, right, sure = np.moveaxis(values, -1, 0)
    return np.asarray(1 - (right + possible) / (drawn + sure))
