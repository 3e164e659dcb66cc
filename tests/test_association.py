"""Association tests: the statistics by definition, and p-values and intervals at their nominal rates."""

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from mha.bias.association import associations, effect_size, template_vectors, wefat
from mha.bias.inference import bootstrap_interval, effect_interval
from mha.statistics.correction import holm
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


@given(st.integers(0, 50), st.floats(0.01, 100))
def test_lengths_of_vectors_do_not_matter_and_roles_change_the_sign(seed, scale):
    x, y, a, b = drawn(seed)
    d = effect_size(associations(x, a, b), associations(y, a, b))
    assert effect_size(associations(scale * x, a, b), associations(y, scale * a, b)) == pytest.approx(d, abs=1e-9)
    assert effect_size(associations(y, a, b), associations(x, a, b)) == pytest.approx(-d, abs=1e-9)
    assert effect_size(associations(x, b, a), associations(y, b, a)) == pytest.approx(-d, abs=1e-9)


def test_the_exact_permutation_test_is_the_share_of_groupings():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=4) + 1, rng.normal(size=5)
    pooled = np.concatenate([x, y])
    sums = [pooled[list(chosen)].sum() for chosen in itertools.combinations(range(9), 4)]
    found = permutation_test(x, y)
    assert found.exact
    assert found.n_groupings == math.comb(9, 4)
    assert found.p == pytest.approx(np.mean([total >= x.sum() - 1e-9 for total in sums]))
    apart = permutation_test(np.arange(10.0, 14), np.arange(5.0))
    assert apart.p == 1 / math.comb(9, 4)  # never 0


def test_the_sampled_permutation_test_is_close_to_the_exact_one_and_never_zero():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=12) + 0.5, rng.normal(size=12)
    found = permutation_test(x, y, rng=rng, n_samples=4000)
    assert not found.exact
    spread = x.std(ddof=1) ** 2 / 12 + y.std(ddof=1) ** 2 / 12
    by_normal = 1 - NormalDist().cdf((x.mean() - y.mean()) / math.sqrt(spread))
    assert found.p == pytest.approx(by_normal, abs=0.05)
    assert permutation_test(x + 100, y, rng=rng, n_samples=99).p == 1 / 100
    with pytest.raises(ValueError, match="rng must be given: 2704156 groupings"):
        permutation_test(x, y)


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


def test_holm_is_its_definition():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_templates_make_one_vector_a_word_and_template():
    def embed(texts):
        return [[len(text), text.count("a"), 1.0] for text in texts]

    vectors = template_vectors(embed, ["cat", "banana"], ["{}", "this is a {}."])
    assert vectors.shape == (2, 2, 3)
    assert vectors[1, 0].tolist() == [6, 3, 1]
    assert vectors[0, 1].tolist() == [len("this is a cat."), 2, 1]
    with pytest.raises(ValueError, match=r"must hold \{\} once, got 'no place'"):
        template_vectors(embed, ["cat"], ["no place"])


def test_bad_input_is_named():
    x, _, a, b = drawn(0)
    with pytest.raises(ValueError, match="must agree in d, got 31, 31 and 30"):
        associations(x, a, b[:, :30])
    with pytest.raises(ValueError, match="a must hold finite vectors, none of length zero"):
        associations(x, 0 * a, b)
    with pytest.raises(ValueError, match="two words or more each"):
        effect_size([1.0], [2.0, 3.0])
    with pytest.raises(ValueError, match="must not be all equal"):
        effect_size([1.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"in \[0, 1\], got"):
        holm([0.5, 1.5])
