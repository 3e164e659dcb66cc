"""The drawings of the chapter on bias mitigation, its half on erasing, and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course.columns import Interval
from course.figures import WIDTH

__all__ = ["compressed", "in_short", "left_of"]

Array = NDArray[Any]
ERASED, CONTROL = "#2166AC", "#D55E00"
MARKERS = ("o", "s", "^", "D")


def left_of(measures: Mapping[str, Mapping[str, Interval]], controls: Mapping[str, Mapping[str, Interval]]) -> None:
    """What each eraser leaves of each measure, in percent of what it was, over the same with shuffled labels.

    Args:
        measures: measure -> eraser -> left, with its interval; at most four erasers.
        controls: the same, where the labels were shuffled.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.78 * len(measures) + 1.6))
    for part, colour, name in ((controls, CONTROL, "labels shuffled"), (measures, ERASED, "gender")):
        for row, of in enumerate(part.values()):
            for n, (eraser, left) in enumerate(of.items()):
                place = row + 0.2 * (n - (len(of) - 1) / 2)
                _dot(ax, left, place, colour, MARKERS[n], f"{eraser}, {name}" if row == 0 else "")
    ax.axvline(0, color="0.5", linewidth=1)
    ax.axvline(100, color="0.5", linewidth=1)
    ax.set_yticks(range(len(measures)), labels=list(measures))
    ax.set_xlabel("left of what it was (%)")
    ax.invert_yaxis()
    figure.legend(loc="outside upper left", ncols=2, fontsize=12)
    plt.show()


def compressed(changes: Mapping[str, Interval], unit: str) -> None:
    """How much each way of making an encoder smaller changes its bias: against the whole encoder's.

    Args:
        changes: way -> the change, with its interval.
        unit: what stands below.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(changes) + 1.2))
    for row, change in enumerate(changes.values()):
        _dot(ax, change, row, ERASED, "o", "")
    ax.axvline(0, color="0.5", linewidth=1)
    ax.set_xlabel(unit)
    ax.set_yticks(range(len(changes)), labels=list(changes))
    ax.invert_yaxis()
    plt.show()


def in_short(data: Mapping[str, Interval], erased: Mapping[str, Interval]) -> None:
    """What is left of a planted bias by treatment of the text, and of the real one by what is measured, one scale.

    Args:
        data: treatment -> percent left.  erased: measure -> percent left.
    """
    _, axes = plt.subplots(
        2, 1, figsize=(WIDTH, 0.45 * (len(data) + len(erased)) + 2), sharex=True, height_ratios=[len(data), len(erased)]
    )
    for ax, left, title in zip(axes, (data, erased), ("the text treated", "gender erased by LEACE"), strict=True):
        for row, value in enumerate(left.values()):
            _dot(ax, value, row, ERASED, "o", "")
        for at in (0, 100):
            ax.axvline(at, color="0.5", linewidth=1)
        ax.set_yticks(range(len(left)), labels=list(left))
        ax.set_ylim(len(left) - 0.5, -0.5)
        ax.set_title(title, fontsize=12)
    axes[-1].set_xlabel("left of what it was (%)")
    plt.show()


def _dot(ax: Axes, value: Interval, place: float, colour: str, marker: str, label: str) -> None:
    reach = np.array([[value.value - value.low], [value.high - value.value]])
    look: dict[str, Any] = {"label": label} if label else {}
    ax.errorbar(value.value, place, xerr=reach, fmt=marker, color=colour, markersize=6, linestyle="", **look)
