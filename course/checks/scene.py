"""Where an error happened in a learner's code, and what the operands of the failing expression were."""

from __future__ import annotations

import ast
import linecache
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from course.checks.edits import FILE
from course.checks.signature import Axes
from course.checks.told import Shape

__all__ = ["Scene", "find"]

HERE = Path(__file__).resolve().parent
LIBRARIES = tuple({str(Path(np.__file__).resolve().parents[1]), sysconfig.get_path("stdlib"), str(HERE)})
PURE = """
swapaxes transpose reshape astype sum max min mean exp sqrt where squeeze expand_dims norm ravel concatenate stack abs
log tril triu arange ones zeros view permute unsqueeze float double amax argmax argsort cumsum split dot len softmax
tri eye moveaxis copy einsum matmul take_along_axis from_numpy as_tensor tensor asarray array
"""  # calling these again changes nothing


@dataclass(frozen=True)
class Scene:
    """Where an error happened: the frame of the learner's code, its line, and the expression in it."""

    text: str
    frame: FrameType | None
    line: str
    expression: str
    axes: Axes
    source: str = ""

    def value(self, node: ast.expr | str) -> Any:
        """What an expression was worth, if finding out changes nothing; else None."""
        tree = ast.parse(node, mode="eval").body if isinstance(node, str) else node
        if self.frame is None or any(not _harmless(part) for part in ast.walk(tree)):
            return None
        try:
            code = compile(ast.fix_missing_locations(ast.Expression(tree)), "<operand>", "eval")
            return eval(code, self.frame.f_globals, dict(self.frame.f_locals))
        except Exception:
            return None

    def shape(self, node: ast.expr | str) -> Shape | None:
        value = self.value(node)
        shape = getattr(value, "shape", None)
        return tuple(int(n) for n in shape) if shape is not None else () if isinstance(value, int | float) else None

    def said(self, node: ast.expr) -> str:
        """An operand with its shape."""
        shape, name = self.shape(node), ast.unparse(node)
        return f"`{name}`" if shape is None else f"`{name}` {self.axes.named(shape)}"

    def called(self, size: int) -> str:
        """What a length is called, in brackets, or ""."""
        handed = (name for name, x in self.axes.inputs.items() if isinstance(x, int) and x == size)
        name = self.axes.names.get(size) or next(handed, "")
        return f" ({name})" if name else ""

    def nodes(self, kind: type[Any]) -> list[Any]:
        for code in (self.expression, self.line):
            try:
                found = [node for node in ast.walk(ast.parse(code.strip().rstrip(":"))) if isinstance(node, kind)]
            except SyntaxError:
                continue
            if found:
                return found
        return []


def find(error: BaseException) -> tuple[FrameType | None, str, str]:
    """The learner's last frame before a library's, its line, and the expression that failed."""
    steps = list(traceback.walk_tb(error.__traceback__))
    summaries = traceback.extract_tb(error.__traceback__)
    own = [n for n, (frame, _) in enumerate(steps) if not _is_library(frame.f_code.co_filename)]
    if not own:
        return None, "", ""
    frame, summary = steps[own[-1]][0], summaries[own[-1]]
    text = linecache.getline(summary.filename, summary.lineno or 0, frame.f_globals).rstrip()
    expression = ""
    if summary.lineno == summary.end_lineno and summary.colno is not None and summary.end_colno is not None:
        expression = text.encode()[summary.colno : summary.end_colno].decode(errors="ignore")
    return frame, text.strip(), expression


def _is_library(file: str) -> bool:
    return (
        file.startswith(LIBRARIES) or file.startswith("<__array") or "/site-packages/" in file or file.startswith(FILE)
    )


def _harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name in PURE.split()
    return not isinstance(node, ast.NamedExpr | ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.Await | ast.Yield)
