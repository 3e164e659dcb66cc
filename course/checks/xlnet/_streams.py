"""From the order in which positions are predicted to the outputs of the two streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]
Pair = tuple[Array, Array]
Function = Callable[..., Pair]


def masks(order: Array) -> Pair:
    """content and query (i, i), True = may attend: each position sees what comes before it, in content itself too."""
    turn = np.argsort(order)
    return turn[:, None] >= turn, turn[:, None] > turn


def attend(q: Array, k: Array, v: Array, allowed: Array) -> Array:
    """softmax(q kᵀ / √d) v over the keys that are allowed; zeros where none is."""
    return _weights(q, k, allowed) @ v


def _weights(q: Array, k: Array, allowed: Array, axis: int = -1) -> Array:
    scores = q @ k.T / np.sqrt(q.shape[-1])
    powers = np.where(allowed, np.exp(scores - scores.max()), 0.0)
    total = powers.sum(axis, keepdims=True)
    return np.asarray(powers / np.where(total, total, 1.0))


def streams(q_h: Array, q_g: Array, k: Array, v: Array, order: Array) -> Pair:
    """content and query: the two streams over one set of keys and values."""
    content, query = masks(order)
    return attend(q_h, k, v, content), attend(q_g, k, v, query)


def _with(made: Callable[[Array], Pair]) -> Function:
    """The streams under other masks."""

    def answer(q_h: Array, q_g: Array, k: Array, v: Array, order: Array) -> Pair:
        content, query = made(order)
        return attend(q_h, k, v, content.astype(bool)), attend(q_g, k, v, query.astype(bool))

    return answer


def _weighted(change: Callable[[Array, Array, Array], Array]) -> Function:
    """The streams with weights made from queries, keys and a mask in another way."""

    def answer(q_h: Array, q_g: Array, k: Array, v: Array, order: Array) -> Pair:
        content, query = masks(order)
        return change(q_h, k, content) @ v, change(q_g, k, query) @ v

    return answer


def _turned_around(order: Array) -> Pair:
    content, query = masks(order)
    return content.T, query.T


def _rows_by_turn(order: Array) -> Pair:
    content, query = masks(order)
    return content[order], query[order]


def _columns_by_turn(order: Array) -> Pair:
    content, query = masks(order)
    return content[:, order], query[:, order]


def _hidden(order: Array) -> Pair:
    content, query = masks(order)
    return ~content, ~query


def _last_only(order: Array) -> Pair:
    turn = np.argsort(order)
    just_before = turn[:, None] == turn + 1
    return just_before | np.eye(len(order), dtype=bool), just_before


def _empty_rows(value: Callable[[int], Array]) -> Function:
    """The streams with something else than zeros for whom nothing is allowed: its rows of (i, i)."""

    def change(q: Array, k: Array, allowed: Array) -> Array:
        return np.where(allowed.any(-1, keepdims=True), _weights(q, k, allowed), value(len(q)))

    return _weighted(change)


def _everything(q: Array) -> Array:
    return np.ones((len(q), len(q)), dtype=bool)


def _inputs(seed: int, d: int, e: int, order: list[int]) -> dict[str, Array]:
    shapes = {"q_h": d, "q_g": d, "k": d, "v": e}
    arrays = {name: numbers(seed + n, len(order), width) for n, (name, width) in enumerate(shapes.items())}
    return {**arrays, "order": np.array(order)}


TWO_STREAMS = Exercise(
    returns=("content", "query"),
    right=streams,
    trials=(
        Trial("an order of five", _inputs(531, 3, 2, [2, 4, 0, 1, 3])),
        Trial("from left to right", _inputs(541, 5, 2, [0, 1, 2])),
        Trial("an order of seven", _inputs(551, 2, 3, [5, 1, 6, 2, 0, 3, 4])),
    ),
    mistakes=(
        Mistake(
            "order-as-turns",
            _with(lambda order: (order[:, None] >= order, order[:, None] > order)),
            "you compare the entries of order: order[t] is the position whose turn is t. What you need is the turn of "
            "each position, the inverse: np.argsort(order).",
        ),
        Mistake(
            "both-without-itself",
            _with(lambda order: (masks(order)[1],) * 2),
            "in content, a position does not see itself: then later ones would find nothing of its token there.",
        ),
        Mistake(
            "both-with-itself",
            _with(lambda order: (masks(order)[0],) * 2),
            "in query, a position sees itself: it would be predicted from its own token.",
        ),
        Mistake(
            "exchanged",
            lambda *inputs: streams(*inputs)[::-1],
            "the two streams, or their masks, are exchanged: content first, then query.",
            also=(_with(lambda order: masks(order)[::-1]),),
        ),
        Mistake(
            "turned-around",
            _with(_turned_around),
            "each position sees what comes after it: rows are queries, columns are keys, and a key is allowed if its "
            "turn is earlier than the query's.",
        ),
        Mistake("hidden", _with(_hidden), "what is allowed and what is hidden are exchanged."),
        Mistake(
            "by-turn",
            _with(lambda order: (np.tri(len(order)), np.tri(len(order), k=-1))),
            "the masks are causal whatever the order is: rows and columns stand by position, for the tokens stay "
            "where they are.",
        ),
        Mistake("rows-by-turn", _with(_rows_by_turn), "the rows of the masks stand by turn: row i is position i."),
        Mistake(
            "columns-by-turn",
            _with(_columns_by_turn),
            "the columns of the masks stand by turn: column j is position j.",
        ),
        Mistake(
            "last-only",
            _with(_last_only),
            "each position sees only the one just before it in the order: it may see all that come before.",
        ),
        Mistake(
            "first-spread-evenly",
            _empty_rows(lambda n: np.full((n, n), 1.0 / n)),
            "the first of the order may see nothing, and a large negative number in place of -inf made its weights "
            "equal, on its own token too: give it zeros.",
        ),
        Mistake(
            "first-sees-itself",
            _empty_rows(lambda n: np.eye(n)),
            "the first of the order looks at its own token, which it is to predict: give it zeros.",
        ),
        Mistake(
            "masked-after-softmax",
            _weighted(lambda q, k, allowed: _weights(q, k, _everything(q)) * allowed),
            "the weights are set to zero after the softmax, so they do not sum to 1: mask the scores.",
        ),
        Mistake(
            "over-queries",
            _weighted(lambda q, k, allowed: _weights(q, k, allowed, axis=0)),
            "the softmax runs over the queries: over the keys, axis -1.",
        ),
        Mistake(
            "one-query",
            lambda q_h, q_g, k, v, order: streams(q_h, q_h, k, v, order),
            "the query stream asks with the content stream's queries, which are made from the token itself: it has "
            "its own, q_g.",
        ),
        Mistake(
            "queries-exchanged",
            lambda q_h, q_g, k, v, order: streams(q_g, q_h, k, v, order),
            "the queries are exchanged: q_h is the content stream's, q_g the query stream's.",
        ),
        Mistake(
            "no-scale",
            _weighted(lambda q, k, allowed: _weights(q * np.sqrt(q.shape[-1]), k, allowed)),
            "the factor 1 / √d is missing.",
        ),
        Mistake(
            "no-softmax",
            _weighted(lambda q, k, allowed: np.where(allowed, q @ k.T / np.sqrt(q.shape[-1]), 0.0)),
            "the values are summed with the scores: a softmax over the keys is missing.",
        ),
    ),
)
