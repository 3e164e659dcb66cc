"""A mistake as an edit in the source of the right answer: where it applies, whether two go together, what it gives."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from types import CodeType
from typing import Any

__all__ = ["Edit", "Mistake", "Source", "Span", "apart"]

Function = Callable[..., Any]
Span = tuple[int, int, str]  # from, to, what stands there instead
Edit = str | tuple[str, ...] | Function

FILE = "<the right answer, edited>"
RESULT = "result_"


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners give.

    Args:
        key: its name.
        edit: "old -> new", which is done wherever old stands in the right answer's source, names as whole words; a
            tuple of such edits, all of them done; or a function, for what no edit expresses.
        message: the fault and its repair in at most 35 words, beginning in lower case and ending in a full stop.
        also: further edits whose wrong numbers deserve the same message.
    """

    key: str
    edit: Edit
    message: str
    also: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.also, tuple):
            raise TypeError(f"also of {self.key} must be a tuple of edits, got {type(self.also).__name__}")

    @property
    def edits(self) -> tuple[Edit, ...]:
        return self.edit, *self.also


@dataclass(frozen=True)
class Source:
    """The source of a function, to be edited."""

    fn: Function = field(repr=False)
    _written: dict[tuple[int, tuple[Span, ...]], str] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def text(self) -> str:
        return textwrap.dedent(inspect.getsource(self.fn))

    def spans(self, edits: tuple[str, ...]) -> tuple[Span, ...]:
        """What edits replace, or () if one of them finds nothing to replace."""
        each = [self._places(edit) for edit in edits]
        found = tuple(sorted(span for places in each for span in places))
        if not apart(found):
            raise ValueError(f"the edits {edits} of one mistake overlap")
        return found if all(each) else ()

    def _places(self, edit: str) -> list[Span]:
        if "->" not in edit:
            raise ValueError(f"an edit must read 'old -> new', got {edit!r}")
        old, new = (part.strip() for part in edit.split("->", 1))
        before, after = (r"(?<!\w)" if old[:1].isidentifier() else ""), (r"(?!\w)" if old[-1:].isalnum() else "")
        pattern = re.compile(f"{before}{re.escape(old)}{after}")
        return [(m.start(), m.end(), new) for m in pattern.finditer(self.text, self._statements[0][0])]

    def edited(self, spans: tuple[Span, ...]) -> Function:
        """The function with the spans replaced; they must lie apart.

        Thousands of pairs of mistakes are tried on one answer, so each edited statement is compiled once and the
        statements are run one by one. What returns from elsewhere than its last statement is compiled as a whole.
        """
        changed: dict[int, list[Span]] = {}
        for span in spans:
            changed.setdefault(bisect_right(self._starts, span[0]) - 1, []).append(span)
        texts = {n: self._statement(n, tuple(found)) for n, found in changed.items()}
        last = len(self._starts) - 1
        if any(text.count("return") != (n == last) for n, text in texts.items()) or not self.plain:
            return self._whole(spans)
        codes = [_compiled(texts[n]) if n in texts else code for n, code in enumerate(self.plain)]
        names, namespace = self._parameters, self.fn.__globals__

        def run(*inputs: Any) -> Any:
            scope = {**namespace, **dict(zip(names, inputs, strict=True))}
            for code in codes:
                exec(code, scope)
            return scope[RESULT]

        return run

    def _whole(self, spans: tuple[Span, ...]) -> Function:
        scope: dict[str, Any] = {}
        exec(compile(self._replaced(0, len(self.text), spans), FILE, "exec"), self.fn.__globals__, scope)
        return scope[self.fn.__name__]

    def _statement(self, n: int, spans: tuple[Span, ...]) -> str:
        if (n, spans) not in self._written:
            start, end = self._statements[n]
            self._written[n, spans] = textwrap.dedent(self._replaced(start, end, spans))
        return self._written[n, spans]

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self._statements]

    @cached_property
    def plain(self) -> list[CodeType]:
        """Each statement as it is; none where one before the last returns."""
        texts = [self._statement(n, ()) for n in range(len(self._statements))]
        alone = texts[-1].count("return") == 1 and not any("return" in text for text in texts[:-1])
        return [_compiled(text) for text in texts] if alone else []

    def _replaced(self, start: int, end: int, spans: Iterable[Span]) -> str:
        text = self.text[start:end]
        for one, other, new in sorted(spans, reverse=True):
            text = text[: one - start] + new + text[other - start :]
        return text

    @cached_property
    def _function(self) -> ast.FunctionDef:
        (function,) = ast.parse(self.text).body
        assert isinstance(function, ast.FunctionDef)
        return function

    @cached_property
    def _parameters(self) -> tuple[str, ...]:
        return tuple(argument.arg for argument in self._function.args.args)

    @cached_property
    def _statements(self) -> list[tuple[int, int]]:
        """From where to where each statement after the docstring stands."""
        lines = [0]
        for line in self.text.splitlines(keepends=True):
            lines.append(lines[-1] + len(line))
        return [(lines[statement.lineno - 1], lines[statement.end_lineno or 0]) for statement in self.body]

    @property
    def body(self) -> list[ast.stmt]:
        """The statements after the docstring."""
        return self._function.body[1 if ast.get_docstring(self._function) is not None else 0 :]


@cache
def _compiled(statement: str) -> CodeType:
    code = compile(statement.replace("return", f"{RESULT} =", 1), FILE + statement, "exec")
    return code


def apart(spans: tuple[Span, ...]) -> bool:
    """Whether no two spans overlap."""
    ordered = sorted(spans)
    return all(one[1] <= other[0] for one, other in pairwise(ordered))
