"""Slopes over occupations: the table's own, those of draws, and how often their intervals hold the truth."""

import numpy as np
import pytest
from scipy.stats import linregress

from mha.bias.slopes import Draws, drawn, interval_of, means, slopes


def test_the_first_is_the_tables_own():
    rng = np.random.default_rng(0)
    shares, values = 100 * rng.random(13), rng.normal(size=(13, 7))
    draws = drawn(13, (3, 4), rng=rng, n_samples=5)
    near = values[:, 3:].mean(1) - values[:, :3].mean(1)
    assert slopes(shares, values, draws)[0] == pytest.approx(10 * linregress(shares, near).slope)
    assert means(values, draws)[0] == pytest.approx(near.mean())


def test_a_draw_is_a_table_with_rows_and_columns_drawn():
    rng = np.random.default_rng(1)
    shares, values = 100 * rng.random(5), rng.normal(size=(5, 3))
    rows, columns = np.array([0, 0, 2, 4, 4]), np.array([1, 1, 2])
    draws = Draws(
        np.vstack([np.ones(5), np.bincount(rows, minlength=5)]),
        np.vstack([np.full(3, 1 / 3), np.bincount(columns, minlength=3) / 3]),
    )
    by_hand = values[np.ix_(rows, columns)].mean(1)
    assert slopes(shares, values, draws)[1] == pytest.approx(10 * linregress(shares[rows], by_hand).slope)
    assert means(values, draws)[1] == pytest.approx(by_hand.mean())


def test_without_a_slope_intervals_cover_zero_at_the_nominal_rate():
    """200 small runs, in which occupations and names differ, each by chance."""
    rng, covered = np.random.default_rng(2), 0
    shares = np.linspace(0, 100, 29)
    for _ in range(200):
        values = rng.normal(size=(29, 1)) + 0.5 * rng.normal(size=(1, 11)) + 0.5 * rng.normal(size=(29, 11))
        _, low, high = interval_of(slopes(shares, values, drawn(29, (11,), rng=rng, n_samples=300)))
        covered += low <= 0 <= high
    assert 177 <= covered <= 199  # 190 expected, a bootstrap of 29 is a little narrow


def test_the_size_of_a_planted_slope_is_recovered_and_ratios_are_taken_within_a_draw():
    rng = np.random.default_rng(3)
    shares = 100 * rng.random(53)
    values = 0.2 * shares[:, None] + rng.normal(size=(53, 11))
    draws = drawn(53, (11,), rng=rng, n_samples=400)
    _, low, high = interval_of(slopes(shares, values, draws))
    assert low < 2 < high
    assert high - low < 0.3
    left = slopes(shares, 0.25 * values, draws) / slopes(shares, values, draws)
    np.testing.assert_allclose(interval_of(left), 0.25)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: slopes([1, 2], np.ones((3, 2)), d), r"shares must be \(3,\)"),
        (lambda d: means(np.ones((2, 3)), d), r"values must be \(3, 2\), as the draws are, got \(2, 3\)"),
        (lambda d: drawn(3, (1, 2, 3), rng=np.random.default_rng(0)), "one or two kinds, got 3"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    draws = drawn(3, (2,), rng=np.random.default_rng(0), n_samples=2)
    with pytest.raises(ValueError, match=message):
        call(draws)
