"""The drawings of the chapter on writing with a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH

__all__ = ["bits_along_the_text", "cache_cost", "likely_and_repeated"]

Array = NDArray[Any]
LIKELIEST = ("greedy", "beam of 4")  # ways of writing that look for the likeliest text
BESIDE = {  # where the names of some stand, in points
    "greedy": (9, 10),
    "beam of 4": (9, 10),
    "top-k 20": (0, -14),
    "temperature 1": (0, -14),
    "people": (0, 19),
}
PLACES = 6  # neighbouring places of a text that are drawn as one point


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


def bits_along_the_text(bits: Mapping[str, Array]) -> None:
    """Bits of each token against its place: the mean over texts and neighbouring places, and its standard error.

    Args:
        bits: who wrote -> (b, i), i a multiple of `PLACES`; "people" is drawn apart.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    for way, values in bits.items():
        some = values.reshape(len(values), -1, PLACES).mean(axis=2)  # (b, i / PLACES): places of a text are not apart
        mean, error = some.mean(axis=0), some.std(axis=0, ddof=1) / len(some) ** 0.5
        x = PLACES * np.arange(some.shape[1]) + (PLACES + 1) / 2
        colour = "#222222" if way == "people" else "C1" if way in LIKELIEST else "C0"
        ax.plot(x, mean, marker="o", color=colour, label=way)
        ax.fill_between(x, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel="place of the token in the continuation", ylabel="bits a token, by the model", ylim=(0, None))
    figure.legend(loc="outside upper left", ncols=3)
    plt.show()


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
