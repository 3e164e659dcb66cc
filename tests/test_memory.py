"""Peak memory: known allocations, and what attention needs with and without its weights."""

import pytest
import torch

from mha.attention import attention
from mha.measure.memory import peak_bytes
from mha.variants.tiled import tiled_attention


def test_it_counts_what_exists_at_one_time():
    assert peak_bytes(lambda: None) == 0
    assert peak_bytes(lambda: torch.zeros(1000)) == 4000
    assert peak_bytes(lambda: torch.zeros(1000) + torch.zeros(1000)) == 12000
    before = torch.zeros(1000)  # not counted
    assert peak_bytes(lambda: torch.stack([before[:500] + n for n in range(9)])) == 2 * 9 * 2000

    def one_after_another():
        for _ in range(9):
            torch.zeros(500)

    assert peak_bytes(one_after_another) == 2000


def test_an_error_comes_through_and_leaves_nothing_behind():
    def broken():
        torch.zeros(500)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        peak_bytes(broken)
    assert peak_bytes(lambda: torch.zeros(1000)) == 4000
    with pytest.raises(TypeError, match="call must be a function without arguments, got Tensor"):
        peak_bytes(torch.zeros(3))


def test_an_unknown_device_is_named():
    with pytest.raises(ValueError, match="device must be cpu or cuda, got meta"):
        peak_bytes(lambda: None, "meta")


def test_tiled_attention_needs_a_fraction_of_the_memory_and_grows_with_the_length():
    def needed(attend, length):
        q, k, v = (torch.randn(1, 1, length, 64, requires_grad=True) for _ in range(3))
        return peak_bytes(lambda: torch.autograd.grad(attend(q, k, v).sum(), (q, k, v)))

    def explicit(q, k, v):
        return attention(q, k, v)[0]

    tiled = [needed(tiled_attention, length) for length in (512, 1024, 2048)]
    stored = [needed(explicit, length) for length in (1024, 2048)]
    assert tiled[2] < stored[1] / 15
    assert tiled[2] - tiled[1] == pytest.approx(2 * (tiled[1] - tiled[0]), rel=0.01)  # a tile, and so much a token
    assert stored[1] > 3.8 * stored[0]
