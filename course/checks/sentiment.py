"""Checks for the chapter on sentiment: what guessing gets, pairs that are right, the weight on a cue."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "chances", "pairs_right", "weight_on_cue"]

Array = NDArray[Any]

# ---- pairs both of whose sentences are right


def _pairs_right(positive: Array, negative: Array) -> Array:
    """The share of pairs whose positive sentence has a logit above 0 and whose negative one a logit below 0."""
    first = positive > 0
    second = negative < 0
    both = first & second
    return both.mean()


pairs_right = Exercise(
    _pairs_right,
    "positive (n), negative (n) -> share",
    trials=(
        Trial(
            "seven pairs",
            {
                "positive": np.array([1.5, -0.5, 2.0, 0.25, -1.0, -0.75, 3.0]),
                "negative": np.array([-1.0, -2.0, 0.0, -0.125, 1.0, -0.25, -0.5]),
            },
        ),
        Trial(
            "eleven pairs",
            {
                "positive": np.array([0.5, 2.5, -1.5, -0.25, 1.0, 0.0, -3.0, 1.25, 0.75, 2.0, 0.375]),
                "negative": np.array([0.25, -0.5, -2.0, 1.5, 0.5, -1.0, -0.125, -0.75, 0.25, 0.375, 0.625]),
            },
        ),
    ),
    mistakes=(
        Mistake("either", "first & second -> first | second", "one of the two is enough here: both must be right."),
        Mistake(
            "sentences",
            "both.mean() -> (first.mean() + second.mean()) / 2",
            "this is the share of sentences: a pair counts if both of its sentences are right.",
            also=("both.mean() -> np.concatenate([first, second]).mean()",),
        ),
        Mistake(
            "shares-multiplied",
            "both.mean() -> first.mean() * second.mean()",
            "the two shares are multiplied, as if the sentences of a pair were right independently: ask pair by pair.",
        ),
        Mistake(
            "smaller-share",
            "both.mean() -> np.minimum(first.mean(), second.mean())",
            "this is the smaller of two shares, the most that both could be: ask pair by pair.",
        ),
        Mistake(
            "order",
            "first & second -> positive > negative",
            "this asks which of the two is higher: each must be on its own side of 0.",
        ),
        Mistake(
            "apart",
            "first & second -> positive * negative < 0",
            "this asks whether the two answers differ: they may both be wrong then.",
            also=("first & second -> first == second", "first & second -> np.sign(positive) != np.sign(negative)"),
        ),
        Mistake("positive-alone", "first & second -> first", "the negative sentences are not asked."),
        Mistake("negative-alone", "first & second -> second", "the positive sentences are not asked."),
        Mistake(
            "both-above",
            "negative < 0 -> negative > 0",
            "a negative sentence is right if its logit is below 0.",
        ),
        Mistake(
            "signs-swapped",
            ("positive > 0 -> positive < 0", "negative < 0 -> negative > 0"),
            "the signs are swapped: a positive sentence is right above 0, a negative one below.",
        ),
        Mistake(
            "as-probabilities",
            ("positive > 0 -> positive > 0.5", "negative < 0 -> negative < 0.5"),
            "a half divides probabilities: these are logits, and 0 divides them.",
        ),
        Mistake(
            "zero-is-right",
            "positive > 0 -> positive >= 0",
            "a score of exactly 0 is on neither side, and not right.",
            also=("negative < 0 -> negative <= 0", ("positive > 0 -> positive >= 0", "negative < 0 -> negative <= 0")),
        ),
        Mistake("counted", "both.mean -> both.sum", "the pairs are counted: divide by how many there are."),
        Mistake("percent", "both.mean() -> 100 * both.mean()", "this is percent: a share is asked for."),
        Mistake("each-pair", "both.mean() -> both", "this says it of each pair: take the mean."),
        Mistake("all-or-nothing", "both.mean() -> both.all()", "this asks whether all pairs are right: take the mean."),
        Mistake(
            "over-sentences",
            "both.mean() -> both.sum() / (len(positive) + len(negative))",
            "the count is divided by the number of sentences: divide by the number of pairs.",
        ),
        Mistake(
            "rounded",
            "both.mean() -> np.round(both.mean(), 2)",
            "the share is rounded: leave it as it is.",
            also=("both.mean() -> np.round(both.mean(), 1)",),
        ),
    ),
)

# ---- the weight on a cue


def _weight_on_cue(weights: Array, counted: Array, cue: Any) -> Array:
    """What one key gets in each head, in the mean over the queries that count."""
    column = weights[:, :, cue]
    chosen = column[:, counted]
    return chosen.mean(axis=1)


def _weights(seed: int, n_heads: int, n_queries: int, n_keys: int) -> Array:
    """Rows that sum to 1, exact in float32 and not in half precision."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(2**14, rng.dirichlet(np.ones(n_keys), (n_heads, n_queries))) / 2**14


weight_on_cue = Exercise(
    _weight_on_cue,
    "weights (h, i, j), counted (i), cue -> weight (h)",
    trials=(
        Trial(
            "3 heads, 5 queries",
            {"weights": _weights(211, 3, 5, 7), "counted": np.array([True, True, False, True, True]), "cue": 4},
        ),
        Trial(
            "2 heads, 7 queries",
            {
                "weights": _weights(223, 2, 7, 11),
                "counted": np.array([False, True, True, False, True, True, False]),
                "cue": 2,
            },
        ),
    ),
    mistakes=(
        Mistake(
            "all-queries",
            "column[:, counted] -> column",
            "every query is counted, also the cue's own: keep those for which counted is True.",
        ),
        Mistake(
            "left-out",
            "column[:, counted] -> column[:, ~counted]",
            "these are the queries that do not count: keep those for which counted is True.",
        ),
        Mistake(
            "own-left-out",
            "column[:, counted] -> np.delete(column, cue, axis=1)",
            "the cue's own query is left out and no other: keep those for which counted is True.",
        ),
        Mistake(
            "as-places",
            "column[:, counted] -> column[:, counted.astype(int)]",
            "counted is read as the places 0 and 1: it is a mask, leave it True and False.",
        ),
        Mistake(
            "row",
            "weights[:, :, cue] -> weights[:, cue]",
            "this is the cue's own row, what it looks at: take its column, what looks at it.",
        ),
        Mistake("added", "chosen.mean -> chosen.sum", "the weights are added: take their mean over the queries."),
        Mistake(
            "over-all",
            "chosen.mean(axis=1) -> chosen.sum(axis=1) / len(counted)",
            "the sum is divided by the number of all queries: divide by how many are counted.",
            also=("chosen.mean(axis=1) -> (column * counted).mean(axis=1)",),
        ),
        Mistake("heads-averaged", "chosen.mean(axis=1) -> chosen.mean()", "heads are averaged too: one number each."),
        Mistake(
            "over-heads",
            "chosen.mean(axis=1) -> chosen.mean(axis=0)",
            "the mean goes over the heads: take it over the queries, axis 1.",
        ),
        Mistake("largest", "chosen.mean -> chosen.max", "this is the largest weight: take the mean over the queries."),
        Mistake(
            "first-query",
            "chosen.mean(axis=1) -> chosen[:, 0]",
            "this asks one query alone: take the mean over all that are counted.",
        ),
        Mistake(
            "less-chance",
            "chosen.mean(axis=1) -> chosen.mean(axis=1) - 1 / weights.shape[-1]",
            "equal shares are subtracted: the weight itself is asked for.",
        ),
    ),
)

# ---- what guessing gets

chances = Numbers(
    "chances",
    right={"coin_pairs": 0.25, "always_positive_sentences": 0.5, "always_positive_pairs": 0.0, "ninety_pairs": 0.81},
    mistakes={
        "coin_pairs": {
            0.5: "that is the share of sentences: a pair needs two tosses that come out right.",
            0.75: "that is the share of pairs with at least one sentence right.",
        },
        "always_positive_sentences": {
            0.0: "every positive sentence is right.",
            1.0: "every negative sentence is wrong.",
            0.25: "half of the sentences are positive, and all of these are right.",
        },
        "always_positive_pairs": {
            0.5: "in each pair one sentence is right and one wrong: the pair is not.",
            0.25: "that is chance: here each pair has a sentence that is wrong for sure.",
            1.0: "in each pair the negative sentence is wrong.",
        },
        "ninety_pairs": {
            0.9: "that is the share of sentences: a pair needs both.",
            0.8: "that is the least it can be, if no pair has two mistakes: here the mistakes fall independently.",
            0.99: "that is the share of pairs with at least one sentence right.",
            0.18: "that is the share of pairs with exactly one sentence right.",
            0.01: "that is the share of pairs with both sentences wrong.",
            0.45: "half of the share: a pair needs both of its sentences, 0.9 times 0.9.",
        },
    },
)

EXERCISES = listed(pairs_right, weight_on_cue)
