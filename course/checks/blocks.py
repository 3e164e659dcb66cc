"""Checks for the chapter on the encoder block: the net, the block in both orders, ways back, counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers
from course.checks.shared import returned

__all__ = ["EXERCISES", "block", "feed_forward", "norm_gradient", "parameters", "way_back"]

Array = NDArray[Any]

# ---- the feed-forward net


def gelu(x: Array) -> Array:
    return 0.5 * x * (1.0 + erf(x / np.sqrt(2.0)))


def gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))


def normed(x: Array) -> Array:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def linear(x: Array, weight: Array) -> Array:
    """What torch.nn.functional.linear says of a matrix that is not stored as nn.Linear stores it."""
    rows, width = x[..., 0].size, x.shape[-1]
    raise RuntimeError(
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{width} and {weight.shape[1]}x{len(weight)})"
    )


def softmax(x: Array) -> Array:
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def _feed_forward(x: Array, w_up: Array, b_up: Array, w_down: Array, b_down: Array) -> Array:
    """Up, ReLU, down, at each token by itself."""
    before = x @ w_up + b_up
    hidden = np.maximum(before, 0.0)
    out = hidden @ w_down + b_down
    return out


def _maps(seed: int, batch: int, length: int, d_model: int, d_ff: int) -> dict[str, Array]:
    return {
        "x": numbers(seed, batch, length, d_model),
        "w_up": numbers(seed + 1, d_model, d_ff),
        "b_up": numbers(seed + 2, d_ff),
        "w_down": numbers(seed + 3, d_ff, d_model),
        "b_down": numbers(seed + 4, d_model),
    }


_RELU = "np.maximum(before, 0.0)"
_RELU_LAST = "return out -> return np.maximum(out, 0.0)"
feed_forward = Exercise(
    _feed_forward,
    "x (b, i, m), w_up (m, f), b_up (f), w_down (f, m), b_down (m) -> out (b, i, m)",
    trials=(
        Trial("2 sequences of 5 tokens", _maps(31, 2, 5, 3, 11)),
        Trial("more sequences than tokens", _maps(41, 7, 2, 5, 13)),
    ),
    mistakes=(
        Mistake(
            "linear",
            f"{_RELU} -> before",
            "there is no ReLU, so the two maps are one linear map: put np.maximum(…, 0) between them.",
        ),
        Mistake(
            "relu-last",
            (f"{_RELU} -> before", _RELU_LAST),
            "the ReLU comes after the second map: it stands between the two.",
        ),
        Mistake(
            "relu-twice",
            _RELU_LAST,
            "there is a second ReLU after the second map: then the net can only ever add to the stream.",
        ),
        Mistake(
            "relu-on-x",
            (f"{_RELU} -> before", "x @ w_up -> np.maximum(x, 0.0) @ w_up"),
            "the ReLU is applied to x: it comes after the first map.",
        ),
        Mistake(
            "bias-after-relu",
            ("+ b_up ->", f"{_RELU} -> {_RELU} + b_up"),
            "b_up is added after the ReLU: it belongs inside, as each hidden entry's threshold.",
        ),
        Mistake(
            "gelu",
            f"{_RELU} -> gelu(before)",
            "a GELU stands between the maps: here the ReLU is asked for, np.maximum(…, 0).",
            also=(f"{_RELU} -> gelu_tanh(before)",),
        ),
        Mistake(
            "another-nonlinearity",
            f"{_RELU} -> np.tanh(before)",
            "another nonlinearity stands between the maps: the ReLU is asked for, np.maximum(…, 0).",
            also=(
                f"{_RELU} -> 1.0 / (1.0 + np.exp(-before))",
                f"{_RELU} -> before / (1.0 + np.exp(-before))",
                f"{_RELU} -> np.where(before > 0, before, 0.01 * before)",
                f"{_RELU} -> {_RELU} ** 2",
            ),
        ),
        Mistake("absolute", f"{_RELU} -> np.abs(before)", "negative entries change their sign: the ReLU makes them 0."),
        Mistake(
            "minimum",
            f"{_RELU} -> np.minimum(before, 0.0)",
            "the positive entries are cut off: np.maximum(…, 0) keeps them.",
        ),
        Mistake(
            "step",
            f"{_RELU} -> (before > 0)",
            "positive entries become 1: the ReLU leaves them as they are.",
        ),
        Mistake(
            "softmax",
            f"{_RELU} -> softmax(before)",
            "a softmax stands between the maps: the feed-forward net has a ReLU there.",
        ),
        Mistake(
            "np-max",
            f"{_RELU} -> np.max(before, 0)",
            "np.max(x, 0) takes the largest along axis 0, the batch: np.maximum(x, 0) compares each entry with 0.",
            also=(f"{_RELU} -> np.max(before)",),
        ),
        Mistake("no-biases", ("+ b_up ->", "+ b_down ->"), "b_up and b_down are not added."),
        Mistake("no-bias-up", "+ b_up ->", "b_up is not added."),
        Mistake("no-bias-down", "+ b_down ->", "b_down is not added."),
        Mistake(
            "bias-down-for-each",
            "+ b_down -> + len(b_up) * b_down",
            "b_down is added once for every hidden entry: add it once, after their sum.",
        ),
        Mistake(
            "residual",
            "return out -> return x + out",
            "x is added: that is the residual connection, which belongs to the block around this net.",
        ),
        Mistake(
            "maps-transposed",
            "x @ w_up -> x @ w_up.T",
            "the maps are transposed, as nn.Linear stores them: here w_up is (m, f) and w_down (f, m), so x @ w_up "
            "fits as it is.",
        ),
        Mistake(
            "second-map-transposed",
            "hidden @ w_down -> hidden @ w_down.T",
            "w_down is transposed: it is (f, m), so hidden @ w_down fits as it is.",
            also=("hidden @ w_down -> hidden @ w_up",),
        ),
        Mistake(
            "map-used-back",
            "hidden @ w_down -> hidden @ w_up.T",
            "the second map is w_up once more, transposed: it has a matrix of its own, w_down.",
        ),
        Mistake(
            "hidden-alone",
            "return out -> return hidden",
            "these are the hidden entries, (b, i, f): the second map is missing.",
            also=("return out -> return before",),
        ),
        Mistake(
            "mean-of-tokens",
            "x @ w_up -> np.broadcast_to(x.mean(1, keepdims=True), x.shape) @ w_up",
            "the tokens are averaged: the net takes each token by itself.",
            also=("x @ w_up -> x.mean(1, keepdims=True) @ w_up",),
        ),
        Mistake(
            "layer-norm",
            "return out -> return normed(out)",
            "a layer norm is taken too, of x or of the result: it stands around the net, and the net alone is asked "
            "for.",
            also=("x @ w_up -> normed(x) @ w_up",),
        ),
        Mistake(
            "residual-and-norm",
            "return out -> return normed(x + out)",
            "residual connection and layer norm are there too: they stand around the net, and the net alone is asked "
            "for.",
            also=(("x @ w_up -> normed(x) @ w_up", "return out -> return x + out"),),
        ),
        Mistake(
            "first-sequence",
            "return out -> return out[0]",
            "an index or a sum drops an axis of the result: return all sequences and all tokens, (b, i, m).",
            also=tuple(
                f"return out -> return {part}"
                for part in (
                    "out[-1]",
                    "out[:, 0]",
                    "out[:, -1]",
                    "out.mean(0)",
                    "out.mean(1)",
                    "out.sum(1)",
                    "out.sum(-1)",
                )
            ),
        ),
        Mistake(
            "biases-exchanged",
            ("+ b_up -> + b_down", "+ b_down -> + b_up"),
            "the biases are exchanged: b_up (f,) is added after w_up, b_down (m,) after w_down.",
        ),
        Mistake(
            "maps-exchanged",
            ("x @ w_up -> x @ w_down", "hidden @ w_down -> hidden @ w_up"),
            "w_down comes first: x is (b, i, m), and w_up (m, f) takes it up, then w_down (f, m) down.",
        ),
        Mistake(
            "functional-linear",
            "x @ w_up -> linear(x, w_up)",
            "F.linear transposes its matrix, for nn.Linear stores (out, in): here w_up is (m, f), so write x @ w_up, "
            "or F.linear(x, w_up.T).",
        ),
        Mistake(
            "relu-on-the-map",
            (f"{_RELU} -> before", "x @ w_up -> x @ np.maximum(w_up, 0.0)"),
            "the ReLU is applied to the matrix: it is applied to x @ w_up + b_up.",
            also=(
                (f"{_RELU} -> before", "x @ w_up -> x @ np.maximum(w_up, 0.0)", "+ b_up -> + np.maximum(b_up, 0.0)"),
            ),
        ),
        Mistake(
            "bias-into-the-map",
            "x @ w_up + b_up -> x @ (w_up + b_up)",
            "a bias is added to its matrix: it is added to the product, (x @ w_up) + b_up.",
            also=(
                "hidden @ w_down + b_down -> hidden @ (w_down + b_down)",
                ("x @ w_up + b_up -> x @ (w_up + b_up)", "hidden @ w_down + b_down -> hidden @ (w_down + b_down)"),
            ),
        ),
        Mistake(
            "nothing-to-compare-with",
            f"{_RELU} -> np.maximum(before)",
            "np.maximum compares two: write np.maximum(…, 0).",
        ),
    ),
)

# ---- the way back through a layer norm


def _norm_gradient(x: Array, gain: Array, grad: Array, eps: float) -> Array:
    """The gradient at a layer norm's input, from that at its output."""
    deviation = x - x.mean(axis=-1, keepdims=True)
    variance = (deviation**2).mean(axis=-1, keepdims=True)
    size = np.sqrt(variance + eps)
    normed = deviation / size
    inner = grad * gain
    level = inner.mean(axis=-1, keepdims=True)
    along = (inner * normed).mean(axis=-1, keepdims=True)
    return (inner - level - normed * along) / size


def _normed(seed: int, batch: int, length: int, d_model: int, size: float) -> dict[str, Any]:
    """x far from mean 0, so that no axis can be taken for another; gains of both signs."""
    x = size * (numbers(seed, batch, length, d_model) + 2 * numbers(seed + 1, batch, length, 1))
    grad = numbers(seed + 3, batch, length, d_model) + 1
    return {"x": x, "gain": numbers(seed + 2, d_model), "grad": grad, "eps": 2.0**-17}


_OUT = "(inner - level - normed * along) / size"
norm_gradient = Exercise(
    _norm_gradient,
    "x (b, i, m), gain (m), grad (b, i, m), eps -> grad_x (b, i, m)",
    trials=(
        Trial("2 sequences of 3 tokens", _normed(11, 2, 3, 7, 1.0), single_rtol=1e-4),
        Trial("numbers so small that eps counts", _normed(21, 3, 5, 11, 2.0**-8), single_rtol=1e-4),
    ),
    mistakes=(
        Mistake(
            "both-constant",
            "inner - level - normed * along -> inner",
            "mean and variance are taken for constants: they move with x, which takes two terms away, the mean of "
            "grad·gain and its part along the normalised x.",
        ),
        Mistake(
            "mean-constant",
            "- level ->",
            "the mean is taken for a constant: it moves with x, so subtract the mean of grad·gain over the channels.",
        ),
        Mistake(
            "variance-constant",
            "- normed * along ->",
            "the part along the normalised x is missing or 0: the variance moves with x. Subtract x̂ times the mean of "
            "e · x̂.",
        ),
        Mistake(
            "diagonal-only",
            "(inner - level - normed * along) -> inner * (1 - 1 / x.shape[-1] - normed**2 / x.shape[-1])",
            "each channel is taken by itself: it moves mean and variance of all channels of its token, so subtract "
            "means over the channels.",
            also=("(inner - level - normed * along) -> inner * (1 - normed**2)",),
        ),
        Mistake(
            "half-along",
            "- normed * -> - 0.5 * normed *",
            "the part along the normalised x is half of what it should be: the 2 of the square cancels the ½ of the "
            "root.",
            also=("- normed * -> - 2 * normed *",),
        ),
        Mistake("no-gain", "grad * gain -> grad", "the gain is missing: what reaches the normalised x is grad·gain."),
        Mistake(
            "gain-last",
            ("grad * gain -> grad", "along) / size -> along) / size * gain"),
            "the gain multiplies last: it comes after the norm, so on the way back it comes first, grad·gain.",
        ),
        Mistake("gain-divides", "grad * gain -> grad / gain", "the gain divides: it multiplies on the way back too."),
        Mistake(
            "not-divided",
            "along) / size -> along)",
            "nothing is divided: the norm divides by √(variance + ε), and so does its gradient.",
        ),
        Mistake(
            "multiplied",
            "along) / size -> along) * size",
            "the gradient is multiplied by √(variance + ε): divide by it, as the norm does.",
        ),
        Mistake(
            "divided-twice",
            "along) / size -> along) / size**2",
            "the gradient is divided by the variance: divide by its root, once.",
        ),
        Mistake(
            "along-x",
            ("(inner * normed) -> (inner * x)", "- normed * -> - x *"),
            "the part along x itself is taken: it is the part along the normalised x, mean subtracted and divided by "
            "√(variance + ε).",
            also=("(inner * normed) -> (inner * x)", "- normed * -> - x *"),
        ),
        Mistake(
            "along-deviation",
            ("(inner * normed) -> (inner * deviation)", "- normed * -> - deviation *"),
            "the part along x - mean is taken without dividing it by √(variance + ε): use the normalised x, both "
            "times.",
            also=("(inner * normed) -> (inner * deviation)", "- normed * -> - deviation *"),
        ),
        Mistake(
            "along-output",
            ("(inner * normed) -> (inner * gain * normed)", "- normed * -> - gain * normed *"),
            "the part along the norm's output is taken, with the gain in it: use the normalised x before the gain.",
            also=("(inner * normed) -> (inner * gain * normed)", "- normed * -> - gain * normed *"),
        ),
        Mistake(
            "grad-along",
            "(inner * normed) -> (grad * normed)",
            "the gain is missing in the part along the normalised x: it is the mean of grad·gain·normed.",
            also=(
                "(inner * normed).mean(axis=-1, keepdims=True) -> gain * (grad * normed).mean(axis=-1, keepdims=True)",
            ),
        ),
        Mistake(
            "grad-level",
            "inner.mean -> grad.mean",
            "the gain is missing in the mean: subtract the mean of grad·gain.",
            also=("inner.mean(axis=-1, keepdims=True) -> gain * grad.mean(axis=-1, keepdims=True)",),
        ),
        Mistake(
            "sums",
            ("inner.mean -> inner.sum", "(inner * normed).mean -> (inner * normed).sum"),
            "sums are subtracted instead of means: divide by m, the number of channels.",
            also=("inner.mean -> inner.sum", "(inner * normed).mean -> (inner * normed).sum"),
        ),
        Mistake("level-added", "- level -> + level", "the mean of grad·gain is added: subtract it."),
        Mistake(
            "along-added",
            "- normed * along -> + normed * along",
            "the part along the normalised x is added: subtract it.",
        ),
        Mistake(
            "over-tokens",
            "axis=-1 -> axis=1",
            "mean and variance run over the tokens: each token has its own, over its channels, the last axis.",
        ),
        Mistake(
            "over-everything",
            "axis=-1 -> axis=None",
            "one mean and one variance for the whole array: each token has its own, over its channels.",
        ),
        Mistake(
            "means-over-other-axes",
            (
                "inner.mean(axis=-1 -> inner.mean(axis=1",
                "(inner * normed).mean(axis=-1 -> (inner * normed).mean(axis=1",
            ),
            "the two means of the gradient run over the wrong axes: they run over the channels of each token, as mean "
            "and variance do.",
            also=(
                (
                    "inner.mean(axis=-1 -> inner.mean(axis=None",
                    "(inner * normed).mean(axis=-1 -> (inner * normed).mean(axis=None",
                ),
            ),
        ),
        Mistake(
            "keepdims-missing",
            "x.mean(axis=-1, keepdims=True) -> x.mean(axis=-1)",
            "a mean over the last axis drops it, and (b, i) does not fit (b, i, m): keepdims=True keeps it.",
            also=(
                "inner.mean(axis=-1, keepdims=True) -> inner.mean(axis=-1)",
                "(inner * normed).mean(axis=-1, keepdims=True) -> (inner * normed).mean(axis=-1)",
                "(deviation**2).mean(axis=-1, keepdims=True) -> (deviation**2).mean(axis=-1)",
            ),
        ),
        Mistake(
            "not-centred",
            "deviation = x - x.mean(axis=-1, keepdims=True) -> deviation = x",
            "the mean of x is not subtracted: that is the gradient of an RMS norm but for the mean.",
        ),
        Mistake(
            "rms-norm",
            ("deviation = x - x.mean(axis=-1, keepdims=True) -> deviation = x", "- level ->"),
            "this is the gradient of an RMS norm: a layer norm subtracts the mean first.",
        ),
        Mistake(
            "unbiased",
            "(deviation**2).mean(axis=-1, keepdims=True) "
            "-> (deviation**2).sum(axis=-1, keepdims=True) / (x.shape[-1] - 1)",
            "the variance is divided by m - 1 (what torch.var and torch.std do unless told otherwise): divide by m.",
        ),
        Mistake("no-root", "np.sqrt ->", "the variance is used in place of its root: take √(variance + ε)."),
        Mistake(
            "no-eps",
            "variance + eps -> variance",
            "eps is not added to the variance: it belongs below the root, on the way back too.",
        ),
        Mistake(
            "eps-outside",
            "np.sqrt(variance + eps) -> np.sqrt(variance) + eps",
            "eps is added to the root: it belongs below it, √(variance + ε).",
            also=(("variance + eps -> variance", "along) / size -> along) / (size + eps)"),),
        ),
        Mistake(
            "forward",
            f"{_OUT} -> gain * normed",
            "this is the norm itself: its gradient is asked for.",
            also=(f"{_OUT} -> normed",),
        ),
        Mistake(
            "norm-of-gradient",
            f"{_OUT} -> (inner - level) / inner.std(axis=-1, keepdims=True)",
            "the gradient itself is normalised: it is divided by the size of x, not by its own.",
        ),
        Mistake(
            "gradient-of-the-gain",
            f"{_OUT} -> grad * normed",
            "this is the gradient with respect to the gain: x is asked for.",
            also=(f"{_OUT} -> (grad * normed).sum(axis=(0, 1))",),
        ),
        Mistake("grad-unchanged", f"{_OUT} -> grad", "this is grad itself: the norm changes it on its way back."),
        Mistake(
            "own-eps",
            "variance + eps -> variance + 1e-5",
            "eps is a number of your own, or layer_norm's default of 1e-5: use the one that you are given.",
            also=tuple(f"variance + eps -> variance + {eps}" for eps in ("1e-6", "1e-8", "1e-12", "eps**2")),
        ),
        Mistake(
            "along-without-normed",
            "- normed * along -> - along",
            "the mean of e · x̂ is subtracted as it is: multiply it by x̂ first, channel by channel.",
        ),
        Mistake(
            "other-power",
            "- normed * along -> - normed * along / size",
            "the part along the normalised x has another power of √(σ² + ε): it is x̂ times the mean of e · x̂, and "
            "all is divided by √(σ² + ε) once.",
            also=(
                "- normed * along -> - normed * along / size**2",
                "- normed * along -> - normed * along * size",
                "- normed * along -> - normed * along * size**2",
                "(inner - level - normed * along) / size -> inner / size - level - normed * along",
            ),
        ),
        Mistake(
            "no-eps-at-the-end",
            "along) / size -> along) / np.sqrt(variance)",
            "eps is missing where you divide at the end: divide by √(σ² + ε) there too.",
        ),
        Mistake(
            "mean-left-in",
            "normed = deviation / size -> normed = x / size",
            "the normalised x still holds its mean: subtract it before you divide.",
        ),
        Mistake(
            "gain-twice",
            "along) / size -> along) / size * gain",
            "the gain multiplies twice, grad at first and the result at last: once, e = grad·gain.",
        ),
        Mistake(
            "along-inner",
            "- normed * along -> - inner * along",
            "the mean of e · x̂ multiplies e: it multiplies x̂, the normalised x.",
            also=("- normed * along -> - grad * along",),
        ),
        Mistake(
            "grad-unused",
            "grad * gain -> gain * np.ones_like(grad)",
            "grad has no effect, as in y.sum().backward(): what arrives is grad, y.backward(grad), or e = grad·gain.",
        ),
        Mistake(
            "one-mean-over-other-axes",
            "(inner * normed).mean(axis=-1 -> (inner * normed).mean(axis=(0, 1)",
            "one of the two means runs over other axes: both run over the channels of each token, axis=-1.",
            also=(
                "inner.mean(axis=-1 -> inner.mean(axis=(0, 1)",
                "(inner * normed).mean(axis=-1 -> (inner * normed).mean(axis=1",
                "inner.mean(axis=-1 -> inner.mean(axis=1",
                "(inner * normed).mean(axis=-1 -> (inner * normed).mean(axis=None",
                "inner.mean(axis=-1 -> inner.mean(axis=None",
                (
                    "inner.mean(axis=-1 -> inner.mean(axis=(0, 1)",
                    "(inner * normed).mean(axis=-1 -> (inner * normed).mean(axis=(0, 1)",
                ),
            ),
        ),
    ),
)

# ---- the block in both its orders


class Part:
    """A sublayer or a norm of a block, to be called: what a learner is handed, and sees named."""

    def __init__(self, name: str, does: Callable[[Array], Array]) -> None:
        self._name, self._does = name, does

    def __call__(self, x: Any) -> Array:
        """(b, i, m) -> (b, i, m).

        Raises:
            ValueError: x has other axes.
        """
        array = np.asarray(x, dtype=np.float64)
        if array.ndim != 3:
            raise ValueError(f"{self._name} takes an array of shape (b, i, m), got {array.shape}")
        return self._does(array)

    def __repr__(self) -> str:
        return "a function"


def _attend(seed: int, d_model: int) -> Part:
    """One head whose queries and keys are the tokens themselves."""
    values = numbers(seed, d_model, d_model) / 2
    return Part("attn", lambda x: softmax(x @ x.swapaxes(1, 2) / np.sqrt(d_model)) @ x @ values)


def _net(seed: int, d_model: int) -> Part:
    up, down = numbers(seed, d_model, 2 * d_model) / 2, numbers(seed + 1, 2 * d_model, d_model) / 2
    return Part("ffn", lambda x: np.maximum(x @ up, 0.0) @ down)


def _norm(name: str, seed: int, d_model: int) -> Part:
    gain = 1 + numbers(seed, d_model) / 4
    return Part(name, lambda x: gain * normed(x))


def _block(x: Array, attn: Part, ffn: Part, norm_1: Part, norm_2: Part, norm_first: bool) -> Array:
    """Attention and a feed-forward net, each with a residual connection and a norm, in pre-norm or post-norm order."""
    read = norm_1(x) if norm_first else x
    added = x + attn(read)
    stream = added if norm_first else norm_1(added)
    read_2 = norm_2(stream) if norm_first else stream
    added_2 = stream + ffn(read_2)
    out = added_2 if norm_first else norm_2(added_2)
    return out


def _block_of(seed: int, batch: int, length: int, d_model: int, norm_first: bool) -> dict[str, Any]:
    return {
        "x": numbers(seed, batch, length, d_model),
        "attn": _attend(seed + 1, d_model),
        "ffn": _net(seed + 2, d_model),
        "norm_1": _norm("norm_1", seed + 4, d_model),
        "norm_2": _norm("norm_2", seed + 5, d_model),
        "norm_first": norm_first,
    }


_READ, _READ_2 = "norm_1(x) if norm_first else x", "norm_2(stream) if norm_first else stream"
_JOIN, _JOIN_2 = "added if norm_first else norm_1(added)", "added_2 if norm_first else norm_2(added_2)"
_POST = f"{_READ} -> x", f"{_JOIN} -> norm_1(added)", f"{_READ_2} -> stream", f"{_JOIN_2} -> norm_2(added_2)"
_PRE = f"{_READ} -> norm_1(x)", f"{_JOIN} -> added", f"{_READ_2} -> norm_2(stream)", f"{_JOIN_2} -> added_2"
_BARE = f"{_READ} -> x", f"{_JOIN} -> added", f"{_READ_2} -> stream", f"{_JOIN_2} -> added_2"
block = Exercise(
    _block,
    "x (b, i, m), attn, ffn, norm_1, norm_2, norm_first -> out (b, i, m)",
    trials=(
        Trial("post-norm", _block_of(83, 2, 5, 7, False)),
        Trial("pre-norm", _block_of(83, 2, 5, 7, True)),
        Trial("post-norm with other sizes", _block_of(91, 5, 3, 11, False)),
        Trial("pre-norm with other sizes", _block_of(91, 5, 3, 11, True)),
    ),
    mistakes=(
        Mistake(
            "no-residuals",
            ("x + attn(read) -> attn(read)", "stream + ffn(read_2) -> ffn(read_2)"),
            "there is no residual connection: add to each sublayer's output what came in.",
        ),
        Mistake(
            "no-residual-around-attention",
            "x + attn(read) -> attn(read)",
            "the attention has no residual connection: x + attn(…).",
        ),
        Mistake(
            "no-residual-around-net",
            "stream + ffn(read_2) -> ffn(read_2)",
            "the feed-forward net has no residual connection: add to its output what came out of the first half.",
        ),
        Mistake(
            "residual-after-the-norm",
            ("x + attn(read) -> read + attn(read)", "stream + ffn(read_2) -> read_2 + ffn(read_2)"),
            "in pre-norm the residual is taken after the norm, as by x = norm_1(x): add to x itself; only the sublayer "
            "reads the norm.",
            also=("x + attn(read) -> read + attn(read)", "stream + ffn(read_2) -> read_2 + ffn(read_2)"),
        ),
        Mistake(
            "orders-exchanged",
            "norm_first -> not norm_first",
            "the two orders have changed places: norm_first=True is pre-norm, the norm before each sublayer.",
        ),
        Mistake("always-post", _POST, "it is post-norm whatever norm_first says: write the pre-norm order too."),
        Mistake("always-pre", _PRE, "it is pre-norm whatever norm_first says: write the post-norm order too."),
        Mistake("no-norms", _BARE, "the norms take no part: they stand before each sublayer, or after each sum."),
        Mistake(
            "norm-of-the-sublayer",
            (
                f"{_READ} -> x",
                "x + attn(read) -> x + norm_1(attn(read))",
                f"{_JOIN} -> added",
                f"{_READ_2} -> stream",
                "stream + ffn(read_2) -> stream + norm_2(ffn(read_2))",
                f"{_JOIN_2} -> added_2",
            ),
            "the norm is taken of the sublayer's output: post-norm takes it of the sum, pre-norm of what goes in.",
        ),
        Mistake(
            "post-norm-of-the-sublayer",
            (
                "x + attn(read) -> x + (attn(read) if norm_first else norm_1(attn(read)))",
                f"{_JOIN} -> added",
                "stream + ffn(read_2) -> stream + (ffn(read_2) if norm_first else norm_2(ffn(read_2)))",
                f"{_JOIN_2} -> added_2",
            ),
            "in post-norm the norm is taken of the sublayer's output, before the sum: take it of the sum.",
        ),
        Mistake(
            "pre-norm-of-the-sublayer",
            (
                f"{_READ} -> x",
                "x + attn(read) -> x + (norm_1(attn(read)) if norm_first else attn(read))",
                f"{_READ_2} -> stream",
                "stream + ffn(read_2) -> stream + (norm_2(ffn(read_2)) if norm_first else ffn(read_2))",
            ),
            "in pre-norm the norm is taken of what the sublayer gives: take it of what the sublayer reads.",
        ),
        Mistake(
            "norms-on-both-sides",
            (_PRE[0], _POST[1], _PRE[2], _POST[3]),
            "each norm is taken twice, before the sublayer and after the sum: once, where norm_first says.",
        ),
        Mistake(
            "norms-exchanged",
            ("norm_1 -> norm_2", "norm_2 -> norm_1"),
            "the norms have changed places: norm_1 goes with the attention, norm_2 with the feed-forward net.",
        ),
        Mistake(
            "one-norm-for-both",
            "norm_2 -> norm_1",
            "norm_1 serves both halves: the feed-forward net has a norm of its own, norm_2.",
            also=("norm_1 -> norm_2",),
        ),
        Mistake(
            "first-norm-missing",
            (f"{_READ} -> x", f"{_JOIN} -> added"),
            "norm_1 is missing: it stands before the attention, or after its sum.",
        ),
        Mistake(
            "second-norm-missing",
            (f"{_READ_2} -> stream", f"{_JOIN_2} -> added_2"),
            "norm_2 is missing: it stands before the feed-forward net, or after its sum.",
        ),
        Mistake(
            "norm-at-the-end",
            f"{_JOIN_2} -> norm_2(added_2)",
            "pre-norm ends in a norm: that last norm stands once after the whole stack, no block ends in one.",
        ),
        Mistake(
            "post-norm-of-the-end-alone",
            f"{_JOIN} -> added",
            "post-norm lacks the norm after the first sum: it follows each sum.",
        ),
        Mistake(
            "pre-norm-of-the-attention-alone",
            f"{_READ_2} -> stream",
            "in pre-norm the feed-forward net reads the stream itself: it reads norm_2 of it.",
        ),
        Mistake(
            "pre-norm-of-the-net-alone",
            f"{_READ} -> x",
            "in pre-norm the attention reads x itself: it reads norm_1 of it.",
        ),
        Mistake(
            "net-first",
            ("attn(read) -> ffn(read)", "ffn(read_2) -> attn(read_2)"),
            "the feed-forward net comes first: the attention does, with norm_1.",
            also=(("attn(read) -> ffn(read)", "ffn(read_2) -> attn(read_2)", "norm_1 -> norm_2", "norm_2 -> norm_1"),),
        ),
        Mistake(
            "parallel",
            "norm_2(stream) if norm_first -> norm_2(x) if norm_first",
            "the net reads the block's input, so the halves work side by side: it reads what the first half gave.",
            also=(f"{_READ_2} -> norm_2(x) if norm_first else x", f"{_READ_2} -> norm_2(stream) if norm_first else x"),
        ),
        Mistake(
            "adds-the-block-input",
            "stream + ffn(read_2) -> x + ffn(read_2)",
            "the second residual connection adds the block's input: it adds what came out of the first half.",
        ),
        Mistake(
            "attention-lost",
            ("stream + ffn(read_2) -> x + ffn(read_2)", f"{_READ_2} -> norm_2(x) if norm_first else x"),
            "the attention has no effect: the second half begins with x instead of what the first half gave.",
        ),
        Mistake("net-missing", f"{_JOIN_2} -> stream", "the second half is missing: the feed-forward net with norm_2."),
        Mistake(
            "attention-twice",
            "ffn(read_2) -> attn(read_2)",
            "the attention stands in both halves: the second half has the feed-forward net.",
            also=("attn(read) -> ffn(read)",),
        ),
        Mistake(
            "sublayers-in-a-row",
            (f"{_JOIN} -> attn(read)", "stream + ffn(read_2) -> x + ffn(read_2)"),
            "one residual connection goes around both sublayers: each has its own.",
            also=((f"{_JOIN} -> attn(read)", f"{_READ_2} -> stream", "stream + ffn(read_2) -> x + ffn(read_2)"),),
        ),
        Mistake(
            "multiplied",
            ("x + attn(read) -> x * attn(read)", "stream + ffn(read_2) -> stream * ffn(read_2)"),
            "a sublayer's output multiplies the stream: add it.",
        ),
        Mistake(
            "subtracted",
            ("x + attn(read) -> x - attn(read)", "stream + ffn(read_2) -> stream - ffn(read_2)"),
            "a sublayer's output is subtracted: add it.",
        ),
        Mistake(
            "last-sublayer-alone",
            "return out -> return ffn(read_2)",
            "this is what the feed-forward net adds: return the stream with it.",
        ),
    ),
)

# ---- the way back through sums


def _way_back(w_up: Array, w_down: Array, top: Array) -> tuple[Array, Array]:
    """The gradient at each depth, the top's last: with residual connections, and without."""
    around, through = [top], [top]
    for up, down in zip(w_up[::-1], w_down[::-1], strict=True):
        around.append(around[-1] + around[-1] @ down.T @ up.T)
        through.append(through[-1] @ down.T @ up.T)
    added, plain = np.array(around[::-1]), np.array(through[::-1])
    return added, plain


def _sublayers(seed: int, n: int, d_model: int, d_ff: int) -> dict[str, Array]:
    return {
        "w_up": numbers(seed, n, d_model, d_ff) / 2,
        "w_down": numbers(seed + 1, n, d_ff, d_model) / 2,
        "top": numbers(seed + 2, d_model),
    }


_SUM = "around[-1] + around[-1] @"
_ROWS = ("np.array(around[::-1]) -> np.array(around", "np.array(through[::-1]) -> np.array(through")
way_back = Exercise(
    _way_back,
    "w_up (n, m, f), w_down (n, f, m), top (m) -> added (n+1, m), plain (n+1, m)",
    trials=(
        Trial("three sublayers", _sublayers(71, 3, 7, 2)),
        Trial("five sublayers", _sublayers(75, 5, 2, 11)),
        Trial("two sublayers", _sublayers(79, 2, 5, 3)),
    ),
    shared=returned("added", "plain"),
    mistakes=(
        Mistake(
            "no-path-around",
            f"{_SUM} -> around[-1] @",
            "added is the same as plain: around each sublayer the gradient comes down as it is, so add it. Or one "
            "array serves both, a = b = …, and is overwritten.",
        ),
        Mistake(
            "not-transposed",
            "down.T @ up.T -> up @ down",
            "the maps are used as on the way forward: on the way back each is transposed, the last one first, "
            "grad @ w_down.T @ w_up.T.",
        ),
        Mistake(
            "order-of-maps",
            "down.T @ up.T -> up.T @ down.T",
            "w_up comes first on the way forward, so on the way back w_down does: grad @ w_down.T @ w_up.T.",
            also=("down.T @ up.T -> down @ up",),
        ),
        Mistake(
            "one-array-for-all-rows",
            "added, plain = -> around = [around[-1]] * len(around); added, plain =",
            "all rows of added are one: g += … changes the array that the list already holds. Write g = g + … instead.",
        ),
        Mistake(
            "from-the-bottom",
            "w_up[::-1], w_down[::-1] -> w_up, w_down",
            "the way back begins with the first sublayer: it begins at the top, with the last.",
        ),
        Mistake(
            "top-first",
            tuple(f"{row})" for row in _ROWS),
            "the rows begin at the top: row 0 is the input of the first sublayer, and the last row is top.",
        ),
        Mistake(
            "top-missing",
            ("around[::-1] -> around[:0:-1]", "through[::-1] -> through[:0:-1]"),
            "the top is missing: n sublayers have n inputs, and top is one more row, the last.",
        ),
        Mistake(
            "bottom-missing",
            ("around[::-1] -> around[-2::-1]", "through[::-1] -> through[-2::-1]"),
            "the input of the first sublayer is missing: n + 1 rows are asked for.",
        ),
        Mistake(
            "bottom-only",
            ("np.array(around[::-1]) -> around[-1]", "np.array(through[::-1]) -> through[-1]"),
            "this is the gradient at the very bottom: one row for each depth is asked for.",
        ),
        Mistake(
            "top-at-each-depth",
            f"{_SUM} -> top + around[-1] @",
            "in added, top is added at each depth: what goes around a sublayer is the gradient just above it.",
        ),
        Mistake(
            "one-for-the-identity",
            f"{_SUM} -> 1 + around[-1] @",
            "in added, 1 takes the place of the identity: I + J sends a gradient g to g + gJ.",
            also=("around[-1] + around[-1] @ down.T @ up.T -> around[-1] * (1 + around[-1] @ down.T @ up.T)",),
        ),
        Mistake(
            "one-sublayer-each",
            f"{_SUM} -> top + top @",
            "in added, each row has gone through one sublayer: it goes through all of those above.",
        ),
        Mistake(
            "plain-one-sublayer-each",
            "through.append(through[-1] -> through.append(top",
            "in plain, each row has gone through one sublayer: it goes through all of those above.",
        ),
        Mistake(
            "subtracted",
            f"{_SUM} -> around[-1] - around[-1] @",
            "the sublayer's part is subtracted: the derivative of x + f(x) is the identity plus that of f.",
        ),
        Mistake(
            "path-around-alone",
            f"{_SUM} -> around[-1] + 0 * around[-1] @",
            "in added, only the path around is there: each sublayer's own part comes on top.",
        ),
        Mistake(
            "path-around-in-plain",
            "through.append(through[-1] @ -> through.append(through[-1] + through[-1] @",
            "plain is the same as added: without residual connections all goes through the sublayers. Or one array "
            "serves both, a = b = …, and is overwritten.",
        ),
        Mistake(
            "added-from-plain",
            f"{_SUM} -> around[-1] + through[-1] @",
            "in added, what goes through a sublayer is taken from plain: it is the whole gradient just above it.",
        ),
        Mistake(
            "lengths",
            "return added, plain -> return np.linalg.norm(added, axis=-1), np.linalg.norm(plain, axis=-1)",
            "these are the lengths of the gradients: return the gradients themselves.",
        ),
        Mistake(
            "row-0-never-written",
            "return added, plain -> added[0] = plain[0] = 0.0; return added, plain",
            "row 0 is 0 in both: does the loop stop one sublayer early? range(n - 1, -1, -1) reaches 0.",
        ),
        Mistake(
            "written-too-early",
            (
                "np.array(around[::-1]) -> np.array([*around[-2::-1], top])",
                "np.array(through[::-1]) -> np.array([*through[-2::-1], top])",
            ),
            "top comes twice, and the input of the first sublayer is missing: write each row after the gradient has "
            "gone through its sublayer.",
        ),
        Mistake(
            "bottom-and-top-alone",
            (
                "np.array(around[::-1]) -> np.array([around[-1], top])",
                "np.array(through[::-1]) -> np.array([through[-1], top])",
            ),
            "only the bottom and the top have a row: return the gradient at the input of each sublayer, then top.",
        ),
        Mistake(
            "as-one-array",
            "return added, plain -> return np.array([added, plain])",
            "both come as one array, (2, n + 1, m): return the two, added, plain.",
        ),
        Mistake(
            "top-everywhere",
            "return added, plain -> added[:] = plain[:] = top; return added, plain",
            "every row is top: the gradient changes at each sublayer, so carry on with what the last step gave.",
        ),
        Mistake(
            "one-sublayer-for-all",
            "w_up[::-1], w_down[::-1] -> [w_up[0]] * len(w_up), [w_down[0]] * len(w_up)",
            "the same two matrices serve every sublayer: each has its own, w_up[l] and w_down[l].",
            also=("w_up[::-1], w_down[::-1] -> [w_up[-1]] * len(w_up), [w_down[-1]] * len(w_up)",),
        ),
        Mistake(
            "matrix-too-far",
            "return added, plain -> return added, w_up[len(w_up)]",
            "there are n matrices and n + 1 rows: from row l + 1 to row l the gradient goes through w_down[l] and "
            "w_up[l].",
        ),
    ),
)

# ---- parameters

_M = 384
_ATTENTION, _FEED_FORWARD, _NORMS = 4 * _M**2 + 4 * _M, 8 * _M**2 + 5 * _M, 4 * _M
parameters = Numbers(
    "parameters",
    right={"attention": _ATTENTION, "feed_forward": _FEED_FORWARD, "norms": _NORMS, "share": 2 / 3},
    mistakes={
        "attention": {
            4 * _M**2: "the biases are missing: each of the four maps has m of them.",
            3 * _M**2: "the output map is missing, and the biases: there are four maps from m to m.",
            3 * _M**2 + 3 * _M: "the output map is missing: there are four maps from m to m.",
            4 * _M**2 + 3 * _M: "the output map has a bias too.",
            12 * 4 * _M**2: "the heads share the width: together their maps are m by m, however many they are.",
        },
        "feed_forward": {
            8 * _M**2: "the biases are missing: 4m above and m below.",
            8 * _M**2 + 4 * _M: "the second map has a bias too, of m entries.",
            8 * _M**2 + _M: "the first map has a bias too, of 4m entries.",
            8 * _M**2 + 8 * _M: "the second map's bias has m entries, not 4m.",
            4 * _M**2: "there are two maps, up and down, and both have biases.",
            4 * _M**2 + 4 * _M: "that is the map up alone: the map down comes on top.",
        },
        "norms": {
            2 * _M: "a block has two norms, and each has a gain and a shift of m entries.",
            _M: "a block has two norms, and each has a gain and a shift of m entries.",
            8 * _M: "a block has two norms, and each has a gain and a shift of m entries.",
            4: "a norm has a gain and a shift for each channel, not one for all.",
        },
        "share": {
            8 / 11: "the attention has four maps, not three: the output map counts.",
            1 / 3: "that is the share of the attention.",
            0.5: "the feed-forward net has 8m² parameters, the attention 4m².",
            2.0: "that is how many times the attention's it is: the share of the whole block is asked for.",
        },
    },
)

EXERCISES = listed(feed_forward, norm_gradient, block, way_back)
