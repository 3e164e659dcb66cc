"""What can still be read from vectors: a linear and a non-linear probe, judged on words they were not fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mha.bias.mitigation import labelled
from mha.validation import check_choice, check_generator, check_integer

__all__ = ["PROBES", "probe", "right", "thirds"]

PROBES = ("linear", "non-linear")
SMALLEST = 1e-6  # of a channel's typical deviation: less is what rounding leaves of a channel that does not vary


class Channels(StandardScaler):  # type: ignore[misc]
    """Mean 0 and deviation 1 in each channel; one that does not vary beyond rounding stays as small as it is.

    An eraser that subtracts from such a channel leaves rounding there that follows the label: stretched to deviation 1
    it would tell the label, which nothing in the vectors does.
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Channels:  # noqa: N803
        """Means and deviations of the channels of X (n, d)."""
        super().fit(X, y, sample_weight)
        self.scale_[self.scale_ < SMALLEST * np.sqrt(self.var_.mean())] = 1.0
        return self


def probe(kind: str) -> Pipeline:
    """An unfitted probe: logistic regression, or a support vector machine with a Gaussian kernel.

    Both first bring each channel that varies to mean 0 and deviation 1: a probe that cannot see a small difference has
    not shown that there is none.

    Raises:
        ValueError: kind is none of `PROBES`.
    """
    check_choice("kind", kind, PROBES)
    found = LogisticRegression(C=0.1, max_iter=1000) if kind == "linear" else SVC(C=10.0)
    return make_pipeline(Channels(), found)


def right(kind: str, fit_on: ArrayLike, told: ArrayLike, judge_on: ArrayLike, truth: ArrayLike) -> NDArray[np.bool_]:
    """Of which words a probe tells the label, fitted on other words.

    Args:
        kind: one of `PROBES`.  fit_on: (n, d).  told: (n,), their labels.  judge_on: (k, d).  truth: (k,).
    Returns:
        (k,).
    Raises:
        ValueError: as `probe` and `labelled` do, or the two have another d.
    """
    x, z = labelled(fit_on, told)
    new, wanted = labelled(judge_on, truth)
    if x.shape[1] != new.shape[1]:
        raise ValueError(f"fit_on and judge_on must agree in d, got {x.shape[1]} and {new.shape[1]}")
    return np.asarray(probe(kind).fit(x, z).predict(new) == wanted)


def thirds(
    groups: ArrayLike, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Three parts of n words with no word in common: to fit the eraser, to fit the probe, to judge.

    Args:
        groups: (n,), kinds of words: each is cut into three, the last two of one size.  rng: draws the parts.
    Returns:
        Places, sorted, three times.
    Raises:
        ValueError: a group of fewer than three.
    """
    kinds, of_word = np.unique(np.asarray(groups), return_inverse=True)
    check_generator("rng", rng)
    parts: tuple[list[int], ...] = ([], [], [])
    for kind in range(len(kinds)):
        order = rng.permutation(np.flatnonzero(of_word == kind))
        size = check_integer(f"words of group {kinds[kind]}", len(order), at_least=3) // 3
        for part, words in zip(parts, (order[2 * size :], order[:size], order[size : 2 * size]), strict=True):
            part.extend(words.tolist())
    fit, probed, judged = (np.array(sorted(part), dtype=np.int64) for part in parts)
    return fit, probed, judged
