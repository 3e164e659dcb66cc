"""Counted cost: against PyTorch's own counter, and what follows from it."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mha.heads import MultiHeadAttention
from mha.measure.cost import attention_cost, crossover
from mha.recording import record_attention


@pytest.mark.parametrize(("length", "d_model", "n_heads", "batch"), [(7, 12, 3, 2), (13, 20, 1, 1), (5, 30, 5, 3)])
def test_the_formula_is_what_pytorch_counts(length, d_model, n_heads, batch):
    layer = MultiHeadAttention(d_model, n_heads)
    with torch.no_grad(), record_attention(layer), FlopCounterMode(display=False) as counter:
        layer(torch.randn(batch, length, d_model))
    cost = attention_cost(length, d_model, n_heads, batch=batch)
    assert counter.get_total_flops() == cost.products
    assert cost.weights == batch * n_heads * length**2


def test_heads_change_the_softmax_alone():
    one, many = attention_cost(11, 24, 1), attention_cost(11, 24, 6)
    assert one.products == many.products
    assert many.softmax == 6 * one.softmax


def test_at_the_crossover_both_halves_are_equal():
    cost = attention_cost(crossover(36), 36, 4)
    assert cost.projections == cost.scores + cost.average


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match=r"n_heads divide d_model, got length \(5\), d_model \(12\), n_heads \(5\)"):
        attention_cost(5, 12, 5)
    with pytest.raises(ValueError, match="d_model must be positive, got 0"):
        crossover(0)
