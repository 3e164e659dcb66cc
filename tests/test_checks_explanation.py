"""The checks of the chapter on explanation against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from course.checks import explanation as check
from mha.interpret.attribution import integrated_gradients

# ---- right answers, written differently


def step_by_step(slopes, x, baseline):
    total = np.zeros(len(x))
    for slope in slopes:
        total += ((x - baseline) * slope).sum(1) / len(slopes)
    return total


def by_einsum(slopes, x, baseline):
    return np.einsum("sim,im->i", slopes, x - baseline) / slopes.shape[0]


def of_the_package(slopes, x, baseline):
    """A function whose gradient is the mean slope everywhere."""
    mean = torch.from_numpy(slopes).mean(0)
    parts = integrated_gradients(
        lambda v: (v * mean).sum((1, 2)), torch.from_numpy(x)[None], torch.from_numpy(baseline)
    )
    return parts[0].numpy()


def by_squared_differences(x, y):
    n = len(x)
    d = stats.rankdata(x) - stats.rankdata(y)
    return 1 - 6 * (d**2).sum() / (n * (n * n - 1))


def by_corrcoef(x, y):
    return np.corrcoef(np.argsort(np.argsort(x)), np.argsort(np.argsort(y)))[0, 1]


def of_scipy(x, y):
    return stats.spearmanr(x, y).statistic


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.integrated, step_by_step),
        (check.integrated, by_einsum),
        (check.integrated, of_the_package),
        (check.rank_correlation, by_squared_differences),
        (check.rank_correlation, by_corrcoef),
        (check.rank_correlation, of_scipy),
    ],
)
def test_right_answers_pass(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback.message


# ---- wrong answers


def mean_times(slopes, way):
    return (slopes.mean(0) * way).sum(-1)


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda slopes, x, baseline: mean_times(slopes, x), "no-baseline"),
        (lambda slopes, x, baseline: mean_times(slopes, baseline - x), "way-backwards"),
        (lambda slopes, x, baseline: ((x - baseline) * slopes).sum((0, 2)), "steps-summed"),
        (lambda slopes, x, baseline: (slopes[-1] * (x - baseline)).sum(1), "last-step-alone"),
        (lambda slopes, x, baseline: (slopes[-1] * x).sum(1), "last-step-alone+no-baseline"),
        (lambda slopes, x, baseline: slopes.mean(0) * (x - baseline), "not-summed"),
        (lambda slopes, x, baseline: (slopes.mean(0) * (x - baseline)).mean(1), "channels-averaged"),
        (lambda slopes, x, baseline: mean_times((slopes[1:] + slopes[:-1]) / 2, x - baseline), "trapezoid"),
        (
            lambda slopes, x, baseline: mean_times(slopes, x - baseline) * len(slopes) / (len(slopes) - 1),
            "one-step-too-few",
        ),
        (lambda slopes, x, baseline: np.abs(mean_times(slopes, x - baseline)), None),
        (None, "unfinished"),
    ],
)
def test_wrong_integrals_are_named(answer, key):
    feedback = check.integrated(answer)
    assert not feedback.ok
    assert key is None or feedback.diagnosis == key


def ranks(x):
    return np.argsort(np.argsort(x))


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda x, y: np.corrcoef(x, y)[0, 1], "values-for-ranks"),
        (lambda x, y: np.corrcoef(x.argsort(), y.argsort())[0, 1], "argsort-for-ranks"),
        (lambda x, y: -of_scipy(x, y), "one-backwards"),
        (lambda x, y: abs(of_scipy(x, y)), "without-sign"),
        (lambda x, y: of_scipy(x, y) ** 2, "squared"),
        (lambda x, y: 1 - (1 - of_scipy(x, y)) * len(x), "short-form-without-n"),
        (lambda x, y: 1 - (1 - of_scipy(x, y)) * (1 - 1 / len(x) ** 2), "short-form-cubed"),
        (lambda x, y: 1 - of_scipy(x, y), "short-form-without-one"),
        (lambda x, y: 1 - (1 - of_scipy(x, y)) / 6, "short-form-without-six"),
        (lambda x, y: of_scipy(np.abs(x), np.abs(y)), "sizes-ranked"),
        (lambda x, y: stats.kendalltau(x, y).statistic, "kendall"),
        (lambda x, y: cosine(ranks(x) - len(x) / 2, ranks(y) - len(x) / 2), "wrong-centre"),
        (lambda x, y: cosine(ranks(x) + 1, ranks(y) + 1), "ranks-from-one"),
        (lambda x, y: of_scipy(x, y) * (len(x) - 1) / len(x), "two-counts"),
    ],
)
def test_wrong_correlations_are_named(answer, key):
    assert check.rank_correlation(answer).diagnosis == key


def test_three_numbers():
    assert check.gradients(1, 0, 1).ok
    assert "level" in check.gradients(1, 4, 1).message
    assert "a quarter of the way" in check.gradients(1, 0, 4).message
    assert "both ends" in check.gradients(1, 0, 0.5).message
    assert "at x = 4 itself" in check.gradients(1, 0.25, 1).message
