"""The checks of the chapter on auditing against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest

from course.checks import ethical_audit as check
from course.checks.statements import Statement, Statements

# ---- the smallest difference


def by_hand(x, y):
    total = 0.0
    for group in (x, y):
        means = [float(np.mean(row)) for row in group]
        middle = sum(means) / len(means)
        total += sum((m - middle) ** 2 for m in means) / (len(means) - 1) / len(means)
    return 2.8 * total**0.5


def by_standard_errors(x, y):
    a, b = (np.std(g.mean(1), ddof=1) / np.sqrt(len(g)) for g in (x, y))
    return 2.8 * np.hypot(a, b)


@pytest.mark.parametrize("answer", [by_hand, by_standard_errors])
def test_right_answers_pass(answer):
    feedback = check.smallest(answer)
    assert feedback.ok, feedback.message


def error(x, y):
    return np.sqrt(x.var(ddof=1) / len(x) + y.var(ddof=1) / len(y))


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda x, y: 2.8 * error(x.ravel(), y.ravel()), "unit-is-the-question"),
        (lambda x, y: error(x.mean(1), y.mean(1)), "no-factor"),
        (lambda x, y: 1.96 * error(x.mean(1), y.mean(1)), "interval-only"),
        (lambda x, y: 2.8 * error(x.mean(1), y.mean(1)) ** 2, "no-root"),
        (lambda x, y: x.mean() - y.mean(), "the-difference-itself"),
        (lambda x, y: 2.8 * np.sqrt(x.mean(1).var(ddof=1) + y.mean(1).var(ddof=1)), "not-divided"),
        (lambda x, y: 2.8 * np.sqrt(x.mean(1).var() / len(x) + y.mean(1).var() / len(y)), "ddof-0"),
        (
            lambda x, y: 2.8 * sum(np.std(g.mean(1), ddof=1) / np.sqrt(len(g)) for g in (x, y)),
            "errors-added",
        ),
        (
            lambda x, y: 2.8 * np.sqrt((x.mean(1).var(ddof=1) + y.mean(1).var(ddof=1)) / (len(x) + len(y))),
            "pooled-size",
        ),
        (lambda x, y: 2.8 * np.sqrt(x.mean(1).var(ddof=1) / len(x)), "one-group"),
        (lambda x, y: 2.49 * error(x.mean(1), y.mean(1)), "one-sided"),
        (lambda x, y: (1.645 + 0.84) * error(x.mean(1), y.mean(1)), "one-sided"),
        (lambda x, y: 280 * error(x.mean(1), y.mean(1)), "percent"),
        (lambda x, y: 2.8 * error(x.sum(1), y.sum(1)), "sums-for-means"),
        (lambda x, y: np.sqrt(2.8) * error(x.mean(1), y.mean(1)), "factor-in-the-root"),
        (lambda x, y: ..., "unfinished"),
    ],
)
def test_wrong_answers_are_named(answer, key):
    feedback = check.smallest(answer)
    assert (feedback.ok, feedback.diagnosis) == (False, key), feedback.message


# ---- a group of five


def test_five_people_show_little():
    assert check.group_of_five(0.451, 59).ok
    assert "share found" in check.group_of_five(0.549, 59).message
    assert "round up" in check.group_of_five(0.4507, 58).message
    share, people = check.group_of_five.right.values()
    assert (1 - share) ** 5 == pytest.approx(0.05)
    assert 0.95**people <= 0.05 < 0.95 ** (people - 1)


# ---- what may be said

SOME = Statements(
    "some", {"a": Statement(True, "it holds."), "b": Statement(False, "it does not."), "c": Statement(True, "too.")}
)


@pytest.mark.parametrize(
    ("given", "diagnosis"),
    [
        ((...,), "unfinished"),
        ((), "unfinished"),
        (("a", "c"), "correct"),
        (("ca",), "correct"),
        (("a and c",), "correct"),
        ((["C", "a"],), "correct"),
        (("a",), "left-out-c"),
        (("a", "b", "c"), "oversteps-b"),
        (("b",), "oversteps-b"),
        (("a", "x"), "letter"),
        ((3,), "letter"),
    ],
)
def test_sentences_are_judged_one_by_one(given, diagnosis):
    feedback = SOME(*given)
    assert feedback.diagnosis == diagnosis
    assert feedback.ok == (diagnosis == "correct")


def test_every_sentence_that_oversteps_is_told_why():
    sentences = check.may_be_said.sentences
    right = [letter for letter, statement in sentences.items() if statement.may]
    assert check.may_be_said(*right).ok
    for letter in sentences.keys() - set(right):
        told = check.may_be_said(*right, letter)
        assert told.diagnosis == f"oversteps-{letter}"
        assert sentences[letter].why in told.message
    for letter in right:
        assert check.may_be_said(*set(right) - {letter}).diagnosis == f"left-out-{letter}"


def test_a_check_of_one_kind_of_sentence_is_refused():
    with pytest.raises(ValueError, match="both kinds"):
        Statements("all", {"a": Statement(True, "it holds.")})
    with pytest.raises(ValueError, match="lower case"):
        Statement(True, "It holds")
