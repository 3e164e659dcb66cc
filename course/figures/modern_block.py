"""The drawings of the chapter on the block of today."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.statistics.intervals import student_interval

__all__ = ["cache_growth", "differences"]

Array = NDArray[Any]
UNITS = {2**10: "KiB", 2**20: "MiB", 2**30: "GiB"}


def differences(bits: Mapping[str, Mapping[str, Array]], tie: float, scattered: Collection[str] = ()) -> None:
    """Bits a character less those of the first block: each seed, the mean, and its interval.

    Args:
        bits: group -> what was changed -> (seed,), above 0 where it needs more.
        tie: a difference that counts as none.
        scattered: changes whose seeds lie too far apart for a mean, and are shown without it and its interval.
    """
    rows: list[tuple[str, Array]] = [item for group in bits.values() for item in group.items()]
    breaks = np.cumsum([len(group) for group in bits.values()])[:-1]
    _, ax = plt.subplots(figsize=(WIDTH, 0.9 + 0.38 * len(rows)))
    ax.axvspan(-tie, tie, color="0.9", zorder=0)
    ax.axvline(0, color="0.5", linewidth=1)
    for row, (name, values) in enumerate(rows):
        ax.plot(values, np.full(len(values), row), linestyle="", marker="o", markersize=3.5, color="C0")
        if name not in scattered:
            low, high = student_interval(values)
            ax.plot([low, high], [row, row], color="C0", linewidth=5, alpha=0.4, marker="", solid_capstyle="butt")
            ax.plot([values.mean()], [row], marker="|", markersize=14, markeredgewidth=2.5, color="C1")
    for place in breaks:
        ax.axhline(place - 0.5, color="0.7", linewidth=1)
    ax.set_yticks(range(len(rows)), labels=[name for name, _ in rows])
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel="bits a character, less the first block's")
    ax.grid(False, axis="y")
    plt.show()


def cache_growth(lengths: Sequence[int], sizes: Mapping[str, Array]) -> None:
    """Bytes of a cache against the tokens in it, both on log scales.

    Args:
        lengths: (n,).  sizes: kind of attention -> (n,) bytes.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.2))
    for name, values in sizes.items():
        ax.plot(lengths, values, label=name)
    ax.set(xscale="log", yscale="log", xlabel="tokens of text", ylabel="cache")
    ax.set_xticks(lengths[::2], labels=[f"{n:,}" for n in lengths[::2]])
    low, high = ax.get_ylim()
    ticks = [2**n for n in range(0, 50, 2) if low <= 2**n <= high]
    ax.set_yticks(ticks, labels=[_bytes(n) for n in ticks])
    ax.minorticks_off()
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def _bytes(n: int) -> str:
    unit, name = max((unit, name) for unit, name in UNITS.items() if unit <= max(n, 2**10))
    return f"{n / unit:g} {name}"
