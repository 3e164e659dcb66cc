"""Taking tokens away: three ways by hand, on a model with a planted answer, and nothing found where nothing is."""

import pytest
import torch
from torch.testing import assert_close

from mha.interpret.attribution import received
from mha.interpret.faithfulness import (
    WAYS,
    Explained,
    comprehensiveness,
    hidden_keys,
    leave_one_out,
    rank_agreement,
    sufficiency,
)
from mha.models.bert import Encoder, EncoderConfig
from mha.recording import record_attention
from mha.statistics.intervals import student_interval
from tests.planted_head import N_SEEDS, N_TOKENS, PlantedHead, marked_text

MASK = 2  # a token without the mark


def planted(seed, **options):
    ids, place = marked_text(seed)
    ids = ids.where(ids != MASK, MASK + 1)
    model = PlantedHead(seed, n_tokens=N_TOKENS, **options)
    removable = torch.arange(ids.shape[1]) > 0
    return Explained(model, model, ids, removable, MASK), int(place)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    config = EncoderConfig(vocab_size=53, d_model=24, n_layers=2, n_heads=3, d_ff=31, max_len=17)
    return Encoder(config).double().eval()


def mean_score(encoder):
    direction = torch.randn(24, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def score(ids, key_mask, counted):
        states = encoder(ids, key_mask=key_mask) @ direction
        return (states * counted).sum(1) / counted.sum(1)

    return score


@torch.no_grad()
def test_each_way_is_the_text_that_it_says(encoder):
    """Against texts written out by hand; hiding, which no text can say, against masks given to each block."""
    ids, score = torch.tensor([5, 11, 7, 29, 3]), mean_score(encoder)
    explained = Explained(encoder, score, ids, torch.tensor([False, True, True, True, False]), mask_id=4)
    gone = torch.tensor([[False, True, False, True, False], [False, False, True, False, False]])

    def of(tokens):
        row = torch.tensor([tokens])
        return score(row, torch.ones_like(row, dtype=torch.bool), torch.ones_like(row, dtype=torch.bool))[0]

    assert_close(explained.without(gone, "delete"), torch.stack([of([5, 7, 3]), of([5, 11, 29, 3])]))
    assert_close(explained.without(gone, "mask"), torch.stack([of([5, 4, 7, 4, 3]), of([5, 11, 4, 29, 3])]))
    direction = torch.randn(24, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for row, hidden in enumerate(explained.without(gone, "hide")):
        x, seen = encoder.embeddings(ids[None]), ~gone[row]
        for block in encoder.blocks:
            x = block(x, attn_mask=seen[None, None, None])
        assert_close(hidden, (x[0, seen] @ direction).mean())
    assert_close(explained.whole()[0], of([5, 11, 7, 29, 3]))


@torch.no_grad()
def test_a_hidden_token_can_be_any_other(encoder):
    hidden = torch.tensor([[False, True, False, False, False]])
    outs = []
    for token in (11, 12):
        with hidden_keys(encoder, hidden):
            outs.append(encoder(torch.tensor([[5, token, 7, 29, 3]]))[0, [0, 2, 3, 4]])
    assert_close(*outs)
    assert not torch.allclose(encoder(torch.tensor([[5, 11, 7, 29, 3]]))[0, [0, 2, 3, 4]], outs[0], atol=1e-3)


def test_the_planted_token_is_found_in_all_ways_in_twenty_of_twenty():
    for seed in range(N_SEEDS):
        explained, place = planted(seed)
        for way in WAYS:
            lost = leave_one_out(explained, way)
            assert lost.isnan().tolist() == [True] + [False] * 6
            assert lost.nan_to_num().abs().argmax() == place
        right = torch.nn.functional.one_hot(torch.tensor(place), 7).double()
        payload = explained.whole().abs()
        for way in ("hide", "delete"):
            needed = comprehensiveness(explained, right, way, shares=[0.1])
            others = explained.without((explained.removable & (right == 1))[None], way)
            assert_close(torch.tensor([needed], dtype=torch.float64), explained.whole() - others)
            # what is left is the asking token and the marked one, and all the weight goes there
            assert abs(sufficiency(explained, right, way, shares=[0.1])) < 1e-3 * payload


def test_how_many_go_first_by_hand():
    """A sum of payloads: without the first k it is less by theirs."""
    explained, _ = planted(3, idle=True)
    payloads = explained.model.payloads(explained.token_ids)
    assert_close(leave_one_out(explained, "delete")[1:], payloads[1:])
    ordered = payloads[1:].sort(descending=True).values
    found = comprehensiveness(explained, payloads, "delete", shares=[0.01, 0.5, 0.9])  # 1, 3 and 5 of 6
    assert_close(torch.tensor(found).double(), torch.stack([ordered[:k].sum() for k in (1, 3, 5)]).mean())
    found = sufficiency(explained, payloads, "hide", shares=[0.5])
    assert_close(torch.tensor(found).double(), ordered[3:].sum())


def test_nothing_is_found_where_nothing_was_planted():
    """Payloads past all heads, and heads that look wherever chance has it: no agreement, at the nominal rate.

    Each token stands in one text only. Where texts share words, one word's chance is counted in several of them.
    """
    n_runs, n_texts, length, rejected = 200, 10, 8, 0
    for seed in range(n_runs):
        model = PlantedHead(seed, n_tokens=2 + n_texts * length, idle=True)
        ids = 2 + torch.arange(n_texts * length).view(n_texts, length)
        with torch.no_grad(), record_attention(model) as maps:
            model(ids)
        weights = received(maps["attn"]).mean(1)  # (n, i)
        everything = torch.ones(length, dtype=torch.bool)
        texts = [Explained(model, model, row, everything) for row in ids]
        agreed = [rank_agreement(w, leave_one_out(t, "delete")) for w, t in zip(weights, texts, strict=True)]
        low, high = student_interval(agreed)
        rejected += not low <= 0 <= high
    assert 0.01 * n_runs <= rejected <= 0.08 * n_runs


def test_rank_agreement_by_hand():
    one, other = torch.tensor([3.0, 1.0, 2.0, 9.0]), torch.tensor([30.0, 10.0, 20.0, -1.0])
    among = torch.tensor([True, True, True, False])
    assert rank_agreement(one, other, among) == pytest.approx(1.0)
    assert rank_agreement(one, other) == pytest.approx(-0.2)  # 1 - 6 Σd² / (n (n² - 1)), d = 1, 1, 1, 3
    ties = torch.tensor([1.0, 1.0, 2.0])
    assert rank_agreement(ties, torch.tensor([1.0, 2.0, 3.0])) == pytest.approx(0.75**0.5)
    assert torch.tensor(rank_agreement(torch.ones(4), one)).isnan()


def test_bad_input_is_named(encoder):
    ids, removable = torch.tensor([5, 11, 7]), torch.tensor([False, True, True])
    explained = Explained(encoder, mean_score(encoder), ids, removable)
    gone = torch.tensor([[False, True, False]])
    cases = (
        (
            lambda: explained.without(gone, "drop"),
            ValueError,
            "one of 'hide', 'delete', 'mask', got 'drop'",
        ),
        (lambda: explained.without(gone, "mask"), ValueError, "mask_id must be given"),
        (lambda: explained.without(~gone, "hide"), ValueError, "of removable tokens"),
        (lambda: explained.without(gone.float(), "hide"), TypeError, "gone must be bool"),
        (lambda: explained.without(gone[0], "hide"), ValueError, r"\(b, i\)"),
        (lambda: Explained(encoder, None, ids, removable), TypeError, "score must be a function"),
        (lambda: Explained(encoder, encoder, ids, removable[:2]), ValueError, r"removable must have shape \(3,\)"),
        (lambda: Explained(encoder, encoder, ids, torch.zeros(3, dtype=torch.bool)), ValueError, "and a True"),
        (lambda: Explained(encoder, encoder, ids.float(), removable), TypeError, "token_ids must be int64"),
        (lambda: comprehensiveness(explained, torch.ones(4), "hide"), ValueError, r"attribution must be \(3,\)"),
        (lambda: sufficiency(explained, torch.full((3,), torch.nan), "hide"), ValueError, "without NaN"),
        (lambda: sufficiency(explained, torch.ones(3), "hide", shares=[1.0]), ValueError, r"a share \(1.0\)"),
        (lambda: sufficiency(explained, torch.ones(3), "hide", shares=[]), ValueError, "at least one number"),
        (lambda: rank_agreement(torch.ones(3), torch.ones(4)), ValueError, r"got \(3,\) and \(4,\)"),
        (lambda: rank_agreement(torch.ones(3), torch.ones(3), torch.ones(3)), TypeError, "among must be bool"),
    )
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
    other_keys = hidden_keys(encoder, torch.tensor([[False, True]]))
    with pytest.raises(ValueError, match=r"\(1, 3\), got \(1, 2\)"), other_keys:
        encoder(ids[None])
