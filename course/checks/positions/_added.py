"""Adding positions to a batch of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]


def _table(seed: int, max_len: int, d_model: int) -> Array:
    """Normal numbers in steps of 2^-16: their sums with the embeddings are exact in float32 and not in float16."""
    return np.round(65536.0 * np.random.default_rng(seed).standard_normal((max_len, d_model))) / 65536.0


def _plus(rows: Any) -> Any:
    """x plus rows(x, table), which broadcasts to x."""
    return lambda x, table: x + rows(x, table)


ADD_POSITIONS = Exercise(
    returns=("out",),
    right=_plus(lambda x, table: table[: x.shape[1]]),  # (b, i, m) + (i, m)
    trials=(
        Trial("2 sequences of 5 tokens", {"x": numbers(71, 2, 5, 3), "table": _table(72, 11, 3)}),
        Trial("more sequences than tokens", {"x": numbers(73, 3, 2, 5), "table": _table(74, 7, 5)}),
    ),
    mistakes=(
        Mistake(
            "indexed-by-batch",
            _plus(lambda x, table: table[: len(x), None]),  # (b, 1, m)
            "every token of a sequence gets the same vector, that of the sequence's place in the batch: axis 0 of x "
            "is the batch, and positions run along axis 1.",
        ),
        Mistake(
            "replaced",
            lambda x, table: np.broadcast_to(table[: x.shape[1]], x.shape),
            "the embeddings are gone: positions are added to them.",
        ),
        Mistake(
            "not-added",
            lambda x, table: x,
            "this is x itself: nothing was added.",
        ),
        Mistake(
            "first-for-all",
            _plus(lambda x, table: table[0]),
            "every token gets position 0: token i gets row i.",
        ),
        Mistake(
            "from-one",
            _plus(lambda x, table: table[1 : x.shape[1] + 1]),
            "positions count from 1: the first token gets row 0.",
        ),
        Mistake(
            "last-rows",
            _plus(lambda x, table: table[-x.shape[1] :]),
            "the last rows of the table are taken: tokens begin at row 0.",
        ),
        Mistake(
            "reversed",
            _plus(lambda x, table: table[: x.shape[1]][::-1]),
            "the rows are in reverse order: token i gets row i.",
        ),
        Mistake(
            "running-count",
            _plus(lambda x, table: table[: x.shape[0] * x.shape[1]].reshape(x.shape)),
            "the count runs on from one sequence to the next: every sequence begins at row 0.",
        ),
        Mistake(
            "index-added",
            _plus(lambda x, table: np.arange(x.shape[1])[:, None]),
            "the number of the position is added to every channel: add its row of the table.",
        ),
        Mistake(
            "one-number-a-position",
            _plus(lambda x, table: table[: x.shape[1], :1]),
            "all channels of a token get one number, the row's first: add the whole row.",
        ),
        Mistake(
            "multiplied",
            lambda x, table: x * table[: x.shape[1]],
            "embeddings and positions are multiplied: add them.",
        ),
        Mistake(
            "subtracted",
            lambda x, table: x - table[: x.shape[1]],
            "the positions are subtracted: add them.",
        ),
        Mistake(
            "embeddings-scaled",
            lambda x, table: x * np.sqrt(x.shape[2]) + table[: x.shape[1]],
            "x is multiplied by √d_model, as the first transformer does to its embeddings: here x stays as it is.",
        ),
        Mistake(
            "averaged",
            lambda x, table: (x + table[: x.shape[1]]) / 2,
            "this is the mean of embedding and position: take the sum.",
        ),
    ),
)
