"""Where a map of atoms is wrong: by one bond, or further off, and how often chance would be as near."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rdkit import Chem
from scipy.linalg import block_diag

from mha.tasks.reactions import Reaction, WrittenReaction

__all__ = ["NearMisses", "near_misses"]


class NearMisses(NamedTuple):
    """Of the k atoms of a product that are mapped wrong.

    Fields:
        atoms: (k,), which they are.
        near: (k,), whether the atom that was named is bonded to one that would have been right.
        by_chance: (k,), the share of all wrong atoms of that element of which the same can be said.
    """

    atoms: NDArray[np.int64]
    near: NDArray[np.bool_]
    by_chance: NDArray[np.float64]


def near_misses(reaction: Reaction, written: WrittenReaction, found: ArrayLike) -> NearMisses:
    """What is wrong in a map, and how far off.

    Args:
        reaction, written: the same reaction, as molecules and as text without a spectator.
        found: (n,), the number of an atom before the arrow, of the right element, for each atom of the product.
    Raises:
        ValueError: found has another shape, or names an atom of another element.
    """
    named = np.asarray(found)
    wrong = np.flatnonzero(~written.right(named))
    possible = written.same_element()[wrong]
    if not possible[np.arange(len(wrong)), named[wrong]].all():
        raise ValueError(f"found must name atoms of the right element, got {named.tolist()}")
    true = written.alike == written.alike[written.truth[wrong]][:, None]  # (k, m)
    beside = true @ _bonded(reaction, written)
    others = possible & ~true  # at least the one that was named
    share = (beside & others).sum(1) / others.sum(1)
    return NearMisses(wrong, beside[np.arange(len(wrong)), named[wrong]], share)


def _bonded(reaction: Reaction, written: WrittenReaction) -> NDArray[np.bool_]:
    """(m, m), whether two atoms before the arrow share a bond, in the order of the text."""
    starts = np.cumsum([0, *(molecule.GetNumAtoms() for molecule in reaction.reactants)])
    number = starts[written.reactant_atoms[:, 0]] + written.reactant_atoms[:, 1]
    tables = block_diag(*map(Chem.GetAdjacencyMatrix, reaction.reactants))
    return np.asarray(tables[np.ix_(number, number)] > 0)
