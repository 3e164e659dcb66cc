"""The drawings of the chapter on pruning heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["against_controls", "drawn_gates", "every_set", "importance_maps", "quality_for_time", "reaction_heads"]

Array = NDArray[Any]
LINES = {"best set": "C2", "by ablation": "C0", "by slope": "C1", "mean of all sets": "0.45"}


def every_set(shares: Mapping[str, Array]) -> None:
    """What small models still answer, by how many of their heads are left.

    Args:
        shares: name -> (seed, head + 1) shares of queries answered, with 0, 1 … heads left.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 4.0))
    for (name, values), marker in zip(shares.items(), "osD^", strict=False):
        left = np.arange(values.shape[1])
        colour = LINES.get(name, "C3")
        ax.plot(left, 100 * np.median(values, axis=0), marker=marker, color=colour, label=name)
        ax.fill_between(left, 100 * values.min(axis=0), 100 * values.max(axis=0), color=colour, alpha=0.12)
    ax.set(xlabel="heads left", ylabel="queries answered (%)", ylim=(0, 104))
    ax.figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def importance_maps(tables: Mapping[str, Array]) -> None:
    """Each head's importance, a panel a measure, each on a scale of its own.

    Args:
        tables: measure -> (layer, head); two.
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 5.4), sharex=True)
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        most = float(np.abs(table).max())
        low = -most if table.min() < 0 else 0.0
        image = ax.imshow(table, cmap="PuOr" if low else plots.ATTENTION_COLOURS, vmin=low, vmax=most, aspect="auto")
        ax.set(ylabel="layer", yticks=range(len(table)), xticks=range(0, table.shape[1], 2))
        ax.set_title(name, fontsize=12)
        ax.grid(False)
        figure.colorbar(image, ax=ax, shrink=0.9)
    axes[-1].set(xlabel="head")
    plt.show()


def against_controls(counts: Sequence[int], panels: Mapping[str, Mapping[str, Array]]) -> None:
    """How well texts are found after heads are removed in an order, beside its controls; a line a seed.

    Args:
        counts: (n,), heads removed.
        panels: title of a panel -> name -> (seed, n); the names are the same in each, the first is the order.
    """
    figure, axes = plt.subplots(len(panels), 1, figsize=(WIDTH, 2.9 * len(panels)), sharex=True, sharey=True)
    for ax, (title, lines) in zip(axes, panels.items(), strict=True):
        for (name, values), colour, width in zip(lines.items(), ("C0", "C1", "0.6"), (3.0, 1.2, 1.2), strict=True):
            for line in values:
                ax.plot(counts, line, "-", color=colour, linewidth=width, label=name)
        ax.set_title(title, fontsize=12)
        ax.set(ylabel="mean reciprocal rank")
    axes[-1].set(xlabel="heads removed, of 72")
    found = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))  # one line a name
    figure.legend(found.values(), found.keys(), loc="outside upper left", ncols=3)
    plt.show()


def quality_for_time(points: Mapping[str, tuple[Array, Array]]) -> None:
    """How well texts are found against the time that a text takes.

    Args:
        points: what is removed -> (n,) time as a share of the whole encoder's, (n,) mean reciprocal ranks; the first
            point of each is the whole encoder.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 3.8))
    for (name, (time, quality)), marker in zip(points.items(), "osD", strict=False):
        ax.plot(100 * time, quality, marker=marker, label=name)
    ax.set(xlabel="processor time (% of the whole encoder's)", ylabel="mean reciprocal rank")
    ax.invert_xaxis()
    ax.figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def reaction_heads(left: Sequence[int], loss: Mapping[str, Array], mapped: Mapping[str, Array]) -> None:
    """What a model of one shared layer of eight heads still does, by how many of them are left.

    Args:
        left: (n,).  loss, mapped: name -> (n,), nats of masked tokens and shares of atoms.
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 5.6), sharex=True)
    for ax, values, scale in ((axes[0], loss, 1), (axes[1], mapped, 100)):
        for (name, line), marker, colour in zip(values.items(), "os^", ("C0", "0.45", "C1"), strict=False):
            ax.plot(left[-len(line) :], scale * line, marker=marker, color=colour, label=name if scale == 1 else None)
    axes[0].set(ylabel="loss of masked\ntokens (nats)", yscale="log")
    axes[0].set_yticks([0.3, 1, 3], ["0.3", "1", "3"])
    axes[0].minorticks_off()
    axes[1].set(ylabel="atoms mapped (%)", ylim=(0, 104), xlabel="heads left")
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def drawn_gates(draws: Mapping[float, Array]) -> None:
    """Histograms of gates drawn at several log α.

    Args:
        draws: log α -> (n,), in [0, 1]; three.
    """
    _, axes = plt.subplots(1, len(draws), figsize=(WIDTH, 3.0), sharey=True)
    for ax, (log_alpha, values) in zip(axes, draws.items(), strict=True):
        share, edges = np.histogram(values, bins=20, range=(0, 1))
        ax.bar(edges[:-1], 100 * share / len(values), width=0.05, align="edge", color="C0")
        ax.set_title(f"log α = {log_alpha:g}".replace("-", "\N{MINUS SIGN}"), fontsize=12)
        ax.set(xticks=[0, 0.5, 1])
    axes[0].set(ylabel="draws (%)")
    axes[len(axes) // 2].set(xlabel="gate z")
    plt.show()
