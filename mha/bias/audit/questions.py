"""What an audit asks of vectors: is one group of words nearer than another, and do occupations follow women's share?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import nct, norm, t

from mha.bias.association import associations, attribute_direction, effect_size, spread_of, unit_vectors
from mha.bias.audit.figures import LEVEL, Control, Figure
from mha.bias.audit.outcomes import correlations
from mha.bias.inference import effect_interval
from mha.bias.word_lists import AssociationTest, Occupation
from mha.statistics.bootstrap import percentile_interval, resampled, resampled_means
from mha.statistics.permutation import permutation_test

__all__ = [
    "association_figure",
    "correlation_figure",
    "near_figure",
    "reached_p",
    "redrawn_p",
    "smallest_effect",
    "smallest_of",
]

Array = NDArray[np.float64]
Vectors = Mapping[str, Array]
POWER = 0.8
# What the published tests ask, as a clause; of another test its label says it. d is of a difference of differences:
# a test does not say that x is near to a, only that it leans to a rather than to b more than y does.
CLAUSES = {
    "WEAT 1": "flowers lean more than insects to pleasant rather than unpleasant words",
    "WEAT 2": "instruments lean more than weapons to pleasant rather than unpleasant words",
    "WEAT 3": "names read as white lean more than names read as Black to pleasant rather than unpleasant words",
    "WEAT 4": "16 names read as white lean more than 16 read as Black to pleasant rather than unpleasant words",
    "WEAT 5": "16 names read as white lean more than 16 read as Black to eight other pleasant rather than unpleasant "
    "words",
    "WEAT 6": "men's names lean more than women's names to words for career rather than for family",
    "WEAT 7": "mathematics leans more than the arts to men's rather than women's words",
    "WEAT 8": "science leans more than the arts to men's rather than women's words",
    "WEAT 9": "mental illness leans more than physical illness to words for what passes rather than for what stays",
    "WEAT 10": "names of the young lean more than names of the old to pleasant rather than unpleasant words",
}
TWINS = "untrained twins"


def association_figure(
    test: AssociationTest, vectors: Vectors, *, rng: np.random.Generator, n_samples: int, twins: Sequence[float] = ()
) -> Figure:
    """WEAT's d of one published test, with the interval over target words and up to four controls.

    Args:
        test: its four lists.  vectors: of every word, (d,) each; random attributes are drawn from all of them.
        rng, n_samples: of the controls.  twins: d of the same test in models that have read nothing.
    Raises:
        ValueError: a list of fewer than two words, as `effect_size` does, or an effect without spread.
    """
    lists = {side: getattr(test, side) for side in "xyab"}
    for side, words in lists.items():
        if len(words) < 2:
            raise ValueError(f"list {side} of {test.id!r} must hold two words at least, got {len(words)}")
    x, y, a, b = (unit_vectors(test.id, [vectors[word] for word in words]) for words in lists.values())
    s_x, s_y = associations(x, a, b), associations(y, a, b)
    d = float(effect_size(s_x, s_y))
    low, high = effect_interval(s_x, s_y)
    by_lot = _attributes_by_lot(np.concatenate([x, y]), vectors, len(a), len(b), rng=rng, n_samples=n_samples)
    controls = [
        Control("groupings by lot", permutation_test(s_x, s_y, rng=rng, n_samples=n_samples).p, n_samples),
        Control("attributes by lot", reached_p(effect_size(by_lot[:, : len(x)], by_lot[:, len(x) :]), d), n_samples),
        *_of_twins(twins, d),
        Control("words drawn anew", redrawn_p(_redrawn_effects(x, y, a, b, rng=rng, n_samples=n_samples)), n_samples),
    ]
    return Figure(
        id=test.id,
        asks=test.label,
        above=CLAUSES.get(test.id, test.label),
        harm="none" if test.about == "control" else "representation",
        value=d,
        low=min(low, d),
        high=max(high, d),
        unit="d",
        n=len(x) + len(y),
        counted=f"{len(x)} + {len(y)} words",
        smallest=smallest_effect(len(x), len(y), level=LEVEL / 2),
        controls=tuple(controls),
        lists=tuple(f"{test.id} {side}" for side in "xyab"),
    )


def near_figure(
    jobs: Sequence[Occupation],
    women: Sequence[str],
    men: Sequence[str],
    vectors: Vectors,
    *,
    rng: np.random.Generator,
    n_samples: int,
    twins: Sequence[float] = (),
) -> Figure:
    """Whether occupations lie nearer to women's words the more women work in them: r over the published figures.

    Args:
        jobs: j of them.  women, men: the attribute words.  vectors, rng, n_samples: as for `association_figure`.
        twins: the same r in models that have read nothing.
    """
    of_jobs = np.array([unit_vectors("jobs", [vectors[w] for w in job.words]).mean(axis=0) for job in jobs])  # (j, d)
    a, b = (unit_vectors("attributes", [vectors[w] for w in words]) for words in (women, men))
    share = np.array([job.women for job in jobs])
    near = of_jobs @ (a.mean(axis=0) - b.mean(axis=0))
    r = float(correlations(share, near))
    chosen = rng.integers(len(jobs), size=(n_samples, len(jobs)))
    directions = [resampled_means(v, rng=rng, n_samples=n_samples) for v in (a, b)]
    redrawn = (directions[0] - directions[1]) @ of_jobs.T
    draws = correlations(share[chosen], np.take_along_axis(redrawn, chosen, axis=1))
    by_lot = _attributes_by_lot(of_jobs, vectors, len(a), len(b), rng=rng, n_samples=n_samples)
    shuffled = rng.permuted(np.tile(share, (n_samples, 1)), axis=1)
    return correlation_figure(
        r,
        draws,
        {"shares shuffled": correlations(shuffled, near), "attributes by lot": correlations(share, by_lot)},
        twins=twins,
        redrawn="words",
        id="occupations, nearness",
        asks="occupations: nearness to women's words, and women's share",
        above="occupations lean to women's rather than men's words the more women work in them",
        harm="representation",
        n=len(jobs),
        counted=f"{len(jobs)} published figures",
        lists=("occupations", "women's words", "men's words"),
    )


def correlation_figure(
    r: float, draws: Array, by_chance: Mapping[str, Array], *, twins: Sequence[float], redrawn: str, **stated: Any
) -> Figure:
    """A figure of r with the interval of its draws and up to four controls.

    Args:
        draws: (s,), r with what `redrawn` names drawn anew.  by_chance: control -> what chance gives for r, (s,).
        twins: the same r in models that have read nothing.  stated: the other fields of `Figure`.
    """
    low, high = percentile_interval(draws)
    controls = [
        *(Control(name, reached_p(found, r), len(found)) for name, found in by_chance.items()),
        *_of_twins(twins, r),
        Control(f"{redrawn} drawn anew", redrawn_p(draws), len(draws)),
    ]
    return Figure(
        value=r,
        low=min(low, r),
        high=max(high, r),
        unit="r",
        smallest=smallest_of(draws, level=LEVEL / 2),
        controls=tuple(controls),
        **stated,
    )


def _of_twins(twins: Sequence[float], value: float) -> list[Control]:
    """The control by untrained models, if there are any."""
    return [Control(TWINS, reached_p(twins, value), len(twins))] if len(twins) else []


def reached_p(draws: ArrayLike, value: float) -> float:
    """How often chance reaches a value, the observed one among the draws: (as large + 1) / (n + 1)."""
    numbers = np.asarray(draws)
    return float((np.sum(numbers >= value - 1e-12) + 1) / (numbers.size + 1))


def redrawn_p(draws: ArrayLike) -> float:
    """Twice the share of draws of the words themselves that are not above 0, the observed one added; at most 1."""
    numbers = np.asarray(draws)
    return float(min(1.0, 2 * (np.sum(numbers <= 0) + 1) / (numbers.size + 1)))


def smallest_effect(n_x: int, n_y: int, *, level: float = LEVEL) -> float:
    """The true d that a one-sided t test of so many words finds four times in five, in the deviation of both groups."""
    freedom, scale = n_x + n_y - 2, math.sqrt(n_x * n_y / (n_x + n_y))
    bound = float(t.isf(level, freedom))
    delta = float(brentq(lambda u: nct.sf(bound, freedom, u * scale) - POWER, 0.0, 20.0))
    return delta / math.sqrt((freedom + (scale * delta) ** 2) / (n_x + n_y - 1))


def smallest_of(draws: ArrayLike, *, level: float = LEVEL) -> float:
    """The true value that a one-sided test finds four times in five, if an estimate is spread as its draws are."""
    return float((norm.isf(level) + norm.ppf(POWER)) * np.std(np.asarray(draws)))


def _attributes_by_lot(
    targets: Array, vectors: Vectors, n_a: int, n_b: int, *, rng: np.random.Generator, n_samples: int
) -> Array:
    """Associations of targets (n, d) with attribute words drawn from all words, (n_samples, n)."""
    pool = unit_vectors("vectors", list(vectors.values()))
    if n_a + n_b > len(pool):
        raise ValueError(f"vectors must hold {n_a + n_b} words to draw attributes from, got {len(pool)}")
    cosines = pool @ targets.T
    drawn = np.argsort(rng.random((n_samples, len(pool))), axis=1)[:, : n_a + n_b]
    weights = np.zeros((n_samples, len(pool)))
    np.put_along_axis(weights, drawn[:, :n_a], 1 / n_a, axis=1)
    np.put_along_axis(weights, drawn[:, n_a:], -1 / n_b, axis=1)
    return np.asarray(weights @ cosines)


def _redrawn_effects(x: Array, y: Array, a: Array, b: Array, *, rng: np.random.Generator, n_samples: int) -> Array:
    """d with all four lists drawn anew, as `mha.bias.inference.bootstrap_interval` draws them."""
    means = [resampled_means(v, rng=rng, n_samples=n_samples) for v in (a, b)]
    directions = attribute_direction(*means)
    drawn = [resampled(directions @ v.T, rng=rng, n_samples=n_samples) for v in (x, y)]
    with_spread = spread_of(*drawn) > 0
    return effect_size(drawn[0][with_spread], drawn[1][with_spread])
