"""The drawings of the chapter on the head that does chemistry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.columns import Interval
from course.figures import WIDTH, interval_rows
from mha.view import plots

__all__ = ["confidence", "in_short", "passes", "places"]

Array = NDArray[Any]
GOOD, BAD = "#2166AC", "#D55E00"


def places(shares: Mapping[str, Array]) -> None:
    """Which share of atoms each head maps right in each pass.

    Args:
        shares: title -> (pass, head), from 0 to 1; two of them, on one scale of colours.
    """
    figure, axes = plt.subplots(1, len(shares), figsize=(WIDTH, 4.4), sharey=True)
    for ax, (title, table) in zip(axes, shares.items(), strict=True):
        image = ax.imshow(100 * np.asarray(table), cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=100, aspect="auto")
        ax.set_title(title)
        ax.set(xlabel="head", xticks=range(table.shape[1]), yticks=range(0, table.shape[0], 2))
        ax.grid(False)
    axes[0].set_ylabel("pass")
    figure.colorbar(image, ax=axes, label="atoms right (%)", shrink=0.8)
    plt.show()


def confidence(edges: Sequence[float], right: Sequence[float], counts: Sequence[int]) -> None:
    """How often an atom is mapped right, by the weight its origin gets.

    Args:
        edges: (n + 1,), of the bins.  right: (n,), shares from 0 to 1.  counts: (n,), atoms in each bin.
    """
    figure, (top, below) = plt.subplots(2, 1, figsize=(WIDTH, 5.0), sharex=True, height_ratios=[2, 1])
    middle = (np.asarray(edges[1:]) + np.asarray(edges[:-1])) / 2
    top.plot(middle, 100 * np.asarray(right), "o-", color=GOOD)
    top.set(ylabel="right (%)", ylim=(60, 102))
    below.bar(middle, counts, width=0.8 * np.diff(edges), color="0.6")
    below.set(ylabel="atoms", xlabel="weight on the atom it is mapped to")
    figure.align_ylabels()
    plt.show()


def passes(right: Array, loss: Array, trained_for: int) -> None:
    """The map and the loss of a masked atom, pass by pass, beyond those that the block was trained for.

    Args:
        right: (reaction, passes), share of atoms that the head maps right.  loss: (atom, passes), nats.
        trained_for: so many passes.
    """
    _, (top, below) = plt.subplots(2, 1, figsize=(WIDTH, 5.4), sharex=True)
    number = 1 + np.arange(right.shape[1])
    top.plot(number, 100 * right.mean(0), "o-", color=GOOD, markersize=5)
    top.set(ylabel="atoms right (%)", ylim=(0, 102))
    below.plot(number, loss.mean(0), "o-", color=BAD, markersize=5)
    below.set(ylabel="loss (nats)", xlabel="passes through the block", ylim=(0, None))
    below.set_xticks([1, 4, 8, 12, 16, 20, 24])
    for ax in (top, below):
        ax.axvline(trained_for, color="0.5", linestyle=":")
    plt.show()


def in_short(maps: Mapping[str, Interval], losses: Mapping[str, Interval]) -> None:
    """Who maps atoms how well, and what is lost when edges are cut.

    Args:
        maps: method -> share of atoms right, percent.  losses: what is cut -> loss of a masked hetero atom, nats.
    """
    figure, (top, below) = plt.subplots(
        2, 1, figsize=(WIDTH, 1.6 + 0.42 * (len(maps) + len(losses))), height_ratios=[len(maps), len(losses)]
    )
    interval_rows(top, maps, GOOD)
    top.set(xlabel="atoms mapped right (%)", xlim=(0, 102))
    interval_rows(below, losses, BAD)
    below.set(xlabel="loss of a masked atom that is no carbon (nats)", xlim=(0, None))
    figure.align_ylabels()
    plt.show()
