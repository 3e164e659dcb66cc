"""Make a table: run what is not yet done of an experiment, and store all of it."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence

from tqdm import tqdm

from experiments.runner.provenance import code_hash
from experiments.runner.stored import Journal, Row, key, write
from experiments.runner.workers import Failure, measured

__all__ = ["main", "positive"]


def main(name: str, arguments: Sequence[str] | None = None) -> None:
    """The command `python -m experiments.name`: run what is not yet done, store all of it, print where.

    Rows that fail are named at the end, and nothing is stored then; what was measured is kept, and the next call runs
    the rest.
    """
    options = _options(name, arguments)
    runs, begun = importlib.import_module(f"experiments.{name}").RUNS, time.perf_counter()
    code = code_hash(name, runs)
    journal = Journal(name, code)
    failures = _run(name, runs, journal, code, options)
    if failures:
        sys.exit(_report(name, len(runs), failures))
    entries = [journal.rows[key(settings)] for settings in runs]
    rows = [{"settings": entry["settings"], "result": entry["result"]} for entry in entries]
    path = write(name, {"code_hash": code, "setting": _all_of([entry["setting"] for entry in entries]), "rows": rows})
    journal.path.unlink()
    tqdm.write(f"{path}: {len(rows)} runs, {time.perf_counter() - begun:.0f} s")


def positive(text: str) -> int:
    """A whole number from 1 on, of a command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text}")
    return int(text)


def _options(name: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(f"python -m experiments.{name}", description="Run what is not yet done; store it.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=positive, help="processes on this machine; one a core if not given")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster that runs the rows instead")
    options = parser.parse_args(arguments)
    if options.scheduler and importlib.util.find_spec("distributed") is None:
        parser.error("--scheduler needs dask.distributed: pip install distributed")
    return options


def _run(name: str, runs: list[Row], journal: Journal, code: str, options: argparse.Namespace) -> dict[str, list[Row]]:
    """Measure into the journal what it lacks; the rows that failed, by the text of what they raised."""
    left = [settings for settings in runs if key(settings) not in journal.rows]
    failures = defaultdict(list)
    with tqdm(total=len(runs), initial=len(runs) - len(left), desc=name, unit="run") as progress:
        for settings, outcome in measured(
            name, left, code, jobs=options.jobs or os.cpu_count() or 1, scheduler=options.scheduler
        ):
            if isinstance(outcome, Failure):
                if outcome.error not in failures:
                    tqdm.write(outcome.trace, file=sys.stderr)
                failures[outcome.error].append(settings)
            else:
                journal.add(settings, outcome)
            progress.update()
    return failures


def _report(name: str, n_runs: int, failures: dict[str, list[Row]]) -> str:
    n_failed = sum(map(len, failures.values()))
    lines = [f"  {settings}: {error}" for error, rows in failures.items() for settings in rows]
    kept = f"The others are kept; the same command runs only what is left: python -m experiments.{name}"
    return "\n".join([f"{name}: {n_failed} of {n_runs} runs failed:", *lines, kept])


def _all_of(settings: list[Row]) -> Row:
    """Where the rows ran, each thing that was not the same for all of them with all its values."""
    values = {name: {setting[name] for setting in settings} for name in settings[0]}
    return {
        name: found.pop() if len(found) == 1 else "; ".join(sorted(map(str, found))) for name, found in values.items()
    }
