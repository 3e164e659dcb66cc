"""Removed heads: what is left gives what the whole model gives with those heads' outputs at zero, and is smaller."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.testing import assert_close

from mha.compress.removal import HeadlessAttention, load_smaller, remove_heads, remove_layers, save_smaller
from mha.heads import MultiHeadAttention
from mha.interpret.gating import gate_heads
from mha.models.albert import AlbertConfig, AlbertMaskedLM
from mha.models.bert import Encoder, EncoderConfig
from mha.models.gpt import GPT, GPTConfig
from mha.models.t5 import T5, T5Config
from mha.positions.rotary import Rotary

V, M, H, FF, LENGTH, LAYERS = 29, 21, 3, 31, 7, 4
D = M // H
IDS = torch.randint(V, (2, LENGTH), generator=torch.Generator().manual_seed(1))
MASK = torch.arange(LENGTH) < torch.tensor([[LENGTH], [5]])
SIZES = {"vocab_size": V, "d_model": M, "n_heads": H, "d_ff": FF, "max_len": 13}


def filled(model, seed=0):
    """Every weight drawn, biases too: a bias that is forgotten or kept wrongly shows."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.3
    return model.double().eval()


def encoder(seed=0):
    return filled(Encoder(EncoderConfig(**SIZES, n_layers=LAYERS)), seed)


def shapes(model):
    return [(tuple(b.attn.qkv.weight.shape), tuple(b.attn.out.weight.shape)) for b in model.blocks]


@torch.no_grad()
@pytest.mark.parametrize(
    "gone",
    [[], [(0, 0)], [(3, 2)], [(0, 1), (2, 0), (2, 2)], [(1, head) for head in range(H)], [(n, 1) for n in range(4)]],
)
def test_removed_equals_gated_to_zero(gone):
    model = encoder()
    before = copy.deepcopy(model.state_dict())
    smaller = remove_heads(model, gone)
    with gate_heads(model, dict.fromkeys(gone, 0.0)):
        wanted = model(IDS, key_mask=MASK)
    assert_close(smaller(IDS, key_mask=MASK)[MASK], wanted[MASK], rtol=0, atol=1e-12)
    left = [H - sum(layer == number for layer, _ in gone) for number in range(LAYERS)]
    assert shapes(smaller) == [((3 * n * D, M), (M, n * D)) for n in left]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert {p.data_ptr() for p in smaller.parameters() if p.numel()}.isdisjoint(
        p.data_ptr() for p in model.parameters()
    )


@torch.no_grad()
def test_all_heads_can_go():
    everything = [(layer, head) for layer in range(LAYERS) for head in range(H)]
    model = encoder()
    with gate_heads(model, dict.fromkeys(everything, 0.0)):
        wanted = model(IDS)
    smaller = remove_heads(model, everything)
    assert_close(smaller(IDS), wanted, rtol=0, atol=1e-12)
    assert sum(p.numel() for block in smaller.blocks for p in block.attn.parameters()) == LAYERS * M


@torch.no_grad()
def test_a_head_of_a_shared_layer_goes_from_every_run():
    model = filled(AlbertMaskedLM(AlbertConfig(**SIZES, d_embedding=5, n_layers=5)))
    with gate_heads(model.encoder, {(run, head): 0.0 for run in range(5) for head in (0, 2)}):
        wanted = model.encoder(IDS)
    smaller = remove_heads(model, [(0, 2), (0, 0)])
    assert_close(smaller.encoder(IDS), wanted, rtol=0, atol=1e-12)
    assert smaller.encoder.block.attn.qkv.weight.shape == (3 * D, M)


@torch.no_grad()
def test_groups_keep_their_keys_while_one_of_their_queries_stays():
    layer = filled(MultiHeadAttention(M, 6, n_kv_heads=3, head_dim=4, rotary=Rotary(4), bias=False))
    x = torch.randn(2, LENGTH, M, dtype=torch.float64)
    for gone, kv_left in ([1, 2, 5], 3), ([0, 1], 2), ([0, 1, 2, 5], 2):
        with gate_heads(layer, {(0, head): 0.0 for head in gone}):
            wanted = layer(x)
        smaller = remove_heads(layer, [(0, head) for head in gone])
        assert_close(smaller(x), wanted, rtol=0, atol=1e-12)
        assert (smaller.n_heads, smaller.n_kv_heads) == (6 - len(gone), kv_left)
        assert smaller.qkv.weight.shape == ((6 - len(gone) + 2 * kv_left) * 4, M)
    with pytest.raises(ValueError, match=r"in each group of layer 0 that stays, got \{0: 1, 1: 2"):
        remove_heads(layer, [(0, 0)])


@torch.no_grad()
def test_a_decoder_writes_with_a_cache_as_without():
    model = filled(GPT(GPTConfig(**SIZES, n_layers=2)))
    smaller = remove_heads(model, [(0, 1), (1, 0), (1, 2)])
    caches = smaller.new_caches(2, LENGTH)
    steps = [smaller(IDS[:, i : i + 1], caches=caches) for i in range(LENGTH)]
    assert_close(torch.cat(steps, 1), smaller(IDS), rtol=0, atol=1e-10)


def test_what_is_left_can_be_trained_and_keeps_what_is_frozen():
    model = encoder().train()
    model.blocks[0].attn.qkv.weight.requires_grad_(False)
    smaller = remove_heads(model, [(0, 0), (1, 0), (1, 1), (1, 2)])
    smaller(IDS).sum().backward()
    assert smaller.blocks[0].attn.qkv.weight.grad is None
    assert smaller.blocks[0].attn.out.weight.grad.abs().max() > 0
    assert smaller.blocks[1].attn.out.bias.grad.abs().max() > 0
    assert isinstance(smaller.blocks[1].attn, HeadlessAttention)
    assert all(module.training for module in smaller.modules())


@torch.no_grad()
@pytest.mark.parametrize("gone", [[(0, 1), (2, 0)], [(1, head) for head in range(H)]])
def test_saved_and_loaded_again(tmp_path, gone):
    smaller, path = remove_heads(encoder(), gone), tmp_path / "smaller.safetensors"
    save_smaller(smaller, path, gone)
    loaded = load_smaller(lambda: encoder(seed=1), path)
    assert shapes(loaded) == shapes(smaller)
    assert torch.equal(loaded(IDS, key_mask=MASK), smaller(IDS, key_mask=MASK))
    whole = tmp_path / "whole.safetensors"
    save_smaller(encoder(), whole, [])
    n_weights = len(gone) * (4 * D * M + 3 * D)
    assert abs(whole.stat().st_size - path.stat().st_size - 8 * n_weights) < 200  # the header names shapes
    with pytest.raises(ValueError, match="checkpoint does not fit"):
        load_smaller(lambda: filled(Encoder(EncoderConfig(**SIZES, n_layers=LAYERS + 1))), path)


def test_a_file_without_the_note_is_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="does not say which heads were removed"):
        load_smaller(encoder, path)


@torch.no_grad()
def test_layers_go_whole():
    model = encoder()
    smaller = remove_layers(model, [2, 0])
    x = model.embeddings(IDS)
    for number in (1, 3):
        x = model.blocks[number](x)
    assert_close(smaller(IDS), x, rtol=0, atol=0)
    assert (smaller.config.n_layers, len(smaller.blocks), len(model.blocks)) == (2, 2, 4)


def gated(layer):
    layer.gate = nn.Identity()


def masked(layer):
    prune.l1_unstructured(layer.out, "weight", 0.5)


class Other(nn.Linear):
    pass


def replaced(layer):
    layer.qkv = Other(M, 3 * M)


@pytest.mark.parametrize(
    ("change", "match"),
    [(gated, "without a gate"), (masked, "out of layer 0"), (replaced, "plain nn.Linear, got Other")],
)
def test_a_layer_that_is_not_plain_is_refused(change, match):
    layer = MultiHeadAttention(M, H)
    change(layer)
    with pytest.raises(ValueError, match=match):
        remove_heads(layer, [(0, 0)])


def test_biases_of_all_heads_no_longer_fit():
    model = T5(T5Config(vocab_size=V, d_model=M, n_layers=2, n_heads=H, d_ff=FF)).eval()
    smaller = remove_heads(model, [(0, 0)])
    with pytest.raises(ValueError, match="attn_bias must broadcast"):
        smaller(IDS, IDS)


@pytest.mark.parametrize(
    ("heads", "error", "match"),
    [
        ([3], TypeError, "pair"),
        ([(4, 0)], ValueError, "layer"),
        ([(0, 3)], ValueError, "head"),
        ([(0, 1), (0, 1)], ValueError, r"\(0, 1\) twice"),
    ],
)
def test_heads_that_are_not_there_are_refused(heads, error, match):
    with pytest.raises(error, match=match):
        remove_heads(encoder(), heads)


def test_no_layer_left_is_refused():
    with pytest.raises(ValueError, match="must leave one, got all 4"):
        remove_layers(encoder(), range(4))


def test_a_layer_without_heads_keeps_no_cache():
    layer = HeadlessAttention(M, D)
    cache = MultiHeadAttention(M, H).new_cache(1, 3)
    with pytest.raises(ValueError, match="cache must be None"):
        layer(torch.zeros(1, 2, M), cache=cache)
    without_bias = HeadlessAttention(M, D, bias=False)
    assert_close(without_bias(torch.ones(1, 2, M)), torch.zeros(1, 2, M))
