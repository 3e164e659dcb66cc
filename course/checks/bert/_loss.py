"""The loss of masked-token prediction: one number, from the chosen tokens alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import LARGE_RTOL, log_softmax, numbers

Array = NDArray[Any]


def _overflowing(logits: Array) -> Array:
    exponentials = np.exp(logits)
    return np.asarray(np.log(exponentials / exponentials.sum(axis=-1, keepdims=True)))


def _losses(logits: Array, token_ids: Array, log_p: Any = log_softmax) -> Array:
    """(b, i): minus the log probability of the token at each position."""
    return -np.take_along_axis(log_p(logits), token_ids[..., None], axis=-1)[..., 0]


def _right(logits: Array, token_ids: Array, predicted: Array) -> Array:
    return np.asarray(_losses(logits, token_ids)[predicted].mean())


def _of_sequences(logits: Array, token_ids: Array, predicted: Array) -> Array:
    losses = np.where(predicted, _losses(logits, token_ids), 0.0)
    return np.asarray((losses.sum(axis=1) / predicted.sum(axis=1)).mean())


def _next_token(logits: Array, token_ids: Array, predicted: Array) -> Array:
    return np.asarray(_losses(logits[:, :-1], token_ids[:, 1:])[predicted[:, 1:]].mean())


def _trial(label: str, seed: int, shape: tuple[int, int, int], size: float = 1.0, rtol: float = 1e-5) -> Trial:
    draw, (batch, length, vocab_size) = np.random.default_rng(seed), shape
    predicted = draw.random((batch, length)) < 0.4
    predicted[0, :2], predicted[1, :3], predicted[:, -1] = True, [True, False, False], False
    inputs = {
        "logits": size * numbers(seed, *shape),
        "token_ids": draw.integers(0, vocab_size, (batch, length)),
        "predicted": predicted,
    }
    return Trial(label, inputs, rtol)


MASKED_LOSS = Exercise(
    returns=("loss",),
    right=_right,
    trials=(
        _trial("two texts of seven tokens", 41, (2, 7, 11)),
        _trial("logits near 1000", 42, (3, 5, 13), 512.0, LARGE_RTOL),
    ),
    mistakes=(
        Mistake(
            "all-positions",
            lambda logits, token_ids, predicted: _losses(logits, token_ids).mean(),
            "this is the mean over all positions: a token that the model sees teaches it to copy, so only the "
            "predicted ones count.",
        ),
        Mistake(
            "divided-by-all",
            lambda logits, token_ids, predicted: (_losses(logits, token_ids) * predicted).mean(),
            "the sum over the predicted tokens is divided by the number of all tokens: divide by how many are "
            "predicted.",
        ),
        Mistake(
            "not-predicted",
            lambda logits, token_ids, predicted: _losses(logits, token_ids)[~predicted].mean(),
            "this is the loss of the tokens that are not predicted: True in predicted means that one is.",
        ),
        Mistake(
            "sum",
            lambda logits, token_ids, predicted: _losses(logits, token_ids)[predicted].sum(),
            "this is the sum over the predicted tokens: take the mean.",
        ),
        Mistake(
            "mean-of-means",
            _of_sequences,
            "each text is averaged by itself, then the texts: every predicted token counts alike, whichever text it "
            "stands in.",
        ),
        Mistake(
            "next-token",
            _next_token,
            "each position is judged by the token behind it, as in a causal model: here it is judged by its own, which "
            "the mask hides.",
        ),
        Mistake(
            "sign",
            lambda logits, token_ids, predicted: -_right(logits, token_ids, predicted),
            "the sign is missing: the loss is minus the mean log probability.",
        ),
        Mistake(
            "no-log",
            lambda logits, token_ids, predicted: np.exp(-_losses(logits, token_ids)[predicted]).mean(),
            "this is the mean probability of the right tokens: the loss is the mean of minus its logarithm.",
        ),
        Mistake(
            "log-of-mean",
            lambda logits, token_ids, predicted: -np.log(np.exp(-_losses(logits, token_ids)[predicted]).mean()),
            "this is the logarithm of a mean: take the logarithm of each probability, then the mean.",
        ),
        Mistake(
            "logits",
            lambda logits, token_ids, predicted: _losses(logits, token_ids, np.asarray)[predicted].mean(),
            "the logits themselves are averaged: make probabilities of them with a softmax over the vocabulary.",
        ),
        Mistake(
            "over-positions",
            lambda logits, token_ids, predicted: _losses(logits, token_ids, lambda x: log_softmax(x, axis=1))[
                predicted
            ].mean(),
            "the softmax runs over the positions: it runs over the vocabulary, the last axis.",
        ),
        Mistake(
            "one-a-token",
            lambda logits, token_ids, predicted: _losses(logits, token_ids)[predicted],
            "these are the losses of the predicted tokens, one each: take their mean.",
        ),
        Mistake(
            "overflow",
            lambda logits, token_ids, predicted: _losses(logits, token_ids, _overflowing)[predicted].mean(),
            "exp of a large logit is infinite: subtract the largest logit of each position first.",
        ),
    ),
)
