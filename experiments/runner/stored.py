"""What is kept of a table: its results file, and the journal of a run that is not finished."""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from experiments.runner.provenance import ROOT, code_hash

__all__ = ["RESULTS", "Journal", "Row", "experiment_names", "is_current", "key", "load", "read", "write"]

RESULTS = ROOT / "experiments" / "results"
Row = dict[str, Any]
NUMBERS = re.compile(r"\[\n([^\[\]{}\"]*)\]")  # within a string no line ends


def experiment_names() -> list[str]:
    """Every module of the folder `experiments`: each describes a table."""
    return sorted(path.stem for path in RESULTS.parent.glob("*.py") if path.stem != "__init__")


def load(name: str) -> list[Row]:
    """The stored rows of an experiment: each the settings of one run and what it measured.

    Raises:
        FileNotFoundError: it was never run.
        ValueError: the file is damaged, the results were made by other code or other settings, or some runs are
            missing.
    """
    stored, runs = read(name), importlib.import_module(f"experiments.{name}").RUNS
    remedy = f"Run: python -m experiments.{name}"
    if not is_current(name):
        raise ValueError(f"{name}.json was made by other code or settings than the present ones. {remedy}")
    done = {key(row["settings"]) for row in stored["rows"]}
    missing = [settings for settings in runs if key(settings) not in done]
    if missing:
        raise ValueError(f"{name}.json lacks {len(missing)} of {len(runs)} runs. {remedy}")
    return [row["settings"] | row["result"] for row in stored["rows"]]


def is_current(name: str) -> bool:
    """Whether the present code and settings made the stored results of an experiment."""
    runs = importlib.import_module(f"experiments.{name}").RUNS
    return bool(read(name)["code_hash"] == code_hash(name, runs))


def read(name: str) -> Row:
    """The results file of an experiment, whatever code made it.

    Raises:
        FileNotFoundError: it was never run.
        ValueError: the file is damaged.
    """
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is not there. Run: python -m experiments.{name}")
    try:
        stored: Row = json.loads(path.read_text(encoding="utf-8"))
        _ = stored["code_hash"], [(row["settings"], row["result"]) for row in stored["rows"]]
    except (ValueError, KeyError, TypeError) as error:
        remedy = f"Restore it, as by git checkout -- {path}, or run: python -m experiments.{name}"
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}). {remedy}") from error
    return stored


def write(name: str, stored: Row) -> Path:
    """Replace the results file of an experiment, all of it or nothing; returns where it is."""
    path = RESULTS / f"{name}.json"
    _replace(path, _text(stored))
    return path


def _text(stored: Row) -> str:
    """JSON that a reader of a diff can follow: an entry a line, and a list of mere numbers on one."""
    lines = json.dumps(stored, indent=1)
    return NUMBERS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", lines) + "\n"


class Journal:
    """The rows of an unfinished run, on the disk as soon as they are measured.

    A line that was half written when the run ended is passed over; a damaged line elsewhere is named. Rows of other
    code stay in the file until the table is finished.
    """

    def __init__(self, name: str, code: str) -> None:
        RESULTS.mkdir(exist_ok=True)
        self.path, self._code = RESULTS / f"{name}.unfinished.jsonl", code
        entries = self._read() if self.path.exists() else []
        _replace(self.path, "".join(_line(entry) for entry in entries))
        self.rows: dict[str, Row] = {key(entry["settings"]): entry for entry in entries if entry["code_hash"] == code}

    def add(self, settings: Row, measured: Row) -> None:
        """Keep what one run measured: its "result" and the "setting" it ran in."""
        self.rows[key(settings)] = {"settings": settings, **measured, "code_hash": self._code}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(self.rows[key(settings)]))

    def _read(self) -> list[Row]:
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        entries = []
        for number, line in enumerate(lines, start=1):
            entry = _entry(line)
            if entry is not None:
                entries.append(entry)
            elif line.endswith("\n"):
                tqdm.write(f"{self.path}, line {number} is damaged; its row is run again: {line[:60]!r}", sys.stderr)
        return entries


def key(settings: Row | Sequence[Any]) -> str:
    """Equal for equal settings, in whatever order they are written; for equal results, not-a-number included."""
    return json.dumps(settings, sort_keys=True)


def _entry(line: str) -> Row | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"settings", "result", "setting", "code_hash"} <= entry.keys() else None


def _line(entry: Row) -> str:
    return json.dumps(entry) + "\n"


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
