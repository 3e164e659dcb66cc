"""Profiles and gendered words: what differs is what is meant to, and who is first is counted right."""

import re

import numpy as np
import pytest

from mha.bias.gendered_words import gendered_words
from mha.bias.profiles import PARTS, advert, profiles, women_ahead, women_among_first
from mha.bias.word_lists import association_tests, occupations

JOBS = {word for job in occupations() for word in job.words}


def words_of(text):
    return re.findall(r"[a-z]+", text.lower())


def test_two_versions_differ_in_name_and_pronoun_alone():
    for part in PARTS:
        (woman,), (man,) = profiles(part, ["amy"], women=True), profiles(part, ["john"], women=False)
        swap = {"amy": "john", "she": "he", "her": "his"}
        for one, other in zip(woman, man, strict=True):
            assert [swap.get(word, word) for word in words_of(one)] == words_of(other)
            assert "{" not in one
            assert words_of(one)[0] == "amy"
            assert "she" in words_of(one)


def test_no_profile_names_an_occupation_and_none_is_in_both_parts():
    texts = {part: profiles(part, ["x"], women=False)[0] for part in PARTS}
    assert not set(texts["fit"]) & set(texts["judge"])
    assert (len(texts["fit"]), len(texts["judge"])) == (12, 24)
    for text in (*texts["fit"], *texts["judge"]):
        assert not JOBS & set(words_of(text)), text


def test_gendered_words_are_in_no_test_and_of_two_kinds():
    pool = gendered_words()
    texts = [word.text for word in pool]
    assert len(set(texts)) == len(texts) > 350
    of_tests = {w.lower() for t in association_tests().values() for part in (t.x, t.y, t.a, t.b) for w in part}
    assert not set(texts) & (of_tests | JOBS)
    for kind in ("name", "noun"):
        n_women, n_men = (sum(w.kind == kind and w.woman is woman for w in pool) for woman in (True, False))
        assert abs(n_women - n_men) <= 10
    assert [(w.kind, w.woman) for w in pool] == sorted((w.kind, w.woman) for w in pool)


def test_adverts_have_their_article():
    assert advert("nurse") == "We are looking for a nurse."
    assert advert("engineer") == "We are looking for an engineer."


def by_sorting(women, men, first):
    """Without ties."""
    order = sorted([(s, "woman") for s in women] + [(s, "man") for s in men], reverse=True)
    return sum(who == "woman" for _, who in order[:first]) / first


def test_first_places_are_counted_as_by_sorting():
    women, men = np.random.default_rng(0).normal(size=(2, 3, 5, 7))
    for first in (1, 4, 14):
        found = women_among_first(women, men, first=first)
        for at in np.ndindex(3, 5):
            assert found[at] == pytest.approx(by_sorting(women[at], men[at], first))


def test_equal_scores_favour_nobody():
    scores = [3, 1, 1, 0]
    assert women_ahead(scores, scores) == 0.5
    for first in range(1, 9):
        assert women_among_first(scores, scores, first=first) == pytest.approx(0.5)
    assert women_ahead([4, 2, 1, -1], scores) == 0.625
    assert women_among_first([2, 1, 1], [2, 2, 0], first=4) == pytest.approx((1 + 2 * 0.5) / 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: profiles("train", ["a"], women=True), ValueError, "part must be one of"),
        (lambda: profiles("fit", "amy", women=True), TypeError, "names must be several texts"),
        (lambda: advert(""), ValueError, "job must be a word"),
        (lambda: women_ahead([1, 2], [1]), ValueError, r"shapes \(2,\) and \(1,\)"),
        (lambda: women_among_first([1.0], [2.0], first=3), ValueError, "first"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
