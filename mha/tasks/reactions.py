"""Chemical reactions as text, and for each atom of the product which atom of the reactants it was.

RDKit runs a template on building blocks and says where each atom of the product came from; so the mapping is exact by
construction, up to atoms that a molecule's symmetry makes the same. `reactions.toml` holds templates and blocks.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdChemReactions

from mha.models.smiles import TOKEN, is_atom
from mha.validation import check_generator, check_integer

__all__ = ["SPECTATORS", "Reaction", "WrittenReaction", "reactions"]

Ints = NDArray[np.int64]
SPECTATORS = ("CN(C)C=O", "C1CCOC1", "CCN(CC)CC", "CCOC(C)=O", "CC#N", "Cc1ccccc1")  # solvents, and a base
PAIRS_A_HALF = 10  # of each class


@dataclass(frozen=True, eq=False)
class Reaction:
    """One reaction whose mapping is known.

    Fields:
        kind: its class, as "amide".  half: 0 or 1; no block of one half is a block of the other.
        blocks: SMILES of the reactants, as the list has them.
        reactants, product: RDKit's molecules.
        sources: (n, 2); for each atom of the product the reactant it came from and the atom's number there.
    """

    kind: str
    half: int
    blocks: tuple[str, ...]
    reactants: tuple[Chem.Mol, ...]
    product: Chem.Mol
    sources: Ints

    def write(
        self,
        *,
        rng: np.random.Generator | None = None,
        respell: str = "both",
        order: Sequence[int] | None = None,
        spectator: str | None = None,
    ) -> WrittenReaction:
        """The reaction as text, with the place of each atom in it.

        Args:
            rng: draws a random spelling of the molecules; canonical ones if None.
            respell: whose spelling rng draws: "both", "reactants" or "product".
            order: of the reactants, as (1, 0); of all molecules before the arrow if there is a spectator, whose number
                is the last.  spectator: SMILES of a molecule that takes no part.
        Raises:
            ValueError: order is no order of the molecules, or respell another word.
            TypeError: rng is no generator.
        """
        if respell not in ("both", "reactants", "product"):
            raise ValueError(f"respell must be 'both', 'reactants' or 'product', got {respell!r}")
        if rng is not None:
            check_generator("rng", rng)
        molecules = [*self.reactants, *([_molecule(spectator)] if spectator else [])]
        order = list(range(len(molecules))) if order is None else list(order)
        if sorted(order) != list(range(len(molecules))):
            raise ValueError(f"order must be one of 0 to {len(molecules) - 1}, each once, got {order}")
        left = [_spelt(molecules[n], rng if respell != "product" else None) for n in order]
        right = _spelt(self.product, rng if respell != "reactants" else None)
        text = ".".join(spelling for spelling, _ in left) + ">>" + right[0]
        atoms = [(n, atom) for n, (_, atoms) in zip(order, left, strict=True) for atom in atoms]
        number = {source: place for place, source in enumerate(atoms)}
        places = _atom_places(text)
        kinds = _alike(molecules)
        alike = [kinds[source] for source in atoms]
        first = {kind: place for place, kind in reversed(list(enumerate(alike)))}
        return WrittenReaction(
            text=text,
            reactant_places=np.array(places[: len(atoms)]),
            product_places=np.array(places[len(atoms) :]),
            reactant_elements=np.array([molecules[n].GetAtomWithIdx(atom).GetAtomicNum() for n, atom in atoms]),
            product_elements=np.array([self.product.GetAtomWithIdx(atom).GetAtomicNum() for atom in right[1]]),
            truth=np.array([number[tuple(self.sources[atom].tolist())] for atom in right[1]]),
            alike=np.array([first[kind] for kind in alike]),
            reactant_atoms=np.array(atoms),
            product_atoms=np.array(right[1]),
        )


@dataclass(frozen=True, eq=False)
class WrittenReaction:
    """A reaction as text. Atoms are numbered in the order in which they stand: m before the arrow, n behind it.

    Fields:
        text: as "CC(=O)O.NCC>>CC(=O)NCC".
        reactant_places (m,), product_places (n,): which of the text's tokens each atom is; [CLS] is token 0.
        reactant_elements (m,), product_elements (n,): atomic numbers.
        truth: (n,), which of the m atoms each atom of the product was.
        alike: (m,), one number for all atoms before the arrow that symmetry makes the same.
        reactant_atoms: (m, 2), molecule and atom in it, as in `Reaction`.  product_atoms: (n,).
    """

    text: str
    reactant_places: Ints
    product_places: Ints
    reactant_elements: Ints
    product_elements: Ints
    truth: Ints
    alike: Ints
    reactant_atoms: Ints
    product_atoms: Ints

    def right(self, found: Ints) -> NDArray[np.bool_]:
        """For each atom of the product whether it was mapped right, (n,).

        Args:
            found: (n,), the number of an atom before the arrow for each atom of the product; -1 is wrong.
        """
        found = np.asarray(found)
        if found.shape != self.truth.shape:
            raise ValueError(f"found must have one atom for each of {len(self.truth)}, got shape {found.shape}")
        return np.asarray((found >= 0) & (self.alike[found] == self.alike[self.truth]))

    def same_element(self) -> NDArray[np.bool_]:
        """Which atoms before the arrow an atom of the product can have been, (n, m): those of its element."""
        return np.asarray(self.product_elements[:, None] == self.reactant_elements)


@cache
def reactions(pairs: int = PAIRS_A_HALF) -> tuple[Reaction, ...]:
    """The reactions: of each class `pairs` with blocks of even places, half 0, and as many with odd ones, half 1.

    Left out is a product in which symmetry makes two atoms the same that were different ones, as in biphenyl made of
    two benzenes: nobody could say which was which.

    Args:
        pairs: at least 1; at most as many as the blocks give.
    """
    check_integer("pairs", pairs, at_least=1)
    table = tomllib.loads(files("mha.tasks").joinpath("reactions.toml").read_text(encoding="utf-8"))
    found: list[Reaction] = []
    for row in table["class"]:
        for half in (0, 1):
            lists = [table["blocks"][name][half::2] for name in row["blocks"]]
            made = (reaction for blocks in _pairs(lists) if _is_told(reaction := _run(row, half, blocks)))
            chosen = list(islice(made, pairs))
            if len(chosen) < pairs:
                raise ValueError(f"pairs must be at most {len(chosen)}, as many as {row['name']} has, got {pairs}")
            found += chosen
    return tuple(found)


def _pairs(lists: list[list[str]]) -> Iterator[tuple[str, ...]]:
    """All choices of one block of each list, each block coming up about equally often from the start."""
    length = len(lists[0])
    for n in range(length ** len(lists)):
        yield tuple(blocks[(n + (n // length) * place) % length] for place, blocks in enumerate(lists))


def _run(row: Mapping[str, Any], half: int, blocks: tuple[str, ...]) -> Reaction:
    """The one product that the template makes of the blocks; an error if there are several."""
    template = rdChemReactions.ReactionFromSmarts(row["template"])
    reactants = tuple(map(_molecule, blocks))
    products: dict[str, Chem.Mol] = {}
    for (product,) in template.RunReactants(reactants):
        Chem.SanitizeMol(product)
        products.setdefault(Chem.MolToSmiles(product), product)
    if len(products) != 1:
        raise ValueError(f"{row['name']} of {' and '.join(blocks)} must give one product, got {sorted(products)}")
    (product,) = products.values()
    sources = [(atom.GetIntProp("react_idx"), atom.GetIntProp("react_atom_idx")) for atom in product.GetAtoms()]
    return Reaction(row["name"], half, blocks, reactants, product, np.array(sources))


def _is_told(reaction: Reaction) -> bool:
    """Whether atoms that the product's symmetry makes the same were the same before."""
    alike = _alike(reaction.reactants)
    pairs = zip(_ranks(reaction.product), map(tuple, reaction.sources.tolist()), strict=True)
    return len({(rank, alike[source]) for rank, source in pairs}) == len(set(_ranks(reaction.product)))


def _alike(molecules: Sequence[Chem.Mol]) -> dict[tuple[int, int], tuple[str, int]]:
    """For each (molecule, atom) what it shares with all atoms that symmetry makes the same."""
    return {(n, atom): (Chem.MolToSmiles(molecule), rank)
            for n, molecule in enumerate(molecules) for atom, rank in enumerate(_ranks(molecule))}  # fmt: skip


def _ranks(molecule: Chem.Mol) -> list[int]:
    """One number for all atoms of a molecule that its symmetry makes the same."""
    return list(Chem.CanonicalRankAtoms(molecule, breakTies=False))


def _molecule(smiles: str) -> Chem.Mol:
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"a molecule must be SMILES that RDKit reads, got {smiles!r}")
    return molecule


def _spelt(molecule: Chem.Mol, rng: np.random.Generator | None) -> tuple[str, list[int]]:
    """A molecule as text, and its atoms in the order of the text."""
    if rng is None:
        text = Chem.MolToSmiles(molecule)
        return text, list(molecule.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    shuffled = rng.permutation(molecule.GetNumAtoms()).tolist()
    other = Chem.RenumberAtoms(molecule, shuffled)
    text = Chem.MolToSmiles(other, canonical=False)
    return text, [shuffled[n] for n in other.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"]]


def _atom_places(text: str) -> list[int]:
    """Which tokens of the text are atoms; [CLS] is token 0."""
    return [place for place, token in enumerate(re.findall(TOKEN, text), start=1) if is_atom(token)]
