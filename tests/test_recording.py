"""`record_attention`: it sees every call, disturbs nothing and leaves no trace."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.checkpoint import checkpoint

import mha.heads
import mha.recording
from mha.attention import attention, fused_attention
from mha.heads import MultiHeadAttention
from mha.recording import record_attention

B, I, J, M, H = 2, 5, 7, 33, 3  # noqa: E741


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = MultiHeadAttention(M, H), MultiHeadAttention(M, H)

    def forward(self, x, context=None):
        return self.second(self.first(x), context)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Stack()


def test_maps_are_named_stacked_and_differentiable(model):
    x = torch.randn(B, I, M)
    with record_attention(model) as maps:
        out = model(x)
    assert list(maps) == ["first", "second"]
    assert maps.stack().shape == (2, B, H, I, I)
    assert_close(maps.stack().sum(-1), torch.ones(2, B, H, I))
    (gradient,) = torch.autograd.grad(out.sum(), maps["first"])
    assert gradient.abs().max() > 0
    assert_close(model(x), out)


def test_layers_stand_in_the_order_in_which_they_ran_and_each_counts_once():
    layers = nn.Sequential(*(MultiHeadAttention(M, H) for _ in range(11)))  # "10" comes before "2" in a dictionary
    with record_attention(layers) as maps:
        for _ in range(2):
            layers(torch.randn(B, I, M))
    assert list(maps) == [str(n) for n in range(11)]
    assert len(maps) == len(maps.stack()) == 11
    for n, weights in enumerate(maps.stack()):
        assert torch.equal(weights, maps[str(n)])


def test_nothing_recorded_is_nothing_to_stack(model):
    with record_attention(model) as maps, pytest.raises(ValueError, match="got no recorded layer"):
        maps.stack()


def test_every_call_is_kept(model):
    with record_attention(model) as maps:
        model(torch.randn(B, I, M))
        model(torch.randn(B, I, M), torch.randn(B, J, M))
    assert [tuple(w.shape) for w in maps.calls("second")] == [(B, H, I, I), (B, H, I, J)]
    assert maps["second"] is maps.calls("second")[-1]
    with pytest.raises(ValueError, match="layers of one shape"):
        maps.stack()
    with pytest.raises(KeyError, match=r"no layer 'third' was recorded; recorded were \['first', 'second'\]"):
        maps["third"]


def paths(monkeypatch):
    """Notes which way each call takes."""
    taken = []
    for module, function in ((mha.heads, fused_attention), (mha.recording, attention)):
        monkeypatch.setattr(
            module, function.__name__, lambda *a, _f=function, **o: taken.append(_f.__name__) or _f(*a, **o)
        )
    return taken


@torch.no_grad()
def test_the_fused_path_returns_even_after_an_error(model, monkeypatch):
    taken, x = paths(monkeypatch), torch.randn(B, I, M)
    with pytest.raises(ValueError, match="x must have shape"), record_attention(model):
        model(torch.randn(B, I, M + 1))
    model(x)
    assert taken == ["fused_attention"] * 2
    with record_attention(model) as outer:
        with record_attention(model.first) as inner:
            model(x)
        model(x)
    assert len(inner.calls("attention")) == len(outer.calls("first")) == 1
    assert len(outer.calls("second")) == 2
    taken.clear()
    model(x)
    assert taken == ["fused_attention"] * 2


@torch.no_grad()
def test_weights_are_those_before_dropout(model):
    model.train()
    for layer in (model.first, model.second):
        layer.dropout = 0.5
    with record_attention(model) as maps:
        model(torch.randn(B, I, M))
    assert_close(maps.stack().sum(-1), torch.ones(2, B, H, I))
    assert maps.stack().count_nonzero() == maps.stack().numel()


@torch.no_grad()
def test_a_copy_does_not_record_and_another_thread_does_as_ever(model, monkeypatch):
    x, entered, ended = torch.randn(B, I, M), threading.Event(), threading.Event()

    def elsewhere():
        with record_attention(model) as maps:
            entered.set()
            ended.wait(10)
            model(x)
        return maps

    with ThreadPoolExecutor(1) as pool, record_attention(model) as maps:
        twins = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
        for other in (*twins, model):
            pool.submit(torch.no_grad()(other), x).result()
        for twin in twins:
            twin(x)
        assert len(maps) == 0
        theirs = pool.submit(elsewhere)
        entered.wait(10)
        model(x)
        assert len(maps.calls("first")) == 1
    ended.set()
    assert len(theirs.result().calls("first")) == 1  # though it began after ours and ended after it
    taken = paths(monkeypatch)
    for other in (*twins, model):
        other(x)
    assert taken == ["fused_attention"] * 6


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("backward_inside", [False, True])
def test_checkpointing_records_a_call_once_and_finds_the_same_gradients(model, dropout, reentrant, backward_inside):
    x = torch.randn(B, I, M, requires_grad=True)
    model.first.dropout = model.second.dropout = dropout

    def gradients(record, run):
        model.zero_grad()
        torch.manual_seed(1)
        with record_attention(model) if record else nullcontext() as maps:
            out = run().square().sum()
            if backward_inside:
                out.backward()
        if not backward_inside:
            out.backward()
        return maps, [p.grad.clone() for p in model.parameters()]

    _, want = gradients(False, lambda: model(x))
    maps, got = gradients(True, lambda: checkpoint(model, x, use_reentrant=reentrant))
    assert [len(maps.calls(name)) for name in ("first", "second")] == [1, 1]
    for a, b in zip(got, want, strict=True):
        assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_a_compiled_model_is_recorded_too(model):
    x = torch.randn(B, I, M)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    want = compiled(x)
    with record_attention(model) as maps:
        assert_close(compiled(x), want)
    assert maps.stack().shape == (2, B, H, I, I)
    compiled(x)
    assert len(maps.calls("first")) == 1


def test_nothing_to_record_is_an_error():
    with pytest.raises(ValueError, match="Linear has no MultiHeadAttention"), record_attention(nn.Linear(2, 3)):
        pass
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got None \(NoneType\)"):
        record_attention(None).__enter__()
