"""The roofline: counts against PyTorch's own, the two ceilings, and the measured ones in order of size."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mha.attention import attention
from mha.measure.roofline import SOFTMAX_FLOPS, Cost, Machine, explicit_attention, fused_attention, measure_machine

H, I, J, D = 3, 5, 7, 11  # noqa: E741


def test_the_products_are_what_pytorch_counts():
    q, k, v = torch.randn(H, I, D), torch.randn(H, J, D), torch.randn(H, J, D)
    with FlopCounterMode(display=False) as counter:
        attention(q, k, v)
    parts = explicit_attention(H, I, J, D)
    assert counter.get_total_flops() == parts["scores"].flops + parts["output"].flops
    assert parts["softmax"].flops == SOFTMAX_FLOPS * H * I * J


def test_bytes_are_those_of_the_arrays_that_each_part_reads_and_writes():
    q, k, scores = torch.zeros(H, I, D), torch.zeros(H, J, D), torch.zeros(H, I, J)
    parts = explicit_attention(H, I, J, D)
    assert parts["scores"].bytes == q.nbytes + k.nbytes + scores.nbytes
    assert parts["softmax"].bytes == 2 * scores.nbytes
    assert fused_attention(H, I, J, D).bytes == 2 * (q.nbytes + k.nbytes)
    assert fused_attention(H, I, J, D, item_bytes=2).bytes == q.nbytes + k.nbytes
    assert fused_attention(H, I, J, D).flops == sum(part.flops for part in parts.values())


def test_below_the_ridge_memory_is_the_limit_and_above_it_arithmetic():
    machine = Machine(flops_per_s=100.0, bytes_per_s=20.0)
    assert machine.ridge == 5.0
    assert machine.attainable(2.0) == 40.0
    assert machine.attainable(50.0) == 100.0
    assert machine.seconds(Cost(flops=200, bytes=1000)) == 50.0
    assert machine.seconds(Cost(flops=20000, bytes=1000)) == 200.0
    assert Cost(3, 5) + Cost(7, 11) == Cost(10, 16)


def test_measured_ceilings_are_plausible_and_more_in_a_larger_product():
    machine = measure_machine(side=256, n_bytes=2**22, rounds=3)
    assert 1e8 < machine.bytes_per_s < 1e13
    assert 1e9 < machine.flops_per_s < 1e14
    assert measure_machine(side=4, n_bytes=2**22, rounds=3).flops_per_s < machine.flops_per_s


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match="head_dim must be 1 or more, got 0"):
        explicit_attention(H, I, J, 0)
    with pytest.raises(ValueError, match="side must be 1 or more, got -1"):
        measure_machine(side=-1)
    with pytest.raises(ValueError, match=r"must be positive, got 0\.0 and 1\.0"):
        Machine(0.0, 1.0)
