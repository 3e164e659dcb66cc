"""Many tests at once: p-values by hand, the rate at which nothing is found where nothing is, and what is there."""

import numpy as np
import pytest
from scipy import stats

from mha.statistics.maximum import corrected_by_maximum, sign_flip_maxima


def test_p_counts_the_maxima_that_reach_what_was_observed():
    p = corrected_by_maximum([[3.0, 0.5], [2.0, 9.0]], [1.0, 2.0, 3.0, 4.0])
    assert p.tolist() == [[3 / 5, 5 / 5], [4 / 5, 1 / 5]]


def test_t_is_students():
    x = np.random.default_rng(0).normal(0.3, 1, (13, 5))
    t, maxima = sign_flip_maxima(x, rng=np.random.default_rng(1), n_samples=11)
    np.testing.assert_allclose(t, np.abs(stats.ttest_1samp(x, 0).statistic), rtol=1e-12)
    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=(11, 13))
    by_hand = [np.abs(stats.ttest_1samp(row[:, None] * x, 0).statistic).max() for row in signs]
    np.testing.assert_allclose(maxima, by_hand, rtol=1e-12)


def test_nothing_is_found_at_the_nominal_rate_where_nothing_is_and_all_of_it_where_it_is():
    """200 runs of 30 tests that depend on one another, 12 units each; in a second set one of them is not null."""
    rng, smallest, planted = np.random.default_rng(2), [], []
    for _ in range(200):
        x = rng.standard_t(5, (12, 30)) + 2 * rng.normal(size=(12, 1))
        for found, shift in ((smallest, 0.0), (planted, 8.0)):
            x[:, 7] += shift
            t, maxima = sign_flip_maxima(x, rng=rng, n_samples=199)
            found.append(corrected_by_maximum(t, maxima))
    rejected = np.min(smallest, axis=1) <= 0.05
    assert 0.02 <= rejected.mean() <= 0.08
    assert (np.array(planted)[:, 7] <= 0.05).mean() >= 0.95


def test_columns_without_differences_are_no_evidence():
    x = np.zeros((5, 2))
    x[:, 1] = 1.0
    t, maxima = sign_flip_maxima(x, rng=np.random.default_rng(0), n_samples=99)
    assert t[0] == 0
    assert corrected_by_maximum(t, maxima)[0] == 1
    assert np.isfinite(t).all()
    assert corrected_by_maximum(t, maxima)[1] <= 0.2  # all signs alike, one draw in 16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corrected_by_maximum([1.0], []), r"maxima must be \(n,\), not empty, got shape \(0,\)"),
        (lambda: corrected_by_maximum([1.0], [[1.0]]), r"got shape \(1, 1\)"),
        (lambda: corrected_by_maximum([np.nan], [1.0]), "observed must be finite"),
        (lambda: sign_flip_maxima([[1.0]], rng=np.random.default_rng(0)), r"differences must be \(n, k\) with n ≥ 2"),
        (lambda: sign_flip_maxima(np.ones((3, 2)), rng=np.random.default_rng(0), n_samples=0), r"n_samples \(0\)"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
