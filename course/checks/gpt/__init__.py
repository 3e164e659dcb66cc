"""Checks for the chapter on GPT: the loss of the next token, the nucleus, attention over a cache."""

from __future__ import annotations

from course.checks.former import Feedback, examine
from course.checks.gpt._cached import CACHED_ATTENTION
from course.checks.gpt._next_token import NEXT_TOKEN_LOSS
from course.checks.gpt._nucleus import TOP_P
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "cached_attention", "next_token_loss", "top_p"]

EXERCISES = {"next_token_loss": NEXT_TOKEN_LOSS, "top_p": TOP_P, "cached_attention": CACHED_ATTENTION}


def next_token_loss(fn: object) -> Feedback:
    """Check fn(logits (b, i, v), tokens (b, i)) -> losses (b, i - 1): a position is judged by the token behind it."""
    return examine(fn, EXERCISES["next_token_loss"])


def top_p(fn: object) -> Feedback:
    """Check fn(p (b, v), threshold) -> (b, v): the likeliest that together have the threshold, and sum to 1."""
    return examine(fn, EXERCISES["top_p"])


def cached_attention(fn: object) -> Feedback:
    """Check fn(q, k, v (i, d), cached_k, cached_v (p, d)) -> out (i, d): causal, over cached and new tokens."""
    return examine(fn, EXERCISES["cached_attention"])


_GIB = 2**30

cache_bytes = Numbers(
    "cache_bytes",
    right={"ours": 128 * 2**10, "large": 20 * _GIB, "grouped": 5 * _GIB // 2},
    mistakes={
        "ours": {
            64 * 2**10: "that is keys or values alone: the cache holds both.",
            32 * 2**10: "that counts numbers: each takes four bytes.",
            512 * 2**10: "that has a head's channels four times too often: 4 heads of 32 channels are 128 in all.",
        },
        "large": {
            10 * _GIB: "that is keys or values alone: the cache holds both.",
            40 * _GIB: "16 bits are two bytes.",
        },
        "grouped": {
            20 * _GIB: "keys and values have 8 heads here: only the queries keep their 64.",
            5 * _GIB: "16 bits are two bytes.",
            5 * _GIB // 4: "that is keys or values alone: the cache holds both.",
        },
    },
)
