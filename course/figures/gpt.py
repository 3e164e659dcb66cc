"""The drawings of the chapter on GPT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = [
    "bits_by_reach",
    "familiar_contexts",
    "in_short",
    "induction",
    "learning_curve",
]

Array = NDArray[Any]
COUNTED = {"bigram": "#777777", "trigram": "#D55E00", "5-gram": "#222222"}  # the colour of each n-gram model
DASHES = {"bigram": ":", "trigram": "--", "5-gram": "-."}


def learning_curve(steps: Sequence[int], curves: Array, counted: Mapping[str, float]) -> None:
    """Bits per character while a GPT trains, beside what n-gram models need.

    Args:
        steps: (n,).  curves: (seed, n).  counted: n-gram model -> bits per character.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.2))
    plots.spread(ax, steps, curves, "GPT, five seeds")
    for name, bits in counted.items():
        ax.axhline(bits, color=COUNTED[name], linestyle=DASHES[name], label=name)
    ax.set(xlabel="training steps", ylabel="bits per character", ylim=(1.5, None))
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def familiar_contexts(
    bins: Sequence[str], sizes: Sequence[int], gpt: Array, counted: Mapping[str, Sequence[float]]
) -> None:
    """Bits a token by how often the two tokens before it stood together in the training text.

    Args:
        bins: (n,), their names.  sizes: (n,), of each, in tokens.  gpt: (seed, n).  counted: n-gram model -> (n,).
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    places = np.arange(len(bins))
    plots.spread(ax, places, gpt, "GPT, five seeds")
    _counted_lines(ax, places, counted)
    ax.set_xticks(places, labels=[f"{name}\n{size:,}" for name, size in zip(bins, sizes, strict=True)])
    ax.set(xlabel="times the two tokens before were met; number of tokens", ylabel="bits a token")
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def bits_by_reach(reach: Sequence[int], gpt: Array, counted: Mapping[str, Sequence[float]]) -> None:
    """Bits for the next token by how many tokens there are to go by.

    Args:
        reach: (n,), numbers of tokens.  gpt: (seed, n).  counted: n-gram model -> (n,).
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    plots.spread(ax, reach, gpt, "GPT, five seeds")
    _counted_lines(ax, reach, counted)
    ax.set_xscale("log", base=2)
    ax.set_xticks(reach, labels=[str(k) for k in reach])
    ax.set(xlabel="tokens to go by (k)", ylabel="bits for the next token")
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


def _counted_lines(ax: Axes, x: Any, counted: Mapping[str, Sequence[float]]) -> None:
    for name, bits in counted.items():
        ax.plot(x, bits, "s--", color=COUNTED[name], label=name)


def induction(maps: Mapping[str, Array], tokens: Sequence[str], bits: Mapping[str, Array]) -> None:
    """Two attention maps on a block read twice, and the bits each symbol costs.

    Args:
        maps: title -> (i, j), two, on one scale of colours.  tokens: (i,), the block, twice.
        bits: kind of model -> (seed, i - 1).
    """
    figure, axes = plt.subplot_mosaic("ab;cc", figsize=(WIDTH, 6.4), height_ratios=[1, 0.9])
    for place, (title, weights) in zip("ab", maps.items(), strict=True):
        image = axes[place].imshow(weights, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=1)
        axes[place].set_xticks(range(len(tokens)), labels=tokens)
        axes[place].set_yticks(range(len(tokens)), labels=tokens)
        axes[place].set(xlabel="key")
        axes[place].set_title(title)
        axes[place].grid(False)
    axes["a"].set_ylabel("query")
    figure.colorbar(image, ax=[axes["a"], axes["b"]], label="weight (share of a row)", shrink=0.8)
    _bits_by_place(axes["c"], bits, len(tokens))
    plt.show()


def _bits_by_place(ax: Axes, bits: Mapping[str, Array], length: int) -> None:
    ax.axvline(length // 2, color="0.6", linewidth=1, linestyle="-")
    for kind, values in bits.items():
        line = plots.spread(ax, np.arange(1, length), values, kind)
        end = (length - 1, np.median(values[:, -1]))
        ax.annotate(kind, end, (0, 8), textcoords="offset points", ha="right", color=line.get_color())
    ax.set(xlabel=f"place of the symbol (the second copy begins at {length // 2})", ylabel="bits", ylim=(0, None))
    ax.set_xticks(range(0, length, 2))


def in_short(bits: Mapping[str, Sequence[float]], second_copy: Mapping[str, Sequence[float]]) -> None:
    """Points, one a seed: what each model needs for a text, and for the second copy of a block.

    Args:
        bits: model -> (seed,), bits per character.  second_copy: model -> (seed,), bits for a symbol.
    """
    heights = [len(bits), len(second_copy)]
    _, axes = plt.subplots(2, 1, figsize=(WIDTH, 4.6), height_ratios=heights)
    for ax, shown, xlabel in zip(axes, (bits, second_copy), ("bits per character", "bits for a symbol"), strict=True):
        for row, (name, values) in enumerate(shown.items()):
            ax.plot(values, [row] * len(values), "o", ms=8, alpha=0.7, color=COUNTED.get(name, "C0"))
        ax.set_yticks(range(len(shown)), labels=list(shown))
        ax.set(xlabel=xlabel, ylim=(len(shown) - 0.5, -0.5))
    axes[1].set_xlim(0, None)
    plt.show()
