"""The checks of the chapter on translation against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.checks import translation as check
from mha.interpret import alignment
from mha.models import ibm1
from tests.told import wrong_answer_tests

# ---- right answers, written differently


def aligned_package(weights, n_target, n_source):
    mean = weights.mean(axis=0)
    return alignment.strongest_links(alignment.rows_of(mean, n_target, n_source)).argmax(axis=-1)


def aligned_loops(weights, n_target, n_source):
    summed = sum(weights)
    return [max(range(n_source), key=lambda j: summed[i][j]) for i in range(n_target)]


def aligned_torch(weights, n_target, n_source):
    return torch.from_numpy(weights)[:, :n_target, :n_source].mean(0).argmax(-1)


def rate_sets(links, sure, possible):
    drawn, certain, allowed = ({*zip(*np.nonzero(mask), strict=True)} for mask in (links, sure, possible))
    return 1 - (len(drawn & certain) + len(drawn & allowed)) / (len(drawn) + len(certain))


def rate_torch(links, sure, possible):
    a, s, p = (torch.from_numpy(mask).double() for mask in (links, sure, possible))
    return 1 - ((a * s).sum() + (a * p).sum()) / (a.sum() + s.sum())


def counts_loops(table, source, target):
    return [[table[t, s] / sum(table[t, u] for u in source) for s in source] for t in target]


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.aligned, aligned_package),
        (check.aligned, aligned_loops),
        (check.aligned, aligned_torch),
        (check.error_rate, rate_sets),
        (check.error_rate, rate_torch),
        (check.expected_counts, ibm1.expected_counts),
        (check.expected_counts, counts_loops),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


def test_the_rates_by_hand_are_those_of_the_package():
    sure, possible = np.zeros((4, 5), bool), np.zeros((4, 5), bool)
    sure[0, 0] = sure[1, 2] = True
    possible[2:, 3:] = True
    possible |= sure
    found = []
    for pairs in ([(0, 0), (1, 2), (2, 4), (3, 3)], [(0, 0), (1, 1), (2, 3)]):
        links = np.zeros((4, 5), bool)
        links[tuple(zip(*pairs, strict=True))] = True
        found.append(float(alignment.error_rate(alignment.count_links(links, sure, possible))))
    assert check.by_hand(*found).ok


# ---- wrong answers


def shares(table, source, target):
    return table[np.ix_(target, source)]


WRONG = [
    (check.aligned, lambda w, n, m: w[:, 1 : n + 1, :m].mean(0).argmax(-1), "row-that-reads", "row 0 the first word"),
    (check.aligned, lambda w, n, m: w[:, :, :m].mean(0).argmax(-1), "all-rows", "first n_target rows"),
    (check.aligned, lambda w, n, m: w[:, :n].mean(0).argmax(-1), "end-token-kept", "first n_source columns"),
    (check.aligned, lambda w, n, m: w[:, :n, :m].max(0).argmax(-1), "largest-of-heads", "outvotes"),
    (check.aligned, lambda w, n, m: w[0, :n, :m].argmax(-1), "first-head", "head 0 alone"),
    (check.aligned, lambda w, n, m: w[:, :n, :m].argmax(-1), "each-head", "links of its own"),
    (
        check.aligned,
        lambda w, n, m: [np.bincount(column).argmax() for column in w[:, :n, :m].argmax(-1).T],
        "vote-of-heads",
        "one vote",
    ),
    (check.aligned, lambda w, n, m: 1 + aligned_package(w, n, m), "counted-from-one", "from 0"),
    (check.aligned, lambda w, n, m: w[:, :n, :m].mean(0).argmax(0), "over-targets", "runs over the target words"),
    (check.aligned, lambda w, n, m: w[:, :n, :m].mean(0).max(-1), "weights-not-places", "their places"),
    (check.error_rate, lambda a, s, p: 1 - rate_sets(a, s, p), "not-an-error", "1 minus it"),
    (check.error_rate, lambda a, s, p: 1 - 2 * (a & s).sum() / (a.sum() + s.sum()), "sure-only", "counts once"),
    (check.error_rate, lambda a, s, p: 1 - (a & p).sum() / a.sum(), "precision", "that you miss"),
    (check.error_rate, lambda a, s, p: 1 - (a & s).sum() / s.sum(), "recall", "wrong links must count"),
    (
        check.error_rate,
        lambda a, s, p: 1 - ((a & s).sum() + (a & p).sum()) / (a.sum() + p.sum()),
        "all-possible-wanted",
        "only the sure ones",
    ),
    (
        check.error_rate,
        lambda a, s, p: 1 - ((a & s).sum() + (a & p).sum()) / (len(a) + len(s)),
        "rows-counted",
        "sum a mask",
    ),
    (check.error_rate, lambda a, s, p: rate_sets(a, s, p & ~s), "sure-links-once", "in both numerators"),
    (
        check.error_rate,
        lambda a, s, p: rate_sets(a & p.any(1, keepdims=True), s, p),
        "unlinked-words-dropped",
        "all that the table holds",
    ),
    (check.error_rate, lambda a, s, p: (a != s).mean(), "agreement", "no link on either side"),
    (check.expected_counts, shares, "not-shared", "divide each row"),
    (check.expected_counts, lambda t, s, w: shares(t, s, w) / shares(t, s, w).sum(0), "over-targets", "axis=1"),
    (check.expected_counts, lambda t, s, w: shares(t, s, w) / shares(t, s, w).sum(), "over-both", "each row sums to 1"),
    (
        check.expected_counts,
        lambda t, s, w: shares(t, s, w) / t[w].sum(1, keepdims=True),
        "whole-row",
        "only words of this source",
    ),
    (
        check.expected_counts,
        lambda t, s, w: torch.from_numpy(shares(t, s, w)).softmax(-1),
        "softmax",
        "probabilities already",
    ),
    (check.expected_counts, lambda t, s, w: ibm1.expected_counts(t, s, w).T, "transposed", "target words are the rows"),
    (check.expected_counts, lambda t, s, w: shares(t, s, w) / shares(t, s, w).sum(1), "keepdims-missing", "keepdims"),
]

test_wrong_answers_are_named, test_each_check_meets_six = wrong_answer_tests(check, WRONG)
