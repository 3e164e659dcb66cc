"""Reactions with a known mapping: it breaks no bond that the chemistry keeps, and no spelling changes it."""

import numpy as np
import pytest
from rdkit import Chem

from mha.models.pretrained_reactions import load_rxnmapper
from mha.tasks.reactions import SPECTATORS, reactions

# How many bonds between atoms of the product are new, by the chemistry of each class.
NEW_BONDS = {
    "amide": 1,
    "ester": 1,
    "ether": 1,
    "reductive amination": 1,
    "Suzuki": 1,
    "aromatic substitution": 1,
    "sulfonamide": 1,
    "urea": 1,
    "triazole": 2,
    "lactone opening": 1,
    "Boc removal": 0,
    "nitro reduction": 0,
}


def sources(written):
    """Atom of the product -> molecule and atom it came from, whatever the text's order."""
    pairs = zip(written.product_atoms.tolist(), written.reactant_atoms[written.truth].tolist(), strict=True)
    return {atom: tuple(source) for atom, source in pairs}


def test_twelve_classes_of_twenty_reactions_whose_halves_share_no_block():
    kinds = [reaction.kind for reaction in reactions()]
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(NEW_BONDS, 20)
    assert len({reaction.write().text for reaction in reactions()}) == 240
    blocks = [{Chem.CanonSmiles(b) for r in reactions() if r.half == half for b in r.blocks} for half in (0, 1)]
    assert not blocks[0] & blocks[1]


@pytest.mark.parametrize("kind", NEW_BONDS)
def test_only_the_bonds_of_its_class_are_new(kind):
    for reaction in (one for one in reactions() if one.kind == kind):
        new = 0
        for bond in reaction.product.GetBonds():
            ends = [reaction.sources[atom].tolist() for atom in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())]
            (one, a), (other, b) = ends
            new += one != other or reaction.reactants[one].GetBondBetweenAtoms(a, b) is None
        assert new == NEW_BONDS[kind], reaction.write().text
        assert len(set(map(tuple, reaction.sources.tolist()))) == reaction.product.GetNumAtoms()  # none twice


def test_an_ester_keeps_the_oxygen_of_the_alcohol():
    written = next(one for one in reactions() if one.kind == "ester").write()
    assert written.text == "CC(C)(C)C(=O)O.CCO>>CCOC(=O)C(C)(C)C"
    # by hand: C C O of ethanol (7, 8, 9), then C =O C C C C of pivalic acid
    assert written.truth[[0, 1, 2, 3, 4, 5]].tolist() == [7, 8, 9, 4, 5, 1]
    assert sorted(written.truth[6:].tolist()) == [0, 2, 3]
    assert written.alike.tolist() == [0, 1, 0, 0, 4, 5, 6, 7, 8, 9]


def test_atoms_that_symmetry_makes_the_same_count_as_one():
    written = next(one for one in reactions() if one.kind == "ester").write()
    found = written.truth.copy()
    found[6], found[4] = found[7], 6  # another methyl; the oxygen that leaves
    assert written.right(found).tolist() == [n != 4 for n in range(len(found))]
    assert not written.right(np.full(len(found), -1)).any()


def test_a_product_that_symmetry_leaves_open_is_left_out():
    twice = ("Brc1ccccc1", "OB(O)c1ccccc1")  # biphenyl: whose ring is which?
    assert twice not in {reaction.blocks for reaction in reactions()}
    assert (twice[0], "COc1ccc(cc1)B(O)O") not in {r.blocks for r in reactions() if r.half == 0}  # the other half's
    assert any(twice[0] in reaction.blocks for reaction in reactions())


@pytest.mark.parametrize("respell", ["both", "reactants", "product"])
def test_a_spelling_changes_the_text_and_not_the_mapping(respell):
    changed = [0, 0]
    for reaction in reactions()[::7]:
        plain = reaction.write()
        other = reaction.write(rng=np.random.default_rng(1), respell=respell)
        assert sources(other) == sources(plain)
        for side, (a, b) in enumerate(zip(plain.text.split(">>"), other.text.split(">>"), strict=True)):
            assert Chem.CanonSmiles(a) == Chem.CanonSmiles(b)
            changed[side] += a != b
    assert [n > 20 for n in changed] == {"both": [1, 1], "reactants": [1, 0], "product": [0, 1]}[respell]


def test_a_spectator_and_another_order_move_the_truth_along():
    reaction = reactions()[0]
    plain = reaction.write()
    other = reaction.write(order=(1, 2, 0), spectator=SPECTATORS[1])
    amine, ring, acid = other.text.split(">>")[0].split(".")
    assert (acid + "." + amine, Chem.CanonSmiles(ring)) == (plain.text.split(">>")[0], Chem.CanonSmiles(SPECTATORS[1]))
    assert sources(other) == sources(plain)
    alike = other.alike[other.reactant_atoms[:, 0] == 2]
    assert not np.isin(other.alike[other.truth], alike).any()


def test_places_are_those_of_the_tokenizer_and_hold_the_elements():
    _, tokenizer = load_rxnmapper()
    table = Chem.GetPeriodicTable()
    for reaction in reactions()[::5]:
        written = reaction.write(rng=np.random.default_rng(2), spectator="CN(C)C=O")
        tokens = tokenizer.encode(written.text).tokens
        assert "[UNK]" not in tokens
        assert "".join(tokens[1:-1]) == written.text
        for places, elements in (
            (written.reactant_places, written.reactant_elements),
            (written.product_places, written.product_elements),
        ):
            for place, element in zip(places, elements, strict=True):
                assert table.GetElementSymbol(int(element)).lower() in tokens[place].lower()
        assert (written.same_element()[np.arange(len(written.truth)), written.truth]).all()


def test_errors_say_what_is_wrong():
    reaction = reactions()[0]
    with pytest.raises(ValueError, match=r"order must be one of 0 to 1, each once, got \[0, 0\]"):
        reaction.write(order=(0, 0))
    with pytest.raises(ValueError, match="respell must be 'both', 'reactants' or 'product', got 'all'"):
        reaction.write(rng=np.random.default_rng(0), respell="all")
    with pytest.raises(TypeError, match="rng"):
        reaction.write(rng=0)
    with pytest.raises(ValueError, match="a molecule must be SMILES that RDKit reads, got 'C='"):
        reaction.write(spectator="C=")
    with pytest.raises(ValueError, match=r"found must have one atom for each of 14, got shape \(3,\)"):
        reaction.write().right(np.zeros(3, int))
    with pytest.raises(ValueError, match="pairs must be at most 10, as many as Boc removal has, got 12"):
        reactions(12)
