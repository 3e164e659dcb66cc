"""The feed-forward net of a block: up, ReLU, down, at each token by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers
from mha import reference

Array = NDArray[Any]
Answer = Callable[[Array, Array, Array, Array, Array], Array]


def _relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def _gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1.0 + erf(x / np.sqrt(2.0))))


def _net(between: Callable[[Array], Array] = _relu, after: Callable[[Array], Array] = lambda x: x) -> Answer:
    return lambda x, w_up, b_up, w_down, b_down: after(between(x @ w_up + b_up) @ w_down + b_down)


def _without(up: bool, down: bool) -> Answer:
    """The net without one of its biases, or both."""
    return lambda x, w_up, b_up, w_down, b_down: _net()(x, w_up, b_up * (not up), w_down, b_down * (not down))


def _inputs(seed: int, batch: int, length: int, d_model: int, d_ff: int) -> dict[str, Array]:
    return {
        "x": numbers(seed, batch, length, d_model),
        "w_up": numbers(seed + 1, d_model, d_ff),
        "b_up": numbers(seed + 2, d_ff),
        "w_down": numbers(seed + 3, d_ff, d_model),
        "b_down": numbers(seed + 4, d_model),
    }


FEED_FORWARD = Exercise(
    returns=("out",),
    right=_net(),
    trials=(
        Trial("2 sequences of 5 tokens", _inputs(31, 2, 5, 3, 11)),
        Trial("more sequences than tokens", _inputs(41, 7, 2, 5, 13)),
    ),
    mistakes=(
        Mistake(
            "linear",
            _net(lambda hidden: hidden),
            "there is no ReLU, so the two maps are one linear map: put np.maximum(…, 0) between them.",
        ),
        Mistake(
            "relu-last",
            _net(lambda hidden: hidden, _relu),
            "the ReLU comes after the second map: it stands between the two.",
        ),
        Mistake(
            "relu-twice",
            _net(_relu, _relu),
            "there is a second ReLU behind the second map: then the net can only ever add to the stream.",
        ),
        Mistake(
            "relu-on-x",
            lambda x, *maps: _net(lambda hidden: hidden)(_relu(x), *maps),
            "the ReLU is applied to x: it comes after the first map.",
        ),
        Mistake(
            "bias-after-relu",
            lambda x, w_up, b_up, w_down, b_down: (_relu(x @ w_up) + b_up) @ w_down + b_down,
            "b_up is added after the ReLU: it belongs inside, as each hidden entry's threshold.",
        ),
        Mistake("gelu", _net(_gelu), "this is right with a GELU: here the ReLU is asked for."),
        Mistake("absolute", _net(np.abs), "negative entries change their sign: the ReLU makes them 0."),
        Mistake(
            "minimum",
            _net(lambda hidden: np.minimum(hidden, 0.0)),
            "the positive entries are cut off: np.maximum(…, 0) keeps them.",
        ),
        Mistake(
            "softmax",
            _net(reference.softmax),
            "a softmax stands between the maps: the feed-forward net has a ReLU there.",
        ),
        Mistake("no-biases", _without(True, True), "b_up and b_down are not added."),
        Mistake("no-bias-up", _without(True, False), "b_up is not added."),
        Mistake("no-bias-down", _without(False, True), "b_down is not added."),
        Mistake(
            "residual",
            lambda x, *maps: x + _net()(x, *maps),
            "x is added: that is the residual connection, which belongs to the block around this net.",
        ),
        Mistake(
            "mean-of-tokens",
            lambda x, *maps: np.broadcast_to(_net()(x.mean(1, keepdims=True), *maps), x.shape),
            "the tokens are averaged: the net takes each token by itself.",
        ),
    ),
)
