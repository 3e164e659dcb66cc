"""Latent attention: transformers' own with copied weights, its two ways against each other, and its small cache."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import DeepseekV2Config
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Attention, DeepseekV2RotaryEmbedding

from mha.blocks import EncoderBlock
from mha.cache import LatentCache
from mha.latent import LatentAttention
from mha.positions import Rotary
from mha.recording import record_attention

B, I, M, H, D, C, R = 2, 7, 33, 3, 10, 14, 6  # noqa: E741 (theirs wants an even C)


def tensor(*shape, seed=1, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def layer(rotary=True, **options):
    torch.manual_seed(0)
    made = LatentAttention(M, H, head_dim=D, latent_dim=C, rotary=Rotary(R) if rotary else None, **options)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    return made.double().eval()


def theirs(mine, dtype):
    config = DeepseekV2Config(
        hidden_size=M, num_attention_heads=H, q_lora_rank=None, kv_lora_rank=C, qk_rope_head_dim=R, qk_nope_head_dim=D,
        v_head_dim=D, attn_implementation="eager", rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )  # fmt: skip
    made = DeepseekV2Attention(config, 0).to(dtype).eval()
    query, latent, position = mine.qkv.weight.detach().split([H * (D + R), C, R])
    made.load_state_dict(
        {
            "q_proj.weight": query, "kv_a_proj_with_mqa.weight": torch.cat([latent, position]),
            "kv_a_layernorm.weight": mine.latent_norm.weight, "kv_b_proj.weight": mine.up.weight,
            "o_proj.weight": mine.out.weight,
        }
    )  # fmt: skip
    return made, DeepseekV2RotaryEmbedding(config)


def test_values_and_gradients_equal_transformers():
    mine = layer(norm=lambda c: nn.RMSNorm(c, eps=1e-6)).float()
    other, rotary = theirs(mine, torch.float32)
    x = tensor(B, I, M, dtype=torch.float32)
    future = torch.full((I, I), -torch.inf).triu(1)
    want, _ = other(x, future, position_embeddings=rotary(x, torch.arange(I)[None]))
    got = mine(x, is_causal=True)
    assert_close(got, want, atol=1e-5, rtol=1e-5)
    cotangent = tensor(B, I, M, seed=2, dtype=torch.float32)
    (got * cotangent).sum().backward()
    (want * cotangent).sum().backward()
    of_x = torch.cat([other.q_proj.weight.grad, other.kv_a_proj_with_mqa.weight.grad])
    for name, a, b in [
        ("qkv", mine.qkv.weight.grad, of_x), ("up", mine.up.weight.grad, other.kv_b_proj.weight.grad),
        ("norm", mine.latent_norm.weight.grad, other.kv_a_layernorm.weight.grad),
        ("out", mine.out.weight.grad, other.o_proj.weight.grad),
    ]:  # fmt: skip
        assert_close(a, b, atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("pieces", [[1] * I, [I], [3, 1, 3], [1, 4, 2]])
def test_cached_equals_full(rotary, pieces):
    attn, x = layer(rotary), tensor(B, I, M)
    key_mask = torch.arange(I) >= torch.tensor([[0], [2]])
    cache, seen, outs = attn.new_cache(B, I), 0, []
    with torch.no_grad():
        full = attn(x, is_causal=True, key_mask=key_mask)
        for piece in x.split(pieces, dim=1):
            seen += piece.shape[1]
            outs.append(attn(piece, is_causal=True, key_mask=key_mask[:, :seen], cache=cache))
    assert_close(torch.cat(outs, dim=1), full, atol=1e-12, rtol=0)


def test_the_cache_holds_one_vector_a_token():
    attn = layer()
    cache = attn.new_cache(B, I)
    assert isinstance(cache, LatentCache)
    assert cache.cache_bytes == 8 * B * I * (C + R)
    with torch.no_grad():
        attn(tensor(B, 3, M), cache=cache)
    assert cache.keys.shape == (B, 1, 3, C + R)
    assert cache.values.shape == (B, 1, 3, C)
    assert cache.values.data_ptr() == cache.keys.data_ptr()


@torch.no_grad()
def test_from_a_cache_no_key_is_made():
    attn, x, made = layer(), tensor(B, I, M), []
    attn.up.register_forward_hook(lambda module, inputs, out: made.append(out.shape[1]))
    cache = attn.new_cache(B, I)
    for piece in x.split([4, 1, 2], dim=1):
        attn(piece, is_causal=True, cache=cache)
    assert made == [4]  # the tokens read at once


def test_recorded_either_way_the_weights_are_the_same():
    attn, x = layer(), tensor(B, I, M)
    with torch.no_grad(), record_attention(attn) as maps:
        attn(x, is_causal=True)
        whole = maps["attention"]
        cache = attn.new_cache(B, I)
        attn(x[:, :4], is_causal=True, cache=cache)
        attn(x[:, 4:], is_causal=True, cache=cache)
    assert_close(maps["attention"], whole[:, :, 4:], atol=1e-12, rtol=0)
    assert whole.shape == (B, H, I, I)


def test_scores_depend_on_how_far_apart_positions_lie():
    attn, x = layer(), tensor(1, 1, M).expand(1, I, M)  # one token again and again
    with record_attention(attn) as maps:
        attn(x)
    scores = maps["attention"][0].log()  # each row less a number of its own
    for lag in range(-3, 4):
        rows = slice(max(0, -lag), I - max(0, lag))
        along = scores.diagonal(lag, -2, -1) - scores.diagonal(0, -2, -1)[:, rows]
        assert_close(along, along[:, :1].expand_as(along), atol=1e-10, rtol=0)
        assert lag == 0 or along.abs().min() > 1e-3


def test_in_a_block_and_drawn_anew():
    attn = LatentAttention(M, H, head_dim=D, latent_dim=C, rotary=Rotary(R))
    block = EncoderBlock(M, H, 29, norm_first=True, norm=nn.RMSNorm, attention=attn)
    assert block(torch.zeros(B, I, M), is_causal=True).shape == (B, I, M)
    for parameter in attn.parameters():
        nn.init.constant_(parameter, torch.nan)
    attn.reset_parameters()
    assert all(parameter.isfinite().all() for parameter in attn.parameters())
    assert 0.9 * (6 / (C + H * D)) ** 0.5 < attn.up.weight.abs().max() <= (6 / (C + H * D)) ** 0.5
    assert "latent_dim=14, rotary_dim=6" in repr(attn)


def test_trouble_is_named():
    with pytest.raises(ValueError, match=r"latent_dim \(0\) must be at least 1"):
        LatentAttention(M, H, latent_dim=0)
    x = tensor(B, I, M)
    with pytest.raises(ValueError, match="context must be None: latent attention is self-attention"):
        layer()(x, x)
    with pytest.raises(ValueError, match=r"x must have shape \(b, i, 33\)"):
        layer()(x[..., 1:])
    with pytest.raises(ValueError, match=r"k must be \(2, 1, i ≥ 1, 19\), got \(2, 1, 7, 20\)"), torch.no_grad():
        layer()(x, cache=LatentCache(B, I, C, R - 1, dtype=torch.float64))
