"""Means with the interval that their units allow: single values, or groups of them."""

import numpy as np
import pytest

from course.means import grouped_mean, mean


def test_a_mean_of_four_has_students_interval():
    value, low, high = mean([1.0, 2.0, 3.0, 6.0])
    half = 3.182446 * (14 / 3 / 4) ** 0.5  # t of three degrees of freedom, times the standard error
    assert value == 3
    np.testing.assert_allclose((low, high), (3 - half, 3 + half), atol=1e-5)


def test_values_that_repeat_within_a_group_count_once():
    rng = np.random.default_rng(3)
    of_groups = rng.normal(size=29)
    groups = np.repeat(np.arange(29), 7)
    apart, together = grouped_mean(of_groups, range(29)), grouped_mean(np.repeat(of_groups, 7), groups)
    np.testing.assert_allclose(together, apart)  # seven copies of each tell nothing new
    as_if_alone = grouped_mean(np.repeat(of_groups, 7), range(203))
    assert (together.high - together.low) > 2 * (as_if_alone.high - as_if_alone.low)


def test_labels_must_be_as_many_as_values():
    with pytest.raises(ValueError, match=r"a group each, got \(3,\) and \[5\] labels"):
        grouped_mean([1.0, 2.0, 3.0], "aabbc")
