"""The drawings of the chapter on fitting and generalising."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course.columns import Interval
from course.figures import WIDTH

__all__ = ["chosen_and_judged", "fits", "heads_by_task", "in_short", "two_changes"]

Array = NDArray[Any]
TOP = 2.6  # of the losses that are drawn; ten classes guessed alike cost 2.3 nats
SETS = (("C0", "o", 0.18), ("C1", "s", 0.0), ("C2", "^", -0.18))


def fits(steps: Sequence[int], curves: Mapping[str, tuple[Array, Array]]) -> None:
    """Loss on what is trained on and on other images against the step, a panel each on one scale.

    Args:
        steps: (n,).  curves: title -> losses (seed, n) on both. The thick line is the mean, a thin one is a seed.
    """
    figure, axes = plt.subplots(1, len(curves), figsize=(WIDTH, 3.6), sharey=True)
    for ax, (title, both) in zip(axes, curves.items(), strict=True):
        looks = (("images it trains on", "C0", "-"), ("other images", "C1", "--"))
        for losses, (label, colour, line) in zip(both, looks, strict=True):
            ax.plot(steps, losses.T, color=colour, linewidth=0.7, alpha=0.5)
            ax.plot(steps, losses.mean(axis=0), color=colour, linestyle=line, label=label)
        ax.set_title(title)
        ax.set(ylim=(-0.05, TOP), xlabel="steps")
        ax.set_xticks([steps[0], steps[-1]])
    axes[0].set_ylabel("loss (nats)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    plt.show()


def two_changes(
    changes: Mapping[str, tuple[Mapping[str, Interval], Mapping[str, Interval]]], labels: Sequence[str]
) -> None:
    """What each way changes against none, in two panels, a mark for each set of data.

    Args:
        changes: set of data -> for each panel, way -> change with its interval.  labels: of the two panels.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.6), sharey=True)
    for (name, panels), (colour, marker, shift) in zip(changes.items(), SETS, strict=False):
        for ax, rows in zip(axes, panels, strict=True):
            _marks(ax, list(rows.values()), shift, color=colour, marker=marker, label=name)
    ways = list(next(iter(changes.values()))[0])
    axes[0].set_yticks(range(len(ways)), labels=ways[::-1])
    for ax, label in zip(axes, labels, strict=True):
        ax.axvline(0, color="0.4", linewidth=1)
        ax.set(xlabel=label, ylim=(-0.6, len(ways) - 0.4))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(changes))
    plt.show()


def _marks(ax: Axes, found: Sequence[Interval], shift: float, **look: Any) -> None:
    """One mark with its interval a row, the first on top."""
    values = np.array(found)  # (n, 3)
    at = np.arange(len(values))[::-1] + shift
    reach = np.abs(values[:, 1:] - values[:, :1]).T
    ax.errorbar(values[:, 0], at, xerr=reach, linestyle="none", capsize=3, **look)


def chosen_and_judged(scores: Mapping[str, tuple[Array, Array]]) -> None:
    """Accuracy on the part that chose and on the part that judges, a line for each repeat, a panel for each way.

    Args:
        scores: way -> (repeat,) on the part to choose by and (repeat,) on the part to judge by, in percent.
    """
    _, axes = plt.subplots(1, len(scores), figsize=(WIDTH, 3.6), sharey=True)
    for ax, (way, both) in zip(axes, scores.items(), strict=True):
        ax.plot([0, 1], np.array(both), "-", color="0.6", linewidth=1)
        for x, (values, colour, marker) in enumerate(zip(both, ("C1", "C0"), "so", strict=True)):
            ax.plot(np.full(len(values), x), values, marker, color=colour)
            ax.plot([x - 0.16, x + 0.16], [np.mean(values)] * 2, "-", color=colour, linewidth=3)
        ax.set_title(way)
        ax.set_xticks([0, 1], labels=["chose", "judges"])
        ax.set_xlim(-0.4, 1.4)
    axes[0].set_ylabel("digits read (%)")
    plt.show()


def heads_by_task(n_heads: Sequence[int], changes: Mapping[str, Mapping[int, Interval]]) -> None:
    """Test loss against one head's by the number of heads, a panel for each task.

    Args:
        n_heads: (n,), without 1.  changes: task -> number of heads -> change in percent with its interval.
    """
    _, axes = plt.subplots(1, len(changes), figsize=(WIDTH, 3.4), sharey=True)
    for ax, (task, found) in zip(axes, changes.items(), strict=True):
        values = np.array([found[n] for n in n_heads])
        reach = np.abs(values[:, 1:] - values[:, :1]).T
        ax.errorbar(range(len(n_heads)), values[:, 0], yerr=reach, fmt="o", capsize=4)
        ax.axhline(0, color="0.4", linewidth=1)
        ax.set_title(task)
        ax.set_xticks(range(len(n_heads)), labels=[str(n) for n in n_heads])
        ax.set(xlabel="heads", xlim=(-0.5, len(n_heads) - 0.5))
    axes[0].set_ylabel("test loss against one head (%)")
    plt.show()


def in_short(changes: Mapping[str, Mapping[str, Interval]]) -> None:
    """Changes of the test loss in percent, in groups, on one axis.

    Args:
        changes: group -> what was done -> change with its interval.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 5.4))
    names, at = [], []
    y = 0.0
    for (_, rows), (colour, marker, _) in zip(changes.items(), SETS, strict=False):
        for name, found in rows.items():
            reach = [[found.value - found.low], [found.high - found.value]]
            ax.errorbar(found.value, -y, xerr=reach, fmt=marker, color=colour, capsize=4)
            names.append(name)
            at.append(-y)
            y += 1
        y += 0.7
    ax.set_yticks(at, labels=names)
    ax.axvline(0, color="0.4", linewidth=1)
    ax.set_xlabel("change of the test loss (%)")
    plt.show()
