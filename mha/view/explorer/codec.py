"""Weights as whole numbers small enough for a page, and exact to the precision that the explorer shows.

The explorer shows a weight as a percentage, whole (41) or with one decimal (41.5). Rounding 41.46 first to 41.5 and
then to a whole number would give 42, which is wrong; so a code holds both roundings of the weight, at the price of one
level in ten: code = round(1000 w) + round(100 w), from 0 to 1100. Between two codes lies exactly one rounding
boundary, of the one kind or the other, which is why their sum gives both back. Rounding is half to even, as NumPy's.

A weight that lies on a boundary may fall to either side on another processor. No rounding can prevent that, so a
notebook cell that shows an explorer has its output left out of comparisons (the tag `nbval-ignore-output`).

The codes that occur are listed once, the most frequent first (`levels`, two characters each), and a weight is its place
in that list: one character for the first 78 places, two for the others. Rows sum to 1, so that large weights are few or
much alike, and 24 tokens take about 30 characters a row whatever the weights.

Queries and keys, of which only a picture by channel is made, are held more coarsely: each vector has its own unit (two
characters), and each of its numbers is one of 89 whole multiples of it, from -44 to 44 (one character).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ALPHABET", "TONES", "encode", "encode_vectors", "per_cent", "per_mille", "quantise", "tone"]

Codes = NDArray[np.int64]

# Printable ASCII without what HTML, a JSON string or a JavaScript string could trip over.
ALPHABET = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"&<\\')
SHORT = 78
LEVELS = 44  # of a vector's number, to either side of 0
TONES = (5, 20, 50, 100, 200, 350, 500, 700, 900)  # thousandths at which the colour takes its next step


def quantise(weights: ArrayLike) -> Codes:
    """Weights in [0, 1], any shape, to codes of the same shape."""
    weights = np.clip(np.asarray(weights, dtype=np.float64), 0.0, 1.0)
    return (np.rint(1000 * weights) + np.rint(100 * weights)).astype(np.int64)


def per_cent(codes: Codes) -> Codes:
    """round(100 w)."""
    return (codes + 5) // 11


def per_mille(codes: Codes) -> Codes:
    """round(1000 w)."""
    return codes - per_cent(codes)


def tone(codes: Codes) -> Codes:
    """The colour's step, 0 to 9."""
    return np.searchsorted(np.asarray(TONES), per_mille(codes), side="right").astype(np.int64)


def encode(codes: Codes) -> tuple[str, str]:
    """The levels that occur, and all codes in the array's order as places among them."""
    used, counts = np.unique(codes, return_counts=True)
    ranked = used[np.lexsort((used, -counts))]
    words = np.empty(1101, dtype=object)
    words[ranked] = [_word(place) for place in range(len(ranked))]
    return "".join(_two(code) for code in ranked.tolist()), "".join(words[codes.ravel()])


def encode_vectors(vectors: ArrayLike) -> tuple[float, str]:
    """Vectors (..., d) as a unit for all of them and their text, 2 + d characters each.

    A vector is its first two characters, read as one number, times the unit, times each level / 44.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    rows = rows.reshape(-1, rows.shape[-1])
    largest = np.abs(rows).max(axis=1)
    unit = float(largest.max()) / (len(ALPHABET) ** 2 - 2) or 1.0
    sizes = np.ceil(largest / unit).astype(np.int64)
    scale = np.maximum(sizes, 1)[:, None] * unit
    levels = np.rint(LEVELS * rows / scale).astype(np.int64) + LEVELS
    letters = np.array(list(ALPHABET))[levels]
    return unit, "".join(_two(size) + "".join(row) for size, row in zip(sizes.tolist(), letters, strict=True))


def _word(place: int) -> str:
    return ALPHABET[place] if place < SHORT else _two(place - SHORT + SHORT * len(ALPHABET))


def _two(number: int) -> str:
    first, second = divmod(number, len(ALPHABET))
    return ALPHABET[first] + ALPHABET[second]
