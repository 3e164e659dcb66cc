"""Small changes to a right answer's source, made systematically: what a slip of the hand or of thought makes of it.

Each rule takes a node of the syntax tree and yields changes: the spans of text that it replaces, the kind of slip, and
the expression around it, which is what a learner is shown. `course.checks.mutants` tries them on an answer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np

from course.checks.edits import Span

__all__ = ["Change", "Place", "changes"]

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.FloorDiv: "//",
    ast.BitAnd: "&",
    ast.BitOr: "|",
}
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


@dataclass(frozen=True)
class Change:
    """Args: kind: of slip.  spans: what is replaced by what.  shown: the expression to show, before and after.
    said: what is said instead of the kind's own words, or "".
    """

    kind: str
    spans: tuple[Span, ...]
    shown: ast.AST
    said: str = ""


class Place:
    """A statement of the right answer: where its nodes stand, and what its names are worth in a call.

    Args:
        text: of the whole function.  statement: one of its body.
        scope: names and values in one call, before it.  known: names of the module.
        names: of lengths of axes.
    """

    def __init__(
        self,
        text: str,
        statement: ast.stmt,
        scope: Mapping[str, Any],
        known: Mapping[str, Any],
        names: Mapping[int, str],
    ) -> None:
        self.text, self.statement, self.scope, self.names = text, statement, scope, names
        self._known = known
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self.parents = {child: node for node in ast.walk(statement) for child in ast.iter_child_nodes(node)}

    def at(self, node: ast.AST) -> tuple[int, int]:
        """From where to where a node stands."""
        ends = ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))  # type: ignore[attr-defined]
        start, end = (self._lines[line - 1] + self._column(line, column) for line, column in ends)
        return start, end

    def _column(self, line: int, column: int) -> int:
        text = self.text[self._lines[line - 1] : self._lines[line]]
        return len(text.encode()[:column].decode())

    def source(self, node: ast.AST) -> str:
        start, end = self.at(node)
        return self.text[start:end]

    def put(self, node: ast.AST, new: str) -> tuple[Span, ...]:
        return ((*self.at(node), new),)

    def exchange(self, one: ast.AST, other: ast.AST) -> tuple[Span, ...]:
        return (*self.put(one, self.source(other)), *self.put(other, self.source(one)))

    def value(self, node: ast.AST) -> Any:
        """What an expression is worth in the call, or None."""
        try:
            code = compile(ast.Expression(ast.parse(self.source(node).strip(), mode="eval").body), "<mutant>", "eval")
            return eval(code, {**self._known, **self.scope})
        except Exception:
            return None

    def axis(self, array: Any, n: int | None) -> str:
        """Axis n of an array with the name of its length, or "everything"."""
        if n is None:
            return "everything"
        shape = np.shape(array)
        name = self.names.get(shape[n], "") if -len(shape) <= n < len(shape) else ""
        return f"axis {n} ({name})" if name else f"axis {n}"


def changes(place: Place) -> Iterator[Change]:
    """All changes to a statement."""
    for node in ast.walk(place.statement):
        for rule in RULES.get(type(node), ()):
            yield from rule(place, node)


# ---- the rules


def _call(place: Place, call: ast.Call) -> Iterator[Change]:
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


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.ndim == other.ndim
    return isinstance(one, int | float) and isinstance(other, int | float)


RULES: dict[type[ast.AST], tuple[Any, ...]] = {
    ast.Call: (_call,),
    ast.BinOp: (_operator,),
    ast.UnaryOp: (_unary,),
    ast.Compare: (_comparison,),
    ast.Subscript: (_subscript,),
    ast.Constant: (_number,),
    ast.Name: (_exchanged_names,),
    ast.Tuple: (_parts,),
    ast.List: (_parts,),
}
