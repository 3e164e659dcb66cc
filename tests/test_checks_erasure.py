"""The check of the half on erasing against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest

from course.checks import erasure as check
from mha.bias.mitigation import projection
from tests.told import wrong_answer_tests

# ---- right answers, written differently


def of_the_package(x, women, words):
    return projection(x, women)(words)


def word_by_word(x, women, words):
    direction = np.mean([row for row, w in zip(x, women, strict=True) if w], axis=0)
    direction = direction - np.mean([row for row, w in zip(x, women, strict=True) if not w], axis=0)
    direction /= np.linalg.norm(direction)
    return [word - np.dot(word - x.mean(0), direction) * direction for word in words]


def by_a_matrix(x, women, words):
    g = x[women == 0].mean(0) - x[women == 1].mean(0)  # the other way round: the direction has no sign
    centre = x.mean(0, keepdims=True)
    return centre + (words - centre) @ (np.eye(len(g)) - np.outer(g, g) / (g @ g))


@pytest.mark.parametrize("answer", [of_the_package, word_by_word, by_a_matrix])
def test_right_answers_pass(answer):
    feedback = check.erased(answer)
    assert feedback.ok, feedback.message


# ---- wrong answers


def direction(x, women):
    return x[women].mean(0) - x[~women].mean(0)


def long_direction(x, women, words):
    g = direction(x, women)
    return words - np.outer((words - x.mean(0)) @ g, g)


def from_zero(x, women, words):
    g = direction(x, women)
    return words - np.outer(words @ g, g) / (g @ g)


def own_centre(x, women, words):
    g = direction(x, women)
    return words - np.outer((words - words.mean(0)) @ g, g) / (g @ g)


def centred_away(x, women, words):
    g, words = direction(x, women), words - x.mean(0)
    return words - np.outer(words @ g, g) / (g @ g)


def turned_round(x, women, words):
    g = direction(x, women)
    return words - 2 * np.outer((words - x.mean(0)) @ g, g) / (g @ g)


def the_part(x, women, words):
    g = direction(x, women)
    return np.outer((words - x.mean(0)) @ g, g) / (g @ g)


def by_sums(x, women, words):
    g = x[women].sum(0) - x[~women].sum(0)
    return words - np.outer((words - x.mean(0)) @ g, g) / (g @ g)


def women_alone(x, women, words):
    g = x[women].mean(0)
    return words - np.outer((words - x.mean(0)) @ g, g) / (g @ g)


def long_and_from_zero(x, women, words):
    g = direction(x, women)
    return words - np.outer(words @ g, g)


WRONG = [
    (check.erased, long_direction, "not-of-length-1", "divide it by its length"),
    (check.erased, from_zero, "not-centred", "from the mean of x"),
    (check.erased, own_centre, "centred-on-the-judged-words", "all that is fitted comes from x"),
    (check.erased, centred_away, "centre-lost", "leave it in the words"),
    (check.erased, turned_round, "mirrored", "can still be read"),
    (check.erased, the_part, "only-the-direction", "it is to go"),
    (check.erased, by_sums, "sums-for-means", "differ in size"),
    (check.erased, women_alone, "one-group", "the difference of the two"),
    (check.erased, long_and_from_zero, "not-of-length-1+not-centred", "two things are wrong"),
    (check.erased, lambda x, women, words: ..., "unfinished", ""),
]

test_wrong_answers_are_told_what_is_wrong, test_six_wrong_answers_differ = wrong_answer_tests(check, WRONG)
