"""Layer norm: mean 0 and variance 1 for each token, over its channels; then a gain and a shift for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]
EPS = 1e-5


def layer_norm(x: Array, gain: Array, shift: Array, eps: float, axis: Any = -1, ddof: int = 0) -> Array:
    """The right one with its defaults."""
    mean, variance = x.mean(axis, keepdims=True), x.var(axis, keepdims=True, ddof=ddof)
    return np.asarray(gain * (x - mean) / np.sqrt(variance + eps) + shift)


def _over(axis: Any) -> Any:
    return lambda x, gain, shift, eps: layer_norm(x, gain, shift, eps, axis=axis)


def _divided(by: Any) -> Any:
    """The deviations divided by by(variance, eps)."""

    def answer(x: Array, gain: Array, shift: Array, eps: float) -> Array:
        return np.asarray(gain * (x - x.mean(-1, keepdims=True)) / by(x.var(-1, keepdims=True), eps) + shift)

    return answer


def _root_mean_square(x: Array, gain: Array, shift: Array, eps: float) -> Array:
    return np.asarray(gain * x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) + shift)


def _centred_late(x: Array, gain: Array, shift: Array, eps: float) -> Array:
    return np.asarray(gain * (x / np.sqrt(x.var(-1, keepdims=True) + eps) - x.mean(-1, keepdims=True)) + shift)


def _shift_first(x: Array, gain: Array, shift: Array, eps: float) -> Array:
    return gain * (layer_norm(x, np.ones_like(gain), np.zeros_like(shift), eps) + shift)


def _inputs(seed: int, batch: int, length: int, d_model: int, size: float) -> dict[str, Any]:
    """x far from mean 0, so that no axis can be taken for another; gains of both signs."""
    x = size * (numbers(seed, batch, length, d_model) + numbers(seed + 1, batch, length, 1))
    return {"x": x, "gain": numbers(seed + 2, d_model), "shift": numbers(seed + 3, d_model), "eps": EPS}


LAYER_NORM = Exercise(
    returns=("out",),
    right=layer_norm,
    trials=(
        Trial("2 sequences of 3 tokens", _inputs(11, 2, 3, 7, 1.0), single_rtol=1e-4),
        Trial("numbers so small that eps counts", _inputs(21, 3, 5, 11, 2.0**-8), single_rtol=1e-4),
    ),
    mistakes=(
        Mistake(
            "over-tokens",
            _over(1),
            "each channel is normalised over the tokens of its sequence, axis 1: so a token's vector depends on the "
            "others, and on padding. Normalise each token over its own channels, the last axis.",
        ),
        Mistake(
            "over-batch",
            _over(0),
            "the mean runs over the batch, axis 0: so a sentence's result depends on the other sentences. Normalise "
            "each token over its own channels, the last axis.",
        ),
        Mistake(
            "as-batch-norm",
            _over((0, 1)),
            "this is batch norm: each channel normalised over all tokens of all sequences. Layer norm takes each token "
            "by itself, over the last axis.",
        ),
        Mistake(
            "over-sequence",
            _over((1, 2)),
            "one mean and one variance for a whole sequence: each token has its own, over the last axis.",
        ),
        Mistake(
            "over-everything", _over(None), "one mean and one variance for the whole array: each token has its own."
        ),
        Mistake(
            "unbiased",
            lambda x, gain, shift, eps: layer_norm(x, gain, shift, eps, ddof=1),
            "the variance is divided by m - 1 (what torch.var and torch.std do unless told otherwise): divide by m.",
        ),
        Mistake(
            "not-rooted",
            _divided(lambda variance, eps: variance + eps),
            "the deviations are divided by the variance: divide by its root.",
        ),
        Mistake(
            "root-mean-square",
            _root_mean_square,
            "the mean is not subtracted: this is RMSNorm, with a shift.",
        ),
        Mistake(
            "centred-late",
            _centred_late,
            "the mean of x is subtracted after the division: a bracket is missing, (x - mean) / …",
        ),
        Mistake(
            "centred-only",
            _divided(lambda variance, eps: 1.0),
            "the mean is subtracted, and nothing is divided by the root of the variance.",
        ),
        Mistake(
            "no-gain-or-shift",
            lambda x, gain, shift, eps: layer_norm(x, np.ones_like(gain), np.zeros_like(shift), eps),
            "gain and shift are not used: multiply by the one, then add the other.",
        ),
        Mistake(
            "no-gain",
            lambda x, gain, shift, eps: layer_norm(x, np.ones_like(gain), shift, eps),
            "the gain is not used.",
        ),
        Mistake(
            "no-shift",
            lambda x, gain, shift, eps: layer_norm(x, gain, np.zeros_like(shift), eps),
            "the shift is not added.",
        ),
        Mistake("shift-first", _shift_first, "the shift is added before the gain multiplies: multiply first."),
        Mistake(
            "gain-and-shift-swapped",
            lambda x, gain, shift, eps: layer_norm(x, shift, gain, eps),
            "gain and shift are exchanged: the gain multiplies.",
        ),
        Mistake(
            "no-eps",
            _divided(lambda variance, eps: np.sqrt(variance)),
            "eps is not added to the variance: a token whose channels hardly differ is blown up.",
        ),
        Mistake(
            "eps-outside-the-root",
            _divided(lambda variance, eps: np.sqrt(variance) + eps),
            "eps is added to the root: it belongs under it, √(variance + eps).",
        ),
    ),
)
