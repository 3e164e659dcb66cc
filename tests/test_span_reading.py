"""How the tables of readers count: BM25 by its formula, rows apart from texts, and what was seen on the way."""

from __future__ import annotations

import math
import random
import re

import pytest
import torch
from torch.testing import assert_close

from experiments.span_reading import reader
from experiments.span_reading.measures import bm25
from mha.models.pretrained import load_minilm
from mha.tasks.passages import passage
from mha.tasks.spans import TokenVectors

SENTENCES = ("A dog saw a cat.", "The cat of the cat sat.", "Birds sing here, dog.", "Nothing but words without end.")
QUESTIONS = ("Which cat saw the dog?", "No such thing", "sing, birds, sing")


def words(text):
    return re.findall(r"\w\w+", text.lower())


def by_formula(question, sentence, k=1.5, c=0.75):
    told, total = words(sentence), 0.0
    mean = sum(len(words(each)) for each in SENTENCES) / len(SENTENCES)
    for word in words(question):
        n, f = sum(word in words(each) for each in SENTENCES), told.count(word)
        rarity = math.log(1 + (len(SENTENCES) - n + 0.5) / (n + 0.5))
        total += rarity * (k + 1) * f / (f + k * (1 - c + c * len(told) / mean))
    return total


def test_bm25_sums_its_formula_over_the_words_of_the_question():
    expected = [[by_formula(question, sentence) for sentence in SENTENCES] for question in QUESTIONS]
    assert_close(torch.from_numpy(bm25(QUESTIONS, SENTENCES)), torch.tensor(expected).double(), rtol=0, atol=1e-6)
    assert expected[0][0] > expected[0][1] > 0 == expected[1][2]


def test_the_same_text_in_another_row_is_exact_and_not_right():
    some = [passage("judge", 4, random.Random(k)) for k in range(5)]
    wrong = torch.tensor([(one.right + 1) % 4 for one in some])
    answers = [one.asked.answer for one in some]
    assert reader.scored(some, (wrong, answers, wrong)) == {"right": 0.0, "exact": 1.0, "f1": 1.0}
    right = torch.tensor([one.right for one in some])
    said = [answers[0], *(f"{answer} indeed" for answer in answers[1:])]
    found = reader.scored(some, (right, said, right))
    assert found["right"] == 1.0
    assert found["exact"] == 0.2
    assert 0.2 < found["f1"] < 1.0


def test_a_training_is_looked_at_on_its_way(monkeypatch):
    def few(part, n_sentences):
        return tuple(passage(part, n_sentences, random.Random(k)) for k in range(3))

    known = TokenVectors(*load_minilm())
    monkeypatch.setattr(reader, "questions", few)
    monkeypatch.setattr(reader, "tokens", lambda: known)
    monkeypatch.setattr(reader, "BATCH", 2)
    model, seen = reader.train(0, steps=5, every=2)
    assert [each["steps"] for each in seen] == [2, 4, 5]
    some = few("judge", reader.LOOKED_AT)
    assert seen[-1]["judge"] == pytest.approx(reader.scored(some, reader.all_at_once(model, some))["right"])
    assert not model.training
