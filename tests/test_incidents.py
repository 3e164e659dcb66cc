"""Reports with a planted fact: the summary tells the incident, nothing else could, and tests hold what they say."""

from __future__ import annotations

import random

import pytest

from mha.tasks.incidents import KINDS, LONGEST_SUMMARY, VERBS, Report, Words, joined, reports

N = 200
NOT_SO = {"not", "never", "yet", "might", "nearly", "about", "year", "once", "old"}


def drawn(kind: str) -> list[Report]:
    return reports(kind, N, random.Random(5))


@pytest.mark.parametrize("kind", KINDS)
def test_the_summary_is_what_the_incidents_sentence_says(kind):
    for text in drawn(kind):
        sentence = text.sentences[text.which]
        place, the, thing, verb, says, witness = text.summary
        assert (the, says) == ("the", "says")
        assert {place, thing, witness} <= set(sentence)
        assert sentence[sentence.index(place) - 1] == "in"
        assert {verb, VERBS[verb]} & set(sentence)
        assert not {place, witness} & {word for n, s in enumerate(text.sentences) if n != text.which for word in s}
        assert joined(text)[text.sentence_of_words().index(text.which)] == sentence[0]
        assert len(text.summary) < LONGEST_SUMMARY


@pytest.mark.parametrize("kind", KINDS)
def test_one_sentence_tells_of_what_happened_and_two_others_of_what_did_not(kind):
    verbs = {*VERBS, *VERBS.values()}
    for text in drawn(kind):
        told = [set(sentence) for sentence in text.sentences if verbs & set(sentence)]
        n_sentences = len(text.sentences)
        assert [
            n for n, sentence in enumerate(text.sentences) if verbs & set(sentence) and not NOT_SO & set(sentence)
        ] == [text.which]
        assert len(told) >= min(n_sentences, 3)


def test_the_incident_stands_anywhere():
    places = [text.which for text in drawn("names in a new role")]
    assert min(places.count(place) / N for place in range(5)) > 0.1
    assert {len(text.sentences) for seed in range(20) for text in reports("as trained", 1, random.Random(seed))} == {
        1,
        2,
        3,
        4,
        5,
    }


def test_a_test_holds_what_training_never_does():
    trained = [text for seed in range(300) for text in reports("as trained", 2, random.Random(seed))]
    words = {word for text in trained for word in joined(text)}
    roles = [{text.summary[at] for text in trained} for at in (0, -1)]
    for at in (0, -1):
        names = {text.summary[at] for text in drawn("names in a new role")}
        assert names <= words
        assert names <= roles[1 + at] - roles[at]
        assert words.isdisjoint(text.summary[at] for text in drawn("names never met"))

    def wordings(texts):
        return {tuple(word for word in text.sentences[text.which] if word not in own(text)) for text in texts}

    def own(text):
        return {*text.summary, VERBS[text.summary[3]]} - {"the", "says"}

    assert wordings(trained).isdisjoint(wordings(drawn("wordings never met")))
    assert {len(text.sentences) for text in drawn("twice as long")} == {10}


def test_words_are_padded_and_read_back():
    words, texts = Words(), drawn("twice as long")[:3]
    sources, targets = words.sources(texts), words.targets(texts)
    assert [words.decode([n for n in row if n]) for row in sources.tolist()] == [joined(text) for text in texts]
    assert [tuple(words.decode([n for n in row if n >= 0])) for row in targets.tolist()] == [t.summary for t in texts]
    assert (targets[:, -1] == words.end_id).all()


def test_a_kind_that_is_none_is_named():
    with pytest.raises(ValueError, match=r"kind .*longest"):
        reports("longest", 1, random.Random(0))
