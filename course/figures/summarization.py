"""The drawings of the chapter on summarization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.columns import Interval
from course.figures import WIDTH
from mha.view import plots

__all__ = ["by_place", "in_short", "rouge_by_rule", "where_it_copies"]

Array = NDArray[Any]
STYLES = (("o", "-"), ("s", "--"), ("^", ":"), ("D", "-."), ("v", "-"))


def rouge_by_rule(scores: Mapping[str, Interval], learned: Sequence[str]) -> None:
    """The ROUGE-1 of each way to choose, with its interval; filled: learned.

    Args:
        scores: way -> percent, the best first.  learned: those of them that were trained.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 0.36 * len(scores) + 1.1))
    for row, (name, value) in enumerate(scores.items()):
        ax.plot([value.low, value.high], [row, row], "-", color="C0")
        ax.plot(value.value, row, "o", color="C0", ms=8, mfc="C0" if name in learned else "white")
    ax.set_yticks(range(len(scores)), labels=list(scores))
    ax.set(xlabel="ROUGE-1 (%)", xlim=(0, None), ylim=(len(scores) - 0.5, -0.5))
    plt.show()


def by_place(shares: Mapping[str, Array]) -> None:
    """How much each model, and the truth, give to each place of a text.

    Args:
        shares: what -> (place,), shares of all texts that have a sentence there; all of one length.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    for (name, values), (marker, line) in zip(shares.items(), STYLES, strict=False):
        ax.plot(range(1, len(values) + 1), 100 * np.asarray(values), marker + line, label=name)
    ax.set(xlabel="place of the sentence", ylabel="share (%)", ylim=(0, None))
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def where_it_copies(weights: Array, words: Sequence[str], generated: Array, which: int) -> None:
    """From which sentence each word of a summary is copied, and how much of it is not copied.

    Args:
        weights: (i, sentence), each row sums to 1.  words: i.  generated: (i,), the gate.
        which: the sentence with the planted fact, marked by a star.
    """
    shares = np.column_stack([(1 - generated)[:, None] * weights, generated])
    n = weights.shape[1]
    _, ax = plt.subplots(figsize=(WIDTH, 0.32 * len(words) + 1.2))
    image = ax.imshow(100 * shares, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=100, aspect="auto")
    ax.axvline(n - 0.5, color="#a06a00", linestyle="--")
    ax.set_xticks(range(n + 1), [*(f"{k + 1}★" if k == which else f"{k + 1}" for k in range(n)), "own"])
    ax.set_yticks(range(len(words)), list(words))
    ax.set_xlabel("copied from sentence …, or the vocabulary's own")
    ax.grid(False)
    plt.colorbar(image, ax=ax, label="share (%)")
    plt.show()


def in_short(texts: Mapping[str, Interval]) -> None:
    """The weight on what is essential against that of a rule which knows the place alone.

    Args:
        texts: label -> percent; models and rules take turns, the first a model.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(texts) + 1.1))
    for row, value in enumerate(texts.values()):
        colour = "C0" if row % 2 == 0 else "0.5"
        ax.barh(row, value.value, height=0.6, color=colour)
        ax.plot([value.low, value.high], [row, row], "-", color="black")
    ax.set_yticks(range(len(texts)), labels=list(texts))
    ax.set(xlabel="essential sentences that get the most weight (%)", xlim=(0, 100), ylim=(len(texts) - 0.5, -0.5))
    ax.grid(False, axis="y")
    plt.show()
