"""Checks for the chapter on bias: a permutation test, an interval over words, a correction for many tests."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "corrected", "holm", "interval", "p_value"]

Array = NDArray[Any]
N_DRAWS = 97

# ---- a permutation test with given shuffles


def _p_value(x: Array, y: Array, orders: Array) -> float:
    """The share of groupings, the observed one among them, whose groups are at least as far apart as x and y."""
    n = len(x)
    shuffled = np.concatenate([x, y])[orders]
    differences = shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1)
    real = x.mean() - y.mean()
    reached = (differences >= real).sum()
    return (reached + 1) / (len(orders) + 1)


def _groups(label: str, seed: int, n_x: int, n_y: int, above: float) -> Trial:
    """x about `above` over y, and shuffles, some of which keep the groups: exactly as far apart as observed."""
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(n_x + n_y) for _ in range(N_DRAWS)])
    for n in range(5, N_DRAWS, 24):
        orders[n] = np.r_[rng.permutation(n_x), n_x + rng.permutation(n_y)]
    return Trial(label, {"x": numbers(seed, n_x) + above, "y": numbers(seed + 1, n_y), "orders": orders})


def _exact(x: Array, y: Array, orders: Array) -> float:
    """All groupings there are, in place of the shuffles."""
    pooled = np.concatenate([x, y])
    sums = np.array([pooled[list(chosen)].sum() for chosen in combinations(range(len(pooled)), len(x))])
    return float((sums >= x.sum()).mean())


def _t_test(x: Array, y: Array, orders: Array) -> float:
    return float(stats.ttest_ind(x, y, alternative="greater").pvalue)


def _t_test_two_sided(x: Array, y: Array, orders: Array) -> float:
    return float(stats.ttest_ind(x, y).pvalue)


def _rank_test(x: Array, y: Array, orders: Array) -> float:
    return float(stats.mannwhitneyu(x, y, alternative="greater").pvalue)


_P = "(reached + 1) / (len(orders) + 1)"
_REACHED = "differences >= real"
_TWO_SIDED = "abs(differences) >= abs(real)"

p_value = Exercise(
    _p_value,
    "x (n_x), y (n_y), orders (s, n) -> p",
    trials=(
        _groups("three words against seven", 315, 3, 7, 0.25),
        _groups("five against two", 322, 5, 2, 0.5),
        _groups("two against three with x below y", 330, 2, 3, -0.25),
    ),
    mistakes=(
        Mistake(
            "can-be-zero",
            f"{_P} -> reached / len(orders)",
            "the observed grouping is left out: chance could have drawn it too, so add 1 above and below. Else p can "
            "be 0, which claims more than shuffles can show.",
        ),
        Mistake(
            "one-below-forgotten",
            f"{_P} -> (reached + 1) / len(orders)",
            "the observed grouping is counted above and not below: divide by s + 1.",
        ),
        Mistake(
            "one-above-forgotten",
            f"{_P} -> reached / (len(orders) + 1)",
            "the observed grouping is counted below and not above: it is as far apart as itself, so add 1 there too.",
        ),
        Mistake(
            "one-added-to-the-share",
            f"{_P} -> reached / len(orders) + 1",
            "1 is added to the share: add it to the count and to the number of shuffles, before you divide.",
            also=(
                f"{_P} -> reached + 1 / len(orders) + 1",
                f"{_P} -> (reached + 1) / len(orders) + 1",
                f"{_P} -> (reached / len(orders) + 1) / (len(orders) + 1)",
            ),
        ),
        Mistake(
            "not-divided",
            f"{_P} -> reached",
            "this is how many shuffles reach the real difference: divide, (count + 1) / (s + 1).",
            also=(f"{_P} -> reached + 1",),
        ),
        Mistake(
            "strictly-larger",
            f"{_REACHED} -> differences > real",
            "shuffles exactly as far apart as the real groups count too: >=.",
        ),
        Mistake(
            "other-side",
            f"{_REACHED} -> differences <= real",
            "the shuffles at most as far apart are counted: take x minus y for both differences, and count >=.",
            also=(f"{_REACHED} -> differences < real",),
        ),
        Mistake(
            "two-sided",
            f"{_REACHED} -> {_TWO_SIDED}",
            "differences in either direction are counted: x is expected above y, so leave abs out.",
            also=(f"{_REACHED} -> abs(differences) > abs(real)", f"{_REACHED} -> abs(differences) >= real"),
        ),
        Mistake(
            "with-its-sign",
            "reached = -> s = 1 if real >= 0 else -1; differences, real = s * differences, s * real; reached =",
            "the direction turns with the real difference: x is expected above y, whichever way they came out. "
            "Count >= always.",
        ),
        Mistake(
            "doubled",
            f"{_P} -> 2 * {_P}",
            "p is doubled: that makes it two-sided, and one direction is asked for.",
            also=(f"{_P} -> min(1.0, 2 * {_P})",),
        ),
        Mistake(
            "one-minus-p",
            f"{_P} -> 1 - {_P}",
            "this is 1 - p: p is the share of groupings at least as far apart as the real one.",
        ),
        Mistake(
            "one-minus-share",
            f"{_P} -> 1 - reached / len(orders)",
            "this is 1 - count / s: p is the share that reaches the real difference, with 1 added to the count and "
            "to s.",
        ),
        Mistake(
            "split-at-n-y",
            "n = len(x) -> n = len(y)",
            "the shuffled groups have exchanged sizes: the first len(x) of a shuffle take the place of x.",
        ),
        Mistake(
            "split-in-the-middle",
            "n = len(x) -> n = (len(x) + len(y)) // 2",
            "a shuffle is cut in the middle: the first len(x) take the place of x, the rest that of y.",
        ),
        Mistake(
            "y-first",
            "np.concatenate([x, y]) -> np.concatenate([y, x])",
            "y is laid before x: the orders number x first, then y.",
        ),
        Mistake(
            "y-minus-x",
            "real = x.mean() - y.mean() -> real = y.mean() - x.mean()",
            "the real difference is y minus x, the shuffled ones x minus y: x minus y in both.",
        ),
        Mistake(
            "shuffled-y-minus-x",
            "shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1) "
            "-> shuffled[:, n:].mean(axis=1) - shuffled[:, :n].mean(axis=1)",
            "the shuffled differences are second group minus first, the real one x minus y: first minus second.",
        ),
        Mistake(
            "indices-as-values",
            "np.concatenate([x, y])[orders] -> orders",
            "the places are averaged: orders holds indices, so take the associations there, "
            "np.concatenate([x, y])[orders].",
        ),
        Mistake(
            "over-shuffles",
            "shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1) "
            "-> shuffled[:, :n].mean(axis=0).mean() - shuffled[:, n:].mean(axis=0).mean()",
            "the mean runs over the shuffles: each shuffle has a difference of its own, axis=1.",
            also=(
                (
                    "shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1) "
                    "-> shuffled[:, :n].mean(axis=0).mean() - shuffled[:, n:].mean(axis=0).mean()",
                    f"{_P} -> 1.0 * reached",
                ),
            ),
        ),
        Mistake(
            "over-axis-0",
            "shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1) "
            "-> shuffled[:, :n].mean(axis=0) - shuffled[:, n:].mean(axis=0)",
            "the means run over the shuffles, axis=0, and leave one for each word: average the words, axis=1.",
        ),
        Mistake(
            "compared-with-zero",
            f"{_REACHED} -> differences >= 0",
            "the shuffled differences are compared with 0: compare them with the real one, x.mean() - y.mean().",
        ),
        Mistake(
            "medians",
            (
                "shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1) "
                "-> np.median(shuffled[:, :n], axis=1) - np.median(shuffled[:, n:], axis=1)",
                "x.mean() - y.mean() -> np.median(x) - np.median(y)",
            ),
            "the groups are compared by their medians: by their means is asked for.",
        ),
        Mistake(
            "orders-backward",
            "[orders] -> [np.argsort(orders, axis=1)]",
            "each order is turned round: the shuffle is np.concatenate([x, y])[order], entry by entry.",
        ),
        Mistake(
            "columns-for-shuffles",
            "[orders] -> [orders.T]",
            "orders is transposed: each of its rows is one shuffle.",
        ),
        Mistake(
            "distance-to-the-real",
            f"{_REACHED} -> differences - real",
            "the differences are added up or averaged: count how many reach the real one, (differences >= real).sum().",
            also=(f"{_P} -> differences.mean()", f"{_P} -> (differences - real).mean()"),
        ),
        Mistake(
            "all-groupings",
            _exact,
            "this is p over all groupings there are: use the shuffles that are handed over.",
        ),
        Mistake(
            "none-reached",
            f"{_P} -> 1 / (len(orders) + 1)",
            "by your count no shuffle ever reaches the real difference: a group may be empty and its mean NaN, "
            "or // may stand where / should.",
            also=(f"{_P} -> 0.0 * reached",),
        ),
        Mistake(
            "all-reached",
            f"{_P} -> 1.0 + 0.0 * reached",
            "by your count every shuffle reaches the real difference: each difference is to be compared with the "
            "real one.",
        ),
        Mistake(
            "divided-by-words",
            f"{_P} -> (reached + 1) / (orders.shape[1] + 1)",
            "the count is divided by the number of words, or of all entries: orders has a row for each shuffle, so by "
            "len(orders) + 1.",
            also=tuple(
                f"{_P} -> {p}"
                for p in ("reached / orders.shape[1]", "(reached + 1) / (orders.size + 1)", "reached / orders.size")
            ),
        ),
        Mistake(
            "sums-against-means",
            "shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1) "
            "-> shuffled[:, :n].sum(axis=1) - shuffled[:, n:].sum(axis=1)",
            "the shuffled groups are summed, the real ones averaged: average both.",
            also=("x.mean() - y.mean() -> x.sum() - y.sum()",),
        ),
        Mistake(
            "not-joined",
            "np.concatenate([x, y])[orders] -> (x + y)[orders]",
            "x and y have to lie end to end in one array: np.concatenate([x, y]). + adds entries, and np.array([x, y]) "
            "wants equal lengths.",
            also=("np.concatenate([x, y])[orders] -> np.array([x, y])[orders]",),
        ),
        Mistake(
            "real-without-sign",
            f"{_REACHED} -> differences >= abs(real)",
            "the real difference loses its sign: x minus y keeps it, also where it is negative.",
        ),
        Mistake(
            "one-mean-against-a-difference",
            "shuffled[:, :n].mean(axis=1) - shuffled[:, n:].mean(axis=1) -> shuffled[:, :n].mean(axis=1)",
            "the mean of the first group is held against a difference: subtract the mean of the rest, or compare with "
            "x.mean().",
            also=("x.mean() - y.mean() -> x.mean()",),
        ),
        Mistake(
            "t-test",
            _t_test,
            "this is the p of a t-test, which trusts a normal distribution: count shuffles.",
            also=(_t_test_two_sided,),
        ),
        Mistake(
            "normal",
            f"{_P} -> 1 - stats.norm.cdf(real, differences.mean(), differences.std())",
            "this is the p of a normal curve laid over the shuffles: count how many reach the real difference.",
            also=(f"{_P} -> 1 - stats.norm.cdf(real, differences.mean(), differences.std(ddof=1))",),
        ),
        Mistake(
            "first-shuffle-for-real",
            "x.mean() - y.mean() -> differences[0]",
            "the first shuffle is taken for the real groups: their difference is x.mean() - y.mean().",
        ),
        Mistake(
            "rank-test",
            _rank_test,
            "this is the p of a rank test: count shuffles by their difference of means.",
        ),
        Mistake(
            "two-added-below",
            f"{_P} -> (reached + 1) / (len(orders) + 2)",
            "2 is added to the number of shuffles: add 1, for the real grouping.",
        ),
        Mistake(
            "equal-ones-once",
            f"{_P} -> ((np.unique(differences) >= real).sum() + 1) / (len(np.unique(differences)) + 1)",
            "equal differences are counted once: every shuffle counts.",
        ),
    ),
)

# ---- an interval of the effect size, by bootstrap over words


def _interval(x: Array, y: Array, draws_x: Array, draws_y: Array) -> tuple[float, float]:
    """The 95 % bootstrap interval of the effect size, in which words are drawn anew."""
    of_x = x.mean(axis=1)
    of_y = y.mean(axis=1)
    drawn_x = of_x[draws_x]
    drawn_y = of_y[draws_y]
    differences = drawn_x.mean(axis=1) - drawn_y.mean(axis=1)
    spread = np.concatenate([drawn_x, drawn_y], axis=1).std(axis=1, ddof=1)
    d = differences / spread
    low, high = np.quantile(d, [0.025, 0.975])
    return low, high


def _words(label: str, seed: int, n_x: int, n_y: int, n_sentences: int, above: float) -> Trial:
    """Words that differ, each in several sentences that differ less."""
    rng = np.random.default_rng(seed)
    x = numbers(seed, n_x, 1) + above + numbers(seed + 1, n_x, n_sentences) / 2
    y = numbers(seed + 2, n_y, 1) + numbers(seed + 3, n_y, n_sentences) / 2
    draws = {name: rng.integers(n, size=(N_DRAWS, n)) for name, n in (("draws_x", n_x), ("draws_y", n_y))}
    return Trial(label, {"x": x, "y": y, **draws})


_SPREAD = "np.concatenate([drawn_x, drawn_y], axis=1).std(axis=1, ddof=1)"
_QUANTILES = "np.quantile(d, [0.025, 0.975])"
_POOLED = "np.concatenate([of_x, of_y])"


def _between(low: float, high: float) -> str:
    return f"{_QUANTILES} -> np.quantile(d, [{low}, {high}])"


interval = Exercise(
    _interval,
    "x (n_x, t), y (n_y, t), draws_x (s, n_x), draws_y (s, n_y) -> low, high",
    trials=(
        _words("seven words against five in three sentences each", 341, 7, 5, 3, 0.5),
        _words("five against eleven in two", 351, 5, 11, 2, -0.25),
    ),
    mistakes=(
        Mistake(
            "sentences-as-units",
            (
                "of_x = x.mean(axis=1) -> of_x = x",
                "of_y = y.mean(axis=1) -> of_y = y",
                "of_x[draws_x] -> of_x[draws_x].reshape(len(draws_x), -1)",
                "of_y[draws_y] -> of_y[draws_y].reshape(len(draws_y), -1)",
            ),
            "each sentence counts as an observation: the unit is the word, so average a word's sentences first.",
        ),
        Mistake(
            "over-words",
            ("x.mean(axis=1) -> x.mean(axis=0)", "y.mean(axis=1) -> y.mean(axis=0)"),
            "the mean runs over the words, axis=0, and leaves one number for each sentence: average each word's "
            "sentences, axis=1.",
        ),
        Mistake(
            "first-sentence",
            ("x.mean(axis=1) -> x[:, 0]", "y.mean(axis=1) -> y[:, 0]"),
            "only the first sentence of each word is used: average all of its sentences.",
        ),
        Mistake(
            "summed-sentences-of-one",
            "x.mean(axis=1) -> x.sum(axis=1)",
            "the sentences of x are summed, those of y averaged: average both.",
            also=(
                "y.mean(axis=1) -> y.sum(axis=1)",
                ("x.mean(axis=1) -> x.sum(axis=1)", "y.mean(axis=1) -> y.sum(axis=1)"),  # right, where d is divided
            ),
        ),
        Mistake(
            "median-of-sentences",
            ("x.mean(axis=1) -> np.median(x, axis=1)", "y.mean(axis=1) -> np.median(y, axis=1)"),
            "the sentences of a word are reduced to their median: average them.",
        ),
        Mistake(
            "divided-by-n",
            "ddof=1 -> ddof=0",
            "the standard deviation is that with n: the effect size has n - 1, ddof=1.",
        ),
        Mistake(
            "spread-of-the-real-words",
            f"{_SPREAD} -> {_POOLED}.std(ddof=1)",
            "all draws are divided by the standard deviation of the real words: each draw has its own.",
            also=(f"{_SPREAD} -> {_POOLED}.std()",),
        ),
        Mistake(
            "not-divided",
            "differences / spread -> differences",
            "this is the interval of the difference of means: an effect size is in standard deviations, so divide.",
        ),
        Mistake(
            "spread-within-groups",
            f"{_SPREAD} -> np.sqrt((drawn_x.var(axis=1, ddof=1) + drawn_y.var(axis=1, ddof=1)) / 2)",
            "the deviation is that within the groups (Cohen's d): WEAT's is that of all drawn words together.",
            also=(
                f"{_SPREAD} -> np.sqrt((drawn_x.var(axis=1) + drawn_y.var(axis=1)) / 2)",
                f"{_SPREAD} -> (drawn_x.std(axis=1, ddof=1) + drawn_y.std(axis=1, ddof=1)) / 2",
                f"{_SPREAD} -> drawn_x.std(axis=1, ddof=1) + drawn_y.std(axis=1, ddof=1)",
                f"{_SPREAD} -> drawn_x.std(axis=1) + drawn_y.std(axis=1)",
                f"{_SPREAD} -> np.sqrt(drawn_x.var(axis=1, ddof=1) + drawn_y.var(axis=1, ddof=1))",
                f"{_SPREAD} -> np.sqrt(((drawn_x.shape[1] - 1) * drawn_x.var(axis=1, ddof=1) + (drawn_y.shape[1] - 1) "
                "* drawn_y.var(axis=1, ddof=1)) / (drawn_x.shape[1] + drawn_y.shape[1] - 2))",
            ),
        ),
        Mistake(
            "spread-of-one-group",
            f"{_SPREAD} -> drawn_x.std(axis=1, ddof=1)",
            "the deviation is that of one group: take it of x and y together.",
            also=tuple(
                f"{_SPREAD} -> {spread}"
                for spread in ("drawn_y.std(axis=1, ddof=1)", "of_x.std(ddof=1)", "of_y.std(ddof=1)")
            ),
        ),
        Mistake(
            "stacked-below",
            "np.concatenate([drawn_x, drawn_y], axis=1) -> np.concatenate([drawn_x, drawn_y])",
            "the drawn words of x and y are laid below one another: side by side, np.concatenate([…, …], axis=1), a "
            "row for each draw.",
        ),
        Mistake(
            "sentences-apart",
            ("of_x = x.mean(axis=1) -> of_x = x", "of_y = y.mean(axis=1) -> of_y = y"),
            "the sentences of a word are never averaged, and each gives a d of its own: average them first, axis=1.",
        ),
        Mistake(
            "means-of-everything",
            "drawn_x.mean(axis=1) - drawn_y.mean(axis=1) -> drawn_x.mean() - drawn_y.mean()",
            "the means run over all draws: each draw has a mean of its words, axis=1.",
        ),
        Mistake(
            "standard-error",
            f"{_SPREAD} -> np.sqrt(drawn_x.var(axis=1, ddof=1) / drawn_x.shape[1] "
            "+ drawn_y.var(axis=1, ddof=1) / drawn_y.shape[1])",
            "the difference is divided by its standard error, which gives t: divide by the deviation of all words.",
        ),
        Mistake(
            "variance",
            f"{_SPREAD} -> {_SPREAD} ** 2",
            "the difference is divided by the variance: by its root, the standard deviation.",
        ),
        Mistake(
            "spread-over-everything",
            f"{_SPREAD} -> np.concatenate([drawn_x, drawn_y], axis=1).std(ddof=1)",
            "one deviation is taken over all draws: each draw has its own, axis=1.",
            also=(
                f"{_SPREAD} -> np.concatenate([drawn_x, drawn_y], axis=1).std()",
                f"{_SPREAD} -> {_SPREAD}.mean()",
            ),
        ),
        Mistake(
            "spread-of-draws",
            f"{_SPREAD} -> differences.std(ddof=1)",
            "the differences are divided by their own deviation: divide by that of the drawn words.",
            also=(f"{_SPREAD} -> differences.std()",),
        ),
        Mistake(
            "draws-down-the-columns",
            (
                "drawn_x.mean(axis=1) -> drawn_x.mean(axis=0)",
                "drawn_y.mean(axis=1) -> drawn_y.mean(axis=0)",
            ),
            "the means run over the draws, axis=0: each draw has a mean of its words, axis=1.",
        ),
        Mistake(
            "draws-exchanged",
            ("of_x[draws_x] -> of_x[draws_y]", "of_y[draws_y] -> of_y[draws_x]"),
            "draws_x holds places in x, draws_y places in y: you have them the other way round.",
            also=("of_y[draws_y] -> of_y[draws_x]", "of_x[draws_x] -> of_x[draws_y]"),
        ),
        Mistake(
            "one-group-fixed",
            "of_y[draws_y] -> np.tile(of_y, (len(draws_y), 1))",
            "only one group is drawn anew: both are samples of words.",
            also=("of_x[draws_x] -> np.tile(of_x, (len(draws_x), 1))",),
        ),
        Mistake(
            "from-the-pool",
            (
                "of_x[draws_x] -> np.concatenate([of_x, of_y])[draws_x]",
                "of_y[draws_y] -> np.concatenate([of_x, of_y])[draws_y]",
            ),
            "words are drawn from both groups together, as chance would make them: an interval draws each group from "
            "its own words.",
        ),
        Mistake(
            "y-minus-x",
            "drawn_x.mean(axis=1) - drawn_y.mean(axis=1) -> drawn_y.mean(axis=1) - drawn_x.mean(axis=1)",
            "the difference is y minus x: x minus y is asked for.",
        ),
        Mistake(
            "size", "d = differences / spread -> d = abs(differences) / spread", "the sign is lost: leave abs out."
        ),
        Mistake(
            "ninety-percent",
            _between(0.05, 0.95),
            "the interval does not hold 95 % of the draws: leave out 2.5 % at each end.",
            also=(_between(0.1, 0.9), _between(0.25, 0.75), _between(0.005, 0.995), _between(0.01, 0.99)),
        ),
        Mistake(
            "one-end-cut",
            _between(0, 0.95),
            "5 % are left out at one end: leave out 2.5 % at each.",
            also=(_between(0.05, 1), _between(0.025, 0.95), _between(0.05, 0.975)),
        ),
        Mistake(
            "smallest-and-largest",
            _between(0, 1),
            "these are the smallest and the largest of the draws: leave out 2.5 % at each end.",
        ),
        Mistake(
            "percent-for-shares",
            _between(2.5, 97.5),
            "np.quantile takes shares from 0 to 1, [0.025, 0.975]; np.percentile takes 2.5 and 97.5.",
            also=("np.quantile(d, [0.025, 0.975]) -> np.percentile(d, [0.025, 0.975])",),
        ),
        Mistake(
            "by-place",
            f"{_QUANTILES} -> np.sort(d)[int(0.025 * len(d))], np.sort(d)[int(0.975 * len(d))]",
            "these are draws picked by their place: np.quantile finds the quantiles, which may lie between two draws.",
            also=(f"{_QUANTILES} -> np.sort(d)[int(0.025 * len(d))], np.sort(d)[int(0.975 * len(d)) - 1]",),
        ),
        Mistake(
            "turned-round",
            f"{_QUANTILES} -> 2 * (of_x.mean() - of_y.mean()) / {_POOLED}.std(ddof=1) - np.quantile(d, [0.975, 0.025])",
            "the quantiles are turned round the real d (the basic bootstrap): the quantiles themselves are asked for.",
        ),
        Mistake(
            "normal",
            f"{_QUANTILES} -> d.mean() + 1.96 * d.std(ddof=1) * np.array([-1, 1])",
            "the ends are mean ± 1.96 deviations, as if d were normal: take quantiles of the draws.",
            also=(
                f"{_QUANTILES} -> d.mean() + 1.96 * d.std() * np.array([-1, 1])",
                f"{_QUANTILES} -> d.mean() + 2 * d.std(ddof=1) * np.array([-1, 1])",
                f"{_QUANTILES} -> d.mean() + 2 * d.std() * np.array([-1, 1])",
            ),
        ),
        Mistake(
            "error-of-the-mean",
            f"{_QUANTILES} -> d.mean() + 1.96 * d.std(ddof=1) / np.sqrt(len(d)) * np.array([-1, 1])",
            "this narrows with the number of draws: they are no observations. Take quantiles of the draws.",
            also=(f"{_QUANTILES} -> d.mean() + 1.96 * d.std() / np.sqrt(len(d)) * np.array([-1, 1])",),
        ),
        Mistake("exchanged", "return low, high -> return high, low", "you return the upper end first: low, high."),
        Mistake(
            "as-one-array",
            "return low, high -> return np.array([low, high])",
            "both ends come as one array: return low, high.",
        ),
        Mistake(
            "all-draws",
            "return low, high -> return d",
            "these are the effect sizes of all draws: return two of their quantiles.",
        ),
        Mistake(
            "medians",
            (
                "drawn_x.mean(axis=1) -> np.median(drawn_x, axis=1)",
                "drawn_y.mean(axis=1) -> np.median(drawn_y, axis=1)",
            ),
            "the groups are compared by their medians: the effect size compares means.",
        ),
        Mistake(
            "quantiles-apart",
            f"{_QUANTILES} -> np.quantile(differences, [0.025, 0.975]) / np.quantile(spread, [0.025, 0.975])",
            "differences and deviations are reduced to quantiles apart: divide within each draw, then take quantiles.",
            also=(
                f"{_QUANTILES} -> np.quantile(differences, [0.025, 0.975]) / spread.mean()",
                f"{_QUANTILES} -> np.quantile(differences, [0.025, 0.975]) / np.median(spread)",
            ),
        ),
        Mistake(
            "centred",
            f"{_QUANTILES} -> np.quantile(d - d.mean(), [0.025, 0.975])",
            "the mean of the draws is subtracted: return the quantiles of d itself.",
        ),
        Mistake(
            "spread-of-sentence-means",
            f"{_SPREAD} -> np.concatenate([x[draws_x].mean(axis=1), y[draws_y].mean(axis=1)], axis=1).std(axis=1, "
            f"ddof=1)",
            "the drawn words are averaged, and the deviation is taken over sentences: average each word's sentences "
            "first, x.mean(axis=1).",
        ),
        Mistake(
            "width",
            "return low, high -> return d.mean(), high - low",
            "the second number is the width: return the two ends, low and high.",
            also=("return low, high -> return high - low",),
        ),
        Mistake(
            "added-for-joined",
            f"{_SPREAD} -> (of_x + of_y).std(ddof=1)",
            "the words of x and y are added entry by entry: lay them side by side, np.concatenate.",
            also=(f"{_SPREAD} -> (drawn_x + drawn_y).std(axis=1, ddof=1)",),
        ),
    ),
)

# ---- Holm's correction


def _holm(p: Array) -> Array:
    """The p-values of several tests, corrected by Holm, in the order given."""
    n = len(p)
    order = np.argsort(p)
    factors = np.arange(n, 0, -1)
    stepped = np.maximum.accumulate(p[order] * factors)
    capped = np.minimum(stepped, 1.0)
    corrected = np.empty(n)
    corrected[order] = capped
    return corrected


_ORDERED = "p[order] * factors"
_CLIMBED = "np.maximum.accumulate(p[order] * factors)"
_BACK = "corrected[order] = capped"

holm = Exercise(
    _holm,
    "p (n) -> corrected (n)",
    trials=(
        Trial("seven tests", {"p": np.array([643, 101, 6411, 37, 779, 131, 2885]) / 32768}),
        Trial("a tie with values above 1", {"p": np.array([600, 8, 700, 8, 260]) / 1024}),
        Trial("eleven tests", {"p": np.array([40, 7, 900, 2, 41, 13, 60, 1, 350, 5, 9]) / 1024}),
    ),
    mistakes=(
        Mistake(
            "bonferroni",
            "factors = np.arange(n, 0, -1) -> factors = n",
            "every p is multiplied by n (Bonferroni): Holm's factor falls, n for the smallest, then n - 1, down to 1.",
        ),
        Mistake(
            "no-running-maximum",
            "np.maximum.accumulate ->",
            "a larger p comes out below a smaller one: no corrected value may be less than that before it, "
            "np.maximum.accumulate over the sorted ones.",
        ),
        Mistake(
            "not-capped",
            "np.minimum(stepped, 1.0) -> stepped",
            "some corrected values are above 1: a p-value is at most 1.",
        ),
        Mistake(
            "sorted-order",
            f"{_BACK} -> corrected = capped",
            "the values come sorted: put each back where its test stood, corrected[order] = ….",
            also=(f"{_BACK} -> corrected = capped[::-1]",),
        ),
        Mistake(
            "wrong-way-back",
            f"{_BACK} -> corrected = capped[order]",
            "capped[order] sorts a second time: to put the values back write corrected[order] = ….",
        ),
        Mistake(
            "factors-by-place",
            "order = np.argsort(p) -> order = np.arange(n)",
            "the factors go by the place in the list: sort first, the smallest p gets the factor n.",
        ),
        Mistake(
            "argsort-for-ranks",
            "return corrected -> return np.minimum(1.0, p * (n - order))",
            "argsort is taken for ranks: it says which test comes next; a test's rank is np.argsort(np.argsort(p)).",
            also=(
                "return corrected -> return np.minimum(1.0, np.maximum.accumulate(p * (n - order)))",
                "np.arange(n, 0, -1) -> n - order",
            ),
        ),
        Mistake(
            "factors-rise",
            "np.arange(n, 0, -1) -> np.arange(1, n + 1)",
            "the factors rise from 1 to n: the smallest p is multiplied by n, the largest by 1.",
        ),
        Mistake(
            "factors-too-small",
            "np.arange(n, 0, -1) -> np.arange(n - 1, -1, -1)",
            "the factors are one too small, and the largest p becomes 0: n, n - 1, … 1.",
        ),
        Mistake(
            "factors-too-large",
            "np.arange(n, 0, -1) -> np.arange(n + 1, 1, -1)",
            "the factors are one too large: n, n - 1, … 1.",
        ),
        Mistake(
            "benjamini-hochberg",
            f"{_CLIMBED} -> np.minimum.accumulate((p[order] * n / np.arange(1, n + 1))[::-1])[::-1]",
            "this is Benjamini and Hochberg's correction, which bounds the share of false findings: "
            "Holm multiplies by n, n - 1, … 1.",
            also=(f"{_CLIMBED} -> p[order] * n / np.arange(1, n + 1)",),
        ),
        Mistake(
            "hochberg",
            f"{_CLIMBED} -> np.minimum.accumulate(({_ORDERED})[::-1])[::-1]",
            "the minimum runs down from the largest p (Hochberg): Holm takes the maximum, up from the smallest.",
        ),
        Mistake(
            "running-minimum",
            "np.maximum.accumulate -> np.minimum.accumulate",
            "the running minimum is taken: no value may be less than that before it, so the maximum.",
        ),
        Mistake(
            "running-sum",
            "np.maximum.accumulate -> np.cumsum",
            "the products are added up: take the largest so far, np.maximum.accumulate.",
        ),
        Mistake(
            "largest-of-all",
            f"{_CLIMBED} -> np.full(n, ({_ORDERED}).max())",
            "all get the largest product: each gets the largest so far, np.maximum.accumulate.",
        ),
        Mistake(
            "neighbour-alone",
            f"{_CLIMBED} -> np.maximum({_ORDERED}, np.r_[0.0, ({_ORDERED})[:-1]])",
            "each value is compared with the one before alone, uncorrected: with the largest so far, "
            "np.maximum.accumulate.",
        ),
        Mistake(
            "maximum-in-the-order-given",
            (
                f"{_CLIMBED} -> {_ORDERED}",
                f"{_BACK} -> corrected[order] = capped; corrected = np.maximum.accumulate(corrected)",
            ),
            "the running maximum is taken after the values are put back: take it over the sorted ones.",
        ),
        Mistake(
            "largest-first",
            "np.argsort(p) -> np.argsort(-p)",
            "the largest p comes first: sort upwards, the smallest is multiplied by n.",
        ),
        Mistake(
            "raised-to-one",
            "np.minimum(stepped, 1.0) -> np.maximum(stepped, 1.0)",
            "np.maximum(…, 1) raises all to 1: np.minimum(…, 1) cuts what is above.",
        ),
        Mistake(
            "divided",
            f"{_ORDERED} -> p[order] / factors",
            "p is divided by the factors, as the level would be: multiply p.",
        ),
        Mistake(
            "decisions",
            "return corrected -> return corrected <= 0.05",
            "these are decisions: return the corrected values themselves.",
        ),
        Mistake(
            "sidak",
            f"{_ORDERED} -> 1 - (1 - p[order]) ** factors",
            "this is Šidák's form, 1 - (1 - p)^k, which trusts independent tests: Holm multiplies, k · p.",
        ),
        Mistake(
            "not-multiplied",
            f"{_ORDERED} -> p[order]",
            "nothing is multiplied: the smallest p by n, the next by n - 1, the last by 1.",
        ),
        Mistake(
            "stops",
            "np.minimum(stepped, 1.0) -> np.where(stepped > 0.05, 1.0, np.minimum(stepped, 1.0))",
            "what is not below 0.05 becomes 1: return the corrected values, whatever the level.",
        ),
        Mistake(
            "capped-at-the-level",
            "np.minimum(stepped, 1.0) -> np.minimum(stepped, 0.05)",
            "the values are capped at 0.05: at 1, whatever the level.",
        ),
    ),
)

# ---- Holm's correction by hand

corrected = Numbers(
    "corrected",
    right={"of_0.004": 0.02, "of_0.011": 0.044, "of_0.02": 0.06, "of_0.025": 0.06, "of_0.2": 0.2},
    mistakes={
        "of_0.011": {0.055: "that is 0.011 · 5 (Bonferroni): the second smallest is multiplied by 4."},
        "of_0.02": {0.1: "that is 0.02 · 5 (Bonferroni): the third smallest is multiplied by 3."},
        "of_0.025": {
            0.125: "that is 0.025 · 5 (Bonferroni): the fourth smallest is multiplied by 2.",
            0.05: "that is 0.025 · 2, and less than the value before: no corrected value may be, so it is raised.",
        },
        "of_0.2": {1.0: "that is 0.2 · 5 (Bonferroni): the largest is multiplied by 1."},
    },
    rtol=1e-6,
)

EXERCISES = listed(p_value, interval, holm)
