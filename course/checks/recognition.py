"""Which mistake an answer makes: the one, or the two or three together, that give it on every trial."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice

import numpy as np

from course.checks import errors, properties
from course.checks.answers import Answer, Arrays, NotRight, close
from course.checks.mutants import ADDED, LEFT_OUT, Mutants
from course.checks.wrongs import AS_MUTANT, Wrong, Wrongs

__all__ = ["recognise"]

MOST_EXTENDED, MOST_STYLED = 20, 500
LIKELY, CERTAIN, CLEARLY = 0.4, 0.7, 0.05
ENOUGH, ENOUGH_FOR_TWO, MOST_PAIRS, FEWEST_BESIDE = 2, 6, 8_000, 300
FAILS_TOO = "It also fails on {}, for this or another reason: mend this first."
MOST_LEFT_OUT = 3_000
LARGEST = 100_000  # numbers in an array that is looked at


def recognise(answers: list[Answer], wrongs: Wrongs, names: tuple[str, ...]) -> NotRight | None:
    """The diagnosis of a wrong answer that mistakes explain.

    Args:
        answers: to each trial.  wrongs: what is tried.  names: of the results.
    """
    raises = any(answer.error for answer in answers)  # many mistakes raise alike, and the likeliest is to be found
    partly: list[tuple[int, Wrong]] = []
    rightly: list[Wrong] = []
    return (
        _listed(answers, wrongs, partly, rightly, raises=raises)
        or _mutant(answers, wrongs)
        or _three(answers, wrongs, partly, rightly)
        or _in_one_array(answers, wrongs, names)
        or (None if raises else _beside_residue(answers, wrongs, names))
        or (None if raises else _beside_mutant(answers, wrongs))
        or _in_part(partly, answers, wrongs)
    )


def _listed(
    answers: list[Answer], wrongs: Wrongs, partly: list[tuple[int, Wrong]], rightly: list[Wrong], *, raises: bool
) -> NotRight | None:
    """A listed mistake or two; those that fit some of the trials are put into `partly`, or `rightly` if right there."""
    for group in (wrongs.table, wrongs.pairs(answers[0])):
        fitting = []
        for wrong in group:
            n_fits = wrongs.n_fitting(wrong, answers)
            if n_fits == len(answers):
                fitting.append(wrong)
                if not raises:
                    break
            elif any(not wrongs.is_right(n, answers[n]) for n in range(n_fits)):
                partly.append((n_fits, wrong))
            elif n_fits:
                rightly.append(wrong)
        if fitting:
            return _told(fitting, answers, wrongs)
    partly.sort(key=lambda pair: -pair[0])
    return None


def _three(
    answers: list[Answer], wrongs: Wrongs, partly: list[tuple[int, Wrong]], rightly: list[Wrong]
) -> NotRight | None:
    """Two listed mistakes that fit some of the trials, with one thing more."""
    threes = (
        *(three for _, part in partly[:MOST_EXTENDED] for three in wrongs.extended(part)),
        *(three for part in rightly[:MOST_STYLED] for three in wrongs.extended(part, by_mistakes=False)),
    )
    found = next((w for w in threes if wrongs.n_fitting(w, answers) == len(answers)), None)
    return _told([found], answers, wrongs) if found else None


def _mutant(answers: list[Answer], wrongs: Wrongs) -> NotRight | None:
    """A small change nobody listed; none where too few numbers bear it out."""
    if _evidence(answers, wrongs) < ENOUGH:
        return None
    fitting = [w for w in wrongs.mutants if wrongs.n_fitting(w, answers) == len(answers)]
    fitting.sort(key=lambda wrong: Mutants.rank(wrong.mistakes[0]))
    return _told(fitting, answers, wrongs) if fitting else None


def _beside_residue(answers: list[Answer], wrongs: Wrongs, names: tuple[str, ...]) -> NotRight | None:
    """A listed mistake whose results stand to the answer in a simple relation: its logarithm, a factor, an order."""
    if _evidence(answers, wrongs) < ENOUGH_FOR_TWO or any(len(answer.arrays) != len(names) for answer in answers):
        return None
    if all(map(_nearly, answers, wrongs.wanted)) or _related(answers, list(wrongs.wanted), wrongs, names):
        return None  # a mistake and what undoes it would fit as well
    for wrong in wrongs.table:
        told = _related(answers, (wrong.on(n, trial).arrays for n, trial in enumerate(wrongs.trials)), wrongs, names)
        if told:
            text = f"two things are wrong. First, {wrong.message} Then, {told.feedback.message}"
            return NotRight(f"{wrong.diagnosis}+{told.feedback.diagnosis}", text)
    return None


def _related(answers: list[Answer], given: Iterable[Arrays], wrongs: Wrongs, names: tuple[str, ...]) -> NotRight | None:
    """The simple relation in which an answer stands to other results on every trial."""
    seen: list[properties.Seen] = []
    told = None
    for n, (answer, arrays) in enumerate(zip(answers, given, strict=True)):
        seen.append((wrongs.axes(n), answer.arrays, arrays))
        told = properties.residue(seen, names, wrongs.trials[n].single_rtol) if len(arrays) == len(names) else None
        if told is None:
            return None
    return told


def _nearly(answer: Answer, want: Arrays) -> bool:
    """Whether an answer is right but for its digits."""
    pairs = zip(answer.arrays, want, strict=True)
    return all(x.shape == y.shape and np.allclose(x, y, 1e-2, 1e-2, equal_nan=True) for x, y in pairs)


def _beside_mutant(answers: list[Answer], wrongs: Wrongs) -> NotRight | None:
    """A small change beside a listed mistake; an entry left out first, and nothing far-fetched."""
    if _evidence(answers, wrongs) < ENOUGH_FOR_TWO:
        return None
    others = [mutant for mutant in wrongs.mutants if mutant.diagnosis not in (ADDED, LEFT_OUT)]
    most = max(MOST_PAIRS - len(wrongs.table) ** 2 // 2, FEWEST_BESIDE)  # fewer, the more pairs were tried before
    beside = (
        pair
        for mutants, n in ((wrongs.left_out, min(most, MOST_LEFT_OUT) + FEWEST_BESIDE), (others, most))
        for pair in islice(chain.from_iterable(wrongs.beside(mutant, answers[0]) for mutant in mutants), n)
    )
    both = next((pair for pair in beside if wrongs.n_fitting(pair, answers) == len(answers)), None)
    return _told([both], answers, wrongs) if both else None


def _evidence(answers: list[Answer], wrongs: Wrongs) -> int:
    """How many different finite numbers are wrong, or stand in arrays of another shape; an error counts a few."""
    return sum(_wrong_numbers(answer, wrongs.wanted[n]) for n, answer in enumerate(answers))


def _wrong_numbers(answer: Answer, want: Arrays) -> int:
    if answer.error:
        return ENOUGH
    found = 0
    for n, got in enumerate(answer.arrays):
        if got.size > LARGEST:
            continue
        there = got if n >= len(want) or got.shape != want[n].shape else got[~np.isclose(got, want[n], equal_nan=True)]
        found += len(np.unique(there[np.isfinite(there)])) if there.dtype.kind != "b" else there.size // 2
    return found


def _in_part(partly: list[tuple[int, Wrong]], answers: list[Answer], wrongs: Wrongs) -> NotRight | None:
    """A mistake that fits up to a trial where more is wrong, if it came after right ones or the rest is NaN."""
    first = next(n for n, answer in enumerate(answers) if not wrongs.is_right(n, answer))
    for n, wrong in partly:
        if not wrongs.is_right(n, answers[n]) and (first > 0 or all(map(_is_broken, answers[n:]))):
            told = _told([wrong], answers, wrongs)
            return told and NotRight(wrong.diagnosis, f"{wrong.message} {FAILS_TOO.format(wrongs.trials[n].label)}")
    return None


def _told(fitting: list[Wrong], answers: list[Answer], wrongs: Wrongs) -> NotRight | None:
    """Of several that give the same, the first; of several that raise the same, the one in the likeliest line.

    None if the lines do not tell: what is said of the error itself is true then.
    """
    best = fitting[0]
    failed = [n for n, answer in enumerate(answers) if not wrongs.is_right(n, answer)]
    alone = bool(best.lead)
    if all(answers[n].error for n in failed) and (alone or len({wrong.diagnosis for wrong in fitting}) > 1):
        place = errors.place(answers[failed[0]].error)
        likely = {w: errors.likeness(place, errors.place(w.answers[failed[0]].error)) for w in fitting}
        best = max(fitting, key=lambda wrong: likely[wrong])
        rivals = {w.message for w in fitting if likely[w] > likely[best] - CLEARLY}
        if likely[best] < (CERTAIN if alone else LIKELY) or len(rivals) > 1:
            return None
        return NotRight(best.diagnosis, best.message.replace(AS_MUTANT, "the error is that of "))
    return NotRight(best.diagnosis, best.message)


def _in_one_array(answers: list[Answer], wrongs: Wrongs, names: tuple[str, ...]) -> NotRight | None:
    """A mistake that gives the last wrong one of several arrays, and says nothing false of the others."""
    if len(names) == 1 or any(len(answer.arrays) != len(names) for answer in answers):
        return None
    right = [
        all(
            close(a.arrays[n], w[n], t.single_rtol)
            for a, w, t in zip(answers, wrongs.wanted, wrongs.trials, strict=True)
        )
        for n in range(len(names))
    ]
    for n in reversed(range(len(right))):
        for wrong in () if right[n] else wrongs.table:
            if _tells_of(wrong, n, right, answers, wrongs):
                return NotRight(wrong.diagnosis, f"in {names[n]}, {wrong.message}")
    return None


def _tells_of(wrong: Wrong, n: int, right: list[bool], answers: list[Answer], wrongs: Wrongs) -> bool:
    """Whether a mistake fits array n of the answer; not if it changes shapes, or leaves right what is wrong."""
    for t, (trial, answer) in enumerate(zip(wrongs.trials, answers, strict=True)):
        given, want = wrong.on(t, trial).arrays, wrongs.wanted[t]
        if [x.shape for x in given] != [x.shape for x in want] or not close(
            answer.arrays[n], given[n], trial.single_rtol
        ):
            return False
    return all(ok or not _leaves_right(wrong, k, wrongs) for k, ok in enumerate(right))


def _leaves_right(wrong: Wrong, k: int, wrongs: Wrongs) -> bool:
    return all(
        close(wrong.on(t, trial).arrays[k], wrongs.wanted[t][k], trial.single_rtol)
        for t, trial in enumerate(wrongs.trials)
    )


def _is_broken(answer: Answer) -> bool:
    """Whether an answer tells nothing, for an error or NaN took its place."""
    return answer.error is not None or not all(np.isfinite(x).all() for x in answer.arrays)
