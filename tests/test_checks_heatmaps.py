"""The checks of the chapter on heatmaps against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.checks import heatmaps as check

# ---- right answers, written differently


def received_loops(weights):
    n = weights.shape[-1]
    return [[sum(head[i, j] for i in range(j, n)) / (n - j) for j in range(n)] for head in weights]


def received_torch(weights):
    below = torch.ones(weights.shape[-1], weights.shape[-1]).tril()
    return torch.from_numpy(weights).sum(1) / below.sum(0)


def handed_loops(weights, lengths):
    shares = np.zeros_like(weights)
    for head, row in np.ndindex(weights.shape[:2]):
        moved = [w * length for w, length in zip(weights[head, row], lengths[head], strict=True)]
        shares[head, row] = np.array(moved) / sum(moved)
    return shares


def handed_torch(weights, lengths):
    moved = torch.einsum("hij,hj->hij", torch.from_numpy(weights), torch.from_numpy(lengths))
    return moved / moved.sum(-1)[..., None]


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.received, received_loops),
        (check.received, received_torch),
        (check.handed_on, handed_loops),
        (check.handed_on, handed_torch),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers

WRONG = [
    (check.received, lambda w: w.sum(2), "rows", "stands in its column"),
    (check.received, lambda w: w.sum(1), "sums", "queries that may see the key"),
    (check.received, lambda w: w.mean(1), "all-queries", "seen by one query"),
    (check.received, lambda w: w.sum(1) / np.arange(1, w.shape[1] + 1), "counted-from-the-front", "n - j"),
    (check.received, lambda w: np.array(received_loops(w)).mean(0), "over-heads", "one row for each head"),
    (check.received, lambda w: w.max(1), "largest", "take the mean"),
    (check.received, lambda w: w.sum(1) / (w > 0).sum(1), "where-above-zero", "may look and does not"),
    (
        check.handed_on,
        lambda w, n: w * n[..., None] / (w * n[..., None]).sum(-1, keepdims=True),
        "weights-again",
        "belongs to the key",
    ),
    (check.handed_on, lambda w, n: w * n[:, None], "not-divided", "divide each row"),
    (check.handed_on, lambda w, n: w * n[:, None] / (w * n[:, None]).sum(1, keepdims=True), "columns", "axis=-1"),
    (check.handed_on, lambda w, n: w * n[:, None] / (w * n[:, None]).sum(), "whole-map", "each query's row"),
    (check.handed_on, lambda w, n: w / w.sum(-1, keepdims=True), "weights-again", "or left"),
    (check.handed_on, lambda w, n: handed_loops(w, 1 / n), "divided-by-lengths", "times the value"),
    (check.handed_on, lambda w, n: handed_loops(w, n**2), "squared", "as they are"),
    (check.handed_on, lambda w, n: handed_loops(np.ones_like(w), n), "lengths-alone", "by the weights"),
]


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_wrong_answers_are_told_what_is_wrong(judge, answer, diagnosis, phrase):
    feedback = judge(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis, feedback
    assert phrase in feedback.message, feedback


@pytest.mark.parametrize("name", list(check.EXERCISES))
def test_each_check_meets_six_wrong_answers_with_a_diagnosis_each(name):
    diagnoses = [diagnosis for judge, _, diagnosis, _ in WRONG if judge is getattr(check, name)]
    assert len(set(diagnoses)) >= 6
