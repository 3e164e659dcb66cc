"""Checks for the chapter on training: a loss in nats and bits, its gradient, clipping, a schedule, numbers by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.losses import CROSS_ENTROPY
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "by_hand", "clip", "cross_entropy", "gradient", "schedule"]

Array = NDArray[Any]

# ---- the loss, in nats and bits


def _cross_entropy(logits: Array, targets: Array) -> tuple[Array, float]:
    """The loss of each example in nats, and their mean in bits."""
    asked = logits
    shifted = asked - asked.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    losses = -picked
    bits = losses.mean() / np.log(2)
    return losses, bits


_BITS = "losses.mean() / np.log(2)"
_BOTH = "return losses, bits"


def _examples(seed: int, n: int, classes: int) -> dict[str, Array]:
    targets = np.random.default_rng(seed).integers(0, classes, n)
    return {"logits": 2 * numbers(seed + 1, n, classes), "targets": targets}


def _far(examples: dict[str, Array]) -> dict[str, Array]:
    """Logits near 800 and -800, so that an exponential overflows in one row and vanishes in another."""
    rows = np.resize([800.0, -800.0, 0.0], len(examples["logits"]))
    return {**examples, "logits": examples["logits"] + rows[:, None]}


cross_entropy = Exercise(
    _cross_entropy,
    "logits (b, v), targets (b) -> losses (b), bits",
    trials=(
        Trial("seven examples of five classes", _examples(311, 7, 5)),
        Trial("three examples of eleven classes", _examples(321, 3, 11)),
        Trial("large logits", _far(_examples(331, 5, 3)), single_rtol=1e-3),
    ),
    shared=CROSS_ENTROPY,
    mistakes=(
        Mistake(
            "bits-in-nats",
            f"{_BITS} -> losses.mean()",
            "bits is in nats: a nat is 1 / ln 2 bits, so divide the mean by np.log(2).",
        ),
        Mistake(
            "bits-times-log-2",
            f"{_BITS} -> losses.mean() * np.log(2)",
            "bits is multiplied by ln 2: bits are smaller than nats, so there are more of them. Divide by np.log(2).",
        ),
        Mistake(
            "bits-of-base-10",
            f"{_BITS} -> losses.mean() / np.log(10)",
            "bits is divided by ln 10: a bit is a halving, so divide by np.log(2).",
        ),
        Mistake(
            "perplexity",
            f"{_BITS} -> np.exp(losses.mean())",
            "bits is e to the power of the loss, the perplexity: divide the mean loss by np.log(2) instead.",
            also=(f"{_BITS} -> 2 ** (losses.mean() / np.log(2)) * 1.0",),
        ),
        Mistake(
            "log2-of-the-loss",
            f"{_BITS} -> np.log2(losses.mean())",
            "bits is the logarithm of the loss: the loss is one already. Divide it by np.log(2).",
        ),
        Mistake("summed", f"{_BITS} -> losses.sum() / np.log(2)", "bits is the sum over the examples: take the mean."),
        Mistake(
            "bits-of-each",
            f"{_BITS} -> losses / np.log(2)",
            "bits holds a number for each example: return their mean.",
        ),
        Mistake(
            "losses-averaged",
            f"{_BOTH} -> return losses.mean(), bits",
            "losses is one number: return the loss of each example, (b,).",
        ),
        Mistake("exchanged", f"{_BOTH} -> return bits, losses", "the two have changed places: losses, then bits."),
        Mistake("losses-alone", f"{_BOTH} -> return losses", "you return the losses alone: their mean in bits too."),
        Mistake("bits-alone", f"{_BOTH} -> return bits", "you return the mean in bits alone: the losses first."),
    ),
)

# ---- the gradient of one softmax layer


def _gradient(x: Array, w: Array, b: Array, targets: Array) -> tuple[Array, Array]:
    """Of the mean cross-entropy of softmax(x w + b), at w and at b."""
    logits = x @ w + b
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = exponentials / exponentials.sum(axis=-1, keepdims=True)
    wanted = np.eye(len(b))[targets]
    error = p - wanted
    at_w = x.T @ error / len(x)
    at_b = error.sum(axis=0) / len(x)
    return at_w, at_b


_AT_W, _AT_B = "x.T @ error / len(x)", "error.sum(axis=0) / len(x)"
_AT_BOTH = "return at_w, at_b"


def _layer(seed: int, n: int, d: int, classes: int) -> dict[str, Array]:
    return {
        "x": numbers(seed, n, d),
        "w": numbers(seed + 1, d, classes) / 2,
        "b": numbers(seed + 2, classes) / 2,
        "targets": np.random.default_rng(seed).integers(0, classes, n),
    }


gradient = Exercise(
    _gradient,
    "x (n, d), w (d, v), b (v), targets (n) -> at_w (d, v), at_b (v)",
    trials=(
        Trial("seven examples of five channels", _layer(341, 7, 5, 3)),
        Trial("three examples of two channels", _layer(351, 3, 2, 11)),
    ),
    mistakes=(
        Mistake(
            "summed",
            (f"{_AT_W} -> x.T @ error", f"{_AT_B} -> error.sum(axis=0)"),
            "this is the gradient of the summed loss: the loss is a mean, so divide by the number of examples.",
        ),
        Mistake(
            "w-summed",
            f"{_AT_W} -> x.T @ error",
            "at_w is not divided by the number of examples, and the loss is a mean over them.",
        ),
        Mistake(
            "b-summed",
            f"{_AT_B} -> error.sum(axis=0)",
            "at_b is not divided by the number of examples, and the loss is a mean over them.",
        ),
        Mistake(
            "mean-over-classes",
            (f"{_AT_W} -> x.T @ error / error.size", f"{_AT_B} -> error.sum(axis=0) / error.size"),
            "it is divided by examples times classes: the loss is a mean over examples alone.",
        ),
        Mistake(
            "sign",
            "p - wanted -> wanted - p",
            "the sign is the wrong way round: p minus the targets is where the loss goes up, and a step subtracts it.",
        ),
        Mistake(
            "targets-missing",
            "p - wanted -> p",
            "the targets take no part: subtract 1 from the probability of each example's right class.",
        ),
        Mistake(
            "targets-alone",
            "p - wanted -> -wanted",
            "this is the gradient of the right logit alone: the softmax's denominator depends on all logits, and adds "
            "p.",
        ),
        Mistake(
            "logits-for-probabilities",
            "p - wanted -> logits - wanted",
            "the targets are subtracted from the logits: take the softmax first, p minus targets.",
        ),
        Mistake(
            "squared-error",
            "p - wanted -> p * ((p - wanted) - ((p - wanted) * p).sum(axis=-1, keepdims=True))",
            "this is the gradient of a squared error: for the cross-entropy the softmax's own derivative cancels, "
            "and p minus targets is left.",
            also=("p - wanted -> p * (1 - p) * (p - wanted)",),
        ),
        Mistake(
            "denominator-over-everything",
            "exponentials.sum(axis=-1, keepdims=True) -> exponentials.sum()",
            "the softmax runs over the whole array: over the classes, axis=-1 with keepdims=True.",
        ),
        Mistake(
            "over-examples",
            (
                "logits.max(axis=-1, keepdims=True) -> logits.max(axis=0, keepdims=True)",
                "exponentials.sum(axis=-1, keepdims=True) -> exponentials.sum(axis=0, keepdims=True)",
            ),
            "the softmax runs over the examples: it runs over the classes, axis=-1.",
        ),
        Mistake(
            "bias-unused",
            "x @ w + b -> x @ w",
            "the logits lack the bias: x @ w + b.",
        ),
        Mistake(
            "transposed",
            f"{_AT_W} -> error.T @ x / len(x)",
            "at_w is transposed: it has the shape of w, (d, v), so write x.T @ error.",
        ),
        Mistake(
            "weight-moved",
            _AT_BOTH + " -> return w - at_w, b - at_b",
            "a step is taken already: return the gradients, not the new weights.",
        ),
        Mistake(
            "b-of-each-example",
            f"{_AT_B} -> error / len(x)",
            "at_b holds a row for each example: each of them moves b, so add over the examples, axis=0.",
        ),
        Mistake(
            "b-over-classes",
            f"{_AT_B} -> error.sum(axis=1) / len(x)",
            "at_b is summed over the classes, which gives zeros: sum over the examples, axis=0.",
        ),
        Mistake("exchanged", f"{_AT_BOTH} -> return at_b, at_w", "the two have changed places: at w, then at b."),
        Mistake("w-alone", f"{_AT_BOTH} -> return at_w", "you return the gradient at w alone: that at b too."),
    ),
)

# ---- clipping by the norm of all gradients


def _clip(at_w: Array, at_b: Array, most: float) -> tuple[Array, Array]:
    """Both gradients, shortened together so that their common norm is at most `most`."""
    norm = np.sqrt((at_w**2).sum() + (at_b**2).sum())
    factor = min(1.0, most / norm)
    return factor * at_w, factor * at_b


_NORM, _FACTOR = "np.sqrt((at_w**2).sum() + (at_b**2).sum())", "min(1.0, most / norm)"
_CLIPPED = "return factor * at_w, factor * at_b"


def _gradients(seed: int, d: int, classes: int, most: float, longer: int = 1) -> dict[str, Any]:
    """at_b is `longer` times as long as drawn, so that it can be the longer of the two."""
    return {"at_w": numbers(seed, d, classes), "at_b": longer * numbers(seed + 1, classes), "most": most}


clip = Exercise(
    _clip,
    "at_w (d, v), at_b (v), most -> at_w (d, v), at_b (v)",
    trials=(
        Trial("a gradient that is too long", _gradients(361, 5, 3, 0.5)),
        Trial("a gradient that is short enough", _gradients(371, 3, 2, 64.0)),
        Trial("one that is long at b most of all", _gradients(381, 2, 7, 4.0, longer=4)),
    ),
    mistakes=(
        Mistake(
            "each-by-itself",
            f"{_CLIPPED} -> return (at_w * min(1.0, most / np.sqrt((at_w**2).sum())), "
            "at_b * min(1.0, most / np.sqrt((at_b**2).sum())))",
            "each array is shortened by its own norm, which turns the gradient: both get one factor, from the norm of "
            "all entries.",
        ),
        Mistake(
            "by-entries",
            f"{_CLIPPED} -> return np.clip(at_w, -most, most), np.clip(at_b, -most, most)",
            "each entry is clipped by itself, which turns the gradient: multiply all entries by one factor.",
        ),
        Mistake(
            "always",
            f"{_FACTOR} -> most / norm",
            "a gradient that is short enough is made longer: the factor is at most 1.",
        ),
        Mistake(
            "at-least",
            f"{_FACTOR} -> max(1.0, most / norm)",
            "short gradients are made longer and long ones left: the factor is the smaller of 1 and most / norm.",
        ),
        Mistake(
            "inverse",
            f"{_FACTOR} -> min(1.0, norm / most)",
            "the factor is upside down: most divided by the norm.",
        ),
        Mistake(
            "norm-alone",
            f"{_FACTOR} -> min(1.0, 1 / norm)",
            "they are shortened to length 1: to length most, so multiply by most / norm.",
        ),
        Mistake(
            "times-most",
            f"{_FACTOR} -> min(1.0, most)",
            "they are multiplied by most: the factor is most / norm where the norm is larger than most, else 1.",
            also=(f"{_FACTOR} -> most", f"{_FACTOR} -> most if norm > most else 1.0"),
        ),
        Mistake(
            "root-missing",
            f"{_NORM} -> (at_w**2).sum() + (at_b**2).sum()",
            "this is the norm squared: take the root.",
        ),
        Mistake(
            "sum-of-norms",
            f"{_NORM} -> np.sqrt((at_w**2).sum()) + np.sqrt((at_b**2).sum())",
            "the two norms are added: add the squares of all entries, then take one root.",
        ),
        Mistake(
            "larger-norm",
            f"{_NORM} -> max(np.sqrt((at_w**2).sum()), np.sqrt((at_b**2).sum()))",
            "this is the larger of the two norms: add the squares of all entries, then take one root.",
        ),
        Mistake(
            "w-only",
            f"{_NORM} -> np.sqrt((at_w**2).sum())",
            "the norm is that of at_w alone: the entries of at_b belong to it.",
        ),
        Mistake(
            "sum-of-sizes",
            f"{_NORM} -> np.abs(at_w).sum() + np.abs(at_b).sum()",
            "this adds absolute values: the Euclidean norm is the root of the sum of squares.",
        ),
        Mistake(
            "mean-square",
            f"{_NORM} -> np.sqrt(((at_w**2).sum() + (at_b**2).sum()) / (at_w.size + at_b.size))",
            "this is the root of the mean square: the norm is the root of the sum.",
        ),
        Mistake(
            "spectral",
            f"{_NORM} -> np.linalg.norm(at_w, 2)",
            "np.linalg.norm(…, 2) of a matrix is its largest singular value: take the root of the sum of squares.",
        ),
        Mistake(
            "zeroed",
            f"{_FACTOR} -> 1.0 if norm <= most else 0.0",
            "a gradient that is too long is thrown away: shorten it to length most and keep its direction.",
        ),
        Mistake("w-clipped", f"{_CLIPPED} -> return factor * at_w, at_b", "at_b is left as it was: shorten it too."),
        Mistake("b-clipped", f"{_CLIPPED} -> return at_w, factor * at_b", "at_w is left as it was: shorten it too."),
    ),
)

# ---- the schedule of the learning rate


def _schedule(steps: int, warmup: int) -> Array:
    """The factor on the learning rate at each step: up in a line, then down half a cosine."""
    step = np.arange(steps)
    up = (step + 1) / warmup
    down = 0.5 * (1 + np.cos(np.pi * (step - warmup) / (steps - warmup)))
    return np.where(step < warmup, up, down)


_UP = "(step + 1) / warmup"
_DOWN = "0.5 * (1 + np.cos(np.pi * (step - warmup) / (steps - warmup)))"
schedule = Exercise(
    _schedule,
    "steps, warmup -> factors (steps)",
    trials=(
        Trial("23 steps with 5 of warm-up", {"steps": 23, "warmup": 5}),
        Trial("11 steps with 3 of warm-up", {"steps": 11, "warmup": 3}),
    ),
    mistakes=(
        Mistake(
            "first-step-zero",
            f"{_UP} -> step / warmup",
            "the first step has the rate 0 and does nothing: step s of the warm-up, counted from 0, gets (s + 1) / "
            "warmup.",
        ),
        Mistake(
            "warm-up-of-all-steps",
            f"{_UP} -> (step + 1) / steps",
            "the line rises over all steps: it reaches 1 after warmup of them.",
        ),
        Mistake(
            "cosine-from-the-start",
            f"{_DOWN} -> 0.5 * (1 + np.cos(np.pi * step / steps))",
            "the cosine begins at step 0: it begins where the warm-up ends, over the steps - warmup that are left.",
        ),
        Mistake(
            "cosine-not-shifted",
            f"{_DOWN} -> 0.5 * (1 + np.cos(np.pi * step / (steps - warmup)))",
            "the cosine counts from step 0: count the steps since the warm-up, step - warmup.",
        ),
        Mistake(
            "cosine-too-slow",
            f"{_DOWN} -> 0.5 * (1 + np.cos(np.pi * (step - warmup) / steps))",
            "the cosine has not come down at the end: after the warm-up there are steps - warmup left.",
        ),
        Mistake(
            "ends-at-zero",
            f"{_DOWN} -> 0.5 * (1 + np.cos(np.pi * (step - warmup) / (steps - warmup - 1)))",
            "the last step has the factor 0 and does nothing: divide by steps - warmup, which would reach 0 one step "
            "later.",
        ),
        Mistake(
            "one-step-early",
            f"{_DOWN} -> 0.5 * (1 + np.cos(np.pi * (step - warmup + 1) / (steps - warmup)))",
            "the cosine is one step ahead: the first step after the warm-up has the factor 1.",
        ),
        Mistake(
            "quarter",
            f"{_DOWN} -> np.cos(np.pi / 2 * (step - warmup) / (steps - warmup))",
            "this is a quarter of a cosine: half of one, 0.5 * (1 + cos(π t)), flattens out at its end.",
        ),
        Mistake(
            "whole-cosine",
            f"{_DOWN} -> 0.5 * (1 + np.cos(2 * np.pi * (step - warmup) / (steps - warmup)))",
            "this is a whole turn, down and up again: half a turn is π.",
        ),
        Mistake(
            "negative",
            f"{_DOWN} -> np.cos(np.pi * (step - warmup) / (steps - warmup))",
            "the factor becomes negative, and a step would climb: 0.5 * (1 + cos(π t)) runs from 1 to 0.",
        ),
        Mistake(
            "not-halved",
            f"{_DOWN} -> 1 + np.cos(np.pi * (step - warmup) / (steps - warmup))",
            "the cosine begins at 2: halve it.",
        ),
        Mistake(
            "degrees",
            f"{_DOWN} -> 0.5 * (1 + np.cos(180 * (step - warmup) / (steps - warmup)))",
            "np.cos takes radians: half a turn is np.pi, not 180.",
        ),
        Mistake(
            "line-down",
            f"{_DOWN} -> 1 - (step - warmup) / (steps - warmup)",
            "it comes down in a line: half a cosine is asked for.",
        ),
        Mistake(
            "no-descent",
            f"{_DOWN} -> np.ones(steps)",
            "after the warm-up it stays at 1: it comes down along half a cosine.",
        ),
        Mistake(
            "no-warm-up",
            f"{_UP} -> np.ones(steps)",
            "there is no warm-up: its steps rise in a line to 1.",
        ),
        Mistake(
            "warm-up-one-longer",
            "step < warmup -> step <= warmup",
            "the warm-up takes one step too many: steps 0 … warmup - 1.",
        ),
    ),
)

# ---- numbers by hand

_MEAN = (math.log(2) + math.log(8)) / 2
by_hand = Numbers(
    "by_hand",
    right={"bits": 3.0, "mean_nats": _MEAN, "largest_rate": 0.2, "adamw_step": 0.01},
    mistakes={
        "bits": {
            math.log(8): "that is in nats: log2(8), the number of halvings from 1 to 1/8.",
            1 / 8: "that is the probability: minus its logarithm to base 2.",
            -3.0: "a loss is minus the logarithm.",
        },
        "mean_nats": {
            -math.log(
                5 / 16
            ): "that is the loss of the mean probability: take each example's loss first, then the mean.",
            2.0: "that is in bits: take natural logarithms.",
            2 * _MEAN: "that is the sum of the two: halve it.",
        },
        "largest_rate": {
            0.1: "at 1 / curvature a step lands at the bottom: up to twice that it overshoots and still comes nearer.",
            0.4: "the curvature of 5w² is its second derivative, 10, not 5.",
            2.0: "divide 2 by the curvature, which is 10.",
        },
        "adamw_step": {
            2.5: "that is the step of gradient descent: at the first step AdamW divides the gradient by its own size.",
            0.00004: "the gradient is divided by the root of its square, so its size cancels.",
            1.0: "the ratio is 1, and is multiplied by the learning rate.",
            0.001: "both averages are divided by 1 - β at the first step, so what is left is the sign of the gradient.",
        },
    },
)

EXERCISES = listed(cross_entropy, gradient, clip, schedule)
