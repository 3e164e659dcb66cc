"""Small changes to a call: another function, another axis, arguments exchanged, its result left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from course.checks.edits import Span
from course.checks.places import OPERATORS, Change, Place

__all__ = ["MOST_PERMUTED", "changed_call"]

RELATIVES = (
    "sum mean max min prod median",
    "mean median sum max min std",
    "max min sum mean",
    "exp exp2 expm1",
    "log log2 log10 log1p",
    "sin cos tan",
    "cos sin tan",
    "sqrt square",
    "maximum minimum add",
    "minimum maximum",
    "argmax argmin",
    "argsort sort",
    "abs square negative sign",
    "std var",
    "zeros_like ones_like",
    "tri ones",
)
REDUCTIONS = {"sum", "mean", "max", "min", "prod", "median", "std", "argmax", "argmin", "cumsum", "largest", "total"}
MOST_PERMUTED = 4


def changed_call(place: Place, call: ast.Call) -> Iterator[Change]:
    """All changes to a call."""
    name = _name(call)
    yield from _axes(place, call)
    for keyword in call.keywords:
        if keyword.arg == "keepdims":
            start, end = place.at(keyword)
            comma = place.text.rfind(",", 0, start) if call.args or len(call.keywords) > 1 else start
            yield Change("keepdims", ((comma, end, ""),), call)
    for one, other in combinations([arg for arg in call.args if not isinstance(arg, ast.Starred)], 2):
        yield Change("exchanged", place.exchange(one, other), call)
    if name == "reshape" and 2 < len(call.args) <= MOST_PERMUTED:
        for order in permutations(range(len(call.args))):
            if sum(n != m for n, m in enumerate(order)) > 2:
                spans = [place.put(call.args[n], place.source(call.args[m]))[0] for n, m in enumerate(order) if n != m]
                yield Change("exchanged", tuple(spans), call)
    if name in {"reshape", "ravel"}:
        end = place.at(call)[1] - 1
        yield Change("order-f", ((end, end, ', order="F"'),), call)
    for relatives in RELATIVES:
        first, *relations = relatives.split()
        for relation in relations if name == first else ():
            yield Change("function", _renamed(place, call, relation), call)
    yield from _other_reductions(place, call)
    inner = call.args[0] if len(call.args) == 1 and not call.keywords else None
    if isinstance(inner, ast.BinOp) and (symbol := OPERATORS.get(type(inner.op))):
        left, right, name_ = place.source(inner.left), place.source(inner.right), place.source(call.func)
        yield Change("brackets", place.put(call, f"({name_}({left}) {symbol} {right})"), call)
    receiver = _receiver(call)
    if receiver is not None:
        yield Change("left-out", place.put(call, f"({place.source(receiver)})"), call)
    for arg in call.args if name != "where" else ():
        if isinstance(place.value(arg), int | np.integer) and not isinstance(place.value(arg), bool):
            plain = not isinstance(arg, ast.Constant) and not _ends_in_number(arg)  # whose numbers are changed anyway
            for step in ("+ 1", "- 1") if plain else ():
                yield Change("one-off", place.put(arg, f"{place.source(arg)} {step}"), call)


def _other_reductions(place: Place, call: ast.Call) -> Iterator[Change]:
    """A sum, mean or maximum that keeps its axis replaced by another, a running sum, or the length of the axis."""
    receiver, name = _receiver(call), _name(call)
    axes = [_whole(keyword.value) for keyword in call.keywords if keyword.arg == "axis"]
    keeps = name in {"largest", "total"} or any(keyword.arg == "keepdims" for keyword in call.keywords)
    if receiver is None or not keeps or len(axes) != 1 or name not in REDUCTIONS:
        return
    x, axis = f"({place.source(receiver)})", axes[0]
    plain = {"largest": "max", "total": "sum"}.get(name, name)
    for how in ("sum", "mean", "max", "min", "std", "prod"):
        if how != plain:
            yield Change("function", place.put(call, f"{x}.{how}(axis={axis}, keepdims=True)"), call)
    for new in (
        f"np.linalg.norm({x}, axis={axis}, keepdims=True)",
        f"np.cumsum({x}, axis={axis})",
        f"np.cumsum({place.source(call)}, axis=0)",
        f"{x}.shape[{axis}]",
        f"{x}.size",
        f"np.abs({x}).sum(axis={axis}, keepdims=True)",
        f"({x} ** 2).sum(axis={axis}, keepdims=True)",
        f"np.median({x}, axis={axis}, keepdims=True)",
    ):
        yield Change("function", place.put(call, new), call)


def _axes(place: Place, call: ast.Call) -> Iterator[Change]:
    """Each other axis, for a keyword axis or for whole numbers that are axes by place."""
    name, receiver = _name(call), _receiver(call)
    array = place.value(receiver) if receiver is not None else None
    n_axes = np.ndim(array) if array is not None else 2
    by_place = call.args[0 if _is_method(call) else 1 :] if name in REDUCTIONS | {"swapaxes", "moveaxis"} else []
    given = [keyword.value for keyword in call.keywords if keyword.arg == "axis"] + by_place
    known = [(node, n) for node in given if (n := _whole(node)) is not None]
    if len(known) == 2 and name in {"swapaxes", "moveaxis"}:
        used = [n for _, n in known]
        pairs = permutations(range(n_axes), 2) if name == "moveaxis" else combinations(range(n_axes), 2)
        for pair in pairs:
            spans = tuple(place.put(node, str(n))[0] for (node, _), n in zip(known, pair, strict=True))
            said = f"the axes {pair[0]} and {pair[1]} exchanged instead of {used[0]} and {used[1]}"
            yield Change("axes", spans, call, said if name == "swapaxes" else "")
    for node, n in known if len(known) == 1 else ():
        for other in (*(m for m in range(n_axes) if m != n % max(n_axes, 1)), *([None] if name in REDUCTIONS else [])):
            verb = {"largest": "max", "total": "sum"}.get(name, name)
            said = f"{verb} over {place.axis(array, other)} instead of {place.axis(array, n)}"
            yield Change("axis", place.put(node, str(other)), call, said)


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_method(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and not _is_numpy(call.func.value)


def _is_numpy(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return _is_numpy(node.value)
    return isinstance(node, ast.Name) and node.id == "np"


def _receiver(call: ast.Call) -> ast.expr | None:
    """The array that a call is about: x in x.sum() and in np.sum(x)."""
    if isinstance(call.func, ast.Attribute) and _is_method(call):
        return call.func.value
    return call.args[0] if call.args and not isinstance(call.args[0], ast.List | ast.Tuple) else None


def _renamed(place: Place, call: ast.Call, other: str) -> tuple[Span, ...]:
    end = place.at(call.func)[1]
    receiver = _receiver(call)
    if _is_method(call) and receiver is not None and not hasattr(np.ndarray, other):
        start = place.at(call)[0]
        bracket = place.text.index("(", end)
        comma = ", " if call.args or call.keywords else ""
        return ((start, bracket + 1, f"np.{other}({place.source(receiver)}{comma}"),)
    return ((end - len(_name(call)), end, other),)


def _whole(node: ast.expr) -> int | None:
    """A whole number, with its sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        n = _whole(node.operand)
        return None if n is None else -n
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None


def _ends_in_number(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant)
