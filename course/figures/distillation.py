"""The drawings of the chapter on distillation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from course.figures import WIDTH

__all__ = ["found_first", "time_and_quality"]


def found_first(students: Mapping[str, Sequence[float]], references: Mapping[str, float]) -> None:
    """The share of questions whose answer comes first; a dot a seed, a line through both for what has none.

    Args:
        students: what they start from and learn from -> shares (seed,).  references: name -> share, at most three.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(students) + 1.9))
    for row, values in enumerate(students.values()):
        places = row + np.linspace(-0.22, 0.22, len(values))
        ax.plot(100 * np.asarray(values), places, "o", color="C0", ms=6)
    looks = (("-", "C1"), ("--", "C2"), (":", "0.4"))
    order = sorted(references.items(), key=lambda item: item[1])
    for n, ((name, value), (line, colour)) in enumerate(zip(order, looks, strict=False)):
        ax.axvline(100 * value, linestyle=line, color=colour, linewidth=1.5)
        place: dict[str, Any] = {
            "xytext": (0, 5 + 16 * n),
            "textcoords": "offset points",
            "ha": "center",
            "color": colour,
        }
        ax.annotate(name, (100 * value, 1), xycoords=ax.get_xaxis_transform(), fontsize=12, **place)
    ax.set_yticks(range(len(students)), labels=list(students))
    most = max([*references.values(), *(max(values) for values in students.values())])
    ax.set(xlabel="found at the first place (%)", xlim=(0, 100 * most + 8), ylim=(len(students) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    plt.show()


def time_and_quality(models: Mapping[str, tuple[float, float]]) -> None:
    """Quality against the time that a text takes, a point a model.

    Args:
        models: name -> (milliseconds of a processor a text, share of questions found at the first place).
    """
    _, ax = plt.subplots(figsize=(WIDTH, 3.8))
    most = max(time for time, _ in models.values())
    for n, (name, (time, share)) in enumerate(models.items()):
        ax.plot(time, 100 * share, "osD^v"[n % 5], ms=9, color=f"C{n}")
        side = ("left", 1) if time < most / 2 else ("right", -1)
        place: dict[str, Any] = {"xytext": (12 * side[1], -4), "textcoords": "offset points", "ha": side[0]}
        ax.annotate(name, (time, 100 * share), fontsize=12, **place)
    ax.set(xlabel="processor time for a text (ms)", ylabel="found at the first place (%)")
    ax.set(xlim=(0, 1.08 * most), ylim=(0, 115 * max(share for _, share in models.values())))
    plt.show()
