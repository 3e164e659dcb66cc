"""The drawings of the chapter on many devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from course.figures import WIDTH

__all__ = ["memory_by_sharding", "ring_in_steps", "three_ways"]

Array = NDArray[Any]
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
INKS = ("white", "black", "black", "black")
HATCHES = ("", "//", "..", "xx")


def ring_in_steps(pairs: Mapping[str, Array]) -> None:
    """How many pairs of query and key each rank computes at each step of a causal ring.

    Args:
        pairs: how the sequence is dealt out -> (rank, step), as shares of a full part.
    """
    _, axes = plt.subplots(1, len(pairs), figsize=(WIDTH, 3.1), sharey=True)
    for ax, (name, table) in zip(np.atleast_1d(axes), pairs.items(), strict=True):
        ax.imshow(table, cmap="Blues", vmin=0, vmax=1.3)
        ax.grid(visible=False)
        for (rank, step), share in np.ndenumerate(table):
            ink = "white" if share > 0.7 else "black"
            ax.text(step, rank, f"{share:.1f}" if share else "idle", ha="center", va="center", color=ink)
        ax.set(title=name, xlabel="step", xticks=range(table.shape[1]), yticks=range(table.shape[0]))
    np.atleast_1d(axes)[0].set_ylabel("rank")
    plt.show()


def memory_by_sharding(held: Mapping[str, Mapping[str, float]], device_gb: float) -> None:
    """What a rank holds, in parts end to end, against what a device has.

    Args:
        held: how it is divided -> part -> bytes.  device_gb: of one device, in 10⁹ bytes.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.62 * len(held) + 1.5))
    names = list(held)
    left = np.zeros(len(held))
    for part, colour, hatch in zip(held[names[0]], COLOURS, HATCHES, strict=True):
        sizes = np.array([held[name][part] for name in names]) / 1e9
        ax.barh(names, sizes, left=left, color=colour, hatch=hatch, edgecolor="white", label=part)
        left += sizes
    ax.axvline(device_gb, color="#222222", linestyle="--")
    ax.text(device_gb, -0.62, f" {device_gb:g} GB", ha="left", va="bottom")
    ax.invert_yaxis()
    ax.set(xlabel="GB on each rank", ylim=(len(held) - 0.5, -1.0))
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def three_ways(sends: Sequence[tuple[str, str]]) -> None:
    """One batch, divided among four ranks along each of its three axes, and what has to be sent then.

    Args:
        sends: for the batch, the heads and the sequence: what is divided, and what is sent.
    """
    _, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.0))
    for n, (ax, (title, says)) in enumerate(zip(axes, sends, strict=True)):
        _box(ax, n)
        ax.set_title(title)
        ax.text(2.6, -1.4, says, ha="center", va="top")
    plt.show()


def _box(ax: Axes, axis: int) -> None:
    """Four sequences, one behind the other, of four tokens across and four heads down; ranks by colour and number."""
    for batch in reversed(range(4)):
        for i, j in np.ndindex(4, 4):
            rank = (batch, i, j)[axis]
            place = (j + 0.45 * batch, 3 - i + 0.45 * batch)
            ax.add_patch(Rectangle(place, 1, 1, facecolor=COLOURS[rank], edgecolor="white", linewidth=1))
            if batch == 0:
                ax.text(place[0] + 0.5, place[1] + 0.5, str(rank), ha="center", va="center", color=INKS[rank])
    ax.text(2.0, -0.1, "tokens", ha="center", va="top")
    ax.text(-0.15, 2.0, "heads", ha="right", va="center", rotation=90)
    ax.set(xlim=(-0.9, 5.5), ylim=(-3.6, 5.6), aspect="equal", xticks=[], yticks=[])
    ax.axis("off")
