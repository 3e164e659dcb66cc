"""Taking a label out of vectors: projection, INLP and LEACE, each fitted on labelled vectors, and their control.

An eraser is fitted on the vectors of some words and judged on others: what it guarantees, it guarantees for the vectors
that it was fitted on. Whatever is claimed of it needs the same eraser fitted on labels without meaning beside it,
`shuffled_labels`: taking any direction out of vectors makes their differences smaller. What is left to be read says
`mha.bias.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

from mha.validation import check_finite, check_generator, check_integer, check_number

__all__ = ["METHODS", "Eraser", "inlp", "labelled", "leace", "projection", "shuffled_labels"]

Array = NDArray[np.float64]
EVERY = 4  # INLP holds every fourth vector back, to see when to stop
SMALLEST = 1e-10  # of a direction's length: less is what rounding leaves of one that is gone


@dataclass(frozen=True, eq=False)
class Eraser:
    """An affine map that takes k directions out of vectors, x - (x - mean) readᵀ writeᵀ.

    Fields:
        mean: (d,), which stays where it is.  read: (k, d), what is read off a vector.  write: (d, k), what is taken
            away for it. Both hold the same orthonormal directions in an orthogonal projection.
    """

    mean: Array
    read: Array
    write: Array

    @property
    def rank(self) -> int:
        """How many directions go."""
        return len(self.read)

    def __call__(self, vectors: ArrayLike, *, strength: float = 1.0) -> Array:
        """Erase.

        Args:
            vectors: (..., d).  strength: from 0, nothing goes, to 1.
        Returns:
            (..., d).
        Raises:
            ValueError: another d, a number that is not finite, or a strength outside 0 … 1.
        """
        x, strength = check_finite("vectors", vectors), check_number("strength", strength, at_least=0, at_most=1)
        if not x.ndim or x.shape[-1] != len(self.mean):
            raise ValueError(f"vectors must be (..., {len(self.mean)}), as the eraser was fitted, got {x.shape}")
        return np.asarray(x - strength * ((x - self.mean) @ self.read.T) @ self.write.T)


def projection(vectors: ArrayLike, labels: ArrayLike) -> Eraser:
    """Take out the direction from the one class's mean to the other's.

    Args:
        vectors: (n, d).  labels: (n,), two kinds.
    Returns:
        An eraser of rank 1; of rank 0 where the two means are equal.
    Raises:
        ValueError: as `labelled` does.
    Source: Bolukbasi et al. 2016, "neutralize", with the difference of means for the direction.
    """
    x, z = labelled(vectors, labels)
    direction = x[z].mean(axis=0) - x[~z].mean(axis=0)
    return _orthogonal(x.mean(axis=0), _added(np.empty((0, x.shape[1])), direction, _size(x)))


def inlp(vectors: ArrayLike, labels: ArrayLike, *, rounds: int | None = None, most_rounds: int = 40) -> Eraser:
    """Fit a linear classifier, take out the direction it reads, and again on what is left.

    Args:
        vectors: (n, d).  labels: (n,), two kinds, each on eight vectors or more.
        rounds: how often. If None, until the classifier is no better than the majority on the vectors it is not fitted
            on, every fourth of each kind, at most `most_rounds` times. A control takes the rounds that the label itself
            took: labels without meaning would end at once.
    Returns:
        An eraser of one direction a round; fewer where no direction is left to read.
    Raises:
        ValueError: as `labelled` does; fewer than eight of a label; rounds or most_rounds below 0.
    Source: Ravfogel et al. 2020, algorithm 1, with logistic regression.
    """
    x, z = labelled(vectors, labels)
    if min(z.sum(), (~z).sum()) < 2 * EVERY:
        raise ValueError(f"labels must have {2 * EVERY} vectors of each kind, got {z.sum()} and {(~z).sum()}")
    most = most_rounds if rounds is None else rounds
    check_integer("most_rounds" if rounds is None else "rounds", most, at_least=0)
    tried = _every_fourth(z)
    mean, basis, majority = x.mean(axis=0), np.empty((0, x.shape[1])), max(z[tried].mean(), 1 - z[tried].mean())
    classifier = LogisticRegression(max_iter=1000)
    scaled = (x - mean) / _size(x)  # its penalty and its tolerance suit numbers about 1
    for _ in range(most):
        left = scaled - (scaled @ basis.T) @ basis
        classifier.fit(left[~tried], z[~tried])
        longer = _added(basis, classifier.coef_[0], 0.0)
        if len(longer) == len(basis) or (rounds is None and classifier.score(left[tried], z[tried]) <= majority):
            break
        basis = longer
    return _orthogonal(mean, basis)


def leace(vectors: ArrayLike, labels: ArrayLike) -> Eraser:
    """The smallest change, in the vectors' own metric, after which no linear classifier reads the label from them.

    Args:
        vectors: (n, d).  labels: (n,), two kinds.
    Returns:
        An eraser of rank 1; of rank 0 where the two means are equal. The covariance is estimated with shrinkage.
    Raises:
        ValueError: as `labelled` does.  ModuleNotFoundError: concept-erasure is not installed.
    Source: Belrose et al. 2023, section 4.
    """
    x, z = labelled(vectors, labels)
    found = (
        _leace_fitter()
        .fit(
            torch.from_numpy(x / _size(x)),
            torch.from_numpy(z.astype(np.float64)),
            constrain_cov_trace=False,  # which gives the guarantee up where the variance would grow
            svd_tol=SMALLEST,
        )
        .eraser
    )
    read, write = found.proj_right.numpy(), found.proj_left.numpy()
    kept = np.linalg.norm(read, axis=1) > 0
    return Eraser(x.mean(axis=0), read[kept], write[:, kept])


METHODS: dict[str, Callable[..., Eraser]] = {"projection": projection, "INLP": inlp, "LEACE": leace}


def shuffled_labels(labels: ArrayLike, rng: np.random.Generator) -> NDArray[Any]:
    """The labels in a random order: as many of each, and without meaning. Fit the control on these.

    Args:
        labels: (n,).  rng: draws the order.
    """
    return check_generator("rng", rng).permutation(np.asarray(labels))


def labelled(vectors: ArrayLike, labels: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    """Vectors (n, d) and their labels as bool (n,), True = the larger of the two kinds.

    Raises:
        ValueError: other shapes, a number that is not finite, not two kinds of label, or vectors that are all equal.
    """
    x, z = check_finite("vectors", vectors), np.asarray(labels)
    if x.ndim != 2 or 0 in x.shape or z.shape != x.shape[:1]:
        raise ValueError(f"vectors must be (n, d) and labels (n,), got shapes {x.shape} and {z.shape}")
    kinds = np.unique(z)
    if len(kinds) != 2:
        raise ValueError(f"labels must be of two kinds, got {len(kinds)}: {kinds[:4].tolist()}")
    if not _size(x) > 0:
        raise ValueError("vectors must differ: all of them are equal")
    return x, z == kinds[1]


def _size(x: Array) -> float:
    """The typical deviation of a channel, so that no tolerance depends on the vectors' scale."""
    return float(np.sqrt(x.var(axis=0).mean()))


def _every_fourth(z: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which vectors are held back: every fourth of each kind."""
    number = np.where(z, np.cumsum(z), np.cumsum(~z))
    return np.asarray(number % EVERY == 0)


def _orthogonal(mean: Array, basis: Array) -> Eraser:
    return Eraser(mean, basis, basis.T)


def _added(basis: Array, direction: Array, size: float) -> Array:
    """The orthonormal rows of `basis` and what the direction has beside them, if it has anything."""
    rest = direction - (direction @ basis.T) @ basis
    rest = rest - (rest @ basis.T) @ basis  # once more, for what rounding left
    length = np.linalg.norm(rest)
    if length <= max(SMALLEST * np.linalg.norm(direction), SMALLEST * size):  # type: ignore[operator]
        return basis
    return np.vstack([basis, rest / length])


def _leace_fitter() -> Any:
    try:
        from concept_erasure import LeaceFitter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("leace needs concept-erasure: pip install concept-erasure") from error
    return LeaceFitter
