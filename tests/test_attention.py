"""`attention` and `fused_attention`: against the oracle, against each other, and at their edges."""

import itertools

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mha import reference
from mha.attention import attention, fused_attention

B, H, G, I, J, D, E = 2, 6, 3, 5, 7, 11, 13  # noqa: E741


def inputs(dtype=torch.float64, kv_heads=H, queries=I, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(B, H, queries, D), (B, kv_heads, J, D), (B, kv_heads, J, E)]
    return [torch.randn(s, generator=generator, dtype=dtype, requires_grad=True) for s in shapes]


def masks(dtype=torch.float64, queries=I):
    """A mask with one fully masked row, and a bias with one row of -inf."""
    generator = torch.Generator().manual_seed(1)
    allowed = torch.rand((B, 1, queries, J), generator=generator) > 0.4
    allowed[0, 0, 2] = False
    bias = torch.randn((H, queries, J), generator=generator, dtype=dtype)
    bias[1, 3] = -torch.inf
    return allowed, bias


OPTIONS = list(itertools.product((False, True), (False, True), (False, True), (H, G, 1)))


def options(mask, bias, causal, dtype=torch.float64):
    allowed, attn_bias = masks(dtype)
    return {"attn_mask": allowed if mask else None, "attn_bias": attn_bias if bias else None, "is_causal": causal}


@pytest.mark.parametrize(("mask", "bias", "causal", "kv_heads"), OPTIONS)
def test_explicit_equals_oracle(mask, bias, causal, kv_heads):
    q, k, v = inputs(kv_heads=kv_heads)
    chosen = options(mask, bias, causal)
    out, weights = attention(q, k, v, **chosen)
    allowed = np.ones((B, H, I, J), bool) if not mask else np.broadcast_to(chosen["attn_mask"].numpy(), (B, H, I, J))
    if causal:
        allowed = allowed & np.tri(I, J, J - I, dtype=bool)
    repeat = H // kv_heads
    want_out, want_weights = reference.attention(
        q.detach(), k.detach().repeat_interleave(repeat, 1), v.detach().repeat_interleave(repeat, 1),
        attn_mask=allowed, attn_bias=chosen["attn_bias"],
    )  # fmt: skip
    assert_close(weights.detach().numpy(), want_weights, atol=1e-12, rtol=0)
    assert_close(out.detach().numpy(), want_out, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize(("mask", "bias", "causal", "kv_heads"), OPTIONS)
def test_fused_equals_explicit_with_gradients(mask, bias, causal, kv_heads, dtype, atol):
    chosen = options(mask, bias, causal, dtype)
    results = []
    for function in (lambda *a, **o: attention(*a, **o)[0], fused_attention):
        q, k, v = inputs(dtype, kv_heads)
        out = function(q, k, v, **chosen)
        out.square().sum().backward()
        results.append([out.detach(), q.grad, k.grad, v.grad])
    for explicit, fused in zip(*results, strict=True):
        assert torch.isfinite(explicit).all()
        assert_close(fused, explicit, atol=atol, rtol=atol)


def test_rows_sum_to_one_and_masked_row_is_zero_forward_and_backward():
    q, k, v = inputs()
    allowed, _ = masks()
    out, weights = attention(q, k, v, attn_mask=allowed)
    want = allowed.any(-1).expand(B, H, I).double()
    assert_close(weights.sum(-1), want, atol=1e-12, rtol=0)
    assert torch.count_nonzero(weights.masked_select(~allowed)) == 0
    out[0, :, 2].sum().backward()
    assert all(torch.count_nonzero(x.grad) == 0 for x in (q, k, v))


@pytest.mark.parametrize("queries", [1, 3, J])
def test_future_does_not_reach_the_past(queries):
    for function in (lambda *a, **o: attention(*a, **o)[0], fused_attention):
        q, k, v = inputs(queries=queries)
        for row in range(queries):
            k.grad = v.grad = None
            function(q, k, v, is_causal=True)[:, :, row].sum().backward()
            ahead = row + J - queries + 1  # the last query is level with the last key
            assert torch.count_nonzero(v.grad[:, :, ahead:]) == 0
            assert torch.count_nonzero(k.grad[:, :, ahead:]) == 0
            assert torch.count_nonzero(v.grad[:, :, :ahead]) > 0


def test_gradcheck():
    q, k, v = (x[:1, :2].detach().requires_grad_() for x in inputs())
    allowed, bias = masks()
    chosen = {"attn_mask": allowed[:1], "attn_bias": bias[:2]}
    assert torch.autograd.gradcheck(lambda *a: attention(*a, **chosen)[0], (q, k, v))
    assert torch.autograd.gradcheck(lambda *a: attention(*a)[1], (q, k, v))


def test_dropout_drops_the_same_share_and_keeps_the_mean():
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn((1, 1, 211, D), generator=generator), torch.randn((1, 1, 223, D), generator=generator)
    v = torch.ones(1, 1, 223, 1)  # the output is then the sum of the surviving weights, 1 on average
    torch.manual_seed(0)
    for out in (attention(q, k, v, dropout_p=0.25)[0], fused_attention(q, k, v, dropout_p=0.25)):
        error = out.std() / 211**0.5
        assert abs(out.mean() - 1) < 4 * error
        assert out.std() > 0.01


def test_without_an_axis_of_heads():
    q, k, v = (x[0, 0] for x in inputs())
    out, weights = attention(q, k, v)
    assert out.shape == (I, E)
    assert weights.shape == (I, J)
    assert_close(fused_attention(q, k, v), out, atol=1e-12, rtol=0)


def error_cases():
    q, k, v = (x.detach() for x in inputs())
    allowed, bias = masks()
    yield (q, k[..., :3], v), {}, ValueError, r"q and k must agree in their last axis, got 11 and 3"
    yield (q, k, v[..., :3, :]), {}, ValueError, r"k and v must agree"
    yield (q, k[:, :4], v[:, :4]), {}, ValueError, r"k's heads divide q's"
    yield (q[:1], k, v), {}, ValueError, r"leading axes"
    yield (q, k[:, :, :0], v[:, :, :0]), {}, ValueError, r"k must have two axes or more and none empty"
    yield (q, k.float(), v), {}, ValueError, r"k must be torch.float64 on cpu as q is, got torch.float32"
    yield (q, k, v.to("meta")), {}, ValueError, r"v must be .* on cpu as q is, got .* on meta"
    yield (q, k, v), {"attn_mask": allowed.double()}, TypeError, r"attn_mask must be bool \(True = may attend\), got"
    yield (q, k, v), {"attn_bias": allowed}, TypeError, r"attn_bias must be torch.float64 as q is, got torch.bool"
    yield (q, k, v), {"attn_bias": bias.float()}, TypeError, r"attn_bias must be torch.float64"
    yield (q, k, v), {"attn_mask": allowed[..., :3]}, ValueError, r"attn_mask must broadcast to \(2, 6, 5, 7\), got"
    yield (q, k, v), {"attn_mask": allowed.to("meta")}, ValueError, r"attn_mask must be on cpu"


@pytest.mark.parametrize(("tensors", "chosen", "error", "message"), list(error_cases()))
@pytest.mark.parametrize("function", [attention, fused_attention])
def test_bad_input_is_named(function, tensors, chosen, error, message):
    with pytest.raises(error, match=message):
        function(*tensors, **chosen)
