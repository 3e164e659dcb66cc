"""Passages as tokens, the reader's spans and scores, and what passes between a question and a sentence."""

from __future__ import annotations

import random
import unicodedata

import pytest
import torch
from torch.testing import assert_close

from mha.interpret.span_attention import DIRECTIONS, answer_weights, asked_tokens, found, without
from mha.models.pretrained import load_minilm
from mha.models.span_reader import SpanReader, SpanReaderConfig, best_span
from mha.recording import record_attention
from mha.tasks.passages import passage
from mha.tasks.spans import TokenVectors, as_batch, exact_match, f1, normalised

SIZES = {"d_token": 384, "d_model": 24, "n_layers": 2, "n_heads": 3, "d_ff": 20}
N = 4


@pytest.fixture(scope="module")
def tokens():
    return TokenVectors(*load_minilm())


@pytest.fixture(scope="module")
def some():
    return [passage("judge", N, random.Random(k), answered=k != 2) for k in range(5)]


@pytest.fixture(scope="module")
def batch(tokens, some):
    return as_batch(tokens, some)


@pytest.fixture
def reader():
    torch.manual_seed(0)
    return SpanReader(SpanReaderConfig(**SIZES)).eval()


def letters(text):
    """Without accents and spaces, in lower case."""
    return normalised(unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode()).replace(" ", "")


def text(tokens, ids):
    return tokens.tokenizer.decode(list(ids))


def test_spans_hold_the_answers(tokens, some, batch):
    for n, one in enumerate(some):
        for row, (first, last) in zip(one.rows, batch.answers[n].tolist(), strict=True):
            assert exact_match(text(tokens, batch.token_ids[n, first : last + 1]), row.answer), row
        expected = [0, 0] if one.right is None else batch.answers[n, one.right].tolist()
        assert batch.spans[n].tolist() == expected
        assert batch.right[n] == (-1 if one.right is None else one.right)


def test_every_token_knows_its_sentence(tokens, some, batch):
    for n, one in enumerate(some):
        for k, sentence in enumerate(one.sentences):
            inside = batch.token_ids[n][batch.sentence_of[n] == k]
            assert letters(text(tokens, inside)) == letters(sentence)
        asked = batch.token_ids[n][asked_tokens(batch)[n]]
        assert letters(text(tokens, asked)) == letters(one.question)
    assert ((batch.sentence_of >= 0) == (batch.segment_ids == 1)).all()


def test_vectors_are_those_of_each_text_by_itself(tokens, some, batch):
    encoder, tokenizer = load_minilm()
    ids = torch.tensor([tokenizer.encode(some[0].sentences[1]).ids])
    with torch.no_grad():
        expected = encoder(ids)[0, 1:-1]
    assert_close(batch.vectors[0][batch.sentence_of[0] == 1], expected, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing(tokens, some, batch, reader):
    alone = as_batch(tokens, some[:1])
    scores = reader(alone.vectors, alone.segment_ids, key_mask=alone.key_mask)
    among = reader(batch.vectors, batch.segment_ids, key_mask=batch.key_mask)[:1, : scores.shape[1]]
    assert_close(among, scores, rtol=1e-4, atol=1e-5)


def test_the_best_span_is_that_of_all_pairs():
    generator = torch.Generator().manual_seed(1)
    scores, allowed = torch.randn(23, 11, 2, generator=generator), torch.rand(23, 11, generator=generator) < 0.7
    allowed[:, 5] = True
    spans, values = best_span(scores, allowed, 3)
    for n in range(23):
        pairs = [(i, j) for i in range(11) for j in range(i, min(i + 3, 11)) if allowed[n, i] and allowed[n, j]]
        best = max(pairs, key=lambda pair: float(scores[n, pair[0], 0] + scores[n, pair[1], 1]))
        assert tuple(spans[n].tolist()) == best
        assert_close(values[n], scores[n, best[0], 0] + scores[n, best[1], 1])
    with pytest.raises(ValueError, match=r"longest \(0\) must be"):
        best_span(scores, allowed, 0)


@pytest.mark.parametrize(
    ("answer", "expected", "exact", "overlap"),
    [
        ("the Swiss Franc.", "Swiss franc", 1.0, 1.0),
        ("Swiss franc of Chad", "Swiss franc", 0.0, 2 / 3),
        ("franc", "Swiss franc", 0.0, 2 / 3),
        ("franc franc", "Swiss franc", 0.0, 0.5),
        ("yen", "Swiss franc", 0.0, 0.0),
        ("", "Swiss franc", 0.0, 0.0),
        ("", "", 1.0, 1.0),
    ],
)
def test_answers_are_scored_as_squad_does(answer, expected, exact, overlap):
    assert exact_match(answer, expected) == exact
    assert f1(answer, expected) == pytest.approx(overlap)


def test_weights_between_question_and_answers(batch):
    generator = torch.Generator().manual_seed(2)
    i = batch.token_ids.shape[1]
    weights = torch.rand(3, 5, 2, i, i, generator=generator).softmax(-1)
    asked = asked_tokens(batch)
    for direction in DIRECTIONS:
        scores = answer_weights(weights, batch, direction)  # (layer, head, b, n)
        assert scores.shape == (3, 2, 5, N)
        for b, n in ((0, 1), (4, 3)):
            first, last = batch.answers[b, n].tolist()
            inside = torch.arange(first, last + 1)
            others = torch.tensor([k for k in range(i) if batch.sentence_of[b, k] not in (-1, n)])
            looking, seen = {
                "question to answer": (asked[b].nonzero()[:, 0], inside),
                "answer to question": (inside, asked[b].nonzero()[:, 0]),
                "others to answer": (others, inside),
            }[direction]
            piece = weights[2, b, 1][looking][:, seen]
            assert_close(scores[2, 1, b, n], piece.mean())
    with pytest.raises(ValueError, match=r"direction must be one of 'question to answer', .* got 'both'"):
        answer_weights(weights, batch, "both")
    with pytest.raises(ValueError, match="direction must be one of"):
        without(batch, batch.right, "both")


def test_the_right_row_is_found_among_rows_of_its_kind(batch):
    scores = torch.zeros(5, N)
    rows = torch.arange(5)
    scores[rows, batch.right] = 1.0
    others = torch.ones(5, N, dtype=torch.bool)
    assert found(scores, batch, others).tolist() == [True, True, False, True, True]  # passage 2 has no answer
    scores[rows, (batch.right + 1) % N] = 2.0
    assert not found(scores, batch, others).any()
    others[rows, (batch.right + 1) % N] = False
    assert found(scores, batch, others).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_cut_takes_away_one_direction_of_one_sentence(batch, reader, direction):
    sentences = torch.tensor([0, 1, 2, 3, 0])
    with record_attention(reader) as maps, torch.no_grad():
        mask = without(batch, sentences, direction)
        reader(batch.vectors, batch.segment_ids, key_mask=batch.key_mask, attn_mask=mask)
    asks, told = (batch.segment_ids == 0) & batch.key_mask, batch.sentence_of == sentences[:, None]
    others = (batch.sentence_of >= 0) & ~told
    rows, columns = {
        "question to answer": (asks, told),
        "answer to question": (told, asks),
        "others to answer": (others, told),
    }[direction]
    cut = rows[:, :, None] & columns[:, None]
    real = (batch.key_mask[:, :, None] & batch.key_mask[:, None])[:, None].expand(5, 3, -1, -1)
    for weights in (maps["blocks.0.attn"], maps["blocks.1.attn"]):
        assert_close(weights[real & (weights == 0)].numel(), int(cut.sum()) * 3)
        assert not weights[cut[:, None].expand_as(weights)].any()


def test_what_does_not_fit_is_told(tokens, batch, reader):
    with pytest.raises(ValueError, match="passages must hold at least one, got none"):
        as_batch(tokens, [])
    with pytest.raises(ValueError, match=r"vectors must have shape \(b, i, 384\)"):
        reader(batch.vectors[..., :7], batch.segment_ids, key_mask=batch.key_mask)
    with pytest.raises(ValueError, match="divisible"):
        SpanReader(SpanReaderConfig(d_model=10, n_heads=3))
