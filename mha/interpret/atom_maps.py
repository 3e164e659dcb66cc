"""From a head's weights to a map of atoms, and what maps atoms without any model: texts aligned, symbols in order."""

from __future__ import annotations

import re
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from mha.models.smiles import TOKEN
from mha.tasks.reactions import WrittenReaction
from mha.validation import check_finite

__all__ = ["aligned", "both_ways", "by_chance", "in_order", "largest", "one_to_one", "product_to_reactants"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def product_to_reactants(weights: ArrayLike, written: WrittenReaction) -> Array:
    """How much each of the n atoms of the product attends to each of the m atoms before the arrow.

    Args:
        weights: (..., i, i) of a head, or of several; the tokens are those of the reaction, [CLS] the first.
    Returns:
        (..., n, m).
    Raises:
        ValueError: there are fewer tokens than the reaction has.
    """
    numbers = _checked(weights, written)
    return numbers[..., written.product_places[:, None], written.reactant_places]


def both_ways(weights: ArrayLike, written: WrittenReaction) -> Array:
    """The same with what those m atoms attend to each of the n added, (..., n, m); arguments as before."""
    numbers = _checked(weights, written)
    back = numbers[..., written.reactant_places[:, None], written.product_places]  # (..., m, n)
    return product_to_reactants(numbers, written) + back.swapaxes(-1, -2)


def largest(scores: ArrayLike, written: WrittenReaction, *, any_element: bool = False) -> Ints:
    """For each atom of the product the atom with the largest score, (..., n); several may get the same one.

    Args:
        scores: (..., n, m), finite.  any_element: whether an oxygen can become a carbon.
    """
    numbers = check_finite("scores", scores)
    if not any_element:
        numbers = np.where(written.same_element(), numbers, -np.inf)
    return np.asarray(numbers.argmax(axis=-1))


def one_to_one(scores: ArrayLike, written: WrittenReaction) -> Ints:
    """The map with the largest sum of scores in which every atom keeps its element and none is used twice, (n,).

    Args:
        scores: (n, m), finite.
    """
    numbers = check_finite("scores", scores)
    far = 1e3 * (1.0 + np.abs(numbers).max())  # more than all other scores together can make up for
    _, found = linear_sum_assignment(np.where(written.same_element(), numbers, -far), maximize=True)
    return np.asarray(found, dtype=np.int64)


def in_order(written: WrittenReaction) -> Ints:
    """The first carbon of the product is the first carbon before the arrow, and so on, (n,); -1 where none is left."""
    found = np.full(len(written.product_elements), -1)
    for element in np.unique(written.product_elements):
        to = np.flatnonzero(written.product_elements == element)
        of = np.flatnonzero(written.reactant_elements == element)[: len(to)]
        found[to[: len(of)]] = of
    return found


def aligned(written: WrittenReaction) -> Ints:
    """Atoms that the longest common subsequence of the two texts sets under one another, (n,).

    The molecules before the arrow are laid under the product as they stand and, where there are several, each moved to
    the front; the longest alignment counts. An atom that has no partner takes the first that nobody took of its
    element; -1 where none is left.
    """
    before, product = (re.findall(TOKEN, side) for side in written.text.split(">>"))
    numbers = {int(place): n for n, place in enumerate(written.reactant_places)}
    molecules = _molecules(list(enumerate(before, start=1)))  # [CLS] is token 0
    rotations = [list(chain(*molecules[n:], *molecules[:n])) for n in range(len(molecules))]
    pairs = max((_common(product, rotated) for rotated in rotations), key=len)
    at = {
        int(place) - len(before) - 2: n for n, place in enumerate(written.product_places)
    }  # after [CLS] and the arrow
    found = np.full(len(at), -1)
    for of_product, place in pairs:
        if of_product in at:
            found[at[of_product]] = numbers[place]
    for n in np.flatnonzero(found < 0):
        free = np.setdiff1d(np.flatnonzero(written.reactant_elements == written.product_elements[n]), found)
        found[n] = free[0] if len(free) else -1
    return found


def by_chance(written: WrittenReaction) -> Array:
    """How likely a guess among the atoms of its element is right, for each atom of the product, (n,)."""
    alike = written.alike[written.truth][:, None] == written.alike
    return np.asarray(alike.sum(axis=-1) / written.same_element().sum(axis=-1))


def _checked(weights: ArrayLike, written: WrittenReaction) -> Array:
    numbers = check_finite("weights", weights)
    tokens = len(re.findall(TOKEN, written.text)) + 2
    if numbers.ndim < 2 or min(numbers.shape[-2:]) < tokens:
        raise ValueError(f"weights must be (..., {tokens}, {tokens}) for {written.text!r}, got shape {numbers.shape}")
    return numbers


def _molecules(tokens: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """The tokens of each molecule, cut at the dots, which go."""
    parts: list[list[tuple[int, str]]] = [[]]
    for place, token in tokens:
        if token == ".":
            parts.append([])
        else:
            parts[-1].append((place, token))
    return parts


def _common(a: list[str], b: list[tuple[int, str]]) -> list[tuple[int, int]]:
    """The longest common subsequence: places in a, and the numbers that stand in b beside the same tokens."""
    length = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int64)
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            same = a[i] == b[j][1]
            length[i, j] = length[i + 1, j + 1] + 1 if same else max(length[i + 1, j], length[i, j + 1])
    pairs, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        if a[i] == b[j][1]:
            pairs.append((i, b[j][0]))
            i, j = i + 1, j + 1
        elif length[i + 1, j] >= length[i, j + 1]:
            i += 1
        else:
            j += 1
    return pairs
