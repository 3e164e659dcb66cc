"""Checks for the chapter on XLNet: both streams of attention, scores by content and lag, masks with tokens given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import LARGE_RTOL, numbers
from course.checks.numeric import Numbers
from course.checks.shared import ATTENTION, MASK, SCALE, largest, total

__all__ = ["EXERCISES", "partial_masks", "relative_scores", "seen", "two_streams"]

Array = NDArray[Any]

# ---- two streams


def _two_streams(q_h: Array, q_g: Array, k: Array, v: Array, order: Array) -> tuple[Array, Array]:
    """Each position attends to what comes earlier in the order, in the content stream to itself too."""
    turn = np.argsort(order)
    content_sees = turn[:, None] >= turn
    query_sees = turn[:, None] > turn
    allowed = np.stack([content_sees, query_sees])
    q = np.stack([q_h, q_g])
    scores = q @ k.T / np.sqrt(q.shape[-1])
    scores = np.where(allowed, scores, -np.inf)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    content, query = out
    return content, query


def _inputs(seed: int, d: int, e: int, order: list[int]) -> dict[str, Array]:
    shapes = {"q_h": d, "q_g": d, "k": d, "v": e}
    arrays = {name: numbers(seed + n, len(order), width) for n, (name, width) in enumerate(shapes.items())}
    return {**arrays, "order": np.array(order)}


def _far(inputs: dict[str, Array]) -> dict[str, Array]:
    """The same with scores near -1200, 0 and 1200, and with larger ones for the last of the order, which is hidden."""
    far, last = {**inputs, **{name: inputs[name].copy() for name in ("q_h", "q_g", "k")}}, inputs["order"][-1]
    for name in ("q_h", "q_g"):
        far[name][:, -1] = np.resize([1024.0, 0.0, -1024.0], len(far[name]))
    far["k"][:, -1] = np.where(np.arange(len(far["k"])) == last, 6.0, 2.0)
    return far


def _rows(inputs: Mapping[str, Any]) -> dict[str, Array]:
    first = np.zeros(inputs["v"].shape, dtype=bool)
    first[inputs["order"][0]] = True
    return {"the first of the order": first, "all but the first of the order": ~first}


_MASKED = "np.where(allowed, scores, -np.inf)"
_ALLOWED = "np.stack([content_sees, query_sees])"
_BOTH = "content, query = out"
_FIRST_AT_0 = "content, query = out; query[0] = 0.0"
_BARE_SUM = "total -> total.__wrapped__"
_UP_TO, _BEFORE = "turn[:, None] >= turn", "turn[:, None] > turn"

two_streams = Exercise(
    _two_streams,
    "q_h (i, d), q_g (i, d), k (i, d), v (i, e), order (i) -> content (i, e), query (i, e)",
    trials=(
        Trial("an order of five", _inputs(531, 3, 2, [2, 4, 0, 1, 3])),
        Trial("from left to right", _inputs(541, 5, 2, [0, 1, 2])),
        Trial("an order of seven", _inputs(551, 2, 3, [5, 1, 6, 2, 0, 3, 4])),
        Trial("large scores", _far(_inputs(561, 3, 2, [4, 1, 0, 3, 2])), LARGE_RTOL),
    ),
    parts=_rows,
    shared=(*MASK, *ATTENTION),
    mistakes=(
        Mistake(
            "order-as-turns",
            "np.argsort(order) -> order",
            "you compare the entries of order: order[t] is the position whose turn is t. What you need is the turn of "
            "each position, the inverse: np.argsort(order).",
        ),
        Mistake(
            "both-without-itself",
            f"{_UP_TO} -> {_BEFORE}",
            "in content, a position does not see itself: then later ones would find nothing of its token there.",
        ),
        Mistake(
            "both-with-itself",
            f"{_BEFORE} -> {_UP_TO}",
            "in query, a position sees itself: it would be predicted from its own token.",
        ),
        Mistake(
            "exchanged",
            "return content, query -> return query, content",
            "the two outputs have changed places: return content first, then query.",
        ),
        Mistake(
            "masks-exchanged",
            (f"{_UP_TO} -> {_BEFORE}", f"{_BEFORE} -> {_UP_TO}"),
            "the masks are exchanged: a position sees itself in content, not in query.",
        ),
        Mistake(
            "turned-around",
            (f"{_UP_TO} -> turn[:, None] <= turn", f"{_BEFORE} -> turn[:, None] < turn"),
            "each position sees what comes after it: rows are queries, columns are keys, and a key is allowed if its "
            "turn is earlier than the query's.",
        ),
        Mistake(
            "left-to-right",
            "np.argsort(order) -> np.arange(len(order))",
            "the masks are causal whatever the order is: rows and columns stand by position, for the tokens stay "
            "where they are.",
        ),
        Mistake(
            "rows-by-turn",
            f"{_ALLOWED} -> {_ALLOWED}[:, order]",
            "the rows of the masks stand by turn: row i is position i.",
        ),
        Mistake(
            "columns-by-turn",
            f"{_ALLOWED} -> {_ALLOWED}[:, :, order]",
            "the columns of the masks stand by turn: column j is position j.",
        ),
        Mistake(
            "outputs-by-turn",
            f"{_BOTH} -> content, query = out[:, order]",
            "the rows of the outputs stand by turn: row i belongs to position i, so put each back to its position.",
            also=(f"{_BOTH} -> content, query = out[:, turn]",),
        ),
        Mistake(
            "last-only",
            (
                f"{_UP_TO} -> (turn[:, None] == turn + 1) | (turn[:, None] == turn)",
                f"{_BEFORE} -> turn[:, None] == turn + 1",
            ),
            "each position sees only the one just before it in the order: it may see all that come before.",
        ),
        Mistake(
            "all-but-itself",
            f"{_BEFORE} -> turn[:, None] != turn",
            "in query, each position sees all others: it may see those alone that come earlier in the order.",
        ),
        Mistake(
            "unmasked-row",
            f"{_MASKED} -> np.where(allowed | ~allowed.any(-1, keepdims=True), scores, -np.inf)",
            "in query, the first of the order attends as if nothing were hidden: it may see nothing, so give it zeros.",
        ),
        Mistake(
            "uniform-row",
            f"{_MASKED} -> np.where(allowed, scores, -1e9)",
            "the first of the order may see nothing, and a large negative number in place of -inf makes its weights "
            "equal, on its own token too: give it zeros.",
            also=(f"{_MASKED} -> np.where(allowed.any(-1, keepdims=True), {_MASKED}, 0.0)",),
        ),
        Mistake(
            "nan-row",
            _BARE_SUM,
            "the first of the order is NaN in query, from 0/0: it may see nothing, so give it zeros.",
            also=((_BARE_SUM, "largest -> largest.__wrapped__"), "largest -> largest.__wrapped__"),
        ),
        Mistake(
            "position-0-cleared",
            (f"{_MASKED} -> np.where(allowed, scores, -1e9)", f"{_BOTH} -> {_FIRST_AT_0}"),
            "in query, position 0 gets the zeros: they belong to the first of the order, position order[0].",
            also=((_BARE_SUM, f"{_BOTH} -> {_FIRST_AT_0}"), f"{_BOTH} -> {_FIRST_AT_0}"),
        ),
        Mistake(
            "first-sees-itself",
            f"{_ALLOWED} -> {_ALLOWED}; allowed[1, order[0], order[0]] = True",
            "in query, the first of the order looks at its own token, which it is to predict: give it zeros.",
        ),
        Mistake(
            "one-query",
            "[q_h, q_g] -> [q_h, q_h]",
            "the query stream asks with the content stream's queries, which are made from the token itself: it has "
            "its own, q_g.",
        ),
        Mistake(
            "one-query-g",
            "[q_h, q_g] -> [q_g, q_g]",
            "the content stream asks with the query stream's queries: it has its own, q_h.",
        ),
        Mistake(
            "queries-exchanged",
            "[q_h, q_g] -> [q_g, q_h]",
            "the queries are exchanged: q_h is the content stream's, q_g the query stream's.",
        ),
        Mistake(
            "own-keys-in-query",
            "q @ k.T -> q @ np.stack([k, q_g]).swapaxes(-1, -2)",
            "queries stand where keys belong: keys and values come from the content stream, k and v, in both streams.",
            also=(
                "q @ k.T -> q @ np.stack([k, q_h]).swapaxes(-1, -2)",
                "q @ k.T -> q @ np.stack([q_h, q_g]).swapaxes(-1, -2)",
            ),
        ),
        Mistake(
            "content-sees-all",
            f"{_UP_TO} -> np.ones((len(turn), len(turn)), dtype=bool)",
            "in content, each position sees all others: it may see itself and those that come earlier in the order.",
        ),
        Mistake(
            "query-sees-all",
            f"{_BEFORE} -> np.ones((len(turn), len(turn)), dtype=bool)",
            "in query, each position sees all, itself too: it may see those alone that come earlier in the order.",
        ),
        Mistake(
            "content-left-to-right",
            f"{_UP_TO} -> np.tri(len(turn), dtype=bool)",
            "in one stream the order has no effect, and the mask is causal: both masks go by the turns.",
            also=(f"{_BEFORE} -> np.tri(len(turn), k=-1, dtype=bool)",),
        ),
        Mistake(
            "as-one-array", "return content, query -> return out", "both come as one array: return content, query."
        ),
        Mistake(
            "content-twice",
            "return content, query -> return content, content",
            "query is the same as content: it has queries of its own, q_g, and does not see itself.",
        ),
        Mistake(
            "query-twice",
            "return content, query -> return query, query",
            "content is the same as query: it has queries of its own, q_h, and sees itself too.",
        ),
    ),
)

# ---- scores by content and lag


def shift(by_lag: Array) -> Array:
    """(i, 2i - 1) -> (i, i): query i and key j meet at the lag i - j, which column i - j + n - 1 holds."""
    n = len(by_lag)
    return at(by_lag, lags(n) + n - 1)


def lags(n: int) -> Array:
    """(i, i): query less key."""
    return np.arange(n)[:, None] - np.arange(n)


def at(by_lag: Array, columns: Array) -> Array:
    """Of each row the entries in the given columns."""
    return by_lag[np.arange(len(by_lag))[:, None], columns]


def _softmax(x: Array) -> Array:
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def _relative_scores(q: Array, k: Array, r: Array, u: Array, v: Array) -> Array:
    """((q + u)·k + (q + v)·r) / √d, each lag in its place."""
    scores = ((q + u) @ k.T + shift((q + v) @ r.T)) / np.sqrt(q.shape[-1])
    return scores


def _pairs(seed: int, n: int, d: int) -> dict[str, Array]:
    shapes = {"q": (n, d), "k": (n, d), "r": (2 * n - 1, d), "u": (d,), "v": (d,)}
    return {name: numbers(seed + k, *shape) for k, (name, shape) in enumerate(shapes.items())}


def _shifted(what: str) -> str:
    """An edit that puts something else for the shift of x."""
    return f"shift -> (lambda x: {what})"


_ROOT = "np.sqrt(q.shape[-1])"
relative_scores = Exercise(
    _relative_scores,
    "q (i, d), k (i, d), r (2i-1, d), u (d), v (d) -> scores (i, i)",
    trials=(
        Trial("seven tokens", _pairs(510, 7, 5)),
        Trial("three tokens", _pairs(520, 3, 2)),
        Trial("two tokens", _pairs(530, 2, 7)),
    ),
    shared=SCALE,
    mistakes=(
        Mistake(
            "not-shifted",
            "+ shift -> +",
            "(q + v)·r is (i, 2i - 1), a column for each lag, and does not fit (i, i): take for query i and key j the "
            "column i - j + n - 1.",
        ),
        Mistake(
            "first-columns",
            _shifted("x[:, : len(x)]"),
            "columns of (q + v)·r are taken as they stand: each row must move, query i and key j meet in column "
            "i - j + n - 1.",
            also=(_shifted("x[:, len(x) - 1 :]"), _shifted("x[:, len(x) - 1 :: -1]")),
        ),
        Mistake(
            "sign",
            _shifted("shift(x[:, ::-1])"),
            "earlier and later keys are exchanged in the position term: the lag is query minus key.",
        ),
        Mistake(
            "offset-missing",
            _shifted("at(x, lags(len(x)))"),
            "row 0 of r is taken for lag 0, and negative lags count from the end: row 0 is the lag 1 - n, so add "
            "n - 1 to i - j.",
        ),
        Mistake(
            "one-too-far",
            _shifted("at(x, lags(len(x)) + len(x))"),
            "the lags are one too large, and the last does not exist: lag 0 is row n - 1 of r.",
            also=(_shifted("at(x, (lags(len(x)) + len(x)) % x.shape[1])"),),
        ),
        Mistake(
            "one-too-near",
            _shifted("at(x, lags(len(x)) + len(x) - 2)"),
            "the lags are one too small: lag 0 is row n - 1 of r.",
        ),
        Mistake(
            "not-reversed",
            _shifted("at(x, np.add.outer(np.arange(len(x)), np.arange(len(x))))"),
            "the rows move, but along a row the lag grows with the key: i - j falls as j grows.",
        ),
        Mistake(
            "distance",
            _shifted("at(x, np.abs(lags(len(x))) + len(x) - 1)"),
            "keys on both sides get the score of the same lag: i - j has a sign.",
        ),
        Mistake(
            "row-of-key",
            _shifted("shift(x[:, ::-1]).T"),
            "the position term takes the query of row j: it belongs to query i.",
        ),
        Mistake(
            "transposed",
            _shifted("shift(x).T"),
            "the position term is transposed: rows are queries.",
        ),
        Mistake(
            "causal",
            _shifted("np.tril(shift(x))"),
            "keys after the query have no position term: queries look both ways.",
        ),
        Mistake(
            "position-not-scaled",
            f"+ shift -> + {_ROOT} * shift",
            "1 / √d scales the content term alone: it belongs to the whole sum.",
        ),
        Mistake(
            "content-not-scaled",
            f"((q + u) -> ({_ROOT} * (q + u)",
            "1 / √d scales the position term alone: it belongs to the whole sum.",
        ),
        Mistake(
            "u-v-exchanged",
            ("q + u -> q + v", "q + v -> q + u"),
            "u and v are exchanged: u goes with the keys, v with the lags.",
        ),
        Mistake("u-for-both", "q + v -> q + u", "u is added in both terms: the position term has v."),
        Mistake("v-for-both", "q + u -> q + v", "v is added in both terms: the content term has u."),
        Mistake("no-biases", ("q + u -> q", "q + v -> q"), "u and v are missing: each is added to the query."),
        Mistake("no-u", "q + u -> q", "u is missing from the content term."),
        Mistake("no-v", "q + v -> q", "v is missing from the position term."),
        Mistake(
            "biases-to-the-keys",
            ("(q + u) @ k.T -> q @ (k + u).T", "(q + v) @ r.T -> q @ (r + v).T"),
            "u and v are added to keys and lags: q·u is the same for all keys of a query, and the softmax cancels it. "
            "Add them to the query.",
        ),
        Mistake(
            "u-to-the-keys",
            "(q + u) @ k.T -> q @ (k + u).T",
            "u is added to the keys: q·u is the same for all of them, and the softmax cancels it. Add it to the query.",
        ),
        Mistake(
            "v-to-the-lags",
            "(q + v) @ r.T -> q @ (r + v).T",
            "v is added to the lags: q·v is the same for all of them, and the softmax cancels it. Add it to the query.",
        ),
        Mistake(
            "v-alone",
            "(q + v) @ r.T -> np.tile(r @ v, (len(q), 1))",
            "the queries' own part of the position term is missing: both terms have the query in them.",
        ),
        Mistake(
            "u-alone",
            "(q + u) @ k.T -> np.tile(k @ u, (len(q), 1))",
            "the queries' own part of the content term is missing: both terms have the query in them.",
        ),
        Mistake(
            "keys-meet-lags",
            "q + v -> k + v",
            "the keys meet the lags: in both terms it is the query that is multiplied.",
            also=("q + v -> k",),
        ),
        Mistake("content-alone", "+ shift -> + 0 * shift", "the position term is missing."),
        Mistake("position-alone", "((q + u) -> (0 * (q + u)", "the content term is missing."),
        Mistake("subtracted", "+ shift -> - shift", "the position term is subtracted: add it."),
        Mistake("multiplied", "+ shift -> * shift", "the two terms are multiplied: add them."),
        Mistake(
            "keys-not-transposed",
            "@ k.T -> @ k",
            "the keys are not transposed: (q + u) is (i, d), and k.T is (d, i).",
        ),
        Mistake(
            "lags-not-transposed",
            "@ r.T -> @ r",
            "the lags are not transposed: (q + v) is (i, d), and r.T is (d, 2i - 1).",
        ),
        Mistake(
            "weights",
            "return scores -> return _softmax(scores)",
            "these are the weights: return what comes before the softmax.",
        ),
        Mistake(
            "columns-of-all-queries",
            _shifted("x[:, lags(len(x)) + len(x) - 1]"),
            "each query takes the columns of every query, (i, i, i): give its row too, "
            "x[np.arange(n)[:, None], i - j + n - 1].",
        ),
        Mistake(
            "rows-by-lag",
            _shifted("x[lags(len(x)) + len(x) - 1]"),
            "the lag picks rows, which are queries: it picks columns, x[np.arange(n)[:, None], i - j + n - 1].",
            also=(_shifted("x[lags(len(x))]"),),
        ),
        Mistake(
            "sign-and-offset",
            _shifted("at(x, -lags(len(x)))"),
            "for query i and key j you take column j - i, negative ones from the end: it is column i - j + n - 1.",
        ),
        Mistake(
            "both-in-both",
            ("q + u -> q + u + v", "q + v -> q + u + v"),
            "u and v are added in both terms: u goes with the keys, v with the lags.",
        ),
        Mistake(
            "scores-transposed",
            "return scores -> return scores.T",
            "the scores are transposed: a row for each query, a column for each key.",
        ),
        Mistake(
            "terms-exchanged",
            ("q + u -> k + u", "@ k.T -> @ q.T"),
            "in the content term queries and keys are exchanged: it is (q + u)·k, a row for each query.",
        ),
        Mistake(
            "causal-scores",
            "return scores -> return np.where(np.tri(len(q), dtype=bool), scores, -np.inf)",
            "keys after the query are masked: both sides have scores here.",
            also=("return scores -> return np.tril(scores)",),
        ),
        Mistake(
            "v-with-the-keys",
            ("q + u -> q + u + v", "q + v -> q"),
            "v is multiplied by the keys: u goes with the keys, v with the lags.",
            also=(("q + u -> q", "q + v -> q + u + v"),),
        ),
        Mistake(
            "one-lag-for-all",
            _shifted("np.tile(x[:, [len(x) - 1]], (1, len(x)))"),
            "all keys get the score of one lag: query i and key j take that of the lag i - j.",
        ),
    ),
)

# ---- masks with some tokens given


def _partial_masks(order: Array, n_context: int) -> tuple[Array, Array]:
    """The given tokens share one turn before all others; query rows of theirs are empty."""
    turn = np.argsort(order)
    rank = np.maximum(turn - n_context, -1)
    content = rank[:, None] >= rank
    query = rank[:, None] > rank
    return content, query


def _who_looks_at_whom(inputs: Mapping[str, Any]) -> dict[str, Array]:
    turn = np.argsort(inputs["order"])
    row, column = turn[:, None], turn[None]
    given, given_key = row < inputs["n_context"], column < inputs["n_context"]
    return {
        "given tokens that look at themselves": given & (row == column),
        "given tokens that look at one another": given & given_key & (row != column),
        "given tokens that look at predicted ones": given & ~given_key,
        "predicted tokens that look at given ones": ~given & given_key,
        "predicted tokens that look at themselves": ~given & (row == column),
        "predicted tokens that look at those predicted before them": ~given & ~given_key & (row > column),
        "predicted tokens that look at those predicted after them": ~given & ~given_key & (row < column),
    }


_RANK = "np.maximum(turn - n_context, -1)"
_CONTENT, _QUERY = "content = rank[:, None] >= rank", "query = rank[:, None] > rank"
_GIVEN = "(rank < 0)"
partial_masks = Exercise(
    _partial_masks,
    "order (i), n_context -> content (i, i), query (i, i)",
    trials=(
        Trial("three of seven given", {"order": np.array([5, 1, 6, 2, 0, 3, 4]), "n_context": 3}),
        Trial("two of five given", {"order": np.array([2, 4, 0, 1, 3]), "n_context": 2}),
        Trial("one of thirteen given", {"order": np.array([8, 1, 12, 6, 10, 2, 0, 11, 3, 9, 4, 7, 5]), "n_context": 1}),
        Trial("nothing given", {"order": np.array([1, 2, 0]), "n_context": 0}),
        Trial("all but two given", {"order": np.array([9, 3, 10, 0, 7, 1, 4, 8, 5, 2, 6]), "n_context": 9}),
    ),
    parts=_who_looks_at_whom,
    mistakes=(
        Mistake(
            "order-as-turns",
            "np.argsort(order) -> order",
            "you compare the entries of order: order[t] is the position whose turn is t. What you need is the turn of "
            "each position, the inverse: np.argsort(order).",
        ),
        Mistake(
            "left-to-right",
            "np.argsort(order) -> np.arange(len(order))",
            "the masks do not depend on the order: rows and columns stand by position, and what counts is each one's "
            "turn, np.argsort(order).",
        ),
        Mistake(
            "context-ignored",
            f"{_RANK} -> turn",
            "n_context has no effect: the first n_context of the order see one another, whatever their turns.",
        ),
        Mistake(
            "context-by-position",
            f"{_RANK} -> np.where(np.arange(len(order)) < n_context, -1, turn)",
            "the first positions of the text are taken as given: it is the first n_context of the order.",
            also=(
                (
                    f"{_CONTENT} -> head = np.arange(len(order)) < n_context; "
                    "content = (turn[:, None] >= turn) | (head[:, None] & head)",
                    f"{_QUERY} -> query = (turn[:, None] > turn) & ~head[:, None]",
                ),
                f"{_RANK} -> np.where(np.arange(len(order)) < n_context, 0, turn)",
                f"{_RANK} -> np.where(np.arange(len(order)) < n_context, 0, turn + 1)",
            ),
        ),
        Mistake(
            "context-last",
            f"{_RANK} -> np.where(turn >= len(order) - n_context, -1, turn)",
            "the last of the order are taken as given: it is the first n_context of it.",
        ),
        Mistake(
            "one-given-too-many",
            "turn - n_context -> turn - n_context - 1",
            "one token too many is given, or shares their turn: turns count from 0, so given are those below "
            "n_context.",
        ),
        Mistake(
            "one-given-too-few",
            "turn - n_context -> turn - n_context + 1",
            "one token too few is given: turns count from 0, so given are those below n_context.",
        ),
        Mistake(
            "content-context-in-turn",
            f"{_CONTENT} -> content = turn[:, None] >= turn",
            "in content, the given tokens still see one another by turns: each sees all of them.",
        ),
        Mistake(
            "query-context-in-turn",
            f"{_QUERY} -> query = turn[:, None] > turn",
            "in query, given tokens see one another: they are not predicted, so their rows of query are all False.",
            also=(
                f"{_QUERY} -> query = (rank[:, None] > rank) | ({_GIVEN}[:, None] & {_GIVEN})",
                f"{_QUERY} -> query = content & (turn[:, None] != turn)",
            ),
        ),
        Mistake(
            "content-without-itself",
            f"{_CONTENT} -> content = (rank[:, None] >= rank) & (turn[:, None] != turn)",
            "in content, a position does not see itself: then later ones would find nothing of its token there.",
            also=(f"{_CONTENT} -> content = rank[:, None] > rank",),
        ),
        Mistake(
            "predicted-without-itself",
            f"{_CONTENT} -> content = (rank[:, None] > rank) | ({_GIVEN}[:, None] & {_GIVEN})",
            "in content, a predicted token does not see itself: set the diagonal to True.",
        ),
        Mistake(
            "given-see-themselves-alone",
            f"{_CONTENT} -> content = (rank[:, None] > rank) | (turn[:, None] == turn)",
            "in content, a given token sees itself alone: the given tokens all see one another.",
        ),
        Mistake(
            "query-with-itself",
            f"{_QUERY} -> query = rank[:, None] >= rank",
            "in query, a position sees itself: it would be predicted from its own token.",
            also=(f"{_QUERY} -> query = (rank[:, None] > rank) | (turn[:, None] == turn)",),
        ),
        Mistake(
            "predicted-apart",
            (
                f"{_CONTENT} -> content = {_GIVEN} | (turn[:, None] == turn)",
                f"{_QUERY} -> query = {_GIVEN} & ~{_GIVEN}[:, None]",
            ),
            "a predicted token sees the given ones alone, as in BERT: it also sees those predicted before it.",
            also=(
                f"{_QUERY} -> query = {_GIVEN} & ~{_GIVEN}[:, None]",
                f"{_CONTENT} -> content = {_GIVEN} | (turn[:, None] == turn)",
            ),
        ),
        Mistake(
            "given-unseen",
            f"{_QUERY} -> query = (rank[:, None] > rank) & ~{_GIVEN}",
            "the predicted tokens do not see the given ones: those come before all others.",
        ),
        Mistake(
            "given-see-all",
            f"{_CONTENT} -> content = (rank[:, None] >= rank) | {_GIVEN}[:, None]",
            "in content, the given tokens see what is to be predicted, and would carry it on: they see one another "
            "alone.",
        ),
        Mistake(
            "given-see-nothing",
            f"{_CONTENT} -> content = (rank[:, None] >= rank) & ~{_GIVEN}[:, None]",
            "in content, the rows of the given tokens are empty: they see one another.",
        ),
        Mistake(
            "turned-around",
            (f"{_CONTENT} -> content = rank[:, None] <= rank", f"{_QUERY} -> query = rank[:, None] < rank"),
            "each position sees what comes after it: rows are queries, columns are keys, and a key is allowed if its "
            "turn is earlier.",
        ),
        Mistake(
            "hidden",
            "return content, query -> return ~content, ~query",
            "what is allowed and what is hidden are exchanged: True means that a query may attend to a key.",
        ),
        Mistake(
            "exchanged",
            "return content, query -> return query, content",
            "the two masks have changed places: return content first, then query.",
        ),
        Mistake(
            "rows-by-turn",
            "return content, query -> return content[order], query[order]",
            "the rows of the masks stand by turn: row i is position i.",
        ),
        Mistake(
            "predicted-rows-alone",
            "return content, query -> return content[order[n_context:]], query[order[n_context:]]",
            "these are rows of the predicted tokens alone: a mask has a row for each position, (i, i).",
            also=(
                "return content, query -> return content, query[order[n_context:]]",
                "return content, query -> return content[n_context:], query[n_context:]",
            ),
        ),
        Mistake(
            "content-alone",
            "return content, query -> return content",
            "you return content alone: return (content, query).",
        ),
        Mistake(
            "turn-1-shared",
            f"{_RANK} -> np.where(turn < n_context, 1, turn)",
            "a given token and a predicted one can share a turn: give all that are given one turn below every other, "
            "such as -1.",
        ),
        Mistake(
            "given-in-every-row",
            f"{_QUERY} -> query = np.tile(rank < 0, (len(order), 1))",
            "in query, every row sees the given tokens alone: a predicted one also sees those predicted before it, and "
            "rows of given ones are all False.",
        ),
        Mistake(
            "content-all-true",
            f"{_CONTENT} -> content = np.ones((len(order), len(order)), dtype=bool)",
            "content is True everywhere: nobody sees what is predicted after it.",
        ),
        Mistake(
            "columns-by-turn",
            "return content, query -> return content[:, order], query[:, order]",
            "the columns of the masks stand by turn: column j is position j.",
        ),
        Mistake(
            "all-see-given-alone",
            f"{_CONTENT} -> content = np.tile(rank < 0, (len(order), 1))",
            "in content, every row sees the given tokens alone: a predicted one also sees itself and those predicted "
            "before it.",
        ),
        Mistake(
            "as-one-array",
            "return content, query -> return np.stack([content, query])",
            "both come as one array: return content, query.",
        ),
        Mistake(
            "to-be-added",
            "return content, query -> return np.where(content, 0.0, -np.inf), np.where(query, 0.0, -np.inf)",
            "these are numbers to add to the scores: masks are asked for, True where a query may look.",
        ),
    ),
)

# ---- cells of the masks

_N, _M = 20, 3
seen = Numbers(
    "seen",
    right={
        "true_cells": _N * (_N - 1) // 2,
        "bert_sees": _M * (_N - _M),
        "xlnet_sees": _M * (_N - _M) + _M * (_M - 1) // 2,
    },
    mistakes={
        "true_cells": {
            _N * (_N + 1) // 2: "that is the content mask: in the query mask no position sees itself.",
            _N**2 // 2: "the diagonal is not shared out: of two different positions one comes first, and no position "
            "sees itself.",
            _N * (_N - 1): "of any two positions exactly one sees the other: half of that.",
            _N**2: "that is every cell: a position sees only what comes earlier.",
            _N - 1: "that is what the last of the order sees: add up what all of them see.",
        },
        "bert_sees": {
            _M * (_N - 1): "the other masked positions hold no real token: leave them out.",
            _M * _N: "the masked positions hold no real token: leave them out.",
            _N - _M: "that is what one masked position sees: add up all three.",
            _N * (_N - _M): "only the masked positions count: three of them.",
        },
        "xlnet_sees": {
            _M * (_N - _M): "each predicted token also sees those predicted before it.",
            _M * (_N - _M) + _M * (_M + 1) // 2: "a predicted token does not see itself.",
            _M * (_N - _M) + _M * (_M - 1): "of two predicted tokens only the later sees the earlier.",
            _M * _N: "of the predicted tokens each sees only those that come before it.",
            _M * (_M - 1) // 2: "that is what they see of one another: the given tokens come on top.",
        },
    },
)

EXERCISES = listed(two_streams, relative_scores, partial_masks)
