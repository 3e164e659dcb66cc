"""Small changes to a right answer's source, made systematically: what a slip of the hand or of thought makes of it.

Each rule takes a node of the syntax tree and yields changes: the spans of text that it replaces, the kind of slip, and
the expression around it, which is what a learner is shown. The rules for calls are `course.checks.call_mutations`;
`course.checks.mutants` tries all of them on an answer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any

import numpy as np

from course.checks.call_mutations import MOST_PERMUTED, changed_call
from course.checks.edits import Span
from course.checks.places import OPERATORS, Change, Place

__all__ = ["changes"]

LIKE = {
    "+": "- * /",
    "-": "+ * /",
    "*": "+ - / @",
    "/": "* - + //",
    "@": "*",
    "**": "* /",
    "//": "/ * %",
    "&": "| ^",
    "|": "& ^",
}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


def changes(place: Place) -> Iterator[Change]:
    """All changes to a statement."""
    for node in ast.walk(place.statement):
        for rule in RULES.get(type(node), ()):
            yield from rule(place, node)


def _operator(place: Place, node: ast.BinOp) -> Iterator[Change]:
    symbol = OPERATORS.get(type(node.op), "")
    start, end = place.at(node.left)[1], place.at(node.right)[0]
    at = place.text.find(symbol, start, end) if symbol else -1
    if at < 0:
        return
    for other in LIKE[symbol].split():
        yield Change("operator", ((at, at + len(symbol), other),), node)
    left, right = place.source(node.left), place.source(node.right)
    if symbol in {"-", "/", "@", "**"}:
        yield Change("exchanged", place.put(node, f"(({right}) {symbol} ({left}))"), node)
    for kept in (left, right):
        yield Change("left-out", place.put(node, f"({kept})"), node)
    if symbol in {"*", "/"}:
        yield Change("brackets", _without_brackets(place, node, at), node)


def _without_brackets(place: Place, node: ast.BinOp, at: int) -> tuple[Span, ...]:
    """a / (b * c) as a / b * c, (a + b) * c as a + b * c."""
    for side in (node.left, node.right):
        start, end = place.at(side)
        if isinstance(side, ast.BinOp) and place.text[start - 1 : start] == "(" and place.text[end : end + 1] == ")":
            return ((start - 1, start, ""), (end, end + 1, ""))
    return ()


def _unary(place: Place, node: ast.UnaryOp) -> Iterator[Change]:
    if not isinstance(node.operand, ast.Constant) or isinstance(node.op, ast.Invert):
        yield Change("sign", place.put(node, f"({place.source(node.operand)})"), node)


def _comparison(place: Place, node: ast.Compare) -> Iterator[Change]:
    symbol = COMPARISONS.get(type(node.ops[0]), "")
    start, end = place.at(node.left)[1], place.at(node.comparators[0])[0]
    at = place.text.find(symbol, start, end) if symbol else -1
    for other in COMPARISONS.values() if at >= 0 else ():
        if other != symbol:
            yield Change("comparison", ((at, at + len(symbol), other),), node)


def _subscript(place: Place, node: ast.Subscript) -> Iterator[Change]:
    if not isinstance(node.ctx, ast.Load):
        return
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    texts = [place.source(part) for part in parts]
    yield Change("left-out", place.put(node, place.source(node.value)), node)
    for order in sorted(set(permutations(texts))) if len(parts) <= MOST_PERMUTED else ():
        if list(order) != texts:
            yield Change("exchanged", place.put(node.slice, ", ".join(order)), node)
    for part in parts:
        if isinstance(part, ast.Slice):
            for other in _slices(place, part):
                yield Change("slice", place.put(part, other), node)
        elif not isinstance(part, ast.Constant) and isinstance(place.value(part), int | np.integer):
            for step in ("+ 1", "- 1"):
                yield Change("one-off", place.put(part, f"{place.source(part)} {step}"), node)


def _slices(place: Place, part: ast.Slice) -> Iterator[str]:
    """A slice with an end moved by one, given up, or taken for the other."""
    lower, upper, step = (place.source(x) if x else "" for x in (part.lower, part.upper, part.step))
    by = f":{step}" if step else ""
    ends = {(lower, upper)}
    for one, other in ((f"{lower or 0} + 1", upper), (f"{lower or 0} - 1", upper), (lower, f"{upper or 0} - 1")):
        ends.add((one, other))
    ends |= {(lower, f"{upper} + 1"), (upper, ""), ("", upper)} if upper else {("", lower)}
    ends |= {("", ""), (lower, "")} | ({("", f"-{lower}")} if lower.isdigit() and not upper else set())
    for one, other in sorted(ends - {(lower, upper)}):
        yield f"{one}:{other}{by}"
    if step:
        yield from (f"{lower}:{upper}", f"{lower}:{upper}:{step} + 1")


def _number(place: Place, node: ast.Constant) -> Iterator[Change]:
    parent = place.parents.get(node)
    if type(node.value) is int:
        others: tuple[Any, ...] = (node.value + 1, node.value - 1)
    elif type(node.value) is float:
        near = (2, 0.5, 10, 0.1, 0.01) if node.value else ()
        others = (*(node.value * by for by in near), 1 - node.value, *((1.0, -1.0) if not near else ()))
    elif type(node.value) is bool and not isinstance(parent, ast.keyword):
        others = (not node.value,)
    else:
        others = ()
    for other in others:
        yield Change("number", place.put(node, f"({other!r})" if other < 0 else repr(other)), node)


def _exchanged_names(place: Place, node: ast.Name) -> Iterator[Change]:
    """Another name of the same kind: an array of as many axes, or another number."""
    here = place.scope.get(node.id)
    if not isinstance(node.ctx, ast.Load) or here is None or callable(here):
        return
    for name, value in place.scope.items():
        if name != node.id and not name.startswith("_") and _alike(here, value):
            yield Change("name", place.put(node, name), node, f"`{name}` in the place of `{node.id}`")


def _parts(place: Place, node: ast.Tuple | ast.List) -> Iterator[Change]:
    parent = place.parents.get(node)
    if isinstance(parent, ast.Subscript):
        return
    for one, other in combinations(node.elts, 2):
        yield Change("exchanged", place.exchange(one, other), node)
    if isinstance(parent, ast.Return):
        for one, other in permutations(node.elts, 2):
            yield Change("exchanged", place.put(one, place.source(other)), node)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.ndim == other.ndim
    return isinstance(one, int | float) and isinstance(other, int | float)


RULES: dict[type[ast.AST], tuple[Any, ...]] = {
    ast.Call: (changed_call,),
    ast.BinOp: (_operator,),
    ast.UnaryOp: (_unary,),
    ast.Compare: (_comparison,),
    ast.Subscript: (_subscript,),
    ast.Constant: (_number,),
    ast.Name: (_exchanged_names,),
    ast.Tuple: (_parts,),
    ast.List: (_parts,),
}
