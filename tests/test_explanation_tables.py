"""What the experiments of the chapter on explanation compute by themselves: weights replaced, methods ranked."""

import torch
from torch.testing import assert_close

from experiments.explained_texts import above_the_others
from experiments.headline_words import ahead, stem
from experiments.planted_letter import MARKER, N_LETTERS, found, texts
from experiments.replaced_weights import equal, shuffled


def weights_of_two_texts():
    seen = torch.ones(2, 3, 5, 7, dtype=torch.bool)
    seen[1, ..., 4:] = False
    weights = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0)) * seen
    return weights / weights.sum(-1, keepdim=True), seen


def test_replaced_weights_stay_on_what_is_seen():
    weights, seen = weights_of_two_texts()
    even = equal(weights, seen)
    assert_close(even[0], torch.full((3, 5, 7), 1 / 7))
    assert_close(even[1], torch.tensor([0.25] * 4 + [0.0] * 3).expand(3, 5, 7))
    dealt = shuffled(weights, seen, torch.Generator().manual_seed(1))
    assert_close(dealt.sort(-1).values, weights.sort(-1).values)
    assert dealt[~seen].abs().max() == 0
    assert (dealt != weights).any(-1).float().mean() > 0.8


def test_the_marker_stands_before_the_letter_and_the_pair_is_told():
    ids, places = texts(50, torch.Generator().manual_seed(0))
    rows = torch.arange(50)
    assert (ids[rows, places - 1] == MARKER).all()
    assert (ids[rows, places] < N_LETTERS).all()
    given = torch.zeros(12)
    given[5], given[4], given[0] = 2.0, 1.0, 9.0  # the first place is the asking token's
    assert [found(given, place) for place in (5, 6, 4)] == [(1, 0, 1), (0, 1, 0), (0, 0, 0)]


def test_a_probe_is_read_above_the_mean_of_all():
    probe = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, -1.0]]), torch.tensor([0.0, 1.0, 0.5]), ["a", "b", "c"]
    vector = torch.tensor([0.5, 1.0])  # logits 0.5, 3 and -1
    assert_close(above_the_others(probe, vector)(vector[None]), torch.tensor([3 - 2.5 / 3]))


def test_words_of_a_kind_are_told_and_compared():
    assert stem("Matrices") == stem("matrix")
    assert stem("computing") == stem("computes") == stem("computed")
    assert ahead([3.0, 1.0], [2.0, 1.0]) == 0.625  # above, above, below, equal
