"""The experiment on what the rest of a passage looks at: whose words count, what is hidden, whose readers are asked."""

import random

import pytest
import torch
from torch.testing import assert_close

from experiments.answers_looked_at import hidden, received
from experiments.runner import load
from mha.models.pretrained import load_minilm
from mha.tasks.passages import passage
from mha.tasks.spans import TokenVectors, as_batch

N = 4


@pytest.fixture(scope="module")
def batch():
    return as_batch(TokenVectors(*load_minilm()), [passage("judge", N, random.Random(k)) for k in range(5)])


def test_an_answer_receives_the_mean_weight_of_the_other_sentences_words(batch):
    i = batch.token_ids.shape[1]
    weights = torch.rand(3, 5, 2, i, i, generator=torch.Generator().manual_seed(0)).softmax(-1)
    found = received(weights, batch)
    assert found.shape == (3, 2, 5, N)
    for b, n in ((0, 1), (4, 3)):
        first, last = batch.answers[b, n].tolist()
        looking = [k for k in range(i) if batch.sentence_of[b, k] not in (-1, n)]
        assert_close(found[2, 1, b, n], weights[2, b, 1][looking, first : last + 1].mean())


def test_only_what_other_sentences_read_of_one_is_hidden(batch):
    sentences = torch.tensor([0, 1, 2, 3, 1])
    seen, of = hidden(batch, sentences), batch.sentence_of
    assert seen.shape == (5, 1, of.shape[1], of.shape[1])
    for b, sentence in enumerate(sentences.tolist()):
        expected = [[not (told == sentence and reads not in (-1, sentence)) for told in of[b]] for reads in of[b]]
        assert seen[b, 0].tolist() == expected


def test_its_readers_are_those_of_the_table_of_readers():
    """Trained again on another machine: rounding moves a few answers."""
    read = [row["lengths"]["8"]["all at once"]["right"] for row in load("span_readers")]
    assert [row["read"] for row in load("answers_looked_at")] == pytest.approx(read, abs=0.03)
