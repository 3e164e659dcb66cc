"""Erasers: what goes, what stays, what a probe still reads, and that nothing is found where nothing is."""

import builtins

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mha.bias.association import associations
from mha.bias.inference import effect_interval
from mha.bias.mitigation import METHODS, Eraser, inlp, leace, projection, shuffled_labels
from mha.bias.probes import probe, right, thirds

D = 11
WAYS = pytest.mark.parametrize("way", METHODS)


def planted(seed, n=97, size=3.0):
    """Vectors whose channel 2 says the label, 30 % of them True, and whose channel 5 says another one."""
    rng = np.random.default_rng(seed)
    z, other = rng.permutation(np.arange(n) < 0.3 * n), rng.permutation(np.arange(n) < n // 2)
    x = rng.normal(size=(n, D)) + 7.0
    x[:, 2] += size * (2 * z - 1)
    x[:, 5] += 3.0 * (2 * other - 1)
    return x, z, other


def likelihood_gain(x, z):
    """How much a linear probe with next to no penalty wins over the majority on what it is fitted on, per vector."""
    fitted = LogisticRegression(C=1e6, max_iter=10_000).fit(x, z)
    wins = fitted.predict_log_proba(x)[np.arange(len(z)), z.astype(int)].mean()
    return wins - (z.mean() * np.log(z.mean()) + (1 - z.mean()) * np.log(1 - z.mean()))


def test_after_leace_no_linear_probe_beats_the_majority_on_the_fitting_data():
    x, z, _ = planted(0)
    erased = leace(x, z)(x)
    np.testing.assert_allclose(erased[z].mean(0), erased[~z].mean(0), atol=1e-9)
    assert likelihood_gain(erased, z) < 1e-6 < 0.1 < likelihood_gain(x, z)
    assert (LogisticRegression(C=1e6, max_iter=10_000).fit(erased, z).predict(erased) == z).mean() == (~z).mean()


@WAYS
def test_a_planted_label_goes_and_another_one_stays(way):
    x, z, other = planted(1)
    new, truth, new_other = planted(2)
    eraser = METHODS[way](x, z)
    told = right("linear", eraser(x), z, eraser(new), truth).mean()
    assert right("linear", x, z, new, truth).mean() > 0.97
    assert told < 0.8  # the majority has 0.7
    assert right("linear", eraser(x), other, eraser(new), new_other).mean() > 0.95
    np.testing.assert_allclose(eraser(x).mean(0), x.mean(0), atol=1e-9)


@pytest.mark.parametrize("kind", ["linear", "non-linear"])
def test_a_probe_does_not_read_a_label_off_the_rounding_of_a_dead_channel(kind):
    (x, z, _), (new, truth, _) = planted(1, size=0.0), planted(2, size=0.0)
    x, new = (np.column_stack([part, 1e-17 * label]) for part, label in ((x, z), (new, truth)))
    assert right(kind, x, z, new, truth).mean() < 0.8  # the majority has 0.7
    x, new = (part * np.append(np.ones(D), 1e14) for part in (x, new))  # small, and no rounding
    assert right(kind, x, z, new, truth).mean() > 0.9


@WAYS
def test_erasing_twice_is_erasing_once_and_half_goes_half_the_way(way):
    x, z, _ = planted(3)
    eraser = METHODS[way](x, z)
    np.testing.assert_allclose(eraser(eraser(x)), eraser(x), atol=1e-9)
    np.testing.assert_allclose(eraser(x, strength=0.5), (x + eraser(x)) / 2, atol=1e-9)
    np.testing.assert_array_equal(eraser(x, strength=0), x)
    assert np.linalg.matrix_rank(eraser(x) - x, tol=1e-6) == eraser.rank > 0


@WAYS
def test_scale_and_place_do_not_matter(way):
    x, z, _ = planted(4)
    moved = METHODS[way](1e-3 * x - 5.0, z)(1e-3 * x - 5.0)
    np.testing.assert_allclose(1e3 * (moved + 5.0), METHODS[way](x, z)(x), atol=1e-4)


def test_the_projection_is_by_hand():
    x, z, _ = planted(5)
    u = x[z].mean(0) - x[~z].mean(0)
    u /= np.sqrt(u @ u)
    by_hand = np.array([row - ((row - x.mean(0)) @ u) * u for row in x])
    np.testing.assert_allclose(projection(x, z)(x), by_hand, atol=1e-12)


def test_inlp_ends_and_takes_as_many_rounds_as_it_is_told():
    x, z, _ = planted(6)
    found = inlp(x, z)
    assert 0 < found.rank < 5
    np.testing.assert_allclose(found.read @ found.read.T, np.eye(found.rank), atol=1e-12)
    assert inlp(x, shuffled_labels(z, np.random.default_rng(0)), rounds=7).rank == 7
    assert inlp(x, z, rounds=0).rank == 0
    assert inlp(x, z, rounds=100).rank <= D  # no direction is left


def test_a_label_in_the_xor_of_two_channels_survives():
    rng = np.random.default_rng(7)
    signs = rng.choice([-1.0, 1.0], size=(2, 210, 2))
    x, new = (np.hstack([s + 0.2 * rng.normal(size=s.shape), rng.normal(size=(210, 3))]) for s in signs)
    z, truth = (s[:, 0] * s[:, 1] > 0 for s in signs)
    for make in METHODS.values():
        eraser = make(x, z)
        assert right("non-linear", eraser(x), z, eraser(new), truth).mean() > 0.9
        assert right("linear", eraser(x), z, eraser(new), truth).mean() < 0.65


@WAYS
def test_where_nothing_is_planted_intervals_cover_zero_at_the_nominal_rate(way):
    """Of 200 small runs: WEAT's d of words that no eraser has seen, after one has erased a label without meaning."""
    covered, rng = 0, np.random.default_rng(8)
    for _ in range(200):
        x, z = rng.normal(size=(32, 7)), rng.permutation(np.arange(32) < 16)
        eraser = METHODS[way](x, z, **({"rounds": 1} if way == "INLP" else {}))
        men, women, a, b = eraser(rng.normal(size=(4, 13, 7)))
        low, high = effect_interval(associations(men, a, b), associations(women, a, b))
        covered += low <= 0 <= high
    assert 181 <= covered <= 198  # 190 expected


def test_the_control_keeps_how_many_there_are_of_each():
    z = np.arange(30) < 7
    shuffled = shuffled_labels(z, np.random.default_rng(9))
    assert shuffled.sum() == 7
    assert (shuffled != z).any()
    np.testing.assert_array_equal(shuffled, shuffled_labels(z, np.random.default_rng(9)))


def test_thirds_share_no_word_and_hold_each_group():
    groups = np.repeat(["name man", "name woman", "noun man"], [31, 29, 7])
    parts = thirds(groups, np.random.default_rng(10))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(67))
    for part in parts[1:]:
        assert [int((groups[part] == group).sum()) for group in np.unique(groups)] == [10, 9, 2]


def test_equal_means_leave_nothing_to_project():
    x = np.vstack([np.eye(4), np.eye(4)])
    assert projection(x, np.arange(8) < 4).rank == 0
    assert leace(x, np.arange(8) < 4).rank == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: projection(np.ones((4, 3)), [0, 0, 0, 0]), ValueError, "labels must be of two kinds, got 1"),
        (lambda: projection(np.ones((4, 3)), [0, 1, 2, 0]), ValueError, "two kinds, got 3"),
        (lambda: projection(np.ones((4, 3)), [0, 1, 0, 1]), ValueError, "all of them are equal"),
        (lambda: leace(np.eye(4), [0, 1]), ValueError, r"shapes \(4, 4\) and \(2,\)"),
        (lambda: inlp(np.eye(9), np.arange(9) < 4), ValueError, "8 vectors of each kind, got 4 and 5"),
        (lambda: inlp(*planted(0)[:2], rounds=-1), ValueError, "rounds"),
        (lambda: projection(*planted(0)[:2])(np.ones((2, 3))), ValueError, r"\(..., 11\), as the eraser was fitted"),
        (lambda: projection(*planted(0)[:2])(np.ones(11), strength=1.5), ValueError, "strength"),
        (lambda: probe("quadratic"), ValueError, "kind must be one of 'linear', 'non-linear', got 'quadratic'"),
        (lambda: thirds(["a", "a"], np.random.default_rng(0)), ValueError, "words of group a"),
        (lambda: shuffled_labels([0, 1], 3), TypeError, "rng must be a numpy.random.Generator"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "concept_erasure":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match="pip install concept-erasure"):
        leace(*planted(0)[:2])


def test_an_eraser_of_nothing_changes_nothing():
    x = planted(11)[0]
    np.testing.assert_array_equal(Eraser(np.zeros(D), np.empty((0, D)), np.empty((D, 0)))(x), x)
