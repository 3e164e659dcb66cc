"""Ways in which a wrong array may stand to the right one, each with its name and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course.checks.order_relations import flattened, ordered, permuted_axes, reduced, reordered
from course.checks.place_relations import handed_over, right_but_for, unwritten, wrong_in_a_part
from course.checks.signature import Axes
from course.checks.told import Array, Told
from course.checks.value_relations import (
    coarse,
    constant,
    elementwise,
    finite,
    forbidden,
    rows_scaled,
    scaled,
    shifted,
    sums,
)

__all__ = ["OTHER_SHAPE", "RESIDUES", "SAME_SHAPE", "Property"]

Property = Callable[[Array, Array, Axes, int], Told | None]
SAME_SHAPE: tuple[Property, ...] = (
    coarse,
    constant,
    handed_over,
    wrong_in_a_part,
    unwritten,
    scaled,
    shifted,
    elementwise,
    ordered,
    reordered,
    finite,
    sums,
    forbidden,
    right_but_for,
    rows_scaled,
)
OTHER_SHAPE: tuple[Property, ...] = (permuted_axes, flattened, reduced)


def _clearly(prop: Property) -> Property:
    """A relation that rounding cannot feign."""

    def held(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
        return None if np.allclose(got, want, 1e-2, 1e-3, equal_nan=True) else prop(got, want, axes, n)

    return held


def _ends_empty(got: Array, want: Array, axes: Axes, n: int) -> Told | None:
    told = unwritten(got, want, axes, n)
    return told if told and told[0] != "partly-zero" else None


RESIDUES: tuple[Property, ...] = tuple(map(_clearly, (scaled, shifted, elementwise, ordered, _ends_empty)))
