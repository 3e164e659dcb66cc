"""A row of weights under rounding: bits, the size of a group, and an outlier to pull away from the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number, steps_with
from mha.compress.rounding import group_size, largest_level
from mha.validation import check_finite, check_number

__all__ = ["rounded_weights", "rounding_of"]

N_BINS = 48
FACTORS = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
BITS = (2, 3, 4, 5, 6, 8)
Array = NDArray[np.float64]


class Rounding(NamedTuple):
    """What rounding does to a row, the outlier apart."""

    error: float  # root mean square, as a share of the other weights' own
    zeros: float  # share of the other weights that become 0
    bits: float  # stored for each weight, scales of 32 bits included
    steps: Array  # the distance of two levels, in each group


def rounding_of(weights: Any, *, bits: int, group: int, outlier: float = 1.0) -> Rounding:
    """Round a row (m,) whose largest weight is made `outlier` times as large; halves go away from 0."""
    w = check_finite("weights", weights).copy()
    at = int(np.abs(w).argmax())
    w[at] *= outlier
    top = largest_level(bits)
    groups = w.reshape(-1, group)
    steps = np.abs(groups).max(axis=1) / top
    safe = np.where(steps > 0, steps, 1.0)[:, None]
    levels = (np.sign(groups) * np.floor(np.abs(groups) / safe + 0.5)).reshape(-1)
    others = np.arange(len(w)) != at
    error = (levels * np.repeat(safe, group) - w)[others]
    share = float(np.sqrt((error**2).mean() / (w[others] ** 2).mean()))
    return Rounding(share, float((levels[others] == 0).mean()), bits + 32 / group, steps)


def rounded_weights(weights: Any, *, bits: int = 4, group: int | None = None, outlier: float = 1.0) -> TouchFigure:
    """The histogram of a row of weights over the levels that they are rounded to.

    Args:
        weights: (m,), m divisible by 8 at least; rounded to four digits.
        bits: 2 … 8.  group: how many weights share a scale; all if None.
        outlier: how many times as large the largest weight is made, from 1 to 20.
    Raises:
        TypeError, ValueError: weights are no row of numbers, all are 0, or bits, group or outlier does not fit.
    """
    row = check_finite("weights", weights)
    if row.ndim != 1 or len(row) % 8 or not row.any():
        raise ValueError(f"weights must be (m,), m divisible by 8 and not all 0, got shape {row.shape}")
    row = np.array([float(f"{w:.4g}") for w in row])
    group = group_size(len(row), group or len(row))
    largest_level(bits)
    outlier = check_number("outlier", outlier, at_least=1, at_most=20)
    sizes = [n for n in (8, 16, 32, 64, 128, 256, 512) if len(row) % n == 0 and n < len(row)]
    reach = float(f"{1.05 * np.abs(row).max():.4g}")
    data = {
        "weights": row.tolist(),
        "bins": _bins(row, reach).tolist(),
        "reach": reach,
        "at": {"bits": bits, "group": group, "outlier": outlier},
        "bits": steps_with(BITS, bits),
        "groups": steps_with([*sizes, len(row)], group),
        "outliers": steps_with(FACTORS, outlier),
    }
    found = rounding_of(row, bits=bits, group=group, outlier=outlier)
    return build(
        "rounded_weights",
        title="A row of weights and the levels it is rounded to",
        hint="Pull the largest weight away from the others. Then give small groups a scale of their own.",
        first_state=_picture(row, found, reach, group, bits) + _said(found),
        data=data,
    )


def _bins(row: Array, reach: float) -> NDArray[np.int64]:
    return np.asarray(np.histogram(row, N_BINS, (-reach, reach))[0])


def _ticks(step: float, top: int, reach: float) -> str:
    """The levels as a path of vertical lines, in percent of the width."""
    levels = [n * step for n in range(-top, top + 1) if abs(n * step) <= reach]
    return "".join(f"M{50 + 50 * level / reach:.2f} 0V10" for level in levels)


def _picture(row: Array, found: Rounding, reach: float, group: int, bits: int) -> str:
    counts = _bins(row, reach)
    bars = "".join(
        f"M{100 * n / N_BINS:.2f} 100V{100 - 100 * count / counts.max():.2f}H{100 * (n + 1) / N_BINS:.2f}V100Z"
        for n, count in enumerate(counts)
    )
    shape = {"preserveAspectRatio": "none", "aria_hidden": "true", "width": "100%"}
    histogram = element(
        "svg", element("path", d=bars, fill="var(--accent)"), viewBox="0 0 100 100", height=130, **shape
    )
    line = {"fill": "none", "stroke": "currentColor", "vector_effect": "non-scaling-stroke"}
    mine, other = _two_steps(row, found.steps, group)
    top = largest_level(bits)
    rows = ""
    for words, step, name in (("the group of the largest weight", mine, "mine"), ("another group", other, "other")):
        path = element("path", d=_ticks(step, top, reach), data_part=name, **line)
        drawing = element("svg", path, viewBox="0 0 100 10", height=14, **shape)
        rows += f"<p class=mt-axis-name>levels in {words}</p>{drawing}"
    return histogram + rows


def _two_steps(row: Array, steps: Array, group: int) -> tuple[float, float]:
    """The steps of the group that holds the largest weight, and of the next one."""
    mine = int(np.abs(row).argmax()) // group
    return float(steps[mine]), float(steps[(mine + 1) % len(steps)])


def _said(found: Rounding) -> str:
    words = (
        f"All but the outlier: off by {number(100 * found.error, 1)} % of their size, "
        f"{number(100 * found.zeros, 0)} % become 0. Stored are {number(found.bits, 2)} bits a weight, scales included."
    )
    return element("p", words, class_="mt-status", role="status", data_part="status")
