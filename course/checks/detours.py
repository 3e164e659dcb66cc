"""Things done to a value on its way that should not be done: transposed, squared, reversed, averaged …"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["EACH_OF_TWO", "detours", "left_out"]

NUMBERS = (
    ("negated", "-({})"),
    ("doubled", "2 * ({})"),
    ("halved", "({}) / 2"),
    ("squared", "({}) ** 2"),
    ("put under a root", "np.sqrt({})"),
    ("raised by 1", "({}) + 1"),
    ("lowered by 1", "({}) - 1"),
    ("inverted", "1 / ({})"),
)
ARRAYS = (
    *NUMBERS,
    ("taken without its sign", "np.abs({})"),
    ("reversed along {first}", "np.flip({}, 0)"),
    ("reversed along {last}", "np.flip({}, -1)"),
    ("moved one place along {last}", "np.roll({}, 1, -1)"),
    ("moved one place back along {last}", "np.roll({}, -1, -1)"),
    ("moved one place along {first}", "np.roll({}, 1, 0)"),
    ("moved one place back along {first}", "np.roll({}, -1, 0)"),
    ("rolled without an axis", "np.roll({}, 1)"),
    ("divided by its sum along {last}", "({0}) / ({0}).sum(axis=-1, keepdims=True)"),
    ("divided by its sum along {first}", "({0}) / ({0}).sum(axis=0, keepdims=True)"),
    ("divided by the sum of all", "({0}) / ({0}).sum()"),
    ("divided by its largest along {last}", "({0}) / ({0}).max(axis=-1, keepdims=True)"),
    ("divided by its length along {last}", "({0}) / np.linalg.norm({0}, axis=-1, keepdims=True)"),
    ("divided by its length along {first}", "({0}) / np.linalg.norm({0}, axis=0, keepdims=True)"),
    ("divided by the length of the whole", "({0}) / np.linalg.norm({0})"),
    ("lowered by its mean along {last}", "({0}) - ({0}).mean(axis=-1, keepdims=True)"),
    ("lowered by its mean along {first}", "({0}) - ({0}).mean(axis=0, keepdims=True)"),
    ("lowered by its largest along {last}", "({0}) - ({0}).max(axis=-1, keepdims=True)"),
    ("standardised along {last}", "(({0}) - ({0}).mean(-1, keepdims=True)) / ({0}).std(-1, keepdims=True)"),
    ("put through a softmax along {last}", "(z := np.exp({0})) / z.sum(axis=-1, keepdims=True)"),
    ("put through a softmax along {first}", "(z := np.exp({0})) / z.sum(axis=0, keepdims=True)"),
    ("added up along {last} step by step", "np.cumsum({}, axis=-1)"),
    ("added up along {first} step by step", "np.cumsum({}, axis=0)"),
    ("cut to its first entry along {first}", "({})[:1]"),
    ("cut to its last entry along {first}", "({})[-1:]"),
    ("put in order of size along {last}", "np.sort({}, axis=-1)"),
    ("rounded to whole numbers", "np.rint({})"),
    ("cut to whole numbers", "np.trunc({})"),
    ("cut off below 0", "np.maximum({}, 0)"),
    ("put through exp", "np.exp({})"),
    ("put through log", "np.log({})"),
    ("divided by how many numbers it holds", "({0}) / ({0}).size"),
)
MASKS = (
    ("turned round (True for False)", "~({})"),
    ("reversed along {first}", "np.flip({}, 0)"),
    ("reversed along {last}", "np.flip({}, -1)"),
    ("moved one place along {last}", "np.roll({}, 1, -1)"),
    ("moved one place along {first}", "np.roll({}, 1, 0)"),
    ("moved one place back along {last}", "np.roll({}, -1, -1)"),
    ("moved one place back along {first}", "np.roll({}, -1, 0)"),
    ("True everywhere", "np.ones_like({})"),
    ("False everywhere", "np.zeros_like({})"),
)
EACH_OF_TWO = (
    ("divided by its length along {last}", "({0}) / np.linalg.norm({0}, axis=-1, keepdims=True)"),
    ("standardised along {last}", "(({0}) - ({0}).mean(-1, keepdims=True)) / ({0}).std(-1, keepdims=True)"),
    ("put through a softmax along {last}", "(z := np.exp({0})) / z.sum(axis=-1, keepdims=True)"),
    ("squared", "({0}) ** 2"),
    ("taken without its sign", "np.abs({0})"),
    ("reversed along {first}", "np.flip({0}, 0)"),
)
ORDERS = (
    ("ranked (argsort)", "np.argsort({})"),
    ("ranked from above", "np.argsort(-({}))"),
)


def detours(value: Any, names: tuple[str, ...], *, given: bool = False) -> Iterator[tuple[str, str]]:
    """What may be done to a value in words and as a pattern of code.

    Args:
        names: of its axes.  given: whether it was handed over, and not made.
    """
    if not isinstance(value, np.ndarray) or not value.ndim:
        yield from NUMBERS if isinstance(value, int | float) and not isinstance(value, bool) else ()
        return
    of_kind = MASKS if value.dtype == bool else ARRAYS
    more = ORDERS if given and value.dtype.kind == "i" and value.ndim == 1 else ()
    known = set()
    for said, code in (*of_kind, *more, *_of_axes(value, names)):
        if value.ndim == 1 and "{first}" in said:
            continue
        if code not in known:
            known.add(code)
            yield said.format(first=names[0], last=names[-1]), code


def left_out(value: Any, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """An entry left out along an axis, its first or its last, so that it is missing or counts as nothing."""
    if not isinstance(value, np.ndarray):
        return
    for n, (name, size) in enumerate(zip(names, value.shape, strict=True)):
        after = ", None" * (value.ndim - 1 - n)
        for which, place, rest, how in (
            ("last", "-1", ":-1", "end one too early"),
            ("first", "0", "1:", "begin one too late"),
        ):
            said = f"the {which} entry along {name} is left out: does a loop or a slice {how}?"
            counts = f"(np.arange(({{0}}).shape[{n}]) != {place} % ({{0}}).shape[{n}])[:{after}]"
            if size > 1:
                yield said, f"({{0}}) & {counts}" if value.dtype == bool else f"np.where({counts}, {{0}}, 0)"
                yield said, f"({{}})[{':, ' * n}{rest}]"


def _of_axes(value: np.ndarray[Any, Any], names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for one in range(value.ndim):
        for other in range(one + 1, value.ndim):
            two = f"{names[one]} and {names[other]}"
            yield f"transposed ({two} exchanged)", f"({{}}).swapaxes({one}, {other})"
            shape = list(range(value.ndim))
            shape[one], shape[other] = other, one
            sizes = ", ".join(f"({{0}}).shape[{n}]" for n in shape)
            yield f"reshaped so that {two} change places, which is no transpose", f"({{0}}).reshape({sizes})"
    if value.ndim > 2:
        orders = [(2, 0, 1), (1, 2, 0)] if value.ndim == 3 else [(0, 2, 3, 1), (0, 3, 1, 2)]
        for order in orders if value.ndim < 5 else ():
            said = ", ".join(names[n] for n in order)
            yield f"brought into the order ({said})", f"({{}}).transpose({order})"
    for n, name in enumerate(names[1:-1], 1):
        before = ":, " * n
        yield f"reversed along {name}", f"({{}})[{before}::-1]"
    for n, name in enumerate(names) if value.dtype != bool else ():
        most = f"({{0}}).max(axis={n}, keepdims=True)"
        yield f"made 1 at its largest along {name} and 0 elsewhere", f"np.where(({{0}}) == {most}, 1.0, 0.0)"
        for how in ("sum", "mean", "max"):
            yield f"reduced along {name} to its {how}", f"({{0}}).{how}(axis={n}, keepdims=True) + 0 * ({{0}})"
        size = f"({{0}}).shape[{n}]"
        yield f"divided by the length of {name}", f"({{0}}) / {size}"
        yield f"divided by the root of the length of {name}", f"({{0}}) / np.sqrt({size})"
        yield f"multiplied by the length of {name}", f"({{0}}) * {size}"
        yield f"multiplied by the root of the length of {name}", f"({{0}}) * np.sqrt({size})"
