"""The drawings of the chapter on auditing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH

__all__ = ["audited", "ranked_first"]

Array = NDArray[Any]
COLOURS = ("#2166AC", "#D55E00")
SHAPES = ("o", "s")


class Mark(NamedTuple):
    """A figure of an audit with its interval, and whether it may be said."""

    value: float
    low: float
    high: float
    found: bool


def ranked_first(shares: Array, first: Array, names: Mapping[str, int]) -> None:
    """How often a woman's application comes first against the share of women employed, a dot a job.

    Args:
        shares: (j,), percent.  first: (j,), from 0 to 1.  names: word -> the place of its dot, for those to be named.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 4.4))
    ax.plot(shares, 100 * first, "o", color=COLOURS[0], alpha=0.75)
    for name, at in names.items():
        right = shares[at] > 75
        place: dict[str, Any] = {"xytext": (-8 if right else 8, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(name, (shares[at], 100 * first[at]), ha="right" if right else "left", **place)
    slope, start = np.polyfit(shares, 100 * first, 1)
    ax.plot([0, 100], [start, start + 100 * slope], "--", color=COLOURS[1])
    ax.axhline(50, color="0.5", linewidth=1, linestyle="-")
    ax.set(xlabel="women among the employed (%)", ylabel="a woman's name first (%)", ylim=(-4, 104))
    plt.show()


def audited(panels: Mapping[str, Mapping[str, Mapping[str, tuple[float, float, float, bool]]]]) -> None:
    """The figures of one audit or of several, a panel a unit; filled where it may be said, hollow where not.

    Args:
        panels: unit -> figure -> model -> value, low and high of its interval, and whether it may be said. All figures
            hold the same models.
    """
    heights = [len(rows) + 1.2 for rows in panels.values()]
    size = (WIDTH, 0.42 * sum(heights) + 1.2)
    figure, axes = plt.subplots(len(panels), 1, figsize=size, height_ratios=heights, squeeze=False)
    for ax, (unit, rows) in zip(axes[:, 0], panels.items(), strict=True):
        ax.axvline(0, color="0.5", linewidth=1, linestyle="-")
        for row, marks in enumerate(rows.values()):
            for k, (model, given) in enumerate(marks.items()):
                mark = Mark(*given)
                style: dict[str, Any] = {"color": COLOURS[k], "markerfacecolor": COLOURS[k] if mark.found else "white"}
                reach = [[mark.value - mark.low], [mark.high - mark.value]]
                label = model if ax is axes[0, 0] and row == 0 else None
                place = row + 0.3 * (k - (len(marks) - 1) / 2)
                ax.errorbar(mark.value, place, xerr=reach, fmt=SHAPES[k], markersize=6, label=label, **style)
        ax.set_yticks(range(len(rows)), labels=list(rows))
        ax.set(xlabel=unit, ylim=(len(rows) - 0.4, -0.6))
        ax.set_xlim(*(np.array([-1, 1]) * max(abs(end) for end in ax.get_xlim())))
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()
