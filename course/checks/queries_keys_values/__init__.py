"""Checks for the chapter on queries, keys and values: lookups, masks, self- and cross-attention."""

from __future__ import annotations

from course.checks.former import Feedback, examine
from course.checks.queries_keys_values._lookup import LOOKUP
from course.checks.queries_keys_values._masks import CAUSAL_WEIGHTS, PADDED_WEIGHTS
from course.checks.queries_keys_values._projections import CROSS_ATTENTION, SELF_ATTENTION

__all__ = ["EXERCISES", "causal_weights", "cross_attention", "lookup", "padded_weights", "self_attention"]

EXERCISES = {
    "lookup": LOOKUP,
    "causal_weights": CAUSAL_WEIGHTS,
    "padded_weights": PADDED_WEIGHTS,
    "self_attention": SELF_ATTENTION,
    "cross_attention": CROSS_ATTENTION,
}


def lookup(fn: object) -> Feedback:
    """Check fn(q (i, d), k (j, d), v (j, e)) -> (hard (i, e), soft (i, e)): the best key's value; the average."""
    return examine(fn, EXERCISES["lookup"])


def causal_weights(fn: object) -> Feedback:
    """Check fn(scores (i, j)) -> weights (i, j), causal, the last query level with the last key; i ≤ j."""
    return examine(fn, EXERCISES["causal_weights"])


def padded_weights(fn: object) -> Feedback:
    """Check fn(scores (b, i, j), lengths (b,)) -> weights (b, i, j), none on padding, zeros where all is padding."""
    return examine(fn, EXERCISES["padded_weights"])


def self_attention(fn: object) -> Feedback:
    """Check fn(x (i, m), w_q (m, d), w_k (m, d), w_v (m, e)) -> (out (i, e), weights (i, i))."""
    return examine(fn, EXERCISES["self_attention"])


def cross_attention(fn: object) -> Feedback:
    """Check fn(x (i, m), context (j, m), w_q (m, d), w_k (m, d), w_v (m, e)) -> (out (i, e), weights (i, j))."""
    return examine(fn, EXERCISES["cross_attention"])
