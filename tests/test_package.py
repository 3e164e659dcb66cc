"""What `pip install .` gives, what it asks for, and what a kernel of the book finds."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.notebooks import ROOT
from tools.ranges import as_range

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PACKAGES = ("mha", "course", "experiments", "benchmarks")
INSTALLED_AS = {"sklearn": "scikit-learn"}
# What mha imports where it is: triton comes with builds of torch that can use it, and with the tests; the
# others are asked for by extras.
NOT_REQUIRED = {"triton", "datasets", "concept_erasure", "fairlearn"}


def ranges(name: str) -> dict[str, Requirement]:
    """The pins of a requirements file as ranges, by package."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(as_range(line)) for line in lines if re.match(r"[\w.-]+==", line)]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def third_party(folder: Path) -> set[str]:
    """The packages from elsewhere that a folder's modules import, by the names they are imported by."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return found - sys.stdlib_module_names - {folder.name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in a wheel, built without a network from a copy, so that the checkout stays clean."""
    copy = tmp_path_factory.mktemp("copy")
    for path in [ROOT / "pyproject.toml", ROOT / "README.md", *ROOT.glob("LICENSE*")]:
        shutil.copy(path, copy)
    for folder in (path.parent for path in ROOT.glob("*/__init__.py")):
        shutil.copytree(folder, copy / folder.name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    build = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True)
    with zipfile.ZipFile(next((copy / "dist").glob("*.whl"))) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_library_alone(wheel):
    assert {name.partition("/")[0] for name in wheel} == {"mha", f"mha-{PROJECT['version']}.dist-info"}


def test_the_wheel_holds_every_file_of_the_library(wheel):
    files = [path for path in (ROOT / "mha").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.suffix for path in files} >= {".py", ".toml", ".mplstyle", ".css", ".js"}
    assert {path.relative_to(ROOT).as_posix() for path in files} == {name for name in wheel if name.startswith("mha/")}


def test_the_library_asks_for_what_it_imports():
    asked = {Requirement(line).name for line in PROJECT["dependencies"]}
    imported = third_party(ROOT / "mha") - NOT_REQUIRED
    assert {INSTALLED_AS.get(name, name) for name in imported} == asked


def test_ranges_begin_at_the_pins():
    asked = [Requirement(line) for lines in (PROJECT["dependencies"], *EXTRAS.values()) for line in lines]
    own = {canonicalize_name(requirement.name): requirement for requirement in asked if requirement.name != "mha"}
    pinned = ranges("requirements.txt") | ranges("requirements-test.txt")
    assert {name: str(asked.specifier) for name, asked in own.items()} == {
        name: str(pin.specifier) for name, pin in pinned.items()
    }


def test_who_made_it_is_as_in_the_citation():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["authors"] == [{"name": author["name"]} for author in citation["authors"]]
    assert PROJECT["version"] == citation["version"]
    assert PROJECT["keywords"] == citation["keywords"]
    assert set(PROJECT.get("urls", {}).values()) == {
        citation[key] for key in ("url", "repository-code") if key in citation
    }


def test_a_chapters_kernel_finds_every_package_of_the_checkout(monkeypatch):
    """By the editable install alone: without pytest's path, from a chapter's folder."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    source = "\n".join(f"import {name}; print({name}.__file__)" for name in PACKAGES)
    notebook = new_notebook(cells=[new_code_cell(source)])
    folder = ROOT / "chapters" / "foundations"
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    found = "".join(output["text"] for output in notebook.cells[0].outputs).splitlines()
    assert [Path(line).resolve() for line in found] == [ROOT / name / "__init__.py" for name in PACKAGES]
