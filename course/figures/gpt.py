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
    "cache_cost",
    "familiar_contexts",
    "induction",
    "learning_curve",
    "likely_and_repeated",
]

Array = NDArray[Any]
COUNTED = {"bigram": "#777777", "trigram": "#D55E00", "5-gram": "#222222"}  # the colour of each n-gram model
DASHES = {"bigram": ":", "trigram": "--", "5-gram": "-."}
LIKELIEST = ("greedy", "beam of 4")  # ways of writing that look for the likeliest text
BESIDE = {  # where the names of some stand, in points
    "greedy": (9, 10),
    "beam of 4": (9, 10),
    "top-k 20": (0, -14),
    "temperature 1": (0, -14),
    "people": (0, 19),
}


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


def likely_and_repeated(bits: Mapping[str, Sequence[float]], repeated: Mapping[str, Sequence[float]]) -> None:
    """How much a way of writing repeats itself, against how likely the model finds what it wrote.

    Args:
        bits, repeated: way -> (group,), bits a token and the share of repeated runs; "people" is drawn apart.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 4.4))
    for way in bits:
        x, y = np.array(bits[way]), 100 * np.array(repeated[way])
        colour = "#222222" if way == "people" else "C1" if way in LIKELIEST else "C0"
        ax.errorbar(x.mean(), y.mean(), xerr=_to_ends(x), yerr=_to_ends(y), marker="o", ms=8, ls="", color=colour)
        right, up = BESIDE.get(way, (0, 13))
        at: dict[str, Any] = {"ha": "left" if right else "center", "va": "center", "color": colour}
        ax.annotate(way, (x.mean(), y.mean()), xytext=(right, up), textcoords="offset points", **at)
    ax.set(xlabel="bits a token, by the model", ylabel="repeated runs of three (%)", ylim=(-9, None))
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= ax.get_ylim()[1]])
    plt.show()


def _to_ends(values: Array) -> list[list[float]]:
    """How far the least and the largest lie from the mean, as `errorbar` wants it."""
    return [[values.mean() - values.min()], [values.max() - values.mean()]]


def cache_cost(lengths: Sequence[int], products: Mapping[str, Array], seconds: Mapping[str, Array]) -> None:
    """Multiplications and time against the number of tokens written, one line with a cache and one without.

    Args:
        lengths: (n,).  products: label -> (n,).  seconds: label -> (n,).
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    for ax, shown, title in zip(axes, (products, seconds), ("multiplications", "seconds, here"), strict=True):
        for (label, values), marker in zip(shown.items(), "so", strict=True):
            ax.plot(lengths, values, marker=marker, label=label)
        ax.set_xscale("log", base=2)
        ax.set_xticks(lengths, labels=[str(n) for n in lengths])
        ax.set(yscale="log", xlabel="tokens written")
        ax.set_title(title)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    plt.show()


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
