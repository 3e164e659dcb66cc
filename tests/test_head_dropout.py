"""Whole heads are dropped: each example's own, scaled so that the mean stays, and only in training."""

import pytest
import torch
from torch.testing import assert_close

from mha.compress.head_dropout import HeadDropout
from mha.heads import MultiHeadAttention

B, H, N, D, P = 2003, 5, 3, 2, 0.3


@pytest.fixture
def dropped():
    torch.manual_seed(0)
    heads = torch.randn(B, H, N, D, dtype=torch.float64)
    return heads, HeadDropout(P).train()(heads)


def test_a_head_is_dropped_whole_or_scaled_whole(dropped):
    heads, out = dropped
    ratio = (out / heads).flatten(2)  # (b, h, i·d)
    assert_close(ratio, ratio[..., :1].expand_as(ratio))
    either = torch.where(ratio < 0.5, 0.0, 1 / 0.7).double()
    assert_close(ratio, either, rtol=0, atol=1e-7)  # torch scales by a float32
    assert len(either.unique()) == 2


def test_each_example_and_head_draws_for_itself_at_the_rate(dropped):
    _, out = dropped
    kept = (out.flatten(2) != 0).any(-1).double()  # (b, h)
    five_deviations = 5 * (P * (1 - P) / B) ** 0.5
    assert (kept.mean(0) - (1 - P)).abs().max() < five_deviations
    both = kept.T @ kept / B - (1 - P) ** 2  # of two heads, were they drawn together it would be P (1 - P)
    assert (both - both.diagonal().diag()).abs().max() < five_deviations
    assert (kept.mean(1).std() - (P * (1 - P) / H) ** 0.5).abs() < 0.02  # were examples drawn together: 0


def test_as_a_gate_it_is_plain_attention_with_the_columns_of_dropped_heads_at_zero():
    torch.manual_seed(0)
    x, p = torch.randn(1, 7, 30), 0.5
    layer = MultiHeadAttention(30, 5, gate=HeadDropout(p)).train()
    torch.manual_seed(3)
    out = layer(x)
    torch.manual_seed(3)
    kept = HeadDropout(p).train()(torch.ones(1, 5, 1, 1)).flatten()  # 0 or 2
    assert 0 < (kept == 0).sum() < 5
    plain = MultiHeadAttention(30, 5)
    plain.load_state_dict(layer.state_dict())
    plain.out.weight.data *= kept.repeat_interleave(6)
    assert_close(out, plain(x))


def test_evaluation_and_p_0_change_nothing():
    x = torch.randn(2, 3, 5, 7)
    assert HeadDropout(0.9).eval()(x) is x
    assert HeadDropout(0).train()(x) is x


def test_no_gradient_reaches_a_dropped_head(dropped):
    heads = torch.ones(3, H, N, D, requires_grad=True)
    torch.manual_seed(1)
    out = HeadDropout(0.5).train()(heads)
    out.sum().backward()
    assert (out == 0).any()
    assert_close(heads.grad, out.detach())


@pytest.mark.parametrize(("p", "error"), [(1, ValueError), (-0.1, ValueError), ("a", TypeError)])
def test_a_rate_that_is_none_is_refused(p, error):
    with pytest.raises(error, match=r"p .*must be"):
        HeadDropout(p)


def test_other_axes_are_refused():
    with pytest.raises(ValueError, match=r"heads must have shape \(b, h, i, d\), got \(2, 3, 5\)"):
        HeadDropout()(torch.zeros(2, 3, 5))
