"""What a module says to the interpreter, written so that its words, its layout and its place in the tree do not show.

The normal form is a dump of the syntax tree. Comments, docstrings, blank lines, quotes and the way lines are broken
are no part of it. Imports come one name at a time, the first of their block and sorted, since a formatter orders them
by path. It is the same in every version of Python: `ast.dump` and `ast.unparse` are not.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable

__all__ = ["imported", "literals", "normal_form", "parse", "tables_read"]


@functools.lru_cache(maxsize=1024)
def parse(source: str, path: str, package: str, modules: frozenset[str]) -> ast.Module:
    """The tree of a module, its docstrings gone, its imports absolute and of one name each.

    Args:
        path: what an error of syntax names.
        package: the package that relative imports start from.
        modules: the dotted names of those that are followed; `from package import module` becomes an import of that
            module.
    """
    tree: ast.Module = _Plain(package, modules).visit(ast.parse(source, path))
    return tree


def imported(tree: ast.Module) -> set[str]:
    """The dotted names of all modules that a parsed tree imports, inside functions too."""
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return modules | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def literals(tree: ast.Module) -> set[str]:
    """Every string that stands in a parsed tree."""
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def tables_read(tree: ast.Module) -> set[str]:
    """The names that stand in calls of `load("name")`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    firsts = [call.args[0] for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) == "load"]
    return {first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)}


def normal_form(tree: ast.Module, label: Callable[[str], str] = str) -> str:
    """A parsed tree as text; `label` gives what to write for the dotted name of an imported module."""
    return _written(tree, label)


def _written(node: object, label: Callable[[str], str]) -> str:
    match node:
        case ast.Import(names=[alias]):
            return f"import {label(alias.name)} as {alias.asname}"
        case ast.ImportFrom(module=str(module), names=[alias]):
            return f"from {label(module)} import {alias.name} as {alias.asname or alias.name}"
        case ast.JoinedStr():  # Python 3.12.1 ends some with an empty string
            values = [value for value in node.values if not (isinstance(value, ast.Constant) and value.value == "")]
            return f"JoinedStr{_written(values, label)}"
        case ast.AST():
            fields = [(name, value) for name, value in ast.iter_fields(node) if name not in ("ctx", "kind")]
            said = [f"{name}={_written(value, label)}" for name, value in fields if value is not None and value != []]
            return f"{type(node).__name__}({', '.join(said)})"
        case list():
            imports = sorted(_written(item, label) for item in node if isinstance(item, ast.Import | ast.ImportFrom))
            others = [_written(item, label) for item in node if not isinstance(item, ast.Import | ast.ImportFrom)]
            return f"[{', '.join([*imports, *others])}]"
        case _:
            return repr(node)


class _Plain(ast.NodeTransformer):
    def __init__(self, package: str, modules: frozenset[str]) -> None:
        self.package, self.modules = package, modules

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [ast.Import([alias]) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        above = self.package.split(".")[: len(self.package.split(".")) + 1 - node.level] if node.level else []
        module = ".".join([*above, *filter(None, [node.module])])
        return [self._one(module, alias) for alias in node.names]

    def _one(self, module: str, alias: ast.alias) -> ast.stmt:
        if f"{module}.{alias.name}" in self.modules:
            return ast.Import([ast.alias(f"{module}.{alias.name}", alias.asname or alias.name)])
        return ast.ImportFrom(module, [alias], level=0)

    def visit_If(self, node: ast.If) -> ast.AST:
        if getattr(node.test, "id", getattr(node.test, "attr", "")) == "TYPE_CHECKING":
            node.body = [ast.Pass()]  # never runs
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_words = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_words else self.generic_visit(node)
