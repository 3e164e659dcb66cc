"""Kernel regression: attention whose scores are distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mha import reference
from mha.checks.attention._softmax import softmax_remark, sums_to_one
from mha.checks.diagnosis import Exercise, Mistake, Trial
from mha.checks.inputs import LARGE_RTOL, numbers

Array = NDArray[Any]


def _squared_distances(x: Array, points: Array) -> Array:
    return np.asarray(((x[:, None, :] - points) ** 2).sum(-1))  # (i, 1, d) (j, d) -> (i, j)


def _kernel(exponent: Any) -> Any:
    """Kernel weights with another exponent: a function of x, points and the bandwidth."""
    return lambda x, points, bandwidth: reference.softmax(exponent(x, points, bandwidth))


def _gaussian(x: Array, points: Array, bandwidth: float) -> Array:
    return -_squared_distances(x, points) / (2.0 * bandwidth**2)


KERNEL_WEIGHTS = Exercise(
    returns=("weights",),
    right=_kernel(_gaussian),
    trials=(
        Trial("queries among the points", {"x": numbers(61, 3, 5), "points": numbers(62, 7, 5), "bandwidth": 1.5}),
        Trial(
            "queries far from all points",
            {"x": numbers(63, 5, 3) + np.array([48.0, 0.0, 0.0]), "points": numbers(64, 11, 3), "bandwidth": 0.75},
            LARGE_RTOL,
        ),
    ),
    mistakes=(
        Mistake(
            "distance-not-squared",
            _kernel(lambda x, p, h: -np.sqrt(_squared_distances(x, p)) / (2 * h**2)),
            "the distance is not squared: |x - p|² goes into exp.",
        ),
        Mistake(
            "no-two",
            _kernel(lambda x, p, h: -_squared_distances(x, p) / h**2),
            "the 2 is missing: divide by 2 · bandwidth².",
        ),
        Mistake(
            "bandwidth-not-squared",
            _kernel(lambda x, p, h: -_squared_distances(x, p) / (2 * h)),
            "the bandwidth is not squared: divide by 2 · bandwidth².",
        ),
        Mistake(
            "two-squared",
            _kernel(lambda x, p, h: -_squared_distances(x, p) / (2 * h) ** 2),
            "the 2 is squared along with the bandwidth: 2 * bandwidth**2, not (2 * bandwidth)**2.",
        ),
        Mistake(
            "times-bandwidth",
            _kernel(lambda x, p, h: -_squared_distances(x, p) / 2 * h**2),
            "you multiply by bandwidth²: / 2 * b divides by 2 alone; write / (2 * bandwidth**2).",
        ),
        Mistake(
            "bandwidth-ignored",
            _kernel(lambda x, p, h: -_squared_distances(x, p) / 2),
            "equals the answer for bandwidth 1: the bandwidth is not used.",
        ),
        Mistake(
            "not-normalised",
            lambda x, p, h: np.exp(_gaussian(x, p, h)),
            "these are the kernel's values: divide each row by its sum.",
        ),
        Mistake(
            "over-queries",
            lambda x, p, h: reference.softmax(_gaussian(x, p, h), axis=0),
            "each column sums to 1, each row should: normalise over the points, not over the queries.",
        ),
        Mistake(
            "sign",
            _kernel(lambda x, p, h: -_gaussian(x, p, h)),
            "the farthest point gets most weight: the minus sign in exp is missing.",
        ),
        Mistake(
            "mean-over-d",
            _kernel(lambda x, p, h: _gaussian(x, p, h) / x.shape[1]),
            "the squared differences are averaged over the coordinates: add them up.",
        ),
        Mistake(
            "city-block",
            _kernel(lambda x, p, h: -(np.abs(x[:, None] - p).sum(-1) ** 2) / (2 * h**2)),
            "the distance adds up the sizes of the differences: it is the root of the sum of their squares.",
        ),
        Mistake(
            "differences-added-first",
            _kernel(lambda x, p, h: -((x[:, None] - p).sum(-1) ** 2) / (2 * h**2)),
            "the differences are added before they are squared, so they cancel: square first.",
        ),
        Mistake(
            "dot-product",
            _kernel(lambda x, p, h: x @ p.T / (2 * h**2)),
            "the scores are dot products: the kernel takes squared distances. The two differ by |p|².",
        ),
        Mistake(
            "transposed",
            lambda x, p, h: reference.softmax(_gaussian(x, p, h)).T,
            "the weights are transposed: a row for each query, a column for each point.",
        ),
        Mistake(
            "underflows",
            lambda x, p, h: sums_to_one(np.exp(_gaussian(x, p, h))),
            "queries near the points are right, those far away give NaN: there every exp vanishes and 0/0 is left: "
            "add the row's smallest |x - p|² / (2 bandwidth²) in exp first; the weights stay the same.",
        ),
        Mistake(
            "zero-rows",
            lambda x, p, h: np.nan_to_num(sums_to_one(np.exp(_gaussian(x, p, h)))),
            "queries near the points are right, those far away give zeros: there every exp vanishes, "
            "which a guard against 0/0 hides. Add the row's smallest |x - p|² / (2 bandwidth²) in exp first.",
        ),
    ),
    remark=softmax_remark,
)
