"""Checks for the chapter on the encoder block: layer norm, the feed-forward net, a pre-norm block from its parts."""

from __future__ import annotations

from course.checks.blocks._block import PRE_NORM_BLOCK
from course.checks.blocks._feed_forward import FEED_FORWARD
from course.checks.blocks._norm import LAYER_NORM
from course.checks.former import Feedback, examine

__all__ = ["EXERCISES", "feed_forward", "layer_norm", "pre_norm_block"]

EXERCISES = {"layer_norm": LAYER_NORM, "feed_forward": FEED_FORWARD, "pre_norm_block": PRE_NORM_BLOCK}


def layer_norm(fn: object) -> Feedback:
    """Check fn(x (b, i, m), gain (m,), shift (m,), eps) -> (b, i, m), each token normalised over its channels."""
    return examine(fn, EXERCISES["layer_norm"])


def feed_forward(fn: object) -> Feedback:
    """Check fn(x (b, i, m), w_up (m, f), b_up (f,), w_down (f, m), b_down (m,)) -> (b, i, m), with a ReLU between."""
    return examine(fn, EXERCISES["feed_forward"])


def pre_norm_block(fn: object) -> Feedback:
    """Check fn(x, attn, attn_norm, ffn, ffn_norm) -> out: x + attn(attn_norm(x)), then the same with the other two."""
    return examine(fn, EXERCISES["pre_norm_block"])
