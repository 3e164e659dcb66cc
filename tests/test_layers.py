"""The package's floors: imports go down, in no circle, and the light modules stay light."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import mha

PACKAGE = Path(mha.__file__).parent
FLOORS = {
    0: "reference masks positions cache attention linear cost",
    1: "heads variants kernels",
    2: "blocks",
    3: "models",
    4: "tasks text train generate metrics recording",
    5: "compress interpret bias timing memory roofline parallel",
    6: "view checks claims verdicts",
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names.split()}
FILES = {
    ".".join(("mha", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(name: str, source: str, is_package: bool = False) -> set[str]:
    """Every module of `mha` that the source imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            kept = name.split(".")[: len(name.split(".")) - node.level + is_package] if node.level else []
            origin = ".".join([*kept, *([node.module] if node.module else [])])
            names = {f"{origin}.{alias.name}" for alias in node.names}
            found |= {n if n in FILES else origin for n in names}
    return {n for n in found if n == "mha" or n.startswith("mha.")}


def part(name: str) -> str:
    """mha.view.plots -> view"""
    return name.split(".")[1]


def problem(name: str, imported: str) -> str | None:
    if imported == "mha":
        return f"{name} imports mha itself: name the module"
    if part(imported) not in FLOOR:
        return f"{name} imports {imported}, which stands on no floor"
    if FLOOR[part(imported)] > FLOOR[part(name)]:
        return f"{name} (floor {FLOOR[part(name)]}) imports {imported} (floor {FLOOR[part(imported)]})"
    return None


MODULES = {name: path for name, path in FILES.items() if name != "mha"}
GRAPH = {name: imports(name, path.read_text(), path.name == "__init__.py") for name, path in MODULES.items()}


def test_every_module_stands_on_a_floor():
    assert {part(name) for name in MODULES} <= set(FLOOR)
    assert {"reference", "masks", "positions", "cache", "attention", "heads", "blocks"} <= {part(n) for n in MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name):
    assert [found for imported in sorted(GRAPH[name]) if (found := problem(name, imported))] == []


def test_imports_go_in_no_circle():
    order = list(graphlib.TopologicalSorter(GRAPH).static_order())  # raises CycleError
    assert order.index("mha.attention") < order.index("mha.heads") < order.index("mha.blocks")


def test_the_oracle_imports_nothing_of_the_package():
    assert GRAPH["mha.reference"] == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import mha.heads", {"mha.heads"}),
        ("import torch, mha.heads as h", {"mha.heads"}),
        ("from mha.heads import split_heads", {"mha.heads"}),
        ("from mha import heads, masks", {"mha.heads", "mha.masks"}),
        ("from .heads import split_heads", {"mha.heads"}),
        ("from . import heads", {"mha.heads"}),
        ("def f():\n    from mha.view import plots", {"mha.view.plots"} if "mha.view.plots" in FILES else {"mha.view"}),
        ("import mha", {"mha"}),
        ("import mhap", set()),
    ],
)
def test_imports_are_seen_however_written(source, found):
    assert imports("mha.cache", source) == found


def test_an_import_that_goes_up_is_seen():
    assert "floor 0" in problem("mha.cache", "mha.heads")
    assert "no floor" in problem("mha.cache", "mha.elsewhere")
    assert problem("mha.heads", "mha.cache") is None


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_oracle_loads_numpy_only():
    code = "import sys, numpy; known = set(sys.modules); import mha.reference; print(*set(sys.modules) - known)"
    loaded = set(run(code).split())
    assert {name for name in loaded if not name.startswith("numpy.")} == {"mha", "mha.reference"}


def test_import_is_light():
    code = "import sys, time; start = time.perf_counter(); import mha; print(time.perf_counter() - start); "
    outputs = [run(code + "print('torch' in sys.modules, 'numpy' in sys.modules)").split() for _ in range(5)]
    assert min(float(seconds) for seconds, *_ in outputs) < 0.05
    assert {tuple(loaded) for _, *loaded in outputs} == {("False", "False")}
