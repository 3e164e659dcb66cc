"""The drawings of the chapter on XLNet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["leaks", "order_masks", "relative_shift", "two_gaps"]

Array = NDArray[Any]


def order_masks(
    words: Sequence[str], orders: Mapping[str, Array], masks_of: Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
) -> None:
    """The content and the query mask of some orders, with the turn of each key that may be looked at.

    Args:
        words: (i,).  orders: title -> (i,) positions.  masks_of: an order -> content, query, bool (i, j).
    """
    figure, axes = plt.subplots(len(orders), 2, figsize=(WIDTH, 3.1 * len(orders)), sharex=True, sharey=True)
    for row, (name, z) in zip(axes, orders.items(), strict=True):
        masks = masks_of(torch.tensor(z))
        for ax, mask, stream in zip(row, masks, ("and itself", "without itself"), strict=True):
            ax.imshow(mask.numpy(), cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=3)
            for i, j in np.argwhere(mask.numpy()):
                ax.text(j, i, z.tolist().index(j), ha="center", va="center")
            ax.set_title(stream)
            ax.set_xticks(range(len(words)), labels=words)
            ax.set_yticks(range(len(words)), labels=words)
            ax.grid(False)
        row[0].set_ylabel(name)
    figure.supxlabel("key: the token looked at")
    figure.supylabel("query: the token that looks")
    plt.show()


def leaks(curves: Mapping[str, Sequence[Sequence[float]]], floor: float, every: int = 10) -> None:
    """Loss while models train on what nobody can predict.

    Args:
        curves: model -> (seed, step) in nats a token.  floor: what no knowledge costs.
        every: the steps that a point is the mean of.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    for kind, runs in curves.items():
        means = np.array(runs).reshape(len(runs), -1, every).mean(axis=2)
        plots.spread(ax, np.arange(every / 2, every * means.shape[1], every), means, kind)
    ax.lines[1].set_linestyle("--")  # the second lies on the first
    ax.axhline(floor, color="0.4", linestyle=":", label="no knowledge")
    ax.set(xlabel="steps of training", ylabel="loss (nats a token)", ylim=(0, None))
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def relative_shift(words: Sequence[str], by_lag: Array, in_place: Array) -> None:
    """Scores by lag, (i, 2i - 1), and the same moved to their keys, (i, i); each cell shows its lag."""
    n = len(words)
    _, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.0), width_ratios=[2 * n - 1, n])
    for ax, table in ((left, by_lag), (right, in_place)):
        ax.imshow(table, cmap="RdBu_r", vmin=-6, vmax=6)
        for (row, column), lag in np.ndenumerate(table):
            ax.text(column, row, f"{lag}".replace("-", "−"), ha="center", va="center")
        ax.set_yticks(range(n), labels=words)
        ax.grid(False)
    left.set(xticks=[], xlabel="one column a lag", ylabel="query", title="by lag")
    right.set_xticks(range(n), labels=words, rotation=90)
    right.set(xlabel="key", title="in place")
    plt.show()


def two_gaps(nats: Mapping[str, Array], n_names: int) -> None:
    """What a pair of gaps costs. nats: way -> (seed,); n_names: how many names the gap may have held."""
    _, ax = plt.subplots(figsize=(WIDTH, 3.4))
    for row, values in enumerate(nats.values()):
        ax.plot(values, [row] * len(values), "o", alpha=0.7, color=f"C{row // 2}")
    for factor, label in ((1, f"ln {n_names}"), (2, f"2 ln {n_names}")):
        ax.axvline(factor * np.log(n_names), color="0.4", linestyle=":")
        ax.text(factor * np.log(n_names), -0.75, label, ha="center")
    ax.set_yticks(range(len(nats)), labels=list(nats))
    ax.set(xlabel="nats a pair", xlim=(1.2, 3.05))
    ax.invert_yaxis()
    plt.show()
