"""The loss of the next token, one for each position that has one behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import LARGE_RTOL, log_softmax, numbers

Array = NDArray[Any]


def _overflowing(logits: Array) -> Array:
    with np.errstate(all="ignore"):
        exponentials = np.exp(logits)
        return np.asarray(np.log(exponentials / exponentials.sum(axis=-1, keepdims=True)))


def _picked(log_p: Array, targets: Array) -> Array:
    """(b, i, v) at targets (b, i) -> (b, i)."""
    return np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def _losses(logits: Array, tokens: Array) -> Array:
    return -_picked(log_softmax(logits[:, :-1]), tokens[:, 1:])


def _tokens(seed: int, batch: int, length: int, vocab_size: int) -> Array:
    return (
        np.random.default_rng(seed).permutation(vocab_size * 10)[: batch * length].reshape(batch, length) % vocab_size
    )


def _trial(label: str, seed: int, shape: tuple[int, int, int], size: float = 1.0, rtol: float = 1e-5) -> Trial:
    tokens = _tokens(seed, shape[0], shape[1], shape[2])
    return Trial(label, {"logits": size * numbers(seed, *shape), "tokens": tokens}, rtol)


NEXT_TOKEN_LOSS = Exercise(
    returns=("losses",),
    right=_losses,
    trials=(
        _trial("two sequences of five tokens", 91, (2, 5, 7)),
        _trial("logits near 1000", 92, (3, 2, 11), 512.0, LARGE_RTOL),
    ),
    mistakes=(
        Mistake(
            "not-shifted",
            lambda logits, tokens: -_picked(log_softmax(logits), tokens),
            "each position is judged by its own token, which it can see: position n is judged by token n + 1, so the "
            "last position has no target and there is one loss fewer than tokens.",
            also=(
                lambda logits, tokens: _losses(np.roll(logits, -1, axis=1), tokens),
                lambda logits, tokens: -_picked(log_softmax(logits[:, :-1]), tokens[:, :-1]),
            ),
        ),
        Mistake(
            "shifted-backwards",
            lambda logits, tokens: -_picked(log_softmax(logits[:, 1:]), tokens[:, :-1]),
            "each position is judged by the token before it: drop the last logits and the first token, not the other "
            "way round.",
        ),
        Mistake(
            "two-ahead",
            lambda logits, tokens: -_picked(log_softmax(logits[:, :-1]), np.roll(tokens, -2, axis=1)[:, :-1]),
            "the targets are shifted twice: position n is judged by token n + 1.",
        ),
        Mistake(
            "wrapped-around",
            lambda logits, tokens: -_picked(log_softmax(logits), np.roll(tokens, -1, axis=1)),
            "the last position is judged by the first token: np.roll brings it round. Leave the last position out.",
        ),
        Mistake(
            "sign",
            lambda logits, tokens: -_losses(logits, tokens),
            "these are the log-probabilities: the loss is minus that.",
        ),
        Mistake(
            "probabilities",
            lambda logits, tokens: np.exp(-_losses(logits, tokens)),
            "these are the probabilities of the right tokens: take minus their logarithm.",
        ),
        Mistake(
            "raw-logits",
            lambda logits, tokens: -_picked(logits[:, :-1], tokens[:, 1:]),
            "these are minus the logits: subtract from each logit the logarithm of the sum of all exponentials first.",
        ),
        Mistake(
            "wrong-axis",
            lambda logits, tokens: -_picked(log_softmax(logits[:, :-1], axis=1), tokens[:, 1:]),
            "the softmax runs over the positions: it runs over the vocabulary, the last axis.",
        ),
        Mistake(
            "bits",
            lambda logits, tokens: _losses(logits, tokens) / np.log(2),
            "this is in bits: take the natural logarithm.",
        ),
        Mistake(
            "mean",
            lambda logits, tokens: _losses(logits, tokens).mean(),
            "this is the mean of the losses: return them all, (b, i - 1).",
        ),
        Mistake(
            "sum-over-positions",
            lambda logits, tokens: _losses(logits, tokens).sum(1),
            "the losses of a sequence are added up: return one for each position, (b, i - 1).",
        ),
        Mistake(
            "mean-over-positions",
            lambda logits, tokens: _losses(logits, tokens).mean(1),
            "the losses of a sequence are averaged: return one for each position, (b, i - 1).",
        ),
        Mistake(
            "last-only",
            lambda logits, tokens: _losses(logits, tokens)[:, -1:],
            "only the last position is judged: every position but the last has a target, and teaches.",
        ),
        Mistake(
            "flattened",
            lambda logits, tokens: _losses(logits, tokens).ravel(),
            "the losses are one long row: give them the shape (b, i - 1).",
        ),
        Mistake(
            "overflow",
            lambda logits, tokens: -_picked(_overflowing(logits[:, :-1]), tokens[:, 1:]),
            "e to the power of a logit near 1000 is infinite: subtract the row's largest logit first, and take the "
            "logarithm of the sum rather than of each probability.",
        ),
    ),
)
