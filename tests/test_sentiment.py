"""The sentences on sentiment: each pair differs as its rule says, and nothing else tells its two labels apart."""

from collections import Counter

import numpy as np
import pytest

from mha.tasks import sentiment
from mha.tasks.sentiment import FILLERS, RULES, Pair, opinion_words, sentiment_pairs, templated_pairs, words

NEGATORS = {"not", "never", "hardly", "seldom", "rarely", "no"}
STRONG = {
    *("very", "really", "extremely", "incredibly", "absolutely", "utterly", "thoroughly", "remarkably", "deeply"),
}
WEAK = {"slightly", "somewhat", "mildly", "fairly", "a bit", "a little"}
BEHIND = {"but", "yet", "however"}  # the clause behind them wins; of the others the main clause


def pairs(rule):
    return [pair for pair in sentiment_pairs() if pair.rule == rule]


def labels_of(text):
    return [opinion_words()[word][1] for word in words(text) if word in opinion_words()]


def test_there_are_twenty_pairs_of_each_rule_in_each_part_and_no_sentence_twice():
    assert Counter((pair.part, pair.rule) for pair in sentiment_pairs()) == {
        (part, rule): 20 for part in range(3) for rule in RULES
    }
    assert [pair.number for pair in sentiment_pairs()] == list(range(240))
    texts = [text.lower() for pair in sentiment_pairs() for text in pair.texts]
    assert len(set(texts)) == len(texts) == 480


def test_no_part_uses_an_opinion_word_of_another_and_every_opinion_word_is_used():
    for pair in sentiment_pairs():
        assert {opinion_words()[word][0] for word in pair.opinions} == {pair.part}, pair
    used = {word for pair in sentiment_pairs() for word in pair.opinions}
    assert len(used) > 0.9 * len(opinion_words())
    assert len(opinion_words()) == 3 * 38
    assert Counter(opinion_words().values()) == {(n, label): 19 for n in range(3) for label in ("positive", "negative")}


def test_a_pair_of_negation_differs_by_one_negator_that_half_of_them_put_into_a_positive_sentence():
    for pair in pairs("negation"):
        with_it, without = words(pair.cued), words(pair.plain)
        places = [n for n, word in enumerate(with_it) if word in NEGATORS]
        assert [with_it[n] for n in places] == [pair.cue]
        assert with_it[: places[0]] + with_it[places[0] + 1 :] == without
        (label,) = labels_of(pair.plain)
        assert (pair.plain == pair.positive) == (label == "positive")
        assert words(pair.filled) == [FILLERS[pair.cue] if word == pair.cue else word for word in with_it]
    by_part = Counter((pair.part, pair.turned) for pair in pairs("negation"))
    assert set(by_part.values()) == {10}


def test_a_pair_of_contrast_is_two_clauses_in_both_orders_and_its_connective_says_which_wins():
    for pair in pairs("contrast"):
        assert sorted(words(pair.positive)) == sorted(words(pair.negative))
        for text, label in zip(pair.texts, ("positive", "negative"), strict=True):
            behind = pair.cue in BEHIND or text.lower().startswith(pair.cue)
            assert labels_of(text)[-1 if behind else 0] == label
            assert len(set(labels_of(text))) == 2


def test_a_pair_of_degree_exchanges_a_strong_and_a_weak_word_and_the_strong_one_decides():
    first = Counter()
    for pair in pairs("intensifier"):
        assert sorted(words(pair.positive)) == sorted(words(pair.negative))
        assert pair.cue in STRONG
        assert sum(f" {weak} " in pair.positive for weak in WEAK) == 1
        for text, label in zip(pair.texts, ("positive", "negative"), strict=True):
            following = words(text)[words(text).index(pair.cue) + 1]
            assert opinion_words()[following][1] == label
        first[labels_of(pair.positive)[0]] += 1
    assert min(first.values()) > 20  # neither place of the positive word is the rule


def test_a_pair_of_scope_moves_its_negator_and_what_follows_it_is_turned():
    for pair in pairs("scope"):
        assert sorted(words(pair.positive)) == sorted(words(pair.negative))
        for text, label in zip(pair.texts, ("positive", "negative"), strict=True):
            assert [word for word in words(text) if word in NEGATORS] == [pair.cue]
            meant = [other(opinion_words()[w][1]) if turned else opinion_words()[w][1] for w, turned in opinions(text)]
            assert set(meant) == {label}, text


def other(label):
    return "negative" if label == "positive" else "positive"


def opinions(text):
    """Words of opinion, and whether a negator stands before them in their own half of the sentence."""
    for half in text.lower().split(" and "):
        assert {"was", "were", "is", "are", "had"} & set(words(half)), (
            text
        )  # a verb of its own: no negator reaches over
        turned = bool(NEGATORS & set(words(half)))
        yield from ((word, turned) for word in words(half) if word in opinion_words())


def test_in_pairs_of_scope_the_sentence_as_written_is_as_often_positive():
    first = Counter(
        (pair.part, words(pair.positive).index(pair.cue) < words(pair.negative).index(pair.cue))
        for pair in pairs("scope")
    )
    assert set(first.values()) == {10}


def test_templated_pairs_follow_the_rules_with_the_words_of_their_parts():
    found = templated_pairs((0, 2), 6, np.random.default_rng(0))
    assert len(found) == 2 * 4 * 6
    assert {pair.part for pair in found} == {0, 2}
    negation = [pair for pair in found if pair.rule == "negation"]
    assert Counter(pair.turned for pair in negation) == {"positive": 6, "negative": 6}
    for pair in found:
        assert {opinion_words()[word][0] for word in pair.opinions} == {pair.part}
        assert pair.positive != pair.negative
    assert found == templated_pairs((0, 2), 6, np.random.default_rng(0))


def test_templates_with_written_cues_have_those_of_the_pairs_in_their_places():
    found = templated_pairs((1, 2), 20, np.random.default_rng(0), written_cues=True)
    written = [pair for pair in sentiment_pairs() if pair.part != 0]
    assert [pair.cue for pair in found] == ["not" if pair.cue == "no" else pair.cue for pair in written]
    for pair, model in zip(found, written, strict=True):
        assert {weak for weak in WEAK if f" {weak} " in pair.positive + model.positive} == {
            weak for weak in WEAK if f" {weak} " in model.positive
        }
    usual = templated_pairs((1, 2), 20, np.random.default_rng(0))
    assert [{*pair.opinions} for pair in usual] == [{*pair.opinions} for pair in found]
    assert {pair.cue for pair in usual} == {"not", "but", "very"}


def test_what_cannot_be_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="between 0 and 2"):
        templated_pairs((0, 3), 1, rng)
    with pytest.raises(ValueError, match="n_each"):
        templated_pairs((0,), 0, rng)
    with pytest.raises(ValueError, match="rule 'negation'"):
        _ = pairs("scope")[0].cued
    assert isinstance(sentiment.sentiment_pairs()[0], Pair)
