"""One row times a matrix on all cores, and matrices that lie in memory column by column."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

import mha.row_linear
from mha.row_linear import Linear, linear, wide_by_column


@pytest.fixture(params=[1, 2, 3], ids="{} threads".format)
def threads(request, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: request.param)
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)


def called(monkeypatch):
    """Notes each use of the batched product, which only a single row takes."""
    calls = []
    for name in ("bmm", "baddbmm"):
        product = getattr(torch, name)
        monkeypatch.setattr(torch, name, lambda *args, product=product: calls.append(product) or product(*args))
    return calls


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("n_out", [6, 7])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("shape", [(5,), (1, 5), (1, 1, 5), (2, 5)])
def test_equals_torch(monkeypatch, n_out, with_bias, layout, shape):
    torch.manual_seed(0)
    x, weight = torch.randn(shape, dtype=torch.float64), torch.randn(n_out, 5, dtype=torch.float64)
    bias = torch.randn(n_out, dtype=torch.float64) if with_bias else None
    calls = called(monkeypatch)
    with torch.no_grad():
        out = linear(x, weight if layout == "rows" else weight.t().contiguous().t(), bias)
    assert bool(calls) == (x.numel() == 5)
    assert_close(out, F.linear(x, weight, bias))


def test_gradients_take_the_usual_way(monkeypatch):
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)
    calls, layer, x = called(monkeypatch), Linear(5, 6), torch.randn(1, 5)
    assert_close(layer(x), F.linear(x, layer.weight, layer.bias))
    assert not calls


def test_small_matrices_stay_on_one_core(monkeypatch):
    calls = called(monkeypatch)
    with torch.no_grad():
        Linear(5, 6)(torch.randn(1, 5))
    assert not calls


def test_column_layout_is_lent_and_given_back():
    model = nn.Sequential(nn.Linear(3, 7), nn.Linear(7, 3))
    wide, long = model[0].weight, model[1].weight
    values, address = wide.detach().clone(), wide.data_ptr()
    with torch.inference_mode(), wide_by_column(model):
        assert wide.stride() == (1, 7)
        assert long.is_contiguous()
        assert torch.equal(wide, values)
    with pytest.raises(RuntimeError, match="stop"), wide_by_column(model):
        raise RuntimeError("stop")
    assert wide.is_contiguous()
    assert wide.data_ptr() == address
    model(torch.randn(2, 3)).sum().backward()  # still to be trained
