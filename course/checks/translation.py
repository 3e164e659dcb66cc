"""Checks for the chapter on translation: links from weights, their error rate, expected counts, a rate by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "aligned", "by_hand", "error_rate", "expected_counts"]

Array = NDArray[Any]

# ---- links from weights


def _aligned(weights: Array, n_target: int, n_source: int) -> Array:
    """For each target word the place of its source word."""
    rows = weights[:, :n_target]
    words = rows[:, :, :n_source]
    shared = words.mean(axis=0)
    places = shared.argmax(axis=-1)
    return places


def _weights(seed: int, h: int, i: int, j: int) -> Array:
    """Rows that sum to 1, in 1/1024ths, no two alike."""
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.random((h, i, j - 1)), axis=-1)
    whole = np.round(np.diff(cuts, axis=-1, prepend=0.0, append=1.0) * 1024) / 1024
    return np.asarray(whole)


aligned = Exercise(
    _aligned,
    "weights (h, i, j), n_target, n_source -> places (n)",
    trials=(
        Trial("3 heads, 5 words into 7", {"weights": _weights(101, 3, 11, 13), "n_target": 7, "n_source": 5}),
        Trial("2 heads, 7 words into 5", {"weights": _weights(207, 2, 13, 11), "n_target": 5, "n_source": 7}),
        Trial("5 heads, 3 words into 7", {"weights": _weights(311, 5, 11, 7), "n_target": 7, "n_source": 3}),
    ),
    mistakes=(
        Mistake(
            "row-that-reads",
            "weights[:, :n_target] -> weights[:, 1 : n_target + 1]",
            "word k is looked up in row k + 1, which reads it: row k predicts it, and row 0 the first word.",
        ),
        Mistake(
            "last-rows",
            "weights[:, :n_target] -> weights[:, -n_target:]",
            "the last rows are taken, which belong to padding: the words are predicted by the first n_target rows.",
        ),
        Mistake(
            "all-rows",
            "weights[:, :n_target] -> weights",
            "there is a place for every row, those of the end and of padding too: keep the first n_target rows.",
        ),
        Mistake(
            "end-token-kept",
            "rows[:, :, :n_source] -> rows",
            "the end of the source and its padding may be chosen: keep the first n_source columns.",
        ),
        Mistake(
            "last-columns",
            "rows[:, :, :n_source] -> rows[:, :, -n_source:]",
            "the last columns are taken, which belong to padding: the words are the first n_source.",
        ),
        Mistake(
            "largest-of-heads",
            "words.mean(axis=0) -> words.max(axis=0)",
            "one head that is sure outvotes the others: the mean of the heads is asked for, not their maximum.",
        ),
        Mistake(
            "first-head",
            "words.mean(axis=0) -> words[0]",
            "this is head 0 alone: take the mean of the heads.",
        ),
        Mistake(
            "last-head",
            "words.mean(axis=0) -> words[-1]",
            "this is the last head alone: take the mean of the heads.",
        ),
        Mistake(
            "each-head",
            "shared.argmax(axis=-1) -> words.argmax(axis=-1)",
            "each head gives links of its own, (h, n): take the mean of the weights first, then the largest.",
        ),
        Mistake(
            "vote-of-heads",
            "shared.argmax(axis=-1) -> np.array([np.bincount(c).argmax() for c in words.argmax(axis=-1).T])",
            "each head has one vote here, however sure it is: take the mean of the weights first, then the largest.",
        ),
        Mistake(
            "mean-of-places",
            "shared.argmax(axis=-1) -> words.argmax(axis=-1).mean(axis=0)",
            "the heads' places are averaged, and between two words there is none: take the mean of the weights first.",
        ),
        Mistake(
            "counted-from-one",
            "shared.argmax(axis=-1) -> shared.argmax(axis=-1) + 1",
            "the places are counted from 1: count them from 0.",
        ),
        Mistake(
            "over-targets",
            "argmax(axis=-1) -> argmax(axis=0)",
            "the argmax runs over the target words: for each of them choose among the words of the source, axis=-1.",
        ),
        Mistake(
            "smallest",
            "argmax -> argmin",
            "the word with the least weight is chosen: argmax.",
        ),
        Mistake(
            "weights-not-places",
            "shared.argmax(axis=-1) -> shared.max(axis=-1)",
            "these are the largest weights: their places are asked for, argmax.",
        ),
        Mistake(
            "counts-swapped",
            ("weights[:, :n_target] -> weights[:, :n_source]", "rows[:, :, :n_source] -> rows[:, :, :n_target]"),
            "n_target and n_source have changed places: rows are target words, columns source words.",
        ),
    ),
)

# ---- how many are wrong


def _error_rate(links: Array, sure: Array, possible: Array) -> Array:
    """1 - (links that are sure + links that are possible) / (links + sure links there are)."""
    right = (links & sure).sum()
    allowed = (links & possible).sum()
    drawn = links.sum()
    wanted = sure.sum()
    rate = 1 - (right + allowed) / (drawn + wanted)
    return rate


def _masks(seed: int, i: int, j: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    possible = rng.random((i, j)) < 0.4
    sure = possible & (rng.random((i, j)) < 0.6)
    return {
        "links": (rng.random((i, j)) < 0.15) | (possible & (rng.random((i, j)) < 0.6)),
        "sure": sure,
        "possible": possible,
    }


error_rate = Exercise(
    _error_rate,
    "links (i, j), sure (i, j), possible (i, j) -> rate",
    trials=(
        Trial("5 words against 7", _masks(11, 5, 7)),
        Trial("11 words against 3", _masks(23, 11, 3)),
        Trial("7 words against 13", _masks(37, 7, 13)),
    ),
    mistakes=(
        Mistake(
            "not-an-error",
            "1 - (right + allowed) -> (right + allowed)",
            "this is the share of right links: the error rate is 1 minus it.",
        ),
        Mistake(
            "sure-only",
            "right + allowed -> right + right",
            "a link that is possible but not sure counts as wrong here: it counts once, for possible.",
        ),
        Mistake(
            "possible-only",
            "right + allowed -> allowed + allowed",
            "links that are sure count no more than possible ones: the sure ones are added once more.",
        ),
        Mistake(
            "precision",
            "1 - (right + allowed) / (drawn + wanted) -> 1 - allowed / drawn",
            "this asks only how many of your links are possible: sure links that you miss must count too.",
        ),
        Mistake(
            "recall",
            "1 - (right + allowed) / (drawn + wanted) -> 1 - right / wanted",
            "this asks only how many sure links you found: wrong links must count too.",
        ),
        Mistake(
            "all-possible-wanted",
            "wanted = sure.sum() -> wanted = possible.sum()",
            "every possible link is asked for: only the sure ones must be found, so the divisor is links + sure links.",
        ),
        Mistake(
            "links-alone-below",
            "(drawn + wanted) -> drawn",
            "the divisor is the number of your links alone: add the number of sure links.",
        ),
        Mistake(
            "sure-alone-below",
            "(drawn + wanted) -> wanted",
            "the divisor is the number of sure links alone: add the number of your links.",
        ),
        Mistake(
            "mean-of-two",
            "1 - (right + allowed) / (drawn + wanted) -> 1 - (right / wanted + allowed / drawn) / 2",
            "two shares are averaged: add both numerators, add both divisors, and divide once.",
        ),
        Mistake("percent", "return rate -> return 100 * rate", "this is in percent: the rate lies between 0 and 1."),
        Mistake(
            "brackets-below",
            "1 - (right + allowed) / (drawn + wanted) -> 1 - (right + allowed) / drawn + wanted",
            "only the number of links drawn divides here: put the divisor in brackets, (links + sure links).",
        ),
        Mistake(
            "sure-links-once",
            "(links & possible) -> (links & possible & ~sure)",
            "a sure link counts once here: it is possible too, so it counts in both numerators.",
        ),
        Mistake(
            "unlinked-words-dropped",
            "drawn = links.sum() -> drawn = (links & possible.any(axis=1, keepdims=True)).sum()",
            "links of words without a known link are left out: count all that the table holds.",
        ),
        Mistake(
            "or-for-and",
            "(links & sure) -> (links | sure)",
            "links | sure holds what is in one of the two: & keeps what is in both.",
        ),
        Mistake(
            "or-for-and-possible",
            "(links & possible) -> (links | possible)",
            "links | possible holds what is in one of the two: & keeps what is in both.",
        ),
        Mistake(
            "cells",
            "drawn = links.sum() -> drawn = links.size",
            "all cells of the table are counted as links: sum the mask instead.",
        ),
        Mistake(
            "rows-counted",
            ("drawn = links.sum() -> drawn = len(links)", "wanted = sure.sum() -> wanted = len(sure)"),
            "len counts the rows of a table: sum a mask to count its links.",
        ),
        Mistake(
            "agreement",
            "1 - (right + allowed) / (drawn + wanted) -> (links != sure).mean()",
            "this is the share of cells that differ: most cells hold no link on either side, and make it small.",
        ),
    ),
)

# ---- one step of IBM model 1


def _expected_counts(table: Array, source: Array, target: Array) -> Array:
    """Of each target word, the share that each source word has made."""
    rows = table[target]
    likely = rows[:, source]
    total = likely.sum(axis=1, keepdims=True)
    shares = likely / total
    return shares


def _pair(seed: int, v: int, u: int, i: int, j: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        "table": rng.integers(1, 64, (v, u)) / 64.0,
        "source": rng.integers(0, u, j),
        "target": rng.integers(0, v, i),
    }


expected_counts = Exercise(
    _expected_counts,
    "table (v, u), source (j), target (i) -> shares (i, j)",
    trials=(
        Trial("3 words into 5", _pair(3, 11, 13, 5, 3)),
        Trial("7 words into 2", _pair(5, 13, 7, 2, 7)),
        Trial("5 words into 13", _pair(8, 7, 11, 13, 5)),
    ),
    mistakes=(
        Mistake(
            "not-shared",
            "likely / total -> likely",
            "these are the table's numbers: divide each row by its sum, so that a target word is shared out whole.",
        ),
        Mistake(
            "over-targets",
            "axis=1 -> axis=0",
            "each source word is shared among target words: each target word is shared among source words, axis=1.",
        ),
        Mistake(
            "over-both",
            "likely.sum(axis=1, keepdims=True) -> likely.sum()",
            "one sum is taken over the whole pair: each target word is shared out by itself, so each row sums to 1.",
        ),
        Mistake(
            "keepdims-missing",
            "axis=1, keepdims=True -> axis=1",
            "a sum over axis 1 drops it, and (i,) does not fit (i, j): keepdims=True keeps it.",
        ),
        Mistake(
            "whole-row",
            "likely.sum(axis=1, keepdims=True) -> rows.sum(axis=1, keepdims=True)",
            "the sum runs over all words of the vocabulary: only words of this source can have made a target word.",
        ),
        Mistake(
            "softmax",
            "likely / total -> np.exp(likely) / np.exp(likely).sum(axis=1, keepdims=True)",
            "this is a softmax: the table holds probabilities already, divide them by their sum.",
        ),
        Mistake(
            "hard",
            "likely / total -> (likely == likely.max(axis=1, keepdims=True)).astype(float)",
            "the likeliest word gets all: a soft count gives each source word its share.",
        ),
        Mistake(
            "even",
            "likely / total -> np.full(likely.shape, 1 / likely.shape[1])",
            "every source word gets the same: share by the table.",
        ),
        Mistake(
            "each-word-once",
            "rows[:, source] -> rows[:, np.unique(source)]",
            "np.unique sorts the words of the source and keeps each once: every place of the source has its share.",
        ),
        Mistake("transposed", "return shares -> return shares.T", "the result is (j, i): target words are the rows."),
        Mistake(
            "mean",
            "likely.sum(axis=1, keepdims=True) -> likely.mean(axis=1, keepdims=True)",
            "each row is divided by its mean, so it sums to j: divide by the sum.",
        ),
        Mistake(
            "largest",
            "likely.sum(axis=1, keepdims=True) -> likely.max(axis=1, keepdims=True)",
            "each row is divided by its largest number: divide by its sum.",
        ),
        Mistake(
            "pairs-not-crossed",
            "likely = rows[:, source] -> likely = table[target[:1], source[:, None]].T",
            "only the first target word is looked up: cross all target words with all source words.",
        ),
    ),
)

# ---- by hand

by_hand = Numbers(
    "by_hand",
    right={"first": 0.0, "second": 0.4},
    mistakes={
        "first": {
            1.0: "that is the share of right links: an error rate of 0 is perfect.",
            1 / 3: "the possible links include the sure ones: a sure link counts in both.",
            0.25: "a link to one word of a name is possible, and so not wrong: it counts above and below.",
            0.2: "a link to one word of a name is possible, and so not wrong: it counts above and below.",
        },
        "second": {
            0.6: "that is the share of right links: subtract it from 1.",
            1 / 3: "that is the share of wrong links among those drawn: sure links that were missed count as well.",
            0.5: "that is the share of sure links that were missed: possible links count too.",
            0.25: "divide by links drawn plus sure links, 3 + 2.",
        },
    },
)

EXERCISES = listed(aligned, error_rate, expected_counts)
