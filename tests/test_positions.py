"""Positions: against the oracle and the models that use them, and the laws that make them positions."""

import copy
import io
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing import assert_close
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.t5.configuration_t5 import T5Config
from transformers.models.t5.modeling_t5 import T5Attention

from mha import reference
from mha.attention import attention
from mha.positions import (
    LearnedPositions,
    RelativeBias,
    Rotary,
    SinusoidalPositions,
    alibi_bias,
    alibi_slopes,
    relative_buckets,
    sinusoidal_positions,
)
from tools.perturbation import LastPlace

B, H, I, J, D, M = 2, 3, 5, 7, 22, 26  # noqa: E741  # D and M are even: channels come in pairs
PAIRINGS = ("interleaved", "halves")
pairings = pytest.mark.parametrize("pairing", PAIRINGS)


def tensor(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def rotated_in_loops(x, pairing, offset=0, base=10000.0):
    """Each pair by its angle, one after another; x is (i, d)."""
    length, dim = x.shape
    out = x.clone()
    for p in range(length):
        for c in range(dim // 2):
            a, b = (2 * c, 2 * c + 1) if pairing == "interleaved" else (c, c + dim // 2)
            angle = (p + offset) / base ** (2 * c / dim)
            out[p, a] = x[p, a] * math.cos(angle) - x[p, b] * math.sin(angle)
            out[p, b] = x[p, a] * math.sin(angle) + x[p, b] * math.cos(angle)
    return out


# Added to the embeddings


@pytest.mark.parametrize("base", [10000.0, 100.0])
def test_sinusoidal_positions_are_the_oracles(base):
    expected = torch.from_numpy(reference.sinusoidal_positions(J, M, base))
    assert_close(sinusoidal_positions(J, M, base=base, dtype=torch.float64), expected, rtol=0, atol=1e-15)
    assert torch.equal(sinusoidal_positions(J, M, base=base), expected.float())
    assert torch.equal(sinusoidal_positions(J, M), sinusoidal_positions(J, M, base=10000.0))
    assert sinusoidal_positions(J, M, device="meta").device.type == "meta"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_sinusoidal_module_adds_from_the_offset(dtype):
    x = tensor(B, I, M, dtype=dtype)
    table = torch.from_numpy(reference.sinusoidal_positions(I + 6, M)).to(dtype)
    module = SinusoidalPositions(M, I + 6)
    assert_close(module(x), x + table[:I], rtol=0, atol=1e-15)
    assert_close(module(x, 6), x + table[6:], rtol=0, atol=1e-15)
    assert_close(SinusoidalPositions(M, I, base=50.0)(x), x + sinusoidal_positions(I, M, base=50.0, dtype=dtype))
    assert not module.state_dict()


def test_learned_module_adds_its_vectors_from_the_offset():
    module = LearnedPositions(M, 11).double()
    x = tensor(B, I, M).requires_grad_()
    assert torch.equal(module(x), x + module.weight[:I])
    assert torch.equal(module(x, 6), x + module.weight[6:])
    module(x, 3).sum().backward()
    touched = torch.zeros(11, M, dtype=torch.float64)
    touched[3 : 3 + I] = B
    assert torch.equal(module.weight.grad, touched)
    assert torch.equal(x.grad, torch.ones_like(x))


@pytest.mark.parametrize("make", [lambda: SinusoidalPositions(M, 6), lambda: LearnedPositions(M, 6)])
def test_embeddings_that_do_not_fit_are_refused(make):
    module = make()
    for offset in (2, -1):
        message = rf"offset \({offset}\) must be at least 0, and offset \+ 5 tokens at most max_len \(6\)"
        with pytest.raises(ValueError, match=message):
            module(torch.zeros(B, I, M), offset)
    with pytest.raises(ValueError, match=rf"x must have shape \(..., i, d_model = {M}\).* got \(2, 5, 27\)"):
        module(torch.zeros(B, I, M + 1))
    with pytest.raises(ValueError, match=r"no axis empty, got \(2, 0, 26\)"):
        module(torch.zeros(B, 0, M))
    with pytest.raises(TypeError, match=r"x must be float, got torch.int64"):
        module(torch.zeros(B, I, M, dtype=torch.int64))


def test_learned_vectors_of_another_dtype_or_device_are_refused():
    with pytest.raises(ValueError, match=r"x must be torch.float32 on cpu, got torch.float64 on cpu"):
        LearnedPositions(M, 6)(torch.zeros(B, I, M, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"x must be torch.float32 on cpu, got torch.float32 on meta"):
        LearnedPositions(M, 6)(torch.zeros(B, I, M, device="meta"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sinusoidal_positions(3.0, 6), r"length must be an integer, got 3.0"),
        (lambda: Rotary(8.0), r"head_dim must be an integer, got 8.0"),
        (lambda: Rotary(8)(torch.ones(3, 8), offset=1.0), r"offset must be an integer, got 1.0"),
        (lambda: Rotary(8)(torch.ones(3, 8), offset=True), r"offset must be an integer, got True"),
        (lambda: LearnedPositions(6, 5)(torch.ones(3, 6), offset=torch.tensor(1)), r"offset must be an integer, got"),
        (lambda: SinusoidalPositions(6, 5)([1.0] * 6), r"x must be a tensor, got \[1.0"),
        (lambda: LearnedPositions(6, 5.0), r"max_len must be an integer, got 5.0"),
        (lambda: RelativeBias(True), r"n_heads must be an integer, got True"),
        (lambda: RelativeBias(3, n_buckets=32.0), r"n_buckets must be an integer, got 32.0"),
        (lambda: RelativeBias(3, max_distance=128.0), r"max_distance must be an integer, got 128.0"),
        (lambda: RelativeBias(3)(5.0), r"n_queries must be an integer, got 5.0"),
        (lambda: alibi_slopes(8.0), r"n_heads must be an integer, got 8.0"),
        (lambda: alibi_bias(8, 3, 5.0), r"n_keys must be an integer, got 5.0"),
        (lambda: relative_buckets([1, 2]), r"lags must be a tensor, got \[1, 2\]"),
    ],
)
def test_what_is_no_integer_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize("make", [lambda: LearnedPositions(M, J), lambda: RelativeBias(H)])
def test_parameters_can_be_drawn_anew(make):
    torch.manual_seed(0)
    module = make()
    drawn = module.weight.clone()
    with torch.no_grad():
        module.weight.fill_(torch.nan)
    torch.manual_seed(0)
    module.reset_parameters()
    assert torch.equal(module.weight, drawn)


class Exported(torch.nn.Module):
    """Rotary and added positions in one, as a model has them."""

    def __init__(self, pairing):
        super().__init__()
        self.rotary, self.added = Rotary(D, pairing=pairing), SinusoidalPositions(D, 99)

    def forward(self, x):
        return self.rotary(x) + self.added(x)


def traced_by_export(module, x):
    torch.export.export(module, (x,))


def traced_by_make_fx(module, x):
    make_fx(module, tracing_mode="fake")(x)


def run_on_fakes(module, x):
    with FakeTensorMode() as mode:
        assert module(mode.from_tensor(x)).shape == x.shape


def differentiated(module, x):
    torch.func.grad(lambda x: module(x).sum())(x)
    torch.func.jvp(module, (x,), (x,))


def per_sample(module, x):
    torch.func.vmap(torch.func.grad(lambda x: module(x).sum()))(x)


def functionalized(module, x):
    torch.func.functionalize(module)(x)


def compiled(module, x):
    torch.compile(module, backend="eager", fullgraph=True)(x)


def on_meta(module, x):
    assert module(x.to("meta")).is_meta


TRACERS = [
    traced_by_export, traced_by_make_fx, run_on_fakes, differentiated, per_sample, functionalized, compiled, on_meta,
]  # fmt: skip


@pairings
@pytest.mark.parametrize("trace", TRACERS)
@pytest.mark.parametrize("called_before", [False, True])
def test_tracing_leaves_the_tables_as_they_are(pairing, trace, called_before):
    module, x = Exported(pairing), tensor(B, J, D)
    added = x + torch.from_numpy(reference.sinusoidal_positions(J, D))
    want = torch.stack([rotated_in_loops(row, pairing) for row in x]) + added
    if called_before:
        module(x)
    trace(module, x)
    for table in (module.rotary._table, module.added._table):
        for kept in table._kept.values():
            kept.untyped_storage()  # which a wrapper left by a function transform has not
    out = module(x)
    assert type(out) is torch.Tensor
    assert_close(out, want, rtol=0, atol=1e-12)


@pairings
def test_what_is_exported_computes_the_same(pairing):
    module, x = Exported(pairing), tensor(B, J, D)
    length = torch.export.Dim("length", min=2, max=99)
    program = torch.export.export(module, (tensor(B, 4, D),), dynamic_shapes=({1: length},))
    assert_close(program.module()(x), module(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sinusoidal_positions(0, M), r"length \(0\) must be positive"),
        (lambda: sinusoidal_positions(3, 7), r"d_model \(7\) positive and even"),
        (lambda: sinusoidal_positions(3, 6, base=1.0), r"base \(1.0\) must be above 1"),
        (lambda: SinusoidalPositions(7, 3), r"d_model \(7\) positive and even"),
        (lambda: SinusoidalPositions(6, 0), r"length \(0\) must be positive"),
        (lambda: LearnedPositions(6, 0), r"max_len \(0\) must be at least 1"),
        (lambda: LearnedPositions(0, 6), r"d_model \(0\) must be at least 1"),
        (lambda: Rotary(7), r"head_dim \(7\) positive and even"),
        (lambda: Rotary(0), r"head_dim \(0\) positive and even"),
        (lambda: Rotary(8, base=float("nan")), r"base \(nan\) must be above 1"),
        (lambda: Rotary(8, base=0.5), r"base \(0.5\) must be above 1"),
        (lambda: Rotary(8, pairing="thirds"), r"pairing must be one of 'interleaved', 'halves', got 'thirds'"),
        (lambda: RelativeBias(0), r"n_heads \(0\) must be at least 1"),
        (lambda: RelativeBias(3, n_buckets=7), r"n_buckets \(7\) must be even and at least 4"),
        (lambda: RelativeBias(3, n_buckets=2), r"n_buckets \(2\) must be even and at least 4"),
        (lambda: RelativeBias(3, n_buckets=1, bidirectional=False), r"n_buckets \(1\) must be at least 2"),
        (lambda: RelativeBias(3, n_buckets=32, max_distance=8), r"max_distance \(8\) must be above 8"),
        (lambda: RelativeBias(3)(5, 3), r"n_queries \(5\) must be at least 1 and at most n_keys \(3\)"),
        (lambda: RelativeBias(3)(0), r"n_queries \(0\) must be at least 1"),
        (lambda: alibi_slopes(0), r"n_heads \(0\) must be at least 1"),
        (lambda: alibi_bias(3, 5, 4), r"n_queries \(5\) must be at least 1 and at most n_keys \(4\)"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Rotary


@pairings
@pytest.mark.parametrize("base", [10000.0, 100.0])
def test_rotary_in_loops(pairing, base):
    x = tensor(B, H, I, D)
    expected = torch.stack(
        [torch.stack([rotated_in_loops(x[b, h], pairing, 4, base) for h in range(H)]) for b in (0, 1)]
    )
    assert_close(Rotary(D, base, pairing=pairing)(x, offset=4), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_rotary_in_halves_is_llamas(dtype):
    config = LlamaConfig(hidden_size=D * H, num_attention_heads=H, head_dim=D, rope_theta=10000.0)
    q, k = tensor(B, H, I, D, dtype=dtype), tensor(B, H, I, D, dtype=dtype, seed=1)
    cos, sin = LlamaRotaryEmbedding(config)(q, torch.arange(3, 3 + I).expand(B, I))  # made in float32
    rotary = Rotary(D, pairing="halves")
    for got, expected in zip((rotary(q, 3), rotary(k, 3)), apply_rotary_pos_emb(q, k, cos, sin), strict=True):
        assert_close(got, expected.to(dtype), rtol=0, atol=4e-6)


def test_the_pairings_differ_in_the_order_of_channels_only():
    x = tensor(B, H, I, D)
    order = torch.cat([torch.arange(0, D, 2), torch.arange(1, D, 2)])
    halves = Rotary(D, pairing="halves")(x[..., order], offset=4)
    assert_close(halves, Rotary(D)(x, offset=4)[..., order], rtol=0, atol=1e-14)


@pairings
@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 5000))
def test_rotary_scores_depend_on_the_distance_only(pairing, i, j, shift):
    rotary = ROTARY[pairing]
    q, k = tensor(1, D, seed=1), tensor(1, D, seed=2)
    score = rotary(q, i) @ rotary(k, j).T
    moved = rotary(q, i + shift) @ rotary(k, j + shift).T
    assert_close(moved, score, rtol=0, atol=1e-10)


ROTARY = {pairing: Rotary(D, pairing=pairing) for pairing in PAIRINGS}


@pairings
def test_rotary_scores_do_depend_on_the_distance(pairing):
    q, k = tensor(1, D, seed=1), tensor(1, D, seed=2)
    scores = torch.stack([ROTARY[pairing](q, i) @ ROTARY[pairing](k, 0).T for i in range(J)])
    assert scores.flatten().unique().numel() == J


@pairings
def test_rotary_turns_without_stretching(pairing):
    x = tensor(B, H, I, D)
    rotary = ROTARY[pairing]
    assert_close(rotary(x, 9).norm(dim=-1), x.norm(dim=-1), rtol=1e-13, atol=0)
    assert torch.equal(rotary(x)[:, :, 0], x[:, :, 0])  # position 0 stays as it is


@pairings
def test_rotary_piece_by_piece_is_rotary_at_once(pairing):
    x = tensor(B, H, J, D)
    rotary = Rotary(D, pairing=pairing)
    pieces = [rotary(x[:, :, a:b], offset=a) for a, b in ((0, 2), (2, 3), (3, J))]
    assert_close(torch.cat(pieces, dim=2), rotary(x), rtol=0, atol=1e-14)


@pairings
def test_rotary_gradient(pairing):
    rotary = Rotary(6, pairing=pairing)
    x = tensor(2, 3, 5, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rotary(x, 4), x)
    split = tensor(2, 5, 3 * 6).requires_grad_()  # heads cut out of a projection, at an odd place too
    assert torch.autograd.gradcheck(lambda y: rotary(y[..., 1:7], 4), split)
    assert torch.autograd.gradgradcheck(lambda x: rotary(x, 4), x)


@pairings
@pytest.mark.parametrize("view", ["transposed", "odd offset", "odd stride", "expanded", "reversed axes"])
def test_rotary_of_a_view_is_rotary_of_its_copy(pairing, view):
    x = {
        "transposed": lambda: tensor(B, I, H, D).transpose(1, 2),
        "odd offset": lambda: tensor(B, H, I, D + 2)[..., 1:-1],
        "odd stride": lambda: tensor(B, H, I, D + 1)[..., :-1],
        "expanded": lambda: tensor(B, 1, I, D).expand(B, H, I, D),
        "reversed axes": lambda: tensor(D, I, H, B).permute(3, 2, 1, 0),
    }[view]()
    before = x.clone()
    rotary = Rotary(D, pairing=pairing)
    assert_close(rotary(x), rotary(x.contiguous()), rtol=0, atol=1e-14)
    assert torch.equal(x, before)


@pairings
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rotary_in_half_precision_is_rounded_once(pairing, dtype):
    x = tensor(B, H, I, D, dtype=dtype)
    exact = Rotary(D, pairing=pairing)(x.double(), offset=4000)
    got = Rotary(D, pairing=pairing)(x, offset=4000)
    assert got.dtype == dtype
    error = (got.double() - exact).abs()
    assert (error <= exact.abs() * torch.finfo(dtype).eps / 2 + 1e-6).all()  # half a unit in the last place


@pairings
def test_rotary_far_out_is_exact(pairing):
    x = tensor(1, 1, 3, D)
    expected = rotated_in_loops(x[0, 0], pairing, 100_000)[None, None]
    assert_close(Rotary(D, pairing=pairing)(x, offset=100_000), expected, rtol=0, atol=1e-10)
    single = Rotary(D, pairing=pairing)(x.float(), offset=100_000)
    assert_close(single.double(), expected, rtol=0, atol=1e-6)


@pairings
def test_casting_the_module_does_not_round_its_tables(pairing):
    x = tensor(B, H, I, D)
    expected = Rotary(D, pairing=pairing)(x, 50)
    rotary = Rotary(D, pairing=pairing).bfloat16()
    rotary(x.bfloat16(), 50)
    assert torch.equal(rotary.double()(x, 50), expected)
    assert not rotary.state_dict()


@pairings
def test_tables_are_made_once_and_grown_on_demand(pairing):
    rotary = Rotary(D, pairing=pairing)
    made = []
    make = rotary._table._make
    rotary._table._make = lambda length: made.append(length) or make(length)
    x = tensor(1, 1, 1, D)
    for position in range(70):
        rotary(x, position)
    assert made == [1, 2, 4, 8, 16, 32, 64, 128]


@pairings
def test_tables_made_during_inference_serve_training(pairing):
    rotary = Rotary(D, pairing=pairing)
    x = tensor(B, H, I, D)
    with torch.inference_mode():
        expected = rotary(x)
    x.requires_grad_()
    rotary(x).sum().backward()
    assert_close(rotary(x).detach(), expected.clone(), rtol=0, atol=0)
    assert x.grad is not None


@pairings
def test_rotary_under_function_transforms(pairing):
    x = tensor(B, H, I, D)
    rotary, other = Rotary(D, pairing=pairing), Rotary(D, pairing=pairing)
    expected = torch.autograd.grad((other(x.requires_grad_()) ** 3).sum(), x)[0]
    x = x.detach()
    for _ in range(2):
        assert_close(torch.func.grad(lambda x: (rotary(x) ** 3).sum())(x), expected)
    assert torch.equal(torch.func.vmap(rotary)(x[None])[0], other(x))
    assert torch.equal(copy.deepcopy(rotary)(x), other(x))


@pairings
def test_rotary_survives_saving_and_compiling(pairing):
    x = tensor(B, H, I, D)
    rotary = Rotary(D, pairing=pairing)
    expected = rotary(x, 2)
    file = io.BytesIO()
    torch.save(rotary, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(loaded(x, 2), expected)
    assert torch.equal(torch.compile(rotary, backend="eager", fullgraph=True)(x, 2), expected)


def test_rotary_refuses_what_it_cannot_turn():
    rotary = Rotary(D)
    with pytest.raises(ValueError, match=r"x must have shape \(..., i, head_dim = 22\).* got \(2, 3, 5, 24\)"):
        rotary(torch.zeros(B, H, I, D + 2))
    with pytest.raises(ValueError, match=r"got \(22,\)"):
        rotary(torch.zeros(D))
    with pytest.raises(ValueError, match=r"offset \(-1\) must be at least 0"):
        rotary(torch.zeros(B, H, I, D), offset=-1)
    with pytest.raises(TypeError, match=r"x must be float, got torch.int64"):
        rotary(torch.zeros(B, H, I, D, dtype=torch.int64))


# T5's relative bias


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("n_buckets", "max_distance"), [(32, 128), (8, 20), (6, 1000), (64, 33), (4, 5)])
def test_buckets_are_t5s(n_buckets, max_distance, bidirectional):
    lags = torch.arange(-1500, 1501)
    got = relative_buckets(lags, n_buckets=n_buckets, max_distance=max_distance, bidirectional=bidirectional)
    expected = T5Attention._relative_position_bucket(-lags, bidirectional, n_buckets, max_distance)
    assert torch.equal(got, expected)
    assert got.dtype == torch.int64
    assert set(got.tolist()) <= set(range(n_buckets))


@pytest.mark.parametrize("seed", range(1, 6))
def test_buckets_are_the_same_on_every_processor(seed):
    lags = torch.arange(-300, 301)
    expected = [relative_buckets(lags, bidirectional=both_ways) for both_ways in (True, False)]
    with LastPlace(seed):
        shaken = [relative_buckets(lags, bidirectional=both_ways) for both_ways in (True, False)]
    assert torch.equal(torch.stack(shaken), torch.stack(expected))


@pytest.mark.parametrize("bidirectional", [True, False])
def test_relative_bias_is_t5s(bidirectional):
    config = T5Config(d_model=H * D, d_kv=D, num_heads=H, is_decoder=not bidirectional)
    theirs = T5Attention(config, has_relative_attention_bias=True, layer_idx=0)
    ours = RelativeBias(H, bidirectional=bidirectional)
    with torch.no_grad():
        ours.weight.copy_(theirs.relative_attention_bias.weight)
    length, grad = 211, tensor(H, 211, 211, dtype=torch.float32)
    expected = theirs.compute_bias(length, length)[0]
    assert torch.equal(ours(length), expected)
    ours(length).backward(grad)
    expected.backward(grad)
    assert_close(ours.weight.grad, theirs.relative_attention_bias.weight.grad, rtol=1e-4, atol=1e-3)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 40))
def test_relative_bias_with_a_cache_is_the_end_of_the_whole(n_queries, cached):
    bias = RelativeBias(H, n_buckets=8, max_distance=20)
    whole = bias(n_queries + cached)
    assert whole.shape == (H, n_queries + cached, n_queries + cached)
    assert torch.equal(bias(n_queries, n_queries + cached), whole[:, cached:])


def test_relative_buckets_refuse_floats():
    with pytest.raises(TypeError, match=r"lags must be integers, got torch.float32"):
        relative_buckets(torch.zeros(3))


# ALiBi


@pytest.mark.parametrize("n_heads", [1, 2, 3, 5, 6, 7, 8, 12, 16, 17, 31, 112])
def test_alibi_is_blooms(n_heads):
    expected = build_alibi_tensor(torch.ones(1, J), n_heads, torch.float64)[:, 0]  # slope times key position
    slopes = alibi_slopes(n_heads, dtype=torch.float64)
    assert_close(slopes[:, None] * torch.arange(J), expected, rtol=1e-6, atol=0)  # Bloom computes in float32
    q, k, v = (tensor(1, n_heads, J, D, seed=s) for s in (1, 2, 3))
    bias = alibi_bias(n_heads, J, dtype=torch.float64)
    ours, _ = attention(q, k, v, attn_bias=bias, is_causal=True)
    theirs, _ = attention(q, k, v, attn_bias=expected[:, None], is_causal=True)
    assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_alibi_slopes_of_the_paper():
    assert alibi_slopes(8).tolist() == [2.0**-n for n in range(1, 9)]
    assert alibi_slopes(12)[8:].tolist() == pytest.approx([2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5])
    assert alibi_slopes(3, dtype=torch.bfloat16).dtype == torch.bfloat16


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 7), st.integers(0, 7))
def test_alibi_bias_in_loops(n_heads, n_queries, cached):
    bias = alibi_bias(n_heads, n_queries, n_queries + cached, dtype=torch.float64)
    slopes = alibi_slopes(n_heads, dtype=torch.float64).tolist()
    expected = [
        [[-slope * abs(cached + i - j) for j in range(n_queries + cached)] for i in range(n_queries)]
        for slope in slopes
    ]
    assert torch.equal(bias, torch.tensor(expected, dtype=torch.float64))


def test_alibi_lives_where_it_is_asked_to():
    assert alibi_bias(H, I, J).shape == (H, I, J)
    assert alibi_bias(H, I).dtype == torch.float32
    assert alibi_bias(H, I, device="meta", dtype=torch.float16).device.type == "meta"


def test_rotary_takes_what_begins_at_an_odd_place_in_memory():
    x = torch.randn(1 + 2 * 6, generator=torch.Generator().manual_seed(0))[1:].view(2, 6)
    want = Rotary(6)(x.clone())
    assert torch.equal(Rotary(6)(x), want)
    compiled = torch.compile(Rotary(6), backend="eager", fullgraph=True)
    assert_close(compiled(x), want)
