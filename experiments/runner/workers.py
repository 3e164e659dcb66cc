"""Measure rows in processes of this machine or of a Dask cluster."""

from __future__ import annotations

import functools
import importlib
import json
import multiprocessing
import os
import threading
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass

from experiments.runner.provenance import code_hash
from experiments.runner.stored import Row
from mha.measure.setting import setting

__all__ = ["Failure", "measure", "measured"]

ONE_ROW = threading.Lock()  # torch's generator belongs to the process, so two rows at once would disturb each other


@dataclass(frozen=True)
class Failure:
    """Why a row has no result."""

    error: str
    trace: str


def measured(
    name: str, rows: Iterable[Row], code: str, *, jobs: int = 1, scheduler: str | None = None
) -> Iterator[tuple[Row, Row | Failure]]:
    """Each row of experiment `name` with what it measured or why it could not, in the order in which they end.

    Args:
        rows: the settings of each.
        code: the hash of the code that shall measure; a worker with other code refuses.
        jobs: processes on this machine.
        scheduler: the address of a Dask scheduler, whose workers measure instead. They import `experiments`, so start
            them in the repository: `dask worker ADDRESS --nworkers 8 --nthreads 1`. Needs `distributed`.
    """
    with _processes(jobs) if scheduler is None else _cluster(scheduler) as executor:
        futures = {executor.submit(measure, name, settings, code): settings for settings in rows}
        for future in as_completed(futures):
            yield futures[future], _outcome(future)


def measure(name: str, settings: Row, code: str) -> Row | Failure:
    """One row, on one thread, in the process that calls this: its "result" and the "setting" it ran in."""
    import torch

    with ONE_ROW:
        torch.set_num_threads(1)
        try:
            module = importlib.import_module(f"experiments.{name}")
            if _present_code(name) != code:
                raise RuntimeError("the code or the settings of this worker are not those of the run that called it")
            return {"result": json.loads(json.dumps(module.run(**settings))), "setting": setting()}
        except Exception as error:  # not every exception can be pickled; its text can
            return Failure(f"{type(error).__name__}: {error}", traceback.format_exc())


def _outcome(future: Future[Row | Failure]) -> Row | Failure:
    try:
        return future.result()
    except Exception as error:  # the worker died
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc())


@contextmanager
def _processes(jobs: int) -> Iterator[Executor]:
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    from distributed import Client

    try:
        cluster = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise SystemExit(f"no Dask scheduler answers at {address}: {error}") from error
    with cluster as client:
        yield client.get_executor(pure=False)  # a row is measured anew, whatever the cluster remembers


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next row for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@functools.cache
def _present_code(name: str) -> str:
    return code_hash(name, importlib.import_module(f"experiments.{name}").RUNS)
