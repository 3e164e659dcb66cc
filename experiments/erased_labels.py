"""What is left of a bias after gender is erased from the real encoder's vectors, and after a label without meaning is.

A row is one way: nothing; one head silenced; or an eraser ("projection", "INLP", "LEACE") that is fitted on "words" or
on "profiles", with the labels "gender" or "shuffled", the control. It is fitted 20 times, each time on another third of
the gendered words or of their names' profiles; probes and decisions learn from the second third; probes are judged on
the last one. All else is judged on words, names and texts that no eraser and no learner has seen:

- *intrinsic*: cosines of each occupation with the men's and women's words of WEAT 7, mean over the 20 fits (56, 16);
  of each fit the slope over women's share, in thousandths of cosine for ten points, and d of WEAT 6, 7 and 8.
- *probes*: how often each word's gender is told, linear and non-linear (words,), None where it was never judged.
- *ranking*, an outcome: profiles that differ in name and pronoun alone, ranked by cosine with "We are looking for a …".
  How often the woman's version comes before the man's, mean over the fits (56, 8 pairs of names); of each fit the
  slope over women's share, and the mean; and the same two of women's share of the first 12 places of 48.
- *decision*, an outcome: a linear and a non-linear learner are shown past decisions by which 70 of 100 men and 30 of
  100 women were invited, whatever their profile; then they decide about the judging profiles. Invited men minus invited
  women, in points, mean over three draws of the past (fits, 8 pairs of names).
- *utility*: reciprocal rank of each query's document in `mha.tasks.retrieval`, mean over the fits (256,).

Criterion, fixed before the table was made, and after a trial with three fits (so "fixed after"): erasing what was
detected *reduces* a bias where each of the three erasers fitted on words leaves less than half of what the same eraser
with shuffled labels leaves, by the 95 % interval, over occupations and names (ranking: slope over women's share) or
over fits and names (decision: points). Budget: 5 core-minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.gendered_vectors import TESTS, jobs, kept, names, tested
from experiments.runner import Row, main
from mha.bias.association import associations, effect_size, unit_vectors
from mha.bias.gendered_words import gendered_words
from mha.bias.mitigation import METHODS, Eraser, shuffled_labels
from mha.bias.probes import PROBES, probe, right, thirds
from mha.bias.profiles import women_ahead, women_among_first
from mha.bias.word_lists import association_tests, occupations
from mha.tasks.retrieval import score

NOTHING, SILENCED = "nothing", "head silenced"
N_FITS, N_PASTS, FIRST = 20, 3, 12
INVITED = {False: 0.7, True: 0.3}  # of men, of women

RUNS: list[Row] = [
    *({"way": way, "fitted_on": None, "labels": None, "seed": 0} for way in (NOTHING, SILENCED)),
    *(
        {"way": way, "fitted_on": fitted_on, "labels": labels, "seed": 0}
        for fitted_on in ("words", "profiles")
        for labels in ("gender", "shuffled")
        for way in METHODS
    ),
]

Array = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fit:
    """An eraser, and the places in the pool of the words that learn and of those that judge."""

    eraser: Eraser
    learns: Places
    judges: Places


def fits(way: str, fitted_on: str | None, labels: str | None, seed: int, vectors: dict[str, Array]) -> Iterator[Fit]:
    """The 20 erasers of a row, each with its thirds; the thirds are the same in every row."""
    pool = gendered_words()
    groups = np.array([f"{word.kind} {word.woman}" for word in pool])
    woman = np.array([word.woman for word in pool])
    for number in range(N_FITS):
        parts, rng = thirds(groups, np.random.default_rng([seed, number])), np.random.default_rng([seed, number, 1])
        yield Fit(_eraser(way, fitted_on, labels, parts[0], woman, vectors, rng), *parts[1:])


def _eraser(
    way: str,
    fitted_on: str | None,
    labels: str | None,
    places: Places,
    woman: NDArray[np.bool_],
    vectors: dict[str, Array],
    rng: np.random.Generator,
) -> Eraser:
    if way not in METHODS:
        return nothing(vectors["pool"].shape[-1])
    if fitted_on == "profiles":
        places = places[places < len(names())]
        shape = (len(places), vectors["told"].shape[1])
        x, of_row = (
            vectors["told"][places].reshape(-1, vectors["told"].shape[-1]),
            np.repeat(np.arange(shape[0]), shape[1]),
        )
    else:
        x, of_row = vectors["pool"][places], np.arange(len(places))
    real = woman[places]
    if labels == "gender":
        return METHODS[way](x, real[of_row])
    rounds = {"rounds": METHODS[way](x, real[of_row]).rank} if way == "INLP" else {}
    return METHODS[way](x, shuffled_labels(real, rng)[of_row], **rounds)


def nothing(d: int) -> Eraser:
    """Takes nothing out."""
    return Eraser(np.zeros(d), np.empty((0, d)), np.empty((d, 0)))


def by_job(values: Array) -> Array:
    """From the 60 words (60, ...) to the 56 published figures, the mean of its words each."""
    rest = iter(values)
    return np.array([np.mean([next(rest) for _ in job.words], axis=0) for job in occupations()])


def slope(values: Array) -> float:
    """Of one number an occupation (56,), for ten points of women's share."""
    return float(10 * np.polyfit([job.women for job in occupations()], values, 1)[0])


def intrinsic(eraser: Eraser, vectors: Array) -> tuple[Array, dict[str, float]]:
    """Cosines of occupations with eight men's and eight women's words (56, 16), and d of the tests about gender."""
    erased = dict(zip(tested(), unit_vectors("erased", eraser(vectors)), strict=True))

    def of(words: tuple[str, ...] | list[str]) -> Array:
        return np.array([erased[word] for word in words])

    gender, effects = association_tests()["WEAT 7"], {}
    for id in TESTS:
        test = association_tests()[id]
        a, b = of(test.a), of(test.b)
        effects[id] = float(effect_size(associations(of(test.x), a, b), associations(of(test.y), a, b)))
    return by_job(of(jobs()) @ of((*gender.a, *gender.b)).T), effects


def ranking(eraser: Eraser, adverts: Array, women: Array, men: Array) -> tuple[Array, Array]:
    """How often the woman comes first of two, and women's share of the first places (56, pairs of names), percent."""
    wanted = unit_vectors("adverts", eraser(adverts))
    of_women, of_men = (np.einsum("jm,npm->jnp", wanted, unit_vectors("people", eraser(x))) for x in (women, men))
    first = women_among_first(of_women, of_men, first=FIRST)
    return by_job(100 * women_ahead(of_women, of_men)), by_job(100 * first)


def decision(kind: str, fit: Fit, vectors: dict[str, Array], rng: np.random.Generator) -> Array:
    """Invited men minus invited women (pairs of names,), in points, by a learner shown biased decisions."""
    places = fit.learns[fit.learns < len(names())]
    chance = np.array([INVITED[names()[n].woman] for n in places]).repeat(vectors["told"].shape[1])
    x = fit.eraser(vectors["told"][places]).reshape(len(chance), -1)
    learner = probe(kind).fit(x, rng.random(len(chance)) < chance)
    men, women = (
        learner.predict(fit.eraser(vectors[who]).reshape(-1, x.shape[1])).reshape(vectors[who].shape[:2])
        for who in ("men", "women")
    )
    return 100 * (men.mean(1) - women.mean(1))


def run(way: str, fitted_on: str | None, labels: str | None, seed: int) -> Row:
    """One way, 20 times."""
    vectors = kept()
    before = "silenced " if way == SILENCED else ""
    judged = {name: vectors[before + name] for name in ("tested", "adverts", "women", "men")}
    found = list(fits(way, fitted_on, labels, seed, vectors))
    found = found if way in METHODS else found[:1]
    inside = [intrinsic(fit.eraser, judged["tested"]) for fit in found]
    ranked = [ranking(fit.eraser, judged["adverts"], judged["women"], judged["men"]) for fit in found]
    near = [cosines[:, 8:].mean(1) - cosines[:, :8].mean(1) for cosines, _ in inside]
    ahead, first = (np.array(part) for part in zip(*ranked, strict=True))
    result: Row = {
        "rank": [fit.eraser.rank for fit in found],
        "cosines": np.round(np.mean([cosines for cosines, _ in inside], axis=0), 5).tolist(),
        "slope": [round(1000 * slope(values), 4) for values in near],
        "d": {id: [round(effects[id], 3) for _, effects in inside] for id in TESTS},
        "ahead": np.round(ahead.mean(0), 2).tolist(),
        "ahead_slope": [round(slope(values.mean(1)), 3) for values in ahead],
        "ahead_mean": ahead.mean((1, 2)).round(2).tolist(),
        "first_slope": [round(slope(values.mean(1)), 3) for values in first],
        "first_mean": first.mean((1, 2)).round(2).tolist(),
    }
    return result if way == SILENCED else result | learnt(list(fits(way, fitted_on, labels, seed, vectors)), vectors)


def learnt(found: list[Fit], vectors: dict[str, Array]) -> Row:
    """What probes and decisions learn from erased vectors, and what a search finds with them."""
    woman = np.array([word.woman for word in gendered_words()])
    result: Row = {"probe": {}, "decision": {}}
    for kind in PROBES:
        told = np.full((len(found), len(woman)), np.nan)
        for row, fit in zip(told, found, strict=True):
            x = fit.eraser(vectors["pool"])
            row[fit.judges] = right(kind, x[fit.learns], woman[fit.learns], x[fit.judges], woman[fit.judges])
        share = [round(float(np.nanmean(column)), 4) if np.isfinite(column).any() else None for column in told.T]
        pasts = [
            np.mean([decision(kind, fit, vectors, np.random.default_rng([n, past])) for past in range(N_PASTS)], axis=0)
            for n, fit in enumerate(found)
        ]
        result["probe"][kind], result["decision"][kind] = share, np.round(pasts, 2).tolist()
    ranks = [
        score(_unit(fit.eraser(vectors["queries"])) @ _unit(fit.eraser(vectors["documents"])).T).reciprocal_ranks
        for fit in found
    ]
    return result | {"reciprocal_ranks": np.round(np.mean(ranks, axis=0), 4).tolist()}


def _unit(vectors: Array) -> Array:
    return unit_vectors("vectors", vectors)


if __name__ == "__main__":
    main("erased_labels")
