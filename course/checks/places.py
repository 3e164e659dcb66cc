"""A statement of a right answer that is to be changed, and a change to it: what is replaced, and what is shown."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from course.checks.edits import Span

__all__ = ["OPERATORS", "Change", "Place"]

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
