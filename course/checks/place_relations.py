"""A wrong array that is right but for some places: a slice, a side of the diagonal, a named part, what a loop left."""

from __future__ import annotations

import numpy as np

from course.checks.answers import close
from course.checks.signature import Axes
from course.checks.told import Array, Told

__all__ = ["handed_over", "right_but_for", "unwritten", "wrong_in_a_part"]


def handed_over(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """One of the inputs, as it came."""
    for name, x in axes.inputs.items():
        if isinstance(x, np.ndarray) and got.ndim and close(got, x, 1e-6):
            return "handed-back", f"is {name} itself, as it was handed over"
    return None


def wrong_in_a_part(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Wrong in places that have a name alone, and what stands there if it is what was handed over."""
    wrong = ~np.isclose(got.astype(np.float64), want, 1e-5, 1e-8, equal_nan=True)
    named = {name: mask for name, mask in axes.parts.items() if np.shape(mask) == wrong.shape}
    touched = {name: mask for name, mask in named.items() if (wrong & mask).any()}
    if not touched or len(touched) == len(named) or (wrong & ~np.logical_or.reduce(list(touched.values()))).any():
        return None
    return "right-but-for-a-part", (f"is right but for {' and '.join(touched)}{_instead(got, axes, wrong)}")


def _instead(got: Array, axes: Axes, wrong: Array) -> str:
    """What stands in the wrong places, if it is all the same or handed over."""
    found = got[wrong]
    if len(found) > 1 and (found == found[0]).all():
        return f", where it is {found[0]:.6g}"
    for name, x in axes.inputs.items():
        if np.shape(x) == got.shape and np.array_equal(np.asarray(x)[wrong], found):
            return f", where it is {name}"
    return ""


def unwritten(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Zero wherever it is wrong, in whole slices from some place on."""
    wrong = ~np.isclose(got.astype(np.float64), want, 1e-3, 1e-5, equal_nan=True)
    if wrong.all() or wrong.sum() < 2 or got[wrong].any():
        return None
    for axis in range(want.ndim):
        bad = np.atleast_1d(wrong.any(axis=tuple(k for k in range(want.ndim) if k != axis)))
        at, name = np.flatnonzero(bad), axes.axis(n, axis)
        empty = not np.compress(bad, got, axis).any()
        if empty and 0 < len(at) < len(bad) and bad[at[0] :].all():
            return (
                "last-zero",
                f"is 0 from index {at[0]} along {name} on, and right before it: does a loop end too early?",
            )
        if empty and 0 < len(at) < len(bad) and bad[: at[-1] + 1].all():
            return (
                "first-zero",
                f"is 0 up to index {at[-1]} along {name}, and right after it: does a loop begin too late?",
            )
    if not want[wrong].all():
        return None
    return "partly-zero", "is right in part and 0 in the rest: does a loop end early?"


def right_but_for(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Wrong in one slice, on the diagonal or on one side of it alone."""
    wrong = ~np.isclose(got.astype(np.float64), want, 1e-3, 1e-5, equal_nan=True)
    if not wrong.any() or wrong.all() or want.size < 4:
        return None
    for axis in range(want.ndim):
        at = np.unique(np.nonzero(wrong)[axis])
        if want.shape[axis] > 1 and len(at) == 1:
            name = axes.axis(n, axis)
            which = "last" if at[0] == want.shape[axis] - 1 and at[0] > 1 else f"{at[0]}"
            return (
                f"one-slice-{which}",
                f"is right but for the {which if which == 'last' else 'index ' + which} along {name}",
            )
    if want.ndim > 1:
        rows, columns = np.indices(want.shape)[-2:]
        lag = (rows - columns)[wrong]
        for where, there in (
            ("on the diagonal", lag == 0),
            ("above the diagonal", lag < 0),
            ("below the diagonal", lag > 0),
        ):
            if there.all():
                return where.replace(" ", "-"), f"is wrong {where} alone"
        if (want == 0).any() and not wrong[want == 0].any() and wrong[want != 0].all():
            return "zeros-right", "is 0 where it should be, and wrong elsewhere"
    for axis in range(want.ndim - 1):
        at = np.unique(np.nonzero(wrong)[axis])
        if len(at) < want.shape[axis] and want.shape[axis] > 2:
            return "some-slices", f"is right but for {axes.axis(n, axis)} = {', '.join(map(str, at))}"
    return None
