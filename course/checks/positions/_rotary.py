"""Rotary positions, with neighbouring channels as pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers
from course.checks.positions._sinusoidal import pair_angles, woven

Array = NDArray[Any]


def _turned(x: Array, angles: Array, cos: Any = np.cos, sin: Any = np.sin) -> Array:
    """Pairs (2c, 2c + 1) of x (i, d) turned by angles (i, d/2)."""
    a, b = x[:, 0::2], x[:, 1::2]
    return woven(a * cos(angles) - b * sin(angles), a * sin(angles) + b * cos(angles))


def _right(x: Array, positions: Array) -> Array:
    return _turned(x, pair_angles(positions, x.shape[1]))


def _with_angles(angles: Callable[[Array, int], Array]) -> Callable[[Array, Array], Array]:
    """The right rotation by other angles: a function of the positions and d."""
    return lambda x, positions: _turned(x, angles(positions, x.shape[1]))


def _halves(x: Array, positions: Array) -> Array:
    angles = pair_angles(positions, x.shape[1])
    a, b = np.split(x, 2, axis=1)
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)], axis=1)


def _mixed_pairing(x: Array, positions: Array) -> Array:
    """The partner taken from the other half, the angles laid out for neighbours."""
    angles = np.repeat(pair_angles(positions, x.shape[1]), 2, axis=1)
    a, b = np.split(x, 2, axis=1)
    return x * np.cos(angles) + np.concatenate([-b, a], axis=1) * np.sin(angles)


def _mixed_angles(x: Array, positions: Array) -> Array:
    """The partner is the neighbour, the angles laid out for halves."""
    angles = np.tile(pair_angles(positions, x.shape[1]), 2)
    return x * np.cos(angles) + woven(-x[:, 1::2], x[:, 0::2]) * np.sin(angles)


def _unwoven(x: Array, positions: Array) -> Array:
    turned = _right(x, positions)
    return np.concatenate([turned[:, 0::2], turned[:, 1::2]], axis=1)


def _half_turned(x: Array, positions: Array) -> Array:
    n = x.shape[1] // 4 * 2
    return np.concatenate([_right(x, positions)[:, :n], x[:, n:]], axis=1)


def _with_signs(first: float, second: float) -> Callable[[Array, Array], Array]:
    """The sines with other signs than -1 in the first channel of a pair and 1 in the second."""

    def answer(x: Array, positions: Array) -> Array:
        angles = pair_angles(positions, x.shape[1])
        a, b = x[:, 0::2], x[:, 1::2]
        return woven(a * np.cos(angles) + first * b * np.sin(angles), second * a * np.sin(angles) + b * np.cos(angles))

    return answer


def _in_place(x: Array, positions: Array) -> Array:
    """The second channel of a pair computed from the first after that was overwritten."""
    angles = pair_angles(positions, x.shape[1])
    a, b = x[:, 0::2], x[:, 1::2]
    turned = a * np.cos(angles) - b * np.sin(angles)
    return woven(turned, turned * np.sin(angles) + b * np.cos(angles))


def _remark(inputs: Any, outputs: Any) -> str:
    before, after = (np.hypot(rows[:, 0::2], rows[:, 1::2]) for rows in (inputs["x"], outputs["rotated"]))
    kept = "keep" if np.allclose(before, after, atol=1e-4) else "do not keep"
    return f"The pairs of neighbours {kept} their lengths, which a rotation keeps."


ROTARY = Exercise(
    returns=("rotated",),
    right=_right,
    trials=(
        Trial("positions 0, 1, 2 …", {"x": numbers(81, 5, 6), "positions": np.arange(5)}),
        Trial("positions that begin later", {"x": numbers(82, 3, 10), "positions": np.arange(7, 10)}),
    ),
    mistakes=(
        Mistake(
            "halves",
            _halves,
            "channel c is paired with c + d/2, as in Llama: here 2c is paired with 2c + 1, as in the paper. "
            "Both work, but weights trained with one fail with the other.",
        ),
        Mistake(
            "mixed-pairing",
            _mixed_pairing,
            "the partner comes from the other half while the angles are laid out for neighbours: "
            "use one pairing for both.",
        ),
        Mistake(
            "mixed-angles",
            _mixed_angles,
            "the partner is the neighbour while the angles are laid out for halves: repeat each angle for both "
            "channels of its pair, np.repeat(angles, 2, axis=1).",
        ),
        Mistake(
            "unwoven",
            _unwoven,
            "the pairs are turned rightly but come out as two halves: weave them together again, 2c and 2c + 1.",
        ),
        Mistake(
            "sign",
            _with_angles(lambda p, d: -pair_angles(p, d)),
            "it turns the wrong way round: a pair (a, b) becomes (a cos - b sin, a sin + b cos).",
        ),
        Mistake(
            "without-minus",
            _with_signs(1.0, 1.0),
            "the minus sign is missing, so lengths change: the first of a pair is a cos - b sin.",
        ),
        Mistake(
            "two-minuses",
            _with_signs(-1.0, -1.0),
            "both channels of a pair have a minus sign, so lengths change: the second is a sin + b cos.",
        ),
        Mistake(
            "in-place",
            _in_place,
            "the second channel of a pair is made from the first after that was changed: keep a copy of x.",
        ),
        Mistake(
            "sin-cos-swapped",
            lambda x, p: _turned(x, pair_angles(p, x.shape[1]), cos=np.sin, sin=np.cos),
            "sin and cos are swapped: position 0 turns by nothing, so its row is x itself.",
        ),
        Mistake(
            "one-angle",
            _with_angles(lambda p, d: np.tile(p[:, None] * 1.0, (1, d // 2))),
            "all pairs turn by the same angle: pair c turns by position / 10000^(2c / d).",
        ),
        Mistake(
            "half-turned",
            _half_turned,
            "only the first half of the channels is turned: all pairs are.",
        ),
        Mistake(
            "exponent-doubled",
            _with_angles(lambda p, d: pair_angles(p, d, power=4.0)),
            "the exponent is twice too large: if your index already steps by two, it is 2c itself.",
        ),
        Mistake(
            "exponent-halved",
            _with_angles(lambda p, d: pair_angles(p, d, power=1.0)),
            "the exponent is half of what it should be: pair c has 2c / d, d the number of channels, not of pairs.",
        ),
        Mistake(
            "positions-ignored",
            _with_angles(lambda p, d: pair_angles(np.arange(len(p)), d)),
            "the rows are counted from 0: use the positions that you are given.",
        ),
        Mistake(
            "from-one",
            _with_angles(lambda p, d: pair_angles(p + 1, d)),
            "every position is one too far: position 0 turns by nothing.",
        ),
        Mistake(
            "added",
            lambda x, p: x + _turned(np.tile([0.0, 1.0], (len(x), x.shape[1] // 2)), -pair_angles(p, x.shape[1])),
            "sinusoidal positions are added: rotary positions turn x, and add nothing.",
        ),
        Mistake(
            "scaled-only",
            lambda x, p: x * np.repeat(np.cos(pair_angles(p, x.shape[1])), 2, axis=1),
            "every channel is multiplied by its cosine alone: the partner times the sine is missing.",
        ),
        Mistake(
            "degrees",
            _with_angles(lambda p, d: np.deg2rad(pair_angles(p, d))),
            "the angles are converted from degrees: they are radians as they stand.",
        ),
    ),
    remark=_remark,
)
