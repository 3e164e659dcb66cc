"""What a treatment leaves of a bias, measure by measure, in percent of what it was, on the same draws for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course.columns import Interval
from mha.bias.slopes import drawn, interval_of, means, slopes

__all__ = ["LeftOver"]

Array = NDArray[np.float64]


class LeftOver:
    """Of rows as `experiments/erased_labels.py` stores them: draws are made once, each share is taken within a draw.

    Args:
        nothing: the row of what was not treated.  shares: women's share in each occupation, percent (n,).
        seed: of 4000 draws: of occupations with words (associations) and with names (ranking), of fits with names
            (decisions), of words (probes).
    """

    def __init__(self, nothing: Mapping[str, Any], shares: ArrayLike, *, seed: int = 1) -> None:
        rng, (n, k) = np.random.default_rng(seed), np.shape(nothing["cosines"])
        self._shares = np.asarray(shares, dtype=float)
        self._of_words = drawn(n, (k // 2, k - k // 2), rng=rng)
        self._of_names = drawn(n, (np.shape(nothing["ahead"])[1],), rng=rng)
        fits, names = np.shape(nothing["decision"]["linear"])
        self._of_fits = drawn(fits, (names,), rng=rng)
        self._of_probed = drawn(len(nothing["probe"]["linear"]), (1,), rng=rng)
        self._whole = self.found(nothing)

    def association(self, cosines: ArrayLike) -> Array:
        """Slope of (n, k) cosines, second half of the words minus the first: its value, then its draws."""
        return slopes(self._shares, cosines, self._of_words)

    def ranking(self, ahead: ArrayLike) -> Array:
        """Slope of how often the one version comes first (n, names): its value, then its draws."""
        return slopes(self._shares, ahead, self._of_names)

    def found(self, row: Mapping[str, Any]) -> dict[str, Array]:
        """Measure -> its value and its draws; probes count from chance, and a word that was never asked as chance."""
        found = {"association": self.association(row["cosines"]), "ranking": self.ranking(row["ahead"])}
        for kind, gaps in row.get("decision", {}).items():
            found[f"decision, {kind}"] = means(gaps, self._of_fits)
        for kind, told in row.get("probe", {}).items():
            above = [0.0 if share is None else share - 0.5 for share in told]
            found[f"probe, {kind}"] = means(np.array(above)[:, None], self._of_probed)
        return found

    def left(self, row: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> dict[str, Interval]:
        """Measure -> percent left, with its interval: of what it was, or of what the row `beside` leaves."""
        whole = self._whole if beside is None else self.found(beside)
        return {name: Interval(*interval_of(100 * of / whole[name])) for name, of in self.found(row).items()}

    def by_measure(self, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Interval]]:
        """Measure -> treatment -> percent left, of treatments whose rows have the same measures."""
        found = {name: self.left(row) for name, row in rows.items()}
        return {
            measure: {name: left[measure] for name, left in found.items()} for measure in next(iter(found.values()))
        }

    def changes(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Interval]:
        """Way -> how the slope of its ranking differs from that of the way "nothing", in points.

        A slope of associations would not do: where all cosines shrink or grow, so does theirs.

        Args:
            rows: as `experiments/compressed_bias.py` stores them; those of one way are averaged.
        """
        of_way: dict[str, list[Any]] = {}
        for row in rows:
            of_way.setdefault(row["way"], []).append(row["ahead"])
        slopes_of = {way: self.ranking(np.mean(ahead, axis=0)) for way, ahead in of_way.items()}
        whole = slopes_of.pop("nothing")
        return {way: Interval(*interval_of(found - whole)) for way, found in slopes_of.items()}
