"""The tables on summaries: what is trained on is not judged on, what is shuffled moves, the kept model looks."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from experiments import chosen_sentences, planted_facts, summary_vectors
from experiments.runner import load
from mha.tasks.incidents import Report, joined, reports
from mha.tasks.summaries import fold_of, summaries


def test_vectors_and_scores_are_those_of_the_texts():
    (row,), texts = load("summary_vectors"), summaries()
    assert summary_vectors.digest() == row["digest"]
    sentences, heads = summary_vectors.vectors()
    assert (len(sentences), len(heads)) == (sum(len(one.sentences) for one in texts), len(texts))
    assert_close(sentences.norm(dim=1), torch.ones(len(sentences)), atol=2e-3, rtol=0)
    one = texts[17]
    assert row["rouge"][17][1] == pytest.approx(summary_vectors.rouge(one.summary, one.sentences[1]), abs=1e-4)
    assert row["constant"][17] == pytest.approx(
        summary_vectors.rouge(one.summary, summary_vectors.constants()[fold_of(one.module)]), abs=1e-4
    )


def test_the_constant_string_knows_no_summary_of_its_own_fold(monkeypatch):
    texts = summaries()
    own = [one for one in texts if fold_of(one.module) != 2]
    strings = summary_vectors.constants()
    monkeypatch.setattr(summary_vectors, "summaries", lambda: own)
    assert summary_vectors.constants()[2] == strings[2]


def test_what_is_trained_on_is_of_other_modules(monkeypatch):
    seen = []
    drawn = chosen_sentences.drawn

    def spy(data, known, generator):
        seen.append(known)
        return drawn(data, known, generator)

    monkeypatch.setattr(chosen_sentences, "drawn", spy)
    monkeypatch.setattr(chosen_sentences, "STEPS", 10)
    chosen_sentences.train("alone", 0, 3, chosen_sentences.padded())
    folds = {fold_of(summaries()[n].module) for n in seen[0].tolist()}
    assert folds == {0, 1, 2}  # 4, the one behind, decides when to stop


def test_shuffling_keeps_a_texts_sentences_and_moves_them():
    _, real, _ = chosen_sentences.padded()
    order = chosen_sentences.shuffled(real)
    assert torch.equal(order.sort(1).values, torch.arange(real.shape[1]).expand_as(order))
    assert torch.equal(real.gather(1, order), real)
    first = (order[:, 0] == 0).double().mean()
    assert abs(first - (1.0 / real.sum(1)).mean()) < 0.06


def test_rows_hold_what_was_chosen():
    _, real, scores = chosen_sentences.padded()
    best = scores.argmax(1).tolist()
    for row in load("chosen_sentences"):
        assert len(row["chosen"]) == len(real)
        assert all(bool(real[n, place]) for n, place in enumerate(row["chosen"]))
        sure = [n for n, weight in enumerate(row["on_best"]) if weight > 0.5]
        assert all(row["chosen"][n] == best[n] for n in sure)


def test_the_kept_model_writes_and_looks_as_its_row_says():
    model = planted_facts.kept()
    keys = ("copying", planted_facts.FRESH, 0)
    (row,) = [row for row in load("planted_facts") if (row["output"], row["n_reports"], row["seed"]) == keys]
    texts = planted_facts.asked("names in a new role")
    right = planted_facts.shares_right(model, texts)
    assert right == pytest.approx(row["right"]["names in a new role"], abs=0.02)
    weights = planted_facts.sentence_weights(model, texts)
    assert_close(weights["0.1"].sum(1), torch.ones(len(texts)), atol=1e-4, rtol=0)
    stored = row["looks"]["names in a new role"]["copying"]
    assert planted_facts.planted_share(weights["copying"], texts) == pytest.approx(stored, abs=0.02)


def test_a_removal_is_asked_of_the_sentence_that_goes(monkeypatch):
    """A model that counts how often a word stands in the source has its costs where that word was."""
    text = reports("names in a new role", 1, random.Random(3))[0]
    place = planted_facts.WORDS.encode(text.summary[:1])[0]

    class Counts(torch.nn.Module):
        def forward(self, source, inputs, *, key_mask):
            counts = (source == place).sum(1).double()
            return counts[:, None, None].expand(*inputs.shape, len(planted_facts.WORDS))

    monkeypatch.setattr(planted_facts, "written", lambda model, texts: [[*text.summary]])
    costs = planted_facts.removal_costs(Counts(), text)
    expected = [(len(text.summary) + 1.0) * sentence.count(text.summary[0]) for sentence in text.sentences]
    assert costs == expected


def test_batches_follow_from_seed_and_step_alone():
    one, other = planted_facts.batch(3, 1), planted_facts.batch(3, 2)
    assert torch.equal(one[0], planted_facts.batch(3, 1)[0])
    assert one[0].shape != other[0].shape or not torch.equal(one[0], other[0])
    sizes = Counter(len(r.sentences) for seed in range(50) for r in reports("as trained", 1, random.Random(seed)))
    assert set(sizes) == {1, 2, 3, 4, 5}
    assert isinstance(planted_facts.asked("as trained")[0], Report)
    assert np.mean([len(joined(r)) for r in planted_facts.asked("twice as long")]) > 80


def test_few_reports_come_round_and_round():
    texts = {tuple(planted_facts.WORDS.encode(joined(r))) for r in planted_facts.known(50, 3)}
    rows = [row for step in range(9) for row in planted_facts.batch(step, 3, 50)[0].tolist()]
    assert {tuple(filter(None, row)) for row in rows} <= texts  # 0 pads
    assert planted_facts.known(50, 4)[0] != planted_facts.known(50, 3)[0]
