"""The drawings of the chapter on bias probes."""

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

__all__ = ["carrying_heads", "effects_and_twins", "effects_by_template", "occupations", "probed_heads"]

Array = NDArray[Any]
TRAINED, TWINS = "#2166AC", "#D55E00"


def effects_and_twins(effects: Mapping[str, Interval], twins: Mapping[str, Array]) -> None:
    """The trained encoder's effect of each test with its interval, over what untrained twins give.

    Args:
        effects: test -> d with its interval over words.  twins: test -> (seed,), the same d without training.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(effects) + 1.5))
    for row, (name, effect) in enumerate(effects.items()):
        label: dict[str, Any] = {"label": "39 untrained twins"} if row == 0 else {}
        jitter = row + 0.22 * np.sin(np.arange(len(twins[name])) * 2.4)  # spread, the same at each run
        ax.plot(twins[name], jitter, ".", color=TWINS, markersize=4, alpha=0.35, **label)
        label = {"label": "trained, 95 % over words"} if row == 0 else {}
        reach = [[effect.value - effect.low], [effect.high - effect.value]]
        ax.errorbar(effect.value, row, xerr=reach, fmt="o", color=TRAINED, markersize=6, linestyle="", **label)
    _rows(ax, list(effects))
    figure.legend(loc="outside upper left", ncols=2, markerscale=1.6)
    plt.show()


def effects_by_template(effects: Mapping[str, Array]) -> None:
    """The effect of each test in each template by itself.

    Args:
        effects: test -> (template,).
    """
    _, ax = plt.subplots(figsize=(WIDTH, 0.4 * len(effects) + 1.1))
    for row, values in enumerate(effects.values()):
        ax.plot(values, [row] * len(values), "o", color=TRAINED, alpha=0.6)
    _rows(ax, list(effects))
    plt.show()


def _rows(ax: Axes, names: Sequence[str]) -> None:
    ax.axvline(0, color="0.5", linewidth=1, linestyle="-")
    ax.set_yticks(range(len(names)), labels=names)
    ax.set(xlabel="effect size d", xlim=(-2, 2), xticks=[-2, -1, 0, 1, 2])
    ax.invert_yaxis()


def occupations(shares: Array, near: Array, names: Mapping[str, int]) -> None:
    """Nearness to women's words against the share of women employed, a dot a published figure.

    Args:
        shares: (n,), percent.  near: (n,), associations.  names: word -> the place of its dot, for those to be named.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 4.4))
    ax.plot(shares, near, "o", color=TRAINED, alpha=0.75)
    for name, at in names.items():
        right = shares[at] > 80
        ax.annotate(
            name,
            (shares[at], near[at]),
            xytext=(-6 if right else 6, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
        )
    slope, start = np.polyfit(shares, near, 1)
    ax.plot([0, 100], [start, start + 100 * slope], "--", color=TWINS)
    ax.axhline(0, color="0.5", linewidth=1, linestyle="-")
    ax.set(xlabel="women among the employed (%)", ylabel="nearer to women's words")
    plt.show()


def carrying_heads(shares: Mapping[str, Array]) -> None:
    """What each head carries of each contrast, on one scale of colours.

    Args:
        shares: contrast -> (layer, head), 1 = the whole difference.
    """
    figure, axes = plt.subplots(3, 3, figsize=(WIDTH, 5.6), sharex=True, sharey=True)
    for ax in axes.flat[len(shares) :]:
        ax.set_axis_off()
    for ax, (contrast, table) in zip(axes.flat, shares.items(), strict=False):
        image = ax.imshow(100 * np.clip(table, 0, 1), cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=70, aspect="auto")
        ax.set_title(contrast, fontsize=12)
        ax.set(xticks=[0, 4, 8], yticks=[0, 2, 4])
        ax.grid(False)
    figure.supxlabel("head", fontsize=12)
    figure.supylabel("layer", fontsize=12)
    figure.colorbar(image, ax=axes, label="difference carried (%)", shrink=0.6)
    plt.show()


def probed_heads(right: Mapping[str, Array], carried: Array, chosen: int) -> None:
    """How often a probe on a head is right on names it has not met, against what the head carries.

    Args:
        right: place of the probe -> (head,), from 0 to 1.  carried: (head,), 1 = the whole difference.
        chosen: the head that carries most, drawn apart.
    """
    figure, axes = plt.subplots(1, len(right), figsize=(WIDTH, 3.6), sharex=True, sharey=True)
    for ax, (place, shares) in zip(axes, right.items(), strict=True):
        others = np.arange(len(shares)) != chosen
        ax.plot(100 * shares[others], 100 * carried[others], "o", color=TRAINED, alpha=0.5)
        ax.plot(100 * shares[chosen], 100 * carried[chosen], "D", color=TWINS, markersize=9)
        ax.axvline(50, color="0.5", linewidth=1, linestyle="-")
        ax.set_title(place, fontsize=12)
        ax.set(xticks=[40, 60, 80, 100])
    axes[0].set_ylabel("difference carried (%)")
    figure.supxlabel("probe right on new names (%)", fontsize=12)
    plt.show()
