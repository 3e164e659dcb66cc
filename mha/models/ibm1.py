"""IBM model 1: which word of one language stands for which of another, counted from pairs of sentences alone.

The model says that each target word was made by one word of the source, any of them equally likely, or by none; what is
learned is t(target word | source word). Where words stand plays no part. It is what attention is compared with: made
for alignment, in 1993, without a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mha.validation import check_integer

__all__ = ["IBM1", "expected_counts", "train_ibm1"]

Array = NDArray[np.float64]
Pairs = Sequence[tuple[Sequence[str], Sequence[str]]]


def expected_counts(table: Array, source: NDArray[np.int64], target: NDArray[np.int64]) -> Array:
    """How much of each target word each source word of one pair has made, as a table believes: rows sum to 1.

    Args:
        table: (v_target, v_source), t(target word | source word).  source: (j,) ids.  target: (i,) ids.
    Returns:
        (i, j). A target word that no source word can make has a row of zeros.
    """
    likely = table[np.ix_(target, source)]  # (i, j)
    total = likely.sum(axis=1, keepdims=True)
    return np.divide(likely, total, out=np.zeros_like(likely), where=total > 0)


@dataclass(frozen=True)
class IBM1:
    """A trained model: words by their number, and the table t.

    source_words[0] is the empty word, for what no word of the source has made.
    """

    source_words: dict[str, int]
    target_words: dict[str, int]
    table: Array  # (v_target, v_source); columns sum to 1

    def scores(self, source: Sequence[str], target: Sequence[str]) -> Array:
        """t(target word | source word), (i, j), the empty word left out; 0 for a word that training did not show."""
        rows = [self.target_words.get(word, -1) for word in target]
        columns = [self.source_words.get(word, -1) for word in source]
        found = self.table[np.ix_(rows, columns)]
        found[[n for n, row in enumerate(rows) if row < 0]] = 0.0
        found[:, [n for n, column in enumerate(columns) if column < 0]] = 0.0
        return found

    def word_by_word(self, source: Sequence[str]) -> tuple[str, ...]:
        """For each known word of the source the likeliest target word, in the order of the source."""
        words = list(self.target_words)
        known = [self.source_words[word] for word in source if word in self.source_words]
        return tuple(words[n] for n in self.table[:, known].argmax(axis=0))


def train_ibm1(pairs: Pairs, n_iterations: int = 10) -> IBM1:
    """Expectation-maximisation from a table of equal numbers.

    Args:
        pairs: (source tokens, target tokens), at least one pair, none with an empty side.
        n_iterations: how often counts are made and turned into a table.
    Raises:
        ValueError: no pairs, an empty side, or n_iterations below 1.
    Source: Brown et al. 1993, section 4.2.
    """
    check_integer("n_iterations", n_iterations, at_least=1)
    if not pairs or not all(source and target for source, target in pairs):
        raise ValueError("pairs must hold a pair or more, each with words on both sides")
    source_words = {"": 0} | {w: n for n, w in enumerate(sorted({w for s, _ in pairs for w in s}), 1)}
    target_words = {w: n for n, w in enumerate(sorted({w for _, t in pairs for w in t}))}
    cells, rows = _cells(pairs, source_words, target_words)  # of the table; of all target words of the text
    shape = len(target_words), len(source_words)
    table = np.full(shape, 1 / shape[0])
    for _ in range(n_iterations):
        likely = table.ravel()[cells]
        total = np.bincount(rows, likely)
        counts = np.bincount(cells, likely / total[rows], minlength=table.size).reshape(shape)
        made = counts.sum(axis=0)
        table = np.divide(counts, made, out=np.zeros_like(counts), where=made > 0)
    return IBM1(source_words, target_words, table)


def _cells(
    pairs: Pairs, source_words: dict[str, int], target_words: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each target word and source word of a pair: their cell in the flat table, the number of the target word."""
    cells, rows, n = [], [], 0
    for source, target in pairs:
        columns = np.array([0, *(source_words[word] for word in source)])
        first = np.array([target_words[word] for word in target]) * len(source_words)
        cells.append((first[:, None] + columns).ravel())
        rows.append(np.repeat(np.arange(n, n + len(target)), len(columns)))
        n += len(target)
    return np.concatenate(cells), np.concatenate(rows)
