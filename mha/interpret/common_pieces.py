"""What maps atoms with graphs alone: the largest piece that the product shares with a molecule before the arrow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdFMCS

from mha.tasks.reactions import Reaction, WrittenReaction

__all__ = ["by_common_pieces"]

LONGEST_S = 5  # a search; those of this book take milliseconds


def by_common_pieces(reaction: Reaction, written: WrittenReaction) -> NDArray[np.int64]:
    """A map of atoms from the molecules' bonds, whatever their spelling, (n,).

    The molecule before the arrow that shares the largest connected piece with the product gives it first, the next
    from what is left of the product, and so on. An atom in no piece takes the first that nobody took of its element;
    -1 where none is left.

    Args:
        reaction, written: the same reaction, as molecules and as text.
    """
    number = {tuple(source): n for n, source in enumerate(written.reactant_atoms.tolist())}
    origin = {atom: number[source] for atom, source in _pieces(reaction).items()}
    found = np.array([origin.get(atom, -1) for atom in written.product_atoms.tolist()])
    for n in np.flatnonzero(found < 0):
        free = np.setdiff1d(np.flatnonzero(written.reactant_elements == written.product_elements[n]), found)
        found[n] = free[0] if len(free) else -1
    return found


def _pieces(reaction: Reaction) -> dict[int, tuple[int, int]]:
    """For atoms of the product in some piece, the molecule and the atom in it."""
    origin: dict[int, tuple[int, int]] = {}
    waiting = dict(enumerate(reaction.reactants))
    while waiting:
        left = [atom for atom in range(reaction.product.GetNumAtoms()) if atom not in origin]
        shared = {n: _shared(_part(reaction.product, left), molecule) for n, molecule in waiting.items()}
        largest = max(shared, key=lambda n: len(shared[n]))
        origin |= {left[a]: (largest, b) for a, b in shared[largest]}
        del waiting[largest]
    return origin


def _part(molecule: Chem.Mol, atoms: list[int]) -> Chem.Mol:
    """Those atoms of the molecule, in their order, and the bonds among them."""
    part = Chem.RWMol(molecule)
    for atom in reversed(range(molecule.GetNumAtoms())):
        if atom not in atoms:
            part.RemoveAtom(atom)
    part.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(part)
    return part.GetMol()


def _shared(a: Chem.Mol, b: Chem.Mol) -> list[tuple[int, int]]:
    """Pairs of atoms of the largest connected piece in both, equal in elements and bonds."""
    found = rdFMCS.FindMCS([a, b], timeout=LONGEST_S)
    if not found.numAtoms:
        return []
    piece = Chem.MolFromSmarts(found.smartsString)
    return list(zip(a.GetSubstructMatch(piece), b.GetSubstructMatch(piece), strict=True))
