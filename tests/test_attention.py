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


@pytest.mark.parametrize(("mask", "bias"), [(True, False), (False, True), (True, True)])
def test_fused_equals_explicit_where_keys_are_as_many_as_queries(mask, bias):
    chosen = options(mask, bias, causal=True)
    chosen = {name: x[..., :I] if isinstance(x, torch.Tensor) else x for name, x in chosen.items()}
    q, k, v = inputs()
    k, v = k[:, :, :I], v[:, :, :I]
    assert_close(fused_attention(q, k, v, **chosen), attention(q, k, v, **chosen)[0], atol=1e-12, rtol=0)


@pytest.mark.parametrize("scale", [0.3, 0.0])
def test_the_scale_that_is_given_is_the_one_that_counts(scale):
    q, k, v = inputs()
    want, want_weights = reference.attention(q.detach(), k.detach(), v.detach(), scale=scale)
    out, weights = attention(q, k, v, scale=scale)
    assert_close(weights.detach().numpy(), want_weights, atol=1e-12, rtol=0)
    for got in (out, fused_attention(q, k, v, scale=scale)):
        assert_close(got.detach().numpy(), want, atol=1e-12, rtol=0)


def test_gradcheck():
    q, k, v = (x[:1, :2].detach().requires_grad_() for x in inputs())
    allowed, bias = masks()
    chosen = {"attn_mask": allowed[:1], "attn_bias": bias[:2]}
    assert torch.autograd.gradcheck(lambda *a: attention(*a, **chosen)[0], (q, k, v))
    assert torch.autograd.gradcheck(lambda *a: attention(*a)[1], (q, k, v))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_the_same_share_and_keeps_the_mean(dtype):
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn((1, 1, n, D), generator=generator).to(dtype) for n in (211, 223))
    v = torch.ones((1, 1, 223, 1), dtype=dtype)  # the output is then the sum of the surviving weights, 1 on average
    torch.manual_seed(0)
    for out in (attention(q, k, v, dropout_p=0.25)[0], fused_attention(q, k, v, dropout_p=0.25)):
        error = out.float().std() / 211**0.5
        assert abs(out.float().mean() - 1) < 4 * error
        assert out.float().std() > 0.01


def test_without_an_axis_of_heads():
    q, k, v = (x[0, 0] for x in inputs())
    out, weights = attention(q, k, v)
    assert out.shape == (I, E)
    assert weights.shape == (I, J)
    assert_close(fused_attention(q, k, v), out, atol=1e-12, rtol=0)


HALF = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


@HALF
def test_half_precision_is_rounded_once(dtype):
    q, k, v = (x.detach().to(dtype) for x in inputs(torch.float32, G))
    allowed, bias = masks(dtype)
    chosen = {"attn_mask": allowed, "attn_bias": bias, "is_causal": True}
    want = attention(*(x.double() for x in (q, k, v)), **chosen | {"attn_bias": bias.double()})
    for got, exact in zip(attention(q, k, v, **chosen), want, strict=True):
        assert got.dtype == dtype
        assert_close(got.double(), exact, atol=1e-7, rtol=torch.finfo(dtype).eps / 2)
    assert_close(fused_attention(q, k, v, **chosen).double(), want[0], atol=0.03, rtol=0.02)


@HALF
def test_scores_too_large_for_half_precision_do_not_overflow(dtype):
    q = torch.full((1, 1, 4, 64), 40.0, dtype=dtype)  # q·k = 102400, beyond float16; 12800 once scaled
    v = torch.randn((1, 1, 4, 3), generator=torch.Generator().manual_seed(0)).to(dtype)
    out, weights = attention(q, q, v)
    assert torch.equal(weights, torch.full((1, 1, 4, 4), 0.25, dtype=dtype))
    assert_close(out.float(), v.float().mean(-2, keepdim=True).expand(1, 1, 4, 3), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("mixed", [False, True])
def test_under_autocast_both_ways_are_near_and_of_its_dtype(mixed):
    q, k, v = (x.detach() for x in inputs(torch.float32, G))
    allowed, bias = masks(torch.float32)
    want, want_weights = attention(q, k, v, attn_mask=allowed, attn_bias=bias)
    if mixed:
        k, v = k.bfloat16(), v.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out, weights = attention(q, k, v, attn_mask=allowed, attn_bias=bias)
        fused = fused_attention(q, k, v, attn_mask=allowed, attn_bias=bias)
        with pytest.raises(ValueError, match=r"k must be torch.float32 .*, got torch.float64"):
            attention(q, k.double(), v.double())
    assert out.dtype == weights.dtype == fused.dtype == torch.bfloat16
    for got, exact in ((out, want), (fused, want), (weights, want_weights)):
        assert (got.float() - exact).abs().max() < 0.03 * exact.abs().max()  # bfloat16 keeps 8 bits
        assert (got.float() - exact).abs().max() > 0


def test_nan_is_never_swallowed_in_the_open_and_shows_in_the_gradients_of_the_fused_way():
    """A query that holds NaN gets zeros from torch's kernel on a CPU; whoever trains sees it in the gradients."""
    q, k, v = inputs()
    with torch.no_grad():
        q[1, 2, 3, 4] = torch.nan
    out, weights = attention(q, k, v)
    rows = torch.zeros(B, H, I, dtype=torch.bool)
    rows[1, 2, 3] = True
    assert torch.equal(out.isnan().all(-1), rows)
    assert torch.equal(weights.isnan().all(-1), rows)
    fused_attention(q, k, v).sum().backward()
    assert q.grad.isnan().any()
    assert k.grad.isnan().any()


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
    yield (q, k, v), {"attn_mask": allowed.tolist()}, TypeError, r"attn_mask must be a tensor, got \[\[\[\[.* \(list\)"
    yield (q.tolist(), k, v), {}, TypeError, r"q must be a tensor, got .* \(list\)"
    yield (q, None, v), {}, TypeError, r"k must be a tensor, got None \(NoneType\)"
    yield (q.long(), k.long(), v.long()), {}, TypeError, r"q, k and v must be float, got torch.int64"
    yield (k, q[:, :, :3], v[:, :, :3]), {"is_causal": True}, ValueError, r"no more positions than k, got 7 and 3"
    yield (q, k, v), {"is_causal": allowed}, TypeError, r"is_causal must be True or False, got Tensor"
    yield (q, k, v), {"is_causal": 1}, TypeError, r"is_causal must be True or False, got int"
    yield (q, k, v), {"scale": float("nan")}, ValueError, r"scale \(nan\) must be finite"
    yield (q, k, v), {"scale": torch.ones(H)}, TypeError, r"scale must be a number, got"
    yield (q, k, v), {"dropout_p": 1.0}, ValueError, r"dropout_p \(1.0\) must be at least 0 and below 1"
    yield (q, k, v), {"dropout_p": float("nan")}, ValueError, r"dropout_p \(nan\) must be at least 0"


@pytest.mark.parametrize(("tensors", "chosen", "error", "message"), list(error_cases()))
@pytest.mark.parametrize("function", [attention, fused_attention])
def test_bad_input_is_named(function, tensors, chosen, error, message):
    with pytest.raises(error, match=message):
        function(*tensors, **chosen)
