"""Sinusoidal positions, and the ways to get their angles wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from mha import reference

Array = NDArray[Any]
BASE = 10000.0


def pair_angles(positions: Array, d: int, power: float = 2.0, base: float = BASE) -> Array:
    """(p, d/2): position / base^(power · c / d) for pair c."""
    return np.asarray(positions)[:, None] / base ** (power * np.arange(d // 2) / d)


def woven(even: Array, odd: Array) -> Array:
    """(p, d/2) twice -> (p, d), taking turns."""
    return np.stack([even, odd], axis=-1).reshape(len(even), -1)


def _from_angles(angles: Callable[[int, int], Array]) -> Callable[[int, int], Array]:
    """A table with the right sines and cosines of other angles (p, m/2)."""
    return lambda length, d_model: woven(np.sin(angles(length, d_model)), np.cos(angles(length, d_model)))


def _right_angles(length: int, d_model: int) -> Array:
    return pair_angles(np.arange(length), d_model)


def _by_channel(power: float) -> Callable[[int, int], Array]:
    """Each channel with an exponent of its own, power · channel / m, where the two of a pair should share one."""

    def table(length: int, d_model: int) -> Array:
        angles = np.arange(length)[:, None] / BASE ** (power * np.arange(d_model) / d_model)
        return np.where(np.arange(d_model) % 2 == 0, np.sin(angles), np.cos(angles))

    return table


def _remark(inputs: Any, outputs: Any) -> str:
    table = outputs["table"]
    if np.abs(table).max() > 1.001:
        return "Sines and cosines lie between -1 and 1; your table does not."
    squares = (table**2).sum(axis=1)
    return "" if np.allclose(squares, table.shape[1] / 2, atol=1e-4) else "sin² + cos² of a pair should be 1."


SINUSOIDAL_POSITIONS = Exercise(
    returns=("table",),
    right=reference.sinusoidal_positions,
    trials=(
        Trial("seven positions", {"length": 7, "d_model": 6}),
        Trial("more channels", {"length": 13, "d_model": 22}),
    ),
    mistakes=(
        Mistake(
            "sin-cos-swapped",
            lambda n, m: woven(np.cos(_right_angles(n, m)), np.sin(_right_angles(n, m))),
            "sin and cos are swapped: sines stand in the even channels 0, 2, 4 …, so row 0 is 0, 1, 0, 1 …",
        ),
        Mistake(
            "exponent-doubled",
            _from_angles(lambda n, m: pair_angles(np.arange(n), m, power=4.0)),
            "the exponent is twice too large: if your index already steps by two (0, 2, 4 …), it is 2c itself, "
            "and the exponent is index / d_model.",
        ),
        Mistake(
            "exponent-halved",
            _from_angles(lambda n, m: pair_angles(np.arange(n), m, power=1.0)),
            "the exponent is half of what it should be: pair c has 2c / d_model.",
        ),
        Mistake(
            "concatenated",
            lambda n, m: np.concatenate([np.sin(_right_angles(n, m)), np.cos(_right_angles(n, m))], axis=1),
            "all sines come first, then all cosines: they take turns, sin in channel 2c and cos in channel 2c + 1.",
        ),
        Mistake(
            "no-sin-no-cos",
            lambda n, m: woven(_right_angles(n, m), _right_angles(n, m)),
            "these are the angles themselves, twice: sin and cos are missing, as in the article's formula.",
        ),
        Mistake(
            "by-channel",
            _by_channel(1.0),
            "every channel has an exponent of its own: channels 2c and 2c + 1 are sine and cosine of one angle, "
            "with exponent 2c / d_model.",
        ),
        Mistake(
            "by-channel-doubled",
            _by_channel(2.0),
            "2i / d_model was taken with i as the channel: i counts pairs, so channels 2i and 2i + 1 share an angle.",
        ),
        Mistake(
            "from-one",
            _from_angles(lambda n, m: pair_angles(np.arange(1, n + 1), m)),
            "positions count from 1: the first is position 0, whose row is 0, 1, 0, 1 …",
        ),
        Mistake(
            "multiplied",
            _from_angles(lambda n, m: np.arange(n)[:, None] * BASE ** (2.0 * np.arange(m // 2) / m)),
            "the position is multiplied by the power of 10000: divide by it, so that later channels turn more slowly.",
        ),
        Mistake(
            "base-e",
            _from_angles(lambda n, m: pair_angles(np.arange(n), m, base=np.e)),
            "the base is e: exp(-2c / d_model) lacks the factor log(10000) in its exponent.",
        ),
        Mistake(
            "base-1000",
            _from_angles(lambda n, m: pair_angles(np.arange(n), m, base=1000.0)),
            "the base is 1000: it should be 10000.",
        ),
        Mistake(
            "base-100000",
            _from_angles(lambda n, m: pair_angles(np.arange(n), m, base=1e5)),
            "the base is 100000: it should be 10000.",
        ),
        Mistake(
            "base-not-raised",
            _from_angles(
                lambda n, m: np.arange(n)[:, None] / (BASE * 2.0 * np.arange(m // 2) / m + (np.arange(m // 2) == 0))
            ),
            "10000 is multiplied by the exponent: it is raised to it, 10000 ** (2c / d_model).",
        ),
        Mistake(
            "one-frequency",
            _from_angles(lambda n, m: np.tile(np.arange(float(n))[:, None], (1, m // 2))),
            "all pairs turn at one speed: divide the position by 10000^(2c / d_model).",
        ),
        Mistake(
            "last-pair-at-base",
            _from_angles(lambda n, m: np.arange(n)[:, None] / BASE ** (np.arange(m // 2) / (m // 2 - 1))),
            "the last pair has exponent 1, as in some libraries: the paper's exponents 2c / d_model stay below 1.",
        ),
        Mistake(
            "degrees",
            _from_angles(lambda n, m: np.deg2rad(_right_angles(n, m))),
            "the angles are converted from degrees: they are radians as they stand.",
        ),
        Mistake(
            "sines-only",
            lambda n, m: woven(np.sin(_right_angles(n, m)), np.sin(_right_angles(n, m))),
            "the odd channels hold sines too: they hold the cosines of the same angles.",
        ),
        Mistake(
            "odd-channels-empty",
            lambda n, m: woven(np.sin(_right_angles(n, m)), 0.0 * _right_angles(n, m)),
            "the odd channels are left at 0: they hold the cosines of the same angles.",
        ),
        Mistake(
            "even-channels-empty",
            lambda n, m: woven(0.0 * _right_angles(n, m), np.cos(_right_angles(n, m))),
            "the even channels are left at 0: they hold the sines of the same angles.",
        ),
        Mistake(
            "transposed",
            lambda n, m: reference.sinusoidal_positions(n, m).T,
            "the table is transposed: a row for each position, a column for each channel.",
        ),
    ),
    remark=_remark,
)
