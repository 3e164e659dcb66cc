"""The drawings of the chapter on explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course.columns import Interval
from course.figures import WIDTH
from mha.view import plots

__all__ = ["agreement_by_way", "found_by_method", "heads_and_shares", "in_short", "rows_of_layers"]

Array = NDArray[Any]
WAYS = {"hide": ("#2166AC", "o"), "delete": ("#D55E00", "s"), "mask": ("#222222", "D")}  # colour and marker of each


def agreement_by_way(agreement: Mapping[str, Mapping[str, Interval]]) -> None:
    """How far each method agrees with each way of leaving out, with intervals.

    Args:
        agreement: method -> way -> mean rank correlation; a way may be missing, where it would be its own judge.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(agreement) + 1.5))
    for shift, (way, (colour, marker)) in zip((-0.22, 0.0, 0.22), WAYS.items(), strict=True):
        rows = [(row, by_way[way]) for row, by_way in enumerate(agreement.values()) if way in by_way]
        values = np.array([value.value for _, value in rows])
        reach = np.array([[v.value - v.low, v.high - v.value] for _, v in rows]).T
        places = [row + shift for row, _ in rows]
        style: dict[str, Any] = {"color": colour, "fmt": marker, "markersize": 6, "linestyle": "", "label": way}
        ax.errorbar(values, places, xerr=reach, **style)
    ax.axvline(0, color="0.5", linewidth=1, linestyle="-")
    ax.set_yticks(range(len(agreement)), labels=list(agreement))
    ax.invert_yaxis()
    ax.set_xlabel("rank correlation with leaving out")
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def found_by_method(shares: Mapping[str, Array], xlabel: str) -> None:
    """A dot a model: the share of texts in which a method's answer is right.

    Args:
        shares: method -> (model,), from 0 to 1.  xlabel: of what.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(shares) + 1.0))
    for row, values in enumerate(shares.values()):
        jitter = row + 0.24 * np.sin(np.arange(len(values)) * 2.4)  # spread, the same at each run
        ax.plot(100 * values, jitter, "o", color=WAYS["hide"][0], markersize=5, alpha=0.55)
    ax.set_yticks(range(len(shares)), labels=list(shares))
    ax.set(xlabel=xlabel, xlim=(-4, 104))
    ax.invert_yaxis()
    plt.show()


def rows_of_layers(weights: Array, tokens: Sequence[str]) -> None:
    """Where the first token looks in each layer.

    Args:
        weights: (layer, j), its row, averaged over heads.  tokens: (j,).
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(weights) + 1.1))
    image = ax.imshow(weights, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(tokens)), labels=tokens)
    ax.set_yticks(range(len(weights)))
    ax.set(xlabel="key", ylabel="layer")
    ax.grid(False)
    figure.colorbar(image, ax=ax, label="weight")
    plt.show()


def heads_and_shares(weights: Array, carried: Array, named: Mapping[str, int]) -> None:
    """What each head carries of a word's difference, against the weight that the word receives in it.

    Args:
        weights: (head,), means over pairs.  carried: (head,), 1 = the whole change.  named: name -> head to be named.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 3.8))
    ax.plot(100 * weights, 100 * carried, "o", color=WAYS["hide"][0], alpha=0.7)
    for name, head in named.items():
        at = 100 * weights[head], 100 * carried[head]
        left = at[0] > 50 * weights.max()
        ax.annotate(name, at, (-8 if left else 8, 4), textcoords="offset points", ha="right" if left else "left")
    ax.axhline(0, color="0.5", linewidth=1, linestyle="-")
    ax.set(xlabel="weight that the word receives (% of a row)", ylabel="change carried (%)")
    plt.show()


def in_short(real: Mapping[str, Interval], planted: Mapping[str, int], n_models: int) -> None:
    """Two charts: how far attention agrees with what is known of real texts, and in how many models it is right.

    Args:
        real: what it is compared with -> rank correlation.
        planted: method -> models in which it is right, of n_models.
    """
    _, axes = plt.subplots(
        2, 1, figsize=(WIDTH, 0.45 * (len(real) + len(planted)) + 2.0), height_ratios=[len(real), len(planted)]
    )
    for row, value in enumerate(real.values()):
        reach = [[value.value - value.low], [value.high - value.value]]
        axes[0].errorbar(value.value, row, xerr=reach, fmt="o", color=WAYS["hide"][0], markersize=7)
    _named_rows(axes[0], list(real), "rank correlation, real texts")
    axes[0].set_xlim(-0.1, 1)
    axes[1].barh(range(len(planted)), list(planted.values()), color=WAYS["hide"][0], height=0.6)
    _named_rows(axes[1], list(planted), f"models of {n_models} in which it is right")
    axes[1].set_xlim(0, n_models)
    axes[1].set_xticks(range(0, n_models + 1, 5))
    plt.show()


def _named_rows(ax: Axes, names: Sequence[str], xlabel: str) -> None:
    ax.set_yticks(range(len(names)), labels=names)
    ax.set(xlabel=xlabel, ylim=(len(names) - 0.5, -0.5))
