"""The way from nothing to a whole erasure: at which strength the bias goes, and what can still be read and decided.

The projection of `experiments.erased_labels`, fitted on words, with gender and with shuffled labels, on ten of its
fits; of what it would take away, only a share is taken: the strength. At each strength: slopes over women's share of
the associations (thousandths of cosine) and of the ranking (points), both for ten points of it; how often a linear
probe tells the gender of new words (percent); and by how many points a linear learner of biased decisions invites more
men. Budget: 1 core-minute.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from experiments.erased_labels import Array, Fit, decision, fits, intrinsic, ranking, slope
from experiments.gendered_vectors import kept
from experiments.runner import Row, main
from mha.bias.gendered_words import gendered_words
from mha.bias.probes import right

N_FITS = 10
STRENGTHS = [round(0.1 * n, 1) for n in range(11)]
RUNS: list[Row] = [{"labels": labels, "seed": 0} for labels in ("gender", "shuffled")]


def measured(fit: Fit, vectors: dict[str, Array], number: int) -> list[float]:
    """The four numbers of one eraser."""
    woman = np.array([word.woman for word in gendered_words()])
    cosines, _ = intrinsic(fit.eraser, vectors["tested"])
    ahead, _ = ranking(fit.eraser, *(vectors[name] for name in ("adverts", "women", "men")))
    x = fit.eraser(vectors["pool"])
    told = right("linear", x[fit.learns], woman[fit.learns], x[fit.judges], woman[fit.judges])
    gap = decision("linear", fit, vectors, np.random.default_rng([number, 0]))
    near = cosines[:, 8:].mean(1) - cosines[:, :8].mean(1)
    return [1000 * slope(near), slope(ahead.mean(1)), 100 * float(told.mean()), float(gap.mean())]


def run(labels: str, seed: int) -> Row:
    """All strengths: means over the fits."""
    vectors, found = kept(), []
    for number, fit in zip(range(N_FITS), fits("projection", "words", labels, seed, kept()), strict=False):
        weaker = (Fit(partial(fit.eraser, strength=s), fit.learns, fit.judges) for s in STRENGTHS)
        found.append([measured(one, vectors, number) for one in weaker])
    return dict(
        zip(("slope", "ahead_slope", "probe", "decision"), np.mean(found, axis=0).T.round(3).tolist(), strict=True)
    )


if __name__ == "__main__":
    main("erasure_strength")
