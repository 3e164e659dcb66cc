"""Checks for the chapter on GPT: the loss of the next token, the induction score, bits of two models."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import LARGE_RTOL, numbers
from course.checks.losses import CROSS_ENTROPY
from course.checks.numeric import Numbers
from course.checks.picked_weights import PICKED, PICKED_WEIGHTS

__all__ = ["EXERCISES", "bits_of_models", "induction_score", "next_token_loss"]

Array = NDArray[Any]

# ---- the loss of the next token


def _next_token_loss(logits: Array, tokens: Array) -> Array:
    """The loss of each position that has a next token."""
    asked = logits[:, :-1]
    targets = tokens[:, 1:]
    shifted = asked - asked.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    losses = -picked
    return losses


def _tokens(seed: int, batch: int, length: int, vocab_size: int) -> Array:
    shuffled = np.random.default_rng(seed).permutation(vocab_size * 10)
    return shuffled[: batch * length].reshape(batch, length) % vocab_size


def _texts(label: str, seed: int, shape: tuple[int, int, int], size: float = 1.0, rtol: float = 1e-5) -> Trial:
    return Trial(label, {"logits": size * numbers(seed, *shape), "tokens": _tokens(seed, *shape)}, rtol)


def gathered(log_p: Array, targets: Array) -> Array:
    """What torch.gather says of an index with an axis too few."""
    raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")


_LAST = "return losses"
next_token_loss = Exercise(
    _next_token_loss,
    "logits (b, i, v), tokens (b, i) -> losses (b, i - 1)",
    trials=(
        _texts("two sequences of five tokens", 91, (2, 5, 7)),
        _texts("logits near 1000", 92, (5, 2, 11), 512.0, LARGE_RTOL),
    ),
    shared=CROSS_ENTROPY,
    mistakes=(
        Mistake(
            "not-shifted",
            ("logits[:, :-1] -> logits", "tokens[:, 1:] -> tokens"),
            "each position is judged by its own token, which it can see: position n is judged by token n + 1, so the "
            "last has no target.",
            also=("tokens[:, 1:] -> tokens[:, :-1]", "logits[:, :-1] -> logits[:, 1:]"),
        ),
        Mistake(
            "shifted-backwards",
            ("logits[:, :-1] -> logits[:, 1:]", "tokens[:, 1:] -> tokens[:, :-1]"),
            "each position is judged by the token before it: drop the last logits and the first token, not the other "
            "way round.",
            also=(("logits[:, :-1] -> logits", "tokens[:, 1:] -> np.roll(tokens, 1, axis=1)"),),
        ),
        Mistake(
            "two-ahead",
            "tokens[:, 1:] -> np.roll(tokens, -2, axis=1)[:, :-1]",
            "the targets are shifted twice: position n is judged by token n + 1.",
            also=(("logits[:, :-1] -> logits[:, :-2]", "tokens[:, 1:] -> tokens[:, 2:]"),),
        ),
        Mistake(
            "wrapped-around",
            ("logits[:, :-1] -> logits", "tokens[:, 1:] -> np.roll(tokens, -1, axis=1)"),
            "the last position is judged by the first token: np.roll brings it round. Leave the last position out.",
        ),
        Mistake(
            "lengths-differ",
            "logits[:, :-1] -> logits",
            "logits and targets have different lengths: the last position has no target, so drop its logits, "
            "logits[:, :-1].",
            also=("tokens[:, 1:] -> tokens",),
        ),
        Mistake(
            "shifted-over-batch",
            ("logits[:, :-1] -> logits[:-1]", "tokens[:, 1:] -> tokens[1:]"),
            "the shift runs over the texts of the batch: it runs over the positions, tokens[:, 1:] and logits[:, :-1].",
        ),
        Mistake(
            "over-positions",
            (
                "logits[:, :-1] -> logits",
                "asked.max(axis=-1 -> asked.max(axis=1",
                "np.exp(shifted).sum(axis=-1 -> np.exp(shifted).sum(axis=1",
                "log_p, targets -> log_p[:, :-1], targets",
            ),
            "the softmax runs over the positions: it runs over the vocabulary, the last axis.",
            also=(
                ("asked.max(axis=-1 -> asked.max(axis=1", "np.exp(shifted).sum(axis=-1 -> np.exp(shifted).sum(axis=1"),
            ),
        ),
        Mistake(
            "mean", f"{_LAST} -> return losses.mean()", "this is the mean of the losses: return them all, (b, i - 1)."
        ),
        Mistake(
            "sum", f"{_LAST} -> return losses.sum()", "this is the sum of the losses: return them all, (b, i - 1)."
        ),
        Mistake(
            "sum-over-positions",
            f"{_LAST} -> return losses.sum(1)",
            "the losses of a sequence are added up: return one for each position, (b, i - 1).",
        ),
        Mistake(
            "mean-over-positions",
            f"{_LAST} -> return losses.mean(1)",
            "the losses of a sequence are averaged: return one for each position, (b, i - 1).",
        ),
        Mistake(
            "last-only",
            f"{_LAST} -> return losses[:, -1:]",
            "only the last position is judged: every position but the last has a target, and teaches.",
            also=(f"{_LAST} -> return losses[:, -1]",),
        ),
        Mistake(
            "flattened",
            f"{_LAST} -> return losses.ravel()",
            "the losses are one long row: give them the shape (b, i - 1).",
        ),
        Mistake(
            "axis-left",
            "[..., 0] ->",
            "a last axis of length 1 is left over from picking: take [..., 0].",
        ),
        Mistake(
            "zero-for-the-last",
            f"{_LAST} -> return np.concatenate([losses, np.zeros((len(losses), 1))], axis=1)",
            "the last position has a loss of 0: it has no target, so leave it out, (b, i - 1).",
            also=(f"{_LAST} -> return np.concatenate([np.zeros((len(losses), 1)), losses], axis=1)",),
        ),
        Mistake(
            "perplexity",
            f"{_LAST} -> return np.exp(losses)",
            "these are e to the power of the losses, as for a perplexity: return the losses.",
            also=(f"{_LAST} -> return np.exp(losses.mean())",),
        ),
        Mistake(
            "added-up-so-far",
            f"{_LAST} -> return losses.cumsum(axis=1)",
            "the losses are added up along the text: return that of each position.",
        ),
        Mistake(
            "over-texts",
            f"{_LAST} -> return losses.mean(axis=0)",
            "the losses are averaged or added up over the texts: return one for each text and position, (b, i - 1).",
            also=(f"{_LAST} -> return losses.sum(axis=0)", f"{_LAST} -> return losses[0]"),
        ),
        Mistake(
            "bits",
            f"{_LAST} -> return losses / np.log(2)",
            "these are bits, as with log2: take the natural logarithm, np.log.",
        ),
        Mistake(
            "first-left-out",
            f"{_LAST} -> return losses[:, 1:]",
            "one position is missing: all but the last have a target, (b, i - 1).",
            also=(f"{_LAST} -> return losses[:, :-1]",),
        ),
        Mistake(
            "target-added",
            "log_p = shifted - np.log( -> log_p = -2 * asked + shifted - np.log(",
            "the target's logit is added to the logarithm of the sum: subtract it.",
        ),
        Mistake(
            "squared-error",
            "losses = -picked -> losses = 1 - 2 * np.exp(picked) + (np.exp(log_p) ** 2).sum(axis=-1)",
            "this is a squared error against a one-hot vector: the loss is minus the log-probability of the target.",
        ),
        Mistake(
            "divided-by-vocabulary",
            "losses = -picked -> losses = -picked / logits.shape[-1]",
            "the loss is divided by the size of the vocabulary: a mean over a one-hot product does that, so take the "
            "sum.",
        ),
        Mistake(
            "index-without-its-axis",
            "np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0] -> "
            "np.take_along_axis(log_p, targets, axis=-1)",
            "the index needs as many axes as what it picks from: targets[..., None], and [..., 0] of the result.",
            also=("np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0] -> gathered(log_p, targets)",),
        ),
    ),
)

# ---- the induction score


def _induction_score(weights: Array) -> Array:
    """Each head's mean weight on the token after the previous occurrence; rows are the second of two copies."""
    n = weights.shape[-2]
    asked = np.arange(n)
    found = asked + 1
    picked = weights[:, asked, found]
    scores = picked.mean(axis=-1)
    return scores


def _second_copy(label: str, seed: int, n_heads: int, n: int) -> Trial:
    """Rows of 1/1024ths that sum to 1, with no weight on later places."""
    rng = np.random.default_rng(seed)
    seen = np.tri(n, 2 * n, n)
    shares = rng.random((n_heads, n, 2 * n)) * seen
    weights = rng.multinomial(1024, shares / shares.sum(-1, keepdims=True)) / 1024.0
    return Trial(label, {"weights": weights})


induction_score = Exercise(
    _induction_score,
    "weights (h, n, j) -> scores (h)",
    trials=(
        _second_copy("three heads on a block of five", 94, 3, 5),
        _second_copy("seven heads on a block of three", 95, 7, 3),
    ),
    shared=PICKED_WEIGHTS,
    mistakes=(
        Mistake(
            "previous-occurrence",
            "found = asked + 1 -> found = asked",
            "this is the weight on the previous occurrence itself: what came after it stands one place further on.",
        ),
        Mistake(
            "before-the-occurrence",
            "found = asked + 1 -> found = asked - 1",
            "this is the weight on the token before the previous occurrence: take the one after it, r + 1.",
        ),
        Mistake(
            "two-after",
            "found = asked + 1 -> found = asked + 2",
            "this is two places after the previous occurrence: row r stood at r, and what came next at r + 1.",
        ),
        Mistake(
            "token-before",
            "found = asked + 1 -> found = asked + n - 1",
            "this is the weight on the token just before the query: row r is place n + r, and you look for r + 1.",
        ),
        Mistake(
            "itself",
            "found = asked + 1 -> found = asked + n",
            "this is the weight on the query's own token: its previous occurrence is n places back.",
        ),
        Mistake(
            "rows-of-both-copies",
            "found = asked + 1 -> found = asked + 1 - n",
            "n is taken off as if the first copy had rows here too: row r is place n + r already, so its key is r + 1.",
            also=(f"{PICKED} -> weights.diagonal(1 - n, axis1=-2, axis2=-1)",),
        ),
    ),
)

# ---- bits of two models

_A_CHARACTER = "that is in nats: a nat is 1 / ln 2 = 1.44 bits."
_A_TOKEN = "that is bits a token: divide by the characters that a token has."
_TIMES = "the nats are multiplied by ln 2: divide by it, since a bit is the smaller unit."
_LONGER = "the bits of a token are multiplied by its characters: divide by them."


def _wrong(nats: float, length: float) -> dict[float, str]:
    bits = nats / log(2)
    return {
        nats / length: _A_CHARACTER,
        bits: _A_TOKEN,
        nats * log(2) / length: _TIMES,
        bits * length: _LONGER,
    }


bits_of_models = Numbers(
    "bits_of_models",
    right={"large": 3.1 / log(2) / 4.4, "small": 2.2 / log(2) / 2.4, "a_guess": 10},
    mistakes={
        "large": _wrong(3.1, 4.4),
        "small": _wrong(2.2, 2.4),
        "a_guess": {
            log(1024): _A_CHARACTER,
            1024: "that is the number of tokens: take its logarithm to base 2.",
            10 / 4.4: "that is for a character of the other model: a guess is asked for by the token.",
        },
    },
)

EXERCISES = listed(next_token_loss, induction_score)
