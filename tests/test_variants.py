"""Tiled, sliding-window and linear attention: each against what it must equal, with gradients, masks and edges."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from mha import reference
from mha.attention import attention
from mha.masks import sliding_window_mask
from mha.variants import tiled_numpy
from mha.variants.linear_attention import elu_plus_one, linear_attention
from mha.variants.sliding_window import sliding_window_attention
from mha.variants.tiled import tiled_attention

B, H, G, I, J, D, E = 2, 6, 3, 13, 17, 5, 7  # noqa: E741


def inputs(queries=I, keys=J, kv_heads=H, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(B, H, queries, D), (B, kv_heads, keys, D), (B, kv_heads, keys, E)]
    return [torch.randn(s, generator=generator, dtype=torch.float64, requires_grad=True) for s in shapes]


def same_with_gradients(ours, theirs, tensors):
    assert_close(ours, theirs, atol=1e-12, rtol=0)
    upstream = torch.randn(ours.shape, generator=torch.Generator().manual_seed(9), dtype=ours.dtype)
    for a, b in zip(*(torch.autograd.grad(out, tensors, upstream) for out in (ours, theirs)), strict=True):
        assert_close(a, b, atol=1e-11, rtol=0)


@pytest.mark.parametrize("tile", [1, 4, 64])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("kv_heads", [H, G])
@pytest.mark.parametrize("mask", ["none", "full", "key", "keys alone", "rows"])
def test_tiled_is_attention(tile, is_causal, kv_heads, mask):
    tensors = inputs(kv_heads=kv_heads)
    shape = {"none": None, "full": (B, H, I, J), "key": (B, 1, 1, J), "keys alone": (J,), "rows": (I, 1)}[mask]
    allowed = None
    if shape is not None:
        allowed = torch.rand(shape, generator=torch.Generator().manual_seed(1)) > 0.3
        if mask == "full":
            allowed[0, 0, 2] = False  # nothing to attend to
    options = {"attn_mask": allowed, "is_causal": is_causal}
    same_with_gradients(tiled_attention(*tensors, tile=tile, **options), attention(*tensors, **options)[0], tensors)


def test_tiled_passes_gradcheck():
    tensors = [x[:1, :2, :5].detach().requires_grad_() for x in inputs()]
    assert torch.autograd.gradcheck(lambda *x: tiled_attention(*x, is_causal=True, tile=2), tensors)


def test_tiled_survives_scores_that_overflow_an_exponential():
    q, k, v = (x.detach() for x in inputs())
    k[..., 0, :] *= 1000  # the largest scores come in the first tile or, reversed, in the last
    for order in (slice(None), torch.arange(J - 1, -1, -1)):
        ours = tiled_attention(q, k[..., order, :], v[..., order, :], tile=3)
        assert_close(ours, attention(q, k, v)[0], atol=1e-12, rtol=0)


def test_the_scale_that_is_given_is_the_one_that_counts():
    tensors = inputs(keys=I)
    want = attention(*tensors, attn_mask=sliding_window_mask(I, 4), scale=0.3)[0]
    same_with_gradients(sliding_window_attention(*tensors, window=4, scale=0.3), want, tensors)
    same_with_gradients(tiled_attention(*tensors, tile=4, scale=0.3), attention(*tensors, scale=0.3)[0], tensors)


@given(st.integers(1, 20), st.integers(0, 5))
def test_numpy_tiles_of_any_size_are_the_oracle(tile, seed):
    q, k, v = (x[0, 0].detach().numpy() for x in inputs(seed=seed))
    assert np.abs(tiled_numpy.tiled_attention(q, k, v, tile=tile) - reference.attention(q, k, v)[0]).max() < 1e-12


@pytest.mark.parametrize("window", [1, 4, 13, 99])
@pytest.mark.parametrize("kv_heads", [H, G])
@pytest.mark.parametrize("padded", [False, True])
def test_sliding_window_is_attention_under_its_mask(window, kv_heads, padded):
    tensors = inputs(keys=I, kv_heads=kv_heads)
    allowed, key_mask = sliding_window_mask(I, window), None
    if padded:
        key_mask = torch.ones(B, 1, I, dtype=torch.bool)
        key_mask[0, :, :5] = False  # the first queries have nothing to attend to
        allowed = allowed & key_mask[:, :, None, :]
    ours = sliding_window_attention(*tensors, window=window, key_mask=key_mask)
    same_with_gradients(ours, attention(*tensors, attn_mask=allowed)[0], tensors)


def test_numpy_tiles_of_scores_far_from_zero_neither_overflow_nor_vanish():
    q, k, v = (x[0, 0].detach().numpy() for x in inputs())
    for shift in (-5000.0, 5000.0):  # one more channel, the same for every key: weights do not change
        far_q, far_k = np.hstack([q, np.full((I, 1), shift)]), np.hstack([k, np.ones((J, 1))])
        wanted = reference.attention(far_q, far_k, v)[0]
        assert np.abs(tiled_numpy.tiled_attention(far_q, far_k, v, tile=3) - wanted).max() < 1e-9


@pytest.mark.parametrize(
    ("shapes", "tile"),
    [
        (((2, 3), (4, 3), (5, 3)), 1),
        (((2, 3), (4, 3), (4,)), 1),
        (((3,), (4, 3), (4, 3)), 1),
        (((2, 3), (4, 3), (4, 3)), 0),
    ],
)
def test_numpy_tiles_refuse_what_does_not_fit(shapes, tile):
    with pytest.raises(ValueError, match="tile > 0, got"):
        tiled_numpy.tiled_attention(*map(np.ones, shapes), tile=tile)


def test_linear_attention_looks_across_to_a_memory_of_another_length():
    q, k, v = inputs()
    weights = elu_plus_one(q) @ elu_plus_one(k).mT
    same_with_gradients(linear_attention(q, k, v), weights / weights.sum(-1, keepdim=True) @ v, (q, k, v))


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("kv_heads", [H, G])
def test_linear_attention_is_its_definition(is_causal, kv_heads):
    q, k, v = inputs(keys=I, kv_heads=kv_heads)
    key_mask = torch.ones(B, 1, I, dtype=torch.bool)
    key_mask[1, :, 9:] = False
    k_, v_ = (x.repeat_interleave(H // kv_heads, dim=1) for x in (k, v))
    weights = elu_plus_one(q) @ elu_plus_one(k_).mT * key_mask[:, :, None, :]
    weights = weights.tril() if is_causal else weights
    want = weights / weights.sum(-1, keepdim=True) @ v_
    ours = linear_attention(q, k, v, key_mask=key_mask, is_causal=is_causal, chunk=5)
    same_with_gradients(ours, want, (q, k, v))


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("wanted", ["qkv", "q", "kv"])
def test_second_derivatives(is_causal, wanted):
    tensors = [x[:1, :1, :3].detach().requires_grad_(name in wanted) for name, x in zip("qkv", inputs(), strict=True)]
    allowed = torch.tensor([[True, True, False], [True, False, True], [True, True, True]])

    def tiled(*x):
        return tiled_attention(*x, is_causal=is_causal, attn_mask=allowed, tile=2)

    upstream = torch.ones(1, 1, 3, E, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(tiled, tensors, upstream)
    assert torch.autograd.gradgradcheck(lambda *x: linear_attention(*x, is_causal=is_causal), tensors)


HALF = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
WAYS = {
    "tiled": lambda *x, **o: tiled_attention(*x, tile=4, **o),
    "window": lambda q, k, v, **o: sliding_window_attention(q, k, v, window=4, **o),
    "linear": lambda q, k, v, **o: linear_attention(q, k, v, chunk=4, **o),
    "linear, causal": lambda q, k, v, **o: linear_attention(q, k, v, chunk=4, is_causal=True, **o),
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@ways
@HALF
def test_half_precision_is_float64_rounded(way, dtype):
    tensors = [x.detach().to(dtype).requires_grad_() for x in inputs(keys=I, kv_heads=G)]
    exact = [x.detach().double().requires_grad_() for x in tensors]
    out, want = way(*tensors), way(*exact)
    assert out.dtype == dtype
    assert_close(out.double(), want, atol=0.02, rtol=0.02)
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    grads = torch.autograd.grad(out, tensors, upstream.to(dtype))
    for got, exactly in zip(grads, torch.autograd.grad(want, exact, upstream), strict=True):
        assert got.dtype == dtype
        assert (got.double() - exactly).norm() < 0.02 * exactly.norm()


@ways
def test_under_autocast_it_is_near_and_of_its_dtype(way):
    tensors = [x.detach().float().requires_grad_() for x in inputs(keys=I)]
    want = way(*tensors)
    wanted = torch.autograd.grad(want.square().sum(), tensors)
    with torch.autocast("cpu", torch.bfloat16):
        out = way(tensors[0], tensors[1].bfloat16(), tensors[2])
    assert out.dtype == torch.bfloat16
    assert (out.float() - want).norm() < 0.02 * want.norm()
    for got, exact in zip(torch.autograd.grad(out.float().square().sum(), tensors), wanted, strict=True):
        assert (got - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize("way", [tiled_attention, linear_attention])
@HALF
def test_sums_over_many_keys_survive_half_precision(way, dtype):
    """65504 is the largest float16; in bfloat16 256 + 1 is 256."""
    q, k, v = torch.zeros(1, 1, 1, 8), torch.zeros(1, 1, 70_001, 8), torch.ones(1, 1, 70_001, 1)
    v[..., ::2, :] = 0.5
    out = way(*(x.to(dtype) for x in (q, k, v)))
    assert abs(float(out) - float(v.mean())) < 2e-3


@HALF
def test_tiled_scores_too_large_for_half_precision_do_not_overflow(dtype):
    q = torch.full((1, 1, 4, 64), 40.0, dtype=dtype)  # q·k = 102400, beyond float16; 12800 once scaled
    v = torch.randn((1, 1, 4, 3), generator=torch.Generator().manual_seed(0)).to(dtype)
    assert_close(tiled_attention(q, q, v, tile=2).float(), v.float().mean(-2).expand(1, 1, 4, 3), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_elu_plus_one_is_the_exponential_below_zero(dtype):
    x = torch.tensor([-60.0, -20.0, -8.0, -1.0, 0.0, 0.5, 3.0], dtype=dtype, requires_grad=True)
    want = torch.where(x > 0, x.detach().double() + 1, x.detach().double().exp())
    features = elu_plus_one(x)
    features.sum().backward()
    eps = torch.finfo(dtype).eps
    assert_close(features.double(), want, atol=0, rtol=2 * eps)
    assert_close(x.grad.double(), want.clamp(max=1.0), atol=0, rtol=2 * eps)
    assert elu_plus_one(torch.tensor(torch.nan)).isnan()


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(
    ("dtype", "below"), [(torch.float32, -1000.0), (torch.float64, -1000.0), (torch.float16, -30.0)]
)
def test_a_query_far_below_zero_gets_an_average(dtype, below, is_causal):
    q, k, v = (x.detach().to(dtype) for x in inputs(keys=I))
    q = q.clamp(-1, 0)  # and what is added to all channels changes no weight
    near = linear_attention(q - 1, k, v, is_causal=is_causal)
    assert_close(linear_attention(q + below, k, v, is_causal=is_causal), near, atol=0.03, rtol=0.03)


@ways
def test_nan_in_is_nan_out(way):
    for index in (1, 2):
        tensors = [x.detach() for x in inputs(keys=I)]
        tensors[index][1, 2, 3, 4] = torch.nan
        assert way(*tensors)[1, 2].isnan().any()
    q, k, v = (x.detach() for x in inputs(keys=I))
    q[1, 2, 3, 4] = torch.nan
    assert way(q, k, v)[1, 2, 3].isnan().all()


def bad_input():
    q, k, v = (x.detach() for x in inputs())
    allowed, real = torch.ones(I, J) > 0, torch.ones(B, 1, I) > 0
    yield lambda: tiled_attention(q, k, v, tile=0), ValueError, r"tile \(0\) must be at least 1"
    yield lambda: tiled_attention(q, k, v, tile=2.0), TypeError, "tile must be an integer, got 2.0"
    yield lambda: tiled_attention(q, k, v, scale=torch.inf), ValueError, r"scale \(inf\) must be finite"
    yield lambda: tiled_attention(k, q, q, is_causal=True), ValueError, "no more positions than k, got 17 and 13"
    yield lambda: tiled_attention(q, k, v, attn_mask=allowed.double()), TypeError, "attn_mask must be bool"
    window = sliding_window_attention
    yield lambda: window(q, k, v, window=3), ValueError, r"k must be as long as q \(13\), got 17"
    yield lambda: window(k, k, v, window=0), ValueError, r"window \(0\) must be at least 1"
    yield lambda: window(k, k, v, window=2.5), TypeError, "window must be an integer, got 2.5"
    yield lambda: window(q, q, q, window=2, key_mask=real.float()), TypeError, "key_mask must be bool"
    yield lambda: window(q, q, q, window=2, key_mask=real[..., 1:]), ValueError, "key_mask must broadcast to"
    yield lambda: window(q, q, q, window=2, key_mask=[True]), TypeError, r"key_mask must be a tensor, got \[True\]"
    linear = linear_attention
    yield lambda: linear(q, k, v, is_causal=True), ValueError, "q and k must be of one length, got 13 and 17"
    yield lambda: linear(q, q, q, chunk=0), ValueError, r"chunk \(0\) must be at least 1"
    yield lambda: linear(q, q, q, chunk=True), TypeError, "chunk must be an integer, got True"
    yield lambda: linear(q, q, q, key_mask=real.float()), TypeError, "key_mask must be bool"
    fits = r"expected q \(i, d\), k \(j, d\), v \(j, e\)"
    yield lambda: tiled_numpy.tiled_attention(np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 3))), ValueError, fits
    ones = np.ones((2, 3))
    yield (
        lambda: tiled_numpy.tiled_attention(ones, ones, ones, tile=2.5),
        TypeError,
        r"tile must be an integer, got 2.5",
    )


@pytest.mark.parametrize(("call", "error", "message"), list(bad_input()))
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
