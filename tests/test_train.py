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
    history = fit(model, lambda step: (model(x) - y).square().mean(), steps=400, lr=0.1, warmup=10)
    assert_close(model.weight.detach().T, torch.linalg.lstsq(x, y).solution, atol=1e-4, rtol=0)
    assert history.losses[-1] < history.losses[0]
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


def noisy_model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Dropout(0.3), nn.Linear(7, 3))


def regression(model, stop_at=None):
    def loss(step):
        if step == stop_at:
            raise KeyboardInterrupt
        x = torch.randn(11, 5, generator=torch.Generator().manual_seed(step))
        return (model(x) - x[:, :3]).square().mean()

    return loss


def test_a_resumed_run_equals_one_that_was_never_stopped(tmp_path):
    options = {"steps": 23, "lr": 0.01, "warmup": 3, "weight_decay": 0.1, "every": 5}
    whole, stopped, resumed = noisy_model(), noisy_model(), noisy_model()
    torch.manual_seed(2)
    want = fit(whole, regression(whole), evaluate=lambda: whole[0].weight.sum(), **options)
    path = tmp_path / "run.safetensors"
    torch.manual_seed(2)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, regression(stopped, stop_at=13), checkpoint=path, **options)
    torch.manual_seed(3)  # the checkpoint brings its own
    got = fit(resumed, regression(resumed), evaluate=lambda: resumed[0].weight.sum(), checkpoint=path, **options)
    assert got.losses == want.losses
    assert list(want.evaluations) == [5, 10, 15, 20, 23]
    assert got.evaluations == {step: want.evaluations[step] for step in (15, 20, 23)}
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    again = fit(resumed, regression(resumed, stop_at=0), checkpoint=path, **options)  # nothing is left to do
    assert again.losses == want.losses


def test_evaluation_sees_the_model_at_rest():
    model = noisy_model()
    seen = []

    def evaluate():
        seen.append((model.training, torch.is_grad_enabled()))
        return 1

    history = fit(model, regression(model), steps=4, every=2, evaluate=evaluate)
    assert seen == [(False, False)] * 2
    assert history.evaluations == {2: 1.0, 4: 1.0}


def test_a_checkpoint_that_does_not_fit_is_named_and_nothing_is_changed(tmp_path):
    model, path = noisy_model(), tmp_path / "run.safetensors"
    fit(model, regression(model), steps=2, checkpoint=path)
    with pytest.raises(ValueError, match=r"run.safetensors was made with the settings .*'steps': 2.* expected .*3"):
        fit(model, regression(model), steps=3, checkpoint=path)
    other = nn.Sequential(nn.Linear(5, 3))
    before = other[0].weight.clone()
    with pytest.raises(
        ValueError, match=r"does not fit: surplus: \['model.1.bias'.*model.0.bias: expected \(3,\), got"
    ):
        fit(other, regression(other), steps=2, checkpoint=path)
    assert torch.equal(other[0].weight, before)
