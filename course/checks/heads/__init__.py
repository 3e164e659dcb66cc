"""Checks for the chapter on multi-head attention: splitting, merging, the whole layer, its causal form."""

from __future__ import annotations

from course.checks.diagnosis import Feedback, examine
from course.checks.heads._layer import CAUSAL_MULTI_HEAD, MULTI_HEAD_ATTENTION
from course.checks.heads._reshape import MERGE_HEADS, SPLIT_HEADS

__all__ = ["EXERCISES", "causal_multi_head", "merge_heads", "multi_head_attention", "split_heads"]

EXERCISES = {
    "split_heads": SPLIT_HEADS,
    "merge_heads": MERGE_HEADS,
    "multi_head_attention": MULTI_HEAD_ATTENTION,
    "causal_multi_head": CAUSAL_MULTI_HEAD,
}


def split_heads(fn: object) -> Feedback:
    """Check fn(x (b, i, h·d), n_heads) -> (b, h, i, d): head n gets the channels n·d to (n + 1)·d."""
    return examine(fn, EXERCISES["split_heads"])


def merge_heads(fn: object) -> Feedback:
    """Check fn(x (b, h, i, d)) -> (b, i, h·d), which undoes split_heads."""
    return examine(fn, EXERCISES["merge_heads"])


def multi_head_attention(fn: object) -> Feedback:
    """Check fn(x (b, i, m), w_q, w_k, w_v (m, h·d), w_o (h·d, m), n_heads) -> out (b, i, m); weights multiply x @ w."""
    return examine(fn, EXERCISES["multi_head_attention"])


def causal_multi_head(fn: object) -> Feedback:
    """Check fn(x, w_q, w_k, w_v, w_o, n_heads) -> out, in which a query attends up to its own position only."""
    return examine(fn, EXERCISES["causal_multi_head"])
