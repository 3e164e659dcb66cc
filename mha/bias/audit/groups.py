"""What an audit asks of decisions: who is ranked first, who is invited, who is found; by group, the unit a name.

The metrics by group are fairlearn's `MetricFrame`, given one row a unit. Its intervals are not taken: they draw rows,
30 ms a draw, and the sizes of the groups with them. Nor is its difference, of the largest and the least group, which
chance alone keeps above 0; the difference here is the first group's less the second's, and may come out either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from mha.bias.audit.figures import LEVEL, Control, Figure, GroupRow
from mha.bias.audit.outcomes import correlations, first_share
from mha.bias.audit.questions import POWER, correlation_figure, redrawn_p
from mha.statistics.bootstrap import percentile_interval, resampled
from mha.statistics.permutation import permutation_test
from mha.validation import check_finite

__all__ = ["by_group", "difference_figure", "invited", "ranking_figure", "smallest_of_two"]

Array = NDArray[np.float64]


def by_group(values: Mapping[str, ArrayLike], *, rng: np.random.Generator, n_samples: int) -> list[GroupRow]:
    """The mean of each group by fairlearn, in the order given, with a bootstrap interval over its units.

    Args:
        values: by group (n,), one number a unit.  rng, n_samples: draws of units, each group by itself.
    Raises:
        ModuleNotFoundError: fairlearn is not installed.  ValueError: fewer than two groups, or one of fewer than two.
    """
    groups = {name: check_finite(f"values of {name!r}", v) for name, v in values.items()}
    if len(groups) < 2 or any(v.ndim != 1 or len(v) < 2 for v in groups.values()):
        sizes = {name: v.shape for name, v in groups.items()}
        raise ValueError(f"values must hold two groups or more of two units or more, (n,) each, got {sizes}")
    metric_frame, mean_prediction = _fairlearn()
    everyone = np.concatenate(list(groups.values()))
    labels = np.repeat(list(groups), [len(v) for v in groups.values()])
    # A mean of predictions does not look at y_true, which MetricFrame wants all the same.
    means = metric_frame(metrics=mean_prediction, y_true=everyone, y_pred=everyone, sensitive_features=labels).by_group
    rows = []
    for name, v in groups.items():
        draws = resampled(v, rng=rng, n_samples=n_samples).mean(axis=1)
        rows.append(GroupRow(name, len(v), float(means[name]), *percentile_interval(draws)))
    return rows


def _fairlearn() -> tuple[Any, Any]:
    try:
        from fairlearn.metrics import MetricFrame, mean_prediction
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("metrics by group need fairlearn: pip install 'fairlearn>=0.15,<0.16'") from error
    return MetricFrame, mean_prediction


def difference_figure(
    values: Mapping[str, ArrayLike], *, rng: np.random.Generator, n_samples: int, counted: str, **words: Any
) -> Figure:
    """The first group's mean less the second's, groups drawn anew each by itself, with two controls, two-sided.

    Args:
        values: two groups, one number a unit each.  rng, n_samples: draws.  counted: what a unit is.
        words: id, asks, above, below, harm, unit and lists of the `Figure`.
    Raises:
        ValueError: another number of groups than two, or one of fewer than two units.
    """
    if len(values) != 2:
        raise ValueError(f"values must hold two groups, got {len(values)}: {', '.join(values)}")
    groups = tuple(by_group(values, rng=rng, n_samples=n_samples))  # which says what is wrong with a group
    x, y = (check_finite(f"values of {name!r}", v) for name, v in values.items())
    value = float(x.mean() - y.mean())
    drawn = [resampled(v, rng=rng, n_samples=n_samples).mean(axis=1) for v in (x, y)]
    draws = drawn[0] - drawn[1]
    low, high = percentile_interval(draws)
    one_sided = (permutation_test(*pair, rng=rng, n_samples=n_samples).p for pair in ((x, y), (y, x)))
    controls = (
        Control("groupings by lot", min(1.0, 2 * min(one_sided)), n_samples),
        Control("names drawn anew", redrawn_p(draws if value > 0 else -draws), n_samples),
    )
    return Figure(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=len(x) + len(y),
        counted=f"{len(x)} + {len(y)} {counted}",
        smallest=smallest_of_two(x, y),
        controls=controls,
        groups=groups,
        **words,
    )


def smallest_of_two(x: ArrayLike, y: ArrayLike) -> float:
    """The true difference of two groups' means that is found four times in five: 2.8 of its standard errors.

    Args:
        x, y: (n,), (m,), one number a unit.
    """
    parts = [np.var(check_finite(name, v), ddof=1) / len(v) for name, v in (("x", np.asarray(x)), ("y", np.asarray(y)))]
    return float((norm.isf(LEVEL / 2) + norm.ppf(POWER)) * np.sqrt(sum(parts)))


def ranking_figure(
    wins: Array,
    share: ArrayLike,
    first: ArrayLike,
    *,
    rng: np.random.Generator,
    n_samples: int,
    twins: Sequence[float] = (),
) -> Figure:
    """Whether women's names come first for a job the more often the more women work in it: r over jobs.

    Args:
        wins: (j, n, n), as `outcomes.pairwise_wins` gives it.  share: (j,), of women.
        first: (n,), 1 for a woman's name, else 0.  twins: the same r in models that have read nothing.
    """
    women, shares = check_finite("first", first), check_finite("share", share)
    men, n_jobs, n = 1 - women, len(shares), len(women)
    r = float(correlations(shares, first_share(wins, women, men)))
    names = [rng.multinomial(int(g.sum()), g / g.sum(), size=n_samples) for g in (women, men)]
    chosen = rng.integers(n_jobs, size=(n_samples, n_jobs))
    drawn = np.take_along_axis(first_share(wins, *names), chosen, axis=1)
    draws = correlations(shares[chosen], drawn)
    halves = rng.permuted(np.tile(women, (n_samples, 1)), axis=1)
    by_lot = correlations(shares, first_share(wins, halves, 1 - halves))
    shuffled = rng.permuted(np.tile(shares, (n_samples, 1)), axis=1)
    by_chance = {
        "shares shuffled": correlations(shuffled, first_share(wins, women, men)),
        "names grouped by lot": by_lot,
    }
    return correlation_figure(
        r,
        draws,
        by_chance,
        twins=twins,
        redrawn="jobs and names",
        id="occupations, ranking",
        asks="who is ranked first for a job, and women's share",
        above="a woman's application comes first more often the more women work in a job",
        harm="allocation",
        n=n_jobs,
        counted=f"{n_jobs} jobs and {n} names",
        lists=("occupations", "WEAT 6 x", "WEAT 6 y"),
    )


def invited(wins: ArrayLike) -> Array:
    """Of each name the share of jobs for which it is in the upper half of all names, (n,).

    Args:
        wins: (j, n, n); names that win equally often share the places.
    """
    total = check_finite("wins", wins).sum(axis=-1)  # (j, n): how many of the others it comes before
    n = total.shape[-1]
    above = (total[:, None, :] > total[:, :, None] + 1e-9).sum(axis=-1)  # how many come before each
    equal = (np.abs(total[:, None, :] - total[:, :, None]) <= 1e-9).sum(axis=-1)  # itself among them
    return np.asarray(np.clip((n // 2 - above) / equal, 0, 1).mean(axis=0))
