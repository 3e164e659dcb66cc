"""The drawings of the chapter on timing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.measure.roofline import Machine

__all__ = ["disturbed_rounds", "published", "roofline"]

Array = NDArray[Any]
STYLES = (("o", "#D55E00"), ("s", "#0072B2"), ("^", "#009E73"), ("D", "#CC79A7"), ("v", "#555555"))
ABOVE: dict[str, Any] = {"xytext": (0, 7), "ha": "center", "va": "bottom"}
BELOW: dict[str, Any] = {"xytext": (5, -5), "ha": "left", "va": "top"}
BEFORE: dict[str, Any] = {"xytext": (4, -7), "ha": "right", "va": "top"}


def roofline(machine: Machine, points: Mapping[str, Sequence[tuple[float, float, str]]]) -> None:
    """Operations a second against operations a byte, under the two ceilings of a machine.

    Args:
        machine: its ceilings.  points: name -> (intensity, operations a second, what stands beside it) of each size.
    """
    where = [x for row in points.values() for x, _, _ in row]
    x = np.geomspace(min(*where, machine.ridge) / 4, max(*where, machine.ridge) * 3, 200)
    figure, ax = plt.subplots(figsize=(WIDTH, 4.4))
    ax.plot(x, [machine.attainable(i) / 1e9 for i in x], color="#222222", label="ceilings")
    for (name, row), (marker, colour) in zip(points.items(), STYLES, strict=False):
        intensities, rates, _ = zip(*row, strict=True)
        ax.plot(intensities, np.array(rates) / 1e9, marker, linestyle="--", color=colour, label=name)
        for n, (i, rate, text) in enumerate(row):
            place = ABOVE if rate == max(rates) else BELOW if n else BEFORE  # off the line that joins them
            ax.annotate(text, (i, rate / 1e9), textcoords="offset points", color=colour, **place)
    ax.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="billion operations a second")
    lowest = min(rate for row in points.values() for _, rate, _ in row)
    ax.set_ylim(lowest / 3e9, machine.flops_per_s * 3 / 1e9)  # whole powers of ten lie within
    _plain_ticks(ax)
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def _plain_ticks(ax: Axes) -> None:
    """Ticks at powers of ten, upwards at three times as much too, written out: exponents are too small on a phone."""
    for axis, (low, high), steps in ((ax.xaxis, ax.get_xlim(), (1,)), (ax.yaxis, ax.get_ylim(), (1, 3))):
        ticks = [step * 10.0**n for n in range(-1, 7) for step in steps if low <= step * 10.0**n <= high]
        axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axis.set_minor_locator(NullLocator())


def disturbed_rounds(seconds: Mapping[str, Array], n_disturbed: int = 2) -> None:
    """Times, and the ratios of every two contenders, over their medians in the rounds that were not disturbed.

    Args:
        seconds: contender -> (round,).  n_disturbed: how many rounds at the start were.
    """
    figure, (above, below) = plt.subplots(2, 1, figsize=(WIDTH, 6.4), sharex=True, sharey=True)
    for (name, times), (marker, colour) in zip(seconds.items(), STYLES, strict=False):
        rounds = np.arange(1, len(times) + 1)
        above.plot(rounds, _over_later(times, n_disturbed), marker, linestyle="-", color=colour, label=name)
    for one, other in itertools.combinations(seconds.values(), 2):
        ratios = np.array(one) / np.array(other)
        below.plot(rounds, _over_later(ratios, n_disturbed), ".-", color="#555555", linewidth=1)
    above.set(title="a time / its later median", ylim=(0.6, None))
    below.set(title="a ratio of two / its later median", xlabel="round")
    below.set_xticks(rounds)
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def _over_later(values: Array, n_disturbed: int) -> Array:
    values = np.array(values)
    return values / np.median(values[n_disturbed:])


Lines = Mapping[str, Sequence[tuple[int, float]]]


def published(theirs: Lines, ours: Lines, peak: float | None) -> None:
    """Rates of attention on a GPU against the length: lines as others published them, filled marks as measured here.

    Args:
        theirs, ours: name -> (tokens, trillion operations a second).
        peak: of our matrix products; None without a card.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.4))
    for (name, line), (marker, colour) in zip(theirs.items(), STYLES, strict=False):
        ax.plot(*zip(*line, strict=True), marker=marker, fillstyle="none", color=colour, label=name)
    for (name, line), (marker, colour) in zip(ours.items(), itertools.cycle(STYLES), strict=False):
        style: dict[str, Any] = {"marker": marker, "linestyle": ":", "markersize": 9, "color": colour}
        ax.plot(*zip(*line, strict=True), label=f"here: {name}", **style)
    if peak is not None:
        ax.axhline(peak, color="0.5", label="here: matrix product")
    ax.set(xlabel="tokens in a sequence", ylabel="trillion operations a second", ylim=(0, None), xscale="log")
    lengths = sorted({n for line in theirs.values() for n, _ in line})
    ax.set_xticks(lengths, labels=[str(n) for n in lengths])
    ax.minorticks_off()
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()
