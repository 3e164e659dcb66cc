"""ALBERT: equal to transformers' AlbertForMaskedLM in values, gradients and maps; one block, run as often as asked."""

from dataclasses import astuple, replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from transformers import AlbertConfig as TheirConfig
from transformers import AlbertForMaskedLM

from mha.checkpoint import load_weights
from mha.models.albert import Albert, AlbertConfig, AlbertMaskedLM
from mha.recording import record_attention
from tests.parity import assert_same_gradients, dropped, randomised, with_weights_of

V, E, M, PASSES, H, FF, MAX = 29, 7, 22, 3, 2, 31, 13
B, LENGTH = 3, 11
CONFIG = AlbertConfig(
    vocab_size=V, d_embedding=E, d_model=M, n_layers=PASSES, n_heads=H, d_ff=FF, max_len=MAX, n_segments=2
)
KEY_MASK = torch.arange(LENGTH) < torch.tensor([[11], [7], [2]])
THEIR_SIZES = dict(
    vocab_size=V, embedding_size=E, hidden_size=M, num_hidden_layers=PASSES, num_attention_heads=H,
    intermediate_size=FF, max_position_embeddings=MAX, hidden_act="gelu", layer_norm_eps=1e-12, pad_token_id=None,
    hidden_dropout_prob=0, attention_probs_dropout_prob=0, attn_implementation="eager",
)  # fmt: skip


def pair(dtype):
    theirs = randomised(AlbertForMaskedLM(TheirConfig(**THEIR_SIZES)), dtype=dtype)
    return with_weights_of(theirs, AlbertMaskedLM(CONFIG)), theirs


def ids(below, seed):
    return torch.randint(below, (B, LENGTH), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("padded", [False, True])
def test_values_maps_and_gradients_equal_transformers(dtype, atol, padded):
    mine, theirs = pair(dtype)
    real = KEY_MASK if padded else torch.ones(B, LENGTH, dtype=torch.bool)
    token_ids, segment_ids, targets = ids(V, 0), ids(2, 1), ids(V, 2)
    with record_attention(mine) as maps:
        got = mine(token_ids, key_mask=real if padded else None, segment_ids=segment_ids)
    want = theirs(
        token_ids, attention_mask=real.long(), token_type_ids=segment_ids, output_attentions=True,
        output_hidden_states=True,
    )  # fmt: skip
    assert_close(got[real], want.logits[real], atol=atol, rtol=0)
    states = mine.encoder.hidden_states(token_ids, key_mask=real, segment_ids=segment_ids)
    for state, other in zip(states, want.hidden_states, strict=True):
        assert_close(state[real], other[real], atol=atol, rtol=0)
    assert list(maps) == ["encoder.block.attn"]
    rows = real[:, None, :].expand(-1, H, -1)
    for weights, other in zip(maps.calls("encoder.block.attn"), want.attentions, strict=True):
        assert_close(weights[rows], other[rows], atol=atol, rtol=0)
    predicted = real & (ids(3, 3) == 0)
    for logits in (got, want.logits):
        F.cross_entropy(logits[predicted], targets[predicted]).backward()
    assert_same_gradients(theirs, mine, 5 * atol)


@torch.no_grad()
@pytest.mark.parametrize("n_passes", [1, 2, 7])
def test_the_block_runs_as_often_as_asked(n_passes):
    mine, theirs = pair(torch.float64)
    theirs = with_passes(theirs, n_passes)
    with record_attention(mine) as maps:
        got = mine(ids(V, 0), n_passes=n_passes)
    assert_close(got, theirs(ids(V, 0)).logits, atol=1e-10, rtol=0)
    assert len(maps.calls("encoder.block.attn")) == n_passes
    states = mine.encoder.hidden_states(ids(V, 0), n_passes=n_passes)
    assert len(states) == n_passes + 1
    assert_close(states[1], mine.encoder(ids(V, 0), n_passes=1), atol=1e-12, rtol=0)


def with_passes(theirs, n_passes):
    other = AlbertForMaskedLM(TheirConfig(**THEIR_SIZES | {"num_hidden_layers": n_passes})).to(torch.float64).eval()
    other.load_state_dict(theirs.state_dict())
    return other


def test_the_encoder_alone_takes_the_same_file_and_its_weights_do_not_grow_with_depth():
    mine, theirs = pair(torch.float64)
    encoder = with_weights_of(theirs, Albert(CONFIG))
    assert_close(encoder(ids(V, 0)), mine.encoder(ids(V, 0)), atol=0, rtol=0)
    deep = Albert(replace(CONFIG, n_layers=5 * PASSES))
    assert sum(p.numel() for p in deep.parameters()) == sum(p.numel() for p in encoder.parameters())


def test_in_training_embeddings_weights_activations_and_updates_are_dropped_and_at_rest_nothing():
    model = AlbertMaskedLM(replace(CONFIG, dropout=0.25))
    with dropped() as shapes:
        model.train()(ids(V, 0))
    block = [(B, H, LENGTH, LENGTH), (B, LENGTH, M), (B, LENGTH, FF), (B, LENGTH, M)]
    assert shapes == [(B, LENGTH, E), *PASSES * block]
    with dropped() as shapes:
        model.eval()(ids(V, 0))
    assert shapes == []


def test_sizes_that_are_not_given_are_those_of_rxnmapper():
    assert astuple(AlbertConfig()) == (591, 128, 256, 12, 8, 512, 512, 2, 0.0, 1e-12)


def test_fresh_weights_have_a_width_of_a_fiftieth_and_no_biases_and_come_anew():
    torch.manual_seed(0)
    model = AlbertMaskedLM(replace(CONFIG, d_embedding=128, d_model=128, d_ff=512, max_len=53))
    encoder, block = model.encoder, model.encoder.block
    before = block.attn.qkv.weight.clone()
    model.reset_parameters()
    assert not torch.equal(before, block.attn.qkv.weight)
    for weight in (
        encoder.embeddings.tokens.weight, encoder.embeddings.positions.weight, encoder.widen.weight, model.dense.weight,
        block.attn.qkv.weight, block.attn.out.weight, block.ffn.up.weight, block.ffn.down.weight,
    ):  # fmt: skip
        assert_close(weight.std().item(), 0.02, rtol=0.05, atol=0)
    for bias in (model.bias, model.dense.bias, encoder.widen.bias, block.attn.qkv.bias, block.ffn.down.bias):
        assert not bias.any()


def test_bad_input_is_named():
    model = AlbertMaskedLM(CONFIG)
    for options in ({"d_embedding": 0}, {"n_heads": 7}, {"dropout": 1.5}, {"layer_norm_eps": 0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            replace(CONFIG, **options)
    with pytest.raises(ValueError, match=r"n_passes \(0\) must be at least 1"):
        model(ids(V, 0), n_passes=0)
    with pytest.raises(TypeError, match=r"n_passes must be an integer, got 2.0"):
        model(ids(V, 0), n_passes=2.0)
    with pytest.raises(ValueError, match=r"at most max_len \(13\) tokens, got 14"):
        model(torch.zeros(1, MAX + 1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"hidden must have shape \(..., i, 22\), got \(3, 7\)"):
        model.token_logits(torch.zeros(3, E))


def test_a_checkpoint_that_does_not_fit_is_named_and_nothing_is_copied():
    mine, theirs = pair(torch.float32)
    tensors = theirs.state_dict()
    second = "albert.encoder.albert_layer_groups.1.albert_layers.0.ffn.bias"  # a model of two blocks
    tensors[second] = torch.zeros(FF)
    tensors["predictions.bias"] = tensors["predictions.decoder.bias"] = torch.zeros(V + 1)
    before = mine.bias.clone()
    with pytest.raises(ValueError, match=r"surplus: .*layer_groups.1.*expected \(29,\), got \(30,\)"):
        load_weights(mine, tensors)
    assert torch.equal(mine.bias, before)
