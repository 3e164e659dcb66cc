"""The oracle against SciPy, torch's built-ins and plain loops, and the laws it must keep."""

import math

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from torch import nn

from mha.reference import attention, multi_head_attention, sinusoidal_positions, softmax

B, H, G, I, J, D, E = 2, 6, 3, 5, 7, 11, 13  # noqa: E741
scores_2d = arrays(np.float64, (I, J), elements=st.floats(-1e3, 1e3))


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture
def qkv():
    return normal(B, H, I, D, seed=1), normal(B, H, J, D, seed=2), normal(B, H, J, E, seed=3)


@settings(deadline=None)
@given(arrays(np.float64, (2, 3, 5), elements=st.floats(-1e6, 1e6)), st.integers(-3, 2))
def test_softmax_is_scipys(scores, axis):
    assert_allclose(softmax(scores, axis), scipy.special.softmax(scores, axis), rtol=1e-13, atol=1e-300)


@settings(deadline=None)
@given(scores_2d)
def test_softmax_rows_are_distributions(scores):
    weights = softmax(scores)
    assert (weights >= 0).all()
    assert_allclose(weights.sum(-1), 1.0, rtol=1e-14)


@settings(deadline=None)
@given(scores_2d, st.floats(-1e3, 1e3))
def test_softmax_does_not_see_a_shift(scores, shift):
    assert_allclose(softmax(scores + shift), softmax(scores), rtol=1e-11, atol=1e-300)


def test_softmax_of_scores_beyond_exps_range():
    assert softmax([1e300, -1e300, 0.0]).tolist() == [1.0, 0.0, 0.0]
    assert_allclose(softmax([1e6, 1e6 + math.log(3.0)]), [0.25, 0.75], rtol=1e-9)


def test_softmax_gives_minus_infinity_nothing():
    scores = np.array([[0.0, -np.inf, math.log(3.0)], [-np.inf, -np.inf, -np.inf], [-np.inf, 5.0, -np.inf]])
    assert_allclose(softmax(scores), [[0.25, 0.0, 0.75], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]], rtol=1e-15)


def test_softmax_of_no_rows_is_no_rows():
    assert softmax(np.zeros((0, 3))).shape == (0, 3)


def test_softmax_leaves_its_argument_alone_and_widens():
    scores = np.array([1.0, 2.0], dtype=np.float32)
    assert softmax(scores).dtype == np.float64
    assert scores.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("scores", "axis", "message"),
    [
        (3.0, -1, r"axis \(-1\) must be an axis of scores, which have shape \(\)"),
        (np.zeros((2, 3)), 2, r"axis \(2\) must be an axis of scores, which have shape \(2, 3\)"),
        (np.zeros((2, 3)), -3, r"axis \(-3\) must be an axis"),
        (np.zeros((2, 0)), -1, r"at least one entry along axis -1, got shape \(2, 0\)"),
    ],
)
def test_softmax_refuses_what_it_cannot_weigh(scores, axis, message):
    with pytest.raises(ValueError, match=message):
        softmax(scores, axis)


@pytest.mark.parametrize("masked", ["nothing", "mask", "bias", "both"])
@pytest.mark.parametrize("scale", [None, 0.3, 0.0])
def test_attention_is_torchs(qkv, masked, scale):
    mask = normal(B, 1, I, J, seed=4) > -0.8 if masked in ("mask", "both") else None
    bias = normal(H, I, J, seed=5) if masked in ("bias", "both") else None
    out, weights = attention(*qkv, attn_mask=mask, attn_bias=bias, scale=scale)
    added = np.zeros((B, H, I, J)) if bias is None else np.broadcast_to(bias, (B, H, I, J)).copy()
    added = added if mask is None else np.where(mask, added, -np.inf)
    q, k, v = map(torch.from_numpy, qkv)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=torch.from_numpy(added), scale=scale)
    assert_allclose(out, expected.numpy(), rtol=1e-12, atol=1e-14)
    identity = torch.eye(J, dtype=torch.float64).expand(B, H, J, J)
    expected = F.scaled_dot_product_attention(q, k, identity, attn_mask=torch.from_numpy(added), scale=scale)
    assert_allclose(weights, expected.numpy(), rtol=1e-12, atol=1e-14)


def test_attention_in_loops():
    q, k, v = normal(I, D, seed=1), normal(J, D, seed=2), normal(J, E, seed=3)
    out, weights = attention(q, k, v)
    for i in range(I):
        powers = [math.exp(sum(a * b for a, b in zip(q[i], k[j], strict=True)) / math.sqrt(D)) for j in range(J)]
        row = [p / sum(powers) for p in powers]
        assert_allclose(weights[i], row, rtol=1e-13)
        assert_allclose(out[i], [sum(row[j] * v[j, e] for j in range(J)) for e in range(E)], rtol=1e-12)


def test_attention_does_not_see_the_order_of_keys(qkv):
    q, k, v = qkv
    order = np.random.default_rng(4).permutation(J)
    out, weights = attention(q, k, v)
    out_moved, weights_moved = attention(q, k[:, :, order], v[:, :, order])
    assert_allclose(out_moved, out, rtol=1e-12, atol=1e-14)
    assert_allclose(weights_moved, weights[..., order], rtol=1e-12)


def test_a_fully_masked_row_is_zeros(qkv):
    mask = np.ones((I, J), dtype=bool)
    mask[2] = False
    out, weights = attention(*qkv, attn_mask=mask)
    assert not out[:, :, 2].any()
    assert not weights[:, :, 2].any()
    assert_allclose(weights[:, :, [0, 1, 3, 4]].sum(-1), 1.0, rtol=1e-14)


def test_a_masked_key_may_hold_anything(qkv):
    q, k, v = qkv
    mask = np.ones(J, dtype=bool)
    mask[3] = False
    out, _ = attention(q, k, v, attn_mask=mask)
    k[:, :, 3], v[:, :, 3] = 1e6, -1e6
    assert np.array_equal(attention(q, k, v, attn_mask=mask)[0], out)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((I, D), (J, D + 1), (J, E)), f"q and k must agree in their last axis, got {D} and {D + 1}"),
        (((I, D), (J, D), (J + 1, E)), f"k and v must agree in axis -2, got {J} and {J + 1}"),
        (((D,), (J, D), (J, E)), r"q must have two axes or more and none empty, got shape \(11,\)"),
        (((I, D), (0, D), (0, E)), r"k must have two axes or more and none empty, got shape \(0, 11\)"),
        (((I, D), (J, D), (J, 0)), r"v must have two axes or more and none empty, got shape \(7, 0\)"),
    ],
)
def test_attention_refuses_shapes_that_disagree(shapes, message):
    with pytest.raises(ValueError, match=message):
        attention(*(np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_attention_refuses_a_mask_of_numbers(qkv, dtype):
    with pytest.raises(TypeError, match=rf"attn_mask must be bool \(True = may attend\), got {np.dtype(dtype)}"):
        attention(*qkv, attn_mask=np.zeros((I, J), dtype))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("crossed", [False, True])
def test_multi_head_attention_is_torchs(masked, crossed):
    d_model = H * D
    layer = nn.MultiheadAttention(d_model, H, bias=False, batch_first=True, dtype=torch.float64)
    x, context = normal(B, I, d_model, seed=1), normal(B, J, d_model, seed=2) if crossed else None
    looked_at = x if context is None else context
    w_q, w_k, w_v, w_o = (normal(d_model, d_model, seed=s) / 8 for s in (3, 4, 5, 6))
    mask = normal(I, looked_at.shape[1], seed=7) > -0.8 if masked else None
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.from_numpy(np.concatenate([w_q.T, w_k.T, w_v.T])))
        layer.out_proj.weight.copy_(torch.from_numpy(w_o.T))
        expected = layer(
            *map(torch.from_numpy, (x, looked_at, looked_at)),
            attn_mask=None if mask is None else ~torch.from_numpy(mask),
            average_attn_weights=False,
        )
    out, weights = multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads=H, context=context, attn_mask=mask)
    assert_allclose(out, expected[0].numpy(), rtol=1e-11, atol=1e-12)
    assert_allclose(weights, expected[1].numpy(), rtol=1e-11, atol=1e-13)


def test_grouped_queries_are_torchs():
    d_model, bias = 17, np.where(normal(H, I, I, seed=8) > -1.2, normal(H, I, I, seed=9), -np.inf)
    bias[:, :, 0] = 0.0
    x = normal(B, I, d_model, seed=1)
    w_q, w_k, w_v, w_o = (
        normal(rows, columns, seed=2 + n)
        for n, (rows, columns) in enumerate([(d_model, H * D), (d_model, G * D), (d_model, G * E), (H * E, d_model)])
    )
    out, weights = multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads=H, attn_bias=bias)
    q, k, v = (
        torch.from_numpy(x @ w).unflatten(-1, (n, -1)).transpose(1, 2) for w, n in ((w_q, H), (w_k, G), (w_v, G))
    )
    heads = F.scaled_dot_product_attention(q, k, v, attn_mask=torch.from_numpy(bias), enable_gqa=True)
    assert weights.shape == (B, H, I, I)
    assert_allclose(out, heads.transpose(1, 2).flatten(-2).numpy() @ w_o, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("columns", "n_heads", "message"),
    [
        ((10, 10, 10), 3, r"columns of w_q \(10\) must be divisible by n_heads \(3\)"),
        ((12, 5, 4), 3, r"w_k \(5 columns\).*head_dim \(4\)"),
        ((12, 8, 8), 3, r"w_k \(8 columns\) and w_v \(8\).*divides n_heads \(3\)"),
        ((12, 12, 10), 3, r"w_v \(10\)"),
        ((12, 0, 12), 3, r"w_k \(0 columns\)"),
    ],
)
def test_multi_head_attention_refuses_widths_that_do_not_divide(columns, n_heads, message):
    w_q, w_k, w_v = (np.zeros((7, c)) for c in columns)
    with pytest.raises(ValueError, match=message):
        multi_head_attention(np.zeros((I, 7)), w_q, w_k, w_v, np.zeros((12, 7)), n_heads=n_heads)


@pytest.mark.parametrize("base", [10000.0, 100.0])
def test_sinusoidal_positions_in_loops(base):
    positions = sinusoidal_positions(7, 10, base)
    for p in range(7):
        for c in range(5):
            angle = p / base ** (2 * c / 10)
            assert positions[p, 2 * c] == pytest.approx(math.sin(angle), abs=1e-15)
            assert positions[p, 2 * c + 1] == pytest.approx(math.cos(angle), abs=1e-15)
    assert positions.shape == (7, 10)
    assert np.array_equal(sinusoidal_positions(7, 10), sinusoidal_positions(7, 10, 10000.0))


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 50))
def test_sinusoidal_products_depend_on_the_distance_only(i, j):
    positions = sinusoidal_positions(51, 14)
    assert positions[i] @ positions[j] == pytest.approx(positions[abs(i - j)] @ positions[0], abs=1e-12)


@pytest.mark.parametrize(("length", "d_model"), [(0, 4), (3, 5), (3, 0), (-1, 4)])
def test_sinusoidal_positions_refuse_odd_widths_and_no_length(length, d_model):
    with pytest.raises(ValueError, match=rf"length \({length}\) must be positive and d_model \({d_model}\)"):
        sinusoidal_positions(length, d_model)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda q, k, v: attention(q, k, v, scale=np.inf), ValueError, r"scale \(inf\) must be finite"),
        (
            lambda q, k, v: attention(q, k, v, attn_mask=np.ones((B, B, H, I, J), bool)),
            ValueError,
            r"attn_mask must broadcast to \(2, 6, 5, 7\), got \(2, 2, 6, 5, 7\)",
        ),
        (
            lambda q, k, v: attention(q, k, v, attn_bias=np.ones((I, J + 1))),
            ValueError,
            r"attn_bias must broadcast to \(2, 6, 5, 7\), got \(5, 8\)",
        ),
        (lambda *x: multi_head_attention(*[np.eye(6)] * 5, n_heads=0), ValueError, r"n_heads \(0\) must be at least 1"),
        (
            lambda *x: multi_head_attention(*[np.eye(6)] * 5, n_heads=2.0),
            TypeError,
            r"n_heads must be an integer, got 2.0",
        ),
        (lambda *x: sinusoidal_positions(3.0, 4), TypeError, r"length must be an integer, got 3.0"),
        (lambda *x: sinusoidal_positions(3, True), TypeError, r"d_model must be an integer, got True"),
        (lambda *x: sinusoidal_positions(3, 4, np.nan), ValueError, r"base \(nan\) must be above 1"),
    ],
)
def test_what_would_change_a_result_unseen_is_refused(qkv, call, error, message):
    with pytest.raises(error, match=message):
        call(*qkv)
