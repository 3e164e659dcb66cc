"""Run chapters anew in place: all of them, or those named, in parallel.

    python -m tools.execute
    python -m tools.execute foundations/attention index

A chapter that fails leaves its stored notebook as it was; which cell failed, and how, is said at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from mha.measure.setting import setting
from tools.colab import colab_cell, put_colab_cell
from tools.notebooks import ROOT, code_cells, notebook_paths, read, stable, write
from tools.strict_kernel import MAKE_STRICT

TIMEOUT_S = 600
FRONT = "index"
ANSI = re.compile(r"\x1b\[[0-9;]*m")

__all__ = ["asked", "execute", "execute_all", "named_paths"]


def named_paths(names: list[str], root: Path = ROOT) -> list[Path]:
    """The notebooks meant by names such as `foundations/attention`, `index` or a path; all of them for no name.

    Raises:
        ValueError: a name that is no notebook of the book.
    """
    known = {
        path.relative_to(root).with_suffix("").as_posix().removeprefix("chapters/"): path
        for path in notebook_paths(root)
    }
    asked = [name.removeprefix("./").removeprefix("chapters/").removesuffix(".ipynb") for name in names]
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ValueError(f"no chapter is called {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in asked] or list(known.values())


def failure(path: Path, begun: list[NotebookNode], error: Exception) -> str:
    """Which cell failed, its source and what it raised."""
    what = str(error) if sys.stderr.isatty() else ANSI.sub("", str(error))
    if begun and not isinstance(error, CellExecutionError):  # that one's message already shows the cell
        what = f"{begun[-1].source}\n{what}"
    return f"{path}: code cell {len(begun)} failed\n{what}\nThe stored notebook is left as it was."


def steady(stored_s: int | None, run_s: float) -> int:
    """Seconds a chapter takes at most, for the book's map: 30, 60, 120 …, coarse so that two runs store the same.

    The stored figure stays while it is near.
    """
    if stored_s and stored_s / 4 < run_s < stored_s * 1.5:
        return stored_s
    return 30 * 2 ** max(0, math.ceil(math.log2(run_s / 30)))


def prepared(path: Path, root: Path) -> NotebookNode:
    notebook = read(path)
    put_colab_cell(notebook, colab_cell(root))
    return notebook


async def execute(path: Path, notebook: NotebookNode, progress: tqdm[None], root: Path = ROOT) -> str | None:
    """Run one notebook and store it; or leave the stored one, and return what went wrong."""
    begun: list[NotebookNode] = []
    busy_s = math.inf

    def executed(cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        nonlocal busy_s
        busy_s = processor_seconds(client)
        progress.update()

    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=[
            "--log-level=ERROR",  # else a note on encryption runs into the progress bar
            f"--IPKernelApp.exec_lines={MAKE_STRICT}",
        ],
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: begun.append(cell),
        on_cell_executed=executed,
    )
    start = time.perf_counter()
    try:
        await client.async_execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as error:
        return failure(path.relative_to(root), begun, error)
    stored = read(path)
    run_s = min(time.perf_counter() - start, busy_s)  # on a machine with other work the first is longer
    run_s = steady(stored.metadata.get("mha", {}).get("run_s"), run_s)
    stable(notebook, root, run_s).metadata["mha"]["ran"] = where_it_ran(stored, notebook)
    write(notebook, path)
    return None


def processor_seconds(client: NotebookClient) -> float:
    """What a kernel and the processes that it started have taken of all cores."""
    manager: Any = client.km
    return sum(psutil.Process(manager.provisioner.pid).cpu_times()[:4])


def where_it_ran(stored: NotebookNode, executed: NotebookNode) -> dict[str, str]:
    """The processor and the day that a chapter's outputs come from: those of the stored ones if nothing has changed."""
    known: dict[str, str] | None = stored.metadata.get("mha", {}).get("ran")
    if known and stored.cells == executed.cells:
        return known
    here = setting()
    return {name: here[name] for name in ("processor", "date")}


async def execute_all(paths: list[Path], jobs: int, root: Path = ROOT) -> list[str]:
    """Run notebooks, `jobs` at a time, each in a kernel process of its own; return what went wrong.

    A file that is no notebook is among what went wrong, and the others run.
    """
    free = asyncio.Semaphore(jobs)
    notebooks, unreadable = {}, []
    for path in paths:
        try:
            notebooks[path] = prepared(path, root)
        except ValueError as error:
            unreadable.append(str(error))
    cells = sum(len(code_cells(notebook)) for notebook in notebooks.values())

    async def in_turn(path: Path, notebook: NotebookNode) -> str | None:
        async with free:
            progress.set_postfix_str(path.stem)
            return await execute(path, notebook, progress, root)

    with tqdm(total=cells, unit="cell", desc="Running") as progress:
        results = []
        for last in (False, True):  # the front page reads what the chapters have stored
            chosen = {path: notebook for path, notebook in notebooks.items() if (path.stem == FRONT) == last}
            results += await asyncio.gather(*map(in_turn, chosen, chosen.values()))
    return unreadable + [result for result in results if result]


def asked(parser: argparse.ArgumentParser) -> tuple[list[Path], argparse.Namespace]:
    """The notebooks that a command line names, and the rest of it; kernels started from here on are this environment's.

    A name that is no notebook, or fewer jobs than one, ends the program with a sentence.
    """
    parser.add_argument("chapters", nargs="*", help="such as foundations/attention; all if none is named")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at once (default: one a core)")
    chosen = parser.parse_args()
    if chosen.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {chosen.jobs}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not one of the user's
    try:
        return named_paths(chosen.chapters), chosen
    except ValueError as error:
        sys.exit(str(error))


def main() -> None:
    paths, chosen = asked(argparse.ArgumentParser(description="Run chapters anew in place."))
    failures = asyncio.run(execute_all(paths, chosen.jobs))
    sys.exit("\n\n".join(failures) if failures else 0)


if __name__ == "__main__":
    main()
