"""What is said of shapes that do not fit one another: the repair, where the shapes or the expression show it."""

from __future__ import annotations

import ast
import re
from itertools import permutations

import numpy as np

from course.checks.product_errors import reversed_axes
from course.checks.scene import Scene
from course.checks.told import Shape, Told, shape_in

__all__ = ["broadcast", "into_place", "torch_sizes"]

SHAPE = re.compile(r"\(([\d, ]*)\)")
REDUCTION = re.compile(r"\b(?:max|min|sum|mean|norm|amax)\((?:[^()]|\([^()]*\))*\)")


def broadcast(scene: Scene, match: re.Match[str]) -> Told | None:
    """Shapes that do not fit one another: names the repair where the shapes show it."""
    shapes = [shape_in(part) for part in SHAPE.findall(match[1])]
    transposed = reversed_axes(scene)
    if transposed:
        return transposed
    if len(shapes) == 3 and shapes[0] == shapes[2] and "where(" not in scene.expression:
        shapes = shapes[:2]  # x += y names x again, for the result
    if len(shapes) == 3 or "where(" in scene.expression:
        named = ", ".join(scene.axes.named(shape) for shape in shapes)
        return "where-shapes", (
            f"np.where got condition, value if True, value if False of shapes {named}. {_first_clash(scene, shapes)}"
        )
    if len(shapes) != 2:
        return None
    return _two_shapes(scene, *shapes)


def _first_clash(scene: Scene, shapes: list[Shape]) -> str:
    """Which axis of a condition does not fit, or which order of its axes would."""
    condition, value = shapes[0], max(shapes[1:], key=len, default=())
    for order in permutations(range(len(condition))):
        turned = tuple(condition[n] for n in order)
        fits = all(a in (1, b) for a, b in zip(turned, value, strict=False))
        if turned != condition and len(turned) == len(value) and fits:
            return f"The condition would fit as {scene.axes.named(turned)}: its axes stand in another order."
    for n, (a, b) in enumerate(zip(condition[::-1], value[::-1], strict=False), 1):
        if a != b and 1 not in (a, b):
            side, meant = (f"{size}{scene.called(size)}" for size in (a, b))
            if len(condition) == 2 and a == condition[0] == condition[1] and value[-2:] == (b, b):
                return f"The condition is a square of side {side}, the scores one of {meant}."
            return f"Axis -{n} of the condition has length {a}, that of the scores or values {b}: make it {b} or 1."
    return "Compare them from the right: axes fit if equal or 1."


def _new_axis_elsewhere(scene: Scene) -> str:
    """A subscript whose None would have to stand elsewhere for two operands to fit one another, mended, or ""."""
    for node in scene.nodes(ast.BinOp):
        for side, other in ((node.left, node.right), (node.right, node.left)):
            parts = _parts_of(side)
            goal = scene.shape(other)
            added = [n for n, part in enumerate(parts) if part == "None"]
            if not goal or len(added) != 1 or any(part not in {":", "None"} for part in parts):
                continue
            array, size = ast.unparse(side.value), len(parts)
            for n in range(size):
                code = f"{array}[{', '.join('None' if k == n else ':' for k in range(size))}]"
                shape = scene.shape(code)
                if n != added[0] and shape and _fit(shape, goal) and not _one_long(shape, goal):
                    return f"{ast.unparse(side)} has its new axis in the wrong place: write {code}."
    return ""


def _parts_of(node: ast.expr) -> list[str]:
    index = node.slice if isinstance(node, ast.Subscript) else None
    return [ast.unparse(part) for part in index.elts] if isinstance(index, ast.Tuple) else []


def _fit(one: Shape, other: Shape) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(one[::-1], other[::-1], strict=False))


def _one_long(one: Shape, other: Shape) -> bool:
    """Whether no axis is shared: each array is repeated along all of the other's."""
    return not any(a == b != 1 for a, b in zip(one[::-1], other[::-1], strict=False))


def into_place(scene: Scene, match: re.Match[str]) -> Told:
    """A value written into a part of an array that has another shape."""
    value, part = shape_in(match[1]), shape_in(match[2])
    said = f"{scene.axes.named(value)} is written into a place of shape {scene.axes.named(part)}."
    if value and part and value[:-1] == part[:-1] and value[-1] == 2 * part[-1]:
        return "twice-as-many", (
            f"{said} There are twice as many along the last axis: a number for each channel where each pair has one? "
            "np.arange(0, d, 2) counts pairs."
        )
    return "place-of-another-shape", f"{said} Both have to agree, or the value to have 1 along an axis."


def _two_shapes(scene: Scene, one: Shape, other: Shape) -> Told:
    small, large = sorted((one, other), key=lambda shape: int(np.prod(shape)))
    named = scene.axes.named
    bare = tuple(n for n in small if n != 1)
    if bare != small and bare == large[len(large) - len(bare) :]:
        return "axis-added", f"an axis was added that is not needed: {bare} would fit {large}, {small} does not."
    if (
        one[1:] == other[:-1]
        and 1 not in one + other
        and any(isinstance(node.op, ast.Mult) for node in scene.nodes(ast.BinOp))
    ):
        return "elementwise", f"* multiplies entry by entry, and {named(one)} meets {named(other)}: is @ meant?"
    drops = any("keepdim" not in call for call in REDUCTION.findall(f"{scene.source}\n{scene.line}"))
    dropped = [n for n in range(len(large)) if bare == large[:n] + large[n + 1 :]]
    if dropped and drops:
        return "keepdims-missing", (
            f"{named(small)} meets {named(large)}. A max or sum over an axis drops that axis; keepdims=True keeps it."
        )
    if dropped:
        place = "[:, None]" if dropped[0] == len(large) - 1 else f"np.expand_dims(…, {dropped[0]})"
        return "axis-missing", f"{named(small)} meets {named(large)}: an axis is missing in the first; add it, {place}."
    if mended := _new_axis_elsewhere(scene):
        return "new-axis-elsewhere", f"{named(one)} meets {named(other)}: {mended}"
    if one == other[::-1] or (len(one) == len(other) and sorted(one) == sorted(other)):
        return "transposed-operand", f"{named(one)} meets {named(other)}: one of them has to be transposed."
    pairs = [(a, b) for a, b in zip(one[::-1], other[::-1], strict=False) if a != b and 1 not in (a, b)]
    names = [(scene.axes.names.get(a, ""), scene.axes.names.get(b, "")) for a, b in pairs]
    differ = f" The axes {names[0][0]} and {names[0][1]} differ." if names and all(names[0]) else ""
    return "shapes-differ", (
        f"{named(one)} meets {named(other)}.{differ} "
        "Compare from the right: two axes fit if equal or if one of them is 1."
    )


def torch_sizes(scene: Scene, match: re.Match[str]) -> Told | None:
    """Two lengths that torch names, with the operands' shapes where they are known."""
    for node in scene.nodes(ast.BinOp):
        one, other = scene.shape(node.left), scene.shape(node.right)
        if one and other:
            return _two_shapes(scene, one, other)
    return "shapes-differ", (
        f"axis {match[3]} is {match[1]} long in one array and {match[2]} in the other. Compare the shapes from the "
        "right: axes fit if equal or 1."
    )
