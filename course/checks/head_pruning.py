"""Checks for the chapter on pruning heads: a layer without some heads, importance by slope, what removal saves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "saved", "slope_importance", "smaller_layer"]

Array = NDArray[Any]

# ---- a layer without some of its heads


def _smaller_layer(value: Array, out: Array, kept: Array, n_heads: int) -> tuple[Array, Array]:
    """The rows of a value matrix and the columns of an output matrix that belong to the heads that stay."""
    d = out.shape[1] // n_heads
    heads = kept + 0
    channels = (heads[:, None] * d + np.arange(d)).reshape(-1)
    smaller_value = value[channels]
    smaller_out = out[:, channels]
    return smaller_value, smaller_out


def _layer(label: str, seed: int, n_heads: int, d: int, d_model: int, kept: list[int]) -> Trial:
    value, out = np.random.default_rng(seed).integers(1, 2**20, (2, n_heads * d, d_model)) / 1024.0
    return Trial(label, {"value": value, "out": out.T.copy(), "kept": np.array(kept), "n_heads": n_heads})


_CHANNELS = "(heads[:, None] * d + np.arange(d)).reshape(-1)"
_VALUE, _OUT = "smaller_value = value[channels]", "smaller_out = out[:, channels]"
smaller_layer = Exercise(
    _smaller_layer,
    "value (c, m), out (m, c), kept (k), n_heads -> smaller_value (s, m), smaller_out (m, s)",
    trials=(
        _layer("five heads of two channels, three kept", 401, 5, 2, 7, [0, 2, 3]),
        _layer("two heads of three, one kept", 402, 2, 3, 11, [1]),
    ),
    mistakes=(
        Mistake(
            "whole-out",
            f"{_OUT} -> smaller_out = out + 0",
            "the output matrix still has the columns of all heads: take those of the heads that stay.",
        ),
        Mistake(
            "first-columns",
            f"{_OUT} -> smaller_out = out[:, : channels.shape[0]]",
            "these are the first columns of the output matrix: its shape fits, but they belong to other heads.",
        ),
        Mistake(
            "last-columns",
            f"{_OUT} -> smaller_out = out[:, -channels.shape[0] :]",
            "these are the last columns of the output matrix: its shape fits, but they belong to other heads.",
        ),
        Mistake(
            "whole-value",
            f"{_VALUE} -> smaller_value = value + 0",
            "the value matrix still has the rows of all heads: take those of the heads that stay.",
        ),
        Mistake(
            "first-rows",
            f"{_VALUE} -> smaller_value = value[: channels.shape[0]]",
            "these are the first rows of the value matrix: its shape fits, but they belong to other heads.",
        ),
        Mistake(
            "every-hth",
            f"{_CHANNELS} -> (heads[:, None] + n_heads * np.arange(d)).reshape(-1)",
            "a head is d channels in a row, from head · d on, not every n_heads-th channel.",
        ),
        Mistake(
            "every-hth-in-turn",
            f"{_CHANNELS} -> (heads + n_heads * np.arange(d)[:, None]).reshape(-1)",
            "a head is d channels in a row, from head · d on: this takes one channel of each head in turn.",
        ),
        Mistake(
            "gone-instead",
            "heads = kept + 0 -> heads = np.setdiff1d(np.arange(n_heads), kept)",
            "these are the heads that should go: kept names those that stay.",
        ),
        Mistake(
            "first-heads",
            "heads = kept + 0 -> heads = np.arange(kept.shape[0])",
            "these are the first heads: take those that kept names.",
        ),
        Mistake(
            "from-one",
            "heads = kept + 0 -> heads = kept - 1",
            "heads are counted from 0: this takes the one before each.",
        ),
        Mistake(
            "one-channel",
            f"channels = {_CHANNELS} -> channels = heads + 0",
            "this is one row a head: a head is d rows, from head · d to head · d + d - 1.",
        ),
        Mistake(
            "first-channel",
            f"channels = {_CHANNELS} -> channels = heads * d",
            "this is the first row of each head alone: a head is d rows, from head · d to head · d + d - 1.",
        ),
        Mistake(
            "channels-first",
            f"{_CHANNELS} -> (heads * d + np.arange(d)[:, None]).reshape(-1)",
            "these are the right channels in another order: all of one head come first, then those of the next.",
        ),
        Mistake(
            "masked",
            (
                f"{_VALUE} -> smaller_value = value * np.isin(np.arange(value.shape[0]), channels)[:, None]",
                f"{_OUT} -> smaller_out = out * np.isin(np.arange(out.shape[1]), channels)",
            ),
            "this sets the heads to zero in matrices of the old size, which saves nothing: leave their numbers out.",
        ),
    ),
)

# ---- importance by the slope at the gate


def _slope_importance(outputs: Array, gradients: Array) -> Array:
    """The mean over texts of the size of the slope at each head's gate."""
    products = outputs * gradients
    slopes = products.sum(axis=(2, 3))
    sizes = np.abs(slopes)
    importance = sizes.mean(axis=0)
    return importance


def _outputs(label: str, seed: int, shape: tuple[int, int, int, int]) -> Trial:
    rng = np.random.default_rng(seed)
    outputs, gradients = (rng.integers(-64, 65, shape) / 32.0 for _ in range(2))
    return Trial(label, {"outputs": outputs, "gradients": gradients})


_PRODUCTS, _SLOPES = "products = outputs * gradients", "slopes = products.sum(axis=(2, 3))"
_SIZES, _MEAN = "sizes = np.abs(slopes)", "importance = sizes.mean(axis=0)"
slope_importance = Exercise(
    _slope_importance,
    "outputs (n, h, i, d), gradients (n, h, i, d) -> importance (h)",
    trials=(
        _outputs("five texts, three heads", 403, (5, 3, 7, 2)),
        _outputs("two texts, seven heads", 404, (2, 7, 3, 5)),
    ),
    mistakes=(
        Mistake(
            "signed",
            f"{_SIZES} -> sizes = slopes",
            "signs cancel between texts: take the size of each text's slope before the mean.",
        ),
        Mistake(
            "size-of-mean",
            (f"{_SIZES} -> sizes = slopes", f"{_MEAN} -> importance = np.abs(sizes.mean(axis=0))"),
            "this is the size of the mean: slopes of different texts cancel in it. Take each text's size first.",
        ),
        Mistake(
            "sizes-too-early",
            f"{_PRODUCTS} -> products = np.abs(outputs * gradients)",
            "the size is taken of every channel: one gate multiplies them all, so add them up first.",
        ),
        Mistake(
            "sizes-of-tokens",
            (f"{_SLOPES} -> slopes = np.abs(products.sum(axis=3)).sum(axis=2)",),
            "the size is taken of every token: one gate acts on all tokens of a text, so add them up first.",
        ),
        Mistake(
            "gradients-alone",
            f"{_PRODUCTS} -> products = gradients + 0",
            "the gate multiplies the output, so its slope is the gradient times the output, not the gradient alone.",
        ),
        Mistake(
            "outputs-alone",
            f"{_PRODUCTS} -> products = outputs + 0",
            "this is how large the outputs are: without the gradient nothing says what they do to the loss.",
        ),
        Mistake(
            "mean-of-channels",
            f"{_SLOPES} -> slopes = products.mean(axis=(2, 3))",
            "this divides by tokens and channels: the slope at a gate is the sum over them.",
        ),
        Mistake(
            "mean-of-tokens",
            f"{_SLOPES} -> slopes = products.sum(axis=3).mean(axis=2)",
            "this divides by the tokens: the slope at a gate is the sum over them.",
        ),
        Mistake("sum", f"{_MEAN} -> importance = sizes.sum(axis=0)", "this is the sum over texts: take their mean."),
        Mistake(
            "each-text",
            f"{_MEAN} -> importance = sizes",
            "these are the slopes of each text: average over texts, one number a head.",
        ),
        Mistake(
            "over-heads",
            f"{_MEAN} -> importance = sizes.mean(axis=1)",
            "this is averaged over the heads: average over the texts, axis 0.",
        ),
        Mistake(
            "squares",
            f"{_SIZES} -> sizes = slopes**2",
            "these are squares: the mean of the sizes is asked for.",
        ),
        Mistake(
            "root-mean-square",
            (f"{_SIZES} -> sizes = slopes**2", f"{_MEAN} -> importance = np.sqrt(sizes.mean(axis=0))"),
            "this is the root of the mean square: the mean of the sizes is asked for.",
        ),
        Mistake(
            "shares",
            f"{_MEAN} -> importance = sizes.mean(axis=0) / sizes.mean(axis=0).sum()",
            "these are shares of the sum over heads: give the means themselves.",
        ),
        Mistake(
            "first-token",
            f"{_SLOPES} -> slopes = products[:, :, 0].sum(axis=2)",
            "this is the first token alone: the gate acts on all tokens, so add them up.",
        ),
        Mistake(
            "last-token",
            f"{_SLOPES} -> slopes = products[:, :, -1].sum(axis=2)",
            "this is the last token alone: the gate acts on all tokens, so add them up.",
        ),
        Mistake(
            "normalised",
            f"{_MEAN} -> importance = sizes.mean(axis=0) / np.sqrt((sizes.mean(axis=0) ** 2).sum())",
            "these are divided by their norm over the heads: equation (2) does not divide.",
        ),
    ),
)

# ---- what removal saves

saved = Numbers(
    "saved",
    right={"numbers_of_a_head": 49248, "share_of_file": 36 * 49248 / 22565376, "share_of_products": 1 / 6},
    mistakes={
        "numbers_of_a_head": {
            49152: "that leaves out the biases of the head's queries, keys and values, 32 each.",
            36960: "that is q, k and v: the head has 32 columns of the output matrix too.",
            36864: "that is q, k and v without biases: the head has 32 columns of the output matrix too.",
            49280: "that counts 32 biases for the output too: its bias belongs to no head and stays.",
            49632: "the output's bias belongs to no head: it stays.",
            12288: "that is one of the head's four matrices.",
            590976: "those are the numbers of all twelve heads of a layer: one head is asked for.",
            591360: "those are the numbers of the whole layer: one head is asked for.",
            589824: "those are the weights of the whole layer: one head is asked for.",
        },
        "share_of_file": {
            0.5: "half of the heads go, but heads are a part of the file: most of it is words and feed-forward nets.",
            1 - 36 * 49248 / 22565376: "that is what is left: how much goes is asked for.",
            1 / 6: "that is their share of the blocks' products: the file holds the table of tokens too.",
            49248 / 22565376: "that is one head: 36 go.",
            72 * 49248 / 22565376: "that is all 72 heads: 36 go.",
            36 * 49248 / 11720448: "that is relative to the table of tokens alone: divide by all numbers of the file.",
            36 * 49248 / (22565376 - 11720448): "the table of tokens is in the file too: it makes half of it.",
        },
        "share_of_products": {
            0.5: "half of the attention goes, but the feed-forward nets multiply twice as much as the attention does.",
            1 / 3: "that is the whole attention: half of its heads go.",
            1 / 4: "attention takes 4 m², the feed-forward net 8 m²: a third is attention, not a half.",
            5 / 6: "that is what is left: how much goes is asked for.",
            1 / 5: "that is relative to what is left: divide by the products of the whole block.",
            1 / 12: "attention is a third of the products, and half of it goes.",
            1 / 8: "the feed-forward net has two maps, m to 4 m and back: 8 m², beside 4 m² of attention.",
        },
    },
)

EXERCISES = listed(smaller_layer, slope_importance)
