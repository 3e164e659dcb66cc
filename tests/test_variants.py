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
@pytest.mark.parametrize("mask", ["none", "full", "key", "rows"])
def test_tiled_is_attention(tile, is_causal, kv_heads, mask):
    tensors = inputs(kv_heads=kv_heads)
    shape = {"none": None, "full": (B, H, I, J), "key": (B, 1, 1, J), "rows": (I, 1)}[mask]
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


def test_bad_input_is_named():
    q, k, v = (x.detach() for x in inputs())
    with pytest.raises(ValueError, match="tile must be at least 1, got 0"):
        tiled_attention(q, k, v, tile=0)
    with pytest.raises(ValueError, match="no more positions than k, got 17 and 13"):
        tiled_attention(k, q, q, is_causal=True)
    with pytest.raises(TypeError, match="attn_mask must be bool"):
        tiled_attention(q, k, v, attn_mask=torch.ones(I, J, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"k as long as q \(13\), got 17"):
        sliding_window_attention(q, k, v, window=3)
    with pytest.raises(ValueError, match=r"window \(0\) must be at least 1"):
        sliding_window_attention(k, k, v, window=0)
    with pytest.raises(ValueError, match="of one length, got 13 and 17"):
        linear_attention(q, k, v, is_causal=True)
    with pytest.raises(ValueError, match=r"expected q \(i, d\), k \(j, d\), v \(j, e\), tile > 0"):
        tiled_numpy.tiled_attention(np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 3)))
