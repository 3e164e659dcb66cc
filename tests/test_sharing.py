"""Shared blocks: what is stored and what is computed, and gradients that add up."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mha.compress.sharing import share_blocks, weights_of
from mha.models.albert import Albert, AlbertConfig
from mha.models.bert import Encoder, EncoderConfig

CONFIG = EncoderConfig(vocab_size=29, d_model=20, n_layers=6, n_heads=5, d_ff=28, max_len=17)
BLOCK = 4 * 20 * 21 + 2 * 20 * 28 + 28 + 20 + 4 * 20
TABLES = (29 + 17 + 2 + 2) * 20
TOKENS = torch.tensor([[3, 1, 4, 1, 5, 9, 2]])


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Encoder(CONFIG).eval()


@pytest.mark.parametrize("n_distinct", [1, 2, 3, 6])
def test_size_falls_and_what_is_computed_does_not(encoder, n_distinct):
    shared = share_blocks(encoder, n_distinct)
    assert [shared.blocks[n] is shared.blocks[0] for n in range(6)] == [n < 6 // n_distinct for n in range(6)]
    found = weights_of(shared, lambda: shared(TOKENS))
    assert found == (TABLES + n_distinct * BLOCK, TABLES + 6 * BLOCK)
    assert not any(module._forward_pre_hooks for module in shared.modules())


def test_a_stretch_has_the_weights_of_its_first_block(encoder):
    shared = share_blocks(encoder, 2)
    assert_close(shared.blocks[2].state_dict(), encoder.blocks[0].state_dict(), atol=0, rtol=0)
    assert_close(shared.blocks[5].state_dict(), encoder.blocks[3].state_dict(), atol=0, rtol=0)
    shared.blocks[0].ffn.up.weight.data.zero_()
    assert float(encoder.blocks[0].ffn.up.weight.detach().abs().max()) > 0


def test_a_shared_block_gets_the_sum_of_the_gradients(encoder):
    shared = share_blocks(encoder)
    apart = Encoder(CONFIG).eval()  # six blocks with the same weights
    apart.load_state_dict(shared.state_dict())
    for model in (shared, apart):
        model(TOKENS).cos().sum().backward()
    summed = sum(block.attn.out.weight.grad for block in apart.blocks)
    assert_close(shared.blocks[0].attn.out.weight.grad, summed, atol=1e-5, rtol=1e-5)


def test_a_model_made_with_one_block_is_counted_by_its_passes():
    albert = Albert(AlbertConfig(vocab_size=29, d_embedding=8, d_model=20, n_layers=5, n_heads=5, d_ff=28, max_len=17))
    one, many = (weights_of(albert, lambda n=n: albert(TOKENS, n_passes=n)) for n in (1, 7))
    assert one.stored == many.stored == one.used == sum(p.numel() for p in albert.parameters())
    assert many.used - one.used == 6 * BLOCK


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: share_blocks(e, 4), ValueError, r"n_distinct \(4\) must divide the number of blocks, 6"),
        (lambda e: share_blocks(e, 0), ValueError, r"n_distinct \(0\) must be at least 1"),
        (lambda e: share_blocks(nn.Linear(2, 3)), TypeError, "model must have blocks, an nn.ModuleList, got NoneType"),
        (lambda e: weights_of(3, lambda: None), TypeError, "model must be a torch.nn.Module"),
    ],
)
def test_errors_name_what_was_given(encoder, call, error, message):
    with pytest.raises(error, match=message):
        call(encoder)


def test_blocks_of_several_shapes_are_refused(encoder):
    encoder.blocks[1].ffn.up = nn.Linear(20, 30)
    with pytest.raises(ValueError, match="alike in shape"):
        share_blocks(encoder)
