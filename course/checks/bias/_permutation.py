"""The one-sided p-value of a permutation test with given shuffles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]
Answer = Callable[[Array, Array, Array], Array]


def _differences(x: Array, y: Array, orders: Array) -> tuple[float, Array]:
    """Mean of the first group minus mean of the second: as observed, and for each shuffle (s,)."""
    shuffled = np.concatenate([x, y])[orders]  # (s, n)
    return float(x.mean() - y.mean()), shuffled[:, : len(x)].mean(axis=1) - shuffled[:, len(x) :].mean(axis=1)


def _from(count: Callable[[float, Array], Any], p: Callable[[Any, int], Any]) -> Answer:
    def answer(x: Array, y: Array, orders: Array) -> Array:
        return np.asarray(p(count(*_differences(x, y, orders)).sum(), len(orders)), dtype=np.float64)

    return answer


def _at_least(observed: float, differences: Array) -> Array:
    return differences >= observed


def _with_the_observed(count: Any, n: int) -> Any:
    return (count + 1) / (n + 1)


def _trial(label: str, seed: int, n_x: int, n_y: int, n_shuffles: int) -> Trial:
    x, y = numbers(seed, n_x) + 0.5, numbers(seed + 1, n_y)
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(n_x + n_y) for _ in range(n_shuffles)])
    orders[0] = np.r_[rng.permutation(n_x), n_x + rng.permutation(n_y)]  # the same groups: as far apart as observed
    return Trial(label, {"x": x, "y": y, "orders": orders})


P_VALUE = Exercise(
    returns=("p",),
    right=_from(_at_least, _with_the_observed),
    trials=(
        _trial("groups of three and seven words, thirteen shuffles", 300, 3, 7, 13),
        _trial("groups of five and two words, eleven shuffles", 307, 5, 2, 11),
    ),
    mistakes=(
        Mistake(
            "can-be-zero",
            _from(_at_least, lambda count, n: count / n),
            "the observed grouping is left out: it is one of those that chance could have drawn, so add one above and "
            "below. Without it p can be 0, and a p of 0 claims more than shuffles can show.",
        ),
        Mistake(
            "one-below-forgotten",
            _from(_at_least, lambda count, n: (count + 1) / n),
            "the observed grouping is counted above and not below: divide by s + 1.",
        ),
        Mistake(
            "strictly-larger",
            _from(lambda observed, differences: differences > observed, _with_the_observed),
            "shuffles that are exactly as far apart as what was observed count too: at least as large, >=.",
        ),
        Mistake(
            "other-side",
            _from(lambda observed, differences: differences <= observed, _with_the_observed),
            "these are the shuffles that are less far apart: count those that are at least as far.",
        ),
        Mistake(
            "two-sided",
            _from(lambda observed, differences: abs(differences) >= abs(observed), _with_the_observed),
            "differences in either direction are counted: x is expected above y, so the test is one-sided.",
        ),
        Mistake(
            "one-minus-p",
            _from(_at_least, lambda count, n: 1 - (count + 1) / (n + 1)),
            "this is 1 - p: p is the share of groupings at least as far apart as what was observed.",
        ),
    ),
)
