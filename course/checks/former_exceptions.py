"""What is said of an exception that a learner's function raised: its text, the line it came from, and a hint."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["describe"]

Function = Callable[..., Any]
Shape = tuple[int, ...]

LONGEST_LINE = 120
LONGEST_TEXT = 600
REDUCTION = re.compile(r"\b(?:max|min|sum|mean|norm)\((?:[^()]|\([^()]*\))*\)")
KEEP_THE_AXIS = "A max or sum over an axis drops that axis; keepdims=True keeps it."
INNER_AXES = (
    "A matrix product needs the inner axes to agree, (a, b) @ (b, c): is a transpose missing? "
    "Or are the two in the wrong order?"
)
ONE_NUMBER = "Python's own max, if, and, or look at one number: use np.max, np.where, &, |."
HINTS = (
    ("mismatch in its core dimension", INNER_AXES),
    ("not aligned", INNER_AXES),
    ("cannot be multiplied", INNER_AXES),
    ("must be Tensor", "You are given NumPy arrays: torch.as_tensor turns them into tensors."),
    ("can be converted to Python scalars", "The functions of math take one number: np.exp and np.sqrt take arrays."),
    ("truth value of an array", ONE_NUMBER),
    ("out of bounds for array of dimension", "axis=-1 is the last axis, however many there are."),
    ("unexpected keyword argument 'dim'", "NumPy calls it axis."),
    ("unexpected keyword argument 'keepdim'", "NumPy calls it keepdims."),
)


def describe(fn: Function, error: BaseException) -> tuple[str, str]:
    """The exception, with the last line of the learner's source that led to it if there is one; and a hint or ""."""
    text = _text(error)
    line = _line(fn, error)
    return (f"{text} in `{line}`" if line else text), _hint(text, f"{_source(fn)}\n{line}")


def _text(error: BaseException) -> str:
    try:
        text = f"{type(error).__name__}: {error}".strip()
    except Exception:  # its own __str__ raises
        text = type(error).__name__
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _line(fn: Function, error: BaseException) -> str:
    file = getattr(getattr(fn, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = (lines[-1] or "") if lines else ""
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def _source(fn: Function) -> str:
    try:
        return inspect.getsource(fn)
    except Exception:  # no file, no function, or a file that has changed since
        return ""


def _hint(text: str, source: str) -> str:
    shapes = re.search(r"could not be broadcast together with shapes ((?:\([\d,]*\) ?){2})$", text.strip())
    if shapes:
        one, other = (_shape(part) for part in re.findall(r"\([\d,]*\)", shapes[1]))
        return _broadcast_hint(one, other, source)
    attribute = re.search(r"'numpy\.ndarray' object has no attribute '(\w+)'", text)
    if attribute:
        return _attribute_hint(attribute[1])
    return next((hint for part, hint in HINTS if part in text), "")


def _shape(text: str) -> Shape:
    return tuple(int(n) for n in re.findall(r"\d+", text))


def _broadcast_hint(one: Shape, other: Shape, source: str) -> str:
    """Names the repair where the shapes show it, and the shapes where they do not."""
    small, large = sorted((one, other), key=lambda shape: int(np.prod(shape)))
    bare = tuple(n for n in small if n != 1)
    if bare != small and bare == large[len(large) - len(bare) :]:
        return f"An axis was added that is not needed: {bare} would fit {large}, {small} does not."
    drops = any("keepdim" not in call for call in REDUCTION.findall(source))
    if drops and bare in [large[:n] + large[n + 1 :] for n in range(len(large))]:
        return KEEP_THE_AXIS
    return f"Compare the shapes {one} and {other} from the right: two axes fit if they are equal or one of them is 1."


def _attribute_hint(name: str) -> str:
    if callable(getattr(np, name, None)):
        return f"You are given NumPy arrays: write np.{name}(…)."
    return "You are given NumPy arrays: torch.as_tensor turns them into tensors."
