"""Checks for the chapter on bias: the p-value of a permutation test."""

from __future__ import annotations

from course.checks.bias._permutation import P_VALUE
from course.checks.former import Feedback, examine

__all__ = ["EXERCISES", "p_value"]

EXERCISES = {"p_value": P_VALUE}


def p_value(fn: object) -> Feedback:
    """Check fn(x (n_x,), y (n_y,), orders (s, n_x + n_y)) -> p: each order shuffles x and y laid end to end."""
    return examine(fn, EXERCISES["p_value"])
