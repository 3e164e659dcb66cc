"""GPT: equal to transformers' GPT-2 in values and gradients, with padding and with caches; blind to the future."""

from dataclasses import astuple

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.testing import assert_close
from transformers import GPT2Config, GPT2LMHeadModel

import mha.models.gpt
from mha.checkpoint import load_weights
from mha.models.gpt import GPT, GPTConfig
from mha.recording import record_attention
from tests.parity import assert_same_gradients, dropped, randomised, with_weights_of

V, M, LAYERS, H, FF, MAX = 29, 22, 3, 2, 31, 13
B, LENGTH = 3, 11
TOLERANCES = [(torch.float32, 1e-5), (torch.float64, 1e-10)]
KEY_MASK = torch.arange(LENGTH) < torch.tensor([[11], [7], [2]])


def pair(dtype=torch.float64):
    config = GPT2Config(
        vocab_size=V, n_embd=M, n_layer=LAYERS, n_head=H, n_inner=FF, n_positions=MAX,
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, attn_implementation="sdpa",
    )  # fmt: skip
    theirs = randomised(GPT2LMHeadModel(config), dtype=dtype)
    return with_weights_of(theirs, GPT(GPTConfig(V, M, LAYERS, H, FF, MAX))), theirs


def token_ids(seed=0):
    return torch.randint(V, (B, LENGTH), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("dtype", "atol"), TOLERANCES)
@pytest.mark.parametrize("padded", [False, True])
def test_values_and_gradients_equal_transformers(dtype, atol, padded):
    mine, theirs = pair(dtype)
    real = KEY_MASK if padded else torch.ones(B, LENGTH, dtype=torch.bool)
    got = mine(token_ids(), key_mask=KEY_MASK if padded else None)[real]
    want = theirs(token_ids(), attention_mask=real.long()).logits[real]
    assert_close(got, want, atol=atol, rtol=0)
    targets = token_ids(seed=1)[real]
    for logits in (got, want):
        F.cross_entropy(logits, targets).backward()
    assert_same_gradients(theirs, mine, atol)


@pytest.mark.parametrize(("dtype", "atol"), TOLERANCES)
@pytest.mark.parametrize("chunk", [7, 512])
def test_loss_in_chunks_equals_transformers(monkeypatch, dtype, atol, chunk):
    monkeypatch.setattr(mha.models.gpt, "CHUNK", chunk)
    mine, theirs = pair(dtype)
    loss = mine.next_token_loss(token_ids())
    want = F.cross_entropy(theirs(token_ids()).logits[:, :-1].flatten(0, 1), token_ids()[:, 1:].flatten())
    assert_close(loss, want, atol=atol, rtol=0)
    with torch.no_grad():
        assert_close(mine.next_token_loss(token_ids()), want, atol=atol, rtol=0)
    loss.backward()
    want.backward()
    assert_same_gradients(theirs, mine, atol)


@sdpa_kernel(SDPBackend.MATH)  # the fused ones say that they cannot be
def test_the_loss_can_be_differentiated_twice():
    model, _ = pair()
    ids, weights, products = token_ids(), list(model.parameters()), []
    plain = F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    for loss in (model.next_token_loss(ids), plain):
        gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights, create_graph=True)])
        products.append(torch.autograd.grad(gradient.square().sum(), weights))
    for got, want in zip(*products, strict=True):
        assert_close(got, want, atol=1e-10, rtol=0)


@pytest.mark.parametrize("frozen", ["tokens.weight", "norm.weight"])
def test_the_loss_leaves_frozen_weights_out_and_takes_int32(frozen):
    model, _ = pair()
    want = torch.autograd.grad(model.next_token_loss(token_ids()), model.blocks[0].ffn.up.weight)
    model.get_parameter(frozen).requires_grad_(False)
    (2 * model.next_token_loss(token_ids().int())).backward()
    assert model.get_parameter(frozen).grad is None
    assert_close(model.blocks[0].ffn.up.weight.grad, 2 * want[0], atol=1e-12, rtol=0)


@pytest.mark.parametrize(("dtype", "atol"), TOLERANCES)
@torch.no_grad()
def test_in_pieces_with_caches_equals_transformers(dtype, atol):
    mine, theirs = pair(dtype)
    caches, pieces, past = mine.new_caches(B, MAX), [], None
    for piece in token_ids().split([5, 1, 3, 1, 1], dim=1):
        output = theirs(piece, past_key_values=past, use_cache=True)
        past = output.past_key_values
        pieces.append(mine(piece, caches=caches))
        assert_close(pieces[-1], output.logits, atol=atol, rtol=0)
    assert caches.length == LENGTH
    assert_close(torch.cat(pieces, dim=1), mine(token_ids()), atol=atol, rtol=0)


def test_the_future_does_not_reach_the_past():
    model, _ = pair()
    states = model.tokens(token_ids()).detach().requires_grad_()
    model.tokens.register_forward_hook(lambda module, inputs, out: states)
    model(token_ids())[:, 4].sum().backward()
    assert states.grad[:, :5].abs().amin() > 0
    assert torch.equal(states.grad[:, 5:], torch.zeros_like(states.grad[:, 5:]))


@torch.no_grad()
def test_recorded_maps_are_causal():
    model, _ = pair()
    with record_attention(model) as maps:
        recorded = model(token_ids())
    assert_close(recorded, model(token_ids()), atol=1e-12, rtol=0)
    weights = maps.stack()
    assert weights.shape == (LAYERS, B, H, LENGTH, LENGTH)
    assert torch.equal(weights, weights.tril())


def test_sizes_that_are_not_given_are_those_of_the_smallest_gpt2():
    theirs = GPT2Config()
    assert astuple(GPTConfig()) == (
        theirs.vocab_size, theirs.n_embd, theirs.n_layer, theirs.n_head, 4 * theirs.n_embd, theirs.n_positions,
        0.0, theirs.layer_norm_epsilon,
    )  # fmt: skip


def test_two_tokens_are_enough_for_a_loss():
    model, _ = pair()
    ids = token_ids()[:, :2]
    want = F.cross_entropy(model(ids)[:, 0], ids[:, 1])
    assert_close(model.next_token_loss(ids), want, atol=1e-12, rtol=0)


def test_fresh_weights_have_gpt2s_widths():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=101, d_model=128, n_layers=8, n_heads=4, d_ff=512, max_len=53))
    block = model.blocks[3]
    for weight, width in [
        (model.tokens.weight, 0.02), (model.positions.weight, 0.02), (block.attn.qkv.weight, 0.02),
        (block.ffn.up.weight, 0.02), (block.attn.out.weight, 0.005), (block.ffn.down.weight, 0.005),
    ]:  # fmt: skip
        assert_close(weight.std().item(), width, rtol=0.05, atol=0)
    assert not block.attn.qkv.bias.any()


def test_in_training_embeddings_weights_activations_and_updates_are_dropped_and_at_rest_nothing():
    model = GPT(GPTConfig(vocab_size=29, d_model=22, n_layers=3, n_heads=2, d_ff=31, max_len=13, dropout=0.25))
    ids = torch.zeros(3, 5, dtype=torch.int64)
    with dropped() as shapes:
        model.train()(ids)
    assert shapes == [(3, 5, 22), *3 * [(3, 2, 5, 5), (3, 5, 22), (3, 5, 31), (3, 5, 22)]]
    with dropped() as shapes:
        model.eval()(ids)
    assert shapes == []


def test_trouble_is_named():
    model, theirs = pair()
    tensors = theirs.state_dict()
    tensors["transformer.h.7.ln_1.bias"] = tensors.pop("transformer.h.1.ln_1.bias")
    tensors["transformer.wpe.weight"] = torch.zeros(MAX, 23)
    before = model.positions.weight.clone()
    with pytest.raises(ValueError, match="does not fit") as caught:
        load_weights(model, tensors)
    for part in ("missing: ['transformer.h.1.ln_1.bias']", "surplus: ['transformer.h.7.ln_1.bias']", "got (13, 23)"):
        assert part in str(caught.value)
    assert torch.equal(model.positions.weight, before)
    with pytest.raises(ValueError, match=r"token_ids must lie between 0 and 28, got \d+ to 29"):
        model(token_ids() + (token_ids() == token_ids().max()) * (29 - token_ids().max()))
    target = token_ids().index_fill(1, torch.tensor([LENGTH - 1]), -100)
    with pytest.raises(ValueError, match=r"token_ids must lie between 0 and 28, got -100 to \d+"):
        model.next_token_loss(target)
    with pytest.raises(ValueError, match=r"token_ids must have at least 2 tokens, one to predict, got 1"):
        model.next_token_loss(token_ids()[:, :1])
    with pytest.raises(ValueError, match=r"14 tokens at most max_len \(13\)"):
        model(torch.zeros(1, 14, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"caches must be one a block \(3\), got 2"):
        model(token_ids(), caches=model.new_caches(B, MAX)[:2])
    with pytest.raises(ValueError, match=r"caches must be one for each layer, got 3 with one twice"):
        model(token_ids(), caches=[*model.new_caches(B, MAX)[:1] * 2, model.new_caches(B, MAX)[0]])
    with pytest.raises(ValueError, match=r"d_model \(10\) must be divisible by n_heads \(3\)"):
        GPTConfig(d_model=10, n_heads=3)
    with pytest.raises(ValueError, match=r"n_layers \(0\) must be at least 1"):
        GPTConfig(n_layers=0)
