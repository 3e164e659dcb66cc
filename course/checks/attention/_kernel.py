"""Kernel regression: attention whose scores are distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.attention._softmax import (
    global_shift,
    guarded,
    mean_shift,
    smallest_shift,
    softmax_remark,
    sums_to_one,
)
from course.checks.diagnosis import Exercise, Mistake, Trial
from course.checks.inputs import LARGE_RTOL, numbers
from mha import reference

Array = NDArray[Any]


def _squared_distances(x: Array, points: Array) -> Array:
    return np.asarray(((x[:, None, :] - points) ** 2).sum(-1))  # (i, 1, d) (j, d) -> (i, j)


def _kernel(exponent: Any) -> Any:
    """Kernel weights with another exponent: a function of x, points and the bandwidth."""
    return lambda x, points, bandwidth: reference.softmax(exponent(x, points, bandwidth))


def _weighed(weigh: Any) -> Any:
    """The right exponents, weighed by weigh(exponents) instead of the softmax."""
    return lambda x, points, bandwidth: weigh(_gaussian(x, points, bandwidth))


def _gaussian(x: Array, points: Array, bandwidth: float) -> Array:
    return -_squared_distances(x, points) / (2.0 * bandwidth**2)


def _far_points() -> Array:
    """(11, 3), five of which lie so far behind the others that shifting by a mean or a smallest exponent overflows."""
    return numbers(64, 11, 3) - np.where(np.arange(11) < 5, 24.0, 0.0)[:, None] * np.array([1.0, 0.0, 0.0])


def _far_queries() -> Array:
    """(5, 3), far from all points and not all equally far."""
    return numbers(63, 5, 3) + np.array([[56.0], [40.0], [48.0], [56.0], [40.0]]) * np.array([1.0, 0.0, 0.0])


def _dot(weigh: Any) -> Any:
    """Kernel weights with the exponent weigh(x·p, |p|², bandwidth)."""
    return _kernel(lambda x, p, h: weigh(x @ p.T, (p**2).sum(-1), h))


def _root_d(x: Array) -> float:
    return float(np.sqrt(x.shape[1]))


KERNEL_WEIGHTS = Exercise(
    returns=("weights",),
    right=_kernel(_gaussian),
    trials=(
        Trial("queries among the points", {"x": numbers(61, 3, 5), "points": numbers(62, 7, 5), "bandwidth": 1.5}),
        Trial(
            "queries far from all points",
            {"x": _far_queries(), "points": _far_points(), "bandwidth": 0.75},
            LARGE_RTOL,
        ),
    ),
    mistakes=(
        Mistake(
            "distance-not-squared",
            _kernel(lambda x, p, h: -np.sqrt(_squared_distances(x, p)) / (2 * h**2)),
            "the distance is not squared: |x - p|² goes into exp.",
            also=(
                _kernel(lambda x, p, h: -np.sqrt(_squared_distances(x, p)) / h),
                _kernel(lambda x, p, h: -np.sqrt(_squared_distances(x, p)) / (2 * h)),
                _kernel(lambda x, p, h: -np.sqrt(_squared_distances(x, p)) / h**2),
                _kernel(lambda x, p, h: -np.sqrt(_squared_distances(x, p))),
            ),
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
            also=(_kernel(lambda x, p, h: -_squared_distances(x, p) / h),),
        ),
        Mistake(
            "two-squared",
            _kernel(lambda x, p, h: -_squared_distances(x, p) / (2 * h) ** 2),
            "the exponent comes out at half its size: |x - p|² is divided by 2 * bandwidth**2, "
            "not by (2 * bandwidth)**2.",
        ),
        Mistake(
            "times-bandwidth",
            _kernel(lambda x, p, h: -_squared_distances(x, p) / 2 * h**2),
            "the bandwidth multiplies, it should divide: / 2 * bandwidth**2 divides by 2 alone; "
            "write / (2 * bandwidth**2).",
            also=tuple(
                _kernel(lambda x, p, h, factor=factor, power=power: -_squared_distances(x, p) * factor * h**power)
                for factor, power in ((0.5, 1), (1, 1), (2, 1), (1, 2), (2, 2))
            ),
        ),
        Mistake(
            "bandwidth-ignored",
            _kernel(lambda x, p, h: -_squared_distances(x, p) / 2),
            "the bandwidth has no effect: inside exp, divide |x - p|² by 2 · bandwidth².",
            also=(_kernel(lambda x, p, h: -_squared_distances(x, p)),),
        ),
        Mistake(
            "not-normalised",
            lambda x, p, h: np.exp(_gaussian(x, p, h)),
            "these are the kernel's values: divide each row by its sum.",
            also=(
                lambda x, p, h: np.exp(_gaussian(x, p, h)) / len(p),
                lambda x, p, h: np.exp(_gaussian(x, p, h)) / (h * np.sqrt(2 * np.pi)),
                lambda x, p, h: np.exp(_gaussian(x, p, h)) / (h * np.sqrt(2 * np.pi)) ** x.shape[1],
            ),
        ),
        Mistake(
            "shifted-not-normalised",
            _weighed(lambda e: np.exp(e - e.max(-1, keepdims=True))),
            "the largest weight of each row is 1, so that its sum is more: divide the exponentials by their sum.",
        ),
        Mistake(
            "whole-array",
            lambda x, p, h: sums_to_one(np.exp(_gaussian(x, p, h)), axis=None),
            "all weights together sum to 1, each row should: divide each row by its own sum (axis=-1, keepdims=True).",
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
            "the exponent is divided by d, the number of coordinates: the squared differences are added up, "
            "not averaged.",
        ),
        Mistake(
            "root-d",
            _kernel(lambda x, p, h: _gaussian(x, p, h) / _root_d(x)),
            "a stray √d scales the exponent: the kernel has none, the bandwidth takes its place.",
            also=(_kernel(lambda x, p, h: _gaussian(x, p, h) * _root_d(x)),),
        ),
        Mistake(
            "over-points",
            _kernel(lambda x, p, h: -((x[:, None] - p) ** 2).sum(1) / (2 * h**2)),
            "the squared differences are summed over the points: sum them over the coordinates, the last axis.",
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
            _dot(lambda dot, size, h: dot / (2 * h**2)),
            "the scores are dot products: the kernel takes squared distances. Expand the square: -|x - p|² / 2 is "
            "x·p - |p|² / 2, less a term that is the same for all points.",
            also=(
                _dot(lambda dot, size, h: dot),
                _dot(lambda dot, size, h: dot / h),
                _dot(lambda dot, size, h: dot / h**2),
                _kernel(lambda x, p, h: x @ p.T / _root_d(x)),
                _kernel(lambda x, p, h: x @ p.T / (_root_d(x) * h**2)),
                _kernel(lambda x, p, h: x @ p.T / (_root_d(x) * 2 * h**2)),
            ),
        ),
        Mistake(
            "dot-product-bias",
            _dot(lambda dot, size, h: (dot - size) / (2 * h**2)),
            "x·p and |p|² are in the wrong proportion: -|x - p|² / 2 is x·p - |p|² / 2, "
            "less a term that is the same for all points.",
            also=(
                _dot(lambda dot, size, h: (dot - size) / h**2),
                _dot(lambda dot, size, h: (2 * dot - size / 2) / (2 * h**2)),
                _dot(lambda dot, size, h: dot - size),
            ),
        ),
        Mistake(
            "dot-product-sign",
            _dot(lambda dot, size, h: (-2 * dot - size) / (2 * h**2)),
            "a sign is wrong in the expanded square: |x - p|² is |x|² - 2 x·p + |p|².",
            also=(_dot(lambda dot, size, h: (2 * dot + size) / (2 * h**2)),),
        ),
        Mistake(
            "transposed",
            lambda x, p, h: reference.softmax(_gaussian(x, p, h)).T,
            "the weights are transposed: a row for each query, a column for each point.",
        ),
        Mistake(
            "underflows",
            lambda x, p, h: sums_to_one(np.exp(_gaussian(x, p, h))),
            "queries near the points are right, those far away give NaN: there every exp vanishes and 0/0 is left. "
            "Subtract each row's largest exponent before exp; the weights stay the same.",
        ),
        Mistake(
            "zero-rows",
            lambda x, p, h: np.nan_to_num(sums_to_one(np.exp(_gaussian(x, p, h)))),
            "queries near the points are right, those far away give zeros: there every exp vanishes, "
            "which a guard against 0/0 hides. Subtract each row's largest exponent before exp.",
        ),
        Mistake(
            "global-shift",
            _weighed(global_shift),
            "a query much farther off than another gives 0/0: you subtract the largest of all exponents; "
            "subtract each row's own (axis=-1, keepdims=True).",
            also=(_weighed(lambda e: guarded(np.exp(e - e.max()))),),
        ),
        Mistake(
            "wrong-shift",
            _weighed(mean_shift),
            "the mean or the smallest of a row's exponents is subtracted, and exp of the largest overflows: "
            "subtract each row's largest exponent before exp.",
            also=(_weighed(smallest_shift),),
        ),
    ),
    remark=softmax_remark,
)
