"""Counted cost: of a layer and of its kernel, against PyTorch's own counter and the arrays themselves."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mha.attention import attention
from mha.heads import MultiHeadAttention
from mha.measure.cost import Cost, attention_cost, crossover, explicit_cost, fused_cost
from mha.recording import record_attention

H, I, J, D = 3, 5, 7, 11  # noqa: E741


@pytest.mark.parametrize(("length", "d_model", "n_heads", "batch"), [(7, 12, 3, 2), (13, 20, 1, 1), (5, 30, 5, 3)])
def test_a_layers_products_are_what_pytorch_counts(length, d_model, n_heads, batch):
    layer = MultiHeadAttention(d_model, n_heads)
    x = torch.randn(batch, length, d_model)
    with torch.no_grad(), record_attention(layer), FlopCounterMode(display=False) as counter:
        layer(x)
    cost = attention_cost(length, d_model, n_heads, batch=batch)
    assert counter.get_total_flops() == cost.products
    with FlopCounterMode(display=False) as counter:
        layer.out(layer.qkv(x)[..., :d_model])
    assert counter.get_total_flops() == cost.projections
    assert cost.weights == batch * n_heads * length**2
    assert cost.softmax == 5 * cost.weights  # maximum, shift, exponential, sum, division


def test_heads_change_the_softmax_alone():
    one, many = attention_cost(11, 24, 1), attention_cost(11, 24, 6)
    assert one.products == many.products
    assert many.softmax == 6 * one.softmax


def test_at_the_crossover_both_halves_are_equal():
    cost = attention_cost(crossover(36), 36, 4)
    assert cost.projections == cost.scores + cost.average


def test_the_kernels_products_are_what_pytorch_counts_and_each_score_costs_six_more():
    q, k, v = torch.randn(H, I, D), torch.randn(H, J, D), torch.randn(H, J, D)
    with FlopCounterMode(display=False) as counter:
        attention(q, k, v)
    parts = explicit_cost(H, I, J, D)
    assert list(parts) == ["scores", "scale", "softmax", "average"]
    assert counter.get_total_flops() == parts["scores"].flops + parts["average"].flops
    assert (parts["scale"].flops, parts["softmax"].flops) == (H * I * J, 5 * H * I * J)


def test_bytes_are_those_of_the_arrays_that_each_part_reads_and_writes():
    q, k, scores = torch.zeros(H, I, D), torch.zeros(H, J, D), torch.zeros(H, I, J)
    parts = explicit_cost(H, I, J, D)
    assert parts["scores"].bytes == parts["average"].bytes == q.nbytes + k.nbytes + scores.nbytes
    assert parts["scale"].bytes == parts["softmax"].bytes == 2 * scores.nbytes
    assert fused_cost(H, I, J, D).bytes == 2 * (q.nbytes + k.nbytes)
    assert all(2 * half.bytes == parts[name].bytes for name, half in explicit_cost(H, I, J, D, item_bytes=2).items())
    assert fused_cost(H, I, J, D, item_bytes=2).bytes == q.nbytes + k.nbytes
    assert fused_cost(H, I, J, D).flops == sum(part.flops for part in parts.values())


def test_layer_and_kernel_are_one_count():
    layer, parts = attention_cost(J, H * D, H, batch=2), explicit_cost(2 * H, J, J, D)
    assert (layer.scores, layer.softmax, layer.average) == tuple(
        parts[name].flops for name in ("scores", "softmax", "average")
    )


def test_costs_add_up_and_have_an_intensity():
    assert Cost(3, 5) + Cost(7, 11) == Cost(10, 16)
    assert Cost(3, 4).intensity == 0.75
    with pytest.raises(ValueError, match=r"bytes \(0\) must be at least 1"):
        _ = Cost(3, 0).intensity


def test_small_integers_of_numpy_do_not_overflow():
    n, m = np.int32(100_000), np.int32(64)
    assert attention_cost(n, m, np.int32(2)).weights == 2 * 10**10
    assert fused_cost(m, n, n, m).bytes == fused_cost(64, 100_000, 100_000, 64).bytes


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: attention_cost(5, 12, 5), ValueError, r"d_model \(12\) must be divisible by n_heads \(5\)"),
        (lambda: attention_cost(0, 12, 3), ValueError, r"length \(0\) must be at least 1"),
        (lambda: attention_cost(5, 12, 3, batch=0), ValueError, r"batch \(0\) must be at least 1"),
        (lambda: attention_cost(5.5, 12, 3), TypeError, "length must be an integer, got 5.5"),
        (lambda: crossover(0), ValueError, r"d_model \(0\) must be at least 1"),
        (lambda: crossover(3.5), TypeError, "d_model must be an integer"),
        (lambda: explicit_cost(H, I, J, 0), ValueError, r"head_dim \(0\) must be at least 1"),
        (lambda: fused_cost(H, I, -1, D), ValueError, r"n_keys \(-1\) must be at least 1"),
        (lambda: fused_cost(H, I, J, D, item_bytes=0.5), TypeError, "item_bytes must be an integer, got 0.5"),
        (lambda: Cost(-1, 2), ValueError, r"flops \(-1\) must be at least 0"),
        (lambda: Cost(1, 2.5), TypeError, "bytes must be an integer, got 2.5"),
    ],
)
def test_bad_sizes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
