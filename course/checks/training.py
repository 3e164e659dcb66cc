"""Checks for the chapter on training: a loss in nats and bits, its gradient, a step of AdamW, clipping, numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.losses import CROSS_ENTROPY
from course.checks.numeric import Numbers
from course.checks.shared import returned

__all__ = ["EXERCISES", "adamw_step", "by_hand", "clip", "cross_entropy", "gradient"]

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
    shared=(*CROSS_ENTROPY, *returned("losses", "bits")),
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
    shared=returned("at_w", "at_b"),
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
    ),
)

# ---- a step of AdamW


def _adamw_step(
    theta: Array, g: Array, m: Array, v: Array, n: int, lr: float, decay: float
) -> tuple[Array, Array, Array]:
    """Step n, counted from 1: the parameters after it, and both averages as they are kept for the next."""
    new_m = 0.9 * m + 0.1 * g
    new_v = 0.98 * v + 0.02 * g**2
    m_hat = new_m / (1 - 0.9**n)
    v_hat = new_v / (1 - 0.98**n)
    kept = theta - lr * decay * theta
    new_theta = kept - lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    return new_theta, new_m, new_v


def _parameters(seed: int, size: int, n: int, scale: float = 1.0, steps_before: bool = True) -> dict[str, Any]:
    """Large rates and decays, so that one lr more or less is seen; `scale` is that of the gradients."""
    return {
        "theta": numbers(seed, size),
        "g": scale * numbers(seed + 1, size),
        "m": steps_before * scale * numbers(seed + 2, size),
        "v": steps_before * scale**2 * (numbers(seed + 3, size) ** 2 + 0.25),
        "n": n,
        "lr": 0.25,
        "decay": 0.5,
    }


_NEW_M, _NEW_V = "0.9 * m + 0.1 * g", "0.98 * v + 0.02 * g**2"
_M_HAT, _V_HAT = "new_m / (1 - 0.9**n)", "new_v / (1 - 0.98**n)"
_DECAYED, _DIVISOR = "theta - lr * decay * theta", "(np.sqrt(v_hat) + 1e-8)"
_STEP = f"kept - lr * m_hat / {_DIVISOR}"
_STEPPED = "return new_theta, new_m, new_v"
adamw_step = Exercise(
    _adamw_step,
    "theta (d), g (d), m (d), v (d), n, lr, decay -> new_theta (d), new_m (d), new_v (d)",
    trials=(
        Trial("a third step", _parameters(391, 7, 3)),
        Trial("a first step with m and v at 0", _parameters(401, 5, 1, steps_before=False)),
        Trial("gradients so small that 1e-8 counts", _parameters(411, 3, 2, scale=2.0**-26)),
    ),
    shared=returned("new_theta", "new_m", "new_v"),
    mistakes=(
        Mistake(
            "not-corrected",
            (f"{_M_HAT} -> new_m", f"{_V_HAT} -> new_v"),
            "m and v are not corrected: both began at 0, so divide them by 1 - β**n before the step.",
        ),
        Mistake(
            "m-not-corrected",
            f"{_M_HAT} -> new_m",
            "m is not corrected: it began at 0, so divide it by 1 - 0.9**n before the step.",
        ),
        Mistake(
            "v-not-corrected",
            f"{_V_HAT} -> new_v",
            "v is not corrected: it began at 0, so divide it by 1 - 0.98**n before the step.",
        ),
        Mistake(
            "corrected-kept",
            f"{_STEPPED} -> return new_theta, m_hat, v_hat",
            "the corrected averages are returned: the next step needs m and v as they were before the correction.",
        ),
        Mistake(
            "old-returned",
            f"{_STEPPED} -> return new_theta, m, v",
            "the old m and v are returned: the next step needs the new ones.",
        ),
        Mistake(
            "multiplied-by-the-correction",
            (f"{_M_HAT} -> new_m * (1 - 0.9**n)", f"{_V_HAT} -> new_v * (1 - 0.98**n)"),
            "m and v are multiplied by 1 - β**n, which makes them smaller still: divide.",
        ),
        Mistake(
            "beta-times-n",
            (f"{_M_HAT} -> new_m / (1 - 0.9 * n)", f"{_V_HAT} -> new_v / (1 - 0.98 * n)"),
            "the correction has β times n: it is β to the power of n, 1 - β**n.",
        ),
        Mistake(
            "corrected-without-n",
            (f"{_M_HAT} -> new_m / (1 - 0.9)", f"{_V_HAT} -> new_v / (1 - 0.98)"),
            "the correction is that of the first step at every step: at step n divide by 1 - β**n.",
        ),
        Mistake(
            "counted-from-0",
            (f"{_M_HAT} -> new_m / (1 - 0.9 ** (n + 1))", f"{_V_HAT} -> new_v / (1 - 0.98 ** (n + 1))"),
            "the correction is that of the next step: n counts from 1 already, so divide by 1 - β**n.",
        ),
        Mistake(
            "one-step-late",
            (f"{_M_HAT} -> new_m / (1 - 0.9 ** (n - 1))", f"{_V_HAT} -> new_v / (1 - 0.98 ** (n - 1))"),
            "the correction is that of the step before, at the first 0: n counts from 1, so divide by 1 - β**n.",
        ),
        Mistake(
            "betas-exchanged",
            (
                f"{_NEW_M} -> 0.98 * m + 0.02 * g",
                f"{_NEW_V} -> 0.9 * v + 0.1 * g**2",
                "1 - 0.9**n -> 1 - 0.98**n",
                "1 - 0.98**n -> 1 - 0.9**n",
            ),
            "the two β have changed places: 0.9 keeps the average of the gradient, 0.98 that of its square.",
        ),
        Mistake(
            "another-beta",
            (f"{_NEW_V} -> 0.999 * v + 0.001 * g**2", f"{_V_HAT} -> new_v / (1 - 0.999**n)"),
            "β₂ is 0.999, the usual default: here it is 0.98.",
        ),
        Mistake(
            "weights-exchanged",
            (f"{_NEW_M} -> 0.1 * m + 0.9 * g", f"{_NEW_V} -> 0.02 * v + 0.98 * g**2"),
            "β and 1 - β have changed places: the old average keeps the large share, β, the new gradient gets 1 - β.",
        ),
        Mistake(
            "gradient-in-full",
            (f"{_NEW_M} -> 0.9 * m + g", f"{_NEW_V} -> 0.98 * v + g**2"),
            "the new gradient enters in full: multiply it, and its square, by 1 - β, and averages remain averages.",
        ),
        Mistake(
            "m-in-full",
            f"{_NEW_M} -> 0.9 * m + g",
            "the gradient enters m in full, as in plain momentum: multiply it by 1 - 0.9.",
        ),
        Mistake(
            "not-squared",
            f"{_NEW_V} -> 0.98 * v + 0.02 * g",
            "v averages the gradient: it averages its square, g**2.",
            also=(f"{_NEW_V} -> 0.98 * v + 0.02 * np.abs(g)",),
        ),
        Mistake(
            "square-of-m",
            f"{_NEW_V} -> 0.98 * v + 0.02 * new_m**2",
            "v averages the square of m: it averages the square of the gradient, g**2.",
        ),
        Mistake(
            "all-squared",
            f"{_NEW_V} -> (0.98 * v + 0.02 * g) ** 2",
            "the average is squared: square the gradient first, then average.",
        ),
        Mistake(
            "no-root",
            f"{_DIVISOR} -> (v_hat + 1e-8)",
            "the root is missing: divide by np.sqrt(v̂) + ε.",
        ),
        Mistake(
            "eps-in-the-root",
            f"{_DIVISOR} -> np.sqrt(v_hat + 1e-8)",
            "ε stands below the root: it is added to the root, np.sqrt(v̂) + ε.",
        ),
        Mistake("no-eps", f"{_DIVISOR} -> np.sqrt(v_hat)", "ε is missing: divide by np.sqrt(v̂) + 1e-8."),
        Mistake(
            "root-of-the-ratio",
            f"m_hat / {_DIVISOR} -> np.sqrt(m_hat / (v_hat + 1e-8))",
            "the root is taken of the whole ratio: take it of v̂ alone.",
        ),
        Mistake(
            "m-unused",
            f"m_hat / {_DIVISOR} -> g / {_DIVISOR}",
            "the gradient itself is divided, so m has no effect: step by m̂.",
        ),
        Mistake(
            "v-unused",
            f"m_hat / {_DIVISOR} -> m_hat",
            "nothing is divided, so v has no effect: divide m̂ by np.sqrt(v̂) + ε.",
        ),
        Mistake(
            "one-for-all",
            f"{_DIVISOR} -> (np.sqrt(v_hat.sum()) + 1e-8)",
            "one number divides all parameters: each is divided by its own np.sqrt(v̂) + ε.",
            also=(f"{_DIVISOR} -> (np.sqrt(v_hat.mean()) + 1e-8)",),
        ),
        Mistake(
            "old-averages",
            ("new_m / (1 -> m / (1", "new_v / (1 -> v / (1"),
            "the step is taken with the old m and v: put the new gradient into both first.",
        ),
        Mistake(
            "decay-in-the-gradient",
            (
                f"{_NEW_M} -> 0.9 * m + 0.1 * (g + decay * theta)",
                f"{_NEW_V} -> 0.98 * v + 0.02 * (g + decay * theta) ** 2",
                f"{_DECAYED} -> theta",
            ),
            "the decay is added to the gradient, as in Adam: AdamW takes lr·decay·theta off beside the step.",
        ),
        Mistake(
            "decay-without-rate",
            f"{_DECAYED} -> theta - decay * theta",
            "the decay is not multiplied by the learning rate: take off lr·decay·theta.",
        ),
        Mistake("no-decay", f"{_DECAYED} -> theta", "there is no weight decay: take lr·decay·theta off theta too."),
        Mistake(
            "decay-added",
            f"{_DECAYED} -> theta + lr * decay * theta",
            "the decay is added, so parameters grow: take lr·decay·theta off.",
        ),
        Mistake(
            "decay-last",
            (f"{_DECAYED} -> theta", f"{_STEP} -> (kept - lr * m_hat / {_DIVISOR}) * (1 - lr * decay)"),
            "the decay comes after the step and shrinks it too: lr·decay times the old theta is taken off.",
        ),
        Mistake(
            "decay-of-one",
            f"{_DECAYED} -> theta - lr * decay",
            "every parameter loses the same amount: the decay is lr·decay times the parameter itself.",
        ),
        Mistake("climbs", f"{_STEP} -> kept + lr * m_hat / {_DIVISOR}", "the step goes up the gradient: subtract it."),
        Mistake(
            "no-rate",
            f"{_STEP} -> kept - m_hat / {_DIVISOR}",
            "the step is not multiplied by the learning rate: lr·m̂ / (np.sqrt(v̂) + ε).",
        ),
        Mistake(
            "step-alone",
            (f"{_DECAYED} -> 0 * theta", f"{_STEP} -> kept + lr * m_hat / {_DIVISOR}"),
            "this is the step: subtract it from theta and return the new parameters.",
            also=((f"{_DECAYED} -> 0 * theta", f"{_STEP} -> kept - lr * m_hat / {_DIVISOR}"),),
        ),
        Mistake(
            "plain-descent",
            f"{_STEP} -> kept - lr * g",
            "this is plain gradient descent: step by m̂ / (np.sqrt(v̂) + ε) instead of g.",
        ),
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

EXERCISES = listed(cross_entropy, gradient, adamw_step, clip)
