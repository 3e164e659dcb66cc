"""Checks for the chapter on summarization: ROUGE-1, TextRank, a mixture that copies, what length does to a score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "copy_mix", "rouge_1", "text_rank", "two_candidates"]

Array = NDArray[Any]

# ---- ROUGE-1


def _rouge_1(candidate: Array, summary: Array) -> float:
    """F of the words shared, each counted as often as it stands in both."""
    words = np.union1d(candidate, summary)
    found = (candidate[:, None] == words).sum(axis=0)
    wanted = (summary[:, None] == words).sum(axis=0)
    shared = np.minimum(found, wanted).sum()
    n_found, n_wanted = candidate.size, summary.size
    f = 2 * shared / (n_found + n_wanted)
    return float(f)


def _in_order(one: Array, other: Array) -> int:
    """The length of the longest sequence that both hold in this order, which ROUGE-L counts."""
    if not (one.size and other.size):
        return 0
    if one[0] == other[0]:
        return 1 + _in_order(one[1:], other[1:])
    return max(_in_order(one[1:], other), _in_order(one, other[1:]))


def _share(one: Array, other: Array) -> float:
    """Which part of the words counted in one occurs in the other at all."""
    return float(one[other > 0].sum() / one.sum())


_SHARED = "np.minimum(found, wanted).sum()"
_F = "2 * shared / (n_found + n_wanted)"

rouge_1 = Exercise(
    _rouge_1,
    "candidate (i), summary (j) -> f",
    trials=(
        Trial(
            "five words and seven", {"candidate": np.array([4, 9, 4, 4, 1]), "summary": np.array([1, 9, 4, 8, 6, 1, 4])}
        ),
        Trial(
            "eleven words and three",
            {"candidate": np.array([3, 3, 5, 1, 7, 3, 8, 8, 2, 6, 3]), "summary": np.array([3, 5, 3])},
        ),
        Trial("nothing shared", {"candidate": np.array([1, 2]), "summary": np.array([3, 4, 5])}),
    ),
    mistakes=(
        Mistake("recall", f"{_F} -> shared / n_wanted", "this is recall: F weighs precision with it."),
        Mistake("precision", f"{_F} -> shared / n_found", "this is precision: F weighs recall with it."),
        Mistake(
            "plain-mean",
            f"{_F} -> (shared / n_found + shared / n_wanted) / 2",
            "this is the plain mean of precision and recall: F is their harmonic mean, 2 P R / (P + R).",
        ),
        Mistake(
            "geometric-mean",
            f"{_F} -> shared / np.sqrt(n_found * n_wanted)",
            "this is the geometric mean of precision and recall: F is the harmonic one, 2 P R / (P + R).",
        ),
        Mistake(
            "product",
            f"{_F} -> shared**2 / (n_found * n_wanted)",
            "this is precision times recall: F is their harmonic mean, 2 P R / (P + R).",
        ),
        Mistake("half", f"{_F} -> shared / (n_found + n_wanted)", "the factor 2 is missing: F = 2 P R / (P + R)."),
        Mistake(
            "each-once",
            f"{_SHARED} -> np.minimum(np.minimum(found, wanted), 1).sum()",
            "a word that both hold twice is shared twice: count each as often as it stands in both.",
        ),
        Mistake(
            "sets",
            (
                f"{_SHARED} -> np.minimum(np.minimum(found, wanted), 1).sum()",
                "candidate.size, summary.size -> (found > 0).sum(), (wanted > 0).sum()",
            ),
            "each word counts once here, as in a set: ROUGE counts words as often as they stand.",
        ),
        Mistake(
            "not-clipped",
            f"{_SHARED} -> found[wanted > 0].sum()",
            "a word that the candidate repeats earns nothing beyond the times that the summary has it: take the "
            "smaller count.",
        ),
        Mistake(
            "counted-in-summary",
            f"{_SHARED} -> wanted[found > 0].sum()",
            "a word that the summary repeats is found only as often as the candidate has it: take the smaller count.",
        ),
        Mistake(
            "pairs",
            f"{_SHARED} -> (found * wanted).sum()",
            "these are pairs of equal words: a word that stands twice in both is shared twice, not four times.",
        ),
        Mistake(
            "each-place",
            "np.union1d(candidate, summary) -> candidate",
            "a word is visited as often as the candidate holds it, and counted each time: visit each word once.",
        ),
        Mistake(
            "share-of-each",
            f"{_F} -> 2 * _share(found, wanted) * _share(wanted, found) / max(_share(found, wanted) + "
            "_share(wanted, found), 1e-9)",
            "each text's share of words that occur in the other makes repeated words count too often: both shares have "
            "the words shared above, of each the smaller count.",
        ),
        Mistake("larger", f"{_SHARED} -> np.maximum(found, wanted).sum()", "take the smaller count, not the larger."),
        Mistake(
            "lengths-of-sets",
            "candidate.size, summary.size -> (found > 0).sum(), (wanted > 0).sum()",
            "the divisor counts each word once: add up the lengths of both texts, repeated words included.",
        ),
        Mistake(
            "whole-division",
            f"{_F} -> 2 * shared // (n_found + n_wanted)",
            "// rounds down to a whole number: divide with /.",
        ),
        Mistake("number-shared", f"{_F} -> shared", "this is the number of words shared: F divides it."),
        Mistake(
            "jaccard",
            f"{_F} -> shared / (n_found + n_wanted - shared)",
            "this is the share of all words together, Jaccard's index: F is 2 P R / (P + R).",
        ),
        Mistake(
            "by-place",
            f"{_SHARED} -> sum(a == b for a, b in zip(candidate, summary))",
            "words are compared place by place: ROUGE-1 does not look at the order.",
        ),
        Mistake(
            "in-order",
            f"{_SHARED} -> _in_order(candidate, summary)",
            "this is the longest sequence in common, ROUGE-L: ROUGE-1 does not look at the order.",
        ),
        Mistake("percent", "float(f) -> float(100 * f)", "this is in percent: F lies between 0 and 1."),
    ),
)

# ---- TextRank


def _text_rank(words: Array, damping: float) -> Array:
    """The shares at which a walker stands on each sentence."""
    shared = words @ words.T
    logs = np.log(words.sum(axis=1))
    similarity = shared / (logs[:, None] + logs)
    n = len(words)
    similarity = np.where(np.eye(n, dtype=bool), 0.0, similarity)
    steps = similarity / similarity.sum(axis=1)[:, None]
    system = np.eye(n) - damping * steps.T
    jump = np.full(n, (1 - damping) / n)
    ranks = np.linalg.solve(system, jump)
    return ranks


def _words(seed: int, n: int, w: int, damping: float) -> dict[str, Any]:
    """0 and 1; word 0 stands in every sentence, and each has two words or more."""
    words = (np.random.default_rng(seed).random((n, w)) < 0.5).astype(np.float64)
    words[:, 0], words[np.arange(n), 1 + np.arange(n) % (w - 1)] = 1.0, 1.0
    return {"words": words, "damping": damping}


_SIMILARITY = "shared / (logs[:, None] + logs)"
_STEPS = "similarity / similarity.sum(axis=1)[:, None]"
_DIAGONAL = "np.where(np.eye(n, dtype=bool), 0.0, similarity)"

text_rank = Exercise(
    _text_rank,
    "words (n, w), damping -> ranks (n)",
    trials=(
        Trial("five sentences", _words(601, 5, 13, 0.75)),
        Trial("seven sentences", _words(602, 7, 11, 0.875)),
        Trial("three sentences", _words(603, 3, 7, 0.5)),
    ),
    mistakes=(
        Mistake(
            "lengths-ignored",
            f"{_SIMILARITY} -> shared",
            "the words shared are not divided: long sentences share more with all, so divide by log |a| + log |b|.",
        ),
        Mistake(
            "lengths-without-logs",
            "np.log(words.sum(axis=1)) -> words.sum(axis=1)",
            "the words shared are divided by the lengths themselves: take their logarithms.",
        ),
        Mistake(
            "product-of-logs",
            f"{_SIMILARITY} -> shared / (logs[:, None] * logs)",
            "the two logarithms are multiplied: add them up.",
        ),
        Mistake(
            "log-of-the-sum",
            f"{_SIMILARITY} -> shared / np.log(words.sum(axis=1)[:, None] + words.sum(axis=1))",
            "this is the logarithm of both lengths together: add up the two logarithms.",
        ),
        Mistake(
            "cosine",
            f"{_SIMILARITY} -> shared / np.sqrt(words.sum(axis=1)[:, None] * words.sum(axis=1))",
            "this is the cosine of the two: divide by log |a| + log |b|.",
        ),
        Mistake(
            "itself-too",
            f"{_DIAGONAL} -> similarity",
            "a sentence is compared with itself too, and the walker stays: set the diagonal to 0.",
        ),
        Mistake(
            "not-normalised",
            f"{_STEPS} -> similarity",
            "the similarities are not divided: a walker leaves each sentence with probability 1 in all.",
        ),
        Mistake(
            "normalised-the-other-way",
            f"{_STEPS} -> similarity / similarity.sum(axis=1)",
            "each column is divided by its own sum, or the steps are turned round: what leaves sentence i adds up "
            "to 1, and arrives at j.",
            also=("steps.T -> steps",),
        ),
        Mistake(
            "no-jump",
            "np.full(n, (1 - damping) / n) -> np.full(n, 1 / n)",
            "the jump has the whole weight: with probability damping the walker takes a step instead.",
        ),
        Mistake(
            "jump-left-out",
            "np.full(n, (1 - damping) / n) -> np.zeros(n)",
            "the jump is missing: with probability 1 - damping the walker goes anywhere, and without that all ranks "
            "fade to 0.",
        ),
        Mistake(
            "damping-fixed",
            ("damping * steps.T -> 0.85 * steps.T", "(1 - damping) / n -> 0.15 / n"),
            "the damping is fixed at 0.85: take it from the argument.",
        ),
        Mistake(
            "jump-of-one",
            "(1 - damping) / n -> 1 - damping",
            "the jump is not shared among the n sentences: the ranks should add up to 1.",
        ),
        Mistake(
            "damping-exchanged",
            ("damping * steps.T -> (1 - damping) * steps.T", "(1 - damping) / n -> damping / n"),
            "the damping is exchanged: a step is taken with probability damping, a jump with the rest.",
        ),
        Mistake(
            "degree",
            "return ranks -> return similarity.sum(axis=1) / similarity.sum()",
            "these are the sums of similarities: where a walker stands depends on its jumps too.",
        ),
        Mistake(
            "plain-sums",
            "return ranks -> return similarity.sum(axis=1)",
            "these are the sums of similarities: a walker's shares add up to 1, and jumps count too.",
        ),
        Mistake(
            "one-step",
            "np.linalg.solve(system, jump) -> jump + damping * steps.T @ np.full(n, 1 / n)",
            "this is one step from an even start: repeat it until nothing changes.",
        ),
        Mistake(
            "two-steps",
            "np.linalg.solve(system, jump) -> "
            "jump + damping * steps.T @ (jump + damping * steps.T @ np.full(n, 1 / n))",
            "these are two steps from an even start: repeat them until nothing changes.",
        ),
        Mistake(
            "scaled-to-one",
            "return ranks -> return ranks / ranks.max()",
            "the largest is set to 1: the ranks are shares, which add up to 1.",
        ),
        Mistake(
            "order",
            "return ranks -> return np.argsort(-ranks)",
            "this is the order of the sentences: their ranks are asked for, a share each.",
        ),
        Mistake(
            "softmax",
            f"{_STEPS} -> np.exp(similarity) / np.exp(similarity).sum(axis=1)[:, None]",
            "the steps are a softmax of the similarities: TextRank divides each row by its sum.",
        ),
    ),
)

# ---- a mixture that copies


def _copy_mix(vocabulary: Array, weights: Array, source: Array, gate: Array) -> Array:
    """g of the vocabulary, and of the weights of all places that hold a word the rest."""
    v = vocabulary.shape[1]
    holds = source[:, None] == np.arange(v)
    copied = weights @ holds
    g = gate[:, None]
    p = g * vocabulary + (1 - g) * copied
    return p


def _mixture(seed: int, i: int, j: int, v: int, source: list[int]) -> dict[str, Array]:
    """Shares in 1/4096 that sum to 1; words of the source that stand twice and more."""
    rng = np.random.default_rng(seed)
    vocabulary, weights = (rng.multinomial(4096, np.full(n, 1 / n), size=i) / 4096 for n in (v, j))
    gate = (4 * np.arange(i) + 3) / 32
    return {"vocabulary": vocabulary, "weights": weights, "source": np.array(source), "gate": gate}


_HOLDS = "source[:, None] == np.arange(v)"
_P = "g * vocabulary + (1 - g) * copied"

copy_mix = Exercise(
    _copy_mix,
    "vocabulary (i, v), weights (i, j), source (j), gate (i) -> p (i, v)",
    trials=(
        Trial("three words written, seven read", _mixture(701, 3, 7, 11, [4, 9, 4, 0, 2, 9, 4])),
        Trial("five words written, three read", _mixture(702, 5, 3, 7, [6, 1, 6])),
    ),
    mistakes=(
        Mistake(
            "last-place-only",
            f"{_HOLDS} -> ({_HOLDS}) & (np.arange(len(source)) == "
            "[max(np.flatnonzero(source == w)) for w in source])[:, None]",
            "of a word that stands several times only the last place counts: p[:, source] += … writes one of them. "
            "Add up all places.",
        ),
        Mistake(
            "first-place-only",
            f"{_HOLDS} -> ({_HOLDS}) & (np.arange(len(source)) == "
            "[min(np.flatnonzero(source == w)) for w in source])[:, None]",
            "of a word that stands several times only the first place counts: add up all places.",
        ),
        Mistake(
            "gate-exchanged",
            f"{_P} -> (1 - g) * vocabulary + g * copied",
            "the gate is exchanged: it is the share of the vocabulary, and 1 - g that of the source.",
        ),
        Mistake("no-gate", f"{_P} -> vocabulary + copied", "the gate is missing: rows of p sum to 2."),
        Mistake("even-gate", f"{_P} -> (vocabulary + copied) / 2", "both have half: the gate shares them out."),
        Mistake(
            "copy-not-gated",
            f"{_P} -> g * vocabulary + copied",
            "the copied part is not multiplied by 1 - g.",
        ),
        Mistake(
            "vocabulary-not-gated",
            f"{_P} -> vocabulary + (1 - g) * copied",
            "the vocabulary is not multiplied by g.",
        ),
        Mistake("copied-alone", f"{_P} -> copied", "this is the copied part alone: the vocabulary has the share g."),
        Mistake("vocabulary-alone", f"{_P} -> vocabulary + 0 * copied", "nothing is copied here."),
        Mistake(
            "gated-vocabulary-alone",
            f"{_P} -> g * vocabulary + 0 * copied",
            "the copied part is missing: it has the share 1 - g.",
        ),
        Mistake("gated-copy-alone", f"{_P} -> (1 - g) * copied", "the vocabulary's share is missing."),
        Mistake(
            "hard-gate",
            f"{_P} -> np.where(g >= 0.5, vocabulary, copied)",
            "the gate decides for one or the other: it mixes the two.",
        ),
        Mistake(
            "even-weights",
            "weights @ holds -> np.ones_like(weights) / len(source) @ holds",
            "every place has the same weight: attention says how much each has.",
        ),
        Mistake(
            "present",
            "weights @ holds -> np.ones_like(weights) @ holds > 0",
            "each word of the source counts as 1: add up the weights of its places instead.",
        ),
        Mistake(
            "largest-place",
            "weights @ holds -> (weights == weights.max(axis=1, keepdims=True)) @ holds",
            "only the place with the most weight counts: each place adds its weight to its word.",
        ),
        Mistake(
            "largest-of-a-word",
            "weights @ holds -> (weights[:, :, None] * holds).max(axis=1)",
            "of a word's places the largest weight is taken: add them up.",
        ),
        Mistake(
            "mean-of-a-word",
            "weights @ holds -> weights @ (holds / np.maximum(holds.sum(axis=0), 1))",
            "of a word's places the mean weight is taken: add them up.",
        ),
        Mistake(
            "multiplied",
            f"{_P} -> vocabulary * copied",
            "the two are multiplied: a word that one of them gives no share could never be written.",
        ),
    ),
)

# ---- what length does to a score

_SUMMARY, _SHORT, _LONG, _OF_SHORT, _OF_LONG = 10, 6, 30, 4, 7


def _wrong_f(shared: int, n_words: int) -> dict[float, str]:
    """What else is made of the words shared by a candidate of n_words and the summary."""
    precision, recall = shared / n_words, shared / _SUMMARY
    return {
        precision: "that is precision: F weighs recall with it.",
        recall: "that is recall: F weighs precision with it.",
        shared / (n_words + _SUMMARY): "the factor 2 is missing.",
        (precision * recall) ** 0.5: "that is the geometric mean: F is the harmonic one.",
        (precision + recall) / 2: "that is the plain mean: F is the harmonic one.",
        shared / (n_words + _SUMMARY - shared): "that is Jaccard's index: F is 2 P R / (P + R).",
    }


two_candidates = Numbers(
    "two_candidates",
    right={
        "short": 2 * _OF_SHORT / (_SHORT + _SUMMARY),
        "long": 2 * _OF_LONG / (_LONG + _SUMMARY),
        "needed": 10,
    },
    mistakes={
        "short": _wrong_f(_OF_SHORT, _SHORT),
        "long": _wrong_f(_OF_LONG, _LONG),
        "needed": {
            9: "with 9 of them F is 0.45, still below.",
            **dict.fromkeys((11, 12, 15, 20, 30), "it shares at most the 10 words that the summary has."),
            4: "that many has the short one: with 40 words in all they weigh less.",
            7: "that many it has already.",
            8: "with 8 of them F is 0.4, still below.",
            3: "that is how many more: the question is how many in all.",
        },
    },
)

EXERCISES = listed(rouge_1, text_rank, copy_mix)
