"""The experiments on RXNMapper's heads: what is cut is cut, where it is cut, and spellings are averaged by atom."""

import numpy as np
import pytest
import torch

from experiments import atom_edges, mapped_atoms
from experiments.atom_edges import HALOGENS, answers, ask, edges_to_cut, with_halogens
from mha.interpret.gating import cut_edges
from mha.tasks.reactions import reactions


@pytest.fixture(scope="module")
def question():
    """The alcohol's oxygen in CC(C)(C)C(=O)O.CCO>>CC[O]C(=O)C(C)(C)C."""
    return ask(next(one for one in reactions() if one.kind == "ester").write(), 2)


def test_without_any_edge_the_other_tokens_count_for_nothing(question):
    every = atom_edges._cut("all", list(range(8)))
    texts = [question, atom_edges.Question(question.written, 2, "O", "C" * 35)]
    free, cut = answers(texts, atom_edges.NOTHING), answers(texts, every)
    assert (free[0] - free[1]).abs().max() > 1
    torch.testing.assert_close(cut[0], cut[1])


def test_only_the_edges_that_are_named_are_cut(question):
    # by hand: the masked atom is token 22, the alcohol's oxygen 18, those of the acid 12 and 14
    assert torch.nonzero(edges_to_cut(question, "own to source", 37)).tolist() == [[22, 18]]
    assert torch.nonzero(edges_to_cut(question, "own to others", 37)).tolist() in ([[22, 12]], [[22, 14]])
    assert not edges_to_cut(question, "none", 37).any()
    forth, back = (edges_to_cut(question, kind, 37) for kind in ("product to reactants", "back"))
    assert torch.equal(forth, back.mT)
    assert forth.sum() == 9 * 10
    assert edges_to_cut(question, "own to reactants", 37).sum() == 10
    with pytest.raises(KeyError):
        edges_to_cut(question, "its own", 37)


def test_a_control_cuts_as_many_edges_and_none_to_the_true_origin():
    for question in atom_edges.asked():
        others, source = (edges_to_cut(question, f"own to {which}", 99) for which in ("others", "source"))
        assert not (others & source).any()
        assert others.sum() <= source.sum()


def test_a_cut_reaches_the_passes_and_heads_that_are_named(question):
    cut = atom_edges._cut("product to reactants", [5], [3, 4])
    model, tokenizer = mapped_atoms.trained()
    ids = torch.tensor([tokenizer.encode(question.text).ids])
    ids[0, question.place] = tokenizer.token_to_id("[MASK]")
    edges = edges_to_cut(question, "product to reactants", 37)
    with torch.no_grad(), cut_edges(model.encoder, [(3, 5), (4, 5)], edges):
        by_hand = model.token_logits(model.encoder(ids))[:, question.place]
    torch.testing.assert_close(answers([question], cut), by_hand)


def test_a_halogen_is_replaced_before_the_arrow_alone():
    questions = with_halogens()
    assert len(questions) % 4 == 0
    for four in (questions[n : n + 4] for n in range(0, len(questions), 28)):
        assert [question.asked for question in four] == list(HALOGENS)
        before, product = four[0].written.text.split(">>")
        for question in four:
            other, same = question.text.split(">>")
            assert same == product
            mark = {ord(letter): None for letter in "FClBrI"}
            assert other.translate(mark) == before.translate(mark)
        assert len({question.text for question in four}) == 4
        assert four[0].written.text in {question.text for question in four}


def test_the_mean_over_spellings_is_taken_atom_by_atom(monkeypatch):
    """The truth in every spelling: were atoms of two spellings taken for one another, the mean would not hold it."""

    def planted(written):
        scores = np.zeros((1, len(written.truth), len(written.alike)))
        scores[0, np.arange(len(written.truth)), written.truth] = 1
        return scores

    monkeypatch.setattr(mapped_atoms, "scores_of_head", planted)
    for reaction in reactions()[::31]:
        assert [row["both"] for row in mapped_atoms.averaged(reaction, 0)] == [[1.0]] * 3
