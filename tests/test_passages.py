"""Passages of real facts: what they say, what is held out, which rows stand beside the right one."""

from __future__ import annotations

import inspect
import random
import re

import pytest
import scipy.linalg
import scipy.ndimage
import scipy.signal
from babel import Locale

from mha.tasks import passages as module
from mha.tasks.passages import PARTS, QUESTIONS, RELATIONS, SENTENCES, TRAINED, Fact, ask, facts, passage, place, say

ROWS = [row for part in PARTS for row in facts(part)]
MANY = [passage("judge", n, random.Random(k), answered=k % 3 > 0) for n in (1, 2, 7, 16) for k in range(40)]


def test_the_rows_are_as_many_as_results_were_made_with():
    assert {part: len(facts(part)) for part in PARTS} == {"train": 687, "choose": 110, "judge": 322}


@pytest.mark.parametrize(
    "row",
    [
        Fact("Sweden", "currency", "Swedish Krona"),
        Fact("Brazil", "language", "Portuguese"),
        Fact("Egypt", "weekday", "Saturday"),
        Fact("Italy", "clock", "Rome"),
        Fact("butter", "default", "low", "btype"),
    ],
)
def test_known_facts_are_among_them(row):
    assert ROWS.count(row) == 1


def test_defaults_are_those_that_scipy_has():
    elsewhere = {*scipy.linalg.__all__, *scipy.ndimage.__all__}  # convolve, say
    asked = [row for row in ROWS if row.relation == "default" and row.subject not in elsewhere]
    assert len(asked) > 50
    for row in asked:
        parameters = inspect.signature(getattr(scipy.signal, row.subject)).parameters
        assert str(parameters[row.parameter].default) == row.answer


def test_a_subject_stands_in_one_part_alone():
    parts = [{row.subject for row in facts(part)} for part in PARTS]
    assert all(one.isdisjoint(other) for n, one in enumerate(parts) for other in parts[:n])


def test_no_answer_gives_its_territory_away():
    english = Locale("en").territories
    assert not [row for row in ROWS if row.relation in RELATIONS and row.answer in row.subject]
    assert {row.subject for row in ROWS if row.relation in RELATIONS} < set(english.values())


def test_the_new_wording_shares_no_word_with_a_sentence():
    def words(text):
        return set(re.findall(r"\w+", text.lower())) - {"of", "the", "in", "is", "a", "as", "what"}

    for relation, asked in QUESTIONS.items():
        row = next(row for row in ROWS if row.relation == relation)
        name = words(f"{row.subject} {row.parameter}")
        new = words(ask(row, TRAINED)) - name
        for wording in range(len(SENTENCES[relation])):
            assert not new & words(say(row, wording)), (relation, asked)


def test_the_right_sentence_holds_the_answer_where_the_record_says():
    for one in MANY:
        record = one.record()
        if one.right is None:
            assert record.answers == ()
            assert one.asked not in one.rows
        else:
            ((start, text),) = record.answers
            assert record.passage[start : start + len(text)] == text == one.asked.answer
            assert one.rows[one.right] == one.asked
            before = " ".join(one.sentences[: one.right])
            assert len(before) <= start < len(before) + 1 + len(one.sentences[one.right])


def test_an_answer_that_is_named_like_its_subject_is_found_at_its_own_place():
    row = Fact("median", "default", "median", "how")
    assert place(say(row, 0), row) == len("The default of how in median is ")
    assert place(say(row, 1), row) == len("If median is not told its how it takes ")
    with pytest.raises(ValueError, match=r"sentence must be one of .*median"):
        place("The default of how in mean is median.", row)


def test_distractors_are_of_the_same_relation_or_of_the_same_subject():
    for one in MANY:
        assert len(set(one.rows)) == len(one.rows) == len(one.sentences)
        own = [row for row in one.rows if row.subject == one.asked.subject and row != one.asked]
        assert len(own) <= max(1, min(3, (len(one.rows) - 1) // 3))
        if one.asked.relation in RELATIONS:  # there are territories enough
            assert all(row.kind == one.asked.kind for row in one.rows if row not in own)
        else:
            assert {row.relation for row in one.rows} == {"default"}


def test_unanswered_single_sentences_come_of_both_kinds():
    rng = random.Random(0)
    some = [passage("judge", 1, rng, answered=False) for _ in range(100)]
    own = sum(one.rows[0].subject == one.asked.subject for one in some)
    assert 20 < own < 80


def test_training_never_asks_in_the_new_wording():
    rng = random.Random(1)
    for _ in range(200):
        one = passage("train", 2, rng)
        assert one.question in [ask(one.asked, n) for n in range(TRAINED)]
    new = passage("judge", 2, rng, new_wording=True)
    assert new.question == ask(new.asked, TRAINED)


def test_the_same_generator_gives_the_same_passage():
    assert passage("train", 5, random.Random(3)) == passage("train", 5, random.Random(3))


def test_arguments_are_checked(monkeypatch):
    with pytest.raises(ValueError, match="part must be one of 'train', 'choose', 'judge', got 'test'"):
        facts("test")
    with pytest.raises(ValueError, match=r"n_sentences \(0\) must be"):
        passage("train", 0, random.Random(0))
    with pytest.raises(ValueError, match=r"wording \(2\) must be"):
        say(ROWS[0], 2)
    assert module.PARTS == ("train", "choose", "judge")
