"""The checks of the chapter on generalising against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course.checks import generalization as check

# ---- right answers, written differently


def drop_torch(heads, u, p):
    kept = torch.from_numpy(u) >= p
    return torch.from_numpy(heads) * kept[..., None, None] / (1 - p)


def drop_loop(heads, u, p):
    out = np.zeros_like(heads)
    for b, h in np.argwhere(u >= p):
        out[b, h] = heads[b, h] / (1 - p)
    return out


def stop_counter(losses, patience):
    best, kept, waited = math.inf, 0, 0
    for at, loss in enumerate(losses):
        if loss < best:
            best, kept, waited = loss, at, 0
        else:
            waited += 1
        if waited == patience:
            return kept, at
    return kept, len(losses) - 1


def curse_loop(validation, test):
    gaps = []
    for chose, judges in zip(validation, test, strict=True):
        won = max(range(len(chose)), key=lambda n: chose[n])
        gaps.append(chose[won] - judges[won])
    return np.mean(gaps), validation.mean() - test.mean()


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.drop_heads, drop_torch),
        (check.drop_heads, drop_loop),
        (check.stop, stop_counter),
        (check.curse, curse_loop),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers, as they are written


def stop_argmin(losses, patience):
    kept = int(np.argmin(losses))
    return kept, min(kept + patience, len(losses) - 1)


def stop_never(losses, patience):
    return int(np.argmin(losses)), len(losses) - 1


def stop_two_rises(losses, patience):
    rises = 0
    for at in range(1, len(losses)):
        rises = rises + 1 if losses[at] > losses[at - 1] else 0
        if rises == patience:
            return int(np.argmin(losses[: at + 1])), at
    return int(np.argmin(losses)), len(losses) - 1


def stop_window(losses, patience):
    for at in range(patience, len(losses)):
        if losses[at] >= losses[at - patience]:
            return at - patience, at
    return int(np.argmin(losses)), len(losses) - 1


def stop_first_checked(losses, patience):
    kept = 0
    for at, loss in enumerate(losses):
        if at - kept >= patience:
            return kept, at
        if loss < losses[kept]:
            kept = at
    return kept, len(losses) - 1


def stop_counter_goes_on(losses, patience):
    kept, waited = 0, 0
    for at, loss in enumerate(losses[1:], start=1):
        if loss < losses[kept]:
            kept = at
        else:
            waited += 1
        if waited == patience:
            return kept, at
    return kept, len(losses) - 1


def drop_first_heads(heads, u, p):
    out = heads / (1 - p)
    out[:, : int(p * heads.shape[1])] = 0
    return out


def curse_all_pairs(validation, test):
    won = validation.argmax(1)
    return (validation[:, won] - test[:, won]).mean(), (validation - test).mean()


def curse_down_the_columns(validation, test):
    won, trials = validation.argmax(0), np.arange(validation.shape[1])
    return (validation[won, trials] - test[won, trials]).mean(), (validation - test).mean()


@pytest.mark.parametrize(
    ("judge", "answer", "key"),
    [
        (check.drop_heads, lambda heads, u, p: heads * (u >= p)[..., None, None], "not-scaled"),
        (
            check.drop_heads,
            lambda heads, u, p: heads * (u < p)[..., None, None] / (1 - p),
            "kept-and-dropped-exchanged",
        ),
        (check.drop_heads, lambda heads, u, p: (u >= p) / (1 - p), "factors-alone"),
        (check.drop_heads, None, "unfinished"),
        (check.drop_heads, drop_first_heads, "first-heads"),
        (check.stop, stop_never, "never-stops"),
        (check.stop, lambda losses, patience: stop_counter(losses, patience)[0], "kept-alone"),
        (check.stop, stop_argmin, "least-of-all-and-patience"),
        (check.stop, stop_first_checked, "checked-too-soon"),
        (check.stop, stop_counter_goes_on, "count-goes-on"),
        (check.stop, stop_two_rises, "rises-in-a-row"),
        (check.curse, lambda v, t: ((v.max(1) - t.max(1)).mean(), (v - t).mean()), "best-of-each"),
        (check.curse, curse_all_pairs, "all-pairs"),
        (check.curse, curse_down_the_columns, "over-repeats"),
        (check.curse, lambda v, t: ((v - t).max(1).mean(), (v - t).mean()), "largest-difference"),
        (check.curse, lambda v, t: ((v.max(1) - t.mean(1)).mean(), (v - t).mean()), "against-the-mean-test"),
        (check.curse, lambda v, t: (t.max(1) - v[np.arange(len(v)), t.argmax(1)], 0), None),
    ],
)
def test_wrong_answers_are_named(judge, answer, key):
    feedback = judge(answer)
    assert not feedback.ok
    assert key is None or set(feedback.diagnosis.split("+")) == set(key.split("+")), feedback


def test_a_window_is_no_patience():
    assert not check.stop(stop_window).ok


def test_numbers():
    assert check.by_hand(1 / 3, 0.2223, 0.5003, 15 / 16).ok
    assert "counts squared" in check.by_hand(3 / 16, ..., ..., ...).message
    assert "in bits" in check.by_hand(..., ..., 0.7218, ...).message
    assert "0.01 to each" in check.by_hand(..., ..., 0.5448, ...).message
    assert "one step, or none" in check.by_hand(..., 1.0, ..., ...).message
    assert "no head is left" in check.by_hand(..., ..., ..., 1 / 16).message
