"""The checks of the chapter on question answering against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.checks import question_answering as check
from tests.told import wrong_answer_tests


def span_loops(begins, ends, longest):
    pairs = [(i, j) for i in range(len(begins)) for j in range(i, min(i + longest, len(ends)))]
    return max(pairs, key=lambda pair: begins[pair[0]] + ends[pair[1]])


def span_torch(begins, ends, longest):
    both = torch.tensor(begins)[:, None] + torch.tensor(ends)
    inside = torch.ones_like(both).triu().tril(longest - 1).bool()
    return divmod(int(both.masked_fill(~inside, -torch.inf).argmax()), len(ends))


def times_loops(weights, answer):
    n = len(answer)
    found = [[sum(row[k] for k in range(n) if answer[k]) for row in head] for head in weights]
    return [np.mean(head) * n / sum(answer) for head in found]


def times_product(weights, answer):
    return (weights @ answer).mean(-1) / answer.mean()


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.best_span, span_loops),
        (check.best_span, span_torch),
        (check.times_chance, times_loops),
        (check.times_chance, times_product),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


def among(begins, ends, fits):
    pairs = [(i, j) for i in range(len(begins)) for j in range(len(ends)) if fits(i, j)]
    return max(pairs, key=lambda pair: begins[pair[0]] + ends[pair[1]])


def greedy(begins, ends, longest):
    first = int(begins.argmax())
    return first, first + int(ends[first : first + longest].argmax())


def greedy_from_the_end(begins, ends, longest):
    last = int(ends.argmax())
    start = max(0, last - longest + 1)
    return start + int(begins[start : last + 1].argmax()), last


def from_zero(begins, ends, longest):
    best, found = 0, (0, 0)
    for first in range(len(begins)):
        for last in range(first, min(first + longest, len(ends))):
            if begins[first] + ends[last] > best:
                best, found = begins[first] + ends[last], (first, last)
    return found


def summed(begins, ends, longest):
    pairs = [(i, j) for i in range(len(begins)) for j in range(i, min(i + longest, len(ends)))]
    return max(pairs, key=lambda pair: (begins + ends)[pair[0] : pair[1] + 1].sum())


def shortest_first(begins, ends, longest):
    pairs = [(i, j) for i in range(len(begins)) for j in range(i, min(i + longest, len(ends)))]
    return max(pairs, key=lambda pair: (begins[pair[0]] + ends[pair[1]]) / (pair[1] - pair[0] + 1))


def no_number(begins, ends, longest):
    places = np.arange(len(begins))
    length = places - places[:, None] + 1
    with np.errstate(invalid="ignore"):
        both = begins[:, None] + ends + ((length < 1) | (length > longest)) * -np.inf
    return divmod(both.argmax(), len(ends))


def mass(weights, answer):
    return (weights @ answer).mean(-1)


WRONG = [
    (check.best_span, lambda b, e, n: (b.argmax(), e.argmax()), "each-by-itself", "each by itself"),
    (check.best_span, lambda b, e, n: among(b, e, lambda i, j: j - i < n), "any-order", "before the first"),
    (check.best_span, lambda b, e, n: among(b, e, lambda i, j: i <= j), "any-length", "at most"),
    (check.best_span, lambda b, e, n: among(b, e, lambda i, j: i <= j <= i + n), "one-too-long", "longest + 1"),
    (check.best_span, lambda b, e, n: span_loops(b, e, n)[::-1], "turned-round", "exchanged"),
    (check.best_span, lambda b, e, n: span_loops(e, b, n), "end-first", "exchanged"),
    (
        check.best_span,
        lambda b, e, n: (span_loops(b, e, n)[0], span_loops(b, e, n)[1] + 1),
        "past-the-end",
        "one too far",
    ),
    (check.best_span, greedy, "begin-decides", "taken first"),
    (check.best_span, from_zero, "zero", "below that"),
    (check.best_span, lambda b, e, n: among(b, e[:-1], lambda i, j: i <= j < i + n), "last-token-left-out", "stops"),
    (check.best_span, lambda b, e, n: among(b, e, lambda i, j: i <= j < i + n - 1), "one-too-short", "left out"),
    (check.best_span, lambda b, e, n: among(b, e, lambda i, j: j <= i < j + n), "wrong-side", "diagonal"),
    (check.best_span, lambda b, e, n: tuple(sorted((b.argmax(), e.argmax()))), "sorted", "in order"),
    (
        check.best_span,
        lambda b, e, n: span_loops(np.exp(b) / np.exp(b).sum(), np.exp(e) / np.exp(e).sum(), n),
        "shares",
        "softmax",
    ),
    (check.best_span, lambda b, e, n: span_loops(-b, -e, n), "smallest", "largest"),
    (check.best_span, summed, "all-inside", "all tokens"),
    (check.best_span, no_number, "not-a-number", "np.where"),
    (check.best_span, lambda b, e, n: among(b, e, lambda i, j: i <= j < n), "from-the-start", "wherever it begins"),
    (check.best_span, shortest_first, "a-token-of-it", "however long"),
    (check.best_span, greedy_from_the_end, "end-decides", "taken first"),
    (check.times_chance, lambda w, a: mass(w, a) / mass(w, ~a), "odds", "all else"),
    (
        check.times_chance,
        lambda w, a: w[:, :, a].mean((1, 2)) / w[:, :, ~a].mean((1, 2)),
        "against-the-rest",
        "even over",
    ),
    (check.times_chance, lambda w, a: w[:, :, a].max(-1).mean(-1) / a.mean(), "best-of-answer", "best token"),
    (check.times_chance, mass, "weight-itself", "divide by what an even map"),
    (check.times_chance, lambda w, a: mass(w, a) / a.sum(), "by-the-answer", "share of all tokens"),
    (check.times_chance, lambda w, a: mass(w, a) * len(a), "one-token", "has several"),
    (check.times_chance, lambda w, a: (w @ a).sum(-1) / a.mean(), "sum-over-question", "take their mean"),
    (check.times_chance, lambda w, a: (w @ a).max(-1) / a.mean(), "largest-row", "mean over all"),
    (check.times_chance, lambda w, a: mass(w, a) - a.mean(), "difference", "divide by it"),
    (check.times_chance, lambda w, a: a.mean() / mass(w, a), "upside-down", "chance over weight"),
    (check.times_chance, lambda w, a: mass(w, ~a) / (~a).mean(), "outside", "all tokens but"),
    (check.times_chance, lambda w, a: w[:, :, a].mean((1, 2)) / a.mean(), "mean-over-answer", "sum over them"),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)
