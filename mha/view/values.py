"""What figures and the explorer are handed, brought to one form: numbers as float64 arrays, labels as texts."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mha.validation import check_texts

__all__ = ["check_text", "literal", "rounding", "to_labels", "to_numbers", "to_weights"]

KINDS = {"c": "complex numbers", "U": "text", "S": "text"}  # of arrays that hold no real numbers


def to_numbers(name: str, values: Any) -> NDArray[np.float64]:
    """Real numbers as a float64 array: an array, a tensor on any device, in any dtype, recorded or not, nested lists.

    Args:
        name: of the argument, for the message.  values: what was handed over.
    Raises:
        TypeError: they are no real numbers.
        ValueError: they are nested unevenly.
    """
    array = _to_array(name, values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {KINDS.get(array.dtype.kind, type(values).__name__)}")
    return array.astype(np.float64)


def to_weights(name: str, values: Any) -> NDArray[np.float64]:
    """`to_numbers`, less what was never a weight.

    Raises:
        TypeError: they are no real numbers; a mask of True and False is none.
    """
    if _to_array(name, values).dtype.kind == "b":
        raise TypeError(f"{name} must hold weights, got True and False: a mask says where weights may be")
    return to_numbers(name, values)


def _to_array(name: str, values: Any) -> NDArray[Any]:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return np.asarray(values.double() if values.is_floating_point() else values)  # NumPy has no bfloat16
    if isinstance(values, list | tuple) and any(isinstance(x, Tensor | list | tuple) for x in values):
        values = [_to_array(name, x) for x in values]
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be nested evenly, as an array is: {error}") from None


def rounding(values: Any) -> float:
    """By what share at most each number was rounded to fit its dtype: 2⁻⁸ in bfloat16, 2⁻¹¹ in float16."""
    if isinstance(values, list | tuple):
        return max(map(rounding, values), default=0.0)
    if isinstance(values, Tensor):
        return torch.finfo(values.dtype).eps / 2 if values.is_floating_point() else 0.0
    floating = isinstance(values, np.ndarray) and values.dtype.kind == "f"
    return float(np.finfo(values.dtype).eps) / 2 if floating else 0.0


def to_labels(name: str, labels: Any) -> list[str]:
    """Texts in an order of their own.

    Raises:
        TypeError: one string, a set or mapping, or an entry that is no string.
        ValueError: there are none.
    """
    if labels is None or isinstance(labels, Set | Mapping):
        raise TypeError(f"{name} must be a sequence of strings, got {type(labels).__name__}")
    return check_texts(name, labels)


def check_text(name: str, text: object) -> str:
    """The text itself.

    Raises:
        TypeError: it is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string, got {text!r} ({type(text).__name__})")
    return text


def literal(text: str) -> str:
    """The text with its dollar signs escaped, where Matplotlib would set what stands between two as mathematics."""
    return text.replace("$", r"\$")
