"""Errors of NumPy, torch and Python translated: from what they say to what was meant and what to write."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from course.checks.array_errors import index, letters, order_of_axes, reshape, stacked, unpacking
from course.checks.broadcast_errors import broadcast, into_place, torch_sizes
from course.checks.product_errors import inner_axes
from course.checks.scene import Scene
from course.checks.told import Told

__all__ = ["TRANSLATIONS"]

Translation = Callable[[Scene, re.Match[str]], Told | None]
LIST_METHODS = frozenset({"append", "extend", "index", "insert", "pop", "remove"})


def _attribute(scene: Scene, match: re.Match[str]) -> Told | None:
    name = match[1]
    names = {"softmax": "", "masked_fill": "np.where(mask, x, value)", "unsqueeze": "x[..., None]"}
    names |= {"permute": "x.transpose(0, 2, 1, 3)", "contiguous": "nothing", "size": "x.shape[-1]"}
    names |= {"view": "x.reshape(…)", "dim": "x.ndim", "float": "x.astype(float)", "mT": "x.swapaxes(-1, -2)"}
    if names.get(name):
        return "not-a-tensor", f"you are given NumPy arrays, which have no .{name}: write {names[name]}."
    if name in LIST_METHODS:
        return (
            "not-a-list",
            f"a NumPy array has no .{name}, and a list's would change what you are given: use an index.",
        )
    if callable(getattr(np, name, None)):
        return "not-a-method", f"you are given NumPy arrays: write np.{name}(…)."
    return "not-a-tensor", "you are given NumPy arrays: torch.as_tensor turns them into tensors."


def _unknown_name(scene: Scene, match: re.Match[str]) -> Told:
    name = match[1]
    known = {"np": "import numpy as np", "torch": "import torch", "F": "import torch.nn.functional as F"}
    known |= {"math": "import math"}
    how = (
        f"run {known[name]} first" if name in known else "is it spelt as in the signature, and defined before its use?"
    )
    return "unknown-name", f"the name `{name}` is not defined: {how}."


def _fixed(diagnosis: str, text: str) -> Callable[[Scene, re.Match[str]], Told]:
    return lambda scene, match: (diagnosis, text)


TRANSLATIONS: tuple[tuple[str, Translation], ...] = (
    (r"mismatch in its core dimension|not aligned|cannot be multiplied|size mismatch, got", inner_axes),
    (r"Expected size for first two dimensions of batch", inner_axes),
    (r"does not have enough dimensions", _fixed("single-number", "a single number cannot enter a matrix product.")),
    (r"remapped shapes \[original->remapped\]", letters),
    (r"could not be broadcast together with (?:remapped )?shapes ((?:\([\d,]*\) ?)+)", broadcast),
    (r"could not broadcast input array from shape (\([\d,]*\)) into shape (\([\d,]*\))", into_place),
    (r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\).*dimension (\d+)", torch_sizes),
    (r"axes don't match array", order_of_axes),
    (r"cannot reshape array of size (\d+) into shape (\([\d,]*\))", reshape),
    (
        r"shape '\[([\d, -]*)\]' is invalid for input of size",
        _fixed("reshape", "the product of the axes must be equal."),
    ),
    (r"view\(\) takes from", _fixed("not-a-tensor", "NumPy's view does not change the shape: write x.reshape(…).")),
    (
        r"does not result in an equal division",
        _fixed(
            "unequal-parts", "the axis cannot be cut into so many equal parts: is another axis meant, as in axis=-1?"
        ),
    ),
    (r"all input arrays must have the same shape", stacked),
    (
        r"zero-size array to reduction",
        _fixed(
            "empty-array", "an array without entries has no maximum: a row or length is 0 there, so treat it apart."
        ),
    ),
    (
        r"Expected target size",
        _fixed("cross-entropy", "cross_entropy wants the classes on axis 1: flatten to (b·i, v) and (b·i,) first."),
    ),
    (
        r"cannot select an axis to squeeze",
        _fixed("squeeze", "squeeze drops axes of length 1 only: reshape joins two axes."),
    ),
    (
        r"view size is not compatible",
        _fixed("reshape", "after a transpose use .reshape, or .contiguous() before .view."),
    ),
    (r"'numpy\.ndarray' object has no attribute '(\w+)'", _attribute),
    (r"name '(\w+)' is not defined", _unknown_name),
    (r"too many values to unpack|not enough values to unpack", unpacking),
    (r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", index),
    (
        r"out of bounds for array of dimension (\d+)|Dimension out of range",
        _fixed("axis-unknown", "there are fewer axes than that: axis=-1 is the last one, however many there are."),
    ),
    (
        r"too many indices for array",
        _fixed("too-many-indices", "the array has fewer axes than you index: has a sum or an index dropped one?"),
    ),
    (
        r"boolean index did not match|shape mismatch: indexing|The shape of the mask",
        _fixed("mask-shape", "the mask has another shape than what it indexes: np.where(mask, x, …) fits it to x."),
    ),
    (
        r"must be Tensor|expected Tensor|but got numpy|not numpy\.ndarray",
        _fixed("not-a-tensor", "you are given NumPy arrays: torch.as_tensor turns them into tensors."),
    ),
    (
        r"same dtype|expected scalar type|expected m1 and m2",
        _fixed("dtypes-differ", "float32 meets float64: the inputs are float64, so create tensors with dtype=x.dtype."),
    ),
    (
        r"can be converted to Python scalars|only (?:length-1|0-dimensional) arrays",
        _fixed("one-number", "the functions of math take one number: np.exp and np.sqrt take arrays."),
    ),
    (
        r"only integer scalar arrays can be converted to a scalar index",
        _fixed(
            "one-number", "an array stands where one whole number is meant: is it an axis, or are brackets missing?"
        ),
    ),
    (
        r"truth value of an array|Boolean value of Tensor",
        _fixed("one-number", "Python's own max, if, and, or look at one number: use np.max, np.where, &, |."),
    ),
    (r"unexpected keyword argument '?dim'?", _fixed("dim", "NumPy calls it axis, not dim.")),
    (r"unexpected keyword argument '?keepdim'?", _fixed("keepdim", "NumPy calls it keepdims, not keepdim.")),
    (
        r"[bB]oolean (?:subtract|negative)|numpy boolean subtract",
        _fixed("minus-mask", "a mask cannot be subtracted: ~mask turns True and False round."),
    ),
    (
        r"'(?:invert|bitwise_\w+)' not supported|bad operand type for unary ~",
        _fixed("not-a-mask", "~, & and | are for masks: is the array a mask, or are brackets missing around >?"),
    ),
    (
        r"Cannot cast ufunc",
        _fixed("in-place-integers", "-= and /= write into an array of integers: write x = x - …, not x -= …"),
    ),
    (
        r"cannot convert float NaN to integer|arrays used as indices must be of integer",
        _fixed("not-integers", "indices must be integers: np.argsort, np.argmax and astype(int) give such."),
    ),
    (
        r"'NoneType' object",
        _fixed("none-inside", "a function or method that you call returns None: is its `return` missing?"),
    ),
    (
        r"'(?:builtin_function_or_method|function|method)' object is not subscriptable|\bfunction' and|method' and",
        _fixed("not-called", "a function is used without being called: brackets () are missing after it."),
    ),
    (
        r"'int' object is not callable",
        _fixed(
            "called-a-number",
            "a number is called: PyTorch's functions call .size(), which of NumPy arrays is a number, so give them "
            "torch.as_tensor(x); or an operator is missing before ().",
        ),
    ),
    (r"object is not callable", _fixed("called-an-array", "() calls a function: is an operator missing, or [] meant?")),
    (
        r"referenced before assignment|not associated with a value",
        _fixed("used-before", "it is used before it is given a value on this path."),
    ),
    (r"maximum recursion depth", _fixed("endless", "it calls itself without an end.")),
    (
        r"does not have valid buffer|requires grad",
        _fixed("gradient", "a tensor with a gradient: .detach() before .numpy()."),
    ),
)
