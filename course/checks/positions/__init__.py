"""Checks for the chapter on positions: sinusoidal positions, adding them, rotary positions, ALiBi's bias."""

from __future__ import annotations

from course.checks.former import Feedback, examine
from course.checks.positions._added import ADD_POSITIONS
from course.checks.positions._bias import ALIBI_BIAS
from course.checks.positions._rotary import ROTARY
from course.checks.positions._sinusoidal import SINUSOIDAL_POSITIONS

__all__ = ["EXERCISES", "add_positions", "alibi_bias", "rotary", "sinusoidal_positions"]

EXERCISES = {
    "sinusoidal_positions": SINUSOIDAL_POSITIONS,
    "add_positions": ADD_POSITIONS,
    "rotary": ROTARY,
    "alibi_bias": ALIBI_BIAS,
}


def sinusoidal_positions(fn: object) -> Feedback:
    """Check fn(length, d_model) -> (length, d_model), sines in the even channels, cosines in the odd ones."""
    return examine(fn, EXERCISES["sinusoidal_positions"])


def add_positions(fn: object) -> Feedback:
    """Check fn(x (b, i, m), table (max_len, m)) -> (b, i, m), token i of every sequence with row i of the table."""
    return examine(fn, EXERCISES["add_positions"])


def rotary(fn: object) -> Feedback:
    """Check fn(x (i, d), positions (i,)) -> (i, d), channels 2c and 2c + 1 turned by position / 10000^(2c/d)."""
    return examine(fn, EXERCISES["rotary"])


def alibi_bias(fn: object) -> Feedback:
    """Check fn(slopes (h,), n_queries, n_keys) -> (h, i, j), minus slope times distance; the last ones are level."""
    return examine(fn, EXERCISES["alibi_bias"])
