"""Checks for the chapter on T5: spans taken out, the RMS norm, what the decoder reads, the bias on the scores."""

from __future__ import annotations

from course.checks.former import Feedback, examine
from course.checks.t5._bias import BIASED_WEIGHTS
from course.checks.t5._norm import RMS_NORM
from course.checks.t5._spans import SPLIT_AT_SPANS
from course.checks.t5._targets import SHIFT_RIGHT

__all__ = ["EXERCISES", "biased_weights", "rms_norm", "shift_right", "split_at_spans"]

EXERCISES = {
    "split_at_spans": SPLIT_AT_SPANS,
    "rms_norm": RMS_NORM,
    "shift_right": SHIFT_RIGHT,
    "biased_weights": BIASED_WEIGHTS,
}


def split_at_spans(fn: object) -> Feedback:
    """Check fn(tokens (i,), taken (i,) bool, sentinels (s,)) -> source, target; one sentinel more closes the target."""
    return examine(fn, EXERCISES["split_at_spans"])


def rms_norm(fn: object) -> Feedback:
    """Check fn(x (b, i, m), weight (m,), eps) -> out (b, i, m): each token over the root of its mean square."""
    return examine(fn, EXERCISES["rms_norm"])


def shift_right(fn: object) -> Feedback:
    """Check fn(targets (b, i), start_id) -> decoder inputs (b, i): the start token, then all targets but the last."""
    return examine(fn, EXERCISES["shift_right"])


def biased_weights(fn: object) -> Feedback:
    """Check fn(q (h, i, d), k (h, j, d), table (n, h), buckets (i, j)) -> weights (h, i, j): T5's, without a scale."""
    return examine(fn, EXERCISES["biased_weights"])
