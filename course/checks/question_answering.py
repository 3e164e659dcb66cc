"""Checks for the chapter on question answering: the best span, weight on an answer over chance, two scores by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "best_span", "by_hand", "times_chance"]

Array = NDArray[Any]

# ---- the span that scores most


def _best_span(begins: Array, ends: Array, longest: int) -> tuple[Any, Any]:
    """The first and the last token of the span whose two scores sum to most."""
    both = begins[:, None] + ends[None, :]
    places = np.arange(len(begins))
    length = places[None, :] - places[:, None] + 1
    fits = (length >= 1) & (length <= longest)
    both = np.where(fits, both, -np.inf)
    best = both.argmax()
    first = best // len(ends)
    last = best % len(ends)
    return first, last


def _scores(
    label: str, seed: int, n: int, longest: int, best: tuple[int, int], right: tuple[int, int], even: int
) -> Trial:
    """The best begin and the best end make no span; the right one has unlike scores, another even ones and less."""
    rng = np.random.default_rng(seed)
    begins, ends = rng.permutation(n) / 8.0 - 4, rng.permutation(n) / 8.0 - 4
    begins[best[0]], ends[best[1]] = n, n
    begins[right[0]], ends[right[1]] = n - 1, 0.5
    begins[even], ends[even] = 2.0, 2.0  # the larger product
    return Trial(label, {"begins": begins, "ends": ends, "longest": longest})


def _below_zero() -> Trial:
    """No sum is above 0, and the best span ends at the last token; as shares, the best begin counts for most."""
    begins = np.array([-29.0, -10.0, -16.0, -11.0, -23.0])
    ends = np.array([-7.0, -9.0, -17.0, -8.5, -7.5])
    return Trial(
        "five tokens, all scores below 0, spans of two at most", {"begins": begins, "ends": ends, "longest": 2}
    )


_FITS = "(length >= 1) & (length <= longest)"
_NO_SPAN = "np.where(fits, both, -np.inf)"
_BOTH = "begins[:, None] + ends[None, :]"
_AS_SHARES = " + ".join(
    f"(np.exp({x}) / np.exp({x}).sum())[{at}]" for x, at in (("begins", ":, None"), ("ends", "None, :"))
)
_INSIDE = "np.cumsum(begins + ends)[None, :] - (np.cumsum(begins + ends) - begins - ends)[:, None]"
_BEST, _FIRST, _LAST = "both.argmax()", "first = best // len(ends)", "last = best % len(ends)"
best_span = Exercise(
    _best_span,
    "begins (i), ends (i), longest -> first, last",
    trials=(
        _scores("eleven tokens, spans of three at most", 501, 11, 3, (9, 1), (4, 4), 7),
        _scores("thirteen tokens, spans of five at most", 502, 13, 5, (1, 11), (5, 7), 12),
        _scores("seven tokens, spans of two at most", 503, 7, 2, (3, 5), (0, 1), 6),
        _below_zero(),
    ),
    mistakes=(
        Mistake(
            "each-by-itself",
            (f"{_FIRST} -> first = begins.argmax()", f"{_LAST} -> last = ends.argmax()"),
            "the best begin and the best end are taken each by itself, and the end stands before the begin: take the "
            "pair with the largest sum that is a span.",
        ),
        Mistake(
            "sorted",
            (
                f"{_FIRST} -> first = min(begins.argmax(), ends.argmax())",
                f"{_LAST} -> last = max(begins.argmax(), ends.argmax())",
            ),
            "the best begin and the best end are taken each by itself and put in order: take the pair with the largest "
            "sum that is a span.",
        ),
        Mistake(
            "any-order",
            f"{_FITS} -> length <= longest",
            "an end before its begin is let in: the last token may not stand before the first.",
        ),
        Mistake(
            "any-length",
            f"{_FITS} -> length >= 1",
            "spans of any length are let in: at most `longest` tokens.",
        ),
        Mistake(
            "one-too-long",
            "length <= longest -> length <= longest + 1",
            "a span of longest + 1 tokens is let in: from first to last it has last - first + 1 tokens.",
        ),
        Mistake(
            "one-too-short",
            "length <= longest -> length < longest",
            "spans of longest tokens are left out: they are the longest that may be.",
        ),
        Mistake(
            "last-token-left-out",
            f"{_FITS} -> (length >= 1) & (length <= longest) & (places[None, :] < len(ends) - 1)",
            "no span is let end at the last token: a range stops before its end.",
        ),
        Mistake(
            "wrong-side",
            "places[None, :] - places[:, None] + 1 -> places[:, None] - places[None, :] + 1",
            "the table is cut on the wrong side of its diagonal: a column is a last token and may not stand before its "
            "row.",
        ),
        Mistake(
            "zero",
            f"{_NO_SPAN} -> np.where(fits, both, 0)",
            "what is no span counts 0, or the search begins at 0, and all sums may be below that: take minus infinity.",
            also=(f"{_NO_SPAN} -> {_NO_SPAN} if {_NO_SPAN}.max() > 0 else 0 * both",),
        ),
        Mistake(
            "not-a-number",
            f"{_NO_SPAN} -> np.where(fits, np.nan, -np.inf)",
            "0 times minus infinity is no number, and argmax stops at the first of these: put minus infinity in by "
            "np.where.",
        ),
        Mistake(
            "from-the-start",
            f"{_FITS} -> (length >= 1) & (places[None, :] < longest)",
            "longest is counted from the first of all tokens: it is how many tokens a span has, wherever it begins.",
        ),
        Mistake(
            "a-token-of-it",
            f"{_NO_SPAN} -> np.where(fits, both / np.maximum(length, 1), -np.inf)",
            "the sum is divided by the number of tokens: two scores count, however long the span is.",
        ),
        Mistake(
            "single-tokens-left-out",
            "length >= 1 -> length >= 2",
            "spans of one token are left out: first and last may be the same.",
        ),
        Mistake(
            "product",
            "begins[:, None] + ends[None, :] -> begins[:, None] * ends[None, :]",
            "the scores are multiplied: they are logarithms up to a constant, so add them.",
        ),
        Mistake(
            "end-first",
            "begins[:, None] + ends[None, :] -> ends[:, None] + begins[None, :]",
            "begins and ends are exchanged: the rows are first tokens, the columns last ones.",
        ),
        Mistake(
            "turned-round",
            (f"{_FIRST} -> first = best % len(ends)", f"{_LAST} -> last = best // len(ends)"),
            "last and first are exchanged in what you return: the row of the largest sum is the first token.",
        ),
        Mistake(
            "past-the-end",
            f"{_LAST} -> last = best % len(ends) + 1",
            "the end is one too far: return the last token of the span itself.",
        ),
        Mistake(
            "begin-decides",
            "both = begins[:, None] + ends[None, :] -> both = 1000 * begins[:, None] + ends[None, :]",
            "the best begin is taken first and an end sought for it: take the pair whose sum is largest.",
        ),
        Mistake(
            "end-decides",
            f"both = {_BOTH} -> both = begins[:, None] + 1000 * ends[None, :]",
            "the best end is taken first and a begin sought for it: take the pair whose sum is largest.",
        ),
        Mistake(
            "shares",
            f"both = {_BOTH} -> both = {_AS_SHARES}",
            "the scores went through a softmax before the sum: add the scores themselves: they are logarithms.",
        ),
        Mistake(
            "token-by-token",
            (f"{_FIRST} -> first = (begins + ends).argmax()", f"{_LAST} -> last = (begins + ends).argmax()"),
            "begins and ends are added token by token, so every span has one token: add each begin to each end, in a "
            "table.",
            also=((f"{_FIRST} -> first = 0 * best", f"{_LAST} -> last = (begins + ends).argmax()"),),
        ),
        Mistake(
            "how-long",
            f"{_LAST} -> last = best % len(ends) - best // len(ends) + 1",
            "last is how many tokens the span has: return its last token.",
        ),
        Mistake(
            "by-longest",
            (f"{_FIRST} -> first = best // longest", f"{_LAST} -> last = best % longest"),
            "the place is divided by longest: the table has as many columns as there are tokens.",
        ),
        Mistake(
            "flat",
            (f"{_FIRST} -> first = best", f"{_LAST} -> last = best"),
            "argmax counts through the whole table: divide by the number of columns for row and rest.",
        ),
        Mistake(
            "smallest",
            f"{_BEST} -> both.argmin()",
            "this is the smallest sum: take the largest.",
            also=((f"{_NO_SPAN} -> np.where(fits, both, np.inf)", f"{_BEST} -> both.argmin()"),),
        ),
        Mistake(
            "all-inside",
            f"both = {_BOTH} -> both = {_INSIDE}",
            "the scores of all tokens of a span are summed: it counts its first token's begin and its last one's end.",
        ),
    ),
)

# ---- weight on the answer, in units of chance


def _times_chance(weights: Array, answer: Array) -> Array:
    """Each head's mean weight from the question's tokens on the answer's, over what an even map would have there."""
    found = weights[:, :, answer].sum(axis=-1)
    means = found.mean(axis=-1)
    chance = answer.sum() / len(answer)
    times = means / chance
    return times


def _maps(label: str, seed: int, n_heads: int, n_asking: int, n: int, answer: slice) -> Trial:
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(4096, rng.dirichlet(np.ones(n), (n_heads, n_asking))) / 4096.0
    inside = np.zeros(n, dtype=bool)
    inside[answer] = True
    return Trial(label, {"weights": weights, "answer": inside})


_FOUND, _MEANS = "weights[:, :, answer].sum(axis=-1)", "means = found.mean(axis=-1)"
_CHANCE, _TIMES = "answer.sum() / len(answer)", "times = means / chance"
times_chance = Exercise(
    _times_chance,
    "weights (h, i, j), answer (j) -> times (h)",
    trials=(
        _maps("three heads, five tokens that ask, an answer of two of eleven", 504, 3, 5, 11, slice(8, 10)),
        _maps("five heads, seven that ask, an answer of three of thirteen", 505, 5, 7, 13, slice(9, 12)),
    ),
    mistakes=(
        Mistake(
            "weight-itself",
            f"{_TIMES} -> times = means",
            "this is the weight itself: divide by what an even map has there, the answer's share of all tokens.",
        ),
        Mistake(
            "by-the-answer",
            f"{_CHANCE} -> answer.sum()",
            "this is divided by the number of the answer's tokens: chance is their share of all tokens.",
        ),
        Mistake(
            "one-token",
            f"{_CHANCE} -> 1 / len(answer)",
            "chance is counted for one token: the answer has several, so an even map has more on it.",
        ),
        Mistake(
            "length-of-question",
            f"{_CHANCE} -> answer.sum() / weights.shape[1]",
            "chance is counted over the question's tokens, i: an even map spreads over all j tokens.",
        ),
        Mistake(
            "mean-over-answer",
            f"{_FOUND} -> weights[:, :, answer].mean(axis=-1)",
            "the weight is averaged over the answer's tokens: what lies on an answer is the sum over them.",
        ),
        Mistake(
            "sum-over-question",
            f"{_MEANS} -> means = found.sum(axis=-1)",
            "this is the sum over the question's tokens: take their mean.",
        ),
        Mistake(
            "over-heads",
            f"{_TIMES} -> times = means.mean(keepdims=True)[0] / chance",
            "the heads are averaged: return one number for each.",
        ),
        Mistake(
            "difference",
            f"{_TIMES} -> times = means - chance",
            "this is the difference to chance: divide by it.",
        ),
        Mistake(
            "upside-down",
            f"{_TIMES} -> times = chance / means",
            "this is chance over weight: divide the weight by chance.",
        ),
        Mistake(
            "largest-row",
            f"{_MEANS} -> means = found.max(axis=-1)",
            "this is the best token of the question: take the mean over all of them.",
        ),
        Mistake(
            "outside",
            (f"{_FOUND} -> weights[:, :, ~answer].sum(axis=-1)", f"{_CHANCE} -> (~answer).sum() / len(answer)"),
            "this is the weight on all tokens but the answer: take the columns where answer is true.",
            also=(f"{_FOUND} -> weights[:, :, ~answer].sum(axis=-1)",),
        ),
        Mistake(
            "odds-of-tokens",
            f"{_CHANCE} -> answer.sum() / (~answer).sum()",
            "the answer's tokens are divided by the others: an even map spreads over all tokens, the answer's too.",
        ),
        Mistake(
            "odds",
            f"{_TIMES} -> times = means / (1 - means)",
            "the weight on the answer is divided by that on all else: divide by what an even map has on the answer.",
        ),
        Mistake(
            "against-the-rest",
            f"{_TIMES} -> times = means / (1 - means) * (~answer).sum() / answer.sum()",
            "a token of the answer is compared with a token of the rest: compare with a map even over all tokens.",
        ),
        Mistake(
            "best-of-answer",
            f"{_FOUND} -> weights[:, :, answer].max(axis=-1)",
            "this is the answer's best token: what lies on an answer is the sum over its tokens.",
        ),
    ),
)

# ---- two scores by hand

by_hand = Numbers(
    "by_hand",
    right={"f1": 2 / 3, "credited": 5 / 7},
    mistakes={
        "f1": {
            0.5: "that is the precision, 2 of 4 words: F1 is the harmonic mean of precision and recall.",
            1.0: "that is the recall: two of the answer's four words are too many.",
            0.75: "that is the plain mean of precision and recall: take the harmonic one, 2PR / (P + R).",
            0.0: "that is exact match: F1 gives the words in common their due.",
            0.8: "count the words again: 'the' falls away, four words are left, two of them right.",
            0.571: "'the' falls away before words are counted.",
            2.0: "that is the number of words in common.",
            1 / 3: "the 2 of 2PR / (P + R) is missing.",
        },
        "credited": {
            0.5: "that is how often the right row is read: a wrong row that says Monday is credited too.",
            0.75: "the right row is none of the seven others: three of them say Monday, not four of eight.",
            11 / 14: "the right row is none of the seven others: three of them say Monday, not four.",
            0.875: "of the seven others three say Monday, and half of the questions go there: 3/7 of that half.",
            3 / 7: "that is the share among the seven others: half of the questions are read in the right row.",
            3 / 14: "that is luck alone: the half of the questions whose right row is read counts as well.",
            13 / 14: "half of the questions go to the seven others, so 3/7 of that half is credited, not 3/7 of all.",
            0.571: "chance goes over seven other rows, not over seven days: three of them say Monday.",
            0.625: "chance goes over the seven other rows: three of them say Monday.",
            0.6875: "the right row is none of the others: three of seven say Monday, not three of eight.",
            1.0: "a wrong row that says another day is not credited: four of the seven others do.",
        },
    },
    rtol=0.01,
)

EXERCISES = listed(best_span, times_chance)
