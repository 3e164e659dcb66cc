"""The checks of the chapter on head patterns against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.checks import head_patterns as check
from tests.told import wrong_answer_tests


def score_loops(weights):
    n = weights.shape[2]
    return [sum(head[place - 1, place - 1] for place in range(1, n)) / (n - 1) for head in weights]


def score_diagonal(weights):
    return torch.from_numpy(weights).diagonal(0, 1, 2).mean(-1)


def p_loops(observed, null):
    return [(1 + sum(max(draw) >= one for draw in null)) / (1 + len(null)) for one in observed]


def p_mean(observed, null):
    with_it = np.vstack([null, np.full(null.shape[1], np.inf)])
    return (with_it.max(1)[:, None] >= observed).mean(0)


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.previous_score, score_loops),
        (check.previous_score, score_diagonal),
        (check.corrected_p, p_loops),
        (check.corrected_p, p_mean),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


def diagonal(weights, lag):
    return np.diagonal(weights, 1 - lag, 1, 2)  # row r is query r + 1


def reached(observed, largest):
    return (largest[:, None] >= observed).sum(0)


WRONG = [
    (check.previous_score, lambda w: diagonal(w, -1).mean(-1), "next", "just after"),
    (check.previous_score, lambda w: diagonal(w, 0).mean(-1), "itself", "own token"),
    (check.previous_score, lambda w: diagonal(w, 2).mean(-1), "two-before", "query r + 1 already"),
    (check.previous_score, lambda w: diagonal(w, 1).sum(-1), "sum", "take their mean"),
    (check.previous_score, lambda w: diagonal(w, 1).sum(-1) / w.shape[2], "divided-by-keys", "fewer queries"),
    (check.previous_score, lambda w: diagonal(w, 1).mean(0), "over-heads", "one number a head"),
    (check.previous_score, lambda w: diagonal(w, 1), "each-query", "average them"),
    (check.previous_score, lambda w: diagonal(w, 1).mean(), "one-number", "axis=-1"),
    (
        check.previous_score,
        lambda w: np.mean([[h[i, i - 1] for i in range(len(h))] for h in w], 1),
        "wrapped-around",
        "the index -1",
    ),
    (check.previous_score, lambda w: np.diagonal(w).mean(-1), "first-two-axes", "axis1=1"),
    (check.previous_score, lambda w: w.mean((1, 2)), "all-keys", "rows sum to 1"),
    (check.previous_score, lambda w: w[:, :, 0].mean(-1), "first-token", "first token"),
    (check.previous_score, lambda w: np.tril(w).sum(-1).mean(-1), "all-earlier", "all tokens before"),
    (check.previous_score, lambda w: w.max(-1).mean(-1), "anywhere", "wherever it lies"),
    (check.corrected_p, lambda o, n: (n.reshape(-1, 1) >= o).mean(0), "pooled", "pooled"),
    (
        check.corrected_p,
        lambda o, n: ((n.reshape(-1, 1) >= o).sum(0) + 1) / (n.size + 1),
        "pooled",
        "pooled",
    ),
    (
        check.corrected_p,
        lambda o, n: np.full(len(o), (1 + (n.max(1) >= o.max()).sum()) / (len(n) + 1)),
        "largest-observed",
        "its own",
    ),
    (
        check.corrected_p,
        lambda o, n: ((n.max(1)[:, None] > o).sum(0) + 1) / (len(n) + 1),
        "strictly-above",
        "reaches it",
    ),
    (check.corrected_p, lambda o, n: ((n >= o).sum(0) + 1) / (len(n) + 1), "uncorrected", "own column alone"),
    (check.corrected_p, lambda o, n: reached(o, n.max(1)) / len(n), "can-be-zero", "one more draw"),
    (check.corrected_p, lambda o, n: (reached(o, n.max(1)) + 1) / len(n), "one-above", "missing below"),
    (check.corrected_p, lambda o, n: reached(o, n.max(1)) / (len(n) + 1), "one-below", "missing above"),
    (check.corrected_p, lambda o, n: reached(o, n.max(1)), "counts", "divide by the number"),
    (
        check.corrected_p,
        lambda o, n: ((n.max(1)[:, None] < o).sum(0) + 1) / (len(n) + 1),
        "turned-round",
        "count those that reach",
    ),
    (check.corrected_p, lambda o, n: (1 + (n.max(1) >= o.max()).sum()) / (len(n) + 1), "largest-observed", "its own"),
    (
        check.corrected_p,
        lambda o, n: (reached(abs(o), abs(n).max(1)) + 1) / (len(n) + 1),
        "signs-lost",
        "as they are",
    ),
    (
        check.corrected_p,
        lambda o, n: (reached(o, n.max(1)) + 1) / (len(n) + 1) <= 0.05,
        "decided",
        "return p itself",
    ),
    (check.corrected_p, lambda o, n: (reached(o, n.min(1)) + 1) / (len(n) + 1), "smallest", "take the largest"),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)


def test_an_answer_of_true_and_false_is_judged():
    feedback = check.corrected_p(lambda o, n: o >= np.quantile(n.max(1), 0.95))
    assert not feedback.ok
    assert feedback.diagnosis == "different", feedback
