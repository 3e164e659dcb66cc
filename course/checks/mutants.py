"""The right answer with one small change nobody listed, to be recognised in an answer and told by what was changed.

`course.checks.mutations` changes an expression, `course.checks.detours` what is done to a value on its way. They are
tried when no listed mistake fits. What is said is what the answer computes, not what its code contains: the learner may
have written it otherwise.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from course.checks.answers import Trial
from course.checks.detours import EACH_OF_TWO, detours, left_out
from course.checks.edits import Mistake, Source, Span
from course.checks.mutations import changes
from course.checks.places import Change, Place
from course.checks.signature import Axes

__all__ = ["ADDED", "DETOUR", "LEFT_OUT", "Mutants"]

DETOUR, ADDED, LEFT_OUT = "mutant-detour", "mutant-added", "entry-left-out"
LEADS = {  # the likeliest first: of two that give the same it is told
    "axis": "another axis",
    "axes": "other axes",
    "keepdims": "a reduction that drops its axis",
    "comparison": "another comparison",
    "sign": "a sign or a `~` left out",
    "left-out": "a step left out",
    "exchanged": "two things in each other's place",
    "name": "another name",
    "statement": "a step left out",
    "slice": "another slice",
    "number": "another number",
    "one-off": "one too many or too few",
    "function": "another function",
    "operator": "another operation",
    "brackets": "brackets left out",
    "order-f": 'the order "F" of a reshape',
}
LONGEST_SHOWN, LONGEST_INLINED = 44, 26
BRACKETED = re.compile(r"(?<!\w)\((?P<name>[A-Za-z_][\w.]*)\)")  # brackets around a name, not those of a call
MOST_WORDS = 30  # five more come before them


class Mutants:
    """All changes to the source of a right answer, with what is said of each.

    Args:
        source: of the right answer.  trial, axes: the first call, and the names of its axes.
    """

    def __init__(self, source: Source, trial: Trial, axes: Axes) -> None:
        self._source, self._trial, self._axes = source, trial, axes

    def __iter__(self) -> Iterator[tuple[Mistake, tuple[Span, ...]]]:
        """Each as a mistake and its spans; in this order they are tried beside a mistake, as many as time allows."""
        yield from self._left_out()
        yield from self._on_inputs()
        for place in self._places:
            for change in changes(place):
                if change.spans:
                    yield self._told(place, change), change.spans
            yield from self._of_targets(place)
        for place in self._places:
            yield from self._on_values(place)
        for place in self._places:
            yield from self._on_uses(place)

    @staticmethod
    def rank(mistake: Mistake) -> int:
        """How soon one of several that give the same is told."""
        kind = mistake.key.removeprefix("mutant-")
        return list(LEADS).index(kind) if kind in LEADS else len(LEADS)

    @cached_property
    def _scopes(self) -> list[dict[str, Any]]:
        """What is known before each statement, and after the last."""
        known = self._source.fn.__globals__
        scope: dict[str, Any] = {name: copy.copy(x) for name, x in self._trial.inputs.items()}
        scopes = [dict(scope)]
        with np.errstate(all="ignore"):
            for code in self._source.plain:
                run = {**known, **scope}
                exec(code, run)
                scope = {name: x for name, x in run.items() if name in scope or x is not known.get(name)}
                scopes.append(dict(scope))
        return scopes

    @cached_property
    def _places(self) -> list[Place]:
        known = self._source.fn.__globals__
        return [
            Place(self._source.text, statement, scope, known, self._axes.names)
            for statement, scope in zip(self._source.body, self._scopes, strict=False)
        ]

    def _of_targets(self, place: Place) -> Iterator[tuple[Mistake, tuple[Span, ...]]]:
        """A statement left out whose names have a value already; two names of an unpacking exchanged."""
        statement = place.statement
        targets = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(targets, ast.Tuple):
            for n, one in enumerate(targets.elts):
                for other in targets.elts[n + 1 :]:
                    said = f"`{place.source(one)}` and `{place.source(other)}` exchanged"
                    change = Change("exchanged", place.exchange(one, other), statement, said)
                    yield self._told(place, change), change.spans
        names = [place.source(targets)] if isinstance(targets, ast.Name) else []
        if isinstance(statement, ast.Expr) or (names and names[0] in place.scope):
            change = Change("statement", place.put(statement, "pass"), statement)
            message = f"an answer without the step `{self._shown(place, statement)}`: add it."
            yield Mistake("mutant-statement", "", message), change.spans

    def _left_out(self) -> Iterator[tuple[Mistake, tuple[Span, ...]]]:
        """The first or last entry of what is handed over, made or cut out."""
        start = self._start
        if start is not None:
            for name, value in self._trial.inputs.items():
                for said, code in left_out(value, self._names_of(value, name)):
                    yield Mistake(LEFT_OUT, "", said), ((start, start, f"{name} = {code.format(name)}; "),)
        for place in self._places:
            for node, target in (*self._made(place), *((node, None) for node in self._cut(place))):
                names = self._names_of(place.value(node), place.source(target or node))
                for said, code in left_out(place.value(node), names):
                    yield Mistake(LEFT_OUT, "", said), _around(place, node, code)

    def _cut(self, place: Place) -> Iterator[ast.AST]:
        """Slices of arrays within a larger expression."""
        for node in ast.walk(place.statement):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.ctx, ast.Load)
                and isinstance(place.parents[node], ast.BinOp)
            ):
                yield node

    @property
    def _start(self) -> int | None:
        """Where the first statement begins, if something can be put before it."""
        first = self._places[0] if self._places else None
        return None if first is None or isinstance(first.statement, ast.For) else first.at(first.statement)[0]

    def _on_inputs(self) -> Iterator[tuple[Mistake, tuple[Span, ...]]]:
        start = self._start
        if start is None:
            return
        for name, value in self._trial.inputs.items():
            for said, code in detours(value, self._names_of(value), given=True):
                text = f"{name} = {code.format(name)}; "
                yield self._detour(name, said, code, "before it is used"), ((start, start, text),)
        yield from self._on_two(start)

    @staticmethod
    def _made(place: Place) -> Iterator[tuple[ast.expr, ast.expr | None]]:
        """Each value that a statement makes or returns, with the name it gets."""
        statement = place.statement
        value = statement.value if isinstance(statement, ast.Assign | ast.Return) else None
        results = value.elts if isinstance(value, ast.Tuple) else [value] if value is not None else []
        targets = statement.targets[0] if isinstance(statement, ast.Assign) else None
        called = targets.elts if isinstance(targets, ast.Tuple) else [targets] * len(results)
        yield from zip(results, called, strict=False)

    def _on_values(self, place: Place) -> Iterator[tuple[Mistake, tuple[Span, ...]]]:
        for node, target in self._made(place):
            name = place.source(target) if target is not None else place.source(node)
            when = "once it is made" if target is not None else "at the end"
            for said, code in self._ways(place, node):
                yield self._detour(name, said, code, when), _around(place, node, code)

    def _on_uses(self, place: Place) -> Iterator[tuple[Mistake, tuple[Span, ...]]]:
        statement = place.statement
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and isinstance(statement, ast.Assign):
                when = self._where(place).removeprefix(", ")
                for said, code in self._ways(place, node):
                    yield self._detour(place.source(node), said, code, when), _around(place, node, code)

    def _ways(self, place: Place, node: ast.AST) -> Iterator[tuple[str, str]]:
        """What may be done to an expression, or added to it: an array of its shape that is known there."""
        worth = place.value(node)
        yield from detours(worth, self._names_of(worth))
        for name, other in place.scope.items() if isinstance(worth, np.ndarray) and worth.ndim else ():
            if isinstance(other, np.ndarray) and other.shape == worth.shape and other.dtype.kind == worth.dtype.kind:
                yield f"with `{name}` added", f"({{}}) + {name}"

    def _on_two(self, start: int) -> Iterator[tuple[Mistake, tuple[Span, ...]]]:
        """The same done to two arrays that are handed over."""
        arrays = {
            name: x for name, x in self._trial.inputs.items() if isinstance(x, np.ndarray) and x.dtype.kind == "f"
        }
        for one, other in combinations(arrays, 2):
            names = self._names_of(arrays[one])
            for said, code in EACH_OF_TWO if arrays[one].ndim == arrays[other].ndim else ():
                text = f"{one} = {code.format(one)}; {other} = {code.format(other)}; "
                how = said.format(first=names[0], last=names[-1])
                yield (
                    Mistake(DETOUR, "", f"`{one}` and `{other}` each {how} before use: leave that out."),
                    ((start, start, text),),
                )

    def _detour(self, name: str, said: str, code: str, when: str) -> Mistake:
        shown = "y" if "z :=" in code or len(name) > 12 else name
        text = BRACKETED.sub(r"\g<name>", code.format(shown))
        text = f" (`{text}`)" if len(text) <= LONGEST_SHOWN and "0 *" not in text else ""
        kind = ADDED if said.startswith("with ") else DETOUR
        return Mistake(kind, "", f"`{name}` {said} {when}{text}: leave that out.")

    def _names_of(self, value: Any, of: str = "") -> tuple[str, ...]:
        """The names of an array's axes; "axis 2", or "axis 2 of x", where a length belongs to none or to two."""
        shape = np.shape(value) if isinstance(value, np.ndarray) else ()
        owner = f" of `{of}`" if of and len(of) < LONGEST_INLINED else ""
        names = [self._axes.names.get(size, "") if shape.count(size) == 1 else "" for size in shape]
        return tuple(name or f"axis {n}{owner}" for n, name in enumerate(names))

    def _told(self, place: Place, change: Change) -> Mistake:
        shown = self._enclosing(place, change.shown)
        old, new = self._shown(place, shown), self._shown(place, shown, change.spans)
        where = self._where(place)
        lead = change.said or LEADS[change.kind]
        codes = f": `{new}` where `{old}` is meant." if new != old else "."
        texts = (f"{lead}{where}{codes}", f"{lead}{codes}", f"`{new}` where `{old}` is meant.", f"{lead}{where}.")
        text = next((text for text in texts if len(text.split()) <= MOST_WORDS), texts[-1])
        return Mistake(f"mutant-{change.kind}", "", text)

    def _where(self, place: Place) -> str:
        statement = place.statement
        if isinstance(statement, ast.Return):
            return ", in what you return"
        targets = statement.targets[0] if isinstance(statement, ast.Assign) else None
        names = [place.source(x) for x in (targets.elts if isinstance(targets, ast.Tuple) else [targets]) if x]
        made = f"{' and '.join(f'`{name}`' for name in names)} {'are' if len(names) > 1 else 'is'} made"
        return f", where {made}" if names else ""

    def _enclosing(self, place: Place, node: ast.AST) -> ast.AST:
        """The largest expression around a node that is short enough to be shown."""
        while (parent := place.parents.get(node)) is not None and isinstance(parent, ast.expr):
            if len(place.source(parent)) > LONGEST_SHOWN:
                break
            node = parent
        return node

    def _shown(self, place: Place, node: ast.AST, spans: tuple[Span, ...] = ()) -> str:
        """A piece of the source after its changes, in names that a learner knows."""
        start, end = place.at(node)
        text = place.text[start:end]
        for one, other, new in sorted(spans, reverse=True):
            if start <= one and other <= end:
                text = text[: one - start] + new + text[other - start :]
        try:
            tree = _Readable(self._short).visit(ast.parse(text.strip()))
        except SyntaxError:
            return text
        return " ".join(ast.unparse(ast.fix_missing_locations(tree)).split())

    @cached_property
    def _short(self) -> Mapping[str, ast.expr]:
        """Names of the right answer's own that say less than what they stand for."""
        made: dict[str, ast.expr | None] = {}
        for statement in self._source.body:
            if isinstance(statement, ast.Assign) and isinstance(target := statement.targets[0], ast.Name):
                again = target.id in made or target.id in self._trial.inputs
                made[target.id] = None if again else statement.value
        plain = ast.Name | ast.Attribute | ast.Subscript | ast.Call
        return {
            name: value
            for name, value in made.items()
            if value and isinstance(value, plain) and len(ast.unparse(value)) <= LONGEST_INLINED and _is_short(value)
        }


def _around(place: Place, node: ast.AST, code: str) -> tuple[Span, ...]:
    """Code such as "np.exp({})" written around an expression."""
    start, end = place.at(node)
    before, after = code[: code.index("{")], code[code.index("}") + 1 :]
    if code.count("{") > 1:
        before, after = f"(lambda y: {code.replace('{0}', 'y').format('y')})(", ")"
    return (start, start, f"({before}"), (end, end, f"{after})")


def _is_short(value: ast.expr) -> bool:
    return not isinstance(value, ast.Call) or bool(re.match(r"(np\.arange|len)\(", ast.unparse(value)))


class _Readable(ast.NodeTransformer):
    """Writes `largest(x, axis=-1)` as x.max(axis=-1, keepdims=True), and short names as what they stand for."""

    def __init__(self, short: Mapping[str, ast.expr]) -> None:
        self._short = short

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        how = {"largest": "max", "total": "sum"}.get(getattr(node.func, "id", ""))
        if not how or not node.args:
            return node
        keep = ast.keyword("keepdims", ast.Constant(True))
        return ast.Call(ast.Attribute(node.args[0], how, ast.Load()), [], [*node.keywords, keep])

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self._short.get(node.id) if isinstance(node.ctx, ast.Load) else None
        return self.visit(ast.parse(ast.unparse(value), mode="eval").body) if value is not None else node
