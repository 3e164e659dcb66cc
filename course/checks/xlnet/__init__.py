"""Checks for the chapter on XLNet: both streams of attention, scores by lag put in place, the whole score."""

from __future__ import annotations

from course.checks.former import Feedback, examine
from course.checks.xlnet._relative import RELATIVE_SCORES, RELATIVE_SHIFT
from course.checks.xlnet._streams import TWO_STREAMS

__all__ = ["EXERCISES", "relative_scores", "relative_shift", "two_streams"]

EXERCISES = {
    "two_streams": TWO_STREAMS,
    "relative_shift": RELATIVE_SHIFT,
    "relative_scores": RELATIVE_SCORES,
}


def two_streams(fn: object) -> Feedback:
    """Check fn(q_h, q_g, k (i, d), v (i, e), order (i,)) -> content, query (i, e): attention to what each may see."""
    return examine(fn, EXERCISES["two_streams"])


def relative_shift(fn: object) -> Feedback:
    """Check fn(by_lag (i, 2i - 1)) -> (i, i): key j of query i gets its score for the lag i - j; column 0 is 1 - i."""
    return examine(fn, EXERCISES["relative_shift"])


def relative_scores(fn: object) -> Feedback:
    """Check fn(q (i, d), k (i, d), r (2i - 1, d), u (d,), v (d,)) -> ((q + u)·k + (q + v)·r) / √d, (i, i)."""
    return examine(fn, EXERCISES["relative_scores"])
