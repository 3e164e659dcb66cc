"""The masked-token head: equal to transformers' BertForMaskedLM in values and gradients, with padding and segments."""

from dataclasses import astuple, replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from transformers import BertConfig, BertForMaskedLM

from mha.checkpoint import load_weights
from mha.models.bert import EncoderConfig, MaskedLM
from tests.parity import assert_same_gradients, dropped, randomised, with_weights_of

V, M, LAYERS, H, FF, MAX = 29, 22, 3, 2, 31, 13
B, LENGTH = 3, 11
CONFIG = EncoderConfig(vocab_size=V, d_model=M, n_layers=LAYERS, n_heads=H, d_ff=FF, max_len=MAX)
KEY_MASK = torch.arange(LENGTH) < torch.tensor([[11], [7], [2]])


def pair(dtype):
    config = BertConfig(
        vocab_size=V, hidden_size=M, num_hidden_layers=LAYERS, num_attention_heads=H, intermediate_size=FF,
        max_position_embeddings=MAX, layer_norm_eps=1e-12, hidden_dropout_prob=0, attention_probs_dropout_prob=0,
        pad_token_id=None,
    )  # fmt: skip
    theirs = randomised(BertForMaskedLM(config), dtype=dtype)
    return with_weights_of(theirs, MaskedLM(CONFIG)), theirs


def ids(below, seed):
    return torch.randint(below, (B, LENGTH), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("padded", [False, True])
def test_values_and_gradients_equal_transformers(dtype, atol, padded):
    mine, theirs = pair(dtype)
    real = KEY_MASK if padded else torch.ones(B, LENGTH, dtype=torch.bool)
    token_ids, segment_ids, targets = ids(V, 0), ids(2, 1), ids(V, 2)
    got = mine(token_ids, key_mask=real if padded else None, segment_ids=segment_ids)
    want = theirs(token_ids, attention_mask=real.long(), token_type_ids=segment_ids).logits
    assert_close(got[real], want[real], atol=atol, rtol=0)
    predicted = real & (ids(3, 3) == 0)
    assert_close(
        mine.token_logits(mine.encoder(token_ids, key_mask=real, segment_ids=segment_ids)[predicted]), got[predicted]
    )
    for logits in (got, want):
        F.cross_entropy(logits[predicted], targets[predicted]).backward()
    assert_same_gradients(theirs, mine, atol)


def test_in_training_embeddings_weights_activations_and_updates_are_dropped_and_at_rest_nothing():
    model = MaskedLM(replace(CONFIG, dropout=0.25))
    with dropped() as shapes:
        model.train()(ids(V, 0))
    block = [(B, H, LENGTH, LENGTH), (B, LENGTH, M), (B, LENGTH, FF), (B, LENGTH, M)]
    assert shapes == [(B, LENGTH, M), *LAYERS * block]
    with dropped() as shapes:
        model.eval()(ids(V, 0))
    assert shapes == []


def test_sizes_that_are_not_given_are_those_of_minilm():
    assert astuple(EncoderConfig()) == (30522, 384, 6, 12, 1536, 512, 2, 0.0, 1e-12)


def test_fresh_weights_have_berts_width_and_no_biases():
    torch.manual_seed(0)
    model = MaskedLM(EncoderConfig(vocab_size=101, d_model=128, n_layers=2, n_heads=4, d_ff=512, max_len=53))
    block = model.encoder.blocks[1]
    for weight in (
        model.encoder.embeddings.tokens.weight, model.encoder.embeddings.positions.weight, model.dense.weight,
        block.attn.qkv.weight, block.attn.out.weight, block.ffn.up.weight, block.ffn.down.weight,
    ):  # fmt: skip
        assert_close(weight.std().item(), 0.02, rtol=0.05, atol=0)
    for bias in (model.bias, model.dense.bias, block.attn.qkv.bias, block.attn.out.bias, block.ffn.up.bias):
        assert not bias.any()


def test_the_longest_text_has_max_len_tokens():
    model = MaskedLM(CONFIG)
    assert model(torch.zeros(1, MAX, dtype=torch.int64)).shape == (1, MAX, V)
    with pytest.raises(ValueError, match=r"at most max_len \(13\) tokens, got 14"):
        model(torch.zeros(1, MAX + 1, dtype=torch.int64))


def test_a_checkpoint_that_does_not_fit_is_named_and_nothing_is_copied():
    mine, theirs = pair(torch.float32)
    tensors = theirs.state_dict()
    tensors["cls.predictions.transform.LayerNorm.delta"] = tensors.pop("cls.predictions.transform.LayerNorm.weight")
    tensors["cls.predictions.bias"] = torch.zeros(V + 1)
    before = mine.bias.clone()
    with pytest.raises(ValueError, match=r"missing: .*LayerNorm.weight.*surplus: .*LayerNorm.delta.*expected \(29,\)"):
        load_weights(mine, tensors)
    assert torch.equal(mine.bias, before)
