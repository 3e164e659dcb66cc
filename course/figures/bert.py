"""The drawings of the chapter on BERT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["accuracy_by_labels", "gap_curves", "influence"]

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
    """What gaps cost while models train.

    Args:
        steps: (n,).  curves: kind of model -> (seed, n), nats.  baselines: "frequency" and "trigrams" -> nats.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.4))
    for kind, nats in curves.items():
        plots.spread(ax, steps, nats, kind)
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
