"""The check of the chapter on bias against answers as learners write them."""

from __future__ import annotations

import numpy as np
import pytest

from course.checks import bias as check


def loops(x, y, orders):
    pooled, reached = [*x, *y], 1
    for order in orders:
        group = [pooled[n] for n in order]
        reached += np.mean(group[: len(x)]) - np.mean(group[len(x) :]) >= np.mean(x) - np.mean(y)
    return reached / (len(orders) + 1)


def by_sums(x, y, orders):
    sums = np.concatenate([x, y])[orders][:, : len(x)].sum(axis=1)  # the total is fixed: the sum of x says it all
    return (np.count_nonzero(sums >= x.sum()) + 1) / (len(orders) + 1)


def share_of_shuffles(x, y, orders):
    return (np.concatenate([x, y])[orders][:, : len(x)].sum(axis=1) >= x.sum()).mean()


def strictly(x, y, orders):
    sums = np.concatenate([x, y])[orders][:, : len(x)].sum(axis=1)
    return ((sums > x.sum()).sum() + 1) / (len(orders) + 1)


@pytest.mark.parametrize("answer", [loops, by_sums])
def test_right_answers_pass(answer):
    feedback = check.p_value(answer)
    assert feedback.ok, feedback.message


@pytest.mark.parametrize(
    ("answer", "key"), [(share_of_shuffles, "can-be-zero"), (strictly, "strictly-larger"), (None, "unfinished")]
)
def test_wrong_answers_are_named(answer, key):
    assert check.p_value(answer).diagnosis == key
