"""Intervals, bootstrap, permutation tests, corrections: by definition, against SciPy, at their nominal rates."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch

from mha.statistics.bootstrap import percentile_interval, resampled, resampled_means
from mha.statistics.correction import holm
from mha.statistics.intervals import median_interval, standardised_interval, student_interval
from mha.statistics.permutation import permutation_test

VALUES = np.array([0.2, 0.5, 0.1, 0.9, 0.4, 0.3, 0.6])


def generator(seed=0):
    return np.random.default_rng(seed)


# ---- a mean


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_the_interval_of_a_mean_is_students(level):
    expected = scipy.stats.ttest_1samp(VALUES, 0).confidence_interval(level)
    np.testing.assert_allclose(student_interval(VALUES, level), expected, rtol=1e-12)
    assert student_interval(torch.tensor(VALUES, requires_grad=True), level) == student_interval(list(VALUES), level)


@pytest.mark.parametrize("n", [5, 20])
def test_the_interval_of_a_mean_covers_it_at_the_nominal_rate(n):
    drawn = generator().normal(3.0, 2.0, (4000, n))
    intervals = np.array([student_interval(row) for row in drawn])
    covered = np.mean((intervals[:, 0] < 3.0) & (intervals[:, 1] > 3.0))
    assert abs(covered - 0.95) < 3.3 * math.sqrt(0.95 * 0.05 / 4000)


def test_equal_values_give_an_interval_without_width():
    assert student_interval(np.full(7, 0.1)) == (0.1, 0.1)
    assert student_interval([0.1, 0.1]) == (0.1, 0.1)


# ---- a median


@pytest.mark.parametrize("n_seeds", [6, 7, 17, 29, 101])
def test_the_interval_of_a_median_is_the_narrowest_that_holds_95_percent(n_seeds):
    _, low, high = median_interval(generator().permutation(n_seeds))
    assert low + high == n_seeds - 1  # as many left out at either end
    assert 1 - 2 * scipy.stats.binom.cdf(low, n_seeds, 0.5) >= 0.95
    assert 1 - 2 * scipy.stats.binom.cdf(low + 1, n_seeds, 0.5) < 0.95


def test_each_column_has_a_median_of_its_own():
    values = np.array([[1.0, 9.0, 4.0], [2.0, 3.0, 5.0], [8.0, 1.0, 6.0], [3.0, 2.0, 2.0]])
    np.testing.assert_array_equal(median_interval(values), [[2.5, 2.5, 4.5], [1.0, 1.0, 2.0], [8.0, 9.0, 6.0]])


# ---- a standardised difference


@pytest.mark.parametrize(("n_x", "n_y", "level"), [(5, 11, 0.95), (7, 3, 0.8), (2, 2, 0.5)])
def test_the_limits_of_a_difference_are_those_under_which_its_t_is_extreme(n_x, n_y, level):
    rng = generator(n_x)
    x, y = rng.normal(0.7, 1.0, n_x), rng.normal(0.0, 1.0, n_y)
    d = (x.mean() - y.mean()) / np.concatenate([x, y]).std(ddof=1)
    t = scipy.stats.ttest_ind(x, y).statistic
    share = n_x * n_y / (n_x + n_y) ** 2
    low, high = (  # a difference D of two groups with deviation 1 has d = D / √(1 + share D²) in a whole population
        limit / math.sqrt(1 - share * limit**2) * math.sqrt(n_x * n_y / (n_x + n_y))
        for limit in standardised_interval(d, n_x, n_y, level=level)
    )
    assert scipy.stats.nct.sf(t, n_x + n_y - 2, low) == pytest.approx((1 - level) / 2, abs=1e-6)
    assert scipy.stats.nct.cdf(t, n_x + n_y - 2, high) == pytest.approx((1 - level) / 2, abs=1e-6)


@pytest.mark.parametrize(("d", "n_x", "n_y"), [(0.0, 3, 5), (1.3, 30, 3), (-0.7, 7, 11)])
def test_the_other_way_round_the_interval_changes_its_sign(d, n_x, n_y):
    low, high = standardised_interval(d, n_x, n_y)
    assert standardised_interval(-d, n_y, n_x) == pytest.approx((-high, -low), abs=1e-6)
    assert low <= high


# ---- the bootstrap


def test_a_draw_is_as_large_as_its_group_and_with_replacement():
    rng, values = generator(), np.array([1.0, 10.0, 100.0])
    counted = dict.fromkeys(itertools.product(values, repeat=3), 0)
    for row in resampled(values, rng=rng, n_samples=27_000):
        counted[tuple(row)] += 1
    assert scipy.stats.chisquare(list(counted.values())).pvalue > 1e-4  # all 27 are equally likely


def test_each_draw_may_have_values_of_its_own():
    own = 10 * np.arange(500)[:, None] + np.arange(3)
    drawn = resampled(own, rng=generator(), n_samples=500)
    np.testing.assert_array_equal(drawn // 10, np.broadcast_to(np.arange(500)[:, None], (500, 3)))
    assert np.bincount((drawn % 10).astype(int).ravel()).min() > 400


def test_means_of_draws_spread_as_scipys_do():
    vectors = generator(1).normal(size=(5, 2))
    ours = resampled_means(vectors, rng=generator(2), n_samples=20_000)
    assert ours.shape == (20_000, 2)
    for column in range(2):
        sample = (vectors[:, column],)
        theirs = scipy.stats.bootstrap(sample, np.mean, n_resamples=20_000, method="percentile", rng=generator(3))
        assert ours[:, column].std() == pytest.approx(theirs.standard_error, rel=0.03)
        np.testing.assert_allclose(percentile_interval(ours[:, column]), theirs.confidence_interval, atol=0.04)
    assert np.corrcoef(ours.T)[0, 1] == pytest.approx(np.corrcoef(vectors.T)[0, 1], abs=0.03)  # a vector is drawn whole


@pytest.mark.parametrize(("level", "expected"), [(0.95, (25.0, 975.0)), (0.5, (250.0, 750.0)), (0.9, (50.0, 950.0))])
def test_a_percentile_interval_leaves_out_as_many_at_either_end(level, expected):
    assert percentile_interval(generator().permutation(1001), level) == pytest.approx(expected)


# ---- permutation tests


def test_the_exact_permutation_test_is_the_share_of_groupings():
    rng = generator(3)
    x, y = rng.normal(size=4) + 1, rng.normal(size=5)
    found = permutation_test(x, y)
    assert (found.exact, found.n_groupings) == (True, math.comb(9, 4))
    by_scipy = scipy.stats.permutation_test(
        (x, y), lambda a, b: a.mean() - b.mean(), alternative="greater", n_resamples=10_000
    )
    assert found.p == pytest.approx(by_scipy.pvalue, abs=1e-12)
    assert permutation_test(np.arange(10.0, 14), np.arange(5.0)).p == 1 / math.comb(9, 4)  # never 0


def test_the_sampled_permutation_test_is_close_to_the_exact_one_and_never_zero():
    rng = generator(8)
    x, y = rng.exponential(size=7) ** 2 + 1.0, rng.exponential(size=13) ** 2  # skewed: two tails, two p-values
    found = permutation_test(x, y, rng=rng)
    assert (found.exact, found.n_groupings) == (False, 9999)
    by_scipy = scipy.stats.permutation_test(
        (x, y), lambda a, b, axis: a.mean(axis) - b.mean(axis), alternative="greater", n_resamples=9999,
        vectorized=True, rng=rng,
    )  # fmt: skip
    assert found.p == pytest.approx(by_scipy.pvalue, abs=0.012)
    assert 0.02 < found.p < 0.98
    assert permutation_test(x + 100, y, rng=rng, n_samples=99).p == 1 / 100
    with pytest.raises(ValueError, match="rng must be given: 77520 groupings"):
        permutation_test(x, y)


@pytest.mark.parametrize("shift", [0.0, 1e12, -1e12])
@pytest.mark.parametrize("scale", [1e-300, 1e-13, 1.0, 1e295])
def test_neither_unit_nor_origin_changes_a_p_value(shift, scale):
    x, y = np.array([3.0, 5.0, 9.0, 4.0]), np.array([1.0, 2.0, 4.0, 0.0, 3.0])
    pooled = np.concatenate([x, y])
    as_far = [pooled[list(c)].sum() >= x.sum() for c in itertools.combinations(range(9), 4)]
    assert permutation_test(scale * (x + shift), scale * (y + shift)).p == np.mean(as_far)


def test_equal_values_are_never_apart_whatever_their_rounding():
    assert permutation_test([0.1 + 0.2] * 3, [0.3] * 3).p == 1.0
    assert permutation_test([0.0] * 3, [0.0] * 3).p == 1.0


# ---- many tests


def test_holm_is_its_definition():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([0.0, 1.0]).tolist() == [0.0, 1.0]


def test_holm_rejects_any_true_null_at_the_level_at_most():
    p = generator().uniform(size=(2000, 7))
    falsely = np.mean([holm(row).min() <= 0.05 for row in p])
    assert abs(falsely - (1 - (1 - 0.05 / 7) ** 7)) < 3.3 * math.sqrt(0.05 * 0.95 / 2000)


# ---- what is refused

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: student_interval([1.0]), r"values must be \(n,\) with n ≥ 2, got shape \(1,\)"),
        (lambda: student_interval([]), r"got shape \(0,\)"),
        (lambda: student_interval(np.ones((3, 2))), r"got shape \(3, 2\)"),
        (lambda: student_interval([1, 2, NAN]), r"values must be finite, got \[nan\]"),
        (lambda: student_interval([1, 2, INF]), r"values must be finite, got \[inf\]"),
        (lambda: student_interval(VALUES, 95), r"level \(95\) must be above 0 and below 1"),
        (lambda: student_interval(VALUES, -0.95), r"level \(-0.95\) must be"),
        (lambda: student_interval(VALUES, NAN), r"level \(nan\) must be"),
        (lambda: median_interval([[1.0, 2.0]]), r"two seeds or more along axis 0, got shape \(1, 2\)"),
        (lambda: median_interval(3.0), r"got shape \(\)"),
        (lambda: median_interval([1, NAN, 3]), r"values must be finite, got \[nan\]"),
        (lambda: standardised_interval(0.5, 1, 9), r"n_x \(1\) must be at least 2"),
        (lambda: standardised_interval(0.5, 9, 0), r"n_y \(0\) must be at least 2"),
        (lambda: standardised_interval(0.5, 5, 5, level=95), r"level \(95\) must be"),
        (lambda: standardised_interval(NAN, 5, 5), r"difference \(nan\) must be finite"),
        (lambda: standardised_interval(1.9, 5, 5), r"difference \(1.9\) must be below 1.89737 in size"),
        (lambda: resampled([], rng=generator(), n_samples=3), r"not empty, got shape \(0,\)"),
        (lambda: resampled(np.ones((2, 5)), rng=generator(), n_samples=3), r"or \(3, n\), .*got shape \(2, 5\)"),
        (lambda: resampled([1.0, INF], rng=generator(), n_samples=3), "values must be finite"),
        (lambda: resampled(VALUES, rng=generator(), n_samples=0), r"n_samples \(0\) must be at least 1"),
        (lambda: resampled_means(VALUES, rng=generator(), n_samples=3), r"vectors must be \(n, d\)"),
        (lambda: resampled_means(np.ones((0, 3)), rng=generator(), n_samples=3), r"got shape \(0, 3\)"),
        (lambda: percentile_interval([], 0.9), r"draws must be .*got shape \(0,\)"),
        (lambda: percentile_interval([1.0, NAN]), "draws must be finite"),
        (lambda: percentile_interval(VALUES, 95), r"level \(95\) must be"),
        (lambda: permutation_test([NAN, 1, 2], [0, 0, 0]), r"x must be finite, got \[nan\]"),
        (lambda: permutation_test([1, 2, 3], [0, INF, 0]), r"y must be finite, got \[inf\]"),
        (lambda: permutation_test(np.ones((2, 3)), [1.0]), r"got shapes \(2, 3\) and \(1,\)"),
        (lambda: permutation_test([1.0], np.ones((2, 3))), r"got shapes \(1,\) and \(2, 3\)"),
        (lambda: holm([-0.1, 0.5]), r"in \[0, 1\], got \[-0.1, 0.5\]"),
        (lambda: holm([[0.1, 0.5]]), r"p_values must be \(n,\)"),
        (lambda: permutation_test([], [1.0]), r"none empty, got shapes \(0,\) and \(1,\)"),
        (lambda: permutation_test([1.0], [2.0], n_samples=0), r"n_samples \(0\) must be at least 1"),
        (lambda: holm([0.5, 1.5]), r"p_values must be \(n,\), not empty and in \[0, 1\], got \[0.5, 1.5\]"),
        (lambda: holm([0.5, NAN]), "p_values must be finite"),
        (lambda: holm([]), "not empty"),
        (lambda: holm(0.5), r"must be \(n,\)"),
    ],
)
def test_what_has_no_answer_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: student_interval(["1", "2"]), "values must be real numbers, got "),
        (lambda: student_interval([1j, 2j]), "values must be real numbers, got "),
        (lambda: median_interval([[1, 2], [3]]), "values must be an array of numbers, got "),
        (lambda: student_interval(VALUES, "0.95"), "level must be a number, got "),
        (lambda: standardised_interval(0.5, 5.0, 5), "n_x must be an integer, got 5.0"),
        (lambda: resampled(VALUES, rng=0, n_samples=3), r"rng must be a numpy.random.Generator, .*got 0 \(int\)"),
        (lambda: resampled(VALUES, rng=generator(), n_samples=3.0), "n_samples must be an integer, got 3.0"),
        (lambda: resampled_means(np.ones((2, 2)), rng=0, n_samples=3), "rng must be a numpy.random.Generator"),
        (lambda: permutation_test([1.0], [2.0], rng=0), "rng must be a numpy.random.Generator"),
        (lambda: permutation_test([1.0], [2.0], n_samples=9.5), "n_samples must be an integer, got 9.5"),
    ],
)
def test_what_is_of_another_kind_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()
