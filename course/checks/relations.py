"""Ways in which a wrong array may stand to the right one, each with its name and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.answers import close
from course.checks.signature import Axes

__all__ = ["OTHER_SHAPE", "RESIDUES", "SAME_SHAPE", "Told"]

Array = NDArray[Any]
Told = tuple[str, str]
Property = Callable[[Array, Array, Axes, int], Told | None]


# ---- properties of an array of another shape than wanted


def _permuted_axes(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    for order in permutations(range(want.ndim)):
        if want.ndim > 1 and list(order) != sorted(order) and close(got, want.transpose(order), 1e-3):
            found = ", ".join(axes.axis(n, m) for m in order)
            return "axes-permuted", f"has the right numbers with its axes in the order ({found}): swap them back"
    return None


def _flattened(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    if got.size == want.size and close(got.ravel(), want.ravel(), 1e-3):
        return (
            "shape-only",
            f"has the right numbers in the wrong shape, {got.shape}: it should be {axes.named(want.shape)}",
        )
    return None


def _reduced(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


# ---- properties of an array of the right shape


def _coarse(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    if got.dtype == np.float16 and np.allclose(got.astype(np.float64), want, 1e-2, 1e-2, equal_nan=True):
        return "half-precision", "is right to three digits: float16 keeps three digits, use float32 or float64"
    if got.dtype.kind in "iub" and want.dtype.kind == "f" and got.size > 1:
        whole = (np.trunc, np.rint, np.floor) if got.dtype.kind != "b" else ()
        if any(np.array_equal(got, cut(want)) for cut in whole):
            return "rounded-to-integers", "has lost its digits after the point: some step of it makes integers"
    for digits in range(5) if want.dtype.kind == "f" and want.size > 1 else ():
        if np.array_equal(got, np.round(got, digits)) and np.allclose(got, np.round(want, digits), 0, 1e-9):
            return "rounded", f"is rounded to {digits} digits after the point: return it as it is"
    return None


def _finite(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    strange = ~np.isfinite(got.astype(np.float64))
    if not strange.any() or strange.all() or not np.isfinite(want).all():
        return None
    if np.allclose(got[~strange], want[~strange], 1e-3, 1e-5):
        at = [int(k) for k in np.argwhere(strange)[0]]
        return "nan", f"is right but for NaN or infinity in {strange.sum()} of {got.size} places, first at {at}"
    return None


def _scaled(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


def _shifted(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    if want.size < 2 or not np.isfinite(got).all() or not np.isfinite(want).all():
        return None
    shift = float(np.median(got - want.astype(np.float64)))
    if np.allclose(got, want + shift, 1e-4, 1e-5):
        return "shift", f"is {shift:+.4g} off throughout: a constant is added"
    return None


def _elementwise(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


def _sums(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


def _forbidden(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    zero = want == 0
    left = zero & (np.abs(np.nan_to_num(got.astype(np.float64))) > 1e-6)
    if want.size > 1 and left.any() and not zero.all() and zero.sum() > 1 and want.dtype.kind == "f":
        at = [int(k) for k in np.argwhere(left)[0]]
        return "not-zero", f"is not 0 in {left.sum()} of {zero.sum()} places where it must be, first at {at}"
    return None


def _ordered(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


def _reordered(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


def _right_but_for(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


def _constant(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    if want.size > 2 and not np.allclose(want, want.flat[0]):
        if not got.any():
            return "zeros", "is all zeros: has the result been written into it?"
        if np.allclose(got, got.flat[0]):
            return "constant", f"is {got.flat[0]:.4g} everywhere"
    return None


def _part(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


def _unwritten(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


def _handed_over(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    for name, x in axes.inputs.items():
        if isinstance(x, np.ndarray) and got.ndim and close(got, x, 1e-6):
            return "handed-back", f"is {name} itself, as it was handed over"
    return None


def _rows_scaled(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
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


SAME_SHAPE: tuple[Property, ...] = (
    _coarse,
    _constant,
    _handed_over,
    _part,
    _unwritten,
    _scaled,
    _shifted,
    _elementwise,
    _ordered,
    _reordered,
    _finite,
    _sums,
    _forbidden,
    _right_but_for,
    _rows_scaled,
)
OTHER_SHAPE: tuple[Property, ...] = (_permuted_axes, _flattened, _reduced)


def _clearly(prop: Property) -> Property:
    """A relation that rounding cannot feign."""

    def held(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
        return None if np.allclose(got, want, 1e-2, 1e-3, equal_nan=True) else prop(got, want, axes, n)

    return held


def _ends_empty(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    told = _unwritten(got, want, axes, n)
    return told if told and told[0] != "partly-zero" else None


RESIDUES: tuple[Property, ...] = tuple(map(_clearly, (_scaled, _shifted, _elementwise, _ordered, _ends_empty)))
