"""The set-up: which Python, what is installed, when it is skipped, and that pins, ranges and constraints agree."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tools import environment
from tools.lock import as_constraints, kept
from tools.notebooks import ROOT
from tools.ranges import as_ranges

SCRIPT = ROOT / "tools" / "environment.py"
PIN = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    found = PIN.findall((ROOT / name).read_text(encoding="utf-8"))
    return {re.sub("[-_.]+", "-", package).lower(): version for package, version in found}


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13), (3, 14, 0)])
def test_an_unfit_python_gets_one_sentence(version):
    code = f"import runpy, sys; sys.version_info = {version}; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"Python 3.11 to 3.13 is needed; this is {'.'.join(map(str, version))}" in done.stderr


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9), (3, 13, 0)])
def test_a_fit_python_gets_no_sentence(version):
    assert environment.interpreter_problem(version) is None


def test_the_script_has_no_syntax_that_an_old_python_cannot_read():
    newer = (
        ast.JoinedStr,
        ast.AnnAssign,
        ast.NamedExpr,
        ast.AsyncFunctionDef,
        ast.Nonlocal,
        ast.Starred,
        ast.YieldFrom,
    )
    for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8"))):
        assert not isinstance(node, newer), ast.unparse(node)
        assert not (isinstance(node, ast.arguments) and node.kwonlyargs), ast.unparse(node)
        assert getattr(node, "annotation", None) is None, ast.unparse(node)
        assert getattr(node, "returns", None) is None, ast.unparse(node)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of what the set-up reads, whose installs are recorded and not done."""
    for name in ("requirements.txt", "requirements-test.txt", "constraints.txt", "data-packages.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    installs: list[list[str]] = []
    monkeypatch.setattr(environment, "ROOT", str(tmp_path))
    monkeypatch.setattr(environment, "make_venv", lambda venv: Path(venv).mkdir(exist_ok=True))
    monkeypatch.setattr(environment, "install", lambda venv, arguments: installs.append(arguments))
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    monkeypatch.setitem(sys.modules, "browser", SimpleNamespace(prepare=lambda: None, bring=lambda python: None))
    return tmp_path, installs


def set_up(folder: Path, *options: str) -> None:
    environment.main(["--venv", str(folder / ".venv"), *options])


def test_a_second_run_installs_nothing(checkout):
    folder, installs = checkout
    set_up(folder)
    set_up(folder)
    assert installs == [["-r", "requirements.txt", "-c", "constraints.txt"]]


def test_what_the_tests_need_includes_what_the_book_needs(checkout):
    folder, installs = checkout
    set_up(folder, "--tests")
    set_up(folder)
    set_up(folder, "--tests")
    assert installs == [["-r", "requirements-test.txt", "-c", "constraints.txt"]]


@pytest.mark.parametrize("name", ["requirements.txt", "constraints.txt", "data-packages.txt", "pyproject.toml"])
def test_a_changed_file_installs_again(checkout, name):
    folder, installs = checkout
    set_up(folder)
    (folder / name).write_text("# changed", encoding="utf-8")
    set_up(folder)
    assert len(installs) == 2


def test_newest_installs_ranges_and_the_pins_come_back(checkout):
    folder, installs = checkout
    set_up(folder, "--tests", "--newest")
    ranges = Path(installs[0][-1]).read_text(encoding="utf-8")
    assert "jupyter-book>=1.0.4.post1,<2\n" in ranges
    assert "mypy>=" in ranges
    assert not re.search(r"^[\w.-]+==", ranges, re.MULTILINE)
    assert "-c" not in installs[0]
    set_up(folder, "--tests")
    assert installs[1][-1] == "constraints.txt"


def test_torch_comes_as_a_cpu_build_where_one_is_offered(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(environment, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: asked.append(url) or nullcontext_with_close())
    assert environment.torch_options() == ["--extra-index-url", environment.cpu_index()]
    assert asked == [environment.cpu_index() + "/torch/"]


def nullcontext_with_close() -> object:
    context = nullcontext()
    context.close = lambda: None
    return context


def refuse(url: str, timeout: float) -> None:
    raise urllib.error.URLError(f"no route within {timeout} s")


@pytest.mark.parametrize(("platform", "gpu"), [("linux", False), ("linux", True), ("darwin", False), ("win32", False)])
def test_torch_comes_from_the_ordinary_index_otherwise(monkeypatch, platform, gpu):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(environment, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert environment.torch_options() == []


@pytest.mark.parametrize(
    ("pin", "expected"),
    [
        ("numpy==2.4.6  # arrays", "numpy>=2.4.6,<3"),
        ("tokenizers==0.23.3", "tokenizers>=0.23.3,<0.24"),
        ("jupyter-book==1.0.4.post1", "jupyter-book>=1.0.4.post1,<2"),
        ("sphinx-book-theme==1.2.0  # <1.3: a second search button", "sphinx-book-theme>=1.2.0,<1.3"),
        ('triton==3.7.1 ; sys_platform == "linux"  # kernels', 'triton>=3.7.1,<4 ; sys_platform == "linux"'),
        ("# a comment", "# a comment"),
    ],
)
def test_a_pin_becomes_a_range(pin, expected):
    assert as_ranges(pin) == expected + "\n"


def test_constraints_leave_out_what_does_not_constrain():
    frozen = (
        "torch==2.13.0+cpu\nnvidia-cudnn-cu13==9.1\npip==23.2.1\n-e git+x#egg=mha\nmha @ file:///x\nattrs==26.1.0\n"
    )
    assert as_constraints(frozen).splitlines()[1:] == ["attrs==26.1.0", "torch==2.13.0"]


def test_a_new_lock_keeps_versions_but_not_those_that_a_requirement_pins():
    constraints = "# Made.\nattrs==26.1.0\njupyterlab_myst==2.7.0\nnumpy==2.4.5\n"
    assert kept(constraints, "numpy==2.4.6  # arrays\njupyterlab-myst==2.8.0  # Lab\n") == "# Made.\nattrs==26.1.0\n"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_every_requirement_is_pinned_explained_and_constrained(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    required = [line for line in lines if line and not line.startswith(("#", "-r"))]
    assert [line for line in required if not re.match(r"[\w.-]+==[\w.]+( ; [^#]+)?  # \S", line)] == []
    assert pins(name).items() <= pins("constraints.txt").items()


@pytest.mark.parametrize("version", ["3.11.0", "3.12.0", "3.13.0"])
def test_what_is_pinned_admits_every_python_that_the_set_up_does(version):
    """Debian 12 has 3.11.2, and pip says of a package that wants 3.11.5 only that it cannot be found."""
    pinned = pins("constraints.txt")
    asked = {d.name: d.metadata.get("Requires-Python") or "" for d in metadata.distributions()}
    checked = {name: asks for name, asks in asked.items() if re.sub("[-_.]+", "-", name).lower() in pinned}
    assert len(checked) > 0.9 * len(pinned)
    assert {name: asks for name, asks in checked.items() if version not in SpecifierSet(asks)} == {}


def test_data_packages_come_by_hash_without_what_they_depend_on(monkeypatch):
    commands: list[list[str]] = []
    monkeypatch.setattr(environment, "torch_options", list)
    monkeypatch.setattr(subprocess, "call", lambda command, cwd: commands.append(command) or 0)
    environment.install("folder", ["-r", "requirements.txt"])
    options = [command[command.index("install") + 1 :] for command in commands]
    assert options == [
        ["-r", "requirements.txt"],
        ["--no-deps", "--require-hashes", "-r", "data-packages.txt"],
        ["--no-deps", "-e", "."],
    ]
    lines = (ROOT / "data-packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert [line for line in packages if not re.fullmatch(r"[\w.-]+==[\w.]+( --hash=sha256:[0-9a-f]{64})+", line)] == []
    assert not pins("data-packages.txt").keys() & (pins("requirements-test.txt") | pins("requirements.txt")).keys()


def test_no_reader_needs_what_the_data_packages_depend_on():
    """What a data package names as its dependencies is in the tests' environment at most, and nothing imports it."""
    named = {"transformers", "sentence_transformers", *(n.replace("-", "_") for n in pins("data-packages.txt"))}
    asked = {
        Requirement(r).name for n in pins("data-packages.txt") for r in metadata.requires(n) or () if "extra" not in r
    }
    theirs_alone = {"rxn-chem-utils", "sentence-transformers", "asgiref", "django-taggit"}
    assert theirs_alone <= asked
    assert not theirs_alone & pins("constraints.txt").keys()
    for folder in ("mha", "course", "experiments", "book", "chapters"):
        for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.ipynb")]:
            imported = re.findall(r"^[\s\"]*(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert not named & set(imported), path
    assert not {"transformers", "sentence-transformers"} & pins("requirements.txt").keys()


def test_what_ci_runs_is_there():
    """Every command of the workflows and of the devcontainer that names a make target, a script or a test module."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    files = [*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / ".ci" / "run"]
    files.append(ROOT / ".devcontainer" / "devcontainer.json")
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert set(re.findall(r"^[^#]*\bmake ([a-z-]+)$", text, re.MULTILINE)) <= set(targets), file
        assert [
            name for name in re.findall(r"\b(?:tools/\w+\.py|\.ci/run)\b", text) if not (ROOT / name).exists()
        ] == []
    ignored = re.search(r"test_\{([\w,]+)\}\.py", (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    assert [name for name in ignored[1].split(",") if not (ROOT / f"tests/test_{name}.py").exists()] == []


def test_ci_lints_before_it_tests():
    commands = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in commands if re.match(r"(exec )?make ", line)] == ["make lint", "exec make test"]
