"""Groups of like length give what the padded batch gives."""

import pytest
import torch
from torch.testing import assert_close

from mha.models.bert import Encoder, EncoderConfig
from mha.models.ragged import encode_by_length

B, LENGTH = 7, 13


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return Encoder(EncoderConfig(vocab_size=29, d_model=22, n_layers=2, n_heads=2, d_ff=31, max_len=17)).double()


def batch():
    token_ids = torch.randint(29, (B, LENGTH), generator=torch.Generator().manual_seed(1))
    key_mask = torch.arange(LENGTH) < torch.tensor([5, 13, 1, 7, 0, 7, 11])[:, None]
    key_mask[1, 3] = False  # a gap inside
    return token_ids, key_mask


@pytest.mark.parametrize("group_size", [1, 3, 4, 100])
def test_equals_the_padded_batch_in_values_and_gradients(encoder, group_size):
    token_ids, key_mask = batch()
    gradients = []
    outs = (
        encode_by_length(encoder, token_ids, key_mask=key_mask, group_size=group_size),
        encoder(token_ids, key_mask=key_mask),
    )
    for out in outs:
        gradients.append(torch.autograd.grad(out[key_mask].cos().sum(), list(encoder.parameters()), allow_unused=True))
    assert outs[0].shape == (B, LENGTH, 22)
    assert_close(outs[0][key_mask], outs[1][key_mask], atol=1e-12, rtol=0)
    assert_close(gradients[0], gradients[1], atol=1e-10, rtol=0)


def test_no_padding_is_computed(encoder):
    token_ids, key_mask = batch()
    seen = []

    def spy(ids, key_mask):
        seen.append(tuple(ids.shape))
        return encoder(ids, key_mask=key_mask)

    out = encode_by_length(spy, token_ids, key_mask=key_mask, group_size=2)
    assert seen == [(2, 1), (2, 7), (2, 11), (1, 13)]
    assert not out[0, 7:].any()


def test_trouble_is_named(encoder):
    token_ids, key_mask = batch()
    with pytest.raises(TypeError, match="key_mask must be bool"):
        encode_by_length(encoder, token_ids, key_mask=key_mask.long())
    with pytest.raises(TypeError, match="token_ids must be a tensor of integers"):
        encode_by_length(encoder, token_ids.tolist(), key_mask=key_mask)
    with pytest.raises(TypeError, match="key_mask must be a tensor, got None"):
        encode_by_length(encoder, token_ids, key_mask=None)
    with pytest.raises(ValueError, match=r"key_mask must have shape \(7, 13\), got \(7, 12\)"):
        encode_by_length(encoder, token_ids, key_mask=key_mask[:, 1:])
    with pytest.raises(ValueError, match=r"token_ids must have shape \(b, i\), none empty, got \(7, 13, 1\)"):
        encode_by_length(encoder, token_ids[..., None], key_mask=key_mask[..., None])
    with pytest.raises(ValueError, match=r"group_size \(0\) must be at least 1"):
        encode_by_length(encoder, token_ids, key_mask=key_mask, group_size=0)
