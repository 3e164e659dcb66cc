"""Alignments: links read from weights and their error rate by hand; IBM-1 against plain loops."""

from itertools import product

import numpy as np
import pytest

from mha.interpret.alignment import (
    Counts,
    count_links,
    diagonal_scores,
    error_rate,
    even_counts,
    rows_of,
    strongest_links,
)
from mha.models.ibm1 import expected_counts, train_ibm1

PAIRS = [
    (("das", "haus"), ("the", "house")),
    (("das", "buch"), ("the", "book")),
    (("ein", "buch"), ("a", "book")),
    (("ein", "haus", "und", "das", "buch"), ("a", "house", "and", "the", "book")),
]


def loops(pairs, n_iterations):
    """Koehn's pseudo code, word by word; None is the empty word."""
    targets = {t for _, target in pairs for t in target}
    sources = {s for source, _ in pairs for s in (None, *source)}
    table = {(t, s): 1 / len(targets) for t, s in product(targets, sources)}
    for _ in range(n_iterations):
        count, total = dict.fromkeys(table, 0.0), dict.fromkeys(sources, 0.0)
        for source, target in pairs:
            for t in target:
                norm = sum(table[t, s] for s in (None, *source))
                for s in (None, *source):
                    count[t, s] += table[t, s] / norm
                    total[s] += table[t, s] / norm
        table = {(t, s): c / total[s] for (t, s), c in count.items()}
    return table


def test_ibm1_equals_plain_loops():
    model, table = train_ibm1(PAIRS, 7), loops(PAIRS, 7)
    for (t, s), value in table.items():
        assert model.table[model.target_words[t], model.source_words[s or ""]] == pytest.approx(value, abs=1e-12)


def test_ibm1_finds_the_words_and_gives_unknown_ones_nothing():
    model = train_ibm1(PAIRS, 20)
    scores = model.scores(("ein", "haus", "neu"), ("a", "house", "new"))
    assert scores[:2].argmax(axis=1).tolist() == [0, 1]
    assert not scores[2].any()
    assert not scores[:, 2].any()
    assert model.word_by_word(("das", "neu", "buch")) == ("the", "book")


def test_expected_counts_share_each_target_word():
    table = np.array([[0.5, 0.0, 0.25], [0.0, 0.0, 0.75]])
    counts = expected_counts(table, np.array([0, 2, 2, 1]), np.array([1, 0]))
    assert np.allclose(counts, [[0, 0.5, 0.5, 0], [0.5, 0.25, 0.25, 0]])
    assert not expected_counts(table, np.array([1]), np.array([0])).any()


@pytest.mark.parametrize(("pairs", "n"), [([], 1), ([((), ("a",))], 1), (PAIRS, 0)])
def test_ibm1_refuses_what_it_cannot_count(pairs, n):
    with pytest.raises(ValueError, match=r"pair or more|n_iterations"):
        train_ibm1(pairs, n)


def test_the_row_that_predicts_comes_before_the_row_that_reads():
    weights = np.zeros((4, 6))
    weights[0, 2] = weights[1, 0] = weights[2, 1] = 1
    assert rows_of(weights, 3, 5).argmax(axis=1).tolist() == [2, 0, 1]
    assert rows_of(weights, 3, 5, "reads").argmax(axis=1).tolist()[:2] == [0, 1]
    with pytest.raises(ValueError, match="over 4 rows"):
        rows_of(weights, 4, 5)
    with pytest.raises(ValueError, match="row must be"):
        rows_of(weights, 3, 5, "writes")


def test_equal_scores_go_to_the_diagonal():
    assert strongest_links([[0.5, 0, 0.5], [0.5, 0, 0.5]]).tolist() == [[True, False, False], [False, False, True]]
    assert diagonal_scores(2, 5).argmax(axis=1).tolist() == [1, 3]


def test_error_rate_by_hand():
    sure = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]], bool)
    possible = sure | np.array([[0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]], bool)
    links = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], bool)
    counts = count_links(links, sure, possible)
    assert counts == Counts(3, 2, 1, 2)  # the third word has no counterpart: its link counts neither way
    assert error_rate(counts) == pytest.approx(1 - 3 / 5)
    assert error_rate([counts, (3, 3, 2, 2)]).tolist() == pytest.approx([0.4, 0.0])
    with pytest.raises(ValueError, match="possible too"):
        count_links(links, links, sure)
    with pytest.raises(ValueError, match="must be"):
        count_links(links[:2], sure, possible)


def test_chance_is_the_mean_over_all_ways_to_link():
    sure = np.array([[1, 0, 0], [0, 0, 0]], bool)
    possible = sure | np.array([[0, 0, 0], [0, 1, 1]], bool)
    every = [count_links(np.arange(3) == np.array([[a], [b]]), sure, possible) for a, b in product(range(3), repeat=2)]
    assert np.allclose(even_counts(sure, possible), np.mean(every, axis=0))
