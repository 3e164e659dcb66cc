"""What the experiment on shared blocks compares: sizes that are meant to be alike, one block in four places."""

import pytest
import torch
from torch.testing import assert_close

from experiments import shared_blocks
from mha.compress.sharing import weights_of

TOKENS = torch.arange(62).view(2, 31)


@pytest.fixture
def counts():
    models = {kind: shared_blocks.new_model(kind) for kind in shared_blocks.WIDTHS}
    return {kind: weights_of(model, lambda model=model: model(TOKENS)) for kind, model in models.items()}


def test_two_pairs_store_as_much(counts):
    assert counts["wide"].stored == pytest.approx(counts["apart"].stored, rel=0.02)
    assert counts["narrow"].stored == pytest.approx(counts["shared"].stored, rel=0.1)
    assert counts["one block"] == (counts["shared"].stored, counts["shared"].stored)


def test_shared_blocks_compute_as_those_apart_do(counts):
    assert counts["shared"].used == counts["apart"].used == counts["apart"].stored


@pytest.mark.parametrize("kind", ["shared", "wide"])
def test_a_shared_block_stays_one_when_it_learns(kind, monkeypatch):
    texts = torch.randint(1024, (1024, 32), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(shared_blocks, "pieces", lambda: (texts, texts))
    monkeypatch.setattr(shared_blocks, "STEPS", 2)
    monkeypatch.setattr(shared_blocks, "WARMUP", 1)
    trained = []
    monkeypatch.setattr(shared_blocks, "held_out", lambda model: trained.append(model) or {})
    found = shared_blocks.run(kind, 4e-3, 0)
    torch.manual_seed(0)
    before = shared_blocks.new_model(kind)
    (model,) = trained
    assert len({id(block) for block in model.blocks}) == 1
    assert found["stored"] == sum(p.numel() for p in before.parameters())
    assert not torch.equal(model.blocks[0].ffn.up.weight, before.blocks[0].ffn.up.weight)


def test_one_part_of_the_held_out_text_judges_and_another_chooses(monkeypatch):
    texts = torch.randint(1024, (800, 32), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(shared_blocks, "pieces", lambda: (texts, texts))
    torch.manual_seed(0)
    model = shared_blocks.new_model("one block")
    found = shared_blocks.held_out(model)
    for part, first in (("nats", 0), ("choose", 384)):
        one = texts[first : first + 384]
        log_p = model(one[:, :-1]).detach().double().log_softmax(-1)
        true = log_p.gather(-1, one[:, 1:, None])
        assert_close(found[part], -float(true.mean()), atol=1e-4, rtol=0)
