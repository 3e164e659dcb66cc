"""The RMS norm."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]


def _over(size: Any) -> Any:
    """x over size(x, eps), times the weight."""
    return lambda x, weight, eps: np.asarray(x / size(x, eps) * weight)


def _rms(x: Array, eps: float, axis: Any = -1) -> Array:
    return np.asarray(np.sqrt((x**2).mean(axis, keepdims=True) + eps))


def _centred(x: Array) -> Array:
    return np.asarray(x - x.mean(-1, keepdims=True))


RMS_NORM = Exercise(
    returns=("out",),
    right=_over(_rms),
    trials=(
        Trial("a mean that is not 0", {"x": numbers(11, 2, 5, 7) + 1, "weight": numbers(12, 7), "eps": 2.0**-20}),
        Trial(
            "numbers as small as eps",
            {"x": numbers(13, 3, 2, 11) / 1024, "weight": numbers(14, 11), "eps": 2.0**-20},
        ),
    ),
    mistakes=(
        Mistake(
            "layer-norm",
            lambda x, weight, eps: _centred(x) / _rms(_centred(x), eps) * weight,
            "the mean is subtracted, as a layer norm does: an RMS norm leaves it in.",
        ),
        Mistake(
            "standard-deviation",
            _over(lambda x, eps: _rms(_centred(x), eps)),
            "x is divided by its standard deviation, which is measured from the mean: take the root of the mean of x².",
            also=(_over(lambda x, eps: x.std(-1, keepdims=True)),),
        ),
        Mistake(
            "no-weight",
            lambda x, weight, eps: x / _rms(x, eps),
            "the weight is missing: each channel is multiplied by its own.",
        ),
        Mistake(
            "weight-added",
            lambda x, weight, eps: x / _rms(x, eps) + weight,
            "the weight is added: each channel is multiplied by it.",
        ),
        Mistake(
            "one-plus-weight",
            lambda x, weight, eps: x / _rms(x, eps) * (1 + weight),
            "the channels are multiplied by 1 + weight, as some later models do: here it is the weight.",
        ),
        Mistake(
            "no-root",
            _over(lambda x, eps: _rms(x, eps) ** 2),
            "x is divided by the mean square: take its root.",
        ),
        Mistake(
            "sum-of-squares",
            _over(lambda x, eps: _rms(x, eps / x.shape[-1]) * x.shape[-1] ** 0.5),
            "x is divided by its length, the root of the sum of squares: take their mean.",
            also=(_over(lambda x, eps: np.linalg.norm(x, axis=-1, keepdims=True)),),
        ),
        Mistake(
            "over-tokens",
            _over(lambda x, eps: _rms(x, eps, axis=1)),
            "the mean runs over the tokens: each token is normalised by itself, over its channels.",
        ),
        Mistake(
            "over-everything",
            _over(lambda x, eps: _rms(x, eps, axis=None)),
            "one mean is taken over the whole array: each token is normalised by itself, over its channels.",
        ),
        Mistake(
            "mean-size",
            _over(lambda x, eps: np.abs(x).mean(-1, keepdims=True) + eps),
            "x is divided by the mean of |x|: take the root of the mean of x².",
        ),
        Mistake(
            "eps-outside",
            _over(lambda x, eps: _rms(x, 0.0) + eps),
            "eps is added to the root: it is added to the mean square, below the root.",
        ),
        Mistake(
            "no-eps",
            _over(lambda x, eps: _rms(x, 0.0)),
            "eps is missing: it is added to the mean square, so that a token of zeros does not divide by 0.",
        ),
    ),
)
