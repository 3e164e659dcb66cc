"""What an exercise takes and returns, with the names of the axes: "q (i, d), k (j, d) -> out (i, j)"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.answers import Trial

__all__ = ["Axes", "Signature"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Axes:
    """The names of the axes in one trial.

    Args:
        names: of each length, its name; a length that two axes share has none.
        results: the axes of each result.
        inputs: what was handed over.  parts: places of the results, by what they are called.
    """

    names: Mapping[int, str]
    results: tuple[str, ...]
    inputs: Mapping[str, Any]
    parts: Mapping[str, Any]

    def named(self, shape: Shape) -> str:
        """(3, 5) as "(3, 5), that is (i, d)", or without what is not known."""
        text = str(tuple(int(n) for n in shape))
        known = [self.names.get(int(n), "1" if n == 1 else "") for n in shape]
        return f"{text}, that is ({', '.join(known)}{',' if len(known) == 1 else ''})" if all(known) and shape else text

    def knowing(self, results: tuple[NDArray[Any], ...]) -> Axes:
        """With the names that the results' lengths and whole numbers handed over give, where a length has none."""
        found: dict[int, set[str]] = {}
        for x, text in zip(results, self.results, strict=False):
            parts = text.split(", ") if text else []
            for name, size in zip(parts, x.shape, strict=True) if len(parts) == x.ndim else ():
                found.setdefault(size, set()).add(name)
        for name, x in self.inputs.items():
            if type(x) is int and x not in found:
                found[x] = {name}
        more = {size: names.pop() for size, names in found.items() if len(names) == 1 and size > 1}
        return replace(self, names=more | dict(self.names))

    def measured(self, array: int, x: NDArray[Any]) -> Axes:
        """With the names of a result's axes as its lengths tell them, which may be other ones than wanted."""
        names = [
            self.names.get(size, f"axis {k}") if x.shape.count(size) == 1 else f"axis {k}"
            for k, size in enumerate(x.shape)
        ]
        return replace(
            self, results=tuple(", ".join(names) if k == array else old for k, old in enumerate(self.results))
        )

    def axis(self, array: int, n: int) -> str:
        """The name of axis n of a result, or its number."""
        parts = self.results[array].split(", ") if array < len(self.results) and self.results[array] else []
        return parts[n] if -len(parts) <= n < len(parts) else f"axis {n}"


class Signature:
    """The text, taken apart."""

    def __init__(self, text: str) -> None:
        takes, arrow, gives = text.partition("->")
        if not arrow:
            raise ValueError(f"a signature must read 'x (i, d) -> out (i, d)', got {text!r}")
        self._takes = _parts(takes)
        self._gives = _parts(gives)

    @property
    def results(self) -> tuple[str, ...]:
        return tuple(self._gives)

    def of(self, trial: Trial, parts: Mapping[str, Any] = MappingProxyType({})) -> Axes:
        """The axes' names in a trial, from the shapes of its inputs, and what parts of its results are called."""
        shapes = {name: x.shape for name, x in trial.inputs.items() if isinstance(x, np.ndarray)}
        lengths: dict[int, set[str]] = {}
        for name, shape in shapes.items():
            axes = [part.strip() for part in self._takes.get(name, "").split(",") if part.strip()]
            for axis, length in zip(axes, shape, strict=True) if len(axes) == len(shape) else ():
                lengths.setdefault(length, set()).add(axis)
        names = {length: found.pop() for length, found in lengths.items() if len(found) == 1 and length != 1}
        return Axes(names, tuple(self._gives.values()), trial.inputs, parts)

    def called(self, trial: Trial) -> str:
        """The arguments as a learner would list them: q (3, 5), n_heads = 2."""
        return ", ".join(
            f"{n} {x.shape}" if isinstance(x, np.ndarray) else f"{n} = {x}" for n, x in trial.inputs.items()
        )


def _parts(text: str) -> dict[str, str]:
    """Names with the axes in brackets after them."""
    return {name: axes for name, axes in re.findall(r"(\w+)(?: \(([^)]*)\))?", text.strip())}
