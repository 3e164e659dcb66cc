"""What is said of a matrix product whose axes do not fit: which operand to transpose, or which order is meant."""

from __future__ import annotations

import ast
import re

from course.checks.scene import Scene
from course.checks.told import Told

__all__ = ["inner_axes", "reversed_axes"]


def inner_axes(scene: Scene, match: re.Match[str]) -> Told | None:
    """A matrix product whose inner axes disagree."""
    transposed = reversed_axes(scene)
    if transposed:
        return transposed
    if any(ast.unparse(call.func).endswith("linear") for call in scene.nodes(ast.Call)):
        return "linear-transposes", (
            "F.linear(x, w) multiplies by w transposed, as nn.Linear stores it: "
            "these maps are (in, out), so write x @ w."
        )
    operands = _operands(scene)
    rule = "a matrix product needs (a, b) @ (b, c). Is a transpose missing, or are the two in the wrong order?"
    if operands is None:
        return "inner-axes", rule
    left, right = operands
    a, b = scene.shape(left), scene.shape(right)
    if not a or not b or min(len(a), len(b)) < 1:
        return "inner-axes", rule
    said = f"{scene.said(left)} @ {scene.said(right)}: the inner axes must agree."
    if len(a) == 1 and len(b) > 1 and re.search(r"\[\w*mask\w*\]", scene.source):
        return "flattened", (
            f"{said} x[mask] picks entries and lays them flat: np.where(mask, x, -np.inf) keeps the shape."
        )
    one, other = ast.unparse(left), ast.unparse(right)
    turned = ".T" if len(b) == 2 else ".swapaxes(-1, -2)"
    if len(a) == len(b) == 2 or len(a) == len(b):
        if a[-1] == b[-1]:
            return "transpose-missing", f"{said} {one} @ {other}{turned} would fit."
        if len(a) > 1 and a[-2] == b[-2]:
            return "transpose-missing", f"{said} {one}{turned} @ {other} would fit."
        if len(a) > 1 and b[-1] == a[-2]:
            return "factors-exchanged", f"{said} {other} @ {one} would fit."
    return "inner-axes", f"{said} Is a transpose missing, or are the two in the wrong order?"


def _operands(scene: Scene) -> tuple[ast.expr, ast.expr] | None:
    for node in scene.nodes(ast.BinOp):
        if isinstance(node.op, ast.MatMult):
            return node.left, node.right
    for call in scene.nodes(ast.Call):
        name = getattr(call.func, "attr", "")
        if name in {"dot", "matmul"} and len(call.args) == 2:
            return call.args[0], call.args[1]
        if name in {"dot", "matmul"} and len(call.args) == 1 and isinstance(call.func, ast.Attribute):
            return call.func.value, call.args[0]
    return None


def reversed_axes(scene: Scene) -> Told | None:
    """.T on more than two axes."""
    for node in scene.nodes(ast.Attribute):
        shape = scene.shape(node.value) if node.attr == "T" else None
        if shape and len(shape) > 2:
            name = ast.unparse(node.value)
            return "reversed-axes", (
                f"`{name}` has {len(shape)} axes {scene.axes.named(shape)}, and .T reverses all of them: "
                f"{name}.swapaxes(-1, -2) exchanges the last two."
            )
    return None
