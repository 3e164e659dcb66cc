"""Which code a table belongs to: a hash that changes when anything changes that can change its rows.

It covers the experiment's module and every module of this repository that it reaches by imports, found in syntax trees
without importing; the data files that those modules name; the settings; and the rows of other tables that it loads.
Two kinds of change do not show in it. Words and layout do not: see `experiments.runner.syntax`. Nor does the place of
a module: an import is written as the imported names beside a digest of what the module says, so that a moved file
dates nothing, and a name taken from another module dates every table that reaches it.

What it cannot see: a module imported by a name that is put together at run time, a data file likewise, and a
dependency outside this repository, whose version requirements.txt pins.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments.runner import syntax

__all__ = ["PACKAGES", "ROOT", "Code", "code_hash", "read_code", "tables_read"]

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("mha", "course", "experiments", "benchmarks")
NOT_FOLLOWED = "experiments.runner"  # how rows are run and kept is no part of what they measure


class Code:
    """The modules of a tree, each parsed once.

    Args:
        sources: the text of each module by its path from the root, as in {"mha/masks.py": "..."}.
    """

    def __init__(self, sources: Iterable[tuple[str, str]]) -> None:
        texts = dict(sources)
        self.paths = {_dotted(path): path for path in texts}
        self._texts = {_dotted(path): text for path, text in texts.items()}
        self.tree = functools.cache(self._parsed)
        self._digest = functools.cache(self._digest_with_imports)
        self._alone = functools.cache(self._digest_alone)
        self._followed = functools.cache(self._names_followed)

    def digests(self, name: str) -> list[str]:
        """Of module `name` first; of the others that it reaches in an order that does not follow their paths."""
        others = [self._digest(module) for module in self.reached(name)[1:]]
        return [self._digest(name), *sorted(filter(None, others))]

    def reached(self, name: str) -> list[str]:
        """Every module whose code runs when module `name` is imported, itself first."""
        found, waiting = [], [name]
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.append(module)
                waiting += self._followed(module)
        return found

    def _names_followed(self, name: str) -> list[str]:
        """A name in a string too, as in `files("mha.bias")`; the packages around a module run when it is imported."""
        names = {_package(name), *syntax.imported(self.tree(name)), *syntax.literals(self.tree(name))}
        return sorted(names & self._texts.keys())

    def _parsed(self, name: str) -> ast.Module:
        is_package = self.paths[name].endswith("__init__.py")
        package = name if is_package else _package(name)
        return syntax.parse(self._texts[name], self.paths[name], package, frozenset(self._texts))

    def _digest_with_imports(self, name: str) -> str:
        """Of what the module says, and of what each module says from which it imports; "" if it says nothing."""
        return _digest(syntax.normal_form(self.tree(name), self._alone)) if self.tree(name).body else ""

    def _digest_alone(self, name: str) -> str:
        """The same without the others, since modules can import each other; a foreign module keeps its name."""
        if name not in self._texts:
            return name
        return _digest(syntax.normal_form(self.tree(name), lambda other: "" if other in self._texts else other))


def code_hash(name: str, runs: list[dict[str, Any]], root: Path | None = None) -> str:
    """What the stored rows of experiment `name` carry: of its code, its settings and what it reads."""
    root = root or ROOT
    code = read_code(root)
    module = f"experiments.{name}"
    files = sorted(_digest(path.read_bytes()) for path in _data_files(code, code.reached(module), root))
    tables = [_rows_digest(root / "experiments" / "results" / f"{table}.json") for table in _tables_read(code, name)]
    return _digest(json.dumps([code.digests(module), files, tables, runs], sort_keys=True))


def tables_read(name: str) -> list[str]:
    """The other tables that experiment `name` and the experiments it imports load."""
    return _tables_read(read_code(ROOT), name)


def read_code(root: Path) -> Code:
    """The packages below `root` as they stand on the disk now."""
    files = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return _code(tuple((path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in files))


@functools.lru_cache(maxsize=2)
def _code(sources: tuple[tuple[str, str], ...]) -> Code:
    return Code([(path, text) for path, text in sources if not _is_below(_dotted(path), NOT_FOLLOWED)])


def _tables_read(code: Code, name: str) -> list[str]:
    experiments = [module for module in code.reached(f"experiments.{name}") if module.startswith("experiments.")]
    return sorted({table for module in experiments for table in syntax.tables_read(code.tree(module))} - {name})


def _data_files(code: Code, modules: list[str], root: Path) -> set[Path]:
    """What lies beside a module, or in a folder there that is no package, under a name that stands in the module."""
    named: set[Path] = set()
    for module in modules:
        names = {literal.rpartition("/")[2] for literal in syntax.literals(code.tree(module))}
        named |= {path for path in _beside((root / code.paths[module]).parent) if path.name in names}
    return named


def _beside(folder: Path) -> list[Path]:
    inner = [path for path in folder.iterdir() if path.is_dir() and path.name not in ("results", "__pycache__")]
    data = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".py"]
    return data + [path for below in inner if not (below / "__init__.py").exists() for path in _beside(below)]


def _rows_digest(path: Path) -> str:
    """Of the rows alone, so that a table that is carried over dates none that reads it."""
    return _digest(json.dumps(json.loads(path.read_text(encoding="utf-8"))["rows"])) if path.exists() else ""


def _digest(said: str | bytes) -> str:
    return hashlib.sha256(said.encode() if isinstance(said, str) else said).hexdigest()[:32]


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _package(name: str) -> str:
    return name.rpartition(".")[0]


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
