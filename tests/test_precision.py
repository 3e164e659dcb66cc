"""Which dtype a product has: with autocast and without it, beside what torch itself computes."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from mha.precision import autocast_is_on, half_precision, layer_precision, product_dtype, same_precision

CPU = torch.device("cpu")
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def products(dtype, other):
    """The dtype that torch gives a product of the two, or None where it refuses."""
    try:
        return (torch.ones(2, 2, dtype=dtype) @ torch.ones(2, 2, dtype=other)).dtype
    except RuntimeError:
        return None


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("cast_to", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_says_what_torch_does(dtype, cast_to, enabled):
    with torch.autocast("cpu", cast_to, enabled=enabled):
        assert autocast_is_on(CPU) == enabled
        got = products(dtype, dtype)
        assert product_dtype(dtype, CPU) == got
        assert half_precision(torch.ones(2, dtype=dtype)) == (got if got in (torch.float16, torch.bfloat16) else None)
        for other in DTYPES:
            assert same_precision(torch.ones(2, dtype=dtype), other) == (products(dtype, other) is not None)


def test_on_meta_nothing_is_cast():
    with torch.autocast("cpu", torch.bfloat16):
        assert not autocast_is_on(torch.device("meta"))
        assert product_dtype(torch.float32, torch.device("meta")) == torch.float32


class Halved(nn.Module):
    def forward(self, weight):
        raise AssertionError("the weight of a parametrized layer is not computed for this")


def test_a_layer_takes_what_its_first_floating_parameter_is():
    counts = nn.ParameterList([nn.Parameter(torch.zeros(1, dtype=torch.int64), requires_grad=False)])
    assert layer_precision(nn.Linear(2, 3, dtype=torch.float64)) == (torch.float64, CPU)
    assert layer_precision(nn.Sequential(counts, nn.Linear(2, 3, device="meta"))) == (
        torch.float32,
        torch.device("meta"),
    )
    assert layer_precision(counts) is None
    layer = nn.Linear(2, 3, dtype=torch.bfloat16)
    parametrize.register_parametrization(layer, "weight", Halved(), unsafe=True)
    assert layer_precision(layer) == (torch.bfloat16, CPU)
