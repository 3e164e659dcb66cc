"""Association tests: the statistics by definition, and p-values and intervals at their nominal rates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, bootstrap

from mha.bias.association import associations, effect_size, template_vectors, wefat
from mha.bias.inference import bootstrap_interval, effect_interval
from mha.statistics.permutation import permutation_test

N_RUNS, DIMENSIONS = 200, 31


def cosine(u, v):
    return u @ v / math.sqrt((u @ u) * (v @ v))


def drawn(seed, n=11, n_attributes=13, planted=0.0):
    """Target groups x, y and attributes a, b without any relation; or with one, along one direction."""
    rng = np.random.default_rng(seed)
    x, y, a, b = (rng.normal(size=(k, DIMENSIONS)) for k in (n, n, n_attributes, n_attributes))
    direction = rng.normal(size=DIMENSIONS)
    direction /= np.linalg.norm(direction)
    shift = planted * direction
    return x + shift, y - shift, a + 3 * shift, b - 3 * shift


def test_statistics_are_their_definitions():
    x, y, a, b = drawn(0)
    by_loops = [np.mean([cosine(w, u) for u in a]) - np.mean([cosine(w, u) for u in b]) for w in x]
    np.testing.assert_allclose(associations(x, a, b), by_loops, atol=1e-12)
    s, t = associations(x, a, b), associations(y, a, b)
    both = np.concatenate([s, t])
    assert effect_size(s, t) == pytest.approx((s.mean() - t.mean()) / both.std(ddof=1), abs=1e-12)
    spreads = [np.std([cosine(w, u) for u in (*a, *b)], ddof=1) for w in x]
    np.testing.assert_allclose(wefat(x, a, b), np.array(by_loops) / spreads, atol=1e-12)


@settings(deadline=None)
@given(st.integers(0, 50), st.floats(0.01, 100))
def test_lengths_of_vectors_do_not_matter_and_roles_change_the_sign(seed, scale):
    x, y, a, b = drawn(seed)
    d = effect_size(associations(x, a, b), associations(y, a, b))
    assert effect_size(associations(scale * x, a, b), associations(y, scale * a, b)) == pytest.approx(d, abs=1e-9)
    assert effect_size(associations(y, a, b), associations(x, a, b)) == pytest.approx(-d, abs=1e-9)
    assert effect_size(associations(x, b, a), associations(y, b, a)) == pytest.approx(-d, abs=1e-9)


def test_without_bias_intervals_cover_zero_and_tests_reject_at_the_nominal_rate():
    covered, wide, rejected = 0, 0, 0
    for seed in range(N_RUNS):
        x, y, a, b = drawn(seed)
        s, t = associations(x, a, b), associations(y, a, b)
        low, high = effect_interval(s, t)
        covered += low <= 0 <= high
        low, high = bootstrap_interval(x, y, a, b, rng=np.random.default_rng(seed), n_samples=200)
        wide += low <= 0 <= high
        rejected += permutation_test(s, t, rng=np.random.default_rng(seed), n_samples=199).p <= 0.05
    least, most = binom.ppf([0.0005, 0.9995], N_RUNS, 0.95)
    assert least <= covered <= most
    assert wide >= least  # it draws the attributes too, and is wider than it need be where there is nothing
    assert rejected <= binom.ppf(0.9995, N_RUNS, 0.05)


def test_a_planted_association_of_known_size_is_recovered():
    x, y, a, b = drawn(0, n=20_000, n_attributes=13, planted=0.6)
    errors, covered = [], 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        some_x, some_y = (v[rng.choice(len(v), 25, replace=False)] for v in (x, y))
        s, t = associations(some_x, a, b), associations(some_y, a, b)
        true = effect_size(associations(x, a, b), associations(y, a, b))
        low, high = effect_interval(s, t)
        errors.append(effect_size(s, t) - true)
        covered += low <= true <= high
    assert true > 0.8
    assert abs(np.mean(errors)) < 0.05
    assert covered >= binom.ppf(0.0005, 100, 0.95)


def test_sentences_are_no_words():
    """Ten sentences of a word, nearly alike, taken for ten words: groups drawn at random come out as different."""
    rejected = {"words": 0, "sentences": 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 8))
        rejected["words"] += permutation_test(x, y).p <= 0.05
        many = (np.repeat(group, 10) + 0.1 * rng.normal(size=80) for group in (x, y))
        rejected["sentences"] += permutation_test(*many, rng=rng, n_samples=199).p <= 0.05
    assert rejected["words"] <= 9
    assert rejected["sentences"] >= 15


def test_templates_make_one_vector_a_word_and_template():
    def embed(texts):
        return [[len(text), text.count("a"), 1.0] for text in texts]

    vectors = template_vectors(embed, ["cat", "banana"], ["{}", "this is a {}."])
    assert vectors.shape == (2, 2, 3)
    assert vectors[1, 0].tolist() == [6, 3, 1]
    assert vectors[0, 1].tolist() == [len("this is a cat."), 2, 1]
    for template in ("no place", "{} and {}"):
        with pytest.raises(ValueError, match=rf"must hold \{{\}} once, got '{template}'"):
            template_vectors(embed, ["cat"], [template])


@pytest.mark.parametrize("level", [0.95, 0.7])
def test_the_bootstrap_draws_each_of_the_four_sets_as_scipy_does(level):
    rng = np.random.default_rng(38)  # here each set, left undrawn, moves an end of the interval by 0.14 or more
    sets = [rng.normal(size=(n, 3)) + shift for n, shift in ((5, 0.5), (5, -0.5), (3, 0.5), (4, -0.5))]
    x, y, a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in sets)

    def by_index(n_x, n_y, n_a, n_b, axis):
        direction = a[n_a].mean(1) - b[n_b].mean(1)  # (s, d)
        near_x, near_y = (np.einsum("snd,sd->sn", v[n], direction) for v, n in ((x, n_x), (y, n_y)))
        both = np.concatenate([near_x, near_y], axis=1)
        return (near_x.mean(1) - near_y.mean(1)) / both.std(axis=1, ddof=1)

    indices = tuple(np.arange(len(v)) for v in (x, y, a, b))
    theirs = bootstrap(
        indices, by_index, n_resamples=20_000, method="percentile", confidence_level=level, vectorized=True, rng=rng
    )
    ours = bootstrap_interval(*sets, rng=rng, level=level, n_samples=20_000)
    np.testing.assert_allclose(ours, theirs.confidence_interval, atol=0.06)  # each ± 0.02


def test_the_bootstrap_leaves_out_draws_without_a_difference():
    one, other, third = np.eye(3)
    x, y, a, b = [one, third], [other, third], [one, one], [other, other]
    low, high = bootstrap_interval(x, y, a, b, rng=np.random.default_rng(0))  # third with third: no spread
    assert (low, high) == pytest.approx((1.0, math.sqrt(3)))
    with pytest.raises(ValueError, match="no draw of them has an effect size"):
        bootstrap_interval([third] * 2, [third] * 2, a, b, rng=np.random.default_rng(0))


@settings(deadline=None)
@given(st.floats(-1, 1), st.integers(2, 12), st.integers(2, 12))
def test_equals_have_no_effect_size_however_their_mean_is_rounded(value, n_x, n_y):
    with pytest.raises(ValueError, match="must not be all equal"):
        effect_size([value] * n_x, [value] * n_y)


def test_the_same_attributes_in_another_order_are_the_same():
    x, y, a, _ = drawn(0)
    assert not associations(x, a, a[::-1]).any()
    with pytest.raises(ValueError, match="must not be all equal"):
        effect_size(associations(x, a, a[::-1]), associations(y, a, a[::-1]))
    with pytest.raises(ValueError, match="a and b must not all be equally near to a word"):
        wefat(x, [a[0]] * 3, [a[0]] * 4)


NAN = float("nan")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, a, b: associations(x, a, b[:, :30]), "must agree in d, got 31, 31 and 30"),
        (lambda x, a, b: associations(x, 0 * a, b), "a must hold vectors of finite length, none of length zero"),
        (lambda x, a, b: associations(x, a, NAN * b), "b must be finite, got "),
        (lambda x, a, b: associations(x[:0], a, b), r"words must have shape .* none empty, got \(0, 31\)"),
        (lambda x, a, b: wefat(x[None], a, b), r"must be \(n, d\), got shapes \(1, 11, 31\)"),
        (lambda x, a, b: effect_size([1.0], [2.0, 3.0]), r"two words or more each .*\(1,\) and \(2,\)"),
        (lambda x, a, b: effect_size(1.0, [2.0, 3.0]), r"two words or more each .*\(\) and \(2,\)"),
        (lambda x, a, b: effect_size(np.ones((3, 2)), np.ones((4, 2))), r"agree in the other axes.*\(3, 2\) and"),
        (lambda x, a, b: effect_size([1.0, NAN], [2.0, 3.0]), "x must be finite, got "),
        (lambda x, a, b: effect_interval([1, 2, 3], [NAN, 2]), "y must be finite, got "),
        (lambda x, a, b: effect_interval(x, [1, 2]), r"got shapes \(11, 31\) and \(2,\)"),
        (lambda x, a, b: effect_interval([1, 2], x), r"got shapes \(2,\) and \(11, 31\)"),
        (lambda x, a, b: effect_interval(x, x), r"must be \(n_x,\) and \(n_y,\), got shapes \(11, 31\)"),
        (lambda x, a, b: effect_interval([1, 1, 1], [0, 0]), "the groups must spread within themselves"),
        (lambda x, a, b: effect_interval([1, 2], [3, 5], level=95), r"level \(95\) must be"),
        (lambda x, a, b: bootstrap_interval(x, x, a, b, rng=np.random.default_rng(0), level=95), "level"),
        (lambda x, a, b: bootstrap_interval(x, x, a, b, rng=np.random.default_rng(0), n_samples=0), "n_samples"),
        (lambda x, a, b: template_vectors(len, [], ["{}"]), "words must hold at least one text"),
        (lambda x, a, b: template_vectors(lambda t: [[1.0]], ["a", "b"], ["{}"]), r"\(2, d\), one vector a text"),
    ],
)
def test_bad_input_is_named(call, message):
    x, _, a, b = drawn(0)
    with pytest.raises(ValueError, match=message):
        call(x, a, b)


def test_input_of_another_kind_is_named():
    x, y, a, b = drawn(0)
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator"):
        bootstrap_interval(x, y, a, b, rng=0)
    with pytest.raises(TypeError, match="words must be several texts, got one string"):
        template_vectors(len, "cat", ["{}"])
    with pytest.raises(TypeError, match="templates must be several texts, got one string"):
        template_vectors(len, ["cat"], "{}")


def test_a_vector_too_long_for_its_length_is_named():
    x, _, a, b = drawn(0)
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="b must hold vectors of finite length"):
        associations(x, a, b * 1e200)
