"""The training loop: it reaches what can be computed, keeps to its schedule and says when it breaks."""

import itertools
import math

import numpy as np
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
    assert warmup_cosine(7, steps=11, warmup=4) == pytest.approx(0.5 * (1 + math.cos(math.pi * 3 / 7)))
    with pytest.raises(ValueError, match=r"step \(11\) must be between 0 and 10"):
        warmup_cosine(11, steps=11, warmup=4)
    with pytest.raises(ValueError, match=r"warmup \(12\) must be between 0 and 11"):
        warmup_cosine(3, steps=11, warmup=12)


def adamw(weights, gradients, factors, lr, weight_decay, clip):
    """AdamW: Loshchilov and Hutter 2019, algorithm 2; before it clipping: Pascanu et al. 2013, with torch's 1e-6."""
    m, v = np.zeros_like(weights), np.zeros_like(weights)
    for t, (gradient, factor) in enumerate(zip(gradients, factors, strict=True), start=1):
        g = gradient * min(1.0, clip / (np.linalg.norm(gradient) + 1e-6))
        m, v = 0.9 * m + 0.1 * g, 0.98 * v + 0.02 * g**2
        step = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.98**t)) + 1e-8)
        weights = weights - factor * lr * (step + weight_decay * weights)
    return weights


@pytest.mark.parametrize("clip", [0.5, 1.0, 2.0, math.inf])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_equals_adamw_with_clipping_decay_and_schedule_by_hand(clip, weight_decay):
    """Gradients of very different norms, so that clipping one of them changes what is left of it in the averages."""
    gradients = np.random.default_rng(0).normal(size=(7, 3)) * np.array([0.1, 30, 1, 0.2, 5, 0.01, 0.7])[:, None]
    model = nn.Linear(3, 1, bias=False).double()
    first = model.weight.detach().numpy()[0].copy()
    options = {"lr": 0.02, "weight_decay": weight_decay, "clip": clip}
    fit(model, lambda step: (model.weight @ torch.tensor(gradients[step])).sum(), steps=7, warmup=2, **options)
    factors = [0.5, 1.0, *(0.5 * (1 + math.cos(math.pi * n / 5)) for n in range(5))]
    want = adamw(first, gradients, factors, **options)
    assert_close(model.weight.detach(), torch.tensor(want)[None], atol=1e-12, rtol=0)


def test_trouble_is_named(tmp_path):
    model = nn.Linear(1, 1)
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step 2; try a smaller lr than 0.1"):
        fit(model, lambda step: model.weight.sum() * (float("nan") if step == 2 else 1.0), steps=5, lr=0.1)
    assert not model.training
    other, model = nn.Linear(1, 1), nn.Linear(2, 3)
    before, usual = model.weight.clone(), {"loss": lambda step: model.weight.sum(), "steps": 5}
    for options, message in [
        ({"steps": 0}, r"steps \(0\) must be at least 1"),
        ({"every": 0}, r"every \(0\) must be at least 1"),
        ({"warmup": 6}, r"warmup \(6\) must be between 0 and 5"),
        ({"lr": 0.0}, r"lr \(0.0\) must be above 0"),
        ({"lr": math.inf}, r"lr \(inf\) must be above 0"),
        ({"weight_decay": -0.1}, r"weight_decay \(-0.1\) must be at least 0"),
        ({"clip": 0.0}, r"clip \(0.0\) must be above 0"),
        ({"clip": -1.0}, r"clip \(-1.0\) must be above 0"),
        ({"clip": math.nan}, r"clip \(nan\) must be above 0"),
        ({"loss": lambda step: model.weight}, r"loss must return a scalar, got shape \(3, 2\)"),
        (
            {"loss": lambda step: other.weight.sum()},
            r"loss must depend on the model's weights, but none got a gradient",
        ),
        ({"loss": lambda step: torch.tensor(1.0)}, r"loss must depend on the model's weights"),
    ]:
        with pytest.raises(ValueError, match=message):
            fit(model, **usual | options)
        assert torch.equal(model.weight, before)
    for options, message in [
        ({"steps": 5.0}, r"steps must be an integer, got 5.0 \(float\)"),
        ({"every": 2.5}, "every must be an integer, got 2.5"),
        ({"lr": "0.1"}, "lr must be a number, got '0.1'"),
        ({"loss": lambda step: 1.0}, "loss must return a tensor, got float"),
    ]:
        with pytest.raises(TypeError, match=message):
            fit(model, **usual | options)
    with pytest.raises(ValueError, match="model must have a parameter that requires a gradient"):
        fit(nn.Linear(1, 1).requires_grad_(False), lambda step: model.weight.sum(), steps=5)
    for call, message in [
        (lambda: fit(None, usual["loss"], steps=1), "model must be a torch.nn.Module, got None"),
        (lambda: fit(model, None, steps=1), "loss must be a function, got None"),
        (lambda: fit(model, **usual, evaluate=3), "evaluate must be a function, got 3"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(ValueError, match=r"checkpoint \(.*\) must be a file, not a folder"):
        fit(model, **usual, checkpoint=tmp_path)
    with pytest.raises(FileNotFoundError, match="must lie in a folder that is there"):
        fit(model, lambda step: model.weight.sum(), steps=5, checkpoint="/nonexistent/run.safetensors")


@pytest.mark.parametrize("step", [0, 3])
def test_a_gradient_that_is_not_finite_stops_it_with_the_weights_as_they_were(step):
    model = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(3, 1, bias=False)})
    with torch.no_grad():
        model["b"].weight.zero_()

    def loss(n):
        seen.append({name: p.detach().clone() for name, p in model.named_parameters()})
        root = model["b"].weight.mul(0.0).sum().abs().sqrt()  # 0, of slope infinity times 0
        return model["a"](torch.ones(2)).sum() + model["b"].weight.sum() + (root if n == step else 0)

    seen = []
    with pytest.raises(FloatingPointError, match=rf"the gradient of b.weight is not finite at step {step}"):
        fit(model, loss, steps=5)
    assert len(seen) == step + 1
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, seen[-1][name]), name


def test_a_norm_that_overflows_stops_it_too():
    model = nn.Linear(2, 1, bias=False)
    with pytest.raises(FloatingPointError, match="the norm of the whole gradient is not finite at step 0"):
        fit(model, lambda step: (model.weight * 3e38).sum() * 0.5, steps=1)


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
    assert again.evaluations == got.evaluations


@pytest.mark.parametrize("lacking", ["unused", "frozen"])
def test_it_resumes_where_a_weight_never_had_a_gradient(tmp_path, lacking):
    def model_and_loss(stop_at=None):
        torch.manual_seed(1)
        model = nn.ModuleDict({"used": nn.Linear(5, 3), "lacking": nn.Linear(3, 3)})
        model["lacking"].requires_grad_(lacking != "frozen")

        def loss(step):
            if step == stop_at:
                raise KeyboardInterrupt
            out = model["used"](torch.randn(11, 5, generator=torch.Generator().manual_seed(step)))
            return (model["lacking"](out) if lacking == "frozen" else out).square().mean()

        return model, loss

    options = {"steps": 7, "every": 2, "weight_decay": 0.1}
    whole, loss = model_and_loss()
    want = fit(whole, loss, **options)
    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(*model_and_loss(stop_at=5), checkpoint=path, **options)
    resumed, loss = model_and_loss()
    assert fit(resumed, loss, checkpoint=path, **options).losses == want.losses
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_file_that_is_no_checkpoint_is_named(tmp_path):
    path = tmp_path / "run.safetensors"
    path.write_text("not a checkpoint")
    model = noisy_model()
    with pytest.raises(ValueError, match=r"run.safetensors is no checkpoint of a training run"):
        fit(model, regression(model), steps=2, checkpoint=path)


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
