"""The gates of `experiments.adaptive_heads` move at a rate of their own; a head that is shut gives nothing."""

import pytest
import torch
from torch.testing import assert_close

from experiments.adaptive_heads import GATE_RATE, Shut, gated
from mha.compress.gates import gates_of
from mha.train import fit


def test_gates_begin_open_and_take_steps_of_their_own_rate():
    reader = gated("digits", lr=2e-3, seed=0)
    (gate,) = gates_of(reader)
    assert_close(gate.log_alpha.detach(), torch.full((4,), 2.0, dtype=torch.float64))
    before = reader.read.weight.detach().clone()
    fit(reader, lambda step: gate.log_alpha.sum() + reader.read.weight.sum(), steps=1, lr=2e-3)
    # the first step of AdamW has the length of the rate, and the schedule starts at its top without a warm-up
    assert_close(gate.log_alpha.detach(), torch.full((4,), 2.0 - GATE_RATE, dtype=torch.float64), rtol=0, atol=1e-6)
    assert_close(reader.read.weight.detach(), before - 2e-3, rtol=0, atol=1e-6)


def test_the_slope_of_a_gate_is_not_multiplied():
    reader = gated("digits", lr=2e-3, seed=0)
    (gate,) = gates_of(reader)
    (3.0 * gate.log_alpha).sum().backward()
    (parameter,) = gate.parameters()
    assert_close(parameter.grad, torch.full((4,), 3.0, dtype=torch.float64))


@pytest.mark.parametrize("heads", [[], [0, 2]])
def test_a_head_that_is_shut_gives_nothing_and_the_others_all(heads):
    outputs = torch.randn(3, 5, 7, 2)
    given = Shut(heads)(outputs)
    for head in range(5):
        assert_close(given[:, head], outputs[:, head] * (head not in heads))
