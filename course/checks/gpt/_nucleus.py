"""Top-p: keep the likeliest tokens that together have the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Inputs, Mistake, Trial

Array = NDArray[Any]


def _order(p: Array) -> Array:
    return np.argsort(-p, axis=-1, kind="stable")


def _before(p: Array) -> Array:
    """What the likelier tokens have together, at each token's own place."""
    order = _order(p)
    ordered = np.take_along_axis(p, order, axis=-1)
    before = np.empty_like(p)
    np.put_along_axis(before, order, ordered.cumsum(-1) - ordered, axis=-1)
    return before


def _shares(kept: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(kept / kept.sum(axis=-1, keepdims=True))


def _nucleus(p: Array, threshold: float) -> Array:
    return np.where(_before(p) < threshold, p, 0.0)


def _right(p: Array, threshold: float) -> Array:
    return _shares(_nucleus(p, threshold))


def _rows(seed: int, batch: int, vocab_size: int) -> Array:
    """Rows of 1/1024ths that sum to 1, in no order, no two alike in a row."""
    rng = np.random.default_rng(seed)
    cuts = np.stack([np.sort(rng.choice(np.arange(1, 1024), vocab_size - 1, replace=False)) for _ in range(batch)])
    return np.asarray(np.diff(cuts, axis=-1, prepend=0, append=1024) / 1024.0)


def _ascending(p: Array, threshold: float) -> Array:
    return _shares(np.where(_before(-p) * -1.0 < threshold, p, 0.0))


def _remark(inputs: Inputs, outputs: Inputs) -> str:
    kept = (np.asarray(outputs["shares"]) > 0).sum(axis=-1)
    wanted = (_right(inputs["p"], inputs["threshold"]) > 0).sum(axis=-1)
    return f"Kept are {kept.tolist()} tokens of the rows, expected {wanted.tolist()}."


TOP_P = Exercise(
    returns=("shares",),
    right=_right,
    trials=(
        Trial("two rows of seven tokens", {"p": _rows(0, 2, 7), "threshold": 0.75}),
        Trial("a row whose likeliest token has more than the threshold", {"p": _rows(4, 3, 5), "threshold": 0.25}),
        Trial("a threshold met exactly", {"p": np.array([[0.125, 0.5, 0.25, 0.0625, 0.0625]] * 2), "threshold": 0.75}),
    ),
    mistakes=(
        Mistake(
            "not-sorted",
            lambda p, threshold: _shares(np.where(p.cumsum(-1) - p < threshold, p, 0.0)),
            "the sum runs over the tokens in the order of their ids: sort them first, the likeliest first.",
            also=(lambda p, threshold: _shares(np.where(p.cumsum(-1) <= threshold, p, 0.0)),),
        ),
        Mistake(
            "ascending",
            _ascending,
            "the sum begins with the least likely token: sort in descending order.",
        ),
        Mistake(
            "left-sorted",
            lambda p, threshold: np.take_along_axis(_right(p, threshold), _order(p), axis=-1),
            "the probabilities are right but stand in sorted order: bring each back to its token's place.",
        ),
        Mistake(
            "unsorted-mask",
            lambda p, threshold: _shares(
                np.where(np.take_along_axis(_before(p), _order(p), axis=-1) < threshold, p, 0.0)
            ),
            "what to keep was found in sorted order but applied in the order of the ids: bring the mask back first.",
        ),
        Mistake(
            "one-too-few",
            lambda p, threshold: _shares(np.where(_before(p) + p <= threshold, p, 0.0)),
            "the token that reaches the threshold is left out: it belongs to the nucleus. Where the likeliest token "
            "alone is above the threshold, nothing would be left. Compare the sum of the tokens before it.",
            also=(lambda p, threshold: _shares(np.where(_before(p) + p < threshold, p, 0.0)),),
        ),
        Mistake(
            "one-too-many",
            lambda p, threshold: _shares(np.where(_before(p) <= threshold, p, 0.0)),
            "a token is kept although those before it have the threshold already: stop as soon as it is met.",
        ),
        Mistake(
            "not-renormalised",
            _nucleus,
            "the right tokens are kept, but their probabilities no longer sum to 1: divide by their sum.",
        ),
        Mistake(
            "smallest-probability",
            lambda p, threshold: _shares(np.where(p >= 1 - threshold, p, 0.0)),
            "tokens are kept by their own probability: it is their sum that counts, from the likeliest on.",
            also=(lambda p, threshold: _shares(np.where(p >= threshold * p.max(-1, keepdims=True), p, 0.0)),),
        ),
        Mistake(
            "complement",
            lambda p, threshold: _shares(p - _nucleus(p, threshold)),
            "the unlikely tokens are kept and the likely ones left out: turn the mask round.",
        ),
        Mistake(
            "softmax-again",
            lambda p, threshold: _shares(np.where(_nucleus(p, threshold) > 0, np.exp(p), 0.0)),
            "a softmax was taken of probabilities: they are no scores. Divide what is left by its sum.",
        ),
        Mistake(
            "nothing-filtered",
            lambda p, threshold: p,
            "this is p itself: nothing was left out.",
        ),
        Mistake(
            "equal-shares",
            lambda p, threshold: _shares((_nucleus(p, threshold) > 0) * 1.0),
            "the tokens that are left have equal shares: they keep their proportions.",
        ),
        Mistake(
            "normalised-over-batch",
            lambda p, threshold: _nucleus(p, threshold) / _nucleus(p, threshold).sum(),
            "the whole table sums to 1: each row should.",
        ),
    ),
    remark=_remark,
)
