"""The checks of planted bias against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest

from course.checks import planted_bias as check

# ---- right answers, written differently


def sentence_by_sentence(ids, partner, defining):
    rows = [row if any(defining[word] for word in row) else [partner[word] for word in row] for row in ids]
    return np.array(rows)


def in_a_copy(ids, partner, defining):
    out = ids.copy()
    free = ~np.isin(ids, np.flatnonzero(defining)).any(1)
    out[free] = partner[ids[free]]
    return out


def by_masks(ids, partner, defining):
    kept = (defining[ids].sum(1, keepdims=True) > 0).astype(int)
    return kept * ids + (1 - kept) * partner[ids]


@pytest.mark.parametrize("answer", [sentence_by_sentence, in_a_copy, by_masks])
def test_right_answers_pass(answer):
    feedback = check.counterfactuals(answer)
    assert feedback.ok, feedback.message


# ---- wrong answers


def one_after_another(ids, partner, defining):
    out = ids.copy()
    for word, other in enumerate(partner):
        out[out == word] = other  # turns he into she, and then she back
    kept = defining[ids].any(1)
    out[kept] = ids[kept]
    return out


def in_place(ids, partner, defining):
    kept = defining[ids].any(1)
    ids[~kept] = partner[ids[~kept]]
    return ids


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda ids, partner, defining: partner[ids], "all-swapped"),
        (lambda ids, partner, defining: np.where(defining[ids], ids, partner[ids]), "word-by-word"),
        (lambda ids, partner, defining: np.where(defining[ids].any(), ids, partner[ids]), "any-in-the-text"),
        (lambda ids, partner, defining: np.where(defining[ids].any(1)[:, None], partner[ids], ids), "turned-round"),
        (lambda ids, partner, defining: np.where(defining[ids[:, :1]], ids, partner[ids]), "first-word-only"),
        (lambda ids, partner, defining: np.where(defining[ids].any(axis=0), ids, partner[ids]), "place-by-place"),
        (one_after_another, "one-way"),
        (in_place, "changes-its-argument"),
        (None, "unfinished"),
    ],
)
def test_wrong_counterfactuals_are_named(answer, key):
    assert check.counterfactuals(answer).diagnosis == key


def test_shares_at_a_temperature():
    logits = np.log([0.7, 0.3])
    half, double = (np.exp(logits / t)[0] / np.exp(logits / t).sum() for t in (0.5, 2.0))
    assert check.decided(half, double, 1 - np.mean([0.6, 0.7, 0.8, 0.9])).ok
    assert "squared" in check.decided(0.7, double, 0.25).message
    assert "divide by the sum" in check.decided(0.49, double, 0.25).message
    assert "subtract" in check.decided(half, double, 0.75).message
