"""Layers under what PyTorch does to modules: compiled, exported, on meta, transformed, quantized, pruned, adapted."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parametrize, prune
from torch.testing import assert_close

from mha.blocks import DecoderBlock, EncoderBlock, GatedFeedForward
from mha.heads import MultiHeadAttention
from mha.latent import LatentAttention
from mha.masks import padding_mask
from mha.patterns import Sink, SlidingWindow
from mha.positions import Rotary

B, H, I, J, D = 2, 3, 5, 7, 4  # noqa: E741
M = H * D


def tensor(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Case:
    """A layer, what it is called with, and the options that stay as they are."""

    def __init__(self, make, *inputs, **options):
        self.make, self.inputs, self.options = make, inputs, options

    def layer(self):
        torch.manual_seed(0)
        return Called(self.make(), self.options).eval()


class Called(nn.Module):
    """A layer together with its options, since exporting and transforming want positional tensors only."""

    def __init__(self, layer, options):
        super().__init__()
        self.layer, self.options = layer, options

    def forward(self, *inputs):
        return self.layer(*inputs, **self.options)


x, memory, real = tensor(B, I, M), tensor(B, J, M, seed=1), padding_mask(torch.tensor([J, 3]))
CASES = {
    "self": Case(lambda: MultiHeadAttention(M, H), x),
    "causal": Case(lambda: MultiHeadAttention(M, H), x, is_causal=True),
    "cross": Case(lambda: MultiHeadAttention(M, H, n_kv_heads=1), x, memory),
    "rotary": Case(lambda: MultiHeadAttention(M, H, rotary=Rotary(D)), x, is_causal=True),
    "patterns": Case(
        lambda: MultiHeadAttention(M, H, qk_norm=nn.RMSNorm, patterns=[SlidingWindow(3), Sink(H)]), x, is_causal=True
    ),
    "latent": Case(lambda: LatentAttention(M, H, latent_dim=13, rotary=Rotary(D)), x, is_causal=True),
    "gated": Case(lambda: EncoderBlock(M, H, 29, norm_first=True, ffn=GatedFeedForward(M, 29)), x),
    "halves": Case(lambda: MultiHeadAttention(M, H, rotary=Rotary(D, pairing="halves")), x),
    "encoder": Case(lambda: EncoderBlock(M, H, 29, norm_first=True), x),
    "decoder": Case(lambda: DecoderBlock(M, H, 29), x, memory),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@cases
def test_compiles_as_one_graph(case):
    torch.compiler.reset()
    layer = case.layer()
    want = layer(*case.inputs)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert_close(compiled(*case.inputs), want)
    with torch.no_grad():
        assert_close(compiled(*case.inputs), want)
        one = [x[:1, :1] for x in case.inputs]  # the shortcut for a single row
        assert_close(compiled(*one), layer(*one))


@cases
def test_exports_with_an_open_length(case):
    layer = case.layer()
    want = layer(*case.inputs)
    lengths = [{1: torch.export.Dim(name, min=2, max=99)} for name in ("queries", "keys")[: len(case.inputs)]]
    traced = [torch.cat([x, x], dim=1) for x in case.inputs]
    program = torch.export.export(layer, tuple(traced), dynamic_shapes=(tuple(lengths),))
    assert_close(program.module()(*case.inputs), want)
    assert torch.equal(layer(*case.inputs), want)


@cases
def test_has_shapes_on_meta(case):
    layer = case.layer()
    with torch.device("meta"):
        bare = case.make()
    want = layer(*case.inputs)
    out = bare(*(x.to("meta") for x in case.inputs), **case.options)
    assert (out.shape, out.dtype, out.is_meta) == (want.shape, want.dtype, True)
    assert torch.equal(layer(*case.inputs), want)


@cases
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch runs its kernel once a sample
def test_gradients_per_sample_are_those_of_one_sample_at_a_time(case):
    layer = case.layer()
    weights = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(weights, *sample):
        return functional_call(layer, weights, tuple(x[None] for x in sample)).square().sum()

    got = vmap(grad(loss), in_dims=(None, *(0 for _ in case.inputs)))(weights, *case.inputs)
    for sample in range(B):
        want = grad(loss)(weights, *(x[sample] for x in case.inputs))
        for name, gradient in want.items():
            assert_close(got[name][sample], gradient, atol=1e-4, rtol=1e-4)


@cases
def test_under_autocast_values_and_gradients_are_near(case):
    layer = case.layer()

    def run():
        layer.zero_grad()
        out = layer(*case.inputs)
        out.float().square().mean().backward()
        return out.detach().float(), torch.cat([p.grad.flatten() for p in layer.parameters()])

    want = run()
    with torch.autocast("cpu", torch.bfloat16):
        got = run()
    for mixed, exact in zip(got, want, strict=True):
        assert 0 < (mixed - exact).norm() < 0.03 * exact.norm()  # bfloat16 keeps 8 bits


@pytest.mark.parametrize("made_under_autocast", [False, True])
@pytest.mark.parametrize("n_kv_heads", [H, 1])
@torch.no_grad()
def test_under_autocast_cached_equals_full(made_under_autocast, n_kv_heads):
    torch.manual_seed(0)
    block = EncoderBlock(M, H, 29, attention=MultiHeadAttention(M, H, n_kv_heads=n_kv_heads, rotary=Rotary(D))).eval()
    cache = None if made_under_autocast else block.attn.new_cache(B, I)
    with torch.autocast("cpu", torch.bfloat16):
        full = block(x, is_causal=True)
        cache = cache or block.attn.new_cache(B, I)
        pieces = [block(piece, is_causal=True, cache=cache) for piece in x.split([2, 1, 2], dim=1)]
    assert cache.keys.dtype == (torch.bfloat16 if made_under_autocast else torch.float32)
    assert (torch.cat(pieces, dim=1) - full).norm() < 0.01 * full.norm()
    if made_under_autocast:
        with pytest.raises(ValueError, match=r"k must be torch.bfloat16 .* as the cache is, got torch.float32"):
            cache.truncate(2) or block(x[:, :1], cache=cache)


def test_dynamic_quantization_reaches_every_linear_map():
    block = DecoderBlock(M, H, 29).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch will move this elsewhere
        small = torch.ao.quantization.quantize_dynamic(block, {nn.Linear}, dtype=torch.qint8)
    assert sum(isinstance(module, nn.Linear) for module in block.modules()) == 6
    assert not any(isinstance(module, nn.Linear) for module in small.modules())
    want = block(x, memory)
    with torch.no_grad():
        out = small(x, memory)
        cache = small.self_attn.new_cache(B, I)
        pieces = [small(x[:, :3], memory, cache=cache), small(x[:, 3:], memory, cache=cache)]
    assert 0 < (out - want).norm() < 0.1 * want.norm()
    assert (torch.cat(pieces, dim=1) - want).norm() < 0.1 * want.norm()


class LowRank(nn.Module):
    """An adapter: it stands in the place of a layer and adds a map of rank 2 to it."""

    def __init__(self, layer):
        super().__init__()
        self.base = layer
        self.down = nn.Linear(layer.in_features, 2, bias=False)
        self.up = nn.Linear(2, layer.out_features, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


class Twice(nn.Module):
    def forward(self, weight):
        return 2 * weight


def adapt(attn):
    attn.qkv, attn.out = LowRank(attn.qkv), LowRank(attn.out)


def parametrized(attn):
    for layer in (attn.qkv, attn.out):
        parametrize.register_parametrization(layer, "weight", Twice())


def hook(attn):
    for layer in (attn.qkv, attn.out):
        layer.register_forward_hook(lambda _, __, out: 2 * out)


def pruned(attn):
    for layer in (attn.qkv, attn.out):
        prune.l1_unstructured(layer, "weight", 0.5)


def folded(attn):
    """A plain layer that computes what the changed one does: its outputs for the unit vectors and for 0."""
    plain = MultiHeadAttention(M, H, rotary=attn.rotary)
    with torch.no_grad():
        for name in ("qkv", "out"):
            ours, theirs = plain.get_submodule(name), attn.get_submodule(name)
            ours.bias.copy_(theirs(torch.zeros(1, M))[0])
            ours.weight.copy_((theirs(torch.eye(M)) - ours.bias).T)
    return plain


@pytest.mark.parametrize("change", [adapt, parametrized, hook, pruned])
@pytest.mark.parametrize("inputs", [(x,), (x, memory), (x[:1, :1], memory[:1])], ids=["self", "cross", "one row"])
def test_what_changes_a_projection_changes_the_layer(change, inputs):
    torch.manual_seed(0)
    attn = MultiHeadAttention(M, H)
    before = copy.deepcopy(attn)
    change(attn)
    want = folded(attn)(*inputs)
    assert not torch.allclose(want, before(*inputs), atol=1e-3)
    assert_close(attn(*inputs), want)
    with torch.no_grad():
        assert_close(attn(*inputs), want)
        cache = attn.new_cache(len(inputs[0]), J)
        if len(inputs) == 2:
            attn(*inputs, cache=cache)
            assert_close(attn(*inputs, cache=cache), want)  # the cache filled: queries alone are made
    optimizer = torch.optim.SGD([p for p in attn.parameters() if p.requires_grad], 0.1)
    for _ in range(2):  # a pruned weight is made anew in each step
        optimizer.zero_grad()
        attn(*inputs).square().sum().backward()
        optimizer.step()


@cases
def test_after_to_empty_every_weight_can_be_drawn(case):
    with torch.device("meta"):
        layer = case.make()
    layer.to_empty(device="cpu")
    with torch.no_grad():
        for p in layer.parameters():
            p.fill_(torch.nan)
    for module in layer.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    assert all(p.isfinite().all() for p in layer.parameters())
