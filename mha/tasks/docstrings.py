"""The documentation inside installed packages, read from their sources without importing them."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["docstrings"]

ATTACHERS = frozenset({"add_newdoc", "add_docstr"})  # how compiled functions get theirs
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings(package: str) -> Iterator[tuple[str, str]]:
    """Every docstring of an installed package but those of its tests, in a fixed order.

    Those of modules, classes and functions, and those that `add_newdoc` or `add_docstr` attach to compiled functions.

    Args:
        package: its name, such as "scipy"; it is found, not imported.
    Yields:
        (dotted name of the module that holds it, the docstring without its indentation): modules by path, within one
        in the order of the source.
    Raises:
        TypeError: package is no string.  ModuleNotFoundError: the package is not installed.
    """
    if not isinstance(package, str):
        raise TypeError(f"package must be the name of one package, got {type(package).__name__}")
    folder = _folder(package)
    paths = [path.relative_to(folder.parent) for path in folder.rglob("*.py")]
    for path in sorted(paths, key=lambda path: path.parts):
        if not {"tests", "testing", "conftest.py"} & set(path.parts):
            module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            yield from ((module, text) for text in _texts(folder.parent / path))


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package) if package.strip(".") == package != "" else None
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not an installed package: pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0])


@cache
def _texts(path: Path) -> tuple[str, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package's own strange escapes
        tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [(node.lineno, text) for node, text in _documented(tree)]
    return tuple(inspect.cleandoc(text) for _, text in sorted(found, key=lambda at: at[0]) if text.strip())


def _documented(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    for node in (tree, *_statements(tree)):
        if isinstance(node, Documented) and node.body and isinstance(node.body[0], ast.Expr):
            yield from _string(node.body[0].value)
        elif isinstance(node, ast.Expr) and isinstance(call := node.value, ast.Call) and _called(call) in ATTACHERS:
            last = call.args[-1]
            yield from _string(last.elts[-1] if isinstance(last, ast.Tuple) and last.elts else last)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements inside a node, at any depth; expressions, most of a tree, are not visited."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(node, field, ()):
            yield statement
            yield from _statements(statement)


def _called(node: ast.Call) -> str:
    """The last part of a call's name: f for f() and a.b.f()."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _string(node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node, node.value
