"""Llama: equal to transformers' Llama, Qwen3 and Mistral, values, gradients and caches; blind to what lies too far."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close
from transformers import LlamaConfig as TheirConfig
from transformers import LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers.models.llama import modeling_llama
from transformers.models.mistral import modeling_mistral
from transformers.models.qwen3 import modeling_qwen3

from mha.blocks import EncoderBlock
from mha.checkpoint import load_weights
from mha.generate import generate
from mha.models.causal_lm import CausalLM
from mha.models.llama import Llama, LlamaConfig
from mha.positions import LearnedPositions
from mha.recording import record_attention
from tests.parity import assert_same_gradients, randomised, with_weights_of

V, M, LAYERS, H, G, D, FF, MAX, WINDOW = 29, 24, 3, 6, 2, 10, 31, 19, 4  # theirs wants H to divide M
B, LENGTH = 3, 13
KEY_MASK = torch.arange(LENGTH) < torch.tensor([[13], [7], [2]])


@dataclass
class Kin:
    """A model of transformers, its parts that compute in float32 whatever comes in, and its sizes here."""

    model: Any
    config: Any
    code: Any
    options: dict[str, Any]
    mine: LlamaConfig

    def theirs(self, dtype, monkeypatch):
        sizes = {
            "vocab_size": V, "hidden_size": M, "num_hidden_layers": LAYERS, "num_attention_heads": H, "head_dim": D,
            "num_key_value_heads": G, "intermediate_size": FF, "max_position_embeddings": MAX, "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}, "attn_implementation": "sdpa",
        }  # fmt: skip
        if dtype == torch.float64:
            name = self.model.__name__.removesuffix("ForCausalLM")
            monkeypatch.setattr(getattr(self.code, f"{name}RMSNorm"), "forward", norm_in_its_own_dtype)
            monkeypatch.setattr(getattr(self.code, f"{name}RotaryEmbedding"), "forward", angles_in_its_own_dtype)
        return randomised(self.model(self.config(**sizes | self.options)), dtype=dtype)


def norm_in_its_own_dtype(self, x):
    return F.rms_norm(x, x.shape[-1:], self.weight, self.variance_epsilon)


def angles_in_its_own_dtype(self, x, position_ids):
    rates = 100.0 ** -(torch.arange(0, D, 2, dtype=x.dtype) / D)
    angles = position_ids[..., None] * torch.cat([rates, rates])
    return angles.cos(), angles.sin()


def sizes(**options):
    given = {"n_kv_heads": G, "head_dim": D, "d_ff": FF, "max_len": MAX, "rotary_base": 100.0, "norm_eps": 1e-3}
    return LlamaConfig(V, M, LAYERS, H, **given | options)


KIN = {
    "llama": Kin(LlamaForCausalLM, TheirConfig, modeling_llama, {"tie_word_embeddings": False}, sizes()),
    "qwen3": Kin(
        Qwen3ForCausalLM, Qwen3Config, modeling_qwen3, {"tie_word_embeddings": True}, sizes(qk_norm=True, tied=True)
    ),
    "mistral": Kin(
        MistralForCausalLM, MistralConfig, modeling_mistral, {"sliding_window": WINDOW}, sizes(window=WINDOW)
    ),
}


@pytest.fixture(params=[(torch.float32, 3e-5), (torch.float64, 1e-10)], ids=["float32", "float64"])
def tolerance(request):
    return request.param


@pytest.fixture(params=KIN)
def pair(request, tolerance, monkeypatch):
    """Mine, theirs with the same random weights, and how near they must come."""
    dtype, atol = tolerance
    kin = KIN[request.param]
    theirs = kin.theirs(dtype, monkeypatch)
    return with_weights_of(theirs, Llama(kin.mine)), theirs, atol


def token_ids(seed=0):
    return torch.randint(V, (B, LENGTH), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("padded", [False, True])
def test_values_and_gradients_equal_transformers(pair, padded):
    mine, theirs, atol = pair
    real = KEY_MASK if padded else torch.ones(B, LENGTH, dtype=torch.bool)
    got = mine(token_ids(), key_mask=KEY_MASK if padded else None)[real]
    want = theirs(token_ids(), attention_mask=real.long()).logits[real]
    assert_close(got, want, atol=atol, rtol=atol)
    targets = token_ids(seed=1)[real]
    for logits in (got, want):
        F.cross_entropy(logits, targets).backward()
    assert_same_gradients(theirs, mine, atol)


@torch.no_grad()
def test_in_pieces_with_caches_equals_transformers(pair):
    mine, theirs, atol = pair
    caches, past = mine.new_caches(B, MAX), None
    for piece in token_ids().split([5, 1, 3, 1, 3], dim=1):
        output = theirs(piece, past_key_values=past, use_cache=True)
        past = output.past_key_values
        assert_close(mine(piece, caches=caches), output.logits, atol=atol, rtol=atol)
    assert caches.length == LENGTH


@torch.no_grad()
@pytest.mark.parametrize("name", KIN)
@pytest.mark.parametrize("pieces", [[1] * LENGTH, [LENGTH], [2, 9, 2]])
def test_cached_equals_full_with_padding_in_front(name, pieces):
    model = Llama(KIN[name].mine).double().eval()
    key_mask = torch.arange(LENGTH) >= torch.tensor([[0], [1], [8]])
    full, caches, seen, got = model(token_ids(), key_mask=key_mask), model.new_caches(B, LENGTH), 0, []
    for piece in token_ids().split(pieces, dim=1):
        seen += piece.shape[1]
        got.append(model(piece, key_mask=key_mask[:, :seen], caches=caches))
    assert_close(torch.cat(got, dim=1)[key_mask], full[key_mask], atol=1e-12, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("name", KIN)
def test_generated_with_caches_as_without(name):
    model = Llama(KIN[name].mine).double().eval()
    written = generate(model, token_ids()[:, :3], 11)
    again = token_ids()[:, :3]
    for _ in range(11):
        again = torch.cat([again, model(again)[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(written, again)


def test_a_window_reaches_so_far_a_layer_and_no_further():
    model = Llama(sizes(window=WINDOW)).double().eval()
    states = model.tokens(token_ids()).detach().requires_grad_()
    model.tokens.register_forward_hook(lambda module, inputs, out: states)
    model(token_ids())[:, LENGTH - 1].sum().backward()
    reached = states.grad.abs().amax((0, 2)) > 0
    assert reached.tolist() == [n >= LENGTH - 1 - LAYERS * (WINDOW - 1) for n in range(LENGTH)]
    model.zero_grad()
    states.grad = None
    model(token_ids())[:, 5].sum().backward()
    assert not states.grad[:, 6:].any()


@torch.no_grad()
def test_a_window_keeps_a_small_cache_and_narrow_maps():
    model = Llama(sizes(window=WINDOW)).eval()
    numbers = LAYERS * 2 * B * G * (WINDOW - 1) * D
    assert model.new_caches(B, MAX).cache_bytes == 4 * numbers
    assert model.new_caches(B, 3).cache_bytes == 4 * numbers  # then a plain one, of as many tokens
    with record_attention(model) as maps:
        model(token_ids())
    lags = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
    assert torch.equal(maps.stack() > 0, ((lags >= 0) & (lags < WINDOW)).expand(LAYERS, B, H, -1, -1))


def test_defaults_are_those_of_transformers():
    theirs, mine = TheirConfig(), LlamaConfig()
    assert (mine.vocab_size, mine.d_model, mine.n_layers, mine.n_heads, mine.d_ff, mine.max_len, mine.norm_eps) == (
        theirs.vocab_size, theirs.hidden_size, theirs.num_hidden_layers, theirs.num_attention_heads,
        theirs.intermediate_size, theirs.max_position_embeddings, theirs.rms_norm_eps,
    )  # fmt: skip
    assert (mine.width_of_heads, mine.tied) == (theirs.head_dim, theirs.tie_word_embeddings)
    assert mine.rotary_base == theirs.rope_parameters["rope_theta"]


def test_fresh_weights_have_gpt2s_widths_and_norms_are_ones():
    torch.manual_seed(0)
    model = Llama(LlamaConfig(101, 128, 8, 4, n_kv_heads=2, d_ff=512, max_len=53, qk_norm=True))
    block = model.layers()[3]
    for weight, width in [
        (model.tokens.weight, 0.02), (model.unembed.weight, 0.02), (block.attn.qkv.weight, 0.02),
        (block.ffn.up.weight, 0.02), (block.ffn.gate.weight, 0.02), (block.attn.out.weight, 0.005),
        (block.ffn.down.weight, 0.005),
    ]:  # fmt: skip
        assert_close(weight.std().item(), width, rtol=0.05, atol=0)
    norms = [module for module in model.modules() if isinstance(module, nn.RMSNorm)]
    assert len(norms) == 8 * 4 + 1
    assert all((norm.weight == 1).all() for norm in norms)
    assert [name for name, _ in model.named_parameters() if "bias" in name] == []


def test_a_causal_lm_is_what_its_blocks_are():
    blocks = [EncoderBlock(M, 2, FF, norm_first=True) for _ in range(LAYERS)]
    model = CausalLM(V, blocks, norm=nn.LayerNorm(M), positions=LearnedPositions(M, MAX)).double().eval()
    x = model.positions(model.tokens(token_ids()))
    for block in blocks:
        x = block(x, is_causal=True)
    assert torch.equal(model(token_ids()), model.norm(x) @ model.tokens.weight.T)
    assert model.max_len == MAX
    bare = CausalLM(V, blocks).double()
    assert bare.max_len is None
    assert torch.equal(bare.last_hidden_state(token_ids()), blocks[2](blocks[1](blocks[0](bare.tokens(token_ids()),
                       is_causal=True), is_causal=True), is_causal=True))  # fmt: skip


def test_trouble_is_named():
    with pytest.raises(ValueError, match=r"blocks must be at least one, all of one d_model, got widths \[\]"):
        CausalLM(V, [])
    with pytest.raises(ValueError, match=r"got widths \[22, 33\]"):
        CausalLM(V, [EncoderBlock(22, 2, FF), EncoderBlock(33, 3, FF)])
    model = Llama(sizes(tied=True))
    with pytest.raises(ValueError, match=r"token_ids must end within max_len \(19\) tokens, got 20"):
        model(torch.zeros(1, MAX + 1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"caches must be one a block \(3\), got 2"):
        model(token_ids(), caches=model.new_caches(B, MAX)[:2])
    other = {"lm_head.weight": torch.ones(V, M)}
    with pytest.raises(ValueError, match=r"there twice, and not equal: \['model.embed_tokens.weight and lm_head"):
        load_weights(model, {name: t.clone() for name, t in model.checkpoint_views().items()} | other)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_layers": 0}, ValueError, r"n_layers \(0\) must be at least 1"),
        ({"d_ff": 2.0}, TypeError, r"d_ff must be an integer, got 2.0"),
        ({"window": 0}, ValueError, r"window \(0\) must be at least 1"),
        ({"tied": 1}, TypeError, r"tied must be True or False, got 1"),
        ({"qk_norm": None}, TypeError, r"qk_norm must be True or False, got None"),
        ({"norm_eps": 0.0}, ValueError, r"norm_eps \(0.0\) must be above 0"),
        ({"d_model": 10, "n_heads": 3}, ValueError, r"d_model \(10\) must be divisible by n_heads \(3\)"),
        ({"n_heads": 6, "d_model": 36, "n_kv_heads": 4}, ValueError, r"n_heads \(6\) must be divisible by n_kv_heads"),
        ({"head_dim": 7}, ValueError, r"head_dim \(7\) must be even"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        LlamaConfig(**options)
