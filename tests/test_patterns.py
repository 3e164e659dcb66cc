"""Patterns: against scores masked and summed by hand, one inside the other, on both paths, and with their caches."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward

from mha.attention import attention, fused_attention
from mha.cache import KVCache, RollingCache
from mha.heads import MultiHeadAttention
from mha.masks import sliding_window_mask
from mha.patterns import Pattern, Sink, SlidingWindow
from mha.positions import Rotary
from mha.recording import record_attention

B, H, G, I, J, D, E, WINDOW = 2, 6, 2, 5, 11, 14, 13, 3  # noqa: E741
M = H * D
LAGS = np.arange(J - I, J)[:, None] - np.arange(J)


def tensor(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def qkv():
    return tensor(B, H, I, D), tensor(B, G, J, D, seed=2), tensor(B, G, J, E, seed=3)


def by_hand(q, k, v, allowed, bias=0.0, sink=None):
    """Every exponential written down, in NumPy: out (b, h, i, e) and weights (b, h, i, j)."""
    q, k, v = (x.detach().numpy() for x in (q, k, v))
    k, v = (np.repeat(x, H // G, axis=1) for x in (k, v))
    powers = np.exp(q @ k.swapaxes(-1, -2) / np.sqrt(D) + bias) * allowed
    rest = 0.0 if sink is None else np.exp(sink)[:, None, None]
    weights = powers / (powers.sum(-1, keepdims=True) + rest)
    return weights @ v, weights


def sink(values=None):
    made = Sink(H).double()
    with torch.no_grad():
        made.logit.copy_(torch.linspace(-2.0, 3.0, H) if values is None else values)
    return made


@pytest.mark.parametrize("attend", [fused_attention, lambda *x, **options: attention(*x, **options)[0]])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_each_is_its_formula(attend, masked, biased, causal):
    q, k, v = qkv()
    mask, bias = tensor(B, 1, 1, J, seed=4) > -1.0, tensor(H, 1, J, seed=5)
    mask[..., -I:] = True
    options = {
        "attn_mask": mask if masked else None, "attn_bias": bias if biased else None, "is_causal": causal
    }  # fmt: skip
    allowed = mask.numpy() if masked else True
    added = bias.numpy() if biased else 0.0
    near = allowed & (LAGS >= 0) & (LAGS < WINDOW)
    got = SlidingWindow(WINDOW)(attend, q, k, v, **options)
    assert_close(got.numpy(), by_hand(q, k, v, near, added)[0], atol=1e-12, rtol=0)
    seen = allowed & (LAGS >= 0) if causal else allowed
    stay = sink()
    want, _ = by_hand(q, k, v, seen, added, stay.logit.detach().numpy())
    assert_close(stay(attend, q, k, v, **options).detach().numpy(), want, atol=1e-12, rtol=0)


def test_a_mask_or_bias_that_broadcasts_along_the_keys_is_no_matter():
    q, k, v = qkv()
    mask, bias = tensor(B, 1, I, 1, seed=4) > -9.0, tensor(H, 1, 1, seed=5)
    stay = sink()
    want, _ = by_hand(q, k, v, True, bias.numpy(), stay.logit.detach().numpy())
    got = stay(fused_attention, q, k, v, attn_mask=mask, attn_bias=bias)
    assert_close(got.detach().numpy(), want, atol=1e-12, rtol=0)


def test_a_window_with_sinks_is_that_of_gpt_oss():
    q, k, v = tensor(B, H, J, D), tensor(B, G, J, D, seed=2), tensor(B, G, J, D, seed=3)
    stay = sink()
    mine = partial(SlidingWindow(WINDOW), partial(stay, fused_attention))(q, k, v)
    logit = stay.logit.detach().clone().requires_grad_()
    theirs = SimpleNamespace(sinks=logit, num_key_value_groups=H // G, training=False)
    near = torch.where(sliding_window_mask(J, WINDOW), 0.0, -torch.inf).double()
    want, _ = eager_attention_forward(theirs, q, k, v, near, scaling=D**-0.5)
    assert_close(mine, want.transpose(1, 2), atol=1e-12, rtol=0)
    cotangent = tensor(B, H, J, D, seed=4)
    (mine * cotangent).sum().backward()
    (want.transpose(1, 2) * cotangent).sum().backward()
    assert_close(stay.logit.grad, logit.grad, atol=1e-10, rtol=0)


def test_gradients_of_a_sink():
    q, k, v = (x.requires_grad_() for x in (tensor(1, H, 2, 3), tensor(1, G, 4, 3), tensor(1, G, 4, 3)))

    def attended(logit, q, k, v):
        made = Sink(H).double()
        return torch.func.functional_call(made, {"logit": logit}, (fused_attention, q, k, v), {"is_causal": True})

    assert torch.autograd.gradcheck(attended, (tensor(H, seed=7).requires_grad_(), q, k, v))


def test_a_window_that_reaches_the_first_key_is_causal_attention():
    q, k, v = qkv()
    want = fused_attention(q, k, v, is_causal=True)
    for window in (J, J + 3):
        assert torch.equal(SlidingWindow(window)(fused_attention, q, k, v), want)
    assert not torch.allclose(SlidingWindow(J - 1)(fused_attention, q, k, v), want)


def test_a_query_with_nothing_else_gives_its_weight_to_the_sink():
    q, k, v = qkv()
    out = sink()(fused_attention, q, k, v, attn_mask=torch.zeros(I, J, dtype=torch.bool))
    assert torch.equal(out, torch.zeros_like(out))


def layer(**options):
    torch.manual_seed(0)
    made = MultiHeadAttention(M, H, n_kv_heads=G, rotary=Rotary(D), **options).double().eval()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.2)
    return made


def test_a_layer_puts_the_first_outermost_and_records_the_sink_as_the_first_key():
    attn, x = layer(patterns=[SlidingWindow(WINDOW), Sink(H)]), tensor(B, J, M)
    with record_attention(attn) as maps:
        recorded = attn(x)
    assert_close(recorded, attn(x), atol=1e-12, rtol=0)
    weights = maps["attention"].detach().numpy()
    assert weights.shape == (B, H, J, 1 + J)
    lags = np.arange(J)[:, None] - np.arange(J)
    q, k, v = attn.project(x, None, None)
    near = (lags >= 0) & (lags < WINDOW)
    _, want = by_hand(q, k, v, near, sink=attn.patterns[1].logit.detach().numpy())
    assert_close(weights[..., 1:], want, atol=1e-12, rtol=0)
    assert_close(weights.sum(-1), np.ones((B, H, J)), atol=1e-12, rtol=0)


@pytest.mark.parametrize("patterns", [[SlidingWindow(WINDOW)], [SlidingWindow(WINDOW), Sink(H)], [Sink(H)]])
@pytest.mark.parametrize("pieces", [[1] * J, [J], [1, 7, 3], [2, 2, 1, 6]])
def test_cached_equals_full(patterns, pieces):
    attn, x = layer(patterns=patterns, qk_norm=nn.RMSNorm), tensor(B, J, M)
    cache = attn.new_cache(B, J)
    assert type(cache) is (RollingCache if patterns[0].window else KVCache)
    with torch.no_grad():
        outs = [attn(piece, is_causal=True, cache=cache) for piece in x.split(pieces, dim=1)]
        assert_close(torch.cat(outs, dim=1), attn(x, is_causal=True), atol=1e-12, rtol=0)
    assert cache.length == J


def test_parts_are_drawn_anew_and_told():
    attn = layer(patterns=[SlidingWindow(WINDOW), Sink(H)], qk_norm=nn.RMSNorm)
    attn.reset_parameters()
    assert not attn.patterns[1].logit.any()
    assert (attn.q_norm.weight == 1).all()
    assert "window=3" in repr(attn)
    assert "patterns" not in repr(layer())


def test_trouble_is_named():
    q, k, v = qkv()
    with pytest.raises(ValueError, match=r"window \(0\) must be at least 1"):
        SlidingWindow(0)
    with pytest.raises(TypeError, match=r"n_heads must be an integer, got 2.0"):
        Sink(2.0)
    with pytest.raises(NotImplementedError, match="Pattern does not say what it does"):
        Pattern()(fused_attention, q, k, v)
    for pattern in (SlidingWindow(WINDOW), SlidingWindow(J), sink()):
        with pytest.raises(ValueError, match=r"queries|positions"):
            pattern(fused_attention, tensor(B, H, J + 1, D), k, v, is_causal=True)
