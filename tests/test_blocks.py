"""Blocks against torch's own, values and gradients; what they hand to attention; decoding with caches."""

import itertools
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from mha.blocks import DecoderBlock, EncoderBlock, FeedForward, GatedFeedForward
from mha.heads import MultiHeadAttention
from mha.masks import causal_mask, padding_mask
from mha.positions import Rotary, alibi_bias

B, H, I, J, D, FF = 2, 3, 5, 7, 11, 29  # noqa: E741
M = H * D
NAMES = {  # torch's name of a module -> ours, encoder and decoder
    "encoder": {"self_attn": "attn", "norm1": "attn_norm", "norm2": "ffn_norm"},
    "decoder": {
        "self_attn": "self_attn",
        "multihead_attn": "cross_attn",
        "norm1": "self_norm",
        "norm2": "cross_norm",
        "norm3": "ffn_norm",
    },
}


def tensor(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def ours(kind, theirs_name):
    """Where a parameter of torch's layer lies in our block."""
    for theirs, name in NAMES[kind].items():
        theirs_name = (
            theirs_name.replace(f"{theirs}.", f"{name}.", 1) if theirs_name.startswith(theirs) else theirs_name
        )
    parts = {"in_proj_weight": "qkv.weight", "in_proj_bias": "qkv.bias", "out_proj.": "out."}
    parts |= {"linear1.": "ffn.up.", "linear2.": "ffn.down."}
    for theirs, name in parts.items():
        theirs_name = theirs_name.replace(theirs, name)
    return theirs_name


def pair(kind, norm_first, activation, dtype=torch.float64):
    """torch's layer and our block with the same, random, parameters."""
    torch_layer = {"encoder": nn.TransformerEncoderLayer, "decoder": nn.TransformerDecoderLayer}[kind]
    theirs = torch_layer(M, H, FF, 0.0, activation, 1e-3, batch_first=True, norm_first=norm_first, dtype=dtype)
    block = {"encoder": EncoderBlock, "decoder": DecoderBlock}[kind]
    mine = block(M, H, FF, norm_first=norm_first, activation=activation, norm=partial(nn.LayerNorm, eps=1e-3)).to(dtype)
    with torch.no_grad():
        for seed, (name, parameter) in enumerate(theirs.named_parameters()):
            parameter.copy_(tensor(*parameter.shape, seed=seed, dtype=dtype) / 4 + (name[-8:] == "1.weight"))
            mine.get_parameter(ours(kind, name)).copy_(parameter)
    assert len(list(mine.parameters())) == len(list(theirs.parameters()))
    return theirs, mine


def assert_same(kind, theirs, mine, expected, got, inputs):
    """Values, and the gradients of every parameter and input, weighed so that no two entries count alike."""
    assert_close(got, expected, rtol=0, atol=1e-10)
    cotangent = tensor(*got.shape, seed=99)
    for_theirs = torch.autograd.grad(expected, [*theirs.parameters(), *inputs], cotangent)
    mine_parameters = [mine.get_parameter(ours(kind, name)) for name, _ in theirs.named_parameters()]
    for a, b in zip(torch.autograd.grad(got, [*mine_parameters, *inputs], cotangent), for_theirs, strict=True):
        assert_close(a, b, rtol=0, atol=1e-10)


options = pytest.mark.parametrize(
    ("norm_first", "activation"), list(itertools.product([False, True], ["relu", "gelu"]))
)


@options
@pytest.mark.parametrize("masked", ["nothing", "padding", "causal", "both"])
def test_encoder_block_is_torchs(norm_first, activation, masked):
    theirs, mine = pair("encoder", norm_first, activation)
    x = tensor(B, I, M, seed=100).requires_grad_()
    key_mask = padding_mask(torch.tensor([I, 3])) if masked in ("padding", "both") else None
    is_causal = masked in ("causal", "both")
    expected = theirs(
        x,
        src_mask=~causal_mask(I) if is_causal else None,
        src_key_padding_mask=None if key_mask is None else ~key_mask,
    )
    assert_same("encoder", theirs, mine, expected, mine(x, key_mask=key_mask, is_causal=is_causal), [x])


@options
@pytest.mark.parametrize("masked", [False, True])
def test_decoder_block_is_torchs(norm_first, activation, masked):
    theirs, mine = pair("decoder", norm_first, activation)
    x, memory = tensor(B, I, M, seed=100).requires_grad_(), tensor(B, J, M, seed=101).requires_grad_()
    key_mask = padding_mask(torch.tensor([3, I])) if masked else None
    memory_key_mask = padding_mask(torch.tensor([J, 2])) if masked else None
    expected = theirs(
        x,
        memory,
        tgt_mask=~causal_mask(I),
        tgt_key_padding_mask=None if key_mask is None else ~key_mask,
        memory_key_padding_mask=None if memory_key_mask is None else ~memory_key_mask,
    )
    got = mine(x, memory, key_mask=key_mask, memory_key_mask=memory_key_mask)
    assert_same("decoder", theirs, mine, expected, got, [x, memory])


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("gelu", F.gelu),
        ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("relu", torch.relu),
        ("silu", lambda x: x * x.sigmoid()),
    ],
)
def test_feed_forward_is_its_formula(activation, function):
    ffn = FeedForward(M, FF, activation=activation).double()
    x = tensor(B, I, M)
    expected = function(x @ ffn.up.weight.T + ffn.up.bias) @ ffn.down.weight.T + ffn.down.bias
    assert_close(ffn(x), expected, rtol=0, atol=1e-12)
    assert activation in repr(ffn)


@pytest.mark.parametrize("bias", [True, False])
def test_gated_feed_forward_is_its_formula(bias):
    ffn = GatedFeedForward(M, FF, bias=bias).double()
    x = tensor(B, I, M)
    b_gate, b_up, b_down = (layer.bias if bias else 0.0 for layer in (ffn.gate, ffn.up, ffn.down))
    gated = x @ ffn.gate.weight.T + b_gate
    want = (gated * gated.sigmoid() * (x @ ffn.up.weight.T + b_up)) @ ffn.down.weight.T + b_down
    assert_close(ffn(x), want, rtol=0, atol=1e-12)
    assert "silu" in repr(ffn)
    ffn.dropout = Nothing()
    assert torch.equal(ffn(x), torch.zeros_like(x) + b_down)


def test_blocks_take_the_feed_forward_net_they_are_given():
    x, memory = tensor(B, I, M), tensor(B, J, M, seed=1)
    for kind, inputs in ((EncoderBlock, (x,)), (DecoderBlock, (x, memory))):
        ffn = GatedFeedForward(M, FF)
        block = kind(M, H, FF, norm_first=True, norm=nn.RMSNorm, ffn=ffn).double()
        assert block.ffn is ffn
        out = block(*inputs)
        ffn.down.bias.data += 1
        assert_close(block(*inputs), out + 1, rtol=0, atol=1e-12)


def test_feed_forward_without_bias():
    ffn = FeedForward(M, FF, bias=False)
    assert [name for name, _ in ffn.named_parameters()] == ["up.weight", "down.weight"]
    assert not ffn(torch.zeros(I, M)).any()


def test_blocks_hand_mask_and_bias_to_attention():
    block = EncoderBlock(M, H, FF).double()
    x = tensor(B, I, M)
    attn_mask, attn_bias = tensor(I, I, seed=1) > -0.5, alibi_bias(H, I, dtype=torch.float64)
    stream = block.attn_norm(x + block.attn(x, attn_mask=attn_mask, attn_bias=attn_bias))
    expected = block.ffn_norm(stream + block.ffn(stream))
    assert torch.equal(block(x, attn_mask=attn_mask, attn_bias=attn_bias), expected)
    block = DecoderBlock(M, H, FF, norm_first=True).double()
    memory = tensor(B, J, M, seed=2)
    stream = x + block.self_attn(block.self_norm(x), attn_mask=attn_mask, attn_bias=attn_bias, is_causal=True)
    stream = stream + block.cross_attn(block.cross_norm(stream), memory)
    expected = stream + block.ffn(block.ffn_norm(stream))
    assert torch.equal(block(x, memory, attn_mask=attn_mask, attn_bias=attn_bias), expected)


@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_block_with_a_cache_is_the_block_at_once(norm_first):
    attention = MultiHeadAttention(6 * D * 2, 6, n_kv_heads=2, rotary=Rotary(2 * D))
    block = EncoderBlock(6 * D * 2, 6, FF, norm_first=norm_first, attention=attention).double()
    x = tensor(B, J, 6 * D * 2)
    with torch.no_grad():
        whole = block(x, is_causal=True)
        cache = block.attn.new_cache(B, J)
        pieces = [block(x[:, a:b], is_causal=True, cache=cache) for a, b in ((0, 3), (3, 4), (4, J))]
    assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_block_with_caches_is_the_block_at_once(norm_first):
    block = DecoderBlock(M, H, FF, norm_first=norm_first).double()
    x, memory = tensor(B, I, M), tensor(B, J, M, seed=1)
    memory_key_mask = padding_mask(torch.tensor([J, 3]))
    with torch.no_grad():
        whole = block(x, memory, memory_key_mask=memory_key_mask)
        caches = {"cache": block.self_attn.new_cache(B, I), "memory_cache": block.cross_attn.new_cache(B, J)}
        pieces = [
            block(x[:, a:b], memory, memory_key_mask=memory_key_mask, **caches) for a, b in ((0, 2), (2, 3), (3, I))
        ]
    assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-12)
    assert (caches["cache"].length, caches["memory_cache"].length) == (I, J)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_the_future_does_not_reach_the_past(kind, norm_first):
    x, memory = tensor(B, I, M).requires_grad_(), tensor(B, J, M, seed=1)
    block = (EncoderBlock if kind == "encoder" else DecoderBlock)(M, H, FF, norm_first=norm_first).double()
    out = block(x, is_causal=True) if kind == "encoder" else block(x, memory)
    (gradient,) = torch.autograd.grad(out[:, 2].square().sum() + out[:, 2, 0].sum(), x)
    assert not gradient[:, 3:].any()
    assert gradient[:, :3].abs().amax(-1).min() > 0


class Nothing(nn.Module):
    """A dropout that drops all."""

    def forward(self, x):
        return torch.zeros_like(x)


def test_dropout_falls_on_activations_and_on_what_each_sublayer_adds():
    x, memory = tensor(B, I, M), tensor(B, J, M, seed=1)
    ffn = FeedForward(M, FF).double()
    ffn.dropout = Nothing()
    assert torch.equal(ffn(x), ffn.down.bias.expand_as(x))
    for norm_first in (False, True):
        encoder, decoder = (kind(M, H, FF, norm_first=norm_first).double() for kind in (EncoderBlock, DecoderBlock))
        encoder.dropout = decoder.dropout = Nothing()
        norms = [] if norm_first else [encoder.attn_norm, encoder.ffn_norm]
        assert torch.equal(encoder(x), nn.Sequential(*norms)(x))
        norms = [] if norm_first else [decoder.self_norm, decoder.cross_norm, decoder.ffn_norm]
        assert torch.equal(decoder(x, memory), nn.Sequential(*norms)(x))


class Halve(nn.Module):
    """A dropout that leaves half of everything."""

    def forward(self, x):
        return x / 2


@pytest.mark.parametrize("norm_first", [False, True])
def test_dropout_falls_behind_the_sublayer_and_before_the_sum(norm_first):
    x = tensor(B, I, M)
    block = EncoderBlock(M, H, FF, norm_first=norm_first).double()
    with torch.no_grad():
        for seed, parameter in enumerate(block.parameters()):
            parameter.copy_(tensor(*parameter.shape, seed=seed) / 4)
    block.dropout = block.ffn.dropout = Halve()
    attn, norm, norm_2, ffn = block.attn, block.attn_norm, block.ffn_norm, block.ffn

    def feed(x):
        return ffn.down(F.gelu(ffn.up(x)) / 2)

    if norm_first:
        stream = x + attn(norm(x)) / 2
        want = stream + feed(norm_2(stream)) / 2
    else:
        stream = norm(x + attn(x) / 2)
        want = norm_2(stream + feed(stream) / 2)
    assert_close(block(x), want, atol=1e-12, rtol=0)


def test_every_part_gets_its_dropout_and_uses_it_only_in_training():
    encoder, decoder = EncoderBlock(M, H, FF, dropout=0.3), DecoderBlock(M, H, FF, dropout=0.3)
    assert (encoder.attn.dropout, encoder.ffn.dropout.p, encoder.dropout.p) == (0.3,) * 3
    found = decoder.self_attn.dropout, decoder.cross_attn.dropout, decoder.ffn.dropout.p, decoder.dropout.p
    assert found == (0.3,) * 4
    x = tensor(B, I, M, dtype=torch.float32)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeedForward(0, FF), r"d_model \(0\) must be at least 1"),
        (lambda: FeedForward(M, 0), r"d_ff \(0\) must be at least 1"),
        (lambda: FeedForward(M, FF, activation="sine"), r"one of 'gelu', 'gelu_tanh', 'relu', 'silu', got 'sine'"),
        (lambda: FeedForward(M, FF, dropout=1.0), r"dropout \(1.0\) must be at least 0 and below 1"),
        (lambda: EncoderBlock(10, 3, FF), r"d_model \(10\) must be divisible by n_heads \(3\)"),
        (lambda: EncoderBlock(M, H, FF, dropout=-0.1), r"dropout \(-0.1\) must be at least 0 and below 1"),
        (
            lambda: EncoderBlock(M, H, FF, attention=MultiHeadAttention(12, 2)),
            r"attention must have d_model \(33\) and n_heads \(3\), got 12 and 2",
        ),
        (lambda: DecoderBlock(M, H, FF, attention=MultiHeadAttention(M, 1)), r"n_heads \(3\), got 33 and 1"),
        (
            lambda: EncoderBlock(M, H, FF, ffn=GatedFeedForward(M, 28)),
            r"ffn must have d_model \(33\) and d_ff \(29\), got 33 and 28",
        ),
        (lambda: DecoderBlock(M, H, FF, ffn=FeedForward(32, FF)), r"and d_ff \(29\), got 32 and 29"),
    ],
)
def test_options_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(B, I, M + 1), r"x must have shape \(.*, i, 33\).*, got \(2, 5, 34\)"),
        (torch.zeros(M), r"x must have shape \(.*, i, 33\).*, got \(33,\)"),
        (torch.zeros(B, I, M, dtype=torch.float64), r"x must be torch.float32 as the layer is, got torch.float64"),
        (torch.zeros(B, I, M, device="meta"), r"x must be on cpu as the layer is, got meta"),
    ],
)
def test_streams_that_do_not_fit_are_refused(norm_first, x, message):
    memory = torch.zeros(B, J, M)
    for call in (
        lambda: EncoderBlock(M, H, FF, norm_first=norm_first)(x),
        lambda: DecoderBlock(M, H, FF, norm_first=norm_first)(x, memory),
        lambda: FeedForward(M, FF)(x),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match=r"memory must have shape \(b, i, 33\)"):
        DecoderBlock(M, H, FF, norm_first=norm_first)(memory, torch.zeros(B, J, M + 1))


def memory_cases():
    x, memory, real = tensor(B, I, M), tensor(B, J, M, seed=1), torch.ones(B, J) > 0
    yield None, {}, TypeError, r"memory must be a tensor, got None \(NoneType\)"
    yield memory.float(), {}, ValueError, r"memory must be torch.float64 as the layer is, got torch.float32"
    yield memory[:1], {}, ValueError, r"x and memory must agree in batch, got 2 and 1"
    yield memory[:, :0], {}, ValueError, r"memory must have shape \(b, i, 33\), none empty"
    yield memory, {"memory_key_mask": real.double()}, TypeError, r"memory_key_mask must be bool"
    yield (
        memory,
        {"memory_key_mask": real[:, 1:]},
        ValueError,
        r"memory_key_mask must have shape \(2, 7\), got \(2, 6\)",
    )
    yield memory, {"memory_cache": [x, x]}, TypeError, r"memory_cache must be a KVCache, got list"
    cache = MultiHeadAttention(M, H).double().new_cache(B, J)
    with torch.no_grad():
        cache.append(*tensor(2, B, H, 3, D))
    yield memory, {"memory_cache": cache}, ValueError, r"memory_cache holds 3 keys, memory has 7: not the same"


@pytest.mark.parametrize(("memory", "options", "error", "message"), list(memory_cases()))
def test_a_memory_that_does_not_fit_is_refused_under_its_name(memory, options, error, message):
    with pytest.raises(error, match=message):
        DecoderBlock(M, H, FF).double()(tensor(B, I, M), memory, **options)


def test_blocks_under_autocast_are_near_those_without():
    x, memory = tensor(B, I, M, dtype=torch.float32), tensor(B, J, M, seed=1, dtype=torch.float32)
    torch.manual_seed(0)
    for block, inputs in (
        (EncoderBlock(M, H, FF, norm_first=True), (x,)),
        (DecoderBlock(M, H, FF), (x, memory)),
        (FeedForward(M, FF), (x,)),
    ):
        want = block(*inputs)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = block(*inputs)
            with pytest.raises(ValueError, match=r"x must be torch.float32 .*, got torch.float64"):
                block(x.double(), *inputs[1:])
        assert 0 < (out - want).abs().max() < 0.03 * want.abs().max()  # bfloat16 keeps 8 bits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        block(x.bfloat16())  # what a linear map under autocast hands on
