"""The drawings of the chapter on queries, keys and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = [
    "accuracy_by_width",
    "circuits",
    "lookup_of_one_token",
    "score_maps",
    "senses_by_layer",
    "standard_masks",
]

Array = NDArray[Any]
SIGNED = "RdBu_r"
FIELDS = ("name", "pointer", "payload")


def lookup_of_one_token(
    query: Array, keys: Array, weights: Array, values: Array, tokens: Sequence[str], at: int
) -> None:
    """One token's lookup with all its numbers: its query over all keys, the weights, all values over its output.

    Args:
        query: (d,).  keys, values: (j, d).  weights: (j,).
        tokens: j names.  at: which of them asks.
    """
    _, axes = plt.subplots(
        2, 3, figsize=(WIDTH, 5.4), height_ratios=[1, len(tokens)], width_ratios=[4, 2.6, 4], sharey="row"
    )
    for column, above, below, heads in (
        (0, query, keys, ("query q", "keys k")),
        (2, weights @ values, values, ("output", "values v")),
    ):
        reach = max(np.abs(above).max(), np.abs(below).max())
        for ax, array, title in ((axes[0, column], above[None], heads[0]), (axes[1, column], below, heads[1])):
            ax.imshow(array, cmap=SIGNED, vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
            ax.set_title(title)
            ax.grid(False)
            ax.set_xticks([])
        axes[1, column].set_xlabel(f"{len(query)} channels")
    axes[0, 1].set_xticks([])
    axes[0, 1].set_axis_off()
    _weight_bars(axes[1, 1], weights)
    axes[0, 0].set_yticks([0], labels=[tokens[at]], parse_math=False)
    axes[1, 0].set_yticks(range(len(tokens)), labels=tokens, parse_math=False)
    plt.show()


def _weight_bars(ax: Axes, weights: Array) -> None:
    ax.barh(range(len(weights)), weights, color="C0", height=0.7)
    for row, weight in enumerate(weights):
        if weight > 0.1:
            ax.text(weight + 0.02, row, f"{weight:.2f}", va="center", fontsize=12)
    ax.set_title("weights")
    ax.set(xlim=(0, 1.1 * weights.max() + 0.2), xticks=[], ylim=(len(weights) - 0.5, -0.5))
    ax.grid(False)


def score_maps(maps: Mapping[str, Array]) -> None:
    """What each entry of an asking token adds to its score with each entry of a key token, as a share of the largest.

    Args:
        maps: title -> (26, 26), name 9, pointer 9 and payload 8. One scale for all, each divided by its largest entry,
            which its title says.
    """
    figure, axes = plt.subplots(1, len(maps), figsize=(WIDTH, 3.9), sharey=True)
    for ax, (title, array) in zip(axes, maps.items(), strict=True):
        largest = np.abs(array).max()
        image = ax.imshow(array / largest, cmap=SIGNED, vmin=-1, vmax=1)
        ax.set_title(f"{title}\nlargest: {largest:.1f}", fontsize=12)
        _mark_fields(ax)
        ax.set_xlabel("the key token's")
    axes[0].set_ylabel("the asking token's")
    figure.colorbar(image, ax=axes, location="bottom", label="added to the score / largest of the panel", aspect=40)
    plt.show()


def _mark_fields(ax: Axes, columns: bool = True) -> None:
    """Lines between the fields of a token, and their names, on the rows and on the columns."""
    middles, edges = [4, 13, 21.5], [8.5, 17.5]
    for edge in edges:
        ax.axhline(edge, color="0.3", linewidth=0.8)
        if columns:
            ax.axvline(edge, color="0.3", linewidth=0.8)
    ax.set_yticks(middles, labels=FIELDS, rotation=90, va="center")
    if columns:
        ax.set_xticks(middles, labels=FIELDS)
    ax.tick_params(length=0)
    ax.grid(False)


def circuits(answers: Array, by_place: Array) -> None:
    """What two heads write and read: the hunt's answers from a token's entries, and a head's scores by place alone.

    Args:
        answers: (26, 8), added to each answer by each entry of the token looked at.
        by_place: (i, j), a pretrained head's scores from what its inputs share by place.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.6), width_ratios=[1, 1.9])
    labels = ("added to the answer", "score, row mean 0")
    for ax, array, label in zip(axes, (answers, by_place), labels, strict=True):
        reach = np.abs(array).max()
        image = ax.imshow(array, cmap=SIGNED, vmin=-reach, vmax=reach)
        figure.colorbar(image, ax=ax, location="bottom", label=label)
        ax.grid(False)
    _mark_fields(axes[0], columns=False)
    axes[0].set_title("hunt: written")
    axes[0].set(xlabel="answer", ylabel="the token looked at", xticks=[0, 7])
    axes[1].set_title("MiniLM, head 2: read")
    axes[1].set(xlabel="place of the key", ylabel="place of the query")
    axes[1].set_xticks(range(0, len(by_place), 5))
    axes[1].set_yticks(range(0, len(by_place), 5))
    plt.show()


def accuracy_by_width(widths: Sequence[int], panels: Mapping[str, tuple[Mapping[str, Array], float, float]]) -> None:
    """Right answers against the width of a head, a panel for each task and a line for each way of sharing maps.

    Args:
        widths: (n,), channels.
        panels: task -> (lines, without maps, floor); lines: name -> (seed, n); all from 0 to 1.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 4.6), sharey=True)
    for ax, (task, (lines, without_maps, floor)) in zip(axes, panels.items(), strict=True):
        for n, (name, accuracy) in enumerate(lines.items()):
            # the widest line lies at the bottom, so that lines which coincide are seen on one another
            plots.spread(ax, widths, 100 * accuracy, name, linewidth=7 - 1.3 * n, alpha=1 if n else 0.45, marker="")
        ax.axhline(100 * without_maps, color="0.45", linewidth=1.2, linestyle="-", label="no maps")
        ax.axhline(100 * floor, color="0.7", linewidth=1.2, linestyle=":", label="others' commonest, or own")
        ax.set_xscale("log", base=2)
        ax.set_xticks(widths, labels=[str(width) for width in widths])
        ax.set_title(task)
        ax.set(xlabel="head_dim (channels)", ylim=(0, 104))
    axes[0].set_ylabel("right answers (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    plt.show()


def standard_masks(masks: Mapping[str, Array]) -> None:
    """Masks as grids, dark where attending is allowed.

    Args:
        masks: title -> (i, j) of bools.
    """
    _, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.6))
    for ax, (title, allowed) in zip(axes.flat, masks.items(), strict=True):
        ax.pcolormesh(allowed, edgecolors="0.8", linewidth=1, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=1.3)
        ax.set_title(title)
        ax.set_xticks(np.arange(allowed.shape[1]) + 0.5, labels=range(allowed.shape[1]))
        ax.set_yticks(np.arange(allowed.shape[0]) + 0.5, labels=range(allowed.shape[0]))
        ax.set(xlabel="key", ylabel="query", aspect="equal")
        ax.invert_yaxis()
        ax.grid(False)
    plt.show()


def senses_by_layer(places: Sequence[str], gaps: Mapping[str, Array], cosines: Mapping[str, Array]) -> None:
    """How much more alike a word is to itself within a sense than between two, by layer; and the cosines behind it.

    Args:
        places: (n,), names of what stands after each step.  gaps, cosines: name -> (word, n).
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.8))
    for ax, lines, title in zip(axes, (gaps, cosines), ("gap", "cosine"), strict=True):
        for n, (name, numbers) in enumerate(lines.items()):
            _words_and_mean(ax, numbers, name, f"C{n if ax is axes[0] else 3 + n}")
        ax.set_xticks(range(len(places)), labels=places)
        ax.set_title(title)
        ax.set_xlabel("after layer")
    axes[0].axhline(0, color="0.4", linewidth=1, linestyle="-")
    handles = [handle for ax in axes for handle in ax.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside upper left", ncols=1)
    plt.show()


def _words_and_mean(ax: Axes, numbers: Array, name: str, colour: str) -> None:
    """A thin line for each word, their mean as a thick one: bands of several lines would mix to one colour."""
    style = {"C0": "-", "C1": "--", "C2": "-.", "C3": "-", "C4": "--"}[colour]
    ax.plot(range(numbers.shape[1]), numbers.T, color=colour, linewidth=0.7, alpha=0.35, linestyle="-")
    ax.plot(range(numbers.shape[1]), numbers.mean(axis=0), color=colour, linestyle=style, label=name, linewidth=3)
