"""Kneser-Ney: an example by hand, a slow implementation from the formulas, and that probabilities sum to 1."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mha.models.ngram import KneserNey, kneser_ney_discounts

V = 7
TEXT = [0, 1, 2, 0, 1, 3, 0, 1, 2, 4, 1, 2]


def slow(row, order, context, token, discounts):
    """Chen and Goodman's formulas with dictionaries, one probability at a time."""
    grams = [Counter(tuple(row[at : at + n]) for at in range(len(row) - n + 1)) for n in range(1, order + 1)]

    def counts(n):
        return grams[n - 1] if n == order else Counter(gram[1:] for gram in grams[n])

    def p(context, token):
        n = len(context) + 1
        lower = p(context[1:], token) if context else 1 / V
        followers = {gram[-1]: count for gram, count in counts(n).items() if gram[:-1] == context}
        if not followers:
            return lower
        taken = discounts(list(counts(n).values()))
        freed = sum(taken[min(count, 3) - 1] for count in followers.values())
        kept = max(followers[token] - taken[min(followers[token], 3) - 1], 0) if token in followers else 0
        return (kept + freed * lower) / sum(followers.values())

    return p(tuple(context[len(context) - min(len(context), order - 1) :]), token)


def test_an_example_by_hand():
    """Bigrams of TEXT: 01 three times, 12 three times, 20, 13, 30, 24, 41 once. Discounts 0.5, 1, 1.5, as none is 2.

    Behind 1 stand 2 (three times) and 3 (once): 1.5 + 0.5 of 4 is freed. Before 0 stand 2 and 3, before 1 stand 0 and
    4, before 2, 3 and 4 one token each: 7 bigrams. Taken off: 1 + 1 + 0.5 + 0.5 + 0.5 = 3.5, half.
    """
    model = KneserNey(TEXT, 2, V)
    single = {0: (2 - 1 + 3.5 / 7) / 7, 2: (1 - 0.5 + 3.5 / 7) / 7, 3: (1 - 0.5 + 3.5 / 7) / 7, 5: 3.5 / 7 / 7}
    assert_allclose(model.probability(np.empty((4, 0)), list(single)), list(single.values()), rtol=1e-12)
    want = [(3 - 1.5 + 2 * single[2]) / 4, (1 - 0.5 + 2 * single[3]) / 4, 2 * single[0] / 4, 2 * single[5] / 4]
    assert_allclose(model.probability([[1]] * 4, [2, 3, 0, 5]), want, rtol=1e-12)
    assert_allclose(model.probability([[6]], [2]), [single[2]], rtol=1e-12)  # 6 was never seen: no context


def test_discounts_are_those_of_the_paper():
    counts = [1] * 50 + [2] * 20 + [3] * 10 + [4] * 6 + [9] * 4
    y = 50 / (50 + 2 * 20)
    want = (1 - 2 * y * 20 / 50, 2 - 3 * y * 10 / 20, 3 - 4 * y * 6 / 10)
    assert_allclose(kneser_ney_discounts(counts), want, rtol=1e-12)
    assert kneser_ney_discounts([1, 1, 2, 3, 9]) == (0.5, 1.0, 1.5)  # no count of 4
    assert kneser_ney_discounts([1] * 9 + [2] + [3] * 9 + [4]) == (0.5, 1.0, 1.5)  # 2 - 3 · 9 Y < 0


@pytest.mark.parametrize(("order", "length"), [(1, 211), (2, 211), (3, 211), (5, 907)])
def test_equals_the_formulas_with_dictionaries(order, length):
    rng = np.random.default_rng(order)
    row = np.minimum(rng.geometric(0.35, size=length) - 1, V - 2)  # token 6 never occurs
    model = KneserNey(row, order, V)
    highest = Counter(tuple(row[at : at + order]) for at in range(len(row) - order + 1))
    assert order == 1 or kneser_ney_discounts(list(highest.values())) != (0.5, 1.0, 1.5)  # not the fallback alone
    contexts, tokens = rng.integers(V, size=(40, order)), rng.integers(V, size=40)
    pairs = zip(contexts.tolist(), tokens.tolist(), strict=True)
    want = [slow(row.tolist(), order, context, token, kneser_ney_discounts) for context, token in pairs]
    assert_allclose(model.probability(contexts, tokens), want, rtol=1e-10)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, V - 1), min_size=5, max_size=60), st.lists(st.integers(0, V - 1), max_size=6))
def test_probabilities_sum_to_one(text, context):
    p = KneserNey(text, 5, V).distribution(context)
    assert_allclose(p.sum(), 1, rtol=1e-12)
    assert (p > 0).all()


def test_only_the_last_tokens_of_a_context_count():
    model = KneserNey(TEXT, 3, V)
    assert_allclose(model.distribution([3, 5, 0, 1]), model.distribution([0, 1]), rtol=0)
    assert not np.allclose(model.distribution([0, 1]), model.distribution([1]))


def test_each_piece_is_read_by_itself():
    model = KneserNey(TEXT, 3, V)
    pieces = np.array([[0, 1, 2, 4, 1], [6, 6, 0, 1, 3]])
    got = model.log2_probability(pieces)
    assert got.shape == (2, 4)
    for n, piece in enumerate(pieces):
        for end in range(1, 5):
            assert_allclose(2 ** got[n, end - 1], model.distribution(piece[:end])[piece[end]], rtol=1e-12)


def test_trouble_is_named():
    model = KneserNey(TEXT, 3, V)
    for foreign in (V, -1, 10**6):  # each would be the number of another n-gram
        for message, call in {
            "tokens must be in 0 … 6, got": lambda foreign=foreign: model.probability([[0, 1]], [foreign]),
            "contexts must be in 0 … 6, got": lambda foreign=foreign: model.probability([[foreign, 1]], [2]),
            "context must be in 0 … 6, got": lambda foreign=foreign: model.distribution([foreign]),
            "pieces must be in 0 … 6, got": lambda foreign=foreign: model.log2_probability([[0, foreign, 1]]),
        }.items():
            with pytest.raises(ValueError, match=message):
                call()
    for message, call in {
        "tokens must be integers, got float64": lambda: model.probability([[0, 1]], [1.5]),
        "contexts must be integers, got bool": lambda: model.probability([[True]], [1]),
        "context must be integers, got float64": lambda: model.distribution([0.5]),
        "pieces must be integers, got float64": lambda: model.log2_probability([[0.0, 1.0]]),
        "order must be an integer, got 2.0": lambda: KneserNey(TEXT, 2.0, V),
        "vocab_size must be an integer, got 7.0": lambda: KneserNey(TEXT, 2, 7.0),
        "tokens must be integers, got float": lambda: KneserNey([0.5, 1.0], 2, V),
        "counts must be integers, got float64": lambda: kneser_ney_discounts([1.0, 2.5]),
    }.items():
        with pytest.raises(TypeError, match=message):
            call()
    for message, call in {
        r"contexts and tokens must have shapes \(n, c\) and \(n,\), got \(1, 2\) and \(2,\)": lambda: model.probability(
            [[0, 1]], [1, 2]
        ),
        r"context must have shape \(c,\), got \(1, 2\)": lambda: model.distribution([[0, 1]]),
        r"pieces must have shape \(n, i\) with i ≥ 2, got \(2, 1\)": lambda: model.log2_probability([[0], [1]]),
        "counts must be 1 or more, got 0": lambda: kneser_ney_discounts([0, 1]),
    }.items():
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match=r"one row of order \(3\) tokens or more, got shape \(2,\)"):
        KneserNey([0, 1], 3, V)
    with pytest.raises(ValueError, match=r"order \(0\) must be at least 1"):
        KneserNey(TEXT, 0, V)
    with pytest.raises(ValueError, match=r"tokens must be in 0 … 3, got 0 to 4"):
        KneserNey(TEXT, 2, 4)
    with pytest.raises(ValueError, match=r"tokens must be in 0 … 6, got -1 to 5"):
        KneserNey([-1, 5, 2], 2, V)
    with pytest.raises(ValueError, match=r"vocab_size \(50257\) to the power of order \(5\) must be below 2\^63"):
        KneserNey(TEXT, 5, 50257)
    with pytest.raises(ValueError, match=r"must be below 2\^63"):
        KneserNey(TEXT, 3, 2**21)  # 2^63 exactly: one more than int64 holds
