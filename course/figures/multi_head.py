"""The drawings of the chapter on multi-head attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.statistics.intervals import student_interval
from mha.view import plots

__all__ = ["cost", "heads_compared", "looked_up", "lookups", "reshaped", "token_through_heads"]

Array = NDArray[Any]
HEAD_COLOURS = ["#9bccf2", "#f7d08a", "#b5e0c4"]


def reshaped(x: Array, split: Array, viewed: Array) -> None:
    """A table of numbers, and what each head gets of it by reshape and swap, and by a reshape alone.

    Args:
        x: (i, h·d) integers, of which the last digit is the channel.  split, viewed: (h, i, d), at most three heads.
    """
    n_heads, _, d = split.shape
    layout: list[Any] = [["x", *(f"{way}{n}" for n in range(n_heads))] for way in "sv"]
    widths = {"width_ratios": [n_heads, *[1] * n_heads]}
    _, axes = plt.subplot_mosaic(layout, figsize=(WIDTH, 4.2), gridspec_kw=widths)
    _numbers(axes["x"], x, d, "x: one row a token")
    for n in range(n_heads):
        _numbers(axes[f"s{n}"], split[n], d, f"head {n}")
        _numbers(axes[f"v{n}"], viewed[n], d, f"head {n}")
    axes["s0"].set_ylabel("reshape, then swap")
    axes["v0"].set_ylabel("reshape alone")
    plt.show()


def _numbers(ax: Axes, numbers: Array, d: int, title: str) -> None:
    """Each number in the colour of the head to which its channel belongs."""
    ax.imshow(numbers % 10 // d, cmap=ListedColormap(HEAD_COLOURS), vmin=0, vmax=len(HEAD_COLOURS) - 1)
    for (row, column), number in np.ndenumerate(numbers):
        ax.text(column, row, f"{number:02d}", ha="center", va="center")
    ax.set(title=title, xticks=[], yticks=[])
    ax.grid(False)


def token_through_heads(weights: Array, sizes: Array, tokens: Sequence[str], token: str) -> None:
    """Where one token looks in each head, and how much each head adds to it.

    Args:
        weights: (h, j), rows sum to 1.  sizes: (h,), lengths of what the heads add.  tokens: j names.  token: whose.
    """
    n_heads = len(weights)
    _, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.5), width_ratios=[2.6, 1], sharey=True)
    left.imshow(weights, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=1, aspect="auto")
    left.set_xticks(range(len(tokens)), labels=tokens, rotation=90)
    left.set_yticks(range(n_heads), labels=list(map(str, range(n_heads))))
    left.set(ylabel="head", title=f"where {token!r} looks")
    left.grid(False)
    right.barh(range(n_heads), sizes, color="#5195d7")
    right.set(xlabel="length", title="what it gets", ylim=(n_heads - 0.5, -0.5))
    right.grid(False, axis="y")
    plt.show()


def lookups(counts: Sequence[int], answered: Mapping[str, Array], others: Mapping[str, float], chance: float) -> None:
    """Share of queries answered against the number of heads.

    Args:
        counts: (n,).  answered: label -> (seed, n), from 0 to 1.  others: models of one head, label -> share.
        chance: share of one answer got by guessing.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.2))
    for label, shares in answered.items():
        plots.spread(ax, counts, 100 * shares, label)
    for marker, (label, share) in zip("^s", others.items(), strict=True):
        ax.plot([1], [100 * share], marker, label=label, markersize=10, mfc="none", mew=1.8, ls="")
    ax.axhline(100 * chance, color="#777777", linestyle=":", label="one payload by chance")
    ax.set(xlabel="number of heads, 32 channels in all", ylabel="queries answered (%)", ylim=(0, 104))
    ax.set_xscale("log", base=2)
    ax.set_xticks(counts, labels=list(map(str, counts)))
    figure.legend(loc="outside upper left", ncols=1)
    plt.show()


def looked_up(maps: Mapping[str, Array], names: Sequence[int], asked: Array) -> None:
    """Weights of a few queries on the memory, one panel a model; marks show the two tokens that each asks for.

    Args:
        maps: title -> (i, j).  names: (j,), of the tokens.  asked: (i, 2), the names asked for.
    """
    figure, axes = plt.subplots(1, len(maps), figsize=(WIDTH, 3.7), sharey=True, squeeze=False)
    for ax, (title, weights) in zip(axes[0], maps.items(), strict=True):
        image = ax.imshow(weights, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=1)
        for n, (marker, order) in enumerate([("o", "asked first"), ("s", "asked second")]):
            columns = [list(names).index(name) for name in asked[:, n]]
            style: dict[str, Any] = {"markersize": 12, "mfc": "none", "mec": "#D55E00", "mew": 1.6}
            ax.plot(columns, range(len(asked)), marker, label=order, **style)
        ax.set(title=title, xlabel="name in memory")
        ax.set_xticks(range(len(names)), labels=list(map(str, names)), rotation=90)
        ax.set_yticks(range(len(asked)))
        ax.grid(False)
    axes[0, 0].set_ylabel("query")
    figure.colorbar(image, ax=axes, label="weight (share of each row)", location="bottom", shrink=0.8, aspect=40)
    figure.legend(*ax.get_legend_handles_labels(), ncols=2, loc="outside upper left")
    plt.show()


def cost(counts: Sequence[int], times: Mapping[str, Array], kept: Mapping[str, Sequence[float]]) -> None:
    """Time of one layer, and memory kept for its backward pass, against the number of heads.

    Args:
        counts: (n,).  times: path -> (run, n), ms.  kept: path -> (n,), MiB; a path keeps its colour.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.2))
    for path, runs in times.items():
        line = plots.spread(left, counts, runs, path)
        if path in kept:
            right.plot(counts, kept[path], marker=line.get_marker(), color=line.get_color())
    left.set(title="forward and backward", ylabel="ms", ylim=(0, None))
    right.set(title="kept for backward", ylabel="MiB", ylim=(0, None))
    for ax in (left, right):
        ax.set_xscale("log", base=2)
        ax.set_xticks(counts, labels=list(map(str, counts)))
        ax.set_xlabel("heads, 256 channels in all")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=1)
    plt.show()


def heads_compared(measured: Mapping[str, Array], measures: Mapping[str, str]) -> None:
    """Means in figures, with 95 % intervals, a row a condition and a panel a measure; the first condition stands out.

    Args:
        measured: condition -> (repeat, measure); NaN leaves a place empty.  measures: title -> what is measured.
    """
    _, axes = plt.subplots(1, len(measures), figsize=(WIDTH, 0.4 * len(measured) + 1.2), sharey=True)
    for column, (ax, (title, unit)) in enumerate(zip(axes, measures.items(), strict=True)):
        for row, values in enumerate(measured.values()):
            if np.isnan(values[:, column]).any():
                continue
            low, high = student_interval(values[:, column])
            colour = "#D55E00" if row == 0 else "#2166AC"
            ax.plot([low, high], [row, row], "-", color=colour, linewidth=4, alpha=0.5, marker="")
            mean = values[:, column].mean()
            ax.plot([mean], [row], "o", color=colour, markersize=7)
            side, place = (1, "left") if mean < 0.75 else (-1, "right")
            ax.annotate(
                f"{mean:.2f}", (mean, row), xytext=(10 * side, 0), textcoords="offset points", ha=place, va="center"
            )
        ax.axhline(0.5, color="0.6", linewidth=1, linestyle="-")
        ax.set(title=title, xlabel=unit, xlim=(-0.03, 1.03), ylim=(len(measured) - 0.5, -0.5))
        ax.set_xticks([0, 0.5, 1], labels=["0", "0.5", "1"])
        ax.set_yticks(range(len(measured)), labels=list(measured))
    plt.show()
