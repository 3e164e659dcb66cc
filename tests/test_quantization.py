"""Layers and models with integer matrices: what they compute, what is refused, files, copies, threads."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.testing import assert_close

from mha.checkpoint import load_weights
from mha.compress.integer_layers import QuantizedEmbedding, QuantizedLinear, Scheme
from mha.compress.quantization import load_quantized, matrix_bytes, quantized, save_quantized
from mha.compress.sharing import share_blocks
from mha.generate import generate
from mha.models.bert import Encoder, EncoderConfig
from mha.models.gpt import GPT, GPTConfig

SCHEMES = [
    Scheme(),
    Scheme(per="tensor"),
    Scheme(activations="int8"),
    Scheme(per="tensor", activations="int8"),
    Scheme(bits=4, per=4),
    Scheme(bits=4),
]
ids = pytest.mark.parametrize("scheme", SCHEMES, ids=str)
CONFIG = EncoderConfig(vocab_size=29, d_model=20, n_layers=3, n_heads=5, d_ff=28, max_len=17)
TOKENS = torch.tensor([[3, 1, 4, 1, 5, 9, 2], [6, 5, 3, 5, 8, 9, 7]])


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Encoder(CONFIG).eval()


def by_hand(x, layer, scheme):
    """The definition in float64, an output at a time."""
    w, x = layer.weight.detach().double(), x.double()
    top = 127 if scheme.bits == 8 else 7
    size = w.shape[1] if isinstance(scheme.per, str) else scheme.per
    groups = w.reshape(w.shape[0], -1, size)
    step = groups.abs().amax(2, keepdim=True) / top
    if scheme.per == "tensor":
        step = w.abs().max().reshape(1, 1, 1) / top
    w = (step * (groups / step).round()).reshape(w.shape)
    if scheme.activations == "int8":
        step = x.abs().amax(-1, keepdim=True) / 127
        x = step * (x / step).round()
    out = torch.stack([(x * row).sum(-1) for row in w], -1)
    return out if layer.bias is None else out + layer.bias.detach().double()


@ids
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 12), (3, 12), (2, 23, 12), (0, 12)])
def test_a_linear_map_is_the_product_of_what_is_rounded(scheme, shape, bias):
    torch.manual_seed(1)
    layer, x = nn.Linear(12, 7, bias=bias), torch.randn(shape)
    with torch.no_grad():
        out = QuantizedLinear.of(layer, scheme)(x)
    assert (out.shape, out.dtype) == ((*shape[:-1], 7), torch.float32)
    assert_close(out, by_hand(x, layer, scheme).float(), atol=1e-5, rtol=1e-5)
    assert out.is_contiguous()


@ids
def test_an_embedding_gives_its_rounded_rows(scheme):
    torch.manual_seed(1)
    table = nn.Embedding(9, 8)
    made = QuantizedEmbedding.of(table, scheme)
    at = torch.tensor([[0, 8, 8]])
    assert_close(made(at), made.weight[at])
    step = float(table.weight.detach().abs().max()) / (127 if scheme.bits == 8 else 7)
    assert_close(made.weight, table.weight.detach(), atol=0.501 * step, rtol=0)


@ids
def test_a_model_computes_with_rounded_matrices_and_stays_as_it_was(encoder, scheme):
    before = copy.deepcopy(encoder.state_dict())
    small = quantized(encoder, scheme)
    assert sum(isinstance(module, QuantizedLinear) for module in small.modules()) == 12
    assert sum(isinstance(module, QuantizedEmbedding) for module in small.modules()) == 3
    assert_close(encoder.state_dict(), before, atol=0, rtol=0)
    rounded = copy.deepcopy(encoder)  # a float model with the numbers that the integers stand for
    for name, module in small.named_modules():
        if hasattr(module, "scheme"):
            rounded.get_submodule(name).weight.data = module.weight.clone()
    with torch.no_grad():
        out, expected, exact = (model(TOKENS) for model in (small, rounded, encoder))
    near = 1e-5 if scheme.activations == "float" else 0.1
    assert_close(out, expected, atol=near, rtol=0)
    assert float((out - exact).abs().max()) > 1e-4  # it does round


def test_bytes_are_counted_by_what_they_hold(encoder):
    n = sum(p.numel() for p in encoder.parameters() if p.dim() == 2)
    other = sum(p.numel() for p in encoder.parameters() if p.dim() < 2)
    rows = sum(p.shape[0] for p in encoder.parameters() if p.dim() == 2)
    assert matrix_bytes(encoder) == {"integers": 0, "scales": 0, "float": 4 * (n + other)}
    assert matrix_bytes(quantized(encoder)) == {"integers": n, "scales": 4 * rows, "float": 4 * other}
    four = matrix_bytes(quantized(encoder, Scheme(bits=4, per=4)))
    assert four == {"integers": n // 2, "scales": 4 * n // 4, "float": 4 * other}


@ids
def test_saved_and_loaded_into_an_untrained_model(encoder, scheme, tmp_path):
    small = quantized(encoder, scheme, keep=["embeddings.segments"])
    save_quantized(small, tmp_path / "small.safetensors")
    back = load_quantized(Encoder(CONFIG), tmp_path / "small.safetensors")
    assert_close(back.state_dict(), small.state_dict(), atol=0, rtol=0)
    assert type(back.embeddings.segments) is nn.Embedding
    with torch.no_grad():
        assert_close(back.eval()(TOKENS), small(TOKENS), atol=0, rtol=0)


def test_the_file_is_as_small_as_its_integers(tmp_path):
    layer = nn.Linear(512, 512)
    sizes = []
    for scheme in (Scheme(), Scheme(bits=4, per=64)):
        save_quantized(quantized(layer, scheme), tmp_path / "small.safetensors")
        sizes.append((tmp_path / "small.safetensors").stat().st_size / 512**2)
    assert 1 < sizes[0] < 1.03
    assert 0.5 < sizes[1] < 0.59  # and 4 / 64 for the scales


def test_shared_blocks_stay_shared_also_in_a_file(encoder, tmp_path):
    small = quantized(share_blocks(encoder))
    assert small.blocks[0] is small.blocks[2]
    save_quantized(small, tmp_path / "small.safetensors")
    back = load_quantized(share_blocks(Encoder(CONFIG)), tmp_path / "small.safetensors")
    with torch.no_grad():
        assert_close(back.eval()(TOKENS), small(TOKENS), atol=0, rtol=0)


def test_a_decoder_with_its_embedding_read_twice_generates(monkeypatch):
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(vocab_size=31, d_model=16, n_layers=2, n_heads=2, d_ff=24, max_len=32)).eval()
    small = quantized(gpt, Scheme(activations="int8"), keep=["positions"])
    tokens = generate(small, TOKENS, 9)
    with torch.no_grad():
        logits = small(tokens[:, :-1])
    assert torch.equal(logits.argmax(-1)[:, TOKENS.shape[1] - 1 :], tokens[:, TOKENS.shape[1] :])


def test_weights_let_gradients_pass_and_int8_activations_refuse(encoder):
    layer = nn.Linear(12, 7)
    x = torch.randn(3, 12, requires_grad=True)
    small = QuantizedLinear.of(layer, Scheme())
    (found,) = torch.autograd.grad(small(x).cos().sum(), x)
    (expected,) = torch.autograd.grad(nn.functional.linear(x, small.weight.clone(), layer.bias).cos().sum(), x)
    assert_close(found, expected)
    with pytest.raises(RuntimeError, match="have no gradient"):
        QuantizedLinear.of(layer, Scheme(activations="int8"))(x)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_comes_out_not_finite(bad):
    x = torch.ones(3, 12)
    x[1, 4] = bad
    with torch.no_grad():
        out = QuantizedLinear.of(nn.Linear(12, 7), Scheme(activations="int8"))(x)
    assert out.isfinite().all(1).tolist() == [True, False, True]


@ids
def test_copies_pickles_and_threads_give_the_same(encoder, scheme):
    small = quantized(encoder, scheme)

    def run(model):
        with torch.no_grad():
            return model(TOKENS)

    others = [copy.deepcopy(small), pickle.loads(pickle.dumps(small))]
    with ThreadPoolExecutor(2) as pool:
        for out in pool.map(run, [small, small, *others]):
            assert_close(out, run(small), atol=0, rtol=0)


# ---- what is refused


def test_weights_cannot_be_written_behind_the_integers(encoder):
    small = quantized(encoder)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        small.blocks[0].attn.out.weight.zero_()
    with pytest.raises(ValueError, match="does not fit"):
        load_weights(small, encoder.checkpoint_views())
    with pytest.raises(TypeError, match="cannot be drawn anew"):
        small.blocks[0].ffn.up.reset_parameters()


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Halved(nn.Module):
    def forward(self, x):
        return x / 2


def subclass(model):
    model.blocks[1].ffn.up = Doubled(20, 28)


def parametrized(model):
    parametrize.register_parametrization(model.blocks[1].ffn.up, "weight", Halved())


def pruned(model):
    prune.l1_unstructured(model.blocks[1].ffn.up, "weight", amount=3)


def hooked(model):
    model.blocks[1].ffn.up.register_forward_hook(lambda *_: None)


def tied(model):
    model.blocks[1].ffn.up.weight = model.blocks[0].ffn.up.weight


def read_elsewhere(model):
    model.blocks[1].ffn.up.norm = nn.Module()
    model.blocks[1].ffn.up.norm.again = model.blocks[1].ffn.up.weight


def with_a_part(model):
    model.blocks[1].ffn.up.norm = nn.LayerNorm(3)


def infinite(model):
    model.blocks[1].ffn.up.weight.data[0, 0] = torch.inf


def double(model):
    model.blocks[1].ffn.up.double()


def bare(model):
    model.blocks[1].ffn.up.more = nn.Parameter(torch.ones(2, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (subclass, r"blocks.1.ffn.up.weight: it stands in a Doubled, not in a plain"),
        (parametrized, "parametrizations.weight.original: it stands in a ParametrizationList"),
        (pruned, "blocks.1.ffn.up.weight_orig: its layer carries a hook"),
        (hooked, "blocks.1.ffn.up.weight: its layer carries a hook"),
        (tied, "blocks.0.ffn.up: its weight is read by blocks.1.ffn.up as well"),
        (read_elsewhere, "blocks.1.ffn.up.norm.again: it stands in a Module"),
        (with_a_part, "blocks.1.ffn.up.weight: its layer carries a hook, pruning, a part"),
        (infinite, "blocks.1.ffn.up.weight: it is not finite"),
        (double, "blocks.1.ffn.up.weight: it is torch.float64, expected torch.float32"),
        (bare, "blocks.1.ffn.up.more: it is no weight of its layer"),
    ],
)
def test_a_matrix_is_swapped_or_named(encoder, change, message):
    change(encoder)
    with pytest.raises(ValueError, match=message):
        quantized(encoder)


def test_torchs_own_attention_is_not_passed_by_in_silence():
    with pytest.raises(ValueError, match="in_proj_weight: it stands in a MultiheadAttention") as caught:
        quantized(nn.TransformerEncoderLayer(20, 5, 28))
    assert "out_proj.weight: it stands in a NonDynamicallyQuantizableLinear" in str(caught.value)


def test_what_is_to_be_kept_is_named(encoder):
    encoder.blocks[1].ffn.up = Doubled(20, 28)
    small = quantized(encoder, keep=["blocks.1.ffn.up", "embeddings.*"])
    assert type(small.blocks[1].ffn.up) is Doubled
    assert type(small.embeddings.tokens) is nn.Embedding
    assert type(small.blocks[1].ffn.down) is QuantizedLinear
    for keep, message in ((["blocks.7"], "'blocks.7'"), (["*"], "got none that is not kept")):
        with pytest.raises(ValueError, match=message):
            quantized(encoder, keep=keep)
    with pytest.raises(TypeError, match=r"write \['embeddings'\]"):
        quantized(encoder, keep="embeddings")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scheme(bits=5), "bits must be 4 or 8, got 5"),
        (lambda: Scheme(per="column"), "per must be 'tensor', 'row' or a number"),
        (lambda: Scheme(activations="int4"), "activations must be one of 'float', 'int8'"),
        (lambda: Scheme(bits=4, activations="int8"), "int8 activations need bits 8"),
        (lambda: Scheme(per=4, activations="int8"), "int8 activations need bits 8"),
        (lambda: QuantizedLinear(7, 5, Scheme(bits=4)), "an even number of columns, got 7"),
        (lambda: QuantizedLinear(12, 5, Scheme(per=5)), r"per \(5\) must divide"),
        (lambda: quantized(nn.LayerNorm(4)), "model must hold a matrix to quantize"),
        (lambda: quantized(nn.Embedding(3, 4, max_norm=1.0)), "max_norm"),
        (lambda: QuantizedLinear(12, 5, Scheme())(torch.zeros(2, 11)), r"x must have shape \(..., i, 12\)"),
        (lambda: QuantizedLinear(12, 5, Scheme(), bias=False)(torch.zeros(2, 12).double()), "x must be torch.float32"),
        (lambda: save_quantized(nn.Linear(3, 4), "never.safetensors"), "must hold a quantized layer, got none"),
    ],
)
def test_errors_name_what_was_given(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_file_of_another_kind_is_refused(encoder, tmp_path):
    path = tmp_path / "small.safetensors"
    with pytest.raises(FileNotFoundError):
        load_quantized(encoder, path)
    save_quantized(quantized(encoder), path)
    with pytest.raises(ValueError, match="model must have the layers"):
        load_quantized(nn.Linear(3, 4), path)
    other = Encoder(EncoderConfig(vocab_size=31, d_model=20, n_layers=3, n_heads=5, d_ff=28, max_len=17))
    with pytest.raises(ValueError, match="not of the architecture"):
        load_quantized(other, path)
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="was not written by save_quantized"):
        load_quantized(encoder, path)
