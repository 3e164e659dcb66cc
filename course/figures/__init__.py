"""The chapters' drawings, one module a chapter and one function a picture.

Each takes arrays that the chapter's own cells made, not models, draws a new figure, shows it and returns nothing. The
width is `WIDTH` inches, so that type of the style sheet's size is 9 pixels on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from course.tables import Interval

__all__ = ["WIDTH", "interval_rows"]

WIDTH = 6.2


def interval_rows(ax: Axes, rows: Mapping[str, Interval], colour: str) -> None:
    """A named row for each interval, from the top down: a point, and a line as far as it reaches."""
    for place, one in enumerate(rows.values()):
        reach = [[one.value - one.low], [one.high - one.value]]
        ax.errorbar(one.value, place, xerr=reach, fmt="o", color=colour, linestyle="")
    ax.set_yticks(range(len(rows)), labels=list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
