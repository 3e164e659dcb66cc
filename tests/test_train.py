"""The training loop: it reaches what can be computed, keeps to its schedule and says when it breaks."""

import itertools

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mha.train import fit, warmup_cosine


def test_reaches_the_least_squares_solution():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(31, 5, generator=generator), torch.randn(31, 3, generator=generator)
    torch.manual_seed(0)
    model = nn.Linear(5, 3, bias=False)
    losses = fit(model, lambda step: (model(x) - y).square().mean(), steps=400, lr=0.1, warmup=10)
    assert_close(model.weight.detach().T, torch.linalg.lstsq(x, y).solution, atol=1e-4, rtol=0)
    assert losses[-1] < losses[0]
    assert not model.training


def test_schedule():
    factors = [warmup_cosine(step, steps=11, warmup=4) for step in range(11)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[4] == 1.0
    assert all(a > b for a, b in itertools.pairwise(factors[4:]))
    assert 0 < factors[-1] < 0.1
    with pytest.raises(ValueError, match=r"step \(11\) must be in 0 … steps - 1"):
        warmup_cosine(11, steps=11, warmup=4)


def test_clipping_bounds_the_first_update():
    model = nn.Linear(1, 1, bias=False)
    seen = []
    model.weight.register_hook(lambda gradient: seen.append(gradient.item()))
    before = model.weight.item()
    fit(model, lambda step: 1e6 * model.weight.sum(), steps=1, lr=0.01, clip=1.0)
    assert seen == [1e6]
    assert abs(model.weight.item() - before) <= 0.0101


def test_trouble_is_named():
    model = nn.Linear(1, 1)
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step 2; try a smaller lr than 0.1"):
        fit(model, lambda step: model.weight.sum() * (float("nan") if step == 2 else 1.0), steps=5, lr=0.1)
    with pytest.raises(ValueError, match="steps must be positive, got 0"):
        fit(model, lambda step: model.weight.sum(), steps=0)
