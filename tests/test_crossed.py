"""Groups drawn instead of values: as the plain bootstrap where each value is its own group, and honest where not."""

import numpy as np
import pytest

from mha.statistics.bootstrap import percentile_interval
from mha.statistics.crossed import crossed_weights


def interval(values, factors, rng):
    weights = crossed_weights(factors, rng=rng, n_samples=400)
    return percentile_interval(weights @ values / weights.sum(axis=1))


def test_by_hand_a_value_counts_as_often_as_its_groups_together():
    weights = crossed_weights([["a", "a", "b"], [1, 2, 2]], rng=np.random.default_rng(0), n_samples=2000)
    assert set(map(tuple, weights)) == {
        (4, 0, 0), (0, 4, 0), (2, 2, 0), (0, 0, 4), (0, 0, 2), (2, 0, 0), (0, 2, 2), (1, 1, 1),
    }  # fmt: skip


def test_groups_of_one_are_the_plain_bootstrap():
    weights = crossed_weights([range(11)], rng=np.random.default_rng(1), n_samples=4000)
    assert (weights.sum(axis=1) == 11).all()
    np.testing.assert_allclose(weights.var(axis=0), 10 / 11, atol=0.1)


def test_values_that_share_groups_get_the_width_they_deserve():
    """True mean 0: two kinds of group, each with an effect. Taking each value for itself misses it far too often."""
    rng = np.random.default_rng(2)
    covered = {"crossed": 0, "each by itself": 0}
    for _ in range(100):
        rows, columns = (np.repeat(np.arange(13), 7), np.tile(np.arange(7), 13))
        values = rng.normal(size=13)[rows] + 0.5 * rng.normal(size=7)[columns] + rng.normal(size=91)
        for name, factors in {"crossed": [rows.tolist(), columns.tolist()], "each by itself": [range(91)]}.items():
            low, high = interval(values, factors, rng)
            covered[name] += low <= 0 <= high
    assert covered["crossed"] >= 87
    assert covered["each by itself"] <= 75


def test_errors_say_what_is_wrong():
    rng = np.random.default_rng(0)
    for factors in ([], [[]], [["a"], ["a", "b"]]):
        with pytest.raises(ValueError, match="factors must be one or more of one length, not empty"):
            crossed_weights(factors, rng=rng, n_samples=3)
