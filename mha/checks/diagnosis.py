"""How an exercise is judged: call the learner's function, compare with the oracle, say what is wrong.

A wrong answer is recognised by computing the wrong alternatives: each exercise carries a table of mistakes, every one
of them a function, and an answer that equals what such a function gives is that mistake. An answer that equals none
is told where it differs most. Nothing is random and no answer raises.
"""

from __future__ import annotations

import html
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Exercise", "Feedback", "Mistake", "Trial", "examine"]

Function = Callable[..., Any]
Inputs = Mapping[str, Any]
Outputs = tuple[NDArray[Any], ...]

SINGLE_ATOL = 1e-6
ERROR_HINTS = (
    ("could not be broadcast", "A max or sum over an axis drops that axis; keepdims=True keeps it."),
    ("mismatch in its core dimension", "A matrix product needs the inner axes to agree: is a transpose missing?"),
    ("not aligned", "A matrix product needs the inner axes to agree: is a transpose missing?"),
    ("must be Tensor", "You are given NumPy arrays: torch.as_tensor turns them into tensors."),
    ("'numpy.ndarray' object has no attribute", "You are given NumPy arrays: torch.as_tensor turns them into tensors."),
)


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


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners give: its key, the function that gives it, and what to tell them."""

    key: str
    answer: Function
    message: str


@dataclass(frozen=True)
class Exercise:
    """What is asked for, and how it goes wrong.

    Args:
        returns: names of the arrays that the function returns, in order.
        right: the oracle.  trials: the calls, the plainest first; judging ends at the first that fails.
        mistakes: looked up in order.
        remark: given inputs and outputs by name, a sentence that helps with a wrong answer nobody foresaw, or "".
    """

    returns: tuple[str, ...]
    right: Function
    trials: tuple[Trial, ...]
    mistakes: tuple[Mistake, ...]
    remark: Callable[[Inputs, Inputs], str] = lambda inputs, outputs: ""


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
        return f'<div style="{style}"><strong>{self._heading}:</strong> {html.escape(self.message)}</div>'


class _NotRight(Exception):  # noqa: N818 (a diagnosis on its way to the learner, not an error)
    def __init__(self, diagnosis: str, message: str) -> None:
        super().__init__(message)
        self.feedback = Feedback(False, diagnosis, message)


def examine(fn: object, exercise: Exercise) -> Feedback:
    """Judge a learner's function on every trial of an exercise.

    Args:
        fn: called with each trial's inputs, by position, as fresh NumPy arrays. What it returns may be NumPy, a torch
            tensor or nested lists. `None`, `...` and `NotImplementedError` stand for a stub not yet filled in.
    Returns:
        Feedback: diagnosis "correct", "unfinished", a mistake's key, or one of "not-a-function", "raises", "type",
        "count", "shape", "nan", "different", "changes-its-argument".
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            double = [_judge(_callable(fn), exercise, n) for n in range(len(exercise.trials))]
    except _NotRight as wrong:
        return wrong.feedback
    message = f"equal to the float64 reference on {_listed([trial.label for trial in exercise.trials])}."
    if not all(double):
        message += " It agrees to single precision only: some step of it computes in float32."
    return Feedback(True, "correct", message)


def _judge(fn: Function, exercise: Exercise, n_passed: int) -> bool:
    """Raises _NotRight for a wrong answer; False for a right one that claims double precision and has single."""
    trial = exercise.trials[n_passed]
    inputs = {name: np.copy(x) if isinstance(x, np.ndarray) else x for name, x in trial.inputs.items()}
    answer = _unpack(_call(fn, inputs, trial), exercise, trial)
    want = _run(exercise.right, trial)
    right = [_close(got, expected, trial.single_rtol) for got, expected in zip(answer, want, strict=True)]
    if not all(right):
        raise _recognise(answer, right, exercise, n_passed) or _describe(answer, want, exercise, trial)
    for name, x in inputs.items():
        if not np.array_equal(x, trial.inputs[name], equal_nan=np.asarray(x).dtype.kind == "f"):
            raise _NotRight(
                "changes-its-argument",
                f"the answer is as it should be, but your function changes {name} in place, and its caller may need "
                f"it. Write {name} = {name} - … rather than {name} -= …",
            )
    claims_double = [got.dtype == np.float64 for got in answer]
    exact = [_close(got, expected, 1e-9, 1e-12) for got, expected in zip(answer, want, strict=True)]
    return all(e or not double for e, double in zip(exact, claims_double, strict=True))


def _callable(fn: object) -> Function:
    if fn is None or fn is Ellipsis:
        raise _unfinished()
    if not callable(fn):
        raise _NotRight(
            "not-a-function", f"hand over the function itself, without calling it; got {type(fn).__name__}."
        )
    return fn


def _call(fn: Function, inputs: Inputs, trial: Trial) -> object:
    try:
        return fn(*inputs.values())
    except NotImplementedError:
        raise _unfinished() from None
    except Exception as error:
        text = f"{type(error).__name__}: {error}".strip()
        line = _line(fn, error)
        hint = next((f" {hint}" for part, hint in ERROR_HINTS if part in text), "")
        raise _NotRight(
            "raises", f"your function raised {text}{line} when called with {_called(trial)}.{hint}"
        ) from None


def _line(fn: Function, error: Exception) -> str:
    """The last line of the learner's own source that led to the error, where it can be had."""
    file = getattr(getattr(fn, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" in `{lines[-1]}`" if lines and lines[-1] else ""


def _unfinished() -> _NotRight:
    return _NotRight("unfinished", "fill in the function, then run this again.")


def _unpack(returned: object, exercise: Exercise, trial: Trial) -> Outputs:
    """What the learner returned, as arrays; raises _NotRight if it is not as many arrays as asked for."""
    names = exercise.returns
    several = isinstance(returned, tuple) or (len(names) > 1 and isinstance(returned, list))
    parts = list(returned) if several else [returned]  # type: ignore[call-overload]
    if all(part is None or part is Ellipsis for part in parts):
        raise _unfinished()
    if len(parts) != len(names):
        want = _run(exercise.right, trial)
        asked = " and ".join(f"{name} {x.shape}" for name, x in zip(names, want, strict=True))
        raise _NotRight("count", f"return {asked}; got {_what(returned)}. Called with {_called(trial)}.")
    return tuple(_as_array(name, part) for name, part in zip(names, parts, strict=True))


def _as_array(name: str, part: Any) -> NDArray[Any]:
    try:
        array = np.asarray(part.detach().cpu() if hasattr(part, "detach") else part)
    except (TypeError, ValueError, RuntimeError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise _NotRight("type", f"{name} should be an array of real numbers; got {_what(part)}.")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _what(x: Any) -> str:
    if isinstance(x, tuple | list):
        return f"a {type(x).__name__} of {len(x)}"
    if isinstance(x, np.ndarray):
        return f"one array, {x.shape} of {x.dtype}"
    return f"an object of type {type(x).__name__}"


def _run(function: Function, trial: Trial) -> Outputs:
    returned = function(*trial.inputs.values())
    return tuple(np.asarray(x) for x in (returned if isinstance(returned, tuple) else (returned,)))


def _all_close(got: Outputs, want: Outputs, trial: Trial) -> bool:
    return all(_close(g, w, trial.single_rtol) for g, w in zip(got, want, strict=True))


def _close(got: NDArray[Any], want: NDArray[Any], rtol: float, atol: float = SINGLE_ATOL) -> bool:
    return got.shape == want.shape and np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True)


def _recognise(answer: Outputs, right: list[bool], exercise: Exercise, n_passed: int) -> _NotRight | None:
    """The mistake that gives this answer; failing that, the one that gives the last wrong array of it.

    A mistake that would have failed one of the trials that this answer passed is not the one.
    """
    trial, passed = exercise.trials[n_passed], exercise.trials[:n_passed]
    table = [(m, _run(m.answer, trial)) for m in exercise.mistakes if all(_is_right(m, exercise, t) for t in passed)]
    seen = f" Called with {_called(trial)}."
    for mistake, wrong in table:
        if _all_close(answer, wrong, trial):
            return _NotRight(mistake.key, f"{mistake.message}{seen}")
    for n in sorted((n for n, ok in enumerate(right) if not ok), reverse=True):
        for mistake, wrong in table:
            if _close(answer[n], wrong[n], trial.single_rtol):
                return _NotRight(mistake.key, f"in {exercise.returns[n]}, {mistake.message}{seen}")
    return None


def _is_right(mistake: Mistake, exercise: Exercise, trial: Trial) -> bool:
    return _all_close(_run(mistake.answer, trial), _run(exercise.right, trial), trial)


def _describe(answer: Outputs, want: Outputs, exercise: Exercise, trial: Trial) -> _NotRight:
    """What can be said of a wrong answer that no mistake explains."""
    differences = [_difference(n, a, w) for n, a, w in zip(exercise.returns, answer, want, strict=True)]
    wrong = [d for d, a, w in zip(differences, answer, want, strict=True) if not _close(a, w, trial.single_rtol)]
    right = [n for n, d in zip(exercise.returns, differences, strict=True) if d not in wrong]
    shapes_agree = all(a.shape == w.shape for a, w in zip(answer, want, strict=True))
    remark = exercise.remark(trial.inputs, dict(zip(exercise.returns, answer, strict=True))) if shapes_agree else ""
    parts = [message for _, message in wrong] + [f"{name} is right" for name in right]
    message = f"{'; '.join(parts)}. {remark} Seen on {trial.label}, called with {_called(trial)}."
    return _NotRight(wrong[0][0], message.replace("  ", " "))


def _difference(name: str, got: NDArray[Any], want: NDArray[Any]) -> tuple[str, str]:
    if got.shape != want.shape:
        why = (
            "its axes are swapped"
            if got.shape == want.shape[::-1]
            else "an axis is missing"
            if got.ndim < want.ndim
            else "there is an axis too many"
            if got.ndim > want.ndim
            else "an axis has the wrong length"
        )
        return "shape", f"expected {name} {want.shape}, got {got.shape}: {why}"
    strange = ~np.isfinite(got)
    if strange.any():
        at = tuple(int(n) for n in np.argwhere(strange)[0])
        return "nan", f"{name} holds NaN or infinity in {strange.sum()} of {got.size} places, first at {list(at)}"
    distance = np.abs(got.astype(np.float64) - want)
    at = tuple(int(n) for n in np.unravel_index(np.argmax(distance), distance.shape))
    coarse = " (float16 keeps three digits: use float32 or float64)" if got.dtype == np.float16 else ""
    return (
        "different",
        f"{name}, where it is furthest off, at {list(at)}: got {got[at]:.4g}, expected {want[at]:.4g}{coarse}",
    )


def _called(trial: Trial) -> str:
    shapes = [f"{n} {x.shape}" if isinstance(x, np.ndarray) else f"{n} = {x}" for n, x in trial.inputs.items()]
    return ", ".join(shapes)


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
