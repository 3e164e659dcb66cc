"""`MultiHeadAttention`: against the oracle, torch's own, its other path, its cache, and at its edges."""

import itertools
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from mha import reference
from mha.heads import MultiHeadAttention, merge_heads, split_heads
from mha.positions import Rotary
from mha.recording import record_attention

B, I, J, M, H, D = 2, 5, 7, 84, 6, 14  # noqa: E741 (D is even, for Rotary)


class Gate(nn.Module):
    """A number per head."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.0, 2.0, H))

    def forward(self, heads):
        return heads * self.weight[:, None, None]


def layer(dtype=torch.float64, seed=0, **options):
    torch.manual_seed(seed)
    made = MultiHeadAttention(M, H, **options).to(dtype)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.2)
    return made


def tensor(*shape, dtype=torch.float64, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def matrices(attn):
    """(m, width) matrices of the paper from the fused projection."""
    q, k, v = attn.qkv.weight.detach().split(attn._widths)
    return [w.T.numpy() for w in (q, k, v, attn.out.weight.detach())]


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 4))
def test_split_and_merge_undo_each_other(length, n_heads, head_dim):
    x = tensor(3, length, n_heads * head_dim)
    heads = split_heads(x, n_heads)
    assert heads.shape == (3, n_heads, length, head_dim)
    assert heads.data_ptr() == x.data_ptr()
    assert torch.equal(heads[1, -1, 0], x[1, 0, (n_heads - 1) * head_dim :])  # the last head is the last slice
    assert torch.equal(merge_heads(heads), x)


@pytest.mark.parametrize("n_kv_heads", [6, 3, 2, 1])
@pytest.mark.parametrize("cross", [False, True])
def test_equals_oracle(n_kv_heads, cross):
    attn = layer(n_kv_heads=n_kv_heads, bias=False)
    x, context = tensor(B, I, M), tensor(B, J, M, seed=2) if cross else None
    bias = tensor(B, H, I, J if cross else I, seed=3)
    want, want_weights = reference.multi_head_attention(
        x, *matrices(attn), n_heads=H, context=context, attn_bias=bias, attn_mask=bias.numpy() > -1
    )
    with record_attention(attn) as maps:
        out = attn(x, context, attn_bias=bias, attn_mask=bias > -1)
    assert_close(out.detach().numpy(), want, atol=1e-12, rtol=0)
    assert_close(maps["attention"].detach().numpy(), want_weights, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_equals_torch_with_gradients(dtype, atol):
    ours = layer(dtype)
    theirs = nn.MultiheadAttention(M, H, batch_first=True).to(dtype)
    state = ours.state_dict()
    names = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    theirs.load_state_dict(dict(zip(names, state.values(), strict=True)))
    x, key_mask = tensor(B, I, M, dtype=dtype), torch.tensor([[True] * I, [True] * 3 + [False] * 2])
    causal = torch.ones(I, I, dtype=torch.bool).tril()
    out = ours(x, key_mask=key_mask, is_causal=True)
    want, _ = theirs(x, x, x, key_padding_mask=~key_mask, attn_mask=~causal, need_weights=False)
    assert_close(out, want, atol=atol, rtol=0)
    out.square().sum().backward()
    want.square().sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(mine.grad, other.grad, atol=100 * atol, rtol=atol)  # gradients here are some hundreds


COMBINATIONS = list(itertools.product((False, True), repeat=6))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_kv_heads", [6, 2])
@pytest.mark.parametrize(("cross", "key", "mask", "bias", "causal", "cached"), COMBINATIONS)
def test_fused_equals_explicit(dtype, n_kv_heads, cross, key, mask, bias, causal, cached):
    """Every combination of options, with a gate, on both paths; a row that may attend to nothing gives the bias."""
    attn = layer(dtype, n_kv_heads=n_kv_heads, gate=Gate(), rotary=None if cross else Rotary(D), dropout=0.3).eval()
    x, context = tensor(B, I, M, dtype=dtype), tensor(B, J, M, dtype=dtype, seed=2) if cross else None
    past = 2 if cached and not cross else 0
    n_keys = J if cross else I + past
    attn_mask = tensor(B, 1, I, n_keys, seed=4) > -0.5
    attn_mask[1, 0, 3] = False
    key_mask = torch.ones(B, n_keys, dtype=torch.bool)
    key_mask[1, -2:] = False
    chosen = {
        "key_mask": key_mask if key else None,
        "attn_mask": attn_mask if mask else None,
        "attn_bias": tensor(H, I, n_keys, dtype=dtype, seed=5) if bias else None,
        "is_causal": causal,
    }

    def run():
        cache = attn.new_cache(B, J + 2) if cached else None
        with torch.set_grad_enabled(not cached):
            if past:
                attn(tensor(B, past, M, dtype=dtype, seed=6), cache=cache, is_causal=True)
            return attn(x, context, cache=cache, **chosen)

    fused = run()
    with record_attention(attn) as maps:
        explicit = run()
    assert torch.isfinite(explicit).all()
    assert_close(fused, explicit, atol=1e-5 if dtype == torch.float32 else 1e-12, rtol=0)
    if mask:
        assert torch.count_nonzero(maps["attention"][1, :, 3]) == 0
        assert_close(fused[1, 3], attn.out.bias)


def test_normed_queries_and_keys_are_normed_head_by_head_before_they_are_rotated():
    attn = layer(n_kv_heads=2, rotary=Rotary(D), qk_norm=partial(nn.RMSNorm, eps=1e-3), bias=False)
    x, context = tensor(B, I, M), tensor(B, J, M, seed=2)
    w_q, w_k, w_v, w_out = map(torch.from_numpy, matrices(attn))
    for source in (None, context):
        keyed = x if source is None else source
        q, k, v = split_heads(x @ w_q, H), split_heads(keyed @ w_k, 2), split_heads(keyed @ w_v, 2)
        q, k = (y / (y.square().mean(-1, keepdim=True) + 1e-3).sqrt() for y in (q, k))
        q, k = Rotary(D)(q * attn.q_norm.weight.detach()), Rotary(D)(k * attn.k_norm.weight.detach())
        heads, _ = reference.attention(q, *(y.repeat_interleave(3, dim=1) for y in (k, v)))
        want = merge_heads(torch.from_numpy(heads)) @ w_out
        assert_close(attn(x, source), want, atol=1e-12, rtol=0)


@torch.no_grad()
def test_normed_queries_meet_a_filled_cache_as_without():
    attn, x, context = layer(qk_norm=nn.RMSNorm, rotary=Rotary(D)), tensor(B, I, M), tensor(B, J, M, seed=2)
    cache = attn.new_cache(B, J)
    for _ in range(2):
        assert_close(attn(x, context, cache=cache), attn(x, context), atol=1e-12, rtol=0)


def test_dropout_is_equal_on_both_paths_and_off_in_evaluation():
    attn, x = layer(dropout=0.5), tensor(B, I, M)
    torch.manual_seed(3)
    fused = attn(x)
    torch.manual_seed(3)
    with record_attention(attn):
        explicit = attn(x)
    assert_close(fused, explicit, atol=1e-12, rtol=0)
    assert not torch.allclose(fused, attn.eval()(x))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.sampled_from([6, 3, 1]))
def test_cached_equals_full(pieces, n_kv_heads):
    attn, length = layer(n_kv_heads=n_kv_heads, rotary=Rotary(D)), sum(pieces)
    x = tensor(B, length, M)
    with torch.no_grad():
        full, cache = attn(x, is_causal=True), attn.new_cache(B, length)
        outs = [attn(piece, is_causal=True, cache=cache) for piece in x.split(pieces, dim=1)]
    assert_close(torch.cat(outs, dim=1), full, atol=1e-12, rtol=0)


def test_cross_attention_fills_its_cache_once():
    attn, x, context = layer(), tensor(B, I, M), tensor(B, J, M, seed=2)
    cache = attn.new_cache(B, J)
    with torch.no_grad():
        want = attn(x, context)
        for step in range(I):
            assert_close(attn(x[:, step : step + 1], context, cache=cache), want[:, step : step + 1])
    assert cache.length == J
    with pytest.raises(ValueError, match="cache holds 7 keys, context has 5"):
        attn(x, x, cache=cache)


def test_queries_meet_a_filled_cache_where_they_stand():
    """With a context, rotary positions are those of x and of the context, whatever the cache holds."""
    attn, x, context = layer(rotary=Rotary(D)), tensor(B, I, M), tensor(B, J, M, seed=2)
    cache = attn.new_cache(B, J)
    with torch.no_grad():
        want = attn(x, context)
        for _ in range(2):
            assert_close(attn(x, context, cache=cache), want, atol=1e-12, rtol=0)


def test_a_gate_weighs_each_head():
    attn, x = layer(gate=Gate()), tensor(B, I, M)
    ungated = layer()
    of_channels = 0.4 * torch.arange(H).repeat_interleave(D)  # 0 … 2, as linspace has it
    with torch.no_grad():
        attn.gate.weight.copy_(torch.linspace(0.0, 2.0, H))
        ungated.load_state_dict(attn.state_dict(), strict=False)
        ungated.out.weight.mul_(of_channels)
    assert_close(attn(x), ungated(x), atol=1e-12, rtol=0)
    assert not torch.allclose(attn(x), layer()(x))


def test_reset_parameters_draws_every_part_anew_and_construction_leaves_a_gate_alone():
    class Drawn(Gate):
        def reset_parameters(self):
            nn.init.ones_(self.weight)

    gate = Drawn()
    attn = MultiHeadAttention(M, H, gate=gate)
    assert torch.equal(gate.weight, torch.linspace(0.0, 2.0, H))
    with torch.no_grad():
        for p in attn.parameters():
            p.fill_(torch.nan)
    attn.reset_parameters()
    assert all(p.isfinite().all() for p in attn.parameters())


def test_permutation_equivariance_and_padding():
    attn, x = layer(), tensor(B, J, M)
    order = torch.randperm(J, generator=torch.Generator().manual_seed(0))
    assert_close(attn(x[:, order]), attn(x)[:, order], atol=1e-12, rtol=0)
    padded = torch.cat([x, tensor(B, 3, M, seed=9) * 1e3], dim=1)
    key_mask = torch.arange(J + 3).expand(B, -1) < J
    assert_close(attn(padded, key_mask=key_mask)[:, :J], attn(x), atol=1e-12, rtol=0)


def test_gradient_of_a_query_without_keys_is_zero():
    attn, x = layer(), tensor(B, I, M).requires_grad_()
    attn(x, key_mask=torch.tensor([[True] * I, [False] * I]))[1].sum().backward()
    assert torch.count_nonzero(x.grad) == 0


def test_autocast_and_bfloat16():
    attn, x = layer(torch.float32), tensor(B, I, M, dtype=torch.float32)
    want = attn(x)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = attn(x)
    low = attn.to(torch.bfloat16)(x.bfloat16())
    for out in (mixed, low):
        assert out.dtype == torch.bfloat16
        assert (out.float() - want).abs().max() < 0.03 * want.abs().max()  # bfloat16 keeps 8 bits


def test_xavier_bounds_hold_for_each_matrix():
    attn = MultiHeadAttention(M, H, n_kv_heads=2)
    for weight in (*attn.qkv.weight.split(attn._widths), attn.out.weight):
        bound = np.sqrt(6 / sum(weight.shape))
        assert 0.9 * bound < weight.abs().max() <= bound


def construction_cases():
    yield (10, 3), {}, r"d_model \(10\) must be divisible by n_heads \(3\)"
    yield (12, 6), {"n_kv_heads": 4}, r"n_heads \(6\) must be divisible by n_kv_heads \(4\)"
    yield (12, 0), {}, r"n_heads \(0\) must be at least 1"
    yield (12, 6), {"head_dim": 0}, r"head_dim \(0\) must be at least 1"
    yield (12, 6), {"dropout": 1.0}, r"dropout \(1.0\) must be at least 0 and below 1"
    yield (12, 6), {"scale": float("nan")}, r"scale \(nan\) must be finite"


@pytest.mark.parametrize(("sizes", "options", "message"), list(construction_cases()))
def test_bad_sizes_are_named(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(*sizes, **options)


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((12.0, 6), {}, r"d_model must be an integer, got 12.0"),
        ((12, True), {}, r"n_heads must be an integer, got True"),
        ((12, 6), {"n_kv_heads": 3.0}, r"n_kv_heads must be an integer, got 3.0"),
        ((12, 6), {"head_dim": 2.0}, r"head_dim must be an integer, got 2.0"),
        ((12, 6), {"dropout": None}, r"dropout must be a number, got None"),
        ((12, 6), {"scale": True}, r"scale must be a number, got True"),
    ],
)
def test_sizes_that_are_no_integers_are_named(sizes, options, message):
    with pytest.raises(TypeError, match=message):
        MultiHeadAttention(*sizes, **options)


def call_cases():
    x, context = tensor(B, I, M), tensor(B, J, M)
    yield (x[..., :3],), {}, ValueError, r"x must have shape \(b, i, 84\), none empty, got \(2, 5, 3\)"
    yield (x[:, :0],), {}, ValueError, r"x must have shape \(b, i, 84\), none empty, got \(2, 0, 84\)"
    yield (x[0],), {}, ValueError, r"x must have shape \(b, i, 84\)"
    yield (x.float(),), {}, ValueError, r"x must be torch.float64 as the layer is, got torch.float32"
    yield (x.to("meta"),), {}, ValueError, r"x must be on cpu as the layer is, got meta"
    yield (x, context[:1]), {}, ValueError, r"x and context must agree in batch, got 2 and 1"
    yield (x, context[..., :3]), {}, ValueError, r"context must have shape"
    yield (x,), {"key_mask": torch.ones(B, I)}, TypeError, r"key_mask must be bool \(True = a real token\), got"
    yield (x,), {"key_mask": torch.ones(B, J) > 0}, ValueError, r"key_mask must have shape \(2, 5\), got \(2, 7\)"
    yield (x,), {"attn_mask": torch.ones(I, J) > 0}, ValueError, r"attn_mask must broadcast to \(2, 6, 5, 5\)"
    yield (x,), {"attn_mask": torch.ones(I, I)}, TypeError, r"attn_mask must be bool"
    yield (x,), {"attn_bias": torch.ones(I, I) > 0}, TypeError, r"attn_bias must be torch.float64"
    real = torch.ones(B, I) > 0
    yield (x,), {"attn_mask": torch.ones(I, I), "key_mask": real}, TypeError, r"attn_mask must be bool"
    yield (x,), {"attn_mask": torch.ones(I, J) > 0, "key_mask": real}, ValueError, r"attn_mask must broadcast to"
    yield (x,), {"key_mask": [[True] * I] * B}, TypeError, r"key_mask must be a tensor, got \[\[True"
    yield (x.tolist(),), {}, TypeError, r"x must be a tensor, got"
    yield (x,), {"is_causal": real}, TypeError, r"is_causal must be True or False, got Tensor"
    yield (x,), {"cache": (x, x)}, TypeError, r"cache must be a KVCache, got tuple"
    yield (x,), {"cache": layer().new_cache(B + 1, I)}, ValueError, r"cache must be of x's batch \(2\), got 3"


@pytest.mark.parametrize(("tensors", "options", "error", "message"), list(call_cases()))
def test_bad_input_is_named(tensors, options, error, message):
    with pytest.raises(error, match=message):
        layer()(*tensors, **options)


def test_heads_that_cannot_be_split_or_merged():
    with pytest.raises(ValueError, match=r"width of x \(84\) must be divisible by n_heads \(5\)"):
        split_heads(tensor(B, I, M), 5)
    with pytest.raises(TypeError, match=r"n_heads must be an integer, got 6.0"):
        split_heads(tensor(B, I, M), 6.0)
    with pytest.raises(ValueError, match=r"x must have shape \(..., h, i, d\), got \(5, 84\)"):
        merge_heads(tensor(I, M))
