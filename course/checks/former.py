"""How an exercise is judged: call the learner's function, compare with the oracle, say what is wrong.

A wrong answer is recognised by computing the wrong alternatives: each exercise carries a table of mistakes, every one
of them a function, and an answer that equals what such a function gives is that mistake. An answer that equals none
is told where it differs most. Nothing is random and no answer raises.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CoroutineType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks import former_exceptions as exceptions

__all__ = ["Exercise", "Feedback", "Mistake", "Trial", "examine"]

Function = Callable[..., Any]
Inputs = Mapping[str, Any]
Outputs = tuple[NDArray[Any], ...]

_UNBROKEN = r'<span style="white-space:nowrap">\g<0></span>'

SINGLE_ATOL = 1e-6
FLOAT32 = " It agrees to single precision only: some step of it computes in float32."
COARSE = (
    " It agrees to single precision only: some step of it computes in float32, "
    "or adds a small number such as 1e-6 that the formula does not have."
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
    """A wrong answer that learners give.

    Args:
        key: its name.  answer: the function that gives it.  message: what to tell them.
        also: further functions whose wrong numbers deserve the same message.
    """

    key: str
    answer: Function
    message: str
    also: tuple[Function, ...] = ()


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
        text = re.sub(r"-(?:np\.)?inf\b", _UNBROKEN, html.escape(self.message))  # else a line ends after the minus
        return f'<div style="{style}"><strong>{self._heading}:</strong> {text}</div>'


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
            notes = [_judge(_callable(fn), exercise, n) for n in range(len(exercise.trials))]
    except _NotRight as wrong:
        return wrong.feedback
    message = f"equal to the float64 reference on {_listed([trial.label for trial in exercise.trials])}."
    return Feedback(True, "correct", message + next((note for note in (COARSE, FLOAT32) if note in notes), ""))


def _judge(fn: Function, exercise: Exercise, n_passed: int) -> str:
    """Raises _NotRight for a wrong answer; returns what there is to note of a right one."""
    trial = exercise.trials[n_passed]
    inputs = {name: np.copy(x) if isinstance(x, np.ndarray) else x for name, x in trial.inputs.items()}
    answer = _read(_call(fn, inputs, trial), exercise, trial)
    want = _run(exercise.right, trial)
    right = [_close(got, expected, trial.single_rtol) for got, expected in zip(answer, want, strict=True)]
    if not all(right):
        raise _recognise(answer, right, exercise, n_passed) or _describe(answer, want, exercise, trial)
    for name, x in inputs.items():
        if not np.array_equal(x, trial.inputs[name], equal_nan=np.asarray(x).dtype.kind == "f"):
            raise _NotRight(
                "changes-its-argument",
                f"the answer is as it should be, but your function changes {name} in place, and its caller may need "
                f"it. {name} = {name} - … makes a new array; {name} -= … and {name}[…] = … write into the old one.",
            )
    return _precision_note(answer, want)


def _precision_note(answer: Outputs, want: Outputs) -> str:
    """What to say of arrays that claim double precision and have single, or ""."""
    claims = [(got, expected) for got, expected in zip(answer, want, strict=True) if got.dtype == np.float64]
    coarse = [got for got, expected in claims if not _close(got, expected, 1e-9, 1e-12)]
    rounded = all(np.array_equal(got, got.astype(np.float32), equal_nan=True) for got in coarse)
    return "" if not coarse else FLOAT32 if rounded else COARSE


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
    except KeyboardInterrupt:  # the learner's own hand, not the function's
        raise
    except BaseException as error:  # sys.exit() too
        text, hint = exceptions.describe(fn, error)
        message = f"your function raised {text} when called with {_called(trial)}. {hint}".strip()
        raise _NotRight("raises", message) from None


def _unfinished() -> _NotRight:
    return _NotRight("unfinished", "fill in the function, then run this again.")


def _read(returned: object, exercise: Exercise, trial: Trial) -> Outputs:
    """`_unpack`, of whatever a function may return: an object that raises when it is looked at is no array either."""
    try:
        return _unpack(returned, exercise, trial)
    except (_NotRight, KeyboardInterrupt):
        raise
    except BaseException as error:
        what = f"{_what(returned)}, which raises {type(error).__name__} when it is read"
        raise _NotRight("type", f"{' and '.join(exercise.returns)} should be real numbers; got {what}.") from None


def _unpack(returned: object, exercise: Exercise, trial: Trial) -> Outputs:
    """What the learner returned, as arrays; raises _NotRight if it is not as many arrays as asked for."""
    names = exercise.returns
    if isinstance(returned, CoroutineType):
        returned.close()
        raise _NotRight("type", "your function is async, and calling it runs nothing: write def instead of async def.")
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
    if type(x) in (tuple, list):
        return f"a {type(x).__name__} of {len(x)}"
    if type(x) is np.ndarray:
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
    trial = exercise.trials[n_passed]
    table = _table(exercise, n_passed)
    seen = f" Called with {_called(trial)}."
    for mistake, wrong in table:
        if _all_close(answer, wrong, trial):
            return _NotRight(mistake.key, f"{mistake.message}{seen}")
    want = _run(exercise.right, trial)
    if any(got.shape != expected.shape for got, expected in zip(answer, want, strict=True)):
        return None  # the shape comes first
    apart = [(mistake, wrong) for mistake, wrong in table if _tells_of_one_array(wrong, want, right, trial)]
    for n in sorted((n for n, ok in enumerate(right) if not ok), reverse=True):
        for mistake, wrong in apart:
            if _close(answer[n], wrong[n], trial.single_rtol):
                return _NotRight(mistake.key, f"in {exercise.returns[n]}, {mistake.message}{seen}")
    return None


def _table(exercise: Exercise, n_passed: int) -> list[tuple[Mistake, Outputs]]:
    """The mistakes that get the first n_passed trials right, with what they give on the next."""
    trial, passed = exercise.trials[n_passed], exercise.trials[:n_passed]
    answers = [(mistake, answer) for mistake in exercise.mistakes for answer in (mistake.answer, *mistake.also)]
    return [(m, _run(answer, trial)) for m, answer in answers if all(_is_right(answer, exercise, t) for t in passed)]


def _tells_of_one_array(wrong: Outputs, want: Outputs, right: list[bool], trial: Trial) -> bool:
    """Whether a mistake fits an answer that shares one array with it.

    It does not if it is about the shapes or the order of the arrays, or says that an array is right that is not.
    """
    shapes_agree = all(w.shape == x.shape for w, x in zip(wrong, want, strict=True))
    return shapes_agree and all(
        ok or not _close(w, x, trial.single_rtol) for w, x, ok in zip(wrong, want, right, strict=True)
    )


def _is_right(answer: Function, exercise: Exercise, trial: Trial) -> bool:
    return _all_close(_run(answer, trial), _run(exercise.right, trial), trial)


def _describe(answer: Outputs, want: Outputs, exercise: Exercise, trial: Trial) -> _NotRight:
    """What can be said of a wrong answer that no mistake explains."""
    differences = [_difference(n, a, w) for n, a, w in zip(exercise.returns, answer, want, strict=True)]
    wrong = [d for d, a, w in zip(differences, answer, want, strict=True) if not _close(a, w, trial.single_rtol)]
    wrong.sort(key=lambda difference: difference[0] != "shape")
    right = [n for n, d in zip(exercise.returns, differences, strict=True) if d not in wrong]
    shapes_agree = all(a.shape == w.shape for a, w in zip(answer, want, strict=True))
    remark = exercise.remark(trial.inputs, dict(zip(exercise.returns, answer, strict=True))) if shapes_agree else ""
    parts = [message for _, message in wrong] + [f"{name} is right" for name in right]
    message = f"{'; '.join(parts)}. {remark} Seen on {trial.label}, called with {_called(trial)}."
    return _NotRight(wrong[0][0], message.replace("  ", " "))


def _difference(name: str, got: NDArray[Any], want: NDArray[Any]) -> tuple[str, str]:
    if got.shape != want.shape:
        why = (
            "that is a single number"
            if not got.shape
            else "its axes are swapped"
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
        f"{name}, where it is furthest off, at {list(at)}: {_apart(float(got[at]), float(want[at]))}{coarse}",
    )


def _apart(got: float, want: float) -> str:
    """Both numbers, with as many digits as it takes to see that they differ, four at least."""
    digits = next((n for n in range(4, 17) if f"{got:.{n}g}" != f"{want:.{n}g}"), 17)
    return f"got {got:.{digits}g}, expected {want:.{digits}g}"


def _called(trial: Trial) -> str:
    shapes = [f"{n} {x.shape}" if isinstance(x, np.ndarray) else f"{n} = {x}" for n, x in trial.inputs.items()]
    return ", ".join(shapes)


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
