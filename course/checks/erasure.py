"""Checks for the chapter on bias mitigation, its half on erasing: a direction taken out of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers

__all__ = ["EXERCISES", "erased"]

Array = NDArray[Any]


def _erased(x: Array, women: Array, words: Array) -> Array:
    """The words without the direction between the two means of x, where the mean of x stays in its place."""
    of_women = x[women].mean(axis=0)
    of_men = x[~women].mean(axis=0)
    difference = of_women - of_men
    length = np.sqrt(difference @ difference)
    u = difference / length
    centre = x.mean(axis=0)
    places = (words - centre) @ u
    return words - places[:, None] * u


def _trial(label: str, seed: int, n_men: int, n_women: int, n_words: int, d: int) -> Trial:
    """Two groups of unequal size, apart along all channels, and away from 0."""
    order = np.random.default_rng(seed).permutation(n_men + n_women)
    women = (np.arange(n_men + n_women) >= n_men)[order]
    x = numbers(seed, n_men + n_women, d) + 0.75 + women[:, None] * numbers(seed + 1, 1, d)
    return Trial(label, {"x": x, "women": women, "words": numbers(seed + 2, n_words, d) - 0.5})


_MEANS = ("x[women].mean(axis=0)", "x[~women].mean(axis=0)")
_LENGTH = "np.sqrt(difference @ difference)"
_RETURN = "return words - places[:, None] * u"
_UNIT = "difference / length"

erased = Exercise(
    _erased,
    "x (n, d), women (n), words (k, d) -> erased (k, d)",
    trials=(
        _trial("eleven words and seven others in five channels", 411, 7, 4, 7, 5),
        _trial("seven words and three others in thirteen", 421, 3, 4, 3, 13),
    ),
    mistakes=(
        Mistake(
            "not-of-length-1",
            f"{_UNIT} -> difference",
            "the direction is not of length 1, so too much or too little is taken out: divide it by its length.",
        ),
        Mistake(
            "not-centred",
            "(words - centre) @ u -> words @ u",
            "the place along u is measured from 0: measure it from the mean of x, or every word moves by as much as "
            "that mean lies along u.",
        ),
        Mistake(
            "centred-on-the-judged-words",
            "centre = x.mean(axis=0) -> centre = words.mean(axis=0)",
            "the centre is the mean of the words to erase from: all that is fitted comes from x, its mean too.",
        ),
        Mistake(
            "centred-between-the-means",
            "centre = x.mean(axis=0) -> centre = (of_women + of_men) / 2",
            "the centre lies midway between the two means: where one group is larger, that is not the mean of x.",
        ),
        Mistake(
            "centre-lost",
            f"{_RETURN} -> return words - centre - places[:, None] * u",
            "the mean of x is taken away as well: subtract it to measure the place along u, and leave it in the words.",
        ),
        Mistake(
            "added",
            f"{_RETURN} -> return words + places[:, None] * u",
            "the part along u is added, which doubles it: subtract it.",
        ),
        Mistake(
            "mirrored",
            f"{_RETURN} -> return words - 2 * places[:, None] * u",
            "the part along u is subtracted twice: that turns it round, and all of it can still be read.",
        ),
        Mistake(
            "only-the-direction",
            f"{_RETURN} -> return places[:, None] * u",
            "this is the part along u: it is to go, and the rest to stay.",
        ),
        Mistake(
            "the-places",
            f"{_RETURN} -> return places",
            "these are the words' places along u: subtract places times u from the words.",
        ),
        Mistake(
            "sums-for-means",
            (f"{_MEANS[0]} -> x[women].sum(axis=0)", f"{_MEANS[1]} -> x[~women].sum(axis=0)"),
            "the two groups are summed: they differ in size, so take their means.",
        ),
        Mistake(
            "medians",
            (f"{_MEANS[0]} -> np.median(x[women], axis=0)", f"{_MEANS[1]} -> np.median(x[~women], axis=0)"),
            "the direction lies between medians: between means is asked for.",
        ),
        Mistake(
            "one-group",
            "difference = of_women - of_men -> difference = of_women",
            "the direction is the mean of one group: what they share goes too. Take the difference of the two.",
            also=("difference = of_women - of_men -> difference = of_men",),
        ),
        Mistake(
            "from-the-centre",
            "difference = of_women - of_men -> difference = of_women + of_men",
            "the two means are added: their difference says the label.",
        ),
        Mistake(
            "other-length",
            f"{_LENGTH} -> np.abs(difference).sum()",
            "the length is a sum of absolute values: it is the root of the sum of squares, np.linalg.norm(difference).",
            also=(f"{_LENGTH} -> np.abs(difference).max()", f"{_LENGTH} -> len(difference)"),
        ),
        Mistake(
            "root-forgotten",
            f"{_LENGTH} -> difference @ difference",
            "the direction is divided by the square of its length: np.linalg.norm(difference) takes the root, and u is "
            "divided by it once.",
            also=(f"{_UNIT} -> difference / length**2",),
        ),
        Mistake(
            "mean-over-channels",
            (f"{_MEANS[0]} -> x[women].mean()", f"{_MEANS[1]} -> x[~women].mean()"),
            "each group's mean is one number: average over the words alone, axis=0.",
        ),
        Mistake(
            "shortened-words",
            f"{_RETURN} -> rest = words - places[:, None] * u; "
            "return rest / np.sqrt((rest * rest).sum(axis=1, keepdims=True))",
            "the result is brought to length 1: leave it as it is, a cosine does that by itself.",
        ),
    ),
)

EXERCISES = listed(erased)
