"""Every notebook's cells as tests, their outputs compared by tools.comparison; and one thread a process.

The comparison of nbval's own cells is exact, which no other processor passes. So `--nbval` stays off, and its file and
cells are collected here.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile
from xdist.scheduler import LoadFileScheduling

from tools.comparison import output_differences
from tools.notebooks import read
from tools.strict_kernel import MAKE_STRICT

NOT_ON_WINDOWS = {"scaling_out.ipynb": "torchrun does not start on Windows, where PyTorch has no libuv"}

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; the kernels inherit it


class StoredCell(IPyNbCell):
    """A code cell whose outputs must be the stored ones, and which must raise where it is marked to."""

    def compare_outputs(self, test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
        self.comparison_traceback = output_differences(ref, test)
        return not self.comparison_traceback

    def runtest(self) -> None:
        super().runtest()
        if self.options["check_exception"] and not any(output.output_type == "error" for output in self.test_outputs):
            self.raise_cell_error("Cell is marked to raise an exception and raised none")


class Unreadable(pytest.Item):
    """What stands for the cells of a file that is no notebook, so that the other chapters are tested all the same."""

    def runtest(self) -> None:
        read(self.path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        return str(excinfo.value)


class StoredNotebook(IPyNbFile):
    def setup(self) -> None:
        if hasattr(self, "nb"):
            super().setup()
            line = self.kernel.kc.execute(MAKE_STRICT, silent=True, store_history=False)
            self.kernel.await_idle(line, timeout=60)

    def collect(self) -> Iterator[pytest.Item]:
        try:
            read(self.path)
        except ValueError:
            yield Unreadable.from_parent(self, name="notebook")
            return
        for cell in super().collect():
            shared = {name: getattr(cell, name) for name in ("name", "cell_num", "cell", "options")}
            stored = StoredCell.from_parent(self, **shared)
            if sys.platform == "win32" and self.path.name in NOT_ON_WINDOWS:
                stored.add_marker(pytest.mark.skip(reason=NOT_ON_WINDOWS[self.path.name]))
            yield stored


def pytest_collection_finish() -> None:
    """What collecting thousands of tests has left stays: no collection of garbage needs to look through it again."""
    gc.collect()
    gc.freeze()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> StoredNotebook | None:
    return StoredNotebook.from_parent(parent, path=file_path) if file_path.suffix == ".ipynb" else None


class FilesAndPages(LoadFileScheduling):
    """A file is one process's work, for its tests share a kernel or a browser; a page of the book is work by itself."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if "page=" in nodeid else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return FilesAndPages(config, log) if config.getoption("dist") == "loadfile" else None
