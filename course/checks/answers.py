"""What a learner's function answers: the call, what it returned read as arrays, or the error it raised."""

from __future__ import annotations

import copy
import dis
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from types import CodeType, CoroutineType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answer", "Arrays", "Feedback", "NotRight", "Trial", "ask", "close", "same"]

Function = Callable[..., Any]
Inputs = Mapping[str, Any]
Arrays = tuple[NDArray[Any], ...]

SINGLE_ATOL = 1e-6
NOTHING = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "POP_TOP", "CACHE", "COPY_FREE_VARS"}


@dataclass(frozen=True)
class Trial:
    """One call of the learner's function.

    Args:
        label: what is special about it, as in "large scores".
        inputs: the arguments by name, in order. Best exact in float32, with a different prime for each axis.
        single_rtol: how far off a right answer in float32 may be; more where large numbers cost it digits.
    """

    label: str
    inputs: Inputs
    single_rtol: float = 1e-5


@dataclass(frozen=True, repr=False)
class Feedback:
    """What the learner is told: `ok`, a short key `diagnosis`, and `message`, which is what a notebook shows."""

    ok: bool
    diagnosis: str
    message: str

    @property
    def _heading(self) -> str:
        return "Correct" if self.ok else "Nothing to check yet" if self.diagnosis == "unfinished" else "Not yet right"

    def __repr__(self) -> str:
        return f"{self._heading}: {self.message}"

    def _repr_html_(self) -> str:
        colour = "#009E73" if self.ok else "#0072B2" if self.diagnosis == "unfinished" else "#D55E00"
        style = f"border-left:0.3em solid {colour};padding:0.2em 0.8em;color:inherit;overflow-wrap:anywhere"
        unbroken = r'<span style="white-space:nowrap">\g<0></span>'  # else a line ends after the minus
        text = re.sub(r"-(?:np\.)?inf\b", unbroken, html.escape(self.message))
        return f'<div style="{style}"><strong>{self._heading}:</strong> {text}</div>'


class NotRight(Exception):  # noqa: N818 (a diagnosis on its way to the learner, not an error)
    """Carries the feedback of a wrong answer from where it is found."""

    def __init__(self, diagnosis: str, message: str) -> None:
        super().__init__(message)
        self.feedback = Feedback(False, diagnosis, message)


@dataclass(frozen=True)
class Answer:
    """To one trial: arrays, or the error instead of them.

    Args:
        arrays: what was returned, empty where something was raised.
        error: what was raised.
        changed: the arguments that were changed in place.
    """

    arrays: Arrays = ()
    error: BaseException | None = None
    changed: tuple[str, ...] = ()


def ask(fn: Function, trial: Trial, names: tuple[str, ...]) -> Answer:
    """Call fn, which should return one array for each of `names`, with fresh copies of a trial's inputs.

    Raises:
        NotRight: nothing was returned, or what is not real numbers.
    """
    inputs = {name: copy.copy(x) for name, x in trial.inputs.items()}
    try:
        returned = fn(*inputs.values())
    except NotImplementedError:
        raise _unfinished() from None
    except KeyboardInterrupt:  # the learner's own hand, not the function's
        raise
    except BaseException as error:  # sys.exit() too
        return Answer(error=error)
    changed = tuple(name for name, x in inputs.items() if not same(x, trial.inputs[name]))
    return Answer(_read(fn, returned, names), changed=changed)


def close(got: NDArray[Any], want: NDArray[Any], rtol: float, atol: float = SINGLE_ATOL) -> bool:
    """Whether two arrays have one shape and nearly the same numbers, NaN where the other has NaN."""
    if got.shape != want.shape:
        return False
    if got.dtype.kind == want.dtype.kind == "f":  # most are told apart by this, in a fifth of the time
        with np.errstate(all="ignore"):
            if (np.abs(got - want) > atol + rtol * np.abs(want)).any():
                return False
    return np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True)


def same(one: Any, other: Any) -> bool:
    """Whether two arguments are equal, NaN included."""
    if not isinstance(one, np.ndarray):
        return True  # numbers cannot change, and a simulated device is made to
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _unfinished() -> NotRight:
    return NotRight("unfinished", "fill in the function, then run this again.")


def _read(fn: Function, returned: object, names: tuple[str, ...]) -> Arrays:
    """`_unpack`, of whatever a function may return: an object that raises when it is looked at is no array either."""
    try:
        return _unpack(fn, returned, names)
    except (NotRight, KeyboardInterrupt):
        raise
    except BaseException as error:
        what = f"{_what(returned)}, which raises {type(error).__name__} when it is read"
        raise NotRight("type", f"{' and '.join(names)} should be real numbers; got {what}.") from None


def _unpack(fn: Function, returned: object, names: tuple[str, ...]) -> Arrays:
    if isinstance(returned, CoroutineType):
        returned.close()
        raise NotRight("type", "your function is async, and calling it runs nothing: write def instead of async def.")
    several = isinstance(returned, tuple) or (len(names) > 1 and isinstance(returned, list))
    parts = list(returned) if several else [returned]  # type: ignore[call-overload]
    if all(part is None or part is Ellipsis for part in parts):
        raise _nothing(fn, returned)
    labels = names if len(parts) == len(names) else tuple(f"part {n + 1} of what you return" for n in range(len(parts)))
    return tuple(_as_array(name, part) for name, part in zip(labels, parts, strict=True))


def _nothing(fn: Function, returned: object) -> NotRight:
    if returned is not None or _is_empty(getattr(fn, "__code__", None)):
        return _unfinished()
    return NotRight("returned-none", "your function returned None: is `return` missing? print only shows a result.")


def _is_empty(code: CodeType | None) -> bool:
    """Whether a function's body does nothing at all."""
    return code is not None and all(step.opname in NOTHING for step in dis.get_instructions(code))


def _as_array(name: str, part: Any) -> NDArray[Any]:
    if part is None:
        raise NotRight("type", f"{name} is None: what should it be? A function that changes its argument returns None.")
    try:
        array = np.asarray(part.detach().cpu() if hasattr(part, "detach") else part)
        if array.dtype.kind == "O" and all(isinstance(x, Real) for x in array.ravel()):
            array = array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise NotRight("type", f"{name} should be an array of real numbers; got {_what(part)}.")
    return array


def _what(x: Any) -> str:
    if type(x) in (tuple, list):
        return f"a {type(x).__name__} of {len(x)}"
    if type(x) is np.ndarray:
        return f"an array of {x.dtype}"
    return f"an object of type {type(x).__name__}"
