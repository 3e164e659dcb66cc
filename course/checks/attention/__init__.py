"""Checks for the chapter on attention: softmax, attention, masks, contributions, kernel regression."""

from __future__ import annotations

from course.checks.attention._contribution import CONTRIBUTION
from course.checks.attention._dot_product import ATTENTION
from course.checks.attention._kernel import KERNEL_WEIGHTS
from course.checks.attention._masked import MASKED_ATTENTION
from course.checks.attention._softmax import SOFTMAX
from course.checks.diagnosis import Feedback, examine

__all__ = ["EXERCISES", "attention", "contribution", "kernel_weights", "masked_attention", "softmax"]

EXERCISES = {
    "softmax": SOFTMAX,
    "attention": ATTENTION,
    "masked_attention": MASKED_ATTENTION,
    "contribution": CONTRIBUTION,
    "kernel_weights": KERNEL_WEIGHTS,
}


def softmax(fn: object) -> Feedback:
    """Check fn(scores (..., n)) -> weights (..., n), the softmax over the last axis, safe from overflow."""
    return examine(fn, EXERCISES["softmax"])


def attention(fn: object) -> Feedback:
    """Check fn(q (i, d), k (j, d), v (j, e)) -> (out (i, e), weights (i, j)), the softmax safe from overflow."""
    return examine(fn, EXERCISES["attention"])


def masked_attention(fn: object) -> Feedback:
    """Check fn(q, k, v, attn_mask (i, j) bool, True = may attend) -> (out, weights), zeros for a row without keys."""
    return examine(fn, EXERCISES["masked_attention"])


def contribution(fn: object) -> Feedback:
    """Check fn(weights (i, j), v (j, e)) -> (i, j), the length of weights[i, j] * v[j] (Kobayashi et al. 2020)."""
    return examine(fn, EXERCISES["contribution"])


def kernel_weights(fn: object) -> Feedback:
    """Check fn(x (i, d), points (j, d), bandwidth) -> (i, j), exp(-|x - p|² / (2 bandwidth²)) over its row's sum."""
    return examine(fn, EXERCISES["kernel_weights"])
