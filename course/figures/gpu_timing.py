"""The drawings of the chapter on timing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.measure.roofline import Machine

__all__ = ["disturbed_rounds", "published", "roofline"]

Array = NDArray[Any]
STYLES = (("o", "#D55E00"), ("s", "#0072B2"), ("^", "#009E73"), ("D", "#CC79A7"), ("v", "#555555"))


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
        for i, rate, text in row:
            ax.annotate(text, (i, rate / 1e9), xytext=(5, -5), textcoords="offset points", va="top", color=colour)
    ax.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="billion operations a second")
    lowest = min(rate for row in points.values() for _, rate, _ in row)
    ax.set_ylim(lowest / 3e9, machine.flops_per_s * 3 / 1e9)  # whole powers of ten lie within
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def disturbed_rounds(seconds: Mapping[str, Array]) -> None:
    """Each round's time over the least of its contender, a line for each: what disturbs a round meets all of them.

    Args:
        seconds: contender -> (round,).
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    for (name, times), (marker, colour) in zip(seconds.items(), STYLES, strict=False):
        rounds = np.arange(1, len(times) + 1)
        ax.plot(rounds, np.array(times) / min(times), marker, linestyle="-", color=colour, label=name)
    ax.set(xlabel="round", ylabel="time / shortest of this one", ylim=(0.9, None))
    ax.set_xticks(rounds)
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


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
