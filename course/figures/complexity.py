"""The drawings of the chapter on what attention costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = [
    "heads_and_width",
    "levels_and_tiles",
    "operations",
    "processes",
    "three_maps",
    "time_and_memory",
]

Array = NDArray[Any]
KINDS = {  # a kind of attention looks the same in every picture: colour, line, marker
    "explicit": ("#0072B2", "-", "o"),
    "fused": ("#D55E00", "--", "s"),
    "tiled": ("#009E73", "-.", "^"),
    "sliding window": ("#CC79A7", ":", "D"),
    "linear": ("#555555", (0, (6, 2)), "v"),
}
LEVELS = (  # from the smallest and fastest to the largest and slowest: what tiled attention keeps there
    ("registers", "the sums of one tile"),
    ("cache on the chip", "one tile, its q, k, v"),
    ("main memory", "all q, k, v, the output"),
)
SHORT = {"sliding window": "window"}


def operations(lengths: Sequence[int], parts: Mapping[str, Sequence[int]], crossing: int) -> None:
    """Operations of a layer against the length, a line for each part.

    Args:
        lengths: (n,).  parts: name -> (n,).  crossing: where the first two meet.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 4.2))
    places = ((lengths[0], 26, "left"), (lengths[-1], 3, "right"), (lengths[-3], -12, "left"))
    looks = (("o", "-"), ("s", "--"), ("^", "-."))
    for (name, counts), (marker, line), (at, up, ha) in zip(parts.items(), looks, places, strict=True):
        (drawn,) = ax.plot(lengths, counts, marker=marker, linestyle=line)
        style: dict[str, Any] = {"textcoords": "offset points", "ha": ha, "va": "center"}
        style["color"] = drawn.get_color()
        ax.annotate(name, (at, counts[list(lengths).index(at)]), xytext=(8 if ha == "left" else -18, up), **style)
    ax.axvline(crossing, color="0.5", linewidth=1)
    at_the_bottom = ax.get_xaxis_transform()
    ax.annotate(f"{crossing} tokens", (crossing, 0), xycoords=at_the_bottom, xytext=(4, 8), textcoords="offset points")
    ax.set(xscale="log", yscale="log", xlabel="length (tokens)", ylabel="operations")
    _length_ticks(ax, lengths)
    plt.show()


def time_and_memory(lengths: Sequence[int], seconds: Mapping[str, Array], n_bytes: Mapping[str, Array]) -> None:
    """Time and peak memory against the length, one line a kind.

    Args:
        lengths: (n,).  seconds: kind -> (run, n); each run is a dot.  n_bytes: kind -> (n,).
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 8.0), sharex=True)
    for kind, times in seconds.items():
        colour, line, marker = KINDS[kind]
        axes[0].plot(lengths, 1e3 * np.median(times, axis=0), color=colour, linestyle=line, label=kind)
        axes[0].plot(lengths, 1e3 * times.T, marker, color=colour, markersize=3.5, alpha=0.6)
        axes[1].plot(lengths, n_bytes[kind] / 2**20, color=colour, linestyle=line, marker=marker)
    axes[0].set(ylabel="milliseconds, forward", title="time")
    axes[1].set(ylabel="MiB, forward and backward", title="peak memory", xlabel="length (tokens)")
    for ax in axes:
        ax.set(xscale="log", yscale="log")
        _length_ticks(ax, lengths)
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def processes(seconds: Mapping[str, Mapping[str, Array]]) -> None:
    """Milliseconds of every process, a dot each, by kind and heap.

    Args:
        seconds: heap -> kind -> (run,).
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.0))
    for (heap, kinds), marker, shift in zip(seconds.items(), "ox", (-0.14, 0.14), strict=True):
        for place, times in enumerate(kinds.values()):
            x = place + shift + np.linspace(-0.06, 0.06, len(times))
            label = f"heap: {heap}" if place == 0 else None
            ax.plot(x, 1e3 * np.sort(times), marker, color="C0" if marker == "o" else "C1", label=label, markersize=6)
    ax.set(yscale="log", ylabel="milliseconds, one process a mark")
    ax.set_xticks(range(len(kinds)), labels=[SHORT.get(kind, kind) for kind in kinds])
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def levels_and_tiles() -> None:
    """The levels of a memory, and which part of the square of scores lies on the chip when a tile is computed."""
    _, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.0), width_ratios=[1.15, 1])
    for n, (name, holds) in enumerate(LEVELS):
        width = 0.8 + 0.2 * n / (len(LEVELS) - 1)
        y = len(LEVELS) - 1 - n
        left.add_patch(
            Rectangle((0.5 - width / 2, y + 0.08), width, 0.84, facecolor=f"C{n}", alpha=0.25, edgecolor="0.3")
        )
        left.text(0.5, y + 0.66, name, ha="center", va="center", fontweight="bold")
        left.text(0.5, y + 0.34, holds, ha="center", va="center")
    left.annotate("", (-0.03, len(LEVELS) - 0.1), (-0.03, 0.1), arrowprops={"arrowstyle": "-|>"})
    left.text(-0.1, len(LEVELS) / 2, "smaller, faster", rotation=90, ha="center", va="center")
    left.set(xlim=(-0.18, 1.02), ylim=(0, len(LEVELS)))
    _square(right)
    plt.show()


def _square(ax: Axes) -> None:
    """A square of scores of which one tile is being computed."""
    for row in range(4):
        for column in range(4):
            done, now = column < 2, (row, column) == (1, 2)
            face = "C1" if now else "C0" if done and row == 1 else "white"
            ax.add_patch(Rectangle((column, 3 - row), 1, 1, facecolor=face, alpha=0.35, edgecolor="0.4"))
    ax.annotate("tile", (2.5, 2.5), ha="center", va="center")
    ax.annotate("summed,\nforgotten", (1, 2.5), ha="center", va="center")
    ax.annotate("", (3.95, 2.5), (3.05, 2.5), arrowprops={"arrowstyle": "-|>"})
    ax.text(2, 4.12, "tiles of keys", ha="center", va="bottom")
    ax.text(-0.15, 2, "queries", rotation=90, ha="right", va="center")
    ax.set(xlim=(-0.6, 4.05), ylim=(-0.1, 4.6), aspect="equal")
    for each in ax.figure.axes:
        each.set(xticks=[], yticks=[])
        each.spines[:].set_visible(False)
        each.grid(False)


def three_maps(maps: Mapping[str, Array]) -> None:
    """Attention maps side by side on one scale.

    Args:
        maps: name -> (i, j).
    """
    _, axes = plt.subplots(1, len(maps), figsize=(WIDTH, 2.7), sharey=True)
    for ax, (name, weights) in zip(axes, maps.items(), strict=True):
        image = ax.imshow(weights, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=0.5)
        ax.set_title(name)
        ax.set(xlabel="key", xticks=[0, 20, 40], yticks=[0, 20, 40])
        ax.grid(False)
    axes[0].set_ylabel("query")
    axes[0].figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    plt.show()


def heads_and_width(
    heads: Sequence[int], by_heads: Mapping[str, Array], widths: Sequence[int], by_width: Mapping[str, Array]
) -> None:
    """Milliseconds of a layer against its heads and against its width, on one scale; a dot for each process.

    Args:
        heads, widths: (n,).  by_heads, by_width: "explicit" and "fused" -> (run, n) seconds.
    """  # fmt: skip
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.0), sharey=True)
    for ax, name, values, times in ((axes[0], "heads", heads, by_heads), (axes[1], "width", widths, by_width)):
        for path, found in times.items():
            colour, line, marker = KINDS[path]
            ax.plot(values, 1e3 * np.median(found, axis=0), color=colour, linestyle=line, label=path)
            ax.plot(values, 1e3 * found.T, marker, color=colour, markersize=3.5, alpha=0.6)
        ax.set(xscale="log", yscale="log", xlabel=name)
        ax.set_xticks(values, labels=[str(v) for v in values])
        ax.minorticks_off()
    axes[0].set_ylabel("milliseconds, forward")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    plt.show()


def _length_ticks(ax: Axes, lengths: Sequence[int]) -> None:
    shown = list(lengths)[::2] + list(lengths)[-1:]
    ax.set_xticks(shown, labels=[str(n) for n in shown])
    ax.minorticks_off()
