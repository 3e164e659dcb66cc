"""The drawings of the chapter on sentiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course.columns import Interval
from course.figures import WIDTH, interval_rows

__all__ = ["cue_heads", "in_short", "pairs_by_rule", "words_own"]

Array = NDArray[Any]
POSITIVE, NEGATIVE = "#2166AC", "#D55E00"
MARKERS = {"negation": ("#2166AC", "o"), "contrast": ("#D55E00", "s"), "intensifier": ("#222222", "D")}
MARKERS |= {"scope": ("#1B9E77", "^")}  # colour and marker of each rule


def pairs_by_rule(right: Mapping[str, Mapping[str, Interval]]) -> None:
    """How many pairs each method gets right, by rule, beside what guessing gets.

    Args:
        right: method -> rule -> share of pairs, percent.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.62 * len(right) + 1.5))
    for shift, (rule, (colour, marker)) in zip((-0.27, -0.09, 0.09, 0.27), MARKERS.items(), strict=True):
        values = np.array([by_rule[rule] for by_rule in right.values()])  # (method, 3): value, low, high
        reach = np.abs(values[:, 1:] - values[:, :1]).T
        places = np.arange(len(values)) + shift
        ax.errorbar(values[:, 0], places, xerr=reach, color=colour, fmt=marker, markersize=6, linestyle="", label=rule)
    _guesses(ax)
    ax.set_yticks(range(len(right)), labels=list(right))
    ax.set(xlabel="pairs with both sentences right (%)", xlim=(-3, 103), ylim=(len(right) - 0.5, -0.5))
    figure.legend(loc="outside upper left", ncols=4, columnspacing=0.9, handletextpad=0.1)
    plt.show()


def words_own(sentences: Mapping[str, tuple[Sequence[str], Array]]) -> None:
    """What each token says by itself, sentence by sentence, on one scale.

    Args:
        sentences: title -> tokens (i,) and their logits (i,).
    """
    figure, axes = plt.subplots(len(sentences), 1, figsize=(WIDTH, 2.1 * len(sentences)), sharey=True)
    for ax, (title, (tokens, said)) in zip(np.atleast_1d(axes), sentences.items(), strict=True):
        ax.bar(range(len(tokens)), said, color=[POSITIVE if x > 0 else NEGATIVE for x in said], width=0.7)
        ax.axhline(0, color="0.4", linewidth=1, linestyle="-")
        ax.set_xticks(range(len(tokens)), labels=tokens)
        ax.set_title(title, fontsize=12)
    figure.supylabel("logit of the token", fontsize=12)
    plt.show()


def cue_heads(gains: Mapping[str, Array]) -> None:
    """How much more weight a negator gets than a filler in its place, by layer and head, on one scale.

    Args:
        gains: title -> (layer, head), in percent of a row.
    """
    figure, axes = plt.subplots(len(gains), 1, figsize=(WIDTH, 2.2 * len(gains)), sharex=True)
    most = max(float(np.abs(table).max()) for table in gains.values())
    for ax, (title, table) in zip(axes, gains.items(), strict=True):
        image = ax.imshow(table, cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
        ax.set(ylabel="layer", yticks=range(len(table)), xticks=range(table.shape[1]))
        ax.set_title(title, fontsize=12)
        ax.grid(False)
    axes[-1].set(xlabel="head")
    figure.colorbar(image, ax=axes, label="weight on the negator, less filler (%)", shrink=0.9)
    plt.show()


def in_short(right: Mapping[str, Interval], lost: Mapping[str, Interval]) -> None:
    """Who reads negation, and what the answer loses without attention to the negator.

    Args:
        right: method -> pairs of negation right, percent.  lost: what is cut -> logit lost.
    """
    figure, (top, below) = plt.subplots(
        2, 1, figsize=(WIDTH, 1.7 + 0.42 * (len(right) + len(lost))), height_ratios=[len(right), len(lost)]
    )
    interval_rows(top, right, POSITIVE)
    _guesses(top)
    top.set(xlabel="pairs of negation with both sentences right (%)", xlim=(-3, 103))
    interval_rows(below, lost, NEGATIVE)
    below.axvline(0, color="0.4", linewidth=1, linestyle="-")
    below.set(xlabel="logit of the right answer that is lost")
    figure.align_ylabels()
    plt.show()


def _guesses(ax: Axes) -> None:
    """What a coin gets that is tossed for each sentence, and one for which of the two is positive."""
    for share, style in ((25, ":"), (50, "--")):
        ax.axvline(share, color="0.4", linewidth=1.2, linestyle=style)
