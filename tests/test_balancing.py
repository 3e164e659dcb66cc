"""Treatments of a text with a planted association: what each leaves, mends and breaks."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np
import pytest

from mha.bias.balancing import augmented, balancing_weights, careful, careless, evened, name_partners
from mha.bias.planted import DEFINITIONS, NAMES, counted_shares, people, sentences

PERSONS = people(np.random.default_rng(0))
TEXT = sentences(PERSONS, np.random.default_rng(1))
JOBS = [p.word for p in PERSONS if p.kind == "occupation"]
PARTNERS = {"anna": "adam", "adam": "anna"}


def words(text):
    return tuple(text.split())


@pytest.mark.parametrize(
    ("before", "badly", "well"),
    [
        ("the baker sold his car .", "the baker sold her car .", "the baker sold her car ."),
        ("the baker sold her car .", "the baker sold his car .", "the baker sold his car ."),
        ("and we thanked her today .", "and we thanked his today .", "and we thanked him today ."),
        ("and we thanked her", "and we thanked his", "and we thanked him"),
        ("and we thanked him today .", "and we thanked her today .", "and we thanked her today ."),
        ("the king left as he was tired .", "the king left as she was tired .", "the king left as he was tired ."),
        ("anna left as she was late .", "anna left as he was late .", "adam left as he was late ."),
        ("the lamp was there .", "the lamp was there .", "the lamp was there ."),
    ],
)
def test_a_counterfactual_done_badly_and_done_well(before, badly, well):
    assert careless(words(before)) == words(badly)
    assert careful(words(before), PARTNERS) == words(well)


def shares(text):
    return dict(zip((w := sorted({s.person for s in text})), counted_shares(text, w), strict=True))


def test_careful_counterfactuals_even_out_occupations_and_nothing_else():
    text = augmented(TEXT, partial(careful, partners=name_partners(TEXT)))
    found = shares(text)
    assert len(text) == 2 * len(TEXT)
    assert {found[job] for job in JOBS} == {0.5}
    assert {found[w] for w in [*DEFINITIONS, *NAMES["he"]]} == {1.0}
    assert {found[w] for w in [*DEFINITIONS.values(), *NAMES["she"]]} == {0.0}
    assert Counter(s.role for s in text) == {role: 2 * n for role, n in Counter(s.role for s in TEXT).items()}
    assert all(s.words[s.place] != "his" for s in text if s.role == "object")


def test_careless_counterfactuals_even_out_definitions_and_names_too():
    text = augmented(TEXT, careless)
    assert set(shares(text).values()) == {0.5}
    wrong = sum(s.words[s.place] == "his" for s in text if s.role == "object")
    assert wrong == sum(s.words[s.place] == "her" for s in TEXT if s.role == "object") > 0


def test_names_are_paired_both_ways_with_names_as_frequent():
    partners, seen = name_partners(TEXT), {p.word: p.n for p in PERSONS}
    for name, other in partners.items():
        assert partners[other] == name
        assert (name in NAMES["he"]) != (other in NAMES["he"])
        assert seen[name] == seen[other]


def test_weights_make_both_pronouns_weigh_alike_and_keep_each_words_sum():
    weights = balancing_weights(TEXT, JOBS)
    for p in PERSONS:
        of = {he: weights[[(s.person, s.is_he) == (p.word, he) for s in TEXT]].sum() for he in (True, False)}
        assert sum(of.values()) == pytest.approx(p.n)
        assert of[True] == pytest.approx(p.n / 2 if p.kind == "occupation" else p.n * p.share)


def test_evening_out_keeps_the_rarer_pronoun_and_all_others():
    left = evened(TEXT, JOBS, np.random.default_rng(2))
    found = Counter((s.person, s.is_he) for s in left)
    for p in PERSONS:
        both = round(p.n * p.share), p.n - round(p.n * p.share)
        kept = (min(both), min(both)) if p.kind == "occupation" else both
        assert (found[p.word, True], found[p.word, False]) == kept
    assert set(left) <= set(TEXT)


def test_a_word_with_one_pronoun_cannot_be_balanced_by_weights():
    one = [s for s in TEXT if s.person == "king"]
    assert balancing_weights(one, ["king"]).tolist() == [1.0] * len(one)


def test_a_string_is_no_sentence_and_a_swap_keeps_its_length():
    with pytest.raises(TypeError, match="one string"):
        careless("she left")
    with pytest.raises(ValueError, match="number of words"):
        augmented(TEXT[:1], lambda s: s[1:])
