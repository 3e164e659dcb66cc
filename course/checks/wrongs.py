"""The wrong functions of an exercise: each way to each mistake, matters of style, and two or three at once."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, combinations, islice, product
from typing import Any

import numpy as np

from course.checks import errors
from course.checks.answers import Answer, Arrays, Trial, close
from course.checks.edits import Edit, Mistake, Source, Span, apart
from course.checks.mutants import LEFT_OUT, Mutants
from course.checks.signature import Axes

__all__ = ["AS_MUTANT", "Wrong", "Wrongs", "agree"]

Function = Callable[..., Any]

MOST_MUTANTS = 2_500
AS_MUTANT = "your numbers are those of "
WITHOUT = AS_MUTANT + "an answer in which "


@dataclass(eq=False)
class Wrong:
    """One wrong function: what is said of it, its edits, and what it gives on each trial, computed when asked for.

    `first` is False for a mistake's further edits, which are not paired with one another: there are too many.
    `lead` comes before the message where this is all that is wrong.
    """

    mistakes: tuple[Mistake, ...]
    fn: Function
    spans: tuple[Span, ...] = ()
    first: bool = True
    answers: dict[int, Answer] = field(default_factory=dict)
    lead: str = ""

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
            return self.lead + self.mistakes[0].message
        first, *rest = (mistake.message for mistake in self.mistakes)
        return f"{('two', 'three')[len(rest) - 1]} things are wrong. First, {first} Then, {' Then, '.join(rest)}"


class Wrongs:
    """What is tried on an answer; the functions are made and called when they are asked for, and then kept.

    Args:
        right: the right answer.  trials: its calls.
        mistakes: each of them must apply.  shared: those apply that find what they replace, and come out wrong.
        axes: given the number of a trial, their names in it.
    """

    def __init__(
        self,
        right: Function,
        trials: tuple[Trial, ...],
        mistakes: tuple[Mistake, ...],
        shared: tuple[Mistake, ...],
        axes: Callable[[int], Axes],
    ) -> None:
        self.trials, self._axes = trials, axes
        self._name = right.__name__.lstrip("_")
        self._right, self._mistakes, self._shared = right, mistakes, shared
        self._source = Source(right)
        self._together_at: dict[tuple[Span, ...], Wrong | None] = {}
        self._kinds: dict[Wrong, tuple[object, ...]] = {}
        self._named: dict[int, Axes] = {}

    @cached_property
    def wanted(self) -> tuple[Arrays, ...]:
        """What the right answer gives on each trial."""
        answers = [_answer(self._right, trial) for trial in self.trials]
        if failed := next((answer.error for answer in answers if answer.error), None):
            raise ValueError(f"the right answer of {self._name} raises") from failed
        return tuple(answer.arrays for answer in answers)

    def axes(self, n: int) -> Axes:
        """The names of axes in a trial, by the lengths of what is handed over and wanted."""
        if n not in self._named:
            self._named[n] = self._axes(n).knowing(self.wanted[n])
        return self._named[n]

    def is_right(self, n: int, answer: Answer) -> bool:
        """Whether an answer to trial n is right."""
        return agree(answer, Answer(self.wanted[n]), self.trials[n].single_rtol)

    def n_fitting(self, wrong: Wrong, answers: Sequence[Answer]) -> int:
        """On how many of the first trials a wrong function gives the same answers."""
        for n, (answer, trial) in enumerate(zip(answers, self.trials, strict=True)):
            if not agree(answer, wrong.on(n, trial), trial.single_rtol):
                return n
        return len(answers)

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
        own = {mistake.key for mistake in self._mistakes}
        kept: list[Wrong] = []
        styles: list[Wrong] = []
        twins: list[Wrong] = []
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for mistake in (*self._mistakes, *(m for m in self._shared if m.key not in own)):
                for n, edit in enumerate(mistake.edits):
                    wrong, needed = self._wrong(mistake, edit, n == 0), mistake.key in own and n == 0
                    if needed and wrong is None:
                        raise ValueError(f"{self._name}: {edit!r} of {mistake.key} finds nothing to replace")
                    if wrong and not needed and self._comes_out_right(wrong):
                        styles += [Wrong((), wrong.fn, wrong.spans)] if n == 0 else []
                    elif wrong:
                        (kept if needed or self._is_new(wrong, kept) else twins).append(wrong)
        return tuple(kept), tuple(styles), tuple(twins)

    def _wrong(self, mistake: Mistake, edit: Edit, first: bool) -> Wrong | None:
        if callable(edit):
            return Wrong((mistake,), edit, first=first)
        spans = self._source.spans((edit,) if isinstance(edit, str) else edit)
        return Wrong((mistake,), self._source.edited(spans), spans, first) if spans else None

    def _comes_out_right(self, wrong: Wrong) -> bool:
        return all(self.is_right(n, wrong.on(n, trial)) for n, trial in enumerate(self.trials))

    def _is_new(self, wrong: Wrong, kept: list[Wrong]) -> bool:
        answers = [wrong.on(n, trial) for n, trial in enumerate(self.trials)]
        return not any(self.n_fitting(other, answers) == len(answers) for other in kept)

    def pairs(self, answer: Answer | None = None) -> Iterator[Wrong]:
        """Every two that go together; for an answer to the first trial, those that can have its shapes or its error.

        Where one of the two keeps the shapes, the pair has those of the other.
        """
        couples = (product(self.table, self._styles), combinations(self.table, 2), product(self.table, self._twins))
        for one, other in chain(*couples):
            possible = answer is None or self._possible(one, other, answer)
            if possible and (one.first or other.first) and (pair := self._together(one, other)):
                yield pair

    def _possible(self, one: Wrong, other: Wrong, answer: Answer) -> bool:
        usual = tuple(x.shape for x in self.wanted[0])
        odd = [kind for kind in (self._kind(one), self._kind(other)) if kind != usual]
        fails = any(kind and isinstance(kind[0], str) for kind in odd)  # what mends an error has any shape
        return fails or len(odd) == 2 or _kind(answer) == (odd[0] if odd else usual)

    @cached_property
    def mutants(self) -> tuple[Wrong, ...]:
        """The right answer with one small change each that nobody listed."""
        made = []
        for mistake, spans in islice(Mutants(self._source, self.trials[0], self.axes(0)), MOST_MUTANTS):
            with suppress(SyntaxError):
                ordered = tuple(sorted(spans))
                lead = WITHOUT if mistake.key == LEFT_OUT else AS_MUTANT
                made.append(Wrong((mistake,), self._source.edited(ordered), ordered, False, lead=lead))
        return tuple(made)

    @cached_property
    def left_out(self) -> tuple[Wrong, ...]:
        """Those of them that leave an entry out, the latest first, without what raises, is right or as another."""
        found: dict[bytes, Wrong] = {}
        for mutant in (mutant for mutant in self.mutants if mutant.diagnosis == LEFT_OUT):
            answer = mutant.on(0, self.trials[0])
            if not answer.error and not self.is_right(0, answer):
                found.setdefault(b"".join(np.round(x.astype(float), 9).tobytes() for x in answer.arrays), mutant)
        return tuple(found.values())[::-1]

    def beside(self, mutant: Wrong, answer: Answer) -> Iterator[Wrong]:
        """A mutant together with each listed mistake and each matter of style that can have an answer's shapes."""
        for other in (*self._styles, *self.table):
            if other.first and self._possible(mutant, other, answer) and (pair := self._together(mutant, other)):
                yield pair

    def _kind(self, wrong: Wrong) -> tuple[object, ...]:
        if wrong not in self._kinds:
            self._kinds[wrong] = _kind(wrong.on(0, self.trials[0]))
        return self._kinds[wrong]

    def extended(self, part: Wrong, *, by_mistakes: bool = True) -> Iterator[Wrong]:
        """A wrong function with one thing more, or with a matter of style alone."""
        thirds = (*self._styles, *(self.table if by_mistakes else ()))
        return (more for third in thirds if (more := self._together(part, third)))

    def _together(self, one: Wrong, other: Wrong) -> Wrong | None:
        """Both at once, the earlier in the source first; None if they are about the same place."""
        if {mistake.key for mistake in one.mistakes} & {mistake.key for mistake in other.mistakes}:
            return None
        if not one.spans or not other.spans or not (spans := _both(one.spans, other.spans)):
            return None
        if spans not in self._together_at:
            first, last = sorted((one, other), key=lambda wrong: wrong.spans)
            self._together_at[spans] = None
            with suppress(SyntaxError):  # a bracket that one of the two takes away may be half of a pair
                self._together_at[spans] = Wrong((*first.mistakes, *last.mistakes), self._source.edited(spans), spans)
        return self._together_at[spans]


def _both(one: tuple[Span, ...], other: tuple[Span, ...]) -> tuple[Span, ...]:
    """The spans of two mistakes, or () if they clash.

    Where one takes text away in which the other makes a change that it makes later too, that change is left out.
    """
    spans = tuple(sorted((*_left_over(one, other), *_left_over(other, one))))
    return spans if apart(spans) else ()


def _left_over(spans: tuple[Span, ...], by: tuple[Span, ...]) -> tuple[Span, ...]:
    if len({(end - start, new) for start, end, new in spans}) > 1:
        return spans  # several edits that only together make the mistake
    *before, last = spans
    return (*(span for span in before if not any(_swallows(other, span) for other in by)), last)


def _swallows(span: Span, inner: Span) -> bool:
    return span != inner and span[0] <= inner[0] and inner[1] <= span[1] and span[0] < span[1] and inner[0] < inner[1]


def _answer(fn: Function, trial: Trial) -> Answer:
    """What a function of the tables gives; nothing that it returns is refused."""
    try:
        returned = fn(*(copy.copy(x) for x in trial.inputs.values()))
        return Answer(tuple(np.asarray(x) for x in (returned if isinstance(returned, tuple) else (returned,))))
    except Exception as error:  # what came out may be ragged, too
        return Answer(error=error)


def agree(one: Answer, other: Answer, rtol: float) -> bool:
    """Whether two answers to a trial are the same: the same numbers, or the same said in the same kind of error."""
    if one.error or other.error:
        return errors.told(one.error) == errors.told(other.error)
    return len(one.arrays) == len(other.arrays) and all(
        close(x, y, rtol) for x, y in zip(one.arrays, other.arrays, strict=True)
    )


def _kind(answer: Answer) -> tuple[object, ...]:
    """The shapes of an answer, or its error."""
    return (errors.told(answer.error),) if answer.error else tuple(x.shape for x in answer.arrays)
