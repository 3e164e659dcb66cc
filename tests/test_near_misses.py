"""Wrong atoms of a map, against distances counted by hand."""

import numpy as np
import pytest
from rdkit import Chem

from mha.interpret.near_misses import near_misses
from mha.tasks.reactions import Reaction

ETHER = Reaction(  # ethanol's two carbons and its oxygen, and five of a chain
    "by hand",
    0,
    ("CCO", "ClCCCCC"),
    tuple(map(Chem.MolFromSmiles, ("CCO", "ClCCCCC"))),
    Chem.MolFromSmiles("CCOCCCCC"),
    np.array([(0, 0), (0, 1), (0, 2), *((1, n) for n in range(1, 6))]),
)


@pytest.mark.parametrize("rng", [None, np.random.default_rng(5)])
def test_a_neighbour_is_near_and_what_lies_further_is_not(rng):
    written = ETHER.write(rng=rng)
    place = {tuple(atom): n for n, atom in enumerate(written.reactant_atoms.tolist())}
    product = {atom: n for n, atom in enumerate(written.product_atoms.tolist())}
    found = written.truth.copy()
    found[product[4]] = place[1, 3]  # it was (1, 2): one bond off
    found[product[7]] = place[0, 1]  # it was (1, 5), of the other molecule
    seen = near_misses(ETHER, written, found)
    of = {int(written.product_atoms[atom]): n for n, atom in enumerate(seen.atoms)}
    assert sorted(of) == [4, 7]
    assert [seen.near[of[4]], seen.near[of[7]]] == [True, False]
    # seven carbons: of the six others, two are bonded to (1, 2), and one to the chain's end
    np.testing.assert_allclose([seen.by_chance[of[4]], seen.by_chance[of[7]]], [2 / 6, 1 / 6])


def test_a_right_map_has_none():
    written = ETHER.write()
    assert [len(one) for one in near_misses(ETHER, written, written.truth)] == [0, 0, 0]


def test_another_element_is_refused():
    written = ETHER.write()
    found = written.truth.copy()
    found[written.product_elements == 8] = np.flatnonzero(written.reactant_elements == 6)[0]
    with pytest.raises(ValueError, match="found must name atoms of the right element"):
        near_misses(ETHER, written, found)
