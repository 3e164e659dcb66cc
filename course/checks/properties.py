"""What can be said of a wrong answer that no mistake explains: a property that holds on every trial it fails."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.answers import Arrays, NotRight, close
from course.checks.relations import OTHER_SHAPE, RESIDUES, SAME_SHAPE, Property
from course.checks.signature import Axes
from course.checks.told import Told

__all__ = ["WHOLE", "describe", "residue"]

Array = NDArray[Any]
WHOLE = {  # what leaves nothing unsaid of a result, so that no change on the way to it need be told
    *("axes-permuted", "shape-only", "shape-part", "shape-reduced", "sign", "factor", "shift", "function-of-it"),
    *("transposed", "reversed", "rolled", "zeros", "constant", "handed-back", "too-many-results", "order-exchanged"),
    *("count", "columns-sum-to-1", "all-sum-to-1"),
}
Seen = tuple[Axes, Arrays, Arrays]  # of one trial: the axes, what was returned, what was wanted


def describe(seen: list[Seen], names: tuple[str, ...], rtols: list[float]) -> NotRight:
    """The property of the first wrong array that all failing trials share, or where it is furthest off.

    Args:
        seen: the failing trials that returned something.  names: of the results.
        rtols: of each failing trial, how far off a right answer may be.
    """
    _, got, want = seen[0]
    if len(got) != len(want) or _exchanged(seen):
        return _count_or_order(seen, names)
    parts, diagnoses, right = [], [], []
    for n, name in enumerate(names):
        failing = [(a, g[n], w[n]) for (a, g, w), rtol in zip(seen, rtols, strict=False) if not close(g[n], w[n], rtol)]
        if not failing:
            right.append(f"{name} is right")
            continue
        diagnosis, text = _shared(failing, n) or _furthest_off(*failing[0])
        diagnoses.append(diagnosis)
        parts.append((diagnosis, f"{name} {text}"))
    parts.sort(key=lambda part: not part[0].startswith("shape"))
    return NotRight(parts[0][0], f"{'; '.join([text for _, text in parts] + right)}.".replace("?.", "?"))


def residue(seen: list[Seen], names: tuple[str, ...], rtol: float) -> NotRight | None:
    """How each array stands to another wrong one, by one relation on all trials; None if some of them do not.

    Args:
        seen: trials with what was got and what a mistake alone gives.  names: of the results.  rtol: of one number.
    """
    told = []
    for n, name in enumerate(names):
        each = [(axes.measured(n, given[n]), got[n], given[n]) for axes, got, given in seen]
        if all(close(got, given, rtol) for _, got, given in each):
            continue
        comparable = all(
            got.shape == given.shape and got.dtype.kind == given.dtype.kind == "f" for _, got, given in each
        )
        found = _first(RESIDUES, each, n) if comparable else None
        if found is None:
            return None
        told.append((found[0], f"{name} {found[1]}"))
    if len(told) > 1:
        return None  # a coincidence rather
    return NotRight(told[0][0], f"{'; '.join(text for _, text in told)}.".replace("?.", "?")) if told else None


def _exchanged(seen: list[Seen]) -> tuple[int, ...]:
    """In which order the wanted arrays were returned, if all are there in another one."""
    for order in permutations(range(len(seen[0][2]))):
        if list(order) != sorted(order) and all(
            len(got) == len(want) and all(close(got[n], want[m], 1e-3) for n, m in enumerate(order))
            for _, got, want in seen
        ):
            return order
    return ()


def _count_or_order(seen: list[Seen], names: tuple[str, ...]) -> NotRight:
    axes, got, want = seen[0]
    asked = ", ".join(f"{name} {axes.named(x.shape)}" for name, x in zip(names, want, strict=True))
    if order := _exchanged(seen):
        return NotRight(
            "order-exchanged", f"you return {', '.join(names[n] for n in order)}: return {', '.join(names)}."
        )
    there = [name for name, x in zip(names, want, strict=True) if any(close(y, x, 1e-3) for y in got)]
    if len(got) > len(want) and len(there) == len(names):
        return NotRight("too-many-results", f"{' and '.join(names)} is among what you return: return that alone.")
    given = (
        f"{len(got)} arrays, {', '.join(str(x.shape) for x in got)}" if len(got) > 1 else f"one array, {got[0].shape}"
    )
    are = f"{there[0]} is right; " if there and len(got) < len(want) else ""
    return NotRight("count", f"{are}return {asked}; got {given}.")


def _shared(failing: list[tuple[Axes, Array, Array]], n: int) -> Told | None:
    """The first property that holds on each of the failing trials."""
    shapes_agree = [g.shape == w.shape for _, g, w in failing]
    table = SAME_SHAPE if all(shapes_agree) else OTHER_SHAPE if not any(shapes_agree) else ()
    return _first(table, failing, n)


def _first(table: tuple[Property, ...], trials: list[tuple[Axes, Array, Array]], n: int) -> Told | None:
    for prop in table:
        first = prop(trials[0][1], trials[0][2], trials[0][0], n)
        if first and all((t := prop(g, w, axes, n)) and t[0] == first[0] for axes, g, w in trials[1:]):
            return first
    return None


def _furthest_off(axes: Axes, got: Array, want: Array) -> Told:
    if got.shape != want.shape:
        why = "that is a single number" if not got.shape else _why(got, want)
        return "shape", f"should be {axes.named(want.shape)}, got {axes.named(got.shape)}: {why}"
    strange = ~np.isfinite(got) & np.isfinite(want)
    if strange.any():
        first = [int(n) for n in np.argwhere(strange)[0]]
        return "nan", f"holds NaN or infinity in {strange.sum()} of {got.size} places, first at {first}"
    distance = np.abs(np.nan_to_num(got.astype(np.float64) - want, nan=np.inf))
    at = tuple(int(n) for n in np.unravel_index(np.argmax(distance), distance.shape))
    where = f"furthest off at {list(at)}" if at else "wrong"
    return "different", f"is {where}: {_apart(float(got[at]), float(want[at]))}"


def _why(got: Array, want: Array) -> str:
    if got.shape == want.shape[::-1]:
        return "its axes are swapped"
    if got.ndim != want.ndim:
        return "an axis is missing" if got.ndim < want.ndim else "there is an axis too many"
    return "an axis has the wrong length"


def _apart(got: float, want: float) -> str:
    """Both numbers, with as many digits as it takes to see that they differ, four at least."""
    digits = next((n for n in range(4, 17) if f"{got:.{n}g}" != f"{want:.{n}g}"), 17)
    return f"got {got:.{digits}g}, expected {want:.{digits}g}"
