"""`record_attention`: it sees every call, disturbs nothing and leaves no trace."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mha.attention import fused_attention
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


def test_the_fused_path_returns_even_after_an_error(model):
    with pytest.raises(ValueError, match="x must have shape"), record_attention(model):
        model(torch.randn(B, I, M + 1))
    assert model.first.attend is fused_attention
    with record_attention(model) as outer:
        with record_attention(model.first) as inner:
            model(torch.randn(B, I, M))
        model(torch.randn(B, I, M))
    assert len(inner.calls("attention")) == len(outer.calls("first")) == 1
    assert len(outer.calls("second")) == 2
    assert model.first.attend is fused_attention


def test_nothing_to_record_is_an_error():
    with pytest.raises(ValueError, match="Linear has no MultiHeadAttention"), record_attention(nn.Linear(2, 3)):
        pass
