"""What the decoder reads while it learns to write the targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial

Array = NDArray[Any]


def _column(targets: Array, token: int) -> Array:
    return np.full((len(targets), 1), float(token))


def _joined(*parts: Array) -> Array:
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1)


def _right(targets: Array, start_id: int) -> Array:
    return _joined(_column(targets, start_id), targets[:, :-1])


def _down(targets: Array, start_id: int) -> Array:
    return np.asarray(np.concatenate([np.full((1, targets.shape[1]), float(start_id)), targets[:-1]]))


def _as_one_row(targets: Array, start_id: int) -> Array:
    moved = np.roll(targets, 1).astype(np.float64)
    moved[0, 0] = start_id
    return np.asarray(moved)


def _ids(seed: int, batch: int, length: int) -> Array:
    """Odd ids, so large that float16 cannot hold them."""
    return 20001 + 2 * np.random.default_rng(seed).integers(0, 5000, (batch, length))


SHIFT_RIGHT = Exercise(
    returns=("inputs",),
    right=_right,
    trials=(
        Trial("2 targets of 5 tokens", {"targets": _ids(21, 2, 5), "start_id": 30001}, single_rtol=1e-6),
        Trial("more targets than tokens", {"targets": _ids(22, 7, 3), "start_id": 0}, single_rtol=1e-6),
    ),
    mistakes=(
        Mistake(
            "not-shifted",
            lambda targets, start_id: targets.astype(np.float64),
            "these are the targets themselves: at each place the decoder reads the very token it should write, and "
            "learns to copy it.",
        ),
        Mistake(
            "left",
            lambda targets, start_id: _joined(targets[:, 1:], _column(targets, start_id)),
            "the targets move to the left: at each place the decoder reads the token after the one it should write.",
        ),
        Mistake(
            "around",
            lambda targets, start_id: np.roll(targets, 1, axis=1).astype(np.float64),
            "the last target comes round to the front: the first token is start_id, and the last target is dropped.",
        ),
        Mistake(
            "first-replaced",
            lambda targets, start_id: _joined(_column(targets, start_id), targets[:, 1:]),
            "the first target is replaced and the others stay where they were: all of them move by one.",
        ),
        Mistake(
            "one-too-long",
            lambda targets, start_id: _joined(_column(targets, start_id), targets),
            "the last target is still there, so there is one token too many: nothing comes after it that it could help "
            "to write.",
        ),
        Mistake(
            "no-start",
            lambda targets, start_id: targets[:, :-1].astype(np.float64),
            "the start token is missing: without it there is nothing to write the first target from.",
        ),
        Mistake(
            "start-is-0",
            lambda targets, start_id: _right(targets, 0),
            "the first token is 0, and start_id was another.",
        ),
        Mistake(
            "along-the-batch",
            _down,
            "the sequences are moved, along axis 0: the tokens of each move, along axis 1.",
        ),
        Mistake(
            "as-one-row",
            _as_one_row,
            "the batch is moved as one long row, so a sequence begins with the last token of the one before it: "
            "name the axis.",
        ),
        Mistake(
            "by-two",
            lambda targets, start_id: _joined(*[_column(targets, start_id)] * 2, targets[:, :-2]),
            "the targets move by two: by one.",
        ),
    ),
)
