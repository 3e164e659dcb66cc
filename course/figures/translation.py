"""The drawings of the chapter on translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["error_rates", "known_links", "where_it_breaks"]

Array = NDArray[Any]
FRAME = "#c0561f"


def known_links(named: Mapping[str, Array], possible: Array, target: Sequence[str], source: Sequence[str]) -> None:
    """Maps of one pair of phrases, one below the other, with a frame around each link that is known.

    Args:
        named: title -> weights (i, j), rows are target words.  possible: bool (i, j).
        target, source: the words, (i,) and (j,).
    """
    height = 0.30 * len(target) * len(named) + 1.5 * len(named)
    _, axes = plt.subplots(len(named), 1, figsize=(WIDTH, height), squeeze=False)
    for ax, (title, weights) in zip(axes[:, 0], named.items(), strict=True):
        ax.imshow(weights, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=1, aspect="auto")
        for i, j in np.argwhere(possible):
            frame = Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=FRAME, linewidth=1.8)
            ax.add_patch(frame)
        ax.set_xticks(range(len(source)), source, rotation=90)
        ax.set_yticks(range(len(target)), target)
        ax.set(title=title)
        ax.grid(False)
    plt.show()


def where_it_breaks(sets: Sequence[str], shares: Mapping[str, Array]) -> None:
    """Exact match on each set, a panel a language; a dot a seed.

    Args:
        sets: (n,) names.  shares: language -> (seed, n), in percent.
    """
    _, axes = plt.subplots(1, len(shares), figsize=(WIDTH, 3.0), sharey=True, sharex=True)
    for ax, (language, values) in zip(axes, shares.items(), strict=True):
        for row in values:
            ax.plot(row, range(len(sets)), "o", alpha=0.6, color="C0", clip_on=False)
        ax.set_yticks(range(len(sets)), sets)
        ax.set(title=language, xlim=(-3, 103), xticks=(0, 50, 100))
    axes[0].invert_yaxis()
    axes[len(axes) // 2].set_xlabel("right to the letter (%)")
    plt.show()


def error_rates(names: Sequence[str], rates: Mapping[str, Array], lines: Mapping[str, Mapping[str, float]]) -> None:
    """Alignment error rates of heads and means, a panel a language; a dot a seed, and lines for other aligners.

    Args:
        names: (n,) heads and means.  rates: language -> (seed, n), in percent.
        lines: language -> aligner -> its rate, in percent.
    """
    figure, axes = plt.subplots(1, len(rates), figsize=(WIDTH, 4.2), sharey=True, sharex=True)
    styles = ("--", ":", "-.")
    for ax, (language, values) in zip(axes, rates.items(), strict=True):
        for row in values:
            ax.plot(row, range(len(names)), "o", alpha=0.6, color="C0", clip_on=False)
        for (name, rate), style in zip(lines[language].items(), styles, strict=False):
            ax.axvline(rate, color=FRAME, linestyle=style, label=name)
        ax.set_yticks(range(len(names)), names)
        ax.set(title=language, xlim=(-3, 103), xticks=(0, 50, 100))
    axes[0].invert_yaxis()
    axes[len(axes) // 2].set_xlabel("alignment error rate (%)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    plt.show()
