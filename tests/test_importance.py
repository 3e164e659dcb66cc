"""Importance of heads: by ablation as by hand, by gradient as by central differences, and orders to compare with."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mha.compress.importance import (
    gradient_importance,
    head_places,
    matched_order,
    outputs_without_each,
    per_layer_norm,
    pruning_order,
    random_order,
)
from mha.heads import MultiHeadAttention
from mha.models.albert import Albert, AlbertConfig
from mha.models.bert import Encoder, EncoderConfig

V, M, H, FF, LENGTH, LAYERS = 29, 21, 3, 31, 7, 4
D = M // H
IDS = torch.randint(V, (2, LENGTH), generator=torch.Generator().manual_seed(1))
MASK = torch.arange(LENGTH) < torch.tensor([[LENGTH], [5]])


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    sizes = EncoderConfig(vocab_size=V, d_model=M, n_layers=LAYERS, n_heads=H, d_ff=FF, max_len=13)
    return Encoder(sizes).double().eval()


def weakened(model, layer, head, factor):
    """The model with one head's columns of the output projection scaled, in place; and what undoes it."""
    columns = model.blocks[layer].attn.out.weight.data[:, head * D : (head + 1) * D]
    kept = columns.clone()
    columns *= factor
    return lambda: columns.copy_(kept)


@torch.no_grad()
def test_what_is_cached_equals_the_whole_run(encoder):
    found = dict(outputs_without_each(encoder, IDS, key_mask=MASK))
    assert list(found) == [(layer, head) for layer in range(LAYERS) for head in range(H)]
    whole = encoder(IDS, key_mask=MASK)
    for (layer, head), out in found.items():
        undo = weakened(encoder, layer, head, 0)
        assert_close(out, encoder(IDS, key_mask=MASK), rtol=0, atol=1e-12)
        undo()
        assert (out - whole).abs().max() > 1e-3
    assert_close(encoder(IDS, key_mask=MASK), whole, rtol=0, atol=0)


def losses(model):
    target = torch.linspace(-1, 1, M, dtype=torch.float64)
    return lambda example: ((model(IDS[[example]]) - target) ** 2).mean()


def test_the_gradient_is_the_mean_size_of_the_slope(encoder):
    loss, step = losses(encoder), 1e-5
    found = gradient_importance(encoder, loss, 2)
    slopes = {}
    for layer, head in head_places(encoder):
        values = []
        for factor in (1 + step, 1 - step):
            undo = weakened(encoder, layer, head, factor)
            values.append([float(loss(example).detach()) for example in range(2)])
            undo()
        slopes[layer, head] = np.subtract(*values) / (2 * step)
    assert list(found) == list(slopes)
    by_hand = [float(np.abs(both).mean()) for both in slopes.values()]
    np.testing.assert_allclose(list(found.values()), by_hand, rtol=1e-6, atol=1e-9)
    signs = [s for s in slopes.values() if s[0] * s[1] < 0]
    assert signs, "no head's slopes differ in sign: the test cannot tell a mean of sizes from a size of the mean"


def test_a_shared_layer_has_a_place_for_each_run():
    torch.manual_seed(0)
    sizes = AlbertConfig(vocab_size=V, d_embedding=5, d_model=M, n_layers=5, n_heads=H, d_ff=FF, max_len=13)
    model = Albert(sizes).double().eval()
    assert head_places(model, 5) == [(run, head) for run in range(5) for head in range(H)]
    found = gradient_importance(model, lambda _: model(IDS)[..., 0].sum(), 1, n_runs=5)
    assert len(found) == 15
    assert min(found.values()) > 0


def test_gradients_are_taken_under_no_grad_and_leave_none_behind(encoder):
    with torch.no_grad():
        found = gradient_importance(encoder, losses(encoder), 1)
    assert min(found.values()) > 0
    assert all(p.grad is None for p in encoder.parameters())


def test_layers_are_normed_each_by_itself():
    found = per_layer_norm({(0, 0): 3.0, (0, 1): 4.0, (2, 0): 0.5, (2, 5): 0.0})
    assert found == {(0, 0): 0.6, (0, 1): 0.8, (2, 0): 1.0, (2, 5): 0.0}
    with pytest.raises(ValueError, match=r"zero in all heads of a layer, got that in \[1\]"):
        per_layer_norm({(0, 0): 1.0, (1, 0): 0.0, (1, 1): 0.0})


def test_the_least_important_goes_first():
    assert pruning_order({(1, 0): 0.2, (0, 1): -0.3, (0, 0): 0.2}) == [(0, 1), (0, 0), (1, 0)]


def test_a_matched_order_holds_as_many_of_each_layer_after_every_step():
    order = random_order([(layer, head) for layer in range(5) for head in range(7)], np.random.default_rng(3))
    assert len(set(order)) == 35
    drawn = [matched_order(order, np.random.default_rng(seed)) for seed in range(4)]
    for one in drawn:
        assert sorted(one) == sorted(order)
        for k in range(36):
            assert Counter(layer for layer, _ in one[:k]) == Counter(layer for layer, _ in order[:k])
    assert len({tuple(one) for one in drawn}) == 4
    partly = matched_order([(0, 4), (0, 9)], np.random.default_rng(0))
    assert sorted(partly) == [(0, 4), (0, 9)]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda e: gradient_importance(e, 3, 1), TypeError, "loss"),
        (lambda e: gradient_importance(e, losses(e), 0), ValueError, r"n \(0\) must be at least 1"),
        (lambda e: gradient_importance(e, lambda _: e(IDS), 1), ValueError, r"scalar, got shape \(2, 7, 21\)"),
        (
            lambda e: gradient_importance(e, lambda _: e(IDS).sum().detach().requires_grad_(), 1),
            ValueError,
            r"loss\(0\) does not depend on the gate of head \(0, 0\)",
        ),
        (lambda e: head_places(torch.nn.Linear(2, 3)), ValueError, "no MultiHeadAttention"),
        (lambda e: head_places(MultiHeadAttention(M, H), 0), ValueError, "n_runs"),
        (lambda e: random_order([(0, 0)], 3), TypeError, "rng"),
        (lambda e: matched_order([(0, 0)], 3), TypeError, "rng"),
    ],
)
def test_what_does_not_fit_is_refused(encoder, call, error, match):
    with pytest.raises(error, match=match):
        call(encoder)
