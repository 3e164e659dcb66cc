"""A pre-norm block put together from four given functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.blocks._norm import layer_norm
from course.checks.former import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]
Function = Callable[[Array], Array]


class _Given:
    """A function handed to the learner, which says so where a message names what was handed over."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def __call__(self, x: Array) -> Array:
        return self._function(x)

    def __repr__(self) -> str:
        return "a function"


def _pre_norm(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    x = x + attn(attn_norm(x))
    return x + ffn(ffn_norm(x))


def _post_norm(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    x = attn_norm(x + attn(x))
    return ffn_norm(x + ffn(x))


def _residual_of_the_normed(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    x = attn_norm(x)
    x = x + attn(x)
    x = ffn_norm(x)
    return x + ffn(x)


def _no_residual(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    return ffn(ffn_norm(attn(attn_norm(x))))


def _no_first_residual(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    x = attn(attn_norm(x))
    return x + ffn(ffn_norm(x))


def _no_second_residual(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    return ffn(ffn_norm(x + attn(attn_norm(x))))


def _one_residual(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    return x + ffn(ffn_norm(attn(attn_norm(x))))


def _block_input_again(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    return x + ffn(ffn_norm(x + attn(attn_norm(x))))


def _parallel(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    return x + attn(attn_norm(x)) + ffn(ffn_norm(x))


def _norm_of_the_branch(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    x = x + attn_norm(attn(x))
    return x + ffn_norm(ffn(x))


def _no_norm(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    x = x + attn(x)
    return x + ffn(x)


def _feed_forward_first(x: Array, attn: Function, attn_norm: Function, ffn: Function, ffn_norm: Function) -> Array:
    return _pre_norm(x, ffn, ffn_norm, attn, attn_norm)


def _inputs(seed: int, batch: int, length: int, d_model: int) -> dict[str, Any]:
    """x (b, i, m), and functions of it: one that mixes tokens, one that does not, two norms with gains of their own."""
    across, maps = numbers(seed + 1, length, length), numbers(seed + 2, 2, d_model, d_model) / 2
    gains, shifts = numbers(seed + 3, 2, d_model), numbers(seed + 4, 2, d_model)
    return {
        "x": numbers(seed, batch, length, d_model),
        "attn": _Given(lambda x: np.tanh(across @ x @ maps[0])),
        "attn_norm": _Given(lambda x: layer_norm(x, gains[0], shifts[0], 1e-5)),
        "ffn": _Given(lambda x: np.maximum(x @ maps[1], 0.0)),
        "ffn_norm": _Given(lambda x: layer_norm(x, gains[1], shifts[1], 1e-5)),
    }


PRE_NORM_BLOCK = Exercise(
    returns=("out",),
    right=_pre_norm,
    trials=(
        Trial("2 sequences of 5 tokens", _inputs(51, 2, 5, 7), single_rtol=1e-4),
        Trial("other functions", _inputs(61, 3, 2, 11), single_rtol=1e-4),
    ),
    mistakes=(
        Mistake(
            "post-norm",
            _post_norm,
            "this is post-norm: each sum is normalised. In pre-norm the norm stands before the sublayer and the sum is "
            "left as it is.",
        ),
        Mistake(
            "residual-of-the-normed",
            _residual_of_the_normed,
            "what is added is the normalised x, so nothing goes past the norms: keep x, x + attn(attn_norm(x)).",
        ),
        Mistake("no-residual", _no_residual, "nothing is added: each sublayer's output is added to what came in."),
        Mistake("no-first-residual", _no_first_residual, "x is not added to what the attention gives."),
        Mistake("no-second-residual", _no_second_residual, "nothing is added to what the feed-forward net gives."),
        Mistake(
            "one-residual",
            _one_residual,
            "one sum goes around the whole block: each of the two sublayers has its own.",
        ),
        Mistake(
            "block-input-again",
            _block_input_again,
            "the second sum takes the block's input: it takes what the first sum gave, so what the attention found is "
            "kept. Did you keep the old x under its name?",
        ),
        Mistake(
            "parallel",
            _parallel,
            "both sublayers read the block's input: the feed-forward net reads the stream after the attention.",
        ),
        Mistake(
            "norm-of-the-branch",
            _norm_of_the_branch,
            "the norms are applied to what the sublayers give: apply them to what the sublayers get.",
        ),
        Mistake("no-norm", _no_norm, "the norms are not used: each sublayer reads the normalised stream."),
        Mistake(
            "one-norm",
            lambda x, attn, attn_norm, ffn, ffn_norm: _pre_norm(x, attn, attn_norm, ffn, attn_norm),
            "attn_norm is used twice: the feed-forward net has ffn_norm.",
        ),
        Mistake(
            "norms-swapped",
            lambda x, attn, attn_norm, ffn, ffn_norm: _pre_norm(x, attn, ffn_norm, ffn, attn_norm),
            "the norms are exchanged: attn_norm stands before attn.",
        ),
        Mistake("feed-forward-first", _feed_forward_first, "the attention comes first, then the feed-forward net."),
        Mistake(
            "attention-only",
            lambda x, attn, attn_norm, ffn, ffn_norm: x + attn(attn_norm(x)),
            "this is the first half: the feed-forward net is missing.",
        ),
        Mistake(
            "norm-at-the-end",
            lambda x, attn, attn_norm, ffn, ffn_norm: ffn_norm(_pre_norm(x, attn, attn_norm, ffn, ffn_norm)),
            "the block's output is normalised once more: in a stack of pre-norm blocks that is done once, by a norm of "
            "its own behind the last block.",
        ),
    ),
)
