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
- What no mistake explains is described by `course.checks.properties`, and what raises by `course.checks.errors`.
- Results that the right answer gives as integers must be integers.
- `remark` may add a sentence to what is said of an answer nobody foresaw, given inputs and outputs by name; `parts` may
  name places, such as {"padding": mask}, so that "right but for padding" can be said.

`tests/test_checks.py` holds all tables to what they promise: each mistake is wrong and gets its own diagnosis.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, combinations, product
from typing import Any

import numpy as np

from course.checks import errors, properties
from course.checks.answers import Answer, Arrays, Feedback, NotRight, Trial, ask, close
from course.checks.edits import Edit, Mistake, Source, Span, apart
from course.checks.signature import Axes, Signature

__all__ = ["Exercise", "Feedback", "Mistake", "Trial", "listed"]

Function = Callable[..., Any]

MOST_EXTENDED, MOST_STYLED = 20, 500
LIKELY, CLEARLY = 0.4, 0.05
FLOAT32 = " It agrees to single precision only: some step of it computes in float32."
COARSE = FLOAT32[:-1] + ", or adds a small number such as 1e-6 that the formula does not have."


@dataclass(eq=False)
class Wrong:
    """One wrong function: what is said of it, its edits, and what it gives on each trial, computed when asked for.

    `first` is False for a mistake's further edits, which are not paired with one another: there are too many.
    """

    mistakes: tuple[Mistake, ...]
    fn: Function
    spans: tuple[Span, ...] = ()
    first: bool = True
    answers: dict[int, Answer] = field(default_factory=dict)

    def on(self, n: int, trial: Trial) -> Answer:
        if n not in self.answers:
            self.answers[n] = _answer(self.fn, trial)
        return self.answers[n]

    @property
    def diagnosis(self) -> str:
        return "+".join(mistake.key for mistake in self.mistakes)

    @property
    def message(self) -> str:
        if len(self.mistakes) == 1:
            return self.mistakes[0].message
        first, *rest = (mistake.message for mistake in self.mistakes)
        return f"{('two', 'three')[len(rest) - 1]} things are wrong. First, {first} Then, {' Then, '.join(rest)}"


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
        if self._has_shapes(answers[0]) and not _agree(answers[0], again, self.trials[0].single_rtol):
            raise NotRight(
                "differs-when-called-again",
                "called twice with the same input, it answers differently. Does it draw random numbers, or keep "
                "something in a global variable or a default argument?",
            )
        wrong = [n for n, answer in enumerate(answers) if not self._is_right(n, answer)]
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

    # ---- right or wrong

    @cached_property
    def _parsed(self) -> Signature:
        return Signature(self.signature)

    def _axes(self, n: int) -> Axes:
        return self._parsed.of(self.trials[n], self.parts(self.trials[n].inputs))

    @property
    def _results(self) -> tuple[str, ...]:
        return self._parsed.results

    @cached_property
    def wanted(self) -> tuple[Arrays, ...]:
        answers = [_answer(self.right, trial) for trial in self.trials]
        if failed := next((answer.error for answer in answers if answer.error), None):
            raise ValueError(f"the right answer of {self.name} raises") from failed
        return tuple(answer.arrays for answer in answers)

    def _has_shapes(self, answer: Answer) -> bool:
        """Whether the arrays for the first trial have the shapes that are asked for."""
        return [x.shape for x in answer.arrays] == [x.shape for x in self.wanted[0]]

    def _is_right(self, n: int, answer: Answer) -> bool:
        return _agree(answer, Answer(self.wanted[n]), self.trials[n].single_rtol)

    def _reject_floats_for_integers(self, answers: list[Answer]) -> None:
        for answer, want in zip(answers, self.wanted, strict=True):
            for name, got, expected in zip(self._results, answer.arrays, want, strict=True):
                if expected.dtype.kind in "iu" and got.dtype.kind == "f":
                    raise NotRight(
                        "not-integers",
                        f"the numbers are right, but {name} holds ids, which must stay integers; got {got.dtype}. "
                        "np.zeros and np.full need dtype=int, and division makes floats.",
                    )

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

    # ---- what is wrong

    def _diagnose(self, fn: Function, answers: list[Answer], wrong: list[int]) -> NotRight:
        found = self._recognised(answers) or self._recognised_in_one_array(answers)
        if found:
            changed = next((name for answer in answers for name in answer.changed), "")
            besides = f" Besides, {changed} is changed in place." if changed else ""
            return NotRight(found.feedback.diagnosis, found.feedback.message + besides)
        n = wrong[0]
        trial = self.trials[n]
        if error := answers[n].error:
            raised = errors.describe(fn, error, self._axes(n), self._parsed.called(trial)).feedback
            return NotRight(raised.diagnosis, raised.message + (f" Seen on {trial.label}." if n else ""))
        failing = [n for n in wrong if answers[n].arrays]
        seen = [(self._axes(n), answers[n].arrays, self.wanted[n]) for n in failing]
        told = properties.describe(seen, self._results, [self.trials[n].single_rtol for n in failing])
        comparable = [x.shape for x in answers[n].arrays] == [x.shape for x in self.wanted[n]]
        remark = (
            self.remark(trial.inputs, dict(zip(self._results, answers[n].arrays, strict=True))) if comparable else ""
        )
        message = f"{told.feedback.message} {remark} Seen on {trial.label}, called with {self._parsed.called(trial)}."
        return NotRight(told.feedback.diagnosis, message.replace("  ", " "))

    def _recognised(self, answers: list[Answer]) -> NotRight | None:
        """The mistake, or the two or three together, that give this answer on every trial."""
        partly: list[tuple[int, Wrong]] = []
        rightly: list[Wrong] = []
        raises = any(answer.error for answer in answers)  # many mistakes raise alike, and the likeliest is to be found
        for group in (self.table, self.pairs()):
            fitting = []
            for wrong in group:
                n_fits = self._n_fitting(wrong, answers)
                if n_fits == len(answers):
                    fitting.append(wrong)
                    if not raises:
                        break
                elif any(not self._is_right(n, answers[n]) for n in range(n_fits)):
                    partly.append((n_fits, wrong))
                elif n_fits:
                    rightly.append(wrong)
            if fitting:
                return self._told(fitting, answers)
        partly.sort(key=lambda pair: -pair[0])
        threes = (
            *(three for _, part in partly[:MOST_EXTENDED] for three in self._extended(part, self.table)),
            *(three for part in rightly[:MOST_STYLED] for three in self._extended(part, ())),
        )
        all_three = next((w for w in threes if self._n_fitting(w, answers) == len(answers)), None)
        return self._told([all_three], answers) if all_three else self._recognised_in_part(partly, answers)

    def _recognised_in_part(self, partly: list[tuple[int, Wrong]], answers: list[Answer]) -> NotRight | None:
        """A mistake that fits up to a trial where more is wrong, if it came after right ones or the rest is NaN."""
        first = next(n for n, answer in enumerate(answers) if not self._is_right(n, answer))
        for n, wrong in partly:
            if not self._is_right(n, answers[n]) and (first > 0 or all(map(_is_broken, answers[n:]))):
                told = self._told([wrong], answers)
                return told and NotRight(wrong.diagnosis, f"{wrong.message} More is wrong on {self.trials[n].label}.")
        return None

    def _n_fitting(self, wrong: Wrong, answers: list[Answer]) -> int:
        """On how many of the first trials it gives what the learner's function gave."""
        for n, (answer, trial) in enumerate(zip(answers, self.trials, strict=True)):
            if not _agree(answer, wrong.on(n, trial), trial.single_rtol):
                return n
        return len(answers)

    def _told(self, fitting: list[Wrong], answers: list[Answer]) -> NotRight | None:
        """Of several that give the same, the first; of several that raise the same, the one in the likeliest line.

        None if the lines do not tell: what is said of the error itself is true then.
        """
        best = fitting[0]
        failed = [n for n, answer in enumerate(answers) if not self._is_right(n, answer)]
        if all(answers[n].error for n in failed):
            place = errors.place(answers[failed[0]].error)
            likely = {w: errors.likeness(place, errors.place(w.answers[failed[0]].error)) for w in fitting}
            best = max(fitting, key=lambda wrong: likely[wrong])
            rivals = {w.diagnosis for w in fitting if likely[w] > likely[best] - CLEARLY}
            if likely[best] < LIKELY or len(rivals) > 1:
                return None
        return NotRight(best.diagnosis, best.message)

    def _recognised_in_one_array(self, answers: list[Answer]) -> NotRight | None:
        """A mistake that gives the last wrong one of several arrays, and says nothing false of the others."""
        if len(self._results) == 1 or any(len(answer.arrays) != len(self._results) for answer in answers):
            return None
        right = [
            all(
                close(a.arrays[n], w[n], t.single_rtol)
                for a, w, t in zip(answers, self.wanted, self.trials, strict=True)
            )
            for n in range(len(self._results))
        ]
        for n in reversed(range(len(right))):
            for wrong in () if right[n] else self.table:
                if self._tells_of(wrong, n, right, answers):
                    return NotRight(wrong.diagnosis, f"in {self._results[n]}, {wrong.message}")
        return None

    def _tells_of(self, wrong: Wrong, n: int, right: list[bool], answers: list[Answer]) -> bool:
        """Whether a mistake fits array n of the answer; not if it changes shapes, or leaves right what is wrong."""
        for t, (trial, answer) in enumerate(zip(self.trials, answers, strict=True)):
            given, want = wrong.on(t, trial).arrays, self.wanted[t]
            if [x.shape for x in given] != [x.shape for x in want] or not close(
                answer.arrays[n], given[n], trial.single_rtol
            ):
                return False
        return all(ok or not self._is_right_array(wrong, k) for k, ok in enumerate(right))

    def _is_right_array(self, wrong: Wrong, k: int) -> bool:
        return all(
            close(wrong.on(t, trial).arrays[k], self.wanted[t][k], trial.single_rtol)
            for t, trial in enumerate(self.trials)
        )

    # ---- the wrong functions

    @property
    def table(self) -> tuple[Wrong, ...]:
        """Each way to each mistake; of the shared ones, those that come out wrong and unlike the others before."""
        return self._sorted_out[0]

    @property
    def _styles(self) -> tuple[Wrong, ...]:
        """The edits that come out right: no mistakes here, but they change what a mistake beside them gives."""
        return self._sorted_out[1]

    @property
    def _twins(self) -> tuple[Wrong, ...]:
        """The shared edits that come out as others, which together with a third mistake they need not."""
        return self._sorted_out[2]

    @cached_property
    def _sorted_out(self) -> tuple[tuple[Wrong, ...], ...]:
        own = {mistake.key for mistake in self.mistakes}
        kept: list[Wrong] = []
        styles: list[Wrong] = []
        twins: list[Wrong] = []
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for mistake in (*self.mistakes, *(m for m in self.shared if m.key not in own)):
                for n, edit in enumerate(mistake.edits):
                    wrong = self._wrong(mistake, edit, n == 0)
                    needed = mistake.key in own and n == 0
                    if needed and wrong is None:
                        raise ValueError(f"{self.name}: {edit!r} of {mistake.key} finds nothing to replace")
                    if wrong and not needed and self._comes_out_right(wrong):
                        if n == 0:
                            styles.append(Wrong((), wrong.fn, wrong.spans))
                    elif wrong and (needed or self._is_new(wrong, kept)):
                        kept.append(wrong)
                    elif wrong:
                        twins.append(wrong)
        return tuple(kept), tuple(styles), tuple(twins)

    @cached_property
    def _source(self) -> Source:
        return Source(self.right)

    def _wrong(self, mistake: Mistake, edit: Edit, first: bool) -> Wrong | None:
        if callable(edit):
            return Wrong((mistake,), edit, first=first)
        spans = self._source.spans((edit,) if isinstance(edit, str) else edit)
        return Wrong((mistake,), self._source.edited(spans), spans, first) if spans else None

    def _comes_out_right(self, wrong: Wrong) -> bool:
        return all(self._is_right(n, wrong.on(n, trial)) for n, trial in enumerate(self.trials))

    def _is_new(self, wrong: Wrong, kept: list[Wrong]) -> bool:
        answers = [wrong.on(n, trial) for n, trial in enumerate(self.trials)]
        return not any(self._n_fitting(other, answers) == len(answers) for other in kept)

    @cached_property
    def _paired(self) -> dict[tuple[Span, ...], Wrong]:
        return {}

    def pairs(self) -> Iterator[Wrong]:
        """Every two that go together; a matter of style first, for it is no mistake of its own."""
        couples = (product(self.table, self._styles), combinations(self.table, 2), product(self.table, self._twins))
        for one, other in chain(*couples):
            if (one.first or other.first) and (pair := self._together(one, other)):
                yield pair

    def _extended(self, part: Wrong, table: tuple[Wrong, ...]) -> Iterator[Wrong]:
        return (more for third in (*self._styles, *table) if (more := self._together(part, third)))

    def _together(self, one: Wrong, other: Wrong) -> Wrong | None:
        """Both at once, the earlier in the source first; None if they are about the same place."""
        spans = tuple(sorted((*one.spans, *other.spans)))
        if {mistake.key for mistake in one.mistakes} & {mistake.key for mistake in other.mistakes}:
            return None
        if not one.spans or not other.spans or not apart(spans):
            return None
        if spans not in self._paired:
            first, last = sorted((one, other), key=lambda wrong: wrong.spans)
            self._paired[spans] = Wrong((*first.mistakes, *last.mistakes), self._source.edited(spans), spans)
        return self._paired[spans]


def listed(*exercises: Exercise) -> dict[str, Exercise]:
    """The exercises of a chapter by name."""
    return {exercise.name: exercise for exercise in exercises}


def _answer(fn: Function, trial: Trial) -> Answer:
    """What a function of the tables gives; nothing that it returns is refused."""
    try:
        returned = fn(*(copy.copy(x) for x in trial.inputs.values()))
    except Exception as error:
        return Answer(error=error)
    return Answer(tuple(np.asarray(x) for x in (returned if isinstance(returned, tuple) else (returned,))))


def _agree(one: Answer, other: Answer, rtol: float) -> bool:
    """Whether two answers to a trial are the same: the same numbers, or the same said in the same kind of error."""
    if one.error or other.error:
        return errors.told(one.error) == errors.told(other.error)
    return len(one.arrays) == len(other.arrays) and all(
        close(x, y, rtol) for x, y in zip(one.arrays, other.arrays, strict=True)
    )


def _is_broken(answer: Answer) -> bool:
    """Whether an answer tells nothing, for an error or NaN took its place."""
    return answer.error is not None or not all(np.isfinite(x).all() for x in answer.arrays)


def _callable(fn: object) -> Function:
    if fn is None or fn is Ellipsis:
        raise NotRight("unfinished", "fill in the function, then run this again.")
    if not callable(fn):
        raise NotRight("not-a-function", f"hand over the function itself, without calling it; got {type(fn).__name__}.")
    return fn


def _enumerated(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
