"""One row times a matrix on all cores, and matrices that lie in memory column by column."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrize, prune
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

import mha.row_linear
from mha.row_linear import linear, linear_layer, linear_part, wide_by_column


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
    calls, layer, x = called(monkeypatch), nn.Linear(5, 6), torch.randn(1, 5)
    assert_close(linear_layer(layer, x), F.linear(x, layer.weight, layer.bias))
    assert not calls


def test_small_matrices_stay_on_one_core(monkeypatch):
    calls = called(monkeypatch)
    with torch.no_grad():
        linear_layer(nn.Linear(5, 6), torch.randn(1, 5))
    assert not calls


@pytest.mark.parametrize(("n_in", "n_out", "cores", "shares"), [(35, 12, 5, 4), (12, 35, 6, 5), (12, 11, 3, 1)])
def test_each_core_gets_a_share_of_the_outputs(monkeypatch, n_in, n_out, cores, shares):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)
    taken, product = [], torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda rows, parts: taken.append(tuple(parts.shape)) or product(rows, parts))
    with torch.no_grad():
        linear(torch.randn(1, n_in), torch.randn(n_out, n_in))
    assert taken == [(shares, n_in, n_out // shares)]


class Adapter(nn.Module):
    """A low-rank map beside a layer, as LoRA puts it in the layer's place."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.down, self.up = layer, nn.Linear(5, 2, bias=False), nn.Linear(2, 6, bias=False)

    def forward(self, x):
        return self.layer(x) + self.up(self.down(x))


class Doubled(nn.Module):
    """A parametrization."""

    def forward(self, weight):
        return 2 * weight


def doubled_output(layer):
    layer.register_forward_hook(lambda _, __, out: 2 * out)
    return layer


def doubled_input(layer):
    layer.register_forward_pre_hook(lambda _, inputs: (2 * inputs[0],))
    return layer


def doubled_weight(layer):
    return parametrize.register_parametrization(layer, "weight", Doubled())


def doubled_method(layer):
    plain = layer.forward
    layer.forward = lambda x: 2 * plain(x)
    return layer


def pruned(layer):
    prune.l1_unstructured(layer, "weight", 0.5)
    return layer


class Doubling(nn.Linear):
    """A subclass with a way of its own."""

    def forward(self, x):
        return 2 * super().forward(x)


def doubled_class(layer):
    layer.__class__ = Doubling
    return layer


CHANGES = [doubled_class, Adapter, doubled_output, doubled_input, doubled_weight, doubled_method, pruned]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("rows", [1, 3])
def test_nothing_is_passed_by(monkeypatch, change, rows):
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)
    torch.manual_seed(0)
    plain = nn.Linear(5, 6)
    x, before = torch.randn(rows, 5), plain(torch.zeros(rows, 5)).detach()
    layer = change(plain)
    want = layer(x)
    with torch.no_grad():
        assert_close(linear_layer(layer, x), want)
    assert_close(linear_part(layer, x, 2, 5), want[:, 2:5])
    assert_close(linear_part(layer, x, 4), want[:, 4:])
    assert not torch.equal(want, before)


def test_a_part_of_a_plain_layer_computes_no_more(monkeypatch):
    layer, x, shapes, product = nn.Linear(5, 6), torch.randn(3, 5), [], F.linear
    want = layer(x)[:, 2:5]
    monkeypatch.setattr(F, "linear", lambda x, w, b: shapes.append(tuple(w.shape)) or product(x, w, b))
    assert_close(linear_part(layer, x, 2, 5), want)
    assert shapes == [(3, 5)]


def test_every_hook_on_all_modules_is_seen(monkeypatch):
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)
    layer, x, seen = nn.Linear(5, 6), torch.randn(1, 5), []
    handle = register_module_forward_hook(lambda module, _, out: seen.append(module))
    try:
        with torch.no_grad():
            linear_layer(layer, x)
    finally:
        handle.remove()
    assert seen == [layer]


def strides_in(model, x):
    """The strides of the weights that the single row x meets on its way."""
    seen, product = [], torch.baddbmm
    torch.baddbmm = lambda bias, rows, shares: seen.append(shares.stride()[1:]) or product(bias, rows, shares)
    try:
        with torch.inference_mode():
            for layer in model:
                x = linear_layer(layer, x)
    finally:
        torch.baddbmm = product
    return seen, x


ROWS, COLUMNS = [(1, 3), (1, 7)], [(7, 1), (1, 7)]  # of the matrices (7, 3), wide, and (3, 7), long


def test_wide_matrices_are_read_by_column_and_the_model_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(3, 7), nn.Linear(7, 3)), torch.randn(1, 3)
    places = [(p.data_ptr(), p.stride()) for p in model.parameters()]
    layouts, want = strides_in(model, x)
    assert layouts == ROWS
    with wide_by_column(model):
        layouts, out = strides_in(model, x)
        assert layouts == COLUMNS
        assert_close(out, want)
        assert strides_in(copy.deepcopy(model), x)[0] == ROWS
        assert [(p.data_ptr(), p.stride()) for p in model.parameters()] == places
    with pytest.raises(RuntimeError, match="stop"), wide_by_column(model):
        raise RuntimeError("stop")
    assert strides_in(model, x)[0] == ROWS
    model(torch.randn(2, 3)).sum().backward()  # still to be trained


def test_what_is_not_plain_keeps_its_way_where_others_are_laid_out(monkeypatch):
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 7), nn.Linear(7, 6)), torch.randn(1, 5)
    doubled_output(model[1])
    want = model(x)
    with wide_by_column(model), torch.no_grad():
        out = x
        for layer in model:
            out = linear_layer(layer, out)
    assert_close(out, want)
    seen = []
    handle = register_module_forward_hook(lambda module, _, out: seen.append(module))
    try:
        with wide_by_column(model), torch.no_grad():
            linear_layer(model[0], x)
    finally:
        handle.remove()
    assert seen == [model[0]]


def test_contexts_that_overlap_end_each_for_itself(monkeypatch):
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)
    model, x = nn.Sequential(nn.Linear(3, 7), nn.Linear(7, 3)), torch.randn(1, 3)
    with wide_by_column(model):
        with wide_by_column(model):
            assert strides_in(model, x)[0] == COLUMNS
        assert strides_in(model, x)[0] == COLUMNS
        with ThreadPoolExecutor(1) as other:  # a thread that has not asked for it
            assert other.submit(strides_in, model, x).result()[0] == ROWS
    inside, ended = threading.Event(), threading.Event()

    def first():
        with wide_by_column(model):
            inside.set()
            ended.wait(10)
            return strides_in(model, x)[0]

    with ThreadPoolExecutor(1) as other:
        running = other.submit(first)
        inside.wait(10)
        with wide_by_column(model):  # begins later than the other's, and ends before it
            pass
        ended.set()
        assert running.result() == COLUMNS
    assert strides_in(model, x)[0] == ROWS


def test_a_counter_of_operations_counts_the_part_that_is_computed():
    layer, x = nn.Linear(7, 33), torch.randn(5, 7)
    with FlopCounterMode(display=False) as counter:
        linear_part(layer, x, 11, 22)
    assert counter.get_total_flops() == 2 * 5 * 7 * 11
