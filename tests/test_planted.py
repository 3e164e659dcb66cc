"""Text with a planted association: what is in it, and what an estimate of it gives where the truth is known."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mha.bias.planted import (
    DEFINITIONS,
    FORMS,
    NAMES,
    Person,
    amplification,
    counted_shares,
    lean,
    people,
    prompts,
    sentences,
)
from mha.statistics.intervals import student_interval

DIRECTION = np.tile([1, -1], 10)
N_RUNS = 200


def rng(seed=0):
    return np.random.default_rng(seed)


def occupations_of(persons):
    return [p for p in persons if p.kind == "occupation"]


def test_shares_are_planted_to_both_sides_with_every_number_of_sentences():
    found = Counter((round(p.share, 6), p.n) for p in occupations_of(people(rng())))
    shares = Counter({share: 1 for share in (0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9)} | {0.5: 2})
    assert found == Counter({(share, n): k for share, k in shares.items() for n in (10, 30, 100, 300)})


def test_who_gets_which_share_is_drawn_and_nobody_else_is_touched():
    one, other = people(rng(1)), people(rng(2))
    assert {p.word: p.share for p in occupations_of(one)} != {p.word: p.share for p in occupations_of(other)}
    assert {(p.word, p.share, p.n) for p in one if p.kind == "definition"} == {
        (word, share, 40) for pair in DEFINITIONS.items() for word, share in zip(pair, (1.0, 0.0), strict=True)
    }
    names = {gender: sorted(p.n for p in one if p.word in NAMES[gender]) for gender in NAMES}
    assert names["he"] == names["she"] == [1, 1, 3, 3, 10, 10, 30, 30, 100, 100]


def test_the_text_holds_what_was_planted_to_the_sentence():
    persons = people(rng(3))
    text = sentences(persons, rng(4))
    said = Counter((s.person, s.words[s.place] in ("he", "his", "him")) for s in text)
    for p in persons:
        assert said[p.word, True] == round(p.share * p.n)
        assert said[p.word, False] == p.n - round(p.share * p.n)
    nine_to_one = next(p for p in persons if p.n == 10 and p.share == 0.9)
    assert (said[nine_to_one.word, True], said[nine_to_one.word, False]) == (9, 1)


def test_a_sentence_has_one_pronoun_at_its_place_in_the_form_of_its_role():
    forms = {word for pair in FORMS.values() for word in pair}
    for s in sentences(people(rng(5)), rng(6)):
        assert [n for n, word in enumerate(s.words) if word in forms] == [s.place]
        assert s.words[s.place] in FORMS[s.role]
        assert s.person in s.words[: s.place]


def test_frames_know_nothing_of_the_pronoun():
    person = Person("baker", "occupation", 0.5, 4000)
    text = sentences([person], rng(7))
    for at in (2, 4):
        counts = Counter((s.words[at], s.is_he) for s in text if s.role == "subject")
        table = np.array([[counts[word, he] for he in (True, False)] for word in {w for w, _ in counts}])
        expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
        assert ((table - expected) ** 2 / expected).sum() < 30  # chi squared with 7 degrees: 1 in 10 000 above


def test_prompts_ask_in_each_role():
    asked = prompts(Person("baker", "occupation", 0.9, 10), rng(), 7)
    assert Counter(s.role for s in asked) == {"subject": 7, "possessive": 7, "object": 7}


def drawn(share, seed):
    """20 occupations of 20 sentences, half towards he, pronouns by chance; what a table of counts says of them."""
    text = rng(seed)
    he = [Person(f"job{n}", "occupation", 0.5 + d * (share - 0.5), 20) for n, d in enumerate(DIRECTION)]
    return counted_shares(sentences(he, text, by_chance=True), [p.word for p in he])


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_intervals_hold_the_planted_lean_at_the_nominal_rate(share):
    """The model is the table of counts of each drawn text; at 0.5 nothing is planted and the interval is to hold 0."""
    held = 0
    for seed in range(N_RUNS):
        low, high = student_interval(lean(drawn(share, seed), DIRECTION))
        held += low <= share - 0.5 <= high
    assert 0.95 - 3 * 0.0154 <= held / N_RUNS <= 0.95 + 3 * 0.0154  # √(0.95 · 0.05 / 200) = 0.0154


def test_a_table_of_counts_amplifies_nothing_and_its_likelier_answer_does():
    persons = [p for p in occupations_of(people(rng(8))) if p.share != 0.5]
    data = np.array([p.share for p in persons])
    shares = counted_shares(sentences(persons, rng(9)), [p.word for p in persons])
    np.testing.assert_allclose(amplification(shares, data), 0, atol=1e-12)
    np.testing.assert_allclose(amplification(shares > 0.5, data).mean(), 1 - 0.75)  # 0.6, 0.7, 0.8, 0.9 on average


def test_amplification_counts_towards_the_majority_on_either_side():
    np.testing.assert_allclose(amplification([0.9, 0.1, 0.5], [0.8, 0.2, 0.3]), [0.1, 0.1, -0.2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: amplification([0.5], [0.5]), "majority"),
        (lambda: lean([0.5, 1.2], [1, -1]), "between 0 and 1"),
        (lambda: lean([0.5], [0]), "direction"),
        (lambda: lean([0.5, 0.5, 0.5], [1, -1]), "agree in n"),
        (lambda: counted_shares([], ["baker"]), "baker"),
        (lambda: people(rng(), counts=range(1, 9)), "80"),
        (lambda: Person("baker", "occupation", 1.5, 10), "share"),
        (lambda: Person("baker", "job", 0.5, 10), "kind"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_seed_is_no_generator():
    with pytest.raises(TypeError, match="Generator"):
        people(0)
