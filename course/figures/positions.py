"""The drawings of the chapter on positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["accuracy_by_length", "biases", "bits_by_length", "read_positions", "scaled_rates", "sinusoidal_table"]

Array = NDArray[Any]
LENGTHS = [("o", "#2166AC"), ("s", "#D55E00"), ("^", "#222222")]  # of the lengths in order
ADDED = {"none": "#777777", "sinusoidal": "#D55E00", "learned": "#222222"}  # dashed; what acts inside attention is not
INSIDE = {"T5 bias": "#009E73", "ALiBi": "#CC79A7", "rotary": "#2166AC"}
VARIED = {"rotary, base 500000": "#56B4E9", "rotary, half": "#E69F00"}


def read_positions(answers: Mapping[str, Array]) -> None:
    """Mean answer against true position, a line a kind of model, beside the diagonal.

    Args:
        answers: kind -> (seed, position), the first position left out.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.2))
    places = np.arange(1, 1 + next(iter(answers.values())).shape[1])
    ax.plot(places, places, color="0.75", linewidth=7, linestyle="-", marker="", zorder=0, label="right")
    for kind, runs in answers.items():
        plots.spread(ax, places, runs, kind)
    ax.set(xlabel="true position", ylabel="mean answer (position)")
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def sinusoidal_table(table: Array, starts: Sequence[int], reach: int) -> None:
    """The table of positions as a map, and dot products of a few positions with their neighbours.

    Args:
        table: (p, m).  starts: positions, each at least reach from both ends.  reach: largest distance.
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(WIDTH, 6.0), height_ratios=[3, 2])
    image = top.imshow(table.T, cmap="RdBu_r", aspect="auto", interpolation="nearest")
    top.set(xlabel="position p", ylabel="channel", title="the sinusoidal table")
    top.grid(False)
    figure.colorbar(image, ax=top, label="value")
    distances = np.arange(-reach, reach + 1)
    for n, (start, (marker, _)) in enumerate(zip(starts, LENGTHS, strict=True)):
        products = table[start + distances] @ table[start] / (table.shape[1] / 2)
        bottom.plot(distances, products, f"-{marker}", markevery=(2 * n, 6), label=f"p = {start}")
    bottom.set(xlabel="distance k (tokens)", ylabel="PE(p)·PE(p + k) / 32")
    figure.legend(*bottom.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    plt.show()


def biases(alibi: Array, buckets: Array) -> None:
    """What is added to a score by distance: ALiBi's lines, and which distances share a bias of T5's.

    Args:
        alibi: (h, distance).  buckets: (distance,).
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.4))
    for head, line in enumerate(alibi):
        left.plot(line, marker="")
        up = {len(alibi) - 1: 6, len(alibi) - 2: -6}.get(head, 0)  # the last two end side by side
        place = {"xytext": (3, up), "textcoords": "offset points", "va": "center"}
        left.annotate(f"head {head}", (len(line) - 1, line[-1]), **place)
    left.set(xlabel="tokens back", ylabel="added to the score", title="ALiBi", xlim=(0, 1.35 * len(alibi[0])))
    left.set_xticks([0, 32, 64])
    right.step(np.arange(len(buckets)), buckets, where="mid", marker="")
    right.set(xlabel="tokens back", ylabel="number of the bucket", title="T5: who shares a bias")
    right.set_xticks([0, 64, 128])
    plt.show()


def scaled_rates(rates: Mapping[str, Array], turns: Array) -> None:
    """How much each pair of channels is slowed, by each way to reach further.

    Args:
        rates: scaling -> (pair,), of which the first is the plain one.  turns: (pair,), made within the trained length.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    plain = next(iter(rates.values()))
    for n, (name, scaled) in enumerate(rates.items()):
        wide: dict[str, Any] = {"linewidth": 6, "alpha": 0.35} if n == 0 else {}
        ax.plot(scaled / plain, label=name, **wide)
    ax.set_xticks(range(len(plain)), labels=[f"{t:.2g}" for t in turns])
    ax.set(xlabel="turns of the pair within 64 tokens, fastest pair first", ylabel="rate / plain rate", ylim=(0, 1.08))
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def bits_by_length(lengths: Sequence[int], bits: Mapping[str, Array], trained: int) -> None:
    """Bits a character against the length of what is read, a line an encoding.

    Args:
        lengths: (n,).  bits: encoding -> (seed, n), of `ADDED`, `INSIDE` and `VARIED`.
        trained: the longest length of training.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.8))
    for name, runs in bits.items():
        marker = "s" if name in VARIED else "o"
        style = {"linestyle": "--", "marker": "^"} if name in ADDED else {"linestyle": "-", "marker": marker}
        plots.spread(ax, lengths, runs, name, color=(ADDED | INSIDE | VARIED)[name], **style)
    ax.axvline(trained, color="0.6", linewidth=1, linestyle="-")
    ax.set_xscale("log", base=2)
    ax.set_xticks(lengths, labels=list(map(str, lengths)))
    ax.minorticks_off()
    ax.set(xlabel="characters read", ylabel="bits a character")
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def accuracy_by_length(accuracy: Mapping[str, Mapping[str, Array]], lengths: Sequence[int], chance: float) -> None:
    """Median and range of accuracy, one panel a task, one row an encoding, one mark a length.

    Args:
        accuracy: task -> encoding -> (seed, length), from 0 to 1.  lengths: three.  chance: of guessing.
    """
    rows = [len(found) for found in accuracy.values()]
    figure, axes = plt.subplots(len(rows), 1, figsize=(WIDTH, 7.0), sharex=True, height_ratios=rows)
    for ax, (task, found) in zip(axes, accuracy.items(), strict=True):
        for n, ((marker, colour), length) in enumerate(zip(LENGTHS, lengths, strict=True)):
            shares = 100 * np.stack([runs[:, n] for runs in found.values()])  # (encoding, seed)
            y = np.arange(len(found)) + 0.22 * (n - 1)
            ax.hlines(y, shares.min(1), shares.max(1), color=colour, linewidth=2)
            middle = np.median(shares, axis=1)
            ax.plot(middle, y, marker, color=colour, ls="", label=f"{length} tokens")
        ax.set_yticks(range(len(found)), list(found))
        ax.axvline(100 * chance, color="0.6", linewidth=1, linestyle="-")
        ax.set(title=task, ylim=(len(found) - 0.5, -0.5), xlim=(0, 103))
    axes[-1].set_xlabel("right on the last eight tokens (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    plt.show()
