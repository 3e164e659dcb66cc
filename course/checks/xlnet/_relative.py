"""Scores by lag: put in place, and added to those by content."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]


def _fine(seed: int, *shape: int) -> Array:
    """Normal numbers in steps of 2^-14, which float32 holds and float16 does not."""
    return np.round(16384.0 * np.random.default_rng(seed).standard_normal(shape)) / 16384.0


def shift(by_lag: Array) -> Array:
    """(i, 2i - 1) -> (i, i): query i and key j meet at the lag i - j, which column i - j + n - 1 holds."""
    n = np.arange(len(by_lag))
    return np.asarray(by_lag[n[:, None], n[:, None] - n + len(n) - 1])


def _at(column: Any, row: Any = lambda i, j: i) -> Any:
    """The entries [row, column] that functions of i, j and n name, columns beyond the last taken from the first."""

    def answer(by_lag: Array) -> Array:
        i, j = np.indices((len(by_lag), len(by_lag)))
        return np.asarray(by_lag[row(i, j), column(i, j, len(by_lag)) % by_lag.shape[1]])

    return answer


RELATIVE_SHIFT = Exercise(
    returns=("scores",),
    right=shift,
    trials=(
        Trial("seven tokens", {"by_lag": _fine(501, 7, 13)}),
        Trial("three tokens", {"by_lag": _fine(502, 3, 5)}),
    ),
    mistakes=(
        Mistake(
            "sign",
            _at(lambda i, j, n: j - i + n - 1),
            "earlier and later keys are exchanged: the lag is query minus key, i - j.",
        ),
        Mistake(
            "not-shifted",
            _at(lambda i, j, n: j),
            "these are the first columns as they are: each query is one place further on, so its row has to move.",
        ),
        Mistake(
            "middle-columns",
            _at(lambda i, j, n: j + n - 1),
            "these are the last columns as they are: each query is one place further on, so its row has to move.",
        ),
        Mistake(
            "reversed-not-shifted",
            _at(lambda i, j, n: n - 1 - j),
            "every row gives the lags of query 0: query i is i places further on.",
            also=(_at(lambda i, j, n: -1 - j),),
        ),
        Mistake(
            "not-reversed",
            _at(lambda i, j, n: i + j),
            "the rows move, but along a row the lag grows with the key: i - j falls as j grows.",
        ),
        Mistake(
            "one-too-far",
            _at(lambda i, j, n: i - j + n),
            "the lags are one too large: a query and its own key have the lag 0, which column n - 1 holds.",
        ),
        Mistake(
            "one-too-near",
            _at(lambda i, j, n: i - j + n - 2),
            "the lags are one too small: a query and its own key have the lag 0, which column n - 1 holds.",
        ),
        Mistake(
            "from-the-front",
            _at(lambda i, j, n: i - j),
            "column 0 is taken for lag 0, and negative lags count from the end: column 0 is the lag 1 - n.",
        ),
        Mistake(
            "distance",
            _at(lambda i, j, n: abs(i - j) + n - 1),
            "keys on both sides get the score of the same lag: i - j has a sign.",
        ),
        Mistake(
            "row-of-key",
            _at(lambda i, j, n: i - j + n - 1, row=lambda i, j: j),
            "the row is that of the key: the score belongs to the query's row.",
        ),
        Mistake(
            "transposed",
            lambda by_lag: shift(by_lag).T,
            "rows and columns are exchanged: rows are queries.",
        ),
        Mistake(
            "causal",
            lambda by_lag: np.tril(shift(by_lag)),
            "keys after the query get 0: here queries look both ways.",
        ),
    ),
)


def scores(q: Array, k: Array, r: Array, u: Array, v: Array) -> Array:
    """((q + u)·k + (q + v)·r) / √d."""
    return np.asarray(((q + u) @ k.T + shift((q + v) @ r.T)) / np.sqrt(q.shape[-1]))


def _scores(content: Any, position: Any, scale: Any = lambda d: d**-0.5) -> Any:
    """From what stands in for (q + u)·k, (i, j), and for (q + v)·r, (i, 2i - 1)."""

    def answer(q: Array, k: Array, r: Array, u: Array, v: Array) -> Array:
        return np.asarray((content(q, k, u, v) + shift(position(q, r, u, v))) * scale(q.shape[-1]))

    return answer


def _content(q: Array, k: Array, u: Array, v: Array) -> Array:
    return (q + u) @ k.T


def _position(q: Array, r: Array, u: Array, v: Array) -> Array:
    return (q + v) @ r.T


def _softmax(x: Array) -> Array:
    weights = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def _split(q: Array, r: Array, u: Array, v: Array) -> Array:
    """Without its scale, in place, and with the content's."""
    return (q + v) @ r.T * np.sqrt(q.shape[-1])


def _inputs(seed: int, n: int, d: int) -> dict[str, Array]:
    shapes = {"q": (n, d), "k": (n, d), "r": (2 * n - 1, d), "u": (d,), "v": (d,)}
    return {name: numbers(seed + k, *shape) for k, (name, shape) in enumerate(shapes.items())}


RELATIVE_SCORES = Exercise(
    returns=("scores",),
    right=scores,
    trials=(Trial("seven tokens", _inputs(510, 7, 5)), Trial("three tokens", _inputs(520, 3, 2))),
    mistakes=(
        Mistake(
            "not-shifted",
            lambda q, k, r, u, v: ((q + u) @ k.T + ((q + v) @ r.T)[:, : len(k)]) / np.sqrt(q.shape[-1]),
            "(q + v)·r holds a column for each lag: put each into its place first, as the shift does.",
            also=(lambda q, k, r, u, v: ((q + u) @ k.T + ((q + v) @ r.T)[:, len(k) - 1 :]) / np.sqrt(q.shape[-1]),),
        ),
        Mistake(
            "sign",
            lambda q, k, r, u, v: ((q + u) @ k.T + shift((q + v) @ r[::-1].T)) / np.sqrt(q.shape[-1]),
            "earlier and later keys are exchanged in the position term: the lag is query minus key.",
        ),
        Mistake("no-scale", _scores(_content, _position, lambda d: 1.0), "the factor 1 / √d is missing."),
        Mistake(
            "divided-by-d",
            _scores(_content, _position, lambda d: 1.0 / d),
            "the scores are divided by d: divide by its square root.",
        ),
        Mistake(
            "position-not-scaled",
            _scores(_content, _split),
            "1 / √d scales the content term alone: it belongs to the whole sum.",
        ),
        Mistake(
            "content-not-scaled",
            _scores(lambda q, k, u, v: (q + u) @ k.T * np.sqrt(q.shape[-1]), _position),
            "1 / √d scales the position term alone: it belongs to the whole sum.",
        ),
        Mistake(
            "u-v-exchanged",
            _scores(lambda q, k, u, v: (q + v) @ k.T, lambda q, r, u, v: (q + u) @ r.T),
            "u and v are exchanged: u goes with the keys, v with the lags.",
        ),
        Mistake(
            "u-for-both",
            _scores(_content, lambda q, r, u, v: (q + u) @ r.T),
            "u is added in both terms: the position term has v.",
        ),
        Mistake(
            "no-biases",
            _scores(lambda q, k, u, v: q @ k.T, lambda q, r, u, v: q @ r.T),
            "u and v are missing.",
        ),
        Mistake("no-u", _scores(lambda q, k, u, v: q @ k.T, _position), "u is missing from the content term."),
        Mistake("no-v", _scores(_content, lambda q, r, u, v: q @ r.T), "v is missing from the position term."),
        Mistake(
            "u-to-the-key",
            _scores(lambda q, k, u, v: q @ (k + u).T, lambda q, r, u, v: q @ (r + v).T),
            "u and v are added to the keys: q·u is the same for all keys of a query, and the softmax cancels it. Add "
            "them to the query.",
        ),
        Mistake(
            "biases-alone",
            _scores(lambda q, k, u, v: q @ k.T, lambda q, r, u, v: np.tile(r @ v, (len(q), 1))),
            "the queries' own part of the position term is missing, and u: both terms have the query in them.",
        ),
        Mistake("content-alone", _scores(_content, lambda q, r, u, v: 0 * q @ r.T), "the position term is missing."),
        Mistake("position-alone", _scores(lambda q, k, u, v: 0.0, _position), "the content term is missing."),
        Mistake(
            "weights",
            lambda q, k, r, u, v: _softmax(scores(q, k, r, u, v)),
            "these are the weights: return what comes before the softmax.",
        ),
    ),
)
