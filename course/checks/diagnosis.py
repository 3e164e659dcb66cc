"""How an exercise is judged: call the learner's function on every trial, compare, and say what is wrong.

An `Exercise` holds the right answer as a function of a few lines of plain NumPy. It is callable: in a notebook,
`check.softmax(my_softmax)` returns what to show. To write one:

    def _double(x: Array) -> Array:
        '''Each number twice.'''
        factor = 2.0
        return factor * x

    double = Exercise(
        _double,                                  # the check's name is the function's, without the underscore
        "x (i, d) -> twice (i, d)",               # arguments and results, each with its axes; numbers have none
        trials=(Trial("small numbers", {"x": numbers(1, 3, 5)}), Trial("other sizes", {"x": numbers(2, 7, 2)})),
        shared=ATTENTION,                         # tables of course.checks.shared, if it is built on attention
        mistakes=(
            Mistake("size", "factor * x -> abs(factor * x)", "the sign is lost: write 2 * x, without abs."),
            Mistake("sum", ("factor = 2.0 -> factor = 3.0", "* x -> + x"), "…"),     # two edits make one mistake
            Mistake("noise", lambda x: x + 1, "…"),                                  # where no edit expresses it
        ),
    )
    EXERCISES = listed(double)

- A mistake is "old -> new" in the body of the right answer, at every place where old stands, whole words only. New text
  may hold `;` for two statements. A mistake that raises is recognised by what it raises and in which line.
- Mistakes of a `shared` table apply where their old text stands, those of `mistakes` must. An exercise joins the shared
  tables by using their lines to the letter (see `course.checks.shared`). A shared mistake is dropped where it comes out
  right, or as an earlier one; one of `mistakes` with the same key takes its place.
- Two mistakes whose edits touch different places are tried together, and three where two explain a part of the trials.
- A diagnosis must fit what the answer gives on every trial. So choose trials in which nothing coincides: another size
  for each axis within a trial, other sizes in another trial, none of them the notebook's own.
- `course.checks.wrongs` makes the wrong functions, `course.checks.recognition` compares an answer with them. Where no
  mistake fits, small changes to the right answer that nobody listed are tried, alone and beside a mistake
  (`course.checks.mutants`): axes, names, operators, slices, steps left out, values transposed or squared on their way.
  What stands to a listed mistake's results in a simple relation, its logarithm or its order, is told beside it; never
  where the answer stands in such a relation to the right one itself: the mistake and what undoes it would fit as well.
  What they do not explain either is described by `course.checks.properties`, and what raises by `course.checks.errors`.
- The more steps a right answer has, each with a name of its own, the more is changed and named: `sums = …; x / sums`.
- Results that the right answer gives as integers must be integers.
- `remark` may add a sentence to what is said of an answer nobody foresaw, given inputs and outputs by name; `parts` may
  name places, such as {"padding": mask}, so that "right but for padding" can be said.

`tests/test_checks.py` holds all tables to what they promise: each mistake is wrong and gets its own diagnosis.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from course.checks import errors, properties
from course.checks.answers import Answer, Arrays, Feedback, NotRight, Trial, ask, close
from course.checks.edits import Mistake
from course.checks.mutants import ADDED, DETOUR
from course.checks.recognition import recognise
from course.checks.signature import Axes, Signature
from course.checks.wrongs import Wrong, Wrongs, agree

__all__ = ["Exercise", "Feedback", "Mistake", "Trial", "listed"]

Function = Callable[..., Any]

FLOAT32 = " It agrees to single precision only: some step of it computes in float32."
COARSE = FLOAT32[:-1] + ", or adds a small number such as 1e-6 that the formula does not have."


@dataclass(frozen=True, eq=False)
class Exercise:
    """What is asked for, and how it goes wrong; see the module's own text.

    Args:
        right: the right answer.  signature: its arguments and results with their axes.
        trials: the calls, the plainest first.  mistakes, shared: looked up in this order.
        remark: given inputs and outputs by name, a sentence that helps with a wrong answer nobody foresaw, or "".
        parts: given inputs by name, places of the results that may go wrong apart, by what they are called.
    """

    right: Function
    signature: str
    trials: tuple[Trial, ...]
    mistakes: tuple[Mistake, ...]
    shared: tuple[Mistake, ...] = ()
    remark: Callable[[Mapping[str, Any], Mapping[str, Any]], str] = lambda inputs, outputs: ""
    parts: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda inputs: {}

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", f"Check fn{self.signature and f': {self.signature}'}. {self.right.__doc__}")

    @property
    def name(self) -> str:
        return self.right.__name__.lstrip("_")

    def __repr__(self) -> str:
        return f"<check of {self.name}: {self.signature}>"

    def __call__(self, fn: object) -> Feedback:
        """Judge a learner's function on every trial.

        Args:
            fn: called with each trial's inputs, by position, as fresh NumPy arrays. What it returns may be NumPy, a
                torch tensor or nested lists. `None`, `...` and an empty body stand for a stub not yet filled in.
        Returns:
            Feedback: diagnosis "correct", "unfinished", a mistake's key ("a+b" for two), or what `answers`, `errors`
            and `properties` name.
        """
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._judge(_callable(fn))
        except NotRight as wrong:
            return wrong.feedback

    def _judge(self, fn: Function) -> Feedback:
        answers = [ask(fn, trial, self._results) for trial in self.trials]
        again = ask(fn, self.trials[0], self._results)
        if self._has_shapes(answers[0]) and not agree(answers[0], again, self.trials[0].single_rtol):
            raise NotRight(
                "differs-when-called-again",
                "called twice with the same input, it answers differently. Does it draw random numbers, or keep "
                "something in a global variable or a default argument?",
            )
        wrong = [n for n, answer in enumerate(answers) if not self._wrongs.is_right(n, answer)]
        if wrong:
            raise self._diagnose(fn, answers, wrong)
        self._reject_floats_for_integers(answers)
        changed = next((name for answer in answers for name in answer.changed), "")
        if changed:
            raise NotRight(
                "changes-its-argument",
                f"the answer is as it should be, but your function changes {changed} in place, and its caller may need "
                f"it: {changed} -= … and {changed}[…] = … write into it. Begin with {changed} = {changed}.copy().",
            )
        message = f"equal to the float64 reference on {_enumerated([trial.label for trial in self.trials])}."
        return Feedback(True, "correct", message + self._precision_note(answers))

    @cached_property
    def _parsed(self) -> Signature:
        return Signature(self.signature)

    def _axes(self, n: int) -> Axes:
        return self._parsed.of(self.trials[n], self.parts(self.trials[n].inputs))

    @property
    def _results(self) -> tuple[str, ...]:
        return self._parsed.results

    @cached_property
    def _wrongs(self) -> Wrongs:
        return Wrongs(self.right, self.trials, self.mistakes, self.shared, self._axes)

    @property
    def wanted(self) -> tuple[Arrays, ...]:
        """What the right answer gives on each trial."""
        return self._wrongs.wanted

    @property
    def table(self) -> tuple[Wrong, ...]:
        """The wrong functions with which an answer is compared."""
        return self._wrongs.table

    @property
    def mutants(self) -> tuple[Wrong, ...]:
        """Small changes to the right answer that nobody listed, tried where nothing else fits."""
        return self._wrongs.mutants

    def is_right(self, n: int, answer: Answer) -> bool:
        """Whether an answer to trial n is right."""
        return self._wrongs.is_right(n, answer)

    def pairs(self) -> Iterator[Wrong]:
        """Every two of them that go together."""
        return self._wrongs.pairs()

    def _has_shapes(self, answer: Answer) -> bool:
        """Whether the arrays for the first trial have the shapes that are asked for."""
        return [x.shape for x in answer.arrays] == [x.shape for x in self.wanted[0]]

    def _reject_floats_for_integers(self, answers: list[Answer]) -> None:
        for answer, want in zip(answers, self.wanted, strict=True):
            for name, got, expected in zip(self._results, answer.arrays, want, strict=True):
                if expected.dtype.kind in "iu" and got.dtype.kind == "f":
                    raise NotRight(
                        "not-integers",
                        f"the numbers are right, but {name} holds ids, which must stay integers; got {got.dtype}. "
                        "np.zeros, np.ones and np.empty need dtype=int, and division makes floats.",
                    )

    def _floats_besides(self, answers: list[Answer]) -> str:
        """What to say of ids that came as floats, in an answer that is wrong otherwise; broken numbers are no ids."""
        for answer, want in zip(answers, self.wanted, strict=True):
            for name, got, expected in zip(self._results, answer.arrays, want, strict=False):
                if expected.dtype.kind in "iu" and got.dtype.kind == "f" and np.array_equal(got, np.rint(got)):
                    return f" Besides, {name} holds ids, which must stay integers: give dtype=int."
        return ""

    def _precision_note(self, answers: list[Answer]) -> str:
        """What to say of arrays that claim double precision and have single, or ""."""
        pairs = [
            pair
            for answer, want in zip(answers, self.wanted, strict=True)
            for pair in zip(answer.arrays, want, strict=True)
        ]
        coarse = [got for got, want in pairs if got.dtype == np.float64 and not close(got, want, 1e-9, 1e-12)]
        rounded = all(np.array_equal(got, got.astype(np.float32), equal_nan=True) for got in coarse)
        return "" if not coarse else FLOAT32 if rounded else COARSE

    def _diagnose(self, fn: Function, answers: list[Answer], wrong: list[int]) -> NotRight:
        found = recognise(answers, self._wrongs, self._results)
        if found and not (found.feedback.diagnosis in (DETOUR, ADDED) and self._is_whole(answers, wrong)):
            changed = next((name for answer in answers for name in answer.changed), "")
            besides = f" Besides, {changed} is changed in place." if changed else ""
            besides += self._floats_besides(answers)
            return NotRight(found.feedback.diagnosis, found.feedback.message + besides)
        n = wrong[0]
        trial = self.trials[n]
        if error := answers[n].error:
            raised = errors.describe(fn, error, self._axes(n), self._parsed.called(trial)).feedback
            return NotRight(raised.diagnosis, raised.message + (f" Seen on {trial.label}." if n else ""))
        told = self._described(answers, wrong)
        comparable = [x.shape for x in answers[n].arrays] == [x.shape for x in self.wanted[n]]
        remark = (
            self.remark(trial.inputs, dict(zip(self._results, answers[n].arrays, strict=True))) if comparable else ""
        )
        message = f"{told.feedback.message} {remark} Seen on {trial.label}, called with {self._parsed.called(trial)}."
        return NotRight(told.feedback.diagnosis, message.replace("  ", " "))

    def _described(self, answers: list[Answer], wrong: list[int]) -> NotRight:
        """What `properties` says of the trials that went wrong and returned something."""
        failing = [n for n in wrong if answers[n].arrays]
        seen = [(self._axes(n), answers[n].arrays, self.wanted[n]) for n in failing]
        return properties.describe(seen, self._results, [self.trials[n].single_rtol for n in failing])

    def _is_whole(self, answers: list[Answer], wrong: list[int]) -> bool:
        """Whether a property of the results themselves tells all, before anything is said of the way to them."""
        returned = all(answers[n].arrays for n in wrong)
        return returned and self._described(answers, wrong).feedback.diagnosis in properties.WHOLE


def listed(*exercises: Exercise) -> dict[str, Exercise]:
    """The exercises of a chapter by name."""
    return {exercise.name: exercise for exercise in exercises}


def _callable(fn: object) -> Function:
    if fn is None or fn is Ellipsis:
        raise NotRight("unfinished", "fill in the function, then run this again.")
    if not callable(fn):
        raise NotRight("not-a-function", f"hand over the function itself, without calling it; got {type(fn).__name__}.")
    return fn


def _enumerated(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
