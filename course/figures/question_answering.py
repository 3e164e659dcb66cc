"""The drawings of the chapter on question answering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH

__all__ = ["by_length", "by_steps", "lost_by_cuts", "who_finds"]

Array = NDArray[Any]
LOOKS = (("-", "o"), ("--", "s"), (":", "D"), ("-.", "^"))


def by_length(lengths: Sequence[int], shares: Mapping[str, Array]) -> None:
    """What is right, by the number of sentences; a thin line a seed, the mean over them in bold.

    Args:
        lengths: (n,), on a scale of doublings.  shares: what is counted -> (seed, n).
    """
    ax = _lines(lengths, shares)
    ax.set_xscale("log", base=2)
    ax.set_xticks(list(lengths), labels=list(map(str, lengths)))
    ax.minorticks_off()
    ax.set(xlabel="sentences in the passage", ylabel="questions (%)", ylim=(0, 104))
    plt.show()


def by_steps(steps: Sequence[int], shares: Mapping[str, Array]) -> None:
    """How often the right row is read on the way through training; a thin line a seed, the mean over them in bold.

    Args:
        steps: (n,), after which was asked.  shares: whose questions -> (seed, n).
    """
    ax = _lines(steps, shares)
    ax.set_xticks(list(steps))
    ax.set(xlabel="steps of training", ylabel="right rows (%)", xlim=(0, None), ylim=(0, 104))
    plt.show()


def lost_by_cuts(lost: Mapping[str, Sequence[float]]) -> None:
    """Of the answers that were right, the share lost without what passes between question and one sentence.

    Args:
        lost: what is cut -> shares (seed,).
    """
    _dots(lost, "right answers lost (%)")


def who_finds(shares: Mapping[str, Sequence[float]], chance: float) -> None:
    """How often each way finds the right row among those of its kind, or reads it; a dot a seed, a line for chance.

    Args:
        shares: way -> (seed,).  chance: of picking one row of the kind that is asked for.
    """
    ax = _dots(shares, "right row found (%)", show=False)
    ax.axvline(100 * chance, color="0.4", linestyle="--", linewidth=1.5)
    place: dict[str, Any] = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center", "color": "0.3"}
    ax.annotate("chance", (100 * chance, 1), xycoords=ax.get_xaxis_transform(), fontsize=12, **place)
    plt.show()


def _lines(places: Sequence[int], shares: Mapping[str, Array]) -> Any:
    figure, ax = plt.subplots(figsize=(WIDTH, 4.0))
    for number, ((name, values), (line, marker)) in enumerate(zip(shares.items(), LOOKS, strict=False)):
        for seed in values:
            ax.plot(places, 100 * seed, line, color=f"C{number}", linewidth=0.8, alpha=0.5)
        mean = 100 * np.mean(values, axis=0)
        ax.plot(places, mean, line, marker=marker, color=f"C{number}", linewidth=2.5, label=name)
    figure.legend(loc="outside upper left", ncols=2)
    return ax


def _dots(values: Mapping[str, Sequence[float]], label: str, show: bool = True) -> Any:
    _, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(values) + 1.4))
    for row, shares in enumerate(values.values()):
        places = row + np.linspace(-0.22, 0.22, len(shares))
        ax.plot(100 * np.asarray(shares), places, "o", color="C0", ms=6)
    ax.set_yticks(range(len(values)), labels=list(values))
    ax.set(xlabel=label, xlim=(-4, 104), ylim=(len(values) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    if show:
        plt.show()
    return ax
