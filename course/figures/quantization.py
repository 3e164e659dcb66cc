"""The drawings of the chapter on quantization and sharing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from course.figures import WIDTH

__all__ = ["channels", "errors", "quality_and_cost", "shared_blocks"]

Array = NDArray[Any]
Value = tuple[float, float, float]  # with the ends of its interval
STYLES = (
    ("o", "#0072B2"),
    ("s", "#D55E00"),
    ("^", "#009E73"),
    ("D", "#CC79A7"),
    ("v", "#555555"),
    ("P", "#E69F00"),
    ("X", "#56B4E9"),
)


def errors(names: Sequence[str], by_way: Mapping[str, Array]) -> None:
    """The rounding error of each matrix, a line for each way of giving out scales.

    Args:
        names: of the matrices.  by_way: way -> (n,), the error as a share of the weights' size.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.9))
    for (way, shares), (marker, colour) in zip(by_way.items(), STYLES, strict=False):
        ax.plot(100 * np.asarray(shares), marker, linestyle=":", color=colour, label=way)
    every = range(0, len(names), 4)
    ax.set_xticks(every, [names[n] for n in every])
    ax.set(yscale="log", ylabel="error (% of the weights)", xlabel="block (each has four matrices)")
    _plain(ax)
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def channels(largest: Mapping[str, Array]) -> None:
    """How large the numbers of each channel get, the channels in the order of it, a line for each place.

    Args:
        largest: place -> (m,), the largest magnitude in each channel.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.9))
    for (place, sizes), (marker, colour) in zip(largest.items(), STYLES, strict=False):
        descending = np.sort(sizes)[::-1]
        rank = np.arange(1, len(sizes) + 1) / len(sizes)
        ax.plot(100 * rank, descending / np.median(descending), color=colour, label=place)
        ax.plot(100 * rank[:1], descending[:1] / np.median(descending), marker, color=colour)
    ax.set(xscale="log", yscale="log", ylabel="largest / median channel's", xlabel="channels, largest first (%)")
    for axis, ticks in ((ax.xaxis, (0.1, 1, 10, 100)), (ax.yaxis, (0.3, 1, 3, 10, 30))):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_minor_locator(NullLocator())
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def quality_and_cost(ways: Mapping[str, Sequence[tuple[float, float, Value]]]) -> None:
    """The same quality against size and against time, one panel above the other.

    Args:
        ways: method -> (millions of bytes, time / float32's, change of the score), in float32 and, hollow, in int8.
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 8.0), sharey=True)
    for (way, points), (marker, colour) in zip(ways.items(), STYLES, strict=False):
        for number, (millions, time, value) in enumerate(points):
            look = {"fmt": marker, "color": colour, "markerfacecolor": "white" if number else colour, "markersize": 7}
            _point(axes[0], millions, value, label=None if number else way, **look)
            _point(axes[1], time, value, **look)
    axes[0].set(xlabel="size (million bytes)", ylabel="change of the score (points)")
    axes[1].set(xlabel="time / that of the whole in float32", ylabel="change of the score (points)")
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def shared_blocks(kinds: Mapping[str, tuple[float, float, Value]]) -> None:
    """What models have learnt against the numbers they store, and against those they compute with.

    Args:
        kinds: kind -> (stored, used, (nats, low, high)).
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.9), sharey=True)
    for (kind, (stored, used, value)), (marker, colour) in zip(kinds.items(), STYLES, strict=False):
        for ax, x in zip(axes, (stored, used), strict=True):
            _point(ax, x / 1e3, value, fmt=marker, color=colour, label=kind if ax is axes[0] else None)
    axes[0].set(xlabel="numbers stored (k)", ylabel="nats a token, held out")
    axes[1].set(xlabel="numbers used (k)")
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def _point(ax: Axes, x: float, value: Value, **look: Any) -> None:
    middle, low, high = value
    ax.errorbar(x, middle, [[middle - low], [high - middle]], capsize=3, **look)
    ax.margins(x=0.12)


def _plain(ax: Axes) -> None:
    """Ticks of a logarithmic axis written out."""
    low, high = ax.get_ylim()
    ticks = [tick for tick in (0.3, 1, 3, 10, 30) if low <= tick <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.yaxis.set_minor_locator(NullLocator())
