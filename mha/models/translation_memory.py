"""A translation memory: look up the most similar source among those known, and give its translation as it stands.

Similar is what has the larger chrF, the F-score of shared runs of one to six characters; it weighs recall twice. The
score is that of sacrebleu's `CHRF()`, here for one text against very many at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from mha.validation import check_texts

__all__ = ["TranslationMemory"]

ORDERS, BETA = 6, 2.0
Array = NDArray[np.float64]
Feature = tuple[str, int]


class TranslationMemory:
    """Known sources and their translations.

    Args:
        sources, targets: (n,) texts each.
    Raises:
        TypeError: one of them is a single string.  ValueError: no text, or not as many of both.
    Source: chrF: Popović 2015.
    """

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        self.sources, self.targets = check_texts("sources", sources), check_texts("targets", targets)
        if len(self.sources) != len(self.targets):
            raise ValueError(f"sources and targets must be as many, got {len(self.sources)} and {len(self.targets)}")
        self._columns: list[dict[Feature, int]] = [{} for _ in range(ORDERS)]
        self._known = [self._counted(self.sources, n, grow=True) for n in range(ORDERS)]

    def similarities(self, texts: Sequence[str]) -> Array:
        """chrF of each text, as a hypothesis, against each known source, 0 to 100: (m, n)."""
        asked = check_texts("texts", texts)
        precision, recall = np.zeros((len(asked), len(self.sources))), np.zeros((len(asked), len(self.sources)))
        orders = np.zeros_like(precision)
        for n in range(ORDERS):
            rows = self._counted(asked, n)
            shared = (rows @ self._known[n].T).toarray()
            mine = np.array([max(0, len(_plain(text)) - n) for text in asked], dtype=float)[:, None]
            theirs = np.array([max(0, len(_plain(text)) - n) for text in self.sources], dtype=float)
            both = (mine > 0) & (theirs > 0)  # a text of five characters has no run of six
            precision += np.divide(shared, mine, out=np.zeros_like(shared), where=both)
            recall += np.divide(shared, theirs, out=np.zeros_like(shared), where=both)
            orders += both
        p, r = precision / np.maximum(orders, 1), recall / np.maximum(orders, 1)
        both = (BETA**2 * p + r) > 0
        return 100 * np.divide((1 + BETA**2) * p * r, BETA**2 * p + r, out=np.zeros_like(p), where=both)

    def nearest(self, texts: Sequence[str]) -> tuple[list[str], Array]:
        """For each text the translation of the most similar source, the first of equals, and that similarity (m,)."""
        table = self.similarities(texts)
        best = table.argmax(axis=1)
        return [self.targets[n] for n in best], table.max(axis=1)

    def _counted(self, texts: Sequence[str], n: int, grow: bool = False) -> csr_matrix:
        """Which runs of n + 1 characters a text holds, the k-th time a run comes counted as a run of its own.

        So the product of two rows is the number of runs that both hold, each as often as both have it.
        """
        columns, indices, ends = self._columns[n], [], [0]
        for text in texts:
            plain, seen = _plain(text), Counter[str]()
            for start in range(len(plain) - n):
                run = plain[start : start + n + 1]
                seen[run] += 1
                feature = run, seen[run]
                if grow:
                    columns.setdefault(feature, len(columns))
                if feature in columns:
                    indices.append(columns[feature])
            ends.append(len(indices))
        shape = len(texts), max(1, len(columns))
        return csr_matrix((np.ones(len(indices)), indices, ends), shape=shape)


def _plain(text: str) -> str:
    """Without spaces, which chrF does not count."""
    return "".join(text.split())
