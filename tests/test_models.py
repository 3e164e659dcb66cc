"""What holds for every model: it can be compiled, exported, transformed and drawn anew, and runs under autocast."""

import warnings

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.testing import assert_close

from mha.generate import beam_search, generate
from mha.models.albert import Albert, AlbertConfig, AlbertMaskedLM
from mha.models.bert import Encoder, EncoderConfig, MaskedLM
from mha.models.gpt import GPT, GPTConfig
from mha.models.llama import Llama, LlamaConfig
from mha.models.relative import RelativeAttention
from mha.models.t5 import T5, T5Config
from mha.models.xlnet import XLNet, XLNetConfig
from mha.positions import LearnedPositions, RelativeBias

V, B, I = 29, 3, 7  # noqa: E741
SIZES = {"vocab_size": V, "d_model": 22, "n_layers": 2, "n_heads": 2, "d_ff": 31}
MAKE = {
    "gpt": lambda: GPT(GPTConfig(**SIZES, max_len=13)),
    "bert": lambda: MaskedLM(EncoderConfig(**SIZES, max_len=13)),
    "albert": lambda: AlbertMaskedLM(AlbertConfig(**SIZES, d_embedding=7, max_len=13)),
    "t5": lambda: T5(T5Config(**SIZES, head_dim=5)),
    "xlnet": lambda: XLNet(XLNetConfig(**SIZES)),
    "llama": lambda: Llama(LlamaConfig(**SIZES, head_dim=6, n_kv_heads=1, max_len=13, qk_norm=True, window=3)),
}
MAKE |= {"gpt_loss": MAKE["gpt"], "xlnet_permuted": MAKE["xlnet"]}


class Call(nn.Module):
    """A model called with the same four tensors as every other."""

    def __init__(self, name):
        super().__init__()
        torch.manual_seed(0)
        self.name, self.model = name, MAKE[name]()

    def forward(self, ids, key_mask, segments, order):
        if self.name == "gpt_loss":
            return self.model.next_token_loss(ids)
        if self.name == "t5":
            return self.model(ids, ids.flip(1), key_mask=key_mask)
        if self.name == "xlnet_permuted":
            predicted = order[:, 4:6]
            return self.model.permuted(ids, order, n_context=3, predicted=predicted, segment_ids=segments)
        segmented = {} if self.name in ("gpt", "llama") else {"segment_ids": segments}
        return self.model(ids, key_mask=key_mask, **segmented)


def inputs():
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(V, (B, I), generator=generator)
    order = torch.rand(B, I, generator=generator).argsort(-1)
    key_mask = torch.arange(I) >= torch.tensor([[0], [2], [4]])  # padding in front
    return ids, key_mask, (torch.arange(I) >= 3).long().expand(B, I), order


@pytest.fixture(params=MAKE)
def call(request):
    return Call(request.param).double().eval()


def test_the_gradient_of_each_sample_by_vmap_is_that_of_the_sample_alone(call):
    parameters = dict(call.named_parameters())

    def loss(parameters, *sample):
        return functional_call(call, parameters, tuple(x[None] for x in sample)).square().mean()

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")  # torch's, of fused attention
        got = vmap(grad(loss), in_dims=(None, 0, 0, 0, 0))(parameters, *inputs())
    for n in range(B):
        call.zero_grad()
        call(*(x[n : n + 1] for x in inputs())).square().mean().backward()
        for name, parameter in parameters.items():
            want = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            assert_close(got[name][n], want, atol=1e-12, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


def test_ids_are_checked_under_vmap_too():
    call = Call("gpt").eval()
    ids, *others = inputs()
    ids[1, 3] = V
    with pytest.raises(ValueError, match=f"token_ids must lie between 0 and {V - 1}, got 1 to {V}"):
        vmap(lambda *sample: call(*(x[None] for x in sample)))(ids, *others)


@torch.no_grad()
def test_compiled_whole_it_gives_the_same(call):
    torch.compiler.reset()
    compiled = torch.compile(call, fullgraph=True, backend="eager")
    assert_close(compiled(*inputs()), call(*inputs()), atol=1e-12, rtol=0)


@torch.no_grad()
def test_exported_it_gives_the_same(call):
    exported = torch.export.export(call, inputs()).module()
    assert_close(exported(*inputs()), call(*inputs()), atol=1e-12, rtol=0)


def test_on_the_meta_device_it_gives_the_shape(call):
    want = call(*inputs()).shape
    assert call.to("meta")(*(x.to("meta") for x in inputs())).shape == want


def test_under_autocast_it_gives_nearly_the_same_and_so_do_its_gradients(call):
    call, gradients = call.float(), []
    want = call(*inputs()).detach()
    for enabled in (False, True):
        call.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            out = call(*inputs())
        out.float().square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in call.parameters() if p.grad is not None]))
    real = inputs()[1] if out.shape[1:2] == (I,) else ...
    assert (out[real].float() - want[real]).norm() < 0.02 * want[real].norm()
    assert (gradients[1] - gradients[0]).norm() < 0.05 * gradients[0].norm()


PARTS = {
    **{name: make for name, make in MAKE.items() if "_" not in name},
    "encoder": lambda: Encoder(EncoderConfig(**SIZES, max_len=13)),
    "albert_encoder": lambda: Albert(AlbertConfig(**SIZES, d_embedding=7, max_len=13)),
    "relative": lambda: RelativeAttention(22, 2),
    "positions": lambda: LearnedPositions(22, 13),
    "bias": lambda: RelativeBias(2),
}


@pytest.mark.parametrize("name", PARTS)
def test_drawn_anew_every_weight_is_as_in_a_fresh_one(name):
    torch.manual_seed(0)
    fresh = PARTS[name]()
    with torch.device("meta"):
        anew = PARTS[name]()
    anew.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in anew.parameters():
            parameter.fill_(torch.nan)
    anew.reset_parameters()
    for (name, got), want in zip(anew.named_parameters(), fresh.parameters(), strict=True):
        assert got.isfinite().all(), name
        spread = want.std().item()
        assert abs(got.mean() - want.mean()) <= 6 * spread / want.numel() ** 0.5, name
        assert abs(got.std() - spread) <= 6 * spread / want.numel() ** 0.5, name
        assert torch.equal(got, want) == (spread == 0), name  # norms and biases are not drawn


@torch.no_grad()
@pytest.mark.parametrize("name", ["gpt", "bert", "albert"])
def test_padding_in_front_or_between_changes_nothing(name):
    model = Call(name).double().eval().model
    ids = inputs()[0]
    want = model(ids)
    for places in ([3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 6, 7, 8, 9], [0, 1, 2, 3, 4, 5, 6]):
        padded = torch.randint(V, (B, 10)).index_copy(1, torch.tensor(places), ids)
        key_mask = torch.zeros(B, 10, dtype=torch.bool).index_fill(1, torch.tensor(places), True)
        assert_close(model(padded, key_mask=key_mask)[:, places], want, atol=1e-12, rtol=0)


@torch.no_grad()
def test_padding_in_front_changes_nothing_step_by_step_with_caches():
    model = Call("gpt").double().eval().model
    ids, key_mask, *_ = inputs()
    caches = model.new_caches(B, I)
    steps = [model(ids[:, n : n + 1], key_mask=key_mask[:, : n + 1], caches=caches) for n in range(I)]
    got = torch.cat(steps, dim=1)
    for n, start in enumerate([0, 2, 4]):
        assert_close(got[n, start:], model(ids[n : n + 1, start:])[0], atol=1e-12, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("name", ["gpt", "t5", "llama"])
def test_under_autocast_a_cache_changes_nothing_but_the_time(name):
    model = Call(name).eval().model
    with torch.autocast("cpu", torch.bfloat16):
        writer = model if name != "t5" else model.decoder_for(model.encode(inputs()[0]))
        caches, start = writer.new_caches(B, I), inputs()[0]
        got = torch.cat([writer(piece, caches=caches) for piece in start.split([3, 1, 3], dim=1)], dim=1)
        want = writer(start)
        assert (got.float() - want.float()).norm() < 0.02 * want.float().norm()
        assert generate(writer, start[:, :2], 5).shape == (B, 7)
        assert beam_search(writer, start[:1, :2], 5, n_beams=B)[1].dtype == torch.float32


@pytest.mark.parametrize("make", [GPTConfig, EncoderConfig, AlbertConfig, T5Config, XLNetConfig])
def test_sizes_are_integers_and_the_rest_numbers(make):
    for options, error, message in [
        ({"n_layers": 2.0}, TypeError, r"n_layers must be an integer, got 2.0 \(float\)"),
        ({"d_model": "64"}, TypeError, r"d_model must be an integer, got '64' \(str\)"),
        ({"vocab_size": True}, TypeError, "vocab_size must be an integer, got True"),
        ({"d_ff": -1}, ValueError, r"d_ff \(-1\) must be at least 1"),
        ({"dropout": 1.0}, ValueError, r"dropout \(1.0\) must be at least 0 and below 1"),
        ({"dropout": float("nan")}, ValueError, r"dropout \(nan\) must be"),
        ({"dropout": None}, TypeError, "dropout must be a number, got None"),
    ]:
        with pytest.raises(error, match=message):
            make(**options)
    eps = "norm_eps" if make is T5Config else "layer_norm_eps"
    with pytest.raises(ValueError, match=rf"{eps} \(0.0\) must be above 0"):
        make(**{eps: 0.0})
