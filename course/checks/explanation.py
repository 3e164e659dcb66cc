"""Checks for the chapter on explanation: integrated gradients, a rank correlation, and three gradients by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "gradients", "integrated", "rank_correlation"]

Array = NDArray[Any]

# ---- integrated gradients from gradients that are handed over


def _integrated(slopes: Array, x: Array, baseline: Array) -> Array:
    """Each token's part: the mean gradient on the way from the baseline, times the way, summed over the channels."""
    mean_slope = slopes.mean(axis=0)
    way = x - baseline
    parts = mean_slope * way
    return parts.sum(axis=-1)


def _steps(label: str, seed: int, n_steps: int, n_tokens: int, width: int) -> Trial:
    return Trial(
        label,
        {
            "slopes": numbers(seed, n_steps, n_tokens, width),
            "x": numbers(seed + 1, n_tokens, width),
            "baseline": numbers(seed + 2, width),
        },
    )


_MEAN, _WAY, _SUM = "slopes.mean(axis=0)", "x - baseline", "parts.sum(axis=-1)"

integrated = Exercise(
    _integrated,
    "slopes (s, i, m), x (i, m), baseline (m) -> parts (i)",
    trials=(
        _steps("five steps, three tokens of seven channels", 411, 5, 3, 7),
        _steps("two steps, eleven tokens of three channels", 414, 2, 11, 3),
        _steps("seven steps, two tokens of five channels", 417, 7, 2, 5),
    ),
    mistakes=(
        Mistake(
            "steps-summed",
            f"{_MEAN} -> slopes.sum(axis=0)",
            "the gradients of all steps are summed: their mean is asked for, or more steps would give larger parts.",
        ),
        Mistake(
            "last-step-alone",
            f"{_MEAN} -> slopes[-1]",
            "only the last gradient is used, the one at x: that is gradient times difference. Average over all steps.",
        ),
        Mistake(
            "first-step-alone",
            f"{_MEAN} -> slopes[0]",
            "only the first gradient is used, the one at the baseline: average over all steps.",
        ),
        Mistake(
            "ends-alone",
            f"{_MEAN} -> (slopes[0] + slopes[-1]) / 2",
            "only the two ends of the way are averaged: all steps count.",
        ),
        Mistake(
            "trapezoid",
            f"{_MEAN} -> (slopes[0] / 2 + slopes[1:-1].sum(axis=0) + slopes[-1] / 2) / (len(slopes) - 1)",
            "the first and last gradient count half, as in the trapezoid rule: all points count alike here.",
        ),
        Mistake(
            "one-step-too-few",
            f"{_MEAN} -> slopes.sum(axis=0) / (len(slopes) - 1)",
            "the gradients are divided by one less than their number: their mean is asked for.",
        ),
        Mistake(
            "no-baseline",
            f"{_WAY} -> 1.0 * x",
            "the gradient is multiplied by x: multiply it by the way from the baseline, x - baseline.",
        ),
        Mistake(
            "way-backwards",
            f"{_WAY} -> baseline - x",
            "the way runs from x to the baseline, so every sign is turned: x - baseline.",
        ),
        Mistake(
            "way-without-sign",
            f"{_WAY} -> abs(x - baseline)",
            "the way loses its sign: x - baseline, without abs.",
        ),
        Mistake(
            "slopes-without-sign",
            f"{_MEAN} -> abs(slopes).mean(axis=0)",
            "the gradients lose their signs: average them as they are.",
        ),
        Mistake(
            "channels-averaged",
            f"{_SUM} -> parts.mean(axis=-1)",
            "the channels are averaged: sum them, or the parts do not add up to the change.",
        ),
        Mistake(
            "not-summed",
            f"{_SUM} -> 1.0 * parts",
            "every channel has a number of its own: sum over the channels, axis=-1, so that each token has one.",
        ),
        Mistake(
            "summed-over-tokens",
            f"{_SUM} -> parts.sum(axis=0)",
            "the sum runs over the tokens: over the channels, axis=-1, each token keeps a number.",
        ),
        Mistake(
            "all-summed",
            f"{_SUM} -> parts.sum()",
            "this is the whole change, over all tokens: sum over the channels only, axis=-1.",
        ),
        Mistake(
            "norm",
            f"{_SUM} -> np.linalg.norm(parts, axis=-1)",
            "the length of each token's products has no sign and does not add up: sum them.",
        ),
        Mistake(
            "sums-before-product",
            ("mean_slope * way -> mean_slope.sum(axis=-1) * way.sum(axis=-1)", f"{_SUM} -> 1.0 * parts"),
            "both factors are summed before they are multiplied: multiply channel by channel, then sum.",
        ),
    ),
)

# ---- Spearman's rank correlation without ties


def _rank_correlation(x: Array, y: Array) -> float:
    """The correlation of the ranks of two lists without ties."""
    ranks_x = x.argsort().argsort()
    ranks_y = y.argsort().argsort()
    a = ranks_x - ranks_x.mean()
    b = ranks_y - ranks_y.mean()
    together = (a * b).sum()
    return together / np.sqrt((a * a).sum() * (b * b).sum())


def _short_form(x: Array, y: Array, below: int) -> float:
    """1 - 6 Σ d² / below, which is the correlation of ranks where below is n (n² - 1)."""
    d = x.argsort().argsort() - y.argsort().argsort()
    return float(1 - 6 * (d**2).sum() / below)


def _lists(label: str, seed: int, n: int, shared: float) -> Trial:
    untied = np.arange(n) / 256
    x = numbers(seed, n) + untied
    y = shared * x + numbers(seed + 1, n) + untied
    return Trial(label, {"x": x * np.abs(x), "y": y})


_X, _Y = "x.argsort().argsort()", "y.argsort().argsort()"

rank_correlation = Exercise(
    _rank_correlation,
    "x (n), y (n) -> r",
    trials=(
        _lists("seven tokens that go together", 421, 7, 1.0),
        _lists("eleven that hardly do", 431, 11, 0.125),
        _lists("five that go against each other", 441, 5, -1.5),
    ),
    mistakes=(
        Mistake(
            "argsort-for-ranks",
            (f"{_X} -> x.argsort()", f"{_Y} -> y.argsort()"),
            "argsort says which token comes first, not which place a token has: sort once more, x.argsort().argsort().",
        ),
        Mistake(
            "one-ranked-once",
            f"{_X} -> x.argsort()",
            "one of the two lists is sorted once: its ranks are the argsort of its argsort.",
            also=(f"{_Y} -> y.argsort()",),
        ),
        Mistake(
            "values-for-ranks",
            (f"{_X} -> 1.0 * x", f"{_Y} -> 1.0 * y"),
            "this is the correlation of the values: put ranks in their place first.",
        ),
        Mistake(
            "sizes-ranked",
            (f"{_X} -> abs(x).argsort().argsort()", f"{_Y} -> abs(y).argsort().argsort()"),
            "this ranks the sizes, |x| and |y|: rank the values as they are, with their signs.",
        ),
        Mistake(
            "one-ranked",
            f"{_X} -> 1.0 * x",
            "one of the two lists is left as it is: both become ranks.",
            also=(f"{_Y} -> 1.0 * y",),
        ),
        Mistake(
            "not-centred",
            ("ranks_x - ranks_x.mean() -> 1.0 * ranks_x", "ranks_y - ranks_y.mean() -> 1.0 * ranks_y"),
            "the ranks keep their mean: subtract it, or this is a cosine, which is high for any two lists.",
        ),
        Mistake(
            "ranks-from-one",
            ("ranks_x - ranks_x.mean() -> 1.0 * ranks_x + 1", "ranks_y - ranks_y.mean() -> 1.0 * ranks_y + 1"),
            "the ranks, counted from 1, keep their mean: subtract it, or this is a cosine, high for any two lists.",
        ),
        Mistake(
            "wrong-centre",
            ("ranks_x - ranks_x.mean() -> ranks_x - len(x) / 2", "ranks_y - ranks_y.mean() -> ranks_y - len(y) / 2"),
            "n / 2 is not the mean of the ranks: counted from 0 it is (n - 1) / 2, counted from 1 (n + 1) / 2.",
            also=(
                (
                    "ranks_x - ranks_x.mean() -> ranks_x - (len(x) + 1) / 2",
                    "ranks_y - ranks_y.mean() -> ranks_y - (len(y) + 1) / 2",
                ),
            ),
        ),
        Mistake(
            "short-form-without-n",
            lambda x, y: _short_form(x, y, len(x) ** 2 - 1),
            "in the short form, 1 - 6 Σ d² / (n (n² - 1)), the factor n is missing below the line.",
        ),
        Mistake(
            "short-form-cubed",
            lambda x, y: _short_form(x, y, len(x) ** 3),
            "in the short form, 1 - 6 Σ d² / (n (n² - 1)), what stands below the line is n³ - n, not n³.",
        ),
        Mistake(
            "short-form-without-one",
            lambda x, y: 1 - _short_form(x, y, len(x) * (len(x) ** 2 - 1)),
            "in the short form, 1 - 6 Σ d² / (n (n² - 1)), the difference from 1 is missing.",
        ),
        Mistake(
            "short-form-without-six",
            lambda x, y: (5 + _short_form(x, y, len(x) * (len(x) ** 2 - 1))) / 6,
            "in the short form, 1 - 6 Σ d² / (n (n² - 1)), the factor 6 is missing.",
        ),
        Mistake(
            "kendall",
            lambda x, y: kendalltau(x, y).statistic,
            "this is Kendall's correlation, which counts pairs in the same order: Spearman's is asked for.",
        ),
        Mistake(
            "two-counts",
            "together / np.sqrt((a * a).sum() * (b * b).sum()) -> together / len(x) / (a.std(ddof=1) * b.std(ddof=1))",
            "products are averaged over n and squares over n - 1: use sums in both, or one count.",
        ),
        Mistake(
            "one-backwards",
            f"{_X} -> (-x).argsort().argsort()",
            "one list is ranked downwards, the other upwards: rank both the same way.",
            also=(f"{_Y} -> (-y).argsort().argsort()",),
        ),
        Mistake(
            "root-forgotten",
            "np.sqrt((a * a).sum() * (b * b).sum()) -> ((a * a).sum() * (b * b).sum())",
            "the root below the line is missing: divide by the square root of the product.",
        ),
        Mistake(
            "covariance",
            "together / np.sqrt((a * a).sum() * (b * b).sum()) -> together / len(x)",
            "this is the covariance of the ranks: divide by what each list has by itself.",
            also=("together / np.sqrt((a * a).sum() * (b * b).sum()) -> together / (len(x) - 1)",),
        ),
        Mistake(
            "squared",
            "together / np.sqrt((a * a).sum() * (b * b).sum()) -> together**2 / ((a * a).sum() * (b * b).sum())",
            "this is r squared, and its sign is lost: divide the product by the root.",
        ),
        Mistake(
            "without-sign",
            "together / np.sqrt((a * a).sum() * (b * b).sum()) "
            "-> abs(together) / np.sqrt((a * a).sum() * (b * b).sum())",
            "the sign is lost: lists that go against each other have a negative correlation.",
        ),
    ),
)

# ---- three ways to ask f(x) = min(x, 1) at x = 4 what x is worth

gradients = Numbers(
    "gradients",
    right={"left_out": 1.0, "gradient_times_input": 0.0, "integrated": 1.0},
    mistakes={
        "left_out": {
            4.0: "that is x: what is asked for is f(4) less f(0), and f stops at 1.",
            0.0: "f(0) is 0 and f(4) is 1: without x something is lost.",
            0.25: "that is the mean slope from 0 to 4: f(4) less f(0) needs no slope.",
            3.0: "that is how far x lies beyond the edge: f(4) less f(0) is asked for.",
            -1.0: "that is f(0) less f(4): what is lost counts as positive.",
        },
        "gradient_times_input": {
            4.0: "that takes the slope for 1: at x = 4 the function is level.",
            0.25: "that is the mean slope on the way from 0: the slope at x = 4 itself is asked for, times 4.",
            1.0: "that is what leaving out gives: the slope at x = 4 is 0, whatever it was on the way.",
        },
        "integrated": {
            4.0: "the slope is 1 on a quarter of the way only: its mean from 0 to 4 is 1/4, and that times 4.",
            0.25: "that is the mean slope: times the length of the way, 4.",
            0.0: "the slope is 0 at the end, and 1 on the first quarter of the way.",
            0.5: "that averages the slopes at both ends: average over the whole way, and multiply by its length.",
            2.0: "that averages the slopes at both ends, 1 and 0: on the way it is 1 for a quarter only.",
            3.0: "from 1 to 4 the function is level: the slope is 1 on the first quarter of the way only.",
        },
    },
)

EXERCISES = listed(integrated, rank_correlation)
