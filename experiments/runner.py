"""Run an experiment's table over the cores, resume where it was stopped, store the raw results.

An experiment module defines

    RUNS: list[dict]            the settings of each run, JSON types, a "seed" among them
    def run(**settings) -> dict what one run measures, JSON types
    CODE = ["mha/heads.py"]     files besides its own that the results depend on, relative to the repository

and ends in `if __name__ == "__main__": main("its name")`. A chapter reads the rows with `load("its name")`,
in which each row is the settings of a run and what it measured.

    python -m experiments.runner length_generalization --rows 5 [--since v1]

is for code that changed in a way that should change no result: it runs some rows anew, and only if each equals the
stored one to the last bit, it puts the present code's hash on the results and notes there which rows were run. Another
processor rounds otherwise: there, --since compares with what the code of a git revision gives on the same machine.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import io
import json
import multiprocessing
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from types import ModuleType
from typing import Any

from tqdm import tqdm

__all__ = ["Row", "carry_over", "code_hash", "experiment_names", "load", "main", "run_all"]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"
Row = dict[str, Any]


def experiment_names() -> list[str]:
    """Every module of this folder that describes a table."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "runner"))


def code_hash(module: ModuleType) -> str:
    """Changes when the code of the experiment, its settings or the code of a file it names in CODE does."""
    files = [Path(str(module.__file__)), *(ROOT / name for name in module.CODE)]
    parts = [_code_alone(file.read_text(encoding="utf-8")) for file in files]
    parts.append(json.dumps(module.RUNS, sort_keys=True))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def load(name: str) -> list[Row]:
    """The stored rows of an experiment: each the settings of one run and what it measured.

    Raises:
        FileNotFoundError: it was never run.
        ValueError: the results were made by other code or other settings, or some runs are missing.
    """
    module = importlib.import_module(f"experiments.{name}")
    path = RESULTS / f"{name}.json"
    remedy = f"Run: python -m experiments.{name}"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is not there. {remedy}")
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["code_hash"] != code_hash(module):
        raise ValueError(f"{path.name} was made by other code or settings than the present ones. {remedy}")
    done = {_key(row["settings"]) for row in stored["rows"]}
    missing = [settings for settings in module.RUNS if _key(settings) not in done]
    if missing:
        raise ValueError(f"{path.name} lacks {len(missing)} of {len(module.RUNS)} runs. {remedy}")
    return [row["settings"] | row["result"] for row in stored["rows"]]


def main(name: str, jobs: int | None = None) -> None:
    """Run what is not yet done of experiment `name` and store all of it; print where."""
    module = importlib.import_module(f"experiments.{name}")
    begun = time.perf_counter()
    rows = run_all(name, module, jobs or os.cpu_count() or 1)
    stored = {"code_hash": code_hash(module), "setting": _setting(), "rows": rows}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    _unfinished(name).unlink(missing_ok=True)
    tqdm.write(f"{path}: {len(rows)} runs, {time.perf_counter() - begun:.0f} s")


def carry_over(name: str, n_rows: int, since: str | None = None) -> None:
    """Accept stored results for the present code if `n_rows` of them, chosen by chance, come out the same to the bit.

    Args:
        since: a git revision whose code made the stored results; its code is run here for comparison. If None, the
            comparison is with what is stored.
    Raises:
        ValueError: the settings changed, or a row came out differently; nothing is changed then.
    """
    module = importlib.import_module(f"experiments.{name}")
    path = RESULTS / f"{name}.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    if [row["settings"] for row in stored["rows"]] != module.RUNS:
        raise ValueError(f"{path.name} has other settings than the present ones. Run: python -m experiments.{name}")
    sample = random.Random(stored["code_hash"]).sample(stored["rows"], n_rows)
    settings = [row["settings"] for row in sample]
    wanted = [row["result"] for row in sample] if since is None else _results_at(since, name, settings)
    for row, result, other in zip(settings, _results(name, settings), wanted, strict=True):
        if result != other:
            raise ValueError(f"{path.name}: the row {row} came out differently: {result}")
    note = {"from": stored["code_hash"], "date": time.strftime("%Y-%m-%d"), "rows": settings, "compared with": since}
    stored |= {"code_hash": code_hash(module), "carried_over": [*stored.get("carried_over", []), note]}
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def _results(name: str, settings: list[Row]) -> list[Row]:
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread
    ) as pool:
        return json.loads(json.dumps(list(pool.map(_measure, [name] * len(settings), settings))))


def _results_at(revision: str, name: str, settings: list[Row]) -> list[Row]:
    """The same by the code of a git revision, one after another."""
    code = (
        "import importlib, json, sys, torch; torch.set_num_threads(1);"
        "run = importlib.import_module('experiments.' + sys.argv[1]).run;"
        "print(json.dumps([run(**row) for row in json.loads(sys.argv[2])]))"
    )
    with tempfile.TemporaryDirectory() as folder:
        tree = str(Path(folder) / "tree")
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, revision], cwd=ROOT, check=True)
        try:
            command = [sys.executable, "-c", code, name, json.dumps(settings)]
            env = {**os.environ, "PYTHONPATH": tree}
            out = subprocess.run(command, cwd=tree, env=env, check=True, capture_output=True, text=True).stdout
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
    return json.loads(out)


def run_all(name: str, module: ModuleType, jobs: int) -> list[Row]:
    """Every row, in the order of RUNS; rows of an earlier, interrupted call are taken over if the code is the same."""
    done = _resume(name, code_hash(module))
    left = [settings for settings in module.RUNS if _key(settings) not in done]
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with (
        _unfinished(name).open("a", encoding="utf-8") as file,
        ProcessPoolExecutor(jobs, mp_context=context, initializer=_one_thread) as pool,
        tqdm(total=len(module.RUNS), initial=len(module.RUNS) - len(left), desc=name, unit="run") as progress,
    ):
        futures = {pool.submit(_measure, name, settings): settings for settings in left}
        for future in as_completed(futures):
            row = {"settings": futures[future], "result": future.result()}
            done[_key(row["settings"])] = row
            file.write(json.dumps(row | {"code_hash": code_hash(module)}) + "\n")
            file.flush()
            progress.update()
    return [done[_key(settings)] for settings in module.RUNS]


def _code_alone(source: str) -> str:
    """Source without docstrings, comments and blank lines: a word mended there makes no result out of date."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        with_docstring = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, with_docstring) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines[docstring.lineno - 1 : docstring.end_lineno] = [""] * (docstring.end_lineno - docstring.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _measure(name: str, settings: Row) -> Row:
    return dict(importlib.import_module(f"experiments.{name}").run(**settings))


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _resume(name: str, wanted: str) -> dict[str, Row]:
    path = _unfinished(name)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    kept = [{"settings": r["settings"], "result": r["result"]} for r in rows if r["code_hash"] == wanted]
    return {_key(row["settings"]): row for row in kept}


def _unfinished(name: str) -> Path:
    RESULTS.mkdir(exist_ok=True)
    return RESULTS / f"{name}.unfinished.jsonl"


def _key(settings: Row | Sequence[Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _setting() -> Row:
    import torch

    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "date": time.strftime("%Y-%m-%d"),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=carry_over.__doc__.splitlines()[0])
    parser.add_argument("name", choices=experiment_names())
    parser.add_argument("--rows", type=int, default=5)
    parser.add_argument("--since", help="a git revision to compare with on this machine, instead of what is stored")
    options = parser.parse_args()
    carry_over(options.name, options.rows, options.since)
