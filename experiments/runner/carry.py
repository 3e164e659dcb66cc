"""Accept stored results for code that changed in a way that should change no result.

    python -m experiments.runner NAME... [--all] [--rows 5] [--only KEY=VALUE] [--since REVISION]

runs some rows of each table anew, and only if each equals the stored one to the last bit, it puts the present code's
hash on the results and notes there which rows were run. Another processor rounds otherwise: there, --since compares
with what the code of a git revision gives on the same machine, old and new side by side. Seconds, which no two runs
share, are not compared: a result of that name, as in step_s, stays what the old code took.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from experiments.runner import provenance
from experiments.runner.stored import Row, key, read, write

__all__ = ["Revision", "carry_over", "in_reading_order", "revision_tree"]

RUN = """
import importlib, json, sys, time, torch
torch.set_num_threads(1)
run = importlib.import_module("experiments." + sys.argv[1]).run
with open(sys.argv[2], "w") as file:
    for settings in json.load(sys.stdin):
        begun = time.perf_counter()
        result = run(**settings)
        json.dump({"result": result, "seconds": round(time.perf_counter() - begun, 1)}, file)
        file.write("\\n")
"""
Revision = tuple[str, Path]  # a commit and the tree of its files


def carry_over(name: str, n_rows: int, *, since: Revision | None = None, only: Row | None = None) -> Row:
    """Accept stored results for the present code if `n_rows` of them, chosen by chance, come out the same to the bit.

    Args:
        since: the revision whose code made the stored results; its code is run here for comparison. If None, the
            comparison is with what is stored.
        only: settings that the chosen rows must have.
    Returns:
        What was noted: which rows were run, and the seconds that each took.
    Raises:
        ValueError: the settings changed, there are not so many rows, a row could not be run or came out differently;
            nothing is changed then.
    """
    stored, runs = read(name), importlib.import_module(f"experiments.{name}").RUNS
    if [row["settings"] for row in stored["rows"]] != runs:
        raise ValueError(f"{name}.json has other settings than the present ones. Run: python -m experiments.{name}")
    sample = _sample(name, stored, n_rows, only or {})
    settings = [row["settings"] for row in sample]
    seconds = _compare(name, sample, since)
    note: Row = {
        "from": stored["code_hash"],
        "date": time.strftime("%Y-%m-%d"),
        "rows": settings,
        "seconds": seconds,
        "compared with": since and since[0],
    }
    stored |= {"code_hash": provenance.code_hash(name, runs), "carried_over": [*stored.get("carried_over", []), note]}
    write(name, stored)
    return note


def in_reading_order(names: list[str]) -> list[str]:
    """The names, each table behind those whose rows it loads, since it can be run only when they are accepted."""
    ordered: list[str] = []
    for name in names:
        before = in_reading_order([table for table in provenance.tables_read(name) if table in names])
        ordered += [new for new in [*before, name] if new not in ordered]
    return ordered


@contextmanager
def revision_tree(revision: str) -> Iterator[Revision]:
    """The files of a git revision in a folder of their own, as long as the context lasts."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", commit))) as archive:
            archive.extractall(folder, filter="data")
        yield commit, Path(folder)


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=provenance.ROOT, capture_output=True)
    if done.returncode:
        raise ValueError(f"git {' '.join(arguments)} failed: {done.stderr.decode().strip() or 'no such revision'}")
    return done.stdout


def _sample(name: str, stored: Row, n_rows: int, only: Row) -> list[Row]:
    rows = [row for row in stored["rows"] if row["settings"] | only == row["settings"]]
    if n_rows > len(rows):
        chosen = f" with {only}" if only else ""
        raise ValueError(f"rows ({n_rows}) must be at most {len(rows)}, which {name}.json has{chosen}")
    return random.Random(stored["code_hash"]).sample(rows, n_rows)


def _compare(name: str, sample: list[Row], since: Revision | None) -> list[float]:
    """The seconds that each row takes by the present code, if all give the same."""
    settings = [row["settings"] for row in sample]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as side_by_side:
        new = side_by_side.submit(_run, name, settings, _copy(Path(folder)))
        old = side_by_side.submit(_run, name, settings, since[1]) if since else None
        given, wanted = new.result(), old.result() if old else sample
    triples = zip(settings, given, wanted, strict=True)
    differ = [f"{row} gives {new['result']}" for row, new, old in triples if _compared(new) != _compared(old)]
    if differ:
        lines = "\n  ".join(differ)
        raise ValueError(f"{name}.json: {len(differ)} of {len(given)} rows came out differently:\n  {lines}")
    return [row["seconds"] for row in given]


def _compared(row: Row) -> str:
    """What a row measured without a clock; by the units in their names, seconds end in _s."""
    return key({name: value for name, value in row["result"].items() if not name.endswith("_s")})


def _copy(folder: Path) -> Path:
    """The present code in a folder of its own, so that a run which keeps a model there leaves the stored one alone."""
    for package in provenance.PACKAGES:
        if (provenance.ROOT / package).is_dir():
            shutil.copytree(provenance.ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _run(name: str, settings: list[Row], tree: Path) -> list[Row]:
    """The rows by the code of a tree, one after another in a process of their own."""
    out = tree / f"{name}.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", RUN, name, str(out)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        input=json.dumps(settings),
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise ValueError(f"{name} could not be run: {(done.stderr.strip() or 'killed').splitlines()[-1]}")
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
