"""What the table of translated phrases is made with: batches, names for unknown words, masked places, chosen heads."""

import numpy as np
import pytest
import torch

from experiments import translated_phrases as made
from experiments.runner import load
from mha.interpret.alignment import error_rate
from mha.models.t5 import shift_right
from mha.tasks.phrases import joined

WORDS = made.vocabulary("de")
SOME = made.phrases("numbers", "de")[:7]


@pytest.fixture(scope="module")
def model():
    return made.untrained("de", seed=3)


def test_a_batch_follows_from_seed_and_step_and_a_pool_holds_all_lengths():
    batch, again = made.batches("de", seed=1), made.batches("de", seed=1)
    for n in (0, 9):
        assert all(map(torch.equal, batch(n), again(n)))
    assert not torch.equal(batch(0)[0][:, :3], made.batches("de", seed=2)(0)[0][:, :3])
    widths = {batch(n)[0].shape[1] for n in range(made.POOL)}
    assert len(widths) > 2
    source, target = batch(0)
    assert (source != 0).any(dim=0).all()
    assert (target >= 0).any(dim=0).all()


def test_rare_numbers_are_unknown_and_nothing_else_is():
    known = made.phrases("training", "de")
    unknown = {t for p in known for t in (*p.source, *p.target) if WORDS.encode([t]) == [WORDS.unknown_id]}
    assert len(unknown) > 50
    assert all(token.strip().isdigit() for token in unknown)


def test_an_unknown_word_gets_the_name_that_is_looked_at_most(model):
    p = SOME[0]
    (maps,) = made.maps(model, WORDS, [p])
    written = (WORDS.unknown, *p.target[1:])
    (weights,) = made.maps(model, WORDS, [p._replace(target=written)])
    place = weights.mean(axis=(0, 1))[0, : len(p.source)].argmax()
    named = made.with_names(model, WORDS, p.source, written)
    assert named == (p.source[place], *p.target[1:])
    assert made.with_names(model, WORDS, p.source, ("a", "b")) == ("a", "b")
    assert np.allclose(maps.sum(axis=-1), 1)


def test_drops_are_those_of_one_masked_place(model):
    p = SOME[2]
    source, target = WORDS.batch([p.source]), WORDS.batch([p.target])
    found = made.drops(model, WORDS, p)
    with torch.no_grad():
        memory = model.encode(source)

        def log_p(mask):
            logits = model.decoder_for(memory, mask)(shift_right(target)).log_softmax(-1)[0]
            return logits[torch.arange(len(p.target)), target[0, :-1]]

        whole = torch.ones(1, memory.shape[1], dtype=torch.bool)
        for j in range(len(p.source)):
            without = whole.clone()
            without[0, j] = False
            expected = (log_p(whole) - log_p(without)).double().numpy()
            assert np.allclose(found[:, j], expected, atol=1e-5)


def test_the_best_head_is_a_head_and_has_the_lowest_rate(model):
    counts = made.attention_counts(model, WORDS, SOME)
    best = made.best_head(counts)
    heads = {name: float(error_rate(c.sum(axis=0))) for name, c in counts.items() if name[0].isdigit()}
    assert len(heads) == 8
    assert heads[best] == min(heads.values())
    assert set(counts) - set(heads) == {"block 0", "block 1", "all"}


def test_scores_count_what_is_right():
    right = [joined(p.target) for p in SOME]
    row = made.scores([right[0], *right[:0:-1]], right)
    assert row["right"] == "".join(str(int(a == b)) for a, b in zip([right[0], *right[:0:-1]], right, strict=True))
    assert made.scores(right, right)["bleu"] == pytest.approx(100)


def test_what_is_kept_is_what_the_table_measured():
    (row,) = [r for r in load("translated_phrases") if (r["language"], r["system"], r["seed"]) == ("de", "model", 0)]
    counts = made.attention_counts(made.kept("de"), WORDS, made.phrases("phrases", "de"))
    now = made.rates(counts)
    assert abs(now["all"] - row["alignment"]["predicts"]["all"]) < 0.01
