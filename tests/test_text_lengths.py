"""The experiment on text longer than in training: its rotary positions, their other rates, and what it scores."""

import math

import pytest
import torch

from experiments import text_lengths
from mha.positions import Rotary


def test_its_rotary_positions_are_those_of_the_package():
    x = torch.randn(2, 3, 7, text_lengths.HEAD_DIM, dtype=torch.float64)
    rated = text_lengths.RatedRotary(text_lengths.rotary_rates(500.0))
    torch.testing.assert_close(rated(x, offset=5), Rotary(text_lengths.HEAD_DIM, 500.0)(x, offset=5))
    half = text_lengths.RatedRotary(text_lengths.ROTARIES["rotary, half"])(x)
    torch.testing.assert_close(half[..., :8], Rotary(8)(x[..., :8]))
    assert torch.equal(half[..., 8:], x[..., 8:])


@pytest.mark.parametrize("times", [2.0, 4.0])
def test_each_scaling_slows_the_pairs_that_it_means_to(times):
    plain = text_lengths.rotary_rates()
    slowed = {name: plain / text_lengths.scaled_rates(name, times) for name in text_lengths.SCALINGS}
    assert torch.equal(slowed["plain"], torch.ones(8, dtype=torch.float64))
    torch.testing.assert_close(slowed["interpolated"], torch.full((8,), times, dtype=torch.float64))
    torch.testing.assert_close(slowed["NTK-aware"], times ** (torch.arange(8, dtype=torch.float64) / 7))
    # 64 characters: the first pair goes round 10 times and the second 3.2 times, the third once and a little
    expected = torch.tensor([1.0, 1.0, *[times] * 6], dtype=torch.float64)
    torch.testing.assert_close(slowed["YaRN"], expected, rtol=0.03, atol=0)


def test_yarn_alone_makes_scores_larger():
    model = text_lengths.TextReader("rotary")
    x = torch.ones(1, 1, 1, text_lengths.HEAD_DIM)
    for scaling in text_lengths.SCALINGS:
        turned = text_lengths.rescaled(model, scaling, 4.0).blocks[1].attn.rotary(x)
        assert math.isclose(
            (turned @ turned.mT).item() / 16, (0.1 * math.log(4) + 1 if scaling == "YaRN" else 1) ** 2, rel_tol=1e-5
        )


def test_the_same_characters_are_scored_at_every_length():
    class Unigram(torch.nn.Module):
        def forward(self, characters):
            logits = torch.linspace(0, 3, text_lengths.N_CHARACTERS)
            return logits.expand(*characters.shape, -1)

    scored = {text_lengths.bits(Unigram(), length) for length in text_lengths.LENGTHS}
    assert len(scored) == 1
