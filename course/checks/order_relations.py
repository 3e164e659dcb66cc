"""A wrong array that holds the right numbers: its axes in another order, another shape, a part, or all of it moved."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np

from course.checks.answers import close
from course.checks.signature import Axes
from course.checks.told import Array, Told

__all__ = ["flattened", "ordered", "permuted_axes", "reduced", "reordered"]


def permuted_axes(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """The right numbers, with axes of other lengths exchanged."""
    for order in permutations(range(want.ndim)):
        if want.ndim > 1 and list(order) != sorted(order) and close(got, want.transpose(order), 1e-3):
            found = ", ".join(axes.axis(n, m) for m in order)
            return "axes-permuted", f"has the right numbers with its axes in the order ({found}): swap them back"
    return None


def flattened(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """The right numbers in another shape."""
    if got.size == want.size and close(got.ravel(), want.ravel(), 1e-3):
        return (
            "shape-only",
            f"has the right numbers in the wrong shape, {got.shape}: it should be {axes.named(want.shape)}",
        )
    return None


def reduced(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """One entry of an axis, or the axis added up, averaged or reduced to its largest."""
    ways: dict[str, Callable[..., Array]] = {"added up": np.sum, "averaged": np.mean, "reduced to its largest": np.max}
    for axis in (axis for axis in range(want.ndim) if want.shape[axis] > 1):
        name = axes.axis(n, axis)
        for at, which in ((0, "first"), (-1, "last")):
            if close(np.squeeze(got), np.squeeze(want.take(at, axis)), 1e-3):
                return "shape-part", f"is right for the {which} entry of the axis {name} alone: return all"
        for how, reduce in ways.items():
            if close(np.squeeze(got), np.squeeze(reduce(want, axis=axis)), 1e-3):
                return "shape-reduced", f"is {how} over the axis {name}: keep that axis"
    for how, reduce in ways.items():
        if want.size > 1 and got.size == 1 and close(got.ravel(), np.ravel(reduce(want)), 1e-3):
            return "shape-reduced", f"is {how} over everything: keep all its axes, {axes.named(want.shape)}"
    return None


def ordered(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Axes exchanged, reversed, or rolled by one place."""
    if want.size < 2 or np.allclose(want, want.flat[0]):
        return None
    for order in permutations(range(want.ndim)):
        if want.ndim > 1 and list(order) != sorted(order) and close(got, want.transpose(order), 1e-3):
            found = ", ".join(axes.axis(n, m) for m in order)
            return "transposed", f"has the right numbers with its axes in the order ({found}): swap them back"
    for axis in range(want.ndim):
        name = axes.axis(n, axis)
        if close(got, np.flip(want, axis), 1e-3):
            return "reversed", f"is in reverse order along {name}"
        for step, where in ((1, "later"), (-1, "earlier")):
            if close(got, np.roll(want, step, axis), 1e-3):
                return (
                    "rolled",
                    f"stands one place too far along {name}: each entry comes one place {where} than it should",
                )
    return None


def reordered(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """The right slices, or numbers, elsewhere."""
    if want.size < 2 or np.allclose(want, want.flat[0]):
        return None
    for axis in range(want.ndim):
        if _same_slices(got, want, axis):
            return "reordered", f"has the right entries along {axes.axis(n, axis)} in the wrong order"
    if close(np.sort(got, axis=None), np.sort(want, axis=None), 1e-3):
        return "misplaced", "has the right numbers in the wrong places: has a reshape mixed two axes?"
    return None


def _same_slices(got: Array, want: Array, axis: int) -> bool:
    one, other = (np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1) for x in (got, want))
    return len(one) > 1 and all(any(close(row, target, 1e-3) for row in one) for target in other)
