"""Errors of NumPy, torch and Python translated: from what they say to what was meant and what to write."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import permutations

import numpy as np

from course.checks.scene import Scene

__all__ = ["TRANSLATIONS"]

Shape = tuple[int, ...]
Told = tuple[str, str]  # diagnosis, and what to write
Translation = Callable[[Scene, re.Match[str]], Told | None]

SHAPE = re.compile(r"\(([\d, ]*)\)")
REDUCTION = re.compile(r"\b(?:max|min|sum|mean|norm|amax)\((?:[^()]|\([^()]*\))*\)")
LIST_METHODS = frozenset({"append", "extend", "index", "insert", "pop", "remove"})


def _shape(text: str) -> Shape:
    return tuple(int(n) for n in re.findall(r"\d+", text))


def _product(scene: Scene, match: re.Match[str]) -> Told | None:
    """A matrix product whose inner axes disagree."""
    transposed = _reversed_axes(scene)
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


def _reversed_axes(scene: Scene) -> Told | None:
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


def _broadcast(scene: Scene, match: re.Match[str]) -> Told | None:
    """Shapes that do not fit one another: names the repair where the shapes show it."""
    shapes = [_shape(part) for part in SHAPE.findall(match[1])]
    transposed = _reversed_axes(scene)
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
            side, meant = (f"{size}{_called(scene, size)}" for size in (a, b))
            if len(condition) == 2 and a == condition[0] == condition[1] and value[-2:] == (b, b):
                return f"The condition is a square of side {side}, the scores one of {meant}."
            return f"Axis -{n} of the condition has length {a}, that of the scores or values {b}: make it {b} or 1."
    return "Compare them from the right: axes fit if equal or 1."


def _called(scene: Scene, size: int) -> str:
    """What a length is called, in brackets, or ""."""
    name = scene.axes.names.get(size) or next((n for n, x in scene.axes.inputs.items() if _is(x, size)), "")
    return f" ({name})" if name else ""


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


def _into_place(scene: Scene, match: re.Match[str]) -> Told:
    """A value written into a part of an array that has another shape."""
    value, part = _shape(match[1]), _shape(match[2])
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


def _torch_sizes(scene: Scene, match: re.Match[str]) -> Told | None:
    for node in scene.nodes(ast.BinOp):
        one, other = scene.shape(node.left), scene.shape(node.right)
        if one and other:
            return _two_shapes(scene, one, other)
    return "shapes-differ", (
        f"axis {match[3]} is {match[1]} long in one array and {match[2]} in the other. Compare the shapes from the "
        "right: axes fit if equal or 1."
    )


def _permutation(scene: Scene, match: re.Match[str]) -> Told | None:
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


def _reshape(scene: Scene, match: re.Match[str]) -> Told | None:
    wanted = _shape(match[2])
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
    name = scene.axes.names.get(factor) or next((n for n, x in scene.axes.inputs.items() if _is(x, factor)), "")
    return f". An axis or a factor of {factor}{f' ({name})' if name else ''} is left out"


def _is(value: object, number: int) -> bool:
    return isinstance(value, int) and value == number


def _letters(scene: Scene, match: re.Match[str]) -> Told | None:
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


def _attribute(scene: Scene, match: re.Match[str]) -> Told | None:
    name = match[1]
    names = {"softmax": "", "masked_fill": "np.where(mask, x, value)", "unsqueeze": "x[..., None]"}
    names |= {"permute": "x.transpose(0, 2, 1, 3)", "contiguous": "nothing", "size": "x.shape[-1]"}
    names |= {"view": "x.reshape(…)", "dim": "x.ndim", "float": "x.astype(float)", "mT": "x.swapaxes(-1, -2)"}
    if names.get(name):
        return "not-a-tensor", f"you are given NumPy arrays, which have no .{name}: write {names[name]}."
    if name in LIST_METHODS:
        return (
            "not-a-list",
            f"a NumPy array has no .{name}, and a list's would change what you are given: use an index.",
        )
    if callable(getattr(np, name, None)):
        return "not-a-method", f"you are given NumPy arrays: write np.{name}(…)."
    return "not-a-tensor", "you are given NumPy arrays: torch.as_tensor turns them into tensors."


def _unknown_name(scene: Scene, match: re.Match[str]) -> Told:
    name = match[1]
    known = {"np": "import numpy as np", "torch": "import torch", "F": "import torch.nn.functional as F"}
    known |= {"math": "import math"}
    how = (
        f"run {known[name]} first" if name in known else "is it spelt as in the signature, and defined before its use?"
    )
    return "unknown-name", f"the name `{name}` is not defined: {how}."


def _unpacking(scene: Scene, match: re.Match[str]) -> Told | None:
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


def _stacked(scene: Scene, match: re.Match[str]) -> Told:
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


def _index(scene: Scene, match: re.Match[str]) -> Told | None:
    return "index-too-large", (
        f"index {match[1]} of an axis of length {match[3]}, whose last is {int(match[3]) - 1}. "
        "Is the length of another axis, or of another array, meant?"
    )


def _fixed(diagnosis: str, text: str) -> Callable[[Scene, re.Match[str]], Told]:
    return lambda scene, match: (diagnosis, text)


TRANSLATIONS: tuple[tuple[str, Translation], ...] = (
    (r"mismatch in its core dimension|not aligned|cannot be multiplied|size mismatch, got", _product),
    (r"Expected size for first two dimensions of batch", _product),
    (r"does not have enough dimensions", _fixed("single-number", "a single number cannot enter a matrix product.")),
    (r"remapped shapes \[original->remapped\]", _letters),
    (r"could not be broadcast together with (?:remapped )?shapes ((?:\([\d,]*\) ?)+)", _broadcast),
    (r"could not broadcast input array from shape (\([\d,]*\)) into shape (\([\d,]*\))", _into_place),
    (r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\).*dimension (\d+)", _torch_sizes),
    (r"axes don't match array", _permutation),
    (r"cannot reshape array of size (\d+) into shape (\([\d,]*\))", _reshape),
    (
        r"shape '\[([\d, -]*)\]' is invalid for input of size",
        _fixed("reshape", "the product of the axes must be equal."),
    ),
    (r"view\(\) takes from", _fixed("not-a-tensor", "NumPy's view does not change the shape: write x.reshape(…).")),
    (
        r"does not result in an equal division",
        _fixed(
            "unequal-parts", "the axis cannot be cut into so many equal parts: is another axis meant, as in axis=-1?"
        ),
    ),
    (r"all input arrays must have the same shape", _stacked),
    (
        r"zero-size array to reduction",
        _fixed(
            "empty-array", "an array without entries has no maximum: a row or length is 0 there, so treat it apart."
        ),
    ),
    (
        r"Expected target size",
        _fixed("cross-entropy", "cross_entropy wants the classes on axis 1: flatten to (b·i, v) and (b·i,) first."),
    ),
    (
        r"cannot select an axis to squeeze",
        _fixed("squeeze", "squeeze drops axes of length 1 only: reshape joins two axes."),
    ),
    (
        r"view size is not compatible",
        _fixed("reshape", "after a transpose use .reshape, or .contiguous() before .view."),
    ),
    (r"'numpy\.ndarray' object has no attribute '(\w+)'", _attribute),
    (r"name '(\w+)' is not defined", _unknown_name),
    (r"too many values to unpack|not enough values to unpack", _unpacking),
    (r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", _index),
    (
        r"out of bounds for array of dimension (\d+)|Dimension out of range",
        _fixed("axis-unknown", "there are fewer axes than that: axis=-1 is the last one, however many there are."),
    ),
    (
        r"too many indices for array",
        _fixed("too-many-indices", "the array has fewer axes than you index: has a sum or an index dropped one?"),
    ),
    (
        r"boolean index did not match|shape mismatch: indexing|The shape of the mask",
        _fixed("mask-shape", "the mask has another shape than what it indexes: np.where(mask, x, …) fits it to x."),
    ),
    (
        r"must be Tensor|expected Tensor|but got numpy|not numpy\.ndarray",
        _fixed("not-a-tensor", "you are given NumPy arrays: torch.as_tensor turns them into tensors."),
    ),
    (
        r"same dtype|expected scalar type|expected m1 and m2",
        _fixed("dtypes-differ", "float32 meets float64: the inputs are float64, so create tensors with dtype=x.dtype."),
    ),
    (
        r"can be converted to Python scalars|only (?:length-1|0-dimensional) arrays",
        _fixed("one-number", "the functions of math take one number: np.exp and np.sqrt take arrays."),
    ),
    (
        r"only integer scalar arrays can be converted to a scalar index",
        _fixed(
            "one-number", "an array stands where one whole number is meant: is it an axis, or are brackets missing?"
        ),
    ),
    (
        r"truth value of an array|Boolean value of Tensor",
        _fixed("one-number", "Python's own max, if, and, or look at one number: use np.max, np.where, &, |."),
    ),
    (r"unexpected keyword argument '?dim'?", _fixed("dim", "NumPy calls it axis, not dim.")),
    (r"unexpected keyword argument '?keepdim'?", _fixed("keepdim", "NumPy calls it keepdims, not keepdim.")),
    (
        r"[bB]oolean (?:subtract|negative)|numpy boolean subtract",
        _fixed("minus-mask", "a mask cannot be subtracted: ~mask turns True and False round."),
    ),
    (
        r"'(?:invert|bitwise_\w+)' not supported|bad operand type for unary ~",
        _fixed("not-a-mask", "~, & and | are for masks: is the array a mask, or are brackets missing around >?"),
    ),
    (
        r"Cannot cast ufunc",
        _fixed("in-place-integers", "-= and /= write into an array of integers: write x = x - …, not x -= …"),
    ),
    (
        r"cannot convert float NaN to integer|arrays used as indices must be of integer",
        _fixed("not-integers", "indices must be integers: np.argsort, np.argmax and astype(int) give such."),
    ),
    (
        r"'NoneType' object",
        _fixed("none-inside", "a function or method that you call returns None: is its `return` missing?"),
    ),
    (
        r"'(?:builtin_function_or_method|function|method)' object is not subscriptable|\bfunction' and|method' and",
        _fixed("not-called", "a function is used without being called: brackets () are missing after it."),
    ),
    (r"object is not callable", _fixed("called-an-array", "() calls a function: is an operator missing, or [] meant?")),
    (
        r"referenced before assignment|not associated with a value",
        _fixed("used-before", "it is used before it is given a value on this path."),
    ),
    (r"maximum recursion depth", _fixed("endless", "it calls itself without an end.")),
    (
        r"does not have valid buffer|requires grad",
        _fixed("gradient", "a tensor with a gradient: .detach() before .numpy()."),
    ),
)
