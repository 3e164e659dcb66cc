"""The house: imports go down, in no circle, and never to a name that its module keeps to itself."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    0: "mha: reference validation precision detours lags masks patterns positions cache attention row_linear"
    " checkpoint",
    1: "mha: heads latent variants",
    2: "mha: blocks",
    3: "mha: models",
    4: "mha: tasks text train generate drafts speculative recording",
    5: "mha: compress interpret bias measure statistics parallel",
    6: "mha: view",
    7: "course: claims findings plain predict progress report_page verdicts checks figures tables columns means touch "
    "gpu_page word_senses live ranks left_over",
}
FLOOR = {
    f"{package}.{name}": floor
    for floor, (package, _, names) in ((floor, line.partition(": ")) for floor, line in FLOORS.items())
    for name in names.split()
}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("mha", "course")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def names_imported(name: str, source: str, is_package: bool = False) -> set[str]:
    """Every dotted name of the two packages that the source imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            kept = name.split(".")[: len(name.split(".")) - node.level + is_package] if node.level else []
            origin = ".".join([*kept, *([node.module] if node.module else [])])
            found |= {f"{origin}.{alias.name}" for alias in node.names}
    return {n for n in found if n.split(".")[0] in ("mha", "course")}


def imports(name: str, source: str, is_package: bool = False) -> set[str]:
    """The modules among them, or those that hold them."""
    return {n if n in FILES else n.rpartition(".")[0] or n for n in names_imported(name, source, is_package)}


def part(name: str) -> str:
    """mha.view.plots -> mha.view"""
    return ".".join(name.split(".")[:2])


def problem(name: str, imported: str) -> str | None:
    if "." not in imported:
        return f"{name} imports {imported} itself: name the module"
    if part(imported) not in FLOOR:
        return f"{name} imports {imported}, which stands on no floor"
    if FLOOR[part(imported)] > FLOOR[part(name)]:
        return f"{name} (floor {FLOOR[part(name)]}) imports {imported} (floor {FLOOR[part(imported)]})"
    return None


def private_elsewhere(name: str, dotted: str) -> bool:
    """Whether a name with an underscore is taken out of its module, or a module with one out of its folder."""
    origin = dotted if dotted in FILES else dotted.rpartition(".")[0]
    folder, module = origin.rpartition(".")[::2]
    home = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    taken = dotted[len(origin) :].lstrip(".")
    return taken.startswith("_") or (module.startswith("_") and folder != home)


# The only way to ask a layer whether something hangs on it, and a tensor whether it was written in place; the only
# product of int8 matrices.
OF_TORCH = {"_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_version", "_int_mm"}


def private_attributes(source: str) -> set[str]:
    """Attributes with an underscore that the source reads and nowhere defines."""
    tree = ast.parse(source)
    own = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    attributes = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    own |= {n.attr for n in attributes if isinstance(n.ctx, ast.Store)}
    own |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    read = {n.attr for n in attributes if n.attr.startswith("_") and not n.attr.startswith("__")}
    return read - own - OF_TORCH


MODULES = {name: path for name, path in FILES.items() if "." in name}
GRAPH = {name: imports(name, path.read_text(), path.name == "__init__.py") for name, path in MODULES.items()}


def test_every_module_stands_on_a_floor():
    assert {part(name) for name in MODULES} <= set(FLOOR)
    assert {"mha.attention", "mha.heads", "mha.blocks", "course.claims"} <= {part(name) for name in MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name):
    assert [found for imported in sorted(GRAPH[name]) if (found := problem(name, imported))] == []


@pytest.mark.parametrize("name", MODULES)
def test_no_private_name_crosses_a_module(name):
    path = MODULES[name]
    found = names_imported(name, path.read_text(), path.name == "__init__.py")
    assert [dotted for dotted in sorted(found) if private_elsewhere(name, dotted)] == []


@pytest.mark.parametrize("name", MODULES)
def test_no_private_attribute_is_taken_from_another_module(name):
    assert private_attributes(MODULES[name].read_text()) == set()


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
        ("def f():\n    from mha.view import plots", {"mha.view.plots"}),
        ("from course import claims", {"course.claims"}),
        ("import mha", {"mha"}),
        ("import mhap", set()),
    ],
)
def test_imports_are_seen_however_written(source, found):
    assert imports("mha.cache", source) == found


def test_an_import_that_goes_up_is_seen():
    assert "floor 0" in problem("mha.cache", "mha.heads")
    assert "floor 7" in problem("mha.view.plots", "course.claims")
    assert "no floor" in problem("mha.cache", "mha.elsewhere")
    assert problem("mha.heads", "mha.cache") is None


def test_a_private_name_taken_from_elsewhere_is_seen(monkeypatch):
    monkeypatch.setitem(FILES, "course.parts", Path("course/parts/__init__.py"))
    monkeypatch.setitem(FILES, "course.parts._one", Path("course/parts/_one.py"))
    assert private_elsewhere("mha.heads", "mha.attention._check")
    assert private_elsewhere("mha.heads", "course.parts._one")
    assert not private_elsewhere("course.parts", "course.parts._one")
    assert not private_elsewhere("mha.heads", "mha.attention.attention")
    assert private_attributes("class A:\n    def f(self, b):\n        self._x = 1\n        return b._y + self._x") == {
        "_y"
    }


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_oracle_loads_numpy_only():
    code = "import sys, numpy; known = set(sys.modules); import mha.reference; print(*set(sys.modules) - known)"
    loaded = set(run(code).split())
    assert {name for name in loaded if not name.startswith(("numpy.", "__"))} == {"mha", "mha.reference"}


def test_import_is_light():
    code = "import sys, time; start = time.perf_counter(); import mha; print(time.perf_counter() - start); "
    outputs = [run(code + "print('torch' in sys.modules, 'numpy' in sys.modules)").split() for _ in range(5)]
    assert min(float(seconds) for seconds, *_ in outputs) < 0.05
    assert {tuple(loaded) for _, *loaded in outputs} == {("False", "False")}
