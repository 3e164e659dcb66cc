"""A wrong array whose numbers are a function of the right ones, or break a law that the right ones keep."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course.checks.answers import close
from course.checks.signature import Axes
from course.checks.told import Array, Told

__all__ = ["coarse", "constant", "elementwise", "finite", "forbidden", "rows_scaled", "scaled", "shifted", "sums"]


def coarse(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Right but for digits that were lost."""
    if got.dtype == np.float16 and np.allclose(got.astype(np.float64), want, 1e-2, 1e-2, equal_nan=True):
        return "half-precision", "is right to three digits: float16 keeps three digits, use float32 or float64"
    if got.dtype.kind in "iub" and want.dtype.kind == "f" and got.size > 1:
        whole = (np.trunc, np.rint, np.floor) if got.dtype.kind != "b" else ()
        if any(np.array_equal(got, cut(want)) for cut in whole):
            return "rounded-to-integers", "has lost its digits after the point: some step of it makes integers"
    for digits in range(5) if want.dtype.kind == "f" and got.dtype.kind != "b" and want.size > 1 else ():
        if np.array_equal(got, np.round(got, digits)) and np.allclose(got, np.round(want, digits), 0, 1e-9):
            return "rounded", f"is rounded to {digits} digits after the point: return it as it is"
    return None


def constant(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """One number everywhere."""
    if want.size > 2 and not np.allclose(want, want.flat[0]):
        if not got.any():
            return "zeros", "is all zeros: has the result been written into it?"
        if np.allclose(got, got.flat[0]):
            return "constant", f"is {got.flat[0]:.4g} everywhere"
    return None


def finite(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Right but for NaN or infinity."""
    strange = ~np.isfinite(got.astype(np.float64))
    if not strange.any() or strange.all() or not np.isfinite(want).all():
        return None
    if np.allclose(got[~strange], want[~strange], 1e-3, 1e-5):
        at = [int(k) for k in np.argwhere(strange)[0]]
        return "nan", f"is right but for NaN or infinity in {strange.sum()} of {got.size} places, first at {at}"
    return None


def scaled(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """A multiple of what it should be."""
    finite = np.isfinite(want) & (np.abs(want) > 1e-9)
    if finite.sum() < 2 or not np.isfinite(got).all():
        return None
    ratio = float(np.median(got[finite] / want[finite]))
    if not ratio or not np.allclose(got, ratio * want, 1e-3, 1e-6):
        return None
    if np.isclose(ratio, -1, 1e-3):
        return "sign", "has the wrong sign throughout"
    return "factor", f"is {ratio:.4g} times what it should be{_guess(ratio, axes, want)}"


def _guess(ratio: float, axes: Axes, want: Array) -> str:
    """Which length a factor is made of, if it is one in this trial."""
    for base, name in ((2, "log2"), (10, "log10")):
        if np.isclose(abs(ratio), 1 / np.log(base), 1e-5):
            return f", as with {name} in the place of log"
    for size, name in axes.names.items():
        for value, said in ((size, name), (size**0.5, f"√{name}"), (1 / size, f"1/{name}"), (size**-0.5, f"1/√{name}")):
            if np.isclose(ratio, value, 1e-4):
                return f", which is {said}"
    return ""


def shifted(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Off by the same number throughout."""
    if want.size < 2 or not np.isfinite(got).all() or not np.isfinite(want).all():
        return None
    shift = float(np.median(got - want.astype(np.float64)))
    if np.allclose(got, want + shift, 1e-4, 1e-5):
        return "shift", f"is {shift:+.4g} off throughout: a constant is added"
    return None


def rows_scaled(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Each slice along an axis has a factor of its own."""
    if want.ndim < 2 or not np.isfinite(got).all() or not np.isfinite(want).all():
        return None
    for axis in (-1, *range(want.ndim - 1)):
        if want.shape[axis] < 2:
            continue
        size = (want.astype(np.float64) ** 2).sum(axis, keepdims=True)
        factor = (got * want).sum(axis, keepdims=True) / np.where(size == 0, 1, size)
        if np.allclose(got, factor * want, 1e-3, 1e-6) and factor.all():
            return "factor-a-row", f"is off by a factor that is the same along {axes.axis(n, axis % want.ndim)}"
    return None


def elementwise(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """A known function of what it should be."""
    functions: dict[str, Callable[[Array], Array]] = {
        "the logarithm": np.log,
        "the exponential": np.exp,
        "the square": np.square,
        "the root": np.sqrt,
        "the size, without the sign,": np.abs,
        "the inverse, 1/x,": np.reciprocal,
        "the complement, 1 - x,": lambda x: 1 - x,
    }
    for said, function in functions.items():
        image = function(want.astype(np.float64))
        underflown = (
            function is np.log and (want > 1e-3).any() and close(np.exp(got), want, 1e-3)
        )  # a 0 has no logarithm
        if want.size > 1 and np.isfinite(image).any() and (underflown or close(got, image, 1e-3)):
            return "function-of-it", f"is {said} of what it should be: is the last step missing, or one too many?"
    return None


def sums(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """How rows sum that should sum to 1; rows that should be empty are left out."""
    if want.ndim < 2 or want.dtype.kind != "f":
        return None
    totals = want.sum(-1)
    counted = np.isclose(totals, 1, atol=1e-3)
    if not counted.any() or not (counted | np.isclose(totals, 0)).all() or (want < 0).any():
        return None
    sums = got.astype(np.float64).sum(-1)[counted]
    if not np.isfinite(sums).all() or np.allclose(sums, 1, atol=1e-4):
        return None
    for axis in range(want.ndim - 1):
        columns = got.sum(axis)
        if np.allclose(columns[columns != 0], 1, atol=1e-4) and columns.any():
            return "columns-sum-to-1", (
                f"sums to 1 over {axes.axis(n, axis)}, and should over {axes.axis(n, want.ndim - 1)}, the last axis: "
                "the softmax or the sum runs over the wrong axis"
            )
    if np.isclose(got.sum(), 1, atol=1e-4):
        return "all-sum-to-1", "sums to 1 as a whole, and each row should: the softmax lacks its axis, the last"
    between = (
        f"{sums.min():.3g}" if np.allclose(sums, sums[0], 1e-3) else f"between {sums.min():.3g} and {sums.max():.3g}"
    )
    less = ": is a number missing from the sum, or dropped after it" if (sums < 1.0001).all() else ""
    small = ": is a small number added to the sum" if sums.min() > 0.98 and less else less
    return (
        "rows-do-not-sum-to-1",
        f"has rows that sum to {between}, and each should sum to 1{small}{'?' if small else ''}",
    )


def forbidden(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    """Not 0 where it must be."""
    zero = want == 0
    left = zero & (np.abs(np.nan_to_num(got.astype(np.float64))) > 1e-6)
    if want.size > 1 and left.any() and not zero.all() and zero.sum() > 1 and want.dtype.kind == "f":
        at = [int(k) for k in np.argwhere(left)[0]]
        return "not-zero", f"is not 0 in {left.sum()} of {zero.sum()} places where it must be, first at {at}"
    return None
