"""Maps of atoms from shared pieces of molecules, against maps by hand, and the same however a reaction is spelt."""

import numpy as np
import pytest
from rdkit import Chem

from mha.interpret.common_pieces import by_common_pieces
from mha.tasks.reactions import Reaction, reactions


def reaction_of(reactants, product, sources):
    molecules = tuple(map(Chem.MolFromSmiles, reactants))
    return Reaction("by hand", 0, tuple(reactants), molecules, Chem.MolFromSmiles(product), np.array(sources))


def test_each_molecule_gives_its_piece():
    made = reaction_of(["CCO", "ClCc1ccccc1"], "CCOCc1ccccc1", [(0, 0), (0, 1), (0, 2), *((1, n) for n in range(1, 8))])
    written = made.write()
    found = by_common_pieces(made, written)
    assert written.right(found).all()
    assert len(set(found)) == len(found)


def test_bonds_decide_and_not_the_order_of_the_text():
    made = reaction_of(["ON=C1CCCCC1", "CCN"], "NCC", [(1, 2), (1, 1), (1, 0)])  # the ring has C-C-C, but C=N
    written = made.write()
    assert written.right(by_common_pieces(made, written)).all()


def test_atoms_in_no_piece_take_what_is_left_and_then_nothing():
    made = reaction_of(["CO", "F"], "C=O", [(0, 0), (0, 1)])  # no bond is shared: C with C or O with O, then the other
    written = made.write()
    assert sorted(by_common_pieces(made, written)) == [0, 1]
    grown = reaction_of(["CO"], "C(O)O", [(0, 0), (0, 1), (0, 1)])
    assert sorted(by_common_pieces(grown, grown.write())) == [-1, 0, 1]


@pytest.mark.parametrize("kind", ["amide", "nitro reduction", "sulfonamide"])
def test_it_is_right_where_only_one_bond_changes_however_the_reaction_is_spelt(kind):
    for reaction in [one for one in reactions() if one.kind == kind][::5]:
        for rng in (None, np.random.default_rng(3)):
            written = reaction.write(rng=rng)
            assert written.right(by_common_pieces(reaction, written)).mean() == 1, written.text
