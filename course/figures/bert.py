"""The drawings of the chapter on BERT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["accuracy_by_labels", "gap_curves", "influence", "what_is_asked"]

Array = NDArray[Any]
MOST_SHOWN = 0.6  # of a row of influences: one trivial cell, [CLS] by itself, would take the whole scale
BASELINES = {"frequency": ":", "trigrams": "--"}  # how each is drawn


def influence(maps: Mapping[str, Array], tokens: Sequence[str]) -> None:
    """How much each embedding moves each output, one map above the other on one scale of colours.

    Args:
        maps: title -> (i, j), sizes of gradients, which are drawn as shares of their row.  tokens: (i,).
    """
    shares = {title: sizes / sizes.sum(axis=1, keepdims=True) for title, sizes in maps.items()}
    figure, axes = plt.subplots(len(maps), 1, figsize=(WIDTH, 4.9 * len(maps)))
    for ax, (title, share) in zip(axes, shares.items(), strict=True):
        image = ax.imshow(share, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=MOST_SHOWN)
        ax.set_xticks(range(len(tokens)), labels=tokens, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(tokens)), labels=tokens)
        ax.set(ylabel="output that is moved")
        ax.set_title(title)
        ax.grid(False)
    axes[-1].set_xlabel("embedding that moves it")
    label = f"size of the gradient (share of a row, {MOST_SHOWN} or more at the end)"
    figure.colorbar(image, ax=list(axes), label=label, shrink=0.5, extend="max")
    plt.show()


def gap_curves(steps: Sequence[int], curves: Mapping[str, Array], baselines: Mapping[str, float]) -> None:
    """What gaps cost while models train: a thin line a seed, and their median in front.

    Args:
        steps: (n,).  curves: kind of model -> (seed, n), nats.  baselines: "frequency" and "trigrams" -> nats.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.4))
    for kind, nats in curves.items():
        (median,) = ax.plot(steps, np.median(nats, axis=0), marker="o", linewidth=2.6, label=kind, zorder=3)
        ax.plot(steps, nats.T, color=median.get_color(), linestyle="-", marker="", linewidth=0.9, alpha=0.7)
    for name, level in baselines.items():
        ax.axhline(level, color="0.35", linestyle=BASELINES[name], label=name)
    ax.set(xlabel="training steps, of 4096 tokens each", ylabel="nats a gap")
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def accuracy_by_labels(n_labels: Sequence[float], accuracy: Mapping[str, Array], guessing: float) -> None:
    """Accuracy against the number of labelled texts of each class.

    Args:
        n_labels: (n,), the last being all there are.  accuracy: method -> (split, n), from 0 to 1.  guessing: the same,
            of a guess.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.6))
    for name, shares in accuracy.items():
        plots.spread(ax, n_labels, 100 * shares, name)
    ax.axhline(100 * guessing, color="0.35", linestyle=":", label="guessing")
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.set_xticks(n_labels, labels=[*(f"{n:.0f}" for n in n_labels[:-1]), f"all ({n_labels[-1]:.0f})"])
    ax.set(xlabel="labelled texts of each area", ylabel="read correctly (%)", ylim=(0, 75))
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def what_is_asked(tokens: Sequence[str], hidden: Sequence[int]) -> None:
    """Whom each prediction may look at: hidden tokens, from both sides; every token, from those before it.

    Args:
        tokens: (i,).  hidden: the places of those that are hidden in the upper panel.
    """
    _, axes = plt.subplots(2, 1, figsize=(WIDTH, 5.0), sharex=True)
    places = range(len(tokens))
    shown = ["[MASK]" if place in hidden else token for place, token in enumerate(tokens)]
    asked = {place: (tokens[place], places) for place in hidden}
    _asked(axes[0], shown, asked, f"BERT: {len(hidden)} of {len(tokens)} asked for, all seen")
    following = {place: (tokens[place + 1], range(place + 1)) for place in places[:-1]}
    _asked(axes[1], tokens, following, f"GPT: {len(following)} of {len(tokens)} asked for, the left side seen")
    plt.show()


def _asked(ax: Axes, shown: Sequence[str], asked: Mapping[int, tuple[str, Sequence[int]]], title: str) -> None:
    """What stands below, what is asked for above it, and a line from each token to each answer that may use it."""
    for place, token in enumerate(shown):
        ax.text(place, 0, token, ha="center", va="center")
        ax.text(place, 1, asked[place][0] if place in asked else "·", ha="center", va="center", fontweight="bold")
    for place, (_, seen) in asked.items():
        for other in seen:
            ax.plot([other, place], [0.16, 0.84], color="#385da1", linewidth=1.2, marker="", linestyle="-")
    ax.set(xlim=(-0.6, len(shown) - 0.4), ylim=(-0.2, 1.2), xticks=[], yticks=[], title=title)
    ax.axis("off")
