"""The checks of the chapter on auditing: what a study could have seen, a group of five, and what may be said."""

from __future__ import annotations

import numpy as np

from course.checks.answers import Trial
from course.checks.diagnosis import Exercise, listed
from course.checks.edits import Mistake
from course.checks.numeric import Numbers
from course.checks.statements import Statement, Statements
from course.checks.told import Array

__all__ = ["EXERCISES", "group_of_five", "may_be_said", "smallest"]

# ---- the smallest difference that would have been found


def _smallest(x: Array, y: Array) -> float:
    """2.8 standard errors of the difference of two groups' means, the unit a name."""
    of_x = x.mean(axis=1)
    of_y = y.mean(axis=1)
    part_x = of_x.var(ddof=1) / len(x)
    part_y = of_y.var(ddof=1) / len(y)
    return 2.8 * np.sqrt(part_x + part_y)


def _drawn(seed: int, n_x: int, n_y: int, n_facts: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    groups = (rng.integers(0, 9, size=(n, 1)) + rng.integers(0, 5, size=(n, n_facts)) for n in (n_x, n_y))
    return dict(zip("xy", (group / 16 for group in groups), strict=True))


smallest = Exercise(
    _smallest,
    "x (n, t), y (m, t) -> difference",
    trials=(
        Trial("groups of two sizes", _drawn(1, 11, 7, 5)),
        Trial("a small group", _drawn(2, 3, 13, 2)),
        Trial("one question a name", _drawn(3, 5, 2, 1)),
    ),
    mistakes=(
        Mistake(
            "unit-is-the-question",
            (
                "of_x = x.mean(axis=1) -> of_x = x.ravel()",
                "of_y = y.mean(axis=1) -> of_y = y.ravel()",
                "/ len(x) -> / x.size",
                "/ len(y) -> / y.size",
            ),
            "each question counts as an observation: average the questions of a name first, x.mean(axis=1).",
        ),
        Mistake(
            "averaged-over-names",
            ("x.mean(axis=1) -> x.mean(axis=0)", "y.mean(axis=1) -> y.mean(axis=0)"),
            "the average goes over names: average each name's questions, axis 1.",
        ),
        Mistake(
            "questions-in-the-divisor",
            ("/ len(x) -> / x.size", "/ len(y) -> / y.size"),
            "the variances of names are divided by the number of questions: divide by the number of names, len(x).",
        ),
        Mistake(
            "not-divided",
            ("/ len(x) ->", "/ len(y) ->"),
            "this is how far names are apart: a mean of n names has that variance divided by n.",
        ),
        Mistake(
            "no-root",
            "np.sqrt(part_x + part_y) -> (part_x + part_y)",
            "the root is missing: variances are added, and the standard error is the root of their sum.",
        ),
        Mistake(
            "errors-added",
            "np.sqrt(part_x + part_y) -> (np.sqrt(part_x) + np.sqrt(part_y))",
            "the standard errors are added: add the variances, then take the root.",
        ),
        Mistake(
            "errors-subtracted",
            "part_x + part_y -> abs(part_x - part_y)",
            "the variances are subtracted: those of a difference add up as well.",
        ),
        Mistake(
            "no-factor",
            "2.8 * ->",
            "this is the standard error: a difference found four times in five is 2.8 of them.",
        ),
        Mistake(
            "interval-only",
            "2.8 -> 1.96",
            "1.96 standard errors are the half of the interval; a true difference so large is found one time in two. "
            "Take 2.8.",
        ),
        Mistake(
            "ddof-0",
            ("of_x.var(ddof=1) -> of_x.var()", "of_y.var(ddof=1) -> of_y.var()"),
            "the variance divides by n: write ddof=1.",
        ),
        Mistake(
            "std-for-var",
            ("of_x.var(ddof=1) -> of_x.std(ddof=1)", "of_y.var(ddof=1) -> of_y.std(ddof=1)"),
            "deviations are added where variances are to be: var(ddof=1) / len(x).",
        ),
        Mistake(
            "one-group",
            "part_x + part_y -> part_x",
            "only the first group's variance goes in: the second adds its own.",
            also=("part_x + part_y -> part_y",),
        ),
        Mistake(
            "pooled-size",
            ("/ len(x) -> / (len(x) + len(y))", "/ len(y) -> / (len(x) + len(y))"),
            "both variances are divided by all names: each by the names of its own group.",
        ),
        Mistake(
            "degrees-of-freedom-twice",
            ("/ len(x) -> / (len(x) - 1)", "/ len(y) -> / (len(y) - 1)"),
            "n - 1 is in the variance already, by ddof=1: divide it by n.",
        ),
        Mistake(
            "one-sided",
            "2.8 -> 2.485",
            "2.49 is 1.645 + 0.84, for one side: an interval of 95 % has two. Take 1.96 + 0.84 = 2.8.",
            also=("2.8 -> 2.49",),
        ),
        Mistake("not-rounded", "2.8 -> 2.8016", "that factor has more digits: take 2.8, as asked."),
        Mistake("percent", "2.8 -> 280", "that is in points of 100: return a share."),
        Mistake(
            "factor-in-the-root",
            "2.8 * np.sqrt(part_x + part_y) -> np.sqrt(2.8 * (part_x + part_y))",
            "the factor stands under the root: multiply the standard error by it.",
        ),
        Mistake(
            "sums-for-means",
            ("x.mean(axis=1) -> x.sum(axis=1)", "y.mean(axis=1) -> y.sum(axis=1)"),
            "the questions of a name are added up: take their mean.",
        ),
        Mistake(
            "yes-or-no",
            (
                "of_x.var(ddof=1) -> of_x.mean() * (1 - of_x.mean())",
                "of_y.var(ddof=1) -> of_y.mean() * (1 - of_y.mean())",
            ),
            "p (1 - p) is the variance of one yes or no: a name has a share, so take the variance of the shares.",
        ),
        Mistake(
            "one-variance-for-both",
            "return 2.8 * np.sqrt(part_x + part_y) -> return 2.8 * np.sqrt(((len(x) - 1) * of_x.var(ddof=1) "
            "+ (len(y) - 1) * of_y.var(ddof=1)) / (len(x) + len(y) - 2) * (1 / len(x) + 1 / len(y)))",
            "one variance is taken for both groups: each has its own.",
        ),
        Mistake(
            "the-difference-itself",
            "return 2.8 * np.sqrt(part_x + part_y) -> return of_x.mean() - of_y.mean()",
            "this is the difference that was seen: asked is how large a true one must be to be found.",
        ),
    ),
)

# ---- a group of five

group_of_five = Numbers(
    "group_of_five",
    right={"largest_share": 1 - 0.05**0.2, "people": 59},
    mistakes={
        "largest_share": {
            0.05**0.2: "that is the share found: asked is the share that is missed, 1 less that.",
            0.05: "that is the chance itself: solve (1 - s)^5 = 0.05 for s.",
            1 - 0.95**0.2: "that solves (1 - s)^5 = 0.95: the five being found is to be rare, 0.05.",
            0.2: "one of five is a fifth, but none was missed: look for the share that shows none one time in twenty.",
            0.6: "3 / n is the rule of three for large groups: solve (1 - s)^5 = 0.05 itself.",
            1 - 0.95**5: "that is how often one of five is missed where 5 % are: solve (1 - s)^5 = 0.05 for s.",
            0.01: "0.05 is divided by five: solve (1 - s)^5 = 0.05 for s.",
        },
        "people": {
            58: "with 58 the chance is still 0.051: round up.",
            60: "that is the rule of three, 3 / 0.05, rounded: solve 0.95^n ≤ 0.05 itself.",
            20: "that is 1 / 0.05, where one of them would be missed on average: take as many as make none unlikely.",
            100: "that is 5 / 0.05: solve 0.95^n ≤ 0.05 for n.",
            45: "that is 0.95^n ≤ 0.1: the chance is to be at most 0.05.",
        },
    },
    rtol=0.01,
)

# ---- what may be said of the second model

may_be_said = Statements(
    "may_be_said",
    {
        "a": Statement(False, "an interval that holds 0 shows no difference; that is not a difference of none."),
        "b": Statement(True, "it names the words, the number of them, the interval, and what would have been missed."),
        "c": Statement(False, "a mean over figures in d, r and shares has no unit, and one group can pay for another."),
        "d": Statement(False, "the largest of many figures was picked after they were seen, without its controls."),
        "e": Statement(True, "it says what was measured, where, and that nothing follows for another use."),
        "f": Statement(False, "the two intervals overlap, and their difference was not measured."),
        "g": Statement(False, "nobody was hired, and no employer was watched: names in rankings are not decisions."),
    },
)

EXERCISES = listed(smallest)
