"""What is said of a call or an index that an array's axes do not allow: transpose, reshape, einsum, stack, unpack."""

from __future__ import annotations

import ast
import re

import numpy as np

from course.checks.scene import Scene
from course.checks.told import Shape, Told, shape_in

__all__ = ["index", "letters", "order_of_axes", "reshape", "stacked", "unpacking"]


def order_of_axes(scene: Scene, match: re.Match[str]) -> Told | None:
    """NumPy's transpose, called with two axes."""
    for call in scene.nodes(ast.Call):
        if getattr(call.func, "attr", "") == "transpose":
            array = call.args[0] if ast.unparse(call.func) == "np.transpose" else call.func.value
            shape, name = scene.shape(array), ast.unparse(array)
            axes = f" {scene.axes.named(shape)}" if shape else ""
            two = [ast.unparse(a) for a in call.args if not isinstance(a, ast.Name)][:2]
            swap = ", ".join(two) if len(two) == 2 else "1, 2"
            return "transpose-order", (
                f"NumPy's transpose wants the order of all axes of `{name}`{axes}; "
                f"{name}.swapaxes({swap}) exchanges two."
            )
    return "transpose-order", "NumPy's transpose wants the order of all axes; x.swapaxes(1, 2) exchanges two."


def reshape(scene: Scene, match: re.Match[str]) -> Told | None:
    """A shape of another number of entries."""
    wanted = shape_in(match[2])
    why = f"the product must be equal{_missing(int(match[1]), wanted, scene)}."
    for call in scene.nodes(ast.Call):
        if getattr(call.func, "attr", "") in {"reshape", "view"}:
            shape = scene.shape(call.func.value)
            if shape:
                said = f"`{ast.unparse(call.func.value)}` {scene.axes.named(shape)}"
                return "reshape", f"{said} has {match[1]} numbers and cannot become {wanted}: {why}"
    return "reshape", f"{match[1]} numbers cannot become an array {wanted}: {why}"


def _missing(size: int, wanted: Shape, scene: Scene) -> str:
    """By which factor a shape is too small, and which axis is that long."""
    product = int(np.prod(wanted))
    if not product or size % product or "-1" in scene.expression:
        return ""
    factor = size // product
    return f". An axis or a factor of {factor}{scene.called(factor)} is left out"


def letters(scene: Scene, match: re.Match[str]) -> Told | None:
    """An einsum in which one letter stands for two lengths."""
    for call in scene.nodes(ast.Call):
        if getattr(call.func, "attr", "") != "einsum" or not isinstance(call.args[0], ast.Constant):
            continue
        takes = str(call.args[0].value).split("->")[0].replace(" ", "").split(",")
        lengths: dict[str, dict[str, int]] = {}
        for letters, operand in zip(takes, call.args[1:], strict=False):
            for letter, length in zip(letters, scene.shape(operand) or (), strict=False):
                lengths.setdefault(letter, {})[ast.unparse(operand)] = length
        for letter, found in lengths.items():
            if len(set(found.values())) > 1:
                said = " and ".join(f"{length} in `{name}`" for name, length in found.items())
                return "einsum-letter", (
                    f"the letter {letter} of np.einsum stands for an axis of {said}: is the right array there, and are "
                    "its axes in this order?"
                )
    return None


def unpacking(scene: Scene, match: re.Match[str]) -> Told | None:
    """More names than values, or fewer."""
    for node in scene.nodes(ast.Assign):
        if isinstance(node.targets[0], ast.Tuple):
            shape = node.value.value if isinstance(node.value, ast.Attribute) and node.value.attr == "shape" else None
            found = scene.shape(shape) if shape is not None else None
            if shape is not None and found is not None:
                n = len(node.targets[0].elts)
                return "unpacking", (
                    f"`{ast.unparse(shape)}` has {len(found)} axes, {scene.axes.named(found)}, and you unpack {n}."
                )
    return "unpacking", "there are not as many values on the right as names on the left."


def stacked(scene: Scene, match: re.Match[str]) -> Told:
    """np.stack of pieces that differ."""
    text = "np.stack wants equal shapes, for it makes a new axis: np.concatenate joins along one."
    for call in scene.nodes(ast.Call):
        inner = call.args[0] if getattr(call.func, "attr", "") == "stack" and call.args else None
        if isinstance(inner, ast.Call) and "split" in ast.unparse(inner.func):
            shape = scene.shape(inner.args[0])
            axis = next((ast.unparse(k.value) for k in inner.keywords if k.arg == "axis"), "0")
            if shape:
                return "stacked", (
                    f"the pieces are not equal: axis {axis} of {scene.axes.named(shape)} is cut. "
                    "Is the last axis meant, axis=-1?"
                )
    return "stacked", text


def index(scene: Scene, match: re.Match[str]) -> Told | None:
    """An index beyond the end of an axis."""
    return "index-too-large", (
        f"index {match[1]} of an axis of length {match[3]}, whose last is {int(match[3]) - 1}. "
        "Is the length of another axis, or of another array, meant?"
    )
