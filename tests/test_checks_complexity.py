"""The check of the chapter on cost against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.checks import complexity as check


def loops(largest, total, weighted, scores, v):
    """Key by key."""
    largest, total, weighted = largest.copy(), total.copy(), weighted.copy()
    for i, row in enumerate(scores):
        for score, value in zip(row, v, strict=True):
            new = max(largest[i, 0], score)
            factor = np.exp(largest[i, 0] - new)
            total[i] = total[i] * factor + np.exp(score - new)
            weighted[i] = weighted[i] * factor + np.exp(score - new) * value
            largest[i] = new
    return largest, total, weighted


def in_torch(largest, total, weighted, scores, v):
    largest, total, weighted, scores, v = map(torch.from_numpy, (largest, total, weighted, scores, v))
    new = torch.cat([largest, scores], dim=1).amax(dim=1, keepdim=True)
    p, factor = (scores - new).exp(), (largest - new).exp()
    return new, p.sum(1, keepdim=True) + total * factor, weighted * factor + p @ v


@pytest.mark.parametrize("answer", [loops, in_torch])
def test_right_answers_pass(answer):
    feedback = check.merge(answer)
    assert feedback.ok, feedback.message


def edited(change):
    """A right answer with one line changed, as learners write it."""

    def answer(largest, total, weighted, scores, v):
        new = np.maximum(largest, scores.max(axis=1, keepdims=True))
        p = np.exp(scores - new)
        return change(largest, new, total, weighted, p, v)

    return answer


WRONG = {
    "nothing-corrected": lambda old, new, total, w, p, v: (new, total + p.sum(1, keepdims=True), w + p @ v),
    "sum-not-corrected": lambda old, new, total, w, p, v: (
        new, total + p.sum(1, keepdims=True), w * np.exp(old - new) + p @ v,
    ),
    "values-not-corrected": lambda old, new, total, w, p, v: (
        new, total * np.exp(old - new) + p.sum(1, keepdims=True), w + p @ v,
    ),
    "correction-upside-down": lambda old, new, total, w, p, v: (
        new, total * np.exp(new - old) + p.sum(1, keepdims=True), w * np.exp(new - old) + p @ v,
    ),
    "tile-alone": lambda old, new, total, w, p, v: (new, p.sum(1, keepdims=True), p @ v),
}  # fmt: skip


@pytest.mark.parametrize("key", WRONG)
def test_wrong_answers_are_named(key):
    assert check.merge(edited(WRONG[key])).diagnosis == key


def test_the_largest_of_the_tile_and_of_all_queries_are_named():
    def tile(largest, total, weighted, scores, v):
        new = scores.max(axis=1, keepdims=True)
        p, factor = np.exp(scores - new), np.exp(largest - new)
        return new, total * factor + p.sum(1, keepdims=True), weighted * factor + p @ v

    def everywhere(largest, total, weighted, scores, v):
        new = np.maximum(largest, scores.max())
        p, factor = np.exp(scores - new), np.exp(largest - new)
        return new, total * factor + p.sum(1, keepdims=True), weighted * factor + p @ v

    assert check.merge(tile).diagnosis == "largest-of-the-tile"
    assert check.merge(everywhere).diagnosis == "one-largest-for-all"


def test_a_state_without_its_last_axis_is_told_its_shape():
    def flat(largest, total, weighted, scores, v):
        return tuple(x[..., 0] for x in loops(largest, total, weighted, scores, v))

    assert "expected largest (3, 1), got (3,): an axis is missing" in check.merge(flat).message
