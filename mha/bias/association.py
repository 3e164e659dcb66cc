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

from mha.validation import check_finite, check_texts

__all__ = [
    "associations",
    "attribute_direction",
    "effect_size",
    "spread_of",
    "template_vectors",
    "unit_vectors",
    "wefat",
]

Array = NDArray[np.float64]
ROUNDING = 1e-12  # what numbers of size 1 may be apart and still be equal but for their rounding


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
    direction = attribute_direction(a.mean(axis=-2), b.mean(axis=-2))
    return np.asarray((words @ direction[..., None])[..., 0])  # (..., n, d) (..., d, 1) -> (..., n)


def attribute_direction(a: Array, b: Array) -> Array:
    """The direction that associations are measured along; all zeros where the two means are equal but for rounding.

    Args:
        a, b: (..., d), means of unit vectors: a mean of cosines is a cosine with such a mean.
    Returns:
        (..., d).
    """
    direction = a - b
    return np.where(np.linalg.norm(direction, axis=-1, keepdims=True) > ROUNDING, direction, 0.0)


def effect_size(x: ArrayLike, y: ArrayLike) -> Array:
    """How far apart two groups of words are, in standard deviations of all of them: WEAT's d.

    Args:
        x: (..., n_x) associations of the one group.  y: (..., n_y) of the other.
    Returns:
        (...): from -2 to 2, nearly. The deviation is that of x and y together, with n - 1.
    Raises:
        ValueError: a group has fewer than two words, an association is not finite, the leading axes differ, or all
            associations of both are equal but for their rounding.
    Source: Caliskan, Bryson and Narayanan 2017.
    """
    x, y = check_finite("x", x), check_finite("y", y)
    if not (x.ndim and y.ndim) or min(x.shape[-1], y.shape[-1]) < 2 or x.shape[:-1] != y.shape[:-1]:
        raise ValueError(
            f"x and y must hold two words or more each and agree in the other axes, got shapes {x.shape} and {y.shape}"
        )
    spread = spread_of(x, y)
    if not (spread > 0).all():
        raise ValueError("x and y must not be all equal: without spread there is no effect size")
    return np.asarray((x.mean(axis=-1) - y.mean(axis=-1)) / spread)


def spread_of(x: Array, y: Array) -> Array:
    """Standard deviation of both groups together, with n - 1: 0 where they are all equal but for rounding.

    Args:
        x: (..., n_x).  y: (..., n_y).
    Returns:
        (...).
    """
    both = np.concatenate([x, y], axis=-1)
    spread = both.std(axis=-1, ddof=1)
    return np.where(spread > ROUNDING * np.abs(both).max(axis=-1), spread, 0.0)


def wefat(words: ArrayLike, a: ArrayLike, b: ArrayLike) -> Array:
    """Each word's association in standard deviations of its cosines with all attribute words: WEFAT's statistic.

    Args:
        words: (n, d).  a: (p, d).  b: (q, d).
    Returns:
        (n,).
    Raises:
        ValueError: as for `associations`; other axes; or a word is equally near to all attribute words.
    Source: Caliskan, Bryson and Narayanan 2017.
    """
    words, a, b = (unit_vectors(name, x) for name, x in (("words", words), ("a", a), ("b", b)))
    if not words.ndim == a.ndim == b.ndim == 2:
        raise ValueError(f"words, a and b must be (n, d), got shapes {words.shape}, {a.shape} and {b.shape}")
    difference = associations(words, a, b)
    spread = (words @ np.concatenate([a, b]).T).std(axis=-1, ddof=1)
    if not (spread > ROUNDING).all():
        raise ValueError("a and b must not all be equally near to a word: without spread it has no statistic")
    return np.asarray(difference / spread)


def template_vectors(embed: Callable[[list[str]], ArrayLike], words: Sequence[str], templates: Sequence[str]) -> Array:
    """One vector a word and template: what SEAT starts from. Average over the templates before a test.

    Args:
        embed: maps a list of texts to vectors (n, d).  words: n words.
        templates: t texts with one {} each, where the word goes; "{}" is the word alone.
    Returns:
        (n, t, d).
    Raises:
        ValueError: a template without exactly one {}, no words, no templates, or embed gives another number of vectors.
        TypeError: one string instead of several.
    Source: May et al. 2019.
    """
    words, templates = check_texts("words", words), check_texts("templates", templates)
    for template in templates:
        if template.count("{}") != 1:
            raise ValueError(f"a template must hold {{}} once, got {template!r}")
    texts = [template.replace("{}", word) for word in words for template in templates]
    vectors = check_finite("what embed returns", embed(texts))
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(f"embed must return ({len(texts)}, d), one vector a text, got shape {vectors.shape}")
    return vectors.reshape(len(words), len(templates), vectors.shape[-1])


def unit_vectors(name: str, vectors: ArrayLike) -> Array:
    """Vectors (..., n, d) divided by their lengths.

    Raises:
        ValueError: fewer than two axes, an empty one, or a vector that is zero or not finite; the message says `name`.
    """
    x = check_finite(name, vectors)
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"{name} must have shape (..., n, d), none empty, got {x.shape}")
    lengths = np.linalg.norm(x, axis=-1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError(f"{name} must hold vectors of finite length, none of length zero, to have cosines")
    return np.asarray(x / lengths)
