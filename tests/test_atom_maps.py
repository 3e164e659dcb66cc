"""Maps of atoms: read from planted weights, assigned one to one, and made without a model, all against maps by hand."""

from itertools import permutations

import numpy as np
import pytest

from mha.interpret.atom_maps import aligned, both_ways, by_chance, in_order, largest, one_to_one, product_to_reactants
from mha.tasks.reactions import reactions


@pytest.fixture(scope="module")
def ester():
    """CC(C)(C)C(=O)O.CCO>>CCOC(=O)C(C)(C)C"""
    return next(one for one in reactions() if one.kind == "ester").write()


def planted(written, seed=0, forth=1.0, back=0.0):
    """Weights of noise, and the truth in them."""
    length = len(written.text) + 2  # as many as there can be
    weights = np.random.default_rng(seed).uniform(0, 0.4, (2, length, length))
    weights[1, written.product_places, written.reactant_places[written.truth]] += forth
    weights[1, written.reactant_places[written.truth], written.product_places] += back
    return weights


@pytest.mark.parametrize("seed", range(5))
def test_the_planted_head_is_read_off_and_the_other_is_not(seed):
    for reaction in reactions()[::17]:
        written = reaction.write(rng=np.random.default_rng(seed))
        weights = planted(written, seed)
        right = [written.right(found).mean() for found in largest(product_to_reactants(weights, written), written)]
        assert right[1] == 1
        assert right[0] < 0.8
        only_back = planted(written, seed, forth=0.0, back=1.0)[1]
        assert written.right(largest(both_ways(only_back, written), written)).all()


def test_scores_have_a_row_for_each_atom_of_the_product(ester):
    length = ester.product_places.max() + 2
    weights = np.arange(length**2).reshape(length, length)
    # [CLS] C C ( C ) ( C ) C ( = O ) O . C C O >> C C O: the product's third atom is token 22, its partner 18
    at = product_to_reactants(weights, ester)
    assert at.shape == (9, 10)
    assert at[2, 9] == 22 * length + 18
    assert both_ways(weights, ester)[2, 9] == at[2, 9] + 18 * length + 22


def test_an_atom_keeps_its_element_unless_it_is_told_otherwise(ester):
    scores = np.zeros((9, 10))
    scores[2, 0] = 1.0  # the oxygen looks at a carbon
    assert largest(scores, ester)[2] == 5  # the first oxygen
    assert largest(scores, ester, any_element=True)[2] == 0
    assert one_to_one(scores, ester)[2] in (5, 6, 9)


def test_one_to_one_has_the_largest_sum_of_all_maps(ester):
    scores = np.random.default_rng(3).normal(size=(9, 10))
    found = one_to_one(scores, ester)
    assert len(set(found)) == 9
    oxygens = np.flatnonzero(ester.product_elements == 8)
    best = max(permutations((5, 6, 9), 2), key=lambda pair: scores[oxygens, list(pair)].sum())
    assert found[oxygens].tolist() == list(best)


def test_in_order_takes_the_first_of_each_symbol(ester):
    # product C C O C O C C C C; before the arrow carbons 0 to 4, 7, 8 and oxygens 5, 6, 9
    assert in_order(ester).tolist() == [0, 1, 5, 2, 6, 3, 4, 7, 8]


def test_alignment_lays_the_longest_common_text_under_one_another(ester):
    # CCO of the alcohol lies under the first letters of the product, once it stands before the acid
    assert aligned(ester)[:3].tolist() == [7, 8, 9]
    assert ester.right(aligned(ester)).mean() > ester.right(in_order(ester)).mean()
    same = next(one for one in reactions() if one.kind == "nitro reduction").write()
    assert same.text == "O=[N+]([O-])c1ccccc1>>Nc1ccccc1"
    assert aligned(same).tolist() == [1, 3, 4, 5, 6, 7, 8]  # [N+] is no N, so that nitrogen takes what is left


def test_a_guess_is_right_as_often_as_guesses_are(ester):
    rng = np.random.default_rng(0)
    drawn = np.mean([ester.right(largest(rng.random((9, 10)), ester)) for _ in range(4000)], axis=0)
    assert np.abs(drawn - by_chance(ester)).max() < 0.04


def test_errors_say_what_is_wrong(ester):
    with pytest.raises(ValueError, match=r"weights must be \(..., 37, 37\) for 'CC.*', got shape \(8, 7, 7\)"):
        both_ways(np.zeros((8, 7, 7)), ester)
    with pytest.raises(ValueError, match="scores"):
        largest(np.full((9, 10), np.nan), ester)
