"""Rollout: the product of mixed layers, by hand and by law."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from mha.interpret.rollout import rollout


def test_two_layers_by_hand():
    first = torch.tensor([[[1.0, 0.0], [0.6, 0.4]], [[0.0, 1.0], [0.2, 0.8]]])  # two heads, mean [[.5, .5], [.4, .6]]
    second = torch.tensor([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]])
    # ½ I + ½ mean: [[.75, .25], [.2, .8]], then [[.5, .5], [.5, .5]]; the later layer stands on the left
    assert_close(rollout(torch.stack([first, second])), torch.tensor([[0.475, 0.525], [0.475, 0.525]]))
    assert_close(rollout(torch.stack([second, first])), torch.tensor([[0.5, 0.5], [0.5, 0.5]]))
    one_sided = torch.stack([first, second]).flip(0)
    assert_close(rollout(one_sided, residual=0.0), torch.tensor([[0.5, 0.5], [0.6, 0.4]]))


@settings(max_examples=20, deadline=None)
@given(residual=st.floats(0, 1), seed=st.integers(0, 99))
def test_rows_sum_to_one_and_sequences_stay_apart(residual, seed):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(3, 2, 5, 7, 7, generator=generator, dtype=torch.float64).softmax(-1)
    rolled = rollout(weights, residual=residual)
    assert_close(rolled.sum(-1), torch.ones(2, 7, dtype=torch.float64))
    assert_close(rolled[1], rollout(weights[:, 1], residual=residual))


def test_all_residual_is_the_token_itself_and_causal_stays_causal():
    weights = torch.randn(3, 5, 7, 7).softmax(-1)
    assert_close(rollout(weights, residual=1.0), torch.eye(7))
    causal = weights.tril()
    assert rollout(causal / causal.sum(-1, keepdim=True)).triu(1).abs().max() == 0


def test_bad_input_is_named():
    for wrong, message in (
        (torch.rand(3, 5, 7, 6), r"got \(3, 5, 7, 6\)"),
        (torch.rand(5, 7, 7), r"got \(5, 7, 7\)"),
        (torch.rand(0, 5, 7, 7), "none empty"),
    ):
        with pytest.raises(ValueError, match=message):
            rollout(wrong)
    with pytest.raises(ValueError, match=r"residual \(1.5\) must be at least 0 and at most 1"):
        rollout(torch.rand(3, 5, 7, 7), residual=1.5)
    with pytest.raises(TypeError, match="floating-point"):
        rollout(torch.ones(3, 5, 7, 7, dtype=torch.int64))
