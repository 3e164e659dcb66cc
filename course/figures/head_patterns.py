"""The drawings of the chapter on head patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["bits_over_steps", "emergence", "first_steps", "said_and_done", "scores_by_head"]

Array = NDArray[Any]
LINES = ("-", "--", ":")  # one for each kind, whatever the seed


def scores_by_head(scores: Mapping[str, Array]) -> None:
    """Each head's score of each pattern, on one scale of colours.

    Args:
        scores: pattern -> (layer, head), shares; six.
    """
    figure, axes = plt.subplots(2, 3, figsize=(WIDTH, 4.2), sharex=True, sharey=True)
    for ax, (pattern, table) in zip(axes.flat, scores.items(), strict=True):
        image = ax.imshow(100 * table, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=100, aspect="auto")
        ax.set_title(pattern, fontsize=12)
        ax.set(xticks=[0, 4, 8], yticks=[0, 2, 4])
        ax.grid(False)
    figure.supxlabel("head", fontsize=12)
    figure.supylabel("layer", fontsize=12)
    figure.colorbar(image, ax=axes, label="score (%)", shrink=0.8)
    plt.show()


def said_and_done(scores: Mapping[str, Array], spared: Mapping[str, Array]) -> None:
    """How much less harm than an even map a head's pattern alone does, by the pattern's score; a dot a head.

    Args:
        scores: pattern -> (head,), shares.  spared: pattern -> (head,), 1 = it does no harm, 0 = that of an even map.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.2))
    ax.axhline(0, color="0.6", linewidth=1, linestyle="-")
    for marker, (pattern, values) in zip("osD^v", scores.items(), strict=False):
        ax.plot(100 * values, 100 * np.maximum(spared[pattern], -1), marker, alpha=0.7, label=pattern)
    ax.set(xlabel="score of the head's best pattern (%)", ylabel="harm of an even map spared (%)")
    ax.set_ylim(-108, 105)
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def emergence(steps: Sequence[int], scores: Mapping[str, Array], bits: Mapping[str, Array]) -> None:
    """What heads score while a model trains, and what the second copy of a block costs it.

    Args:
        steps: (n,).  scores: name -> (seed, n), shares.  bits: name -> (seed, n).
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 6.0), sharex=True)
    for number, (name, values) in enumerate(scores.items()):
        for seed, line in enumerate(values):
            axes[0].plot(steps, 100 * line, LINES[number], color=f"C{number}", alpha=0.7, label=_once(name, seed))
    for number, (name, values) in enumerate(bits.items()):
        for seed, line in enumerate(values):
            axes[1].plot(steps, line, LINES[number], color=f"C{number + 2}", alpha=0.7, label=_once(name, seed))
    axes[0].set(ylabel="weight (%)", ylim=(0, 100))
    axes[1].set(xlabel="training steps", ylabel="bits a symbol", ylim=(0, None))
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def first_steps(steps: Mapping[str, Sequence[int | None]], followed: int) -> None:
    """When each model has learnt induction; a dot a seed, an open one at the end where it had not.

    Args:
        steps: kind of model -> (seed,), None where it was not learnt.  followed: for how many steps it was followed.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(steps) + 1.2))
    for row, values in enumerate(steps.values()):
        places = row + np.linspace(-0.2, 0.2, len(values))
        for step, place in zip(values, places, strict=True):
            ax.plot(step or followed, place, "o", color="C0", ms=7, mfc="C0" if step else "none")
    ax.set_yticks(range(len(steps)), labels=list(steps))
    ax.set(xlabel="steps until induction is learnt (open: not)", xlim=(0, 1.04 * followed))
    ax.set_ylim(len(steps) - 0.5, -0.5)
    plt.show()


def bits_over_steps(seen: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]) -> None:
    """What a symbol of the second copy of a block costs while models train, as far as each was followed.

    Args:
        seen: kind of model -> for each seed what was seen, in order, each with its "step" and "bits".
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.0))
    for number, (kind, models) in enumerate(seen.items()):
        for seed, model in enumerate(models):
            steps, bits = [x["step"] for x in model], [x["bits"] for x in model]
            ax.plot(steps, bits, LINES[number], color=f"C{number}", alpha=0.8, label=_once(kind, seed))
    ax.set(xlabel="training steps", ylabel="bits a symbol", xlim=(0, None), ylim=(0, None))
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def _once(label: str, seed: int) -> str | None:
    return label if seed == 0 else None
