"""Start the worker, and start it again where a kernel took it down or hung; see the package's own text."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.backends import one_line, versions
from benchmarks.gpu.store import Store
from benchmarks.gpu.watch import reader
from benchmarks.gpu.worker import work
from benchmarks.stored import RESULTS

STALL_S = 100  # a single backend that takes longer than this to compile and run is given up
POLL_S = 0.5


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small shapes, few rounds; kept only with --folder")
    parser.add_argument("--minutes", type=float, default=6, help="begin nothing after that")
    parser.add_argument("--folder", type=Path, help="where the results go and are taken up again")
    parser.add_argument("--anew", action="store_true", help="forget what is stored there")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: to try the harness itself")
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)  # the deadline, in seconds since 1970
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("this machine has no GPU that torch can use; --device cpu --quick tries the harness")
    if options.worker is not None:
        run_worker(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        options.folder = options.folder or (Path(folder) if options.quick else RESULTS)
        supervise(options)


def store_of(options: argparse.Namespace, *, anew: bool = False) -> Store:
    """The results of this card, these versions, this kind of plan."""
    name = torch.cuda.get_device_properties(0).name if options.device == "cuda" else "cpu"
    same = {"device": name, **versions(), "quick": options.quick}
    path = options.folder / f"gpu-{re.sub(r'[^a-z0-9]+', '-', name.lower())}.json"
    return Store(path, same, anew=anew)


def run_worker(options: argparse.Namespace) -> None:
    device = torch.device(options.device)
    read: Any
    try:
        read = reader(device)
    except RuntimeError as error:
        read = one_line(error)
    work(store_of(options), device, read, quick=options.quick, deadline=options.worker)


def supervise(options: argparse.Namespace) -> None:
    """Workers one after another, until one ends well, the time is over, or one fails before it has begun anything."""
    end = time.time() + 60 * options.minutes
    store = store_of(options, anew=options.anew)
    store.save(began=None)  # what was cut off the last time is tried again
    words = ["--device", options.device, "--folder", str(options.folder), "--worker", str(end)]
    command = [sys.executable, "-m", "benchmarks.gpu", *words, *["--quick"] * options.quick]
    while True:
        failed_before = len(store.results["failed"])
        status = run_watched(command, store.path, end + STALL_S)
        store = store_of(options)
        if status == 0 or time.time() > end:
            break
        store.blame(f"the worker ended with status {status}")
        if len(store.results["failed"]) == failed_before:
            sys.exit(f"the worker ended with status {status}; what it had measured is in {store.path.name}")
    print(store.path, "" if store.results.get("complete") else "(not complete: the same command goes on)")


def run_watched(command: list[str], path: Path, end: float) -> int:
    """The exit status; negative where the worker was stopped because its file stood still, or at the end."""
    path.touch()
    with subprocess.Popen(command) as worker:
        while worker.poll() is None:
            time.sleep(POLL_S)
            if time.time() - path.stat().st_mtime > STALL_S or time.time() > end:
                worker.kill()
                worker.wait()
        return worker.returncode


if __name__ == "__main__":
    main()
