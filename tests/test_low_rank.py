"""What fine-tuning changed, kept at a low rank: exact where the rank suffices, nearest where it does not."""

import copy

import pytest
import torch
from torch import nn

from mha.compress.low_rank import add_changes, low_rank_changes


def two_models(rank):
    """One, and the same with a change of a rank in its first matrix, and one of its biases."""
    torch.manual_seed(0)
    old = nn.Sequential(nn.Linear(11, 7), nn.Linear(7, 5))
    new = copy.deepcopy(old)
    with torch.no_grad():
        new[0].weight += torch.randn(7, rank) @ torch.randn(rank, 11)
        new[1].bias += 0.5
    return old, new


def test_a_change_of_that_rank_comes_back_and_what_did_not_change_is_not_kept():
    old, new = two_models(rank=3)
    changes = low_rank_changes(old, new, 3)
    assert {name: tuple(c.shape) for name, c in changes.items()} == {
        "0.weight.left": (7, 3),
        "0.weight.right": (3, 11),
        "1.bias": (5,),
    }
    add_changes(old, changes)
    for name, parameter in old.named_parameters():
        torch.testing.assert_close(parameter, dict(new.named_parameters())[name], rtol=0, atol=0.01)


def test_no_other_matrix_of_that_rank_is_nearer():
    old, new = two_models(rank=5)
    whole = (new[0].weight - old[0].weight).detach()
    before = old[0].weight.detach().clone()
    add_changes(old, low_rank_changes(old, new, 2))
    left_over = whole - (old[0].weight.detach() - before)
    assert torch.linalg.matrix_rank(old[0].weight.detach() - before, rtol=1e-3) == 2
    torch.testing.assert_close(left_over.norm(), torch.linalg.svdvals(whole)[2:].norm(), rtol=0.01, atol=0)


def test_a_matrix_smaller_than_the_rank_is_kept_whole():
    old, new = two_models(rank=1)
    assert set(low_rank_changes(old, new, 7)) == {"0.weight", "1.bias"}


def test_what_does_not_fit_is_refused():
    old, new = two_models(rank=1)
    with pytest.raises(ValueError, match="name and shape"):
        low_rank_changes(old, nn.Linear(11, 7), 1)
    with pytest.raises(ValueError, match="rank"):
        low_rank_changes(old, new, 0)
    changes = low_rank_changes(old, new, 1)
    with pytest.raises(ValueError, match="both halves"):
        add_changes(old, {"0.weight.left": changes["0.weight.left"]})
    with pytest.raises(ValueError, match="shape of its change"):
        add_changes(nn.Linear(11, 7), changes)
