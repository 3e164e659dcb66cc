"""ALiBi's bias on the scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial

Array = NDArray[Any]


def _slopes(n_heads: int) -> Array:
    """As many slopes, falling, in steps of 2^-16 so that float32 holds them and float16 does not."""
    return np.round(65536.0 * 0.7 ** np.arange(1, n_heads + 1)) / 65536.0


def _lags(n_queries: int, n_keys: int) -> Array:
    """(i, j): query position minus key position; the last query is level with the last key."""
    return (np.arange(n_queries) + n_keys - n_queries)[:, None] - np.arange(n_keys)


def _of_lags(value: Any) -> Any:
    """(h, i, j) from the slopes (h, 1, 1) and the lags (i, j)."""
    return lambda slopes, n_queries, n_keys: value(slopes[:, None, None], _lags(n_queries, n_keys))


def _from_the_front(slopes: Array, n_queries: int, n_keys: int) -> Array:
    lags = np.arange(n_queries)[:, None] - np.arange(n_keys)
    return np.asarray(-slopes[:, None, None] * np.abs(lags))


ALIBI_BIAS = Exercise(
    returns=("bias",),
    right=_of_lags(lambda slope, lag: -slope * np.abs(lag)),
    trials=(
        Trial("as many queries as keys", {"slopes": _slopes(3), "n_queries": 5, "n_keys": 5}),
        Trial("queries at the end of the keys", {"slopes": _slopes(2), "n_queries": 3, "n_keys": 7}),
    ),
    mistakes=(
        Mistake(
            "sign",
            _of_lags(lambda slope, lag: slope * np.abs(lag)),
            "the bias is positive, so far keys gain: it is minus slope times distance.",
        ),
        Mistake(
            "signed-distance",
            _of_lags(lambda slope, lag: -slope * lag),
            "keys after the query get a positive bias: distance has no sign, take its absolute value.",
        ),
        Mistake(
            "signed-the-other-way",
            _of_lags(lambda slope, lag: slope * lag),
            "keys before the query get a positive bias: distance has no sign, take its absolute value.",
        ),
        Mistake(
            "later-keys-free",
            _of_lags(lambda slope, lag: -slope * np.maximum(lag, 0)),
            "keys after the query get no bias: here distance counts both ways; hiding them is the causal mask's work.",
        ),
        Mistake(
            "later-keys-masked",
            _of_lags(lambda slope, lag: np.where(lag < 0, -np.inf, -slope * lag)),
            "keys after the query get -inf: that is the causal mask, which is a thing of its own. Return the bias.",
        ),
        Mistake(
            "slopes-reversed",
            _of_lags(lambda slope, lag: -slope[::-1] * np.abs(lag)),
            "the heads are in reverse order: head n has slopes[n].",
        ),
        Mistake(
            "no-slopes",
            _of_lags(lambda slope, lag: -np.abs(lag) * np.ones_like(slope)),
            "the slopes are not used: every head gets minus the distance.",
        ),
        Mistake(
            "one-slope",
            _of_lags(lambda slope, lag: -slope[:1] * np.abs(lag) * np.ones_like(slope)),
            "every head has the first slope: head n has slopes[n].",
        ),
        Mistake(
            "heads-missing",
            _of_lags(lambda slope, lag: -slope[0] * np.abs(lag)),
            "this is the first head's bias: stack those of all heads along axis 0.",
        ),
        Mistake(
            "heads-summed",
            _of_lags(lambda slope, lag: (-slope * np.abs(lag)).sum(axis=0)),
            "the heads are added up: each keeps a matrix of its own, (h, i, j).",
        ),
        Mistake(
            "heads-last",
            _of_lags(lambda slope, lag: np.moveaxis(-slope * np.abs(lag), 0, -1)),
            "the heads are on the last axis: they come first, (h, i, j).",
        ),
        Mistake(
            "squared",
            _of_lags(lambda slope, lag: -slope * lag**2),
            "the distance is squared: it enters as it is.",
        ),
        Mistake(
            "divided",
            _of_lags(lambda slope, lag: -np.abs(lag) / slope),
            "the distance is divided by the slope: multiply.",
        ),
        Mistake(
            "off-by-one",
            _of_lags(lambda slope, lag: -slope * (np.abs(lag) + 1)),
            "the distances are one too large: a query is at distance 0 from its own key.",
        ),
        Mistake(
            "from-the-front",
            _from_the_front,
            "with fewer queries than keys you line up the first ones: the queries are the newest tokens, "
            "so the last query stands where the last key does.",
        ),
        Mistake(
            "exponential",
            _of_lags(lambda slope, lag: np.exp(-slope * np.abs(lag))),
            "this is exp of the bias, which the softmax will take: return the bias itself.",
        ),
    ),
)
