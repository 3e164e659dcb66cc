"""The faults of `experiments.planted_faults` are what they are called, and leave the rest as it was."""

import pytest
import torch

from experiments import planted_faults as faults
from mha.interpret.patching import attention_layers, head_contributions, record_heads
from mha.models.gpt import GPT, GPTConfig
from mha.recording import record_attention


class Dots:
    """A tokenizer that knows the full stop."""

    def token_to_id(self, text):
        return 7


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = GPT(GPTConfig(**faults.SIZES))
    for block in model.blocks:
        torch.nn.init.normal_(block.attn.qkv.weight, std=0.2)
    return model.double().eval()


IDS = torch.randint(8, 1024, (3, 11), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_sound_decoder_is_gpt(model):
    torch.testing.assert_close(faults.decoder_logits(model, IDS), model(IDS))


@torch.no_grad()
@pytest.mark.parametrize("ahead", [0, 1])
def test_a_mask_off_by_one_shows_one_token_more(model, ahead):
    changed = IDS.clone()
    changed[:, 5] = (IDS[:, 5] + 1) % 1024
    before, after = (faults.decoder_logits(model, ids, ahead) for ids in (IDS, changed))
    first = (before != after).any(-1).any(0).nonzero().min().item()
    assert first == 5 - 2 * ahead  # each of two layers sees one token further


@torch.no_grad()
def test_places_counted_short_leave_the_first_half(model):
    before, after = faults.decoder_logits(model, IDS), faults.decoder_logits(model, IDS, short=1)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.isclose(before[:, 5], after[:, 5]).all()


@torch.no_grad()
def test_a_wrong_merge_lets_the_future_through_and_can_be_undone(model):
    before = model(IDS)
    changed = IDS.clone()
    changed[:, -1] = (IDS[:, -1] + 1) % 1024
    undo = faults.merge_wrongly(model)
    assert not torch.isclose(model(IDS)[:, :-1], model(changed)[:, :-1]).all()
    undo()
    torch.testing.assert_close(model(IDS), before, rtol=0, atol=0)


@torch.no_grad()
def test_one_head_hands_on_nothing_and_looks_where_it_did(model):
    layer = attention_layers(model)[1]
    with record_attention(model) as before:
        model(IDS)
    faults.silence_values(layer)
    with record_heads(model) as kept, record_attention(model) as after:
        model(IDS)
    torch.testing.assert_close(after.stack(), before.stack(), rtol=0, atol=0)
    lengths = head_contributions(layer, kept[1]).norm(dim=-1).mean((0, 2))
    assert lengths[0] == 0
    assert (lengths[1:] > 0).all()


@pytest.mark.parametrize("present", [True, False])
def test_one_token_is_put_in(monkeypatch, present):
    monkeypatch.setattr(faults, "tokenizer", Dots)
    new = faults.planted(IDS, torch.full((3,), present), torch.Generator().manual_seed(2))
    put_in = new == (faults.PLANTED if present else 7)
    assert put_in.sum(1).tolist() == [1, 1, 1]
    assert torch.equal(new[~put_in].view(3, 11), IDS)
