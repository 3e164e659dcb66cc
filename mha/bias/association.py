"""Association tests on embeddings: the statistics of WEAT, SEAT and WEFAT.

All of them begin with the association of a word with two sets of attribute words: its mean cosine with the one minus
its mean cosine with the other. WEAT asks whether two groups of target words differ in it, WEFAT whether it goes along
with a number known of each word. SEAT is WEAT with the vectors of sentences; here a word's sentences are averaged
first, since two sentences with the same word are not two observations. What they are worth says `mha.bias.inference`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["associations", "effect_size", "template_vectors", "unit_vectors", "wefat"]

Array = NDArray[np.float64]


def associations(words: ArrayLike, a: ArrayLike, b: ArrayLike) -> Array:
    """Mean cosine with the attribute words a minus mean cosine with b, s(w, A, B).

    Args:
        words: (..., n, d).  a: (..., p, d).  b: (..., q, d). Leading axes broadcast; lengths of vectors do not matter.
    Returns:
        (..., n).
    Raises:
        ValueError: the vectors differ in length, a set is empty, or a vector is zero or not finite.
    Source: Caliskan, Bryson and Narayanan 2017.
    """
    words, a, b = (unit_vectors(name, x) for name, x in (("words", words), ("a", a), ("b", b)))
    if not words.shape[-1] == a.shape[-1] == b.shape[-1]:
        raise ValueError(f"words, a and b must agree in d, got {words.shape[-1]}, {a.shape[-1]} and {b.shape[-1]}")
    direction = a.mean(axis=-2) - b.mean(axis=-2)  # a mean of cosines is a cosine with the mean of unit vectors
    return np.asarray((words @ direction[..., None])[..., 0])  # (..., n, d) (..., d, 1) -> (..., n)


def effect_size(x: ArrayLike, y: ArrayLike) -> Array:
    """How far apart two groups of words are, in standard deviations of all of them: WEAT's d.

    Args:
        x: (..., n_x) associations of the one group.  y: (..., n_y) of the other.
    Returns:
        (...): from -2 to 2, nearly. The deviation is that of x and y together, with n - 1.
    Raises:
        ValueError: a group has fewer than two words, or all associations of both are equal.
    Source: Caliskan, Bryson and Narayanan 2017.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if min(x.shape[-1:] + y.shape[-1:] or (0,)) < 2:
        raise ValueError(f"x and y must hold two words or more each, got shapes {x.shape} and {y.shape}")
    spread = np.concatenate([x, y], axis=-1).std(axis=-1, ddof=1)
    if not (spread > 0).all():
        raise ValueError("x and y must not be all equal: without spread there is no effect size")
    return np.asarray((x.mean(axis=-1) - y.mean(axis=-1)) / spread)


def wefat(words: ArrayLike, a: ArrayLike, b: ArrayLike) -> Array:
    """Each word's association in standard deviations of its cosines with all attribute words: WEFAT's statistic.

    Args:
        words: (n, d).  a: (p, d).  b: (q, d).
    Returns:
        (n,).
    Raises:
        ValueError: as for `associations`.
    Source: Caliskan, Bryson and Narayanan 2017.
    """
    difference = associations(words, a, b)
    attributes = np.concatenate([unit_vectors("a", a), unit_vectors("b", b)])
    return np.asarray(difference / (unit_vectors("words", words) @ attributes.T).std(axis=-1, ddof=1))


def template_vectors(embed: Callable[[list[str]], ArrayLike], words: Sequence[str], templates: Sequence[str]) -> Array:
    """One vector a word and template: what SEAT starts from. Average over the templates before a test.

    Args:
        embed: maps a list of texts to vectors (n, d).  words: n words.
        templates: t texts with one {} each, where the word goes; "{}" is the word alone.
    Returns:
        (n, t, d).
    Raises:
        ValueError: a template without exactly one {}.
    Source: May et al. 2019.
    """
    for template in templates:
        if template.count("{}") != 1:
            raise ValueError(f"a template must hold {{}} once, got {template!r}")
    texts = [template.replace("{}", word) for word in words for template in templates]
    vectors = np.asarray(embed(texts), dtype=np.float64)
    return vectors.reshape(len(words), len(templates), vectors.shape[-1])


def unit_vectors(name: str, vectors: ArrayLike) -> Array:
    """Vectors (..., n, d) divided by their lengths.

    Raises:
        ValueError: fewer than two axes, an empty one, or a vector that is zero or not finite; the message says `name`.
    """
    x = np.asarray(vectors, dtype=np.float64)
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"{name} must have shape (..., n, d), none empty, got {x.shape}")
    lengths = np.linalg.norm(x, axis=-1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError(f"{name} must hold finite vectors, none of length zero, to have cosines")
    return np.asarray(x / lengths)
