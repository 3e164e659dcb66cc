"""The checks of the chapter on summarization against answers as learners write them, right and wrong."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from rouge_score.rouge_scorer import RougeScorer

from course.checks import summarization as check
from tests.told import told_test

# ---- right answers, written differently


def rouge_by_counter(candidate, summary):
    shared = sum((Counter(candidate.tolist()) & Counter(summary.tolist())).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(candidate), shared / len(summary)
    return 2 * precision * recall / (precision + recall)


def rouge_by_the_package(candidate, summary):
    as_text = (" ".join(f"w{n}" for n in words) for words in (summary, candidate))
    return RougeScorer(["rouge1"]).score(*as_text)["rouge1"].fmeasure


def rouge_by_bincount(candidate, summary):
    counts = [np.bincount(words, minlength=20) for words in (candidate, summary)]
    return 2 * np.minimum(*counts).sum() / (len(candidate) + len(summary))


def likeness(words):
    logs, n = np.log(words.sum(axis=1)), range(len(words))
    return np.array([[(words[a] @ words[b] / (logs[a] + logs[b]) if a != b else 0.0) for b in n] for a in n])


def rank_by_rounds(words, damping):
    similarity, n = likeness(words), len(words)
    ranks = np.full(n, 1 / n)
    for _ in range(1000):
        ranks = (1 - damping) / n + damping * (ranks @ (similarity / similarity.sum(axis=1, keepdims=True)))
    return ranks


def rank_with_sets(words, damping):
    sets, n = [set(np.flatnonzero(row)) for row in words], len(words)
    table = [[len(a & b) / np.log(len(a) * len(b)) if a is not b else 0 for b in sets] for a in sets]
    ranks = [1 / n] * n
    for _ in range(500):
        ranks = [
            (1 - damping) / n + damping * sum(ranks[i] * table[i][j] / sum(table[i]) for i in range(n))
            for j in range(n)
        ]
    return ranks


def rank_by_eigenvector(words, damping):
    similarity = likeness(words)
    steps = damping * similarity / similarity.sum(1, keepdims=True) + (1 - damping) / len(words)
    values, vectors = np.linalg.eig(steps.T)
    first = np.real(vectors[:, np.argmax(np.real(values))])
    return first / first.sum()


def mix_in_a_loop(vocabulary, weights, source, gate):
    p = gate[:, None] * vocabulary
    for i in range(len(weights)):
        for j, word in enumerate(source):
            p[i, word] += (1 - gate[i]) * weights[i, j]
    return p


def mix_by_add_at(vocabulary, weights, source, gate):
    p = gate[:, None] * vocabulary
    np.add.at(p, (slice(None), source), (1 - gate)[:, None] * weights)
    return p


def mix_by_scatter(vocabulary, weights, source, gate):
    vocabulary, weights, source, gate = map(torch.from_numpy, (vocabulary, weights, source, gate))
    index = source.expand(weights.shape)
    return (gate[:, None] * vocabulary).scatter_add(1, index, (1 - gate[:, None]) * weights)


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.rouge_1, rouge_by_counter),
        (check.rouge_1, rouge_by_the_package),
        (check.rouge_1, rouge_by_bincount),
        (check.text_rank, rank_by_rounds),
        (check.text_rank, rank_with_sets),
        (check.text_rank, rank_by_eigenvector),
        (check.copy_mix, mix_in_a_loop),
        (check.copy_mix, mix_by_add_at),
        (check.copy_mix, mix_by_scatter),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers


def rouge_of_sets(candidate, summary):
    a, b = {*candidate.tolist()}, {*summary.tolist()}
    return 2 * len(a & b) / (len(a) + len(b))


def rouge_of_each_place(candidate, summary):
    a, b = candidate.tolist(), summary.tolist()
    return 2 * sum(min(a.count(word), b.count(word)) for word in a) / (len(a) + len(b))


def rouge_of_shares(candidate, summary):
    precision, recall = np.isin(candidate, summary).mean(), np.isin(summary, candidate).mean()
    return 2 * precision * recall / (precision + recall) if precision else 0.0


def rouge_not_clipped(candidate, summary):
    return 2 * np.isin(candidate, summary).sum() / (len(candidate) + len(summary))


def rank_from_ones(words, damping):
    similarity = likeness(words)
    ranks = np.ones(len(words))
    for _ in range(500):
        ranks = (1 - damping) + damping * (similarity / similarity.sum(axis=0)) @ ranks
    return ranks


def mix_overwritten(vocabulary, weights, source, gate):
    p = gate[:, None] * vocabulary
    p[:, source] += (1 - gate[:, None]) * weights
    return p


def rouge_in_order(candidate, summary):
    longest = np.zeros((len(candidate) + 1, len(summary) + 1), dtype=int)
    for i, word in enumerate(candidate, 1):
        for j, other in enumerate(summary, 1):
            before = longest[i - 1, j], longest[i, j - 1]
            longest[i, j] = longest[i - 1, j - 1] + 1 if word == other else max(before)
    return 2 * longest[-1, -1] / (len(candidate) + len(summary))


def rank_without_jump(words, damping):
    steps, ranks = likeness(words), np.ones(len(words))
    for _ in range(9000):
        ranks = damping * ranks @ (steps / steps.sum(axis=1, keepdims=True))
    return ranks


def mix_of_the_present(vocabulary, weights, source, gate):
    present = np.isin(np.arange(vocabulary.shape[1]), source)
    return gate[:, None] * vocabulary + (1 - gate[:, None]) * present


test_wrong_answers_are_told_what_is_wrong = told_test(
    [
        (check.rouge_1, rouge_of_sets, "sets", "as in a set"),
        (check.rouge_1, rouge_of_each_place, "each-place", "visit each word once"),
        (check.rouge_1, rouge_of_shares, "share-of-each", "of each the smaller count"),
        (check.rouge_1, rouge_not_clipped, "not-clipped", "smaller count"),
        (
            check.rouge_1,
            lambda c, s: np.isin(s, c).sum() / len(s),
            "counted-in-summary+recall",
            "as often as the candidate",
        ),
        (check.rouge_1, rouge_in_order, "in-order", "ROUGE-L"),
        (check.text_rank, rank_without_jump, "jump-left-out", "goes anywhere"),
        (check.text_rank, lambda w, d: rank_by_rounds(w, 0.85), "damping-fixed", "argument"),
        (check.text_rank, rank_from_ones, "jump-of-one", "add up to 1"),
        (check.text_rank, lambda w, d: likeness(w).sum(0) / likeness(w).sum(), "degree", "jumps"),
        (check.copy_mix, mix_overwritten, "last-place-only", "Add up all places"),
        (check.copy_mix, mix_of_the_present, "present", "add up the weights"),
        (check.copy_mix, lambda p, w, s, g: g[:, None] * p, "gated-vocabulary-alone", "1 - g"),
        (check.copy_mix, lambda p, w, s, g: mix_in_a_loop(p, w, s, 1 - g), "gate-exchanged", "share of the vocabulary"),
    ]
)


def test_the_two_candidates_are_what_the_package_says():
    summary = " ".join("abcdefghij")
    short = "a b c d x y"
    scores = [
        RougeScorer(["rouge1"]).score(summary, text)["rouge1"].fmeasure
        for text in (short, "a b c d e f g " + "x " * 23)
    ]
    assert check.two_candidates(*scores, 10).ok
