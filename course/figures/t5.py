"""The drawings of the chapter on T5."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["bucket_grids", "copying", "learning", "masks", "one_number_raised", "prefix_tables", "reader_and_writer"]

Array = NDArray[Any]
INK = "#222222"
ARROW = {"arrowstyle": "-|>", "color": "#555555"}
BOX = {"boxstyle": "round,pad=0.4", "facecolor": "#e8f1fa", "edgecolor": "#385da1"}
INNER = ("blocks.0", "blocks.1", "norm")


def reader_and_writer(shapes: Mapping[str, Sequence[int]]) -> None:
    """Encoder and decoder side by side, with the shapes that a run has shown.

    Args:
        shapes: "source", "start + target", "logits", and "encoder.blocks.0" and the like -> the shape of each output.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 7.4))
    blocks = ["block 0", "block 1"]
    reader = ["source", *(f"encoder.{name}" for name in INNER)]
    _stack(ax, 1, reader, ["source", *blocks, "norm: memory"], shapes)
    writer = ["start + target", *(f"decoder.{name}" for name in INNER), "logits"]
    _stack(ax, 3, writer, ["start, target", *blocks, "norm", "logits"], shapes)
    for y in (1, 2):
        ax.annotate("", (2.62, y + 0.1), (1.46, 2.95), arrowprops=ARROW)
    ax.set(xlim=(0.1, 3.9), ylim=(-0.4, 4.4), xticks=[], yticks=[])
    ax.axis("off")
    plt.show()


def _stack(
    ax: Axes, x: float, names: Sequence[str], labels: Sequence[str], shapes: Mapping[str, Sequence[int]]
) -> None:
    for y, (name, label) in enumerate(zip(names, labels, strict=True)):
        ax.text(x, y, f"{label}\n{tuple(shapes[name])}", ha="center", va="center", bbox=BOX)
        if y:
            ax.annotate("", (x, y - 0.22), (x, y - 0.78), arrowprops=ARROW)


def masks(named: Mapping[str, Array], n_read: int) -> None:
    """Which key each query may look at, one grid a way to arrange source and target, with a line between the two.

    Args:
        named: title -> (i, j) bool.  n_read: the tokens of the source, which come first.
    """
    _, axes = plt.subplots(1, len(named), figsize=(WIDTH, 2.6), sharey=True)
    for ax, (title, mask) in zip(axes, named.items(), strict=True):
        ax.imshow(mask, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=1.6)
        for line in (ax.axhline, ax.axvline):
            line(n_read - 0.5, color="#a06a00", linestyle="--")
        _whole_numbers(ax)
        ax.set(title=title, xlabel="key")
        ax.grid(False)
    axes[0].set_ylabel("query")
    plt.show()


def _whole_numbers(ax: Axes, every: int | None = None) -> None:
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(every) if every else MaxNLocator(integer=True))


def bucket_grids(bucket: Callable[[int, bool, int, int], int], n: int = 12) -> None:
    """The bucket of each pair of n positions, both ways and back only, with 8 buckets up to distance n."""
    _, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6), sharey=True)
    for ax, both_ways in zip(axes, (True, False), strict=True):
        grid = np.array([[bucket(i - j, both_ways, 8, n) for j in range(n)] for i in range(n)])
        hidden = np.triu(np.full((n, n), not both_ways), k=1)
        ax.imshow(np.ma.masked_where(hidden, grid), cmap="YlGnBu", vmin=0, vmax=11)
        for (i, j), number in np.ndenumerate(grid):
            ax.text(j, i, "·" if hidden[i, j] else number, ha="center", va="center", color=INK)
        _whole_numbers(ax)
        ax.set(title="encoder" if both_ways else "decoder", xlabel="key position j")
        ax.grid(False)
    axes[0].set_ylabel("query position i")
    plt.show()


def one_number_raised(before: Sequence[Array], after: Sequence[Array]) -> None:
    """The maps of two blocks, before and after one number of the shared table was raised; each (i, j), one scale."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.9), sharex=True, sharey=True)
    for row, maps, name in zip(axes, (before, after), ("as drawn", "raised"), strict=True):
        for n, (ax, weights) in enumerate(zip(row, maps, strict=True)):
            image = ax.imshow(weights, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=1)
            _whole_numbers(ax, every=4)
            ax.set(title=f"block {n}: {name}")
            ax.grid(False)
    for ax in axes[1]:
        ax.set_xlabel("key position j")
    for ax in axes[:, 0]:
        ax.set_ylabel("query position i")
    figure.colorbar(image, ax=axes, label="weight (share of each row)", shrink=0.5, aspect=30)
    plt.show()


def learning(steps: Sequence[int], curves: Mapping[str, Mapping[str, Array]]) -> None:
    """Exact match while models train, one panel a kind of task.

    Args:
        steps: (n,).  curves: kind -> model -> (seed, n), in percent.
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.8), sharex=True, sharey=True)
    for ax, (kind, models) in zip(axes.flat, curves.items(), strict=True):
        for name, values in models.items():
            plots.spread(ax, steps, values, name)
        ax.set(title=kind, ylim=(-4, 104))
    for ax in axes[:, 0]:
        ax.set_ylabel("exact match (%)")
    for ax in axes[1]:
        ax.set_xlabel("steps")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    plt.show()


def prefix_tables(languages: Sequence[str], shares: Mapping[str, Array]) -> None:
    """The language that the prefix names against the language of the right answer.

    Args:
        languages: (n,).  shares: kind -> (read, answered), in percent.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.7), sharey=True)
    for ax, (kind, table) in zip(axes, shares.items(), strict=True):
        image = ax.imshow(table, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=100)
        for (i, j), share in np.ndenumerate(table):
            colour = "white" if share > 55 else INK
            ax.text(j, i, f"{share:.0f}", ha="center", va="center", color=colour)
        ax.set_xticks(range(len(languages)), languages)
        ax.set_yticks(range(len(languages)), [f"… {name}:" for name in languages])
        ax.set(title=kind, xlabel="right answer in")
        ax.grid(False)
    axes[0].set_ylabel("prefix read")
    figure.colorbar(image, ax=axes, label="answers (%)", shrink=0.6, aspect=25)
    plt.show()


def copying(weights: Array, answer: Sequence[str], source: Sequence[str]) -> None:
    """One head's weights from each letter as it is written, (i, j), to the characters of the source."""
    _, ax = plt.subplots(figsize=(WIDTH, 5.4))
    plots.attention_map(weights, answer, source, ax)
    ax.set_aspect("auto")  # fills its place, and so is as tall as the colour bar
    ax.tick_params(axis="x", labelrotation=0)
    ax.set(xlabel="source", ylabel="the token being written")
    plt.show()
