"""What the benchmarks store, and what is read of it: results/<name>.json, beside this module."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mha.measure.setting import setting
from mha.measure.timing import paired_ratio, summary

__all__ = ["RESULTS", "by_run", "load_results", "milliseconds", "ratio", "save_results"]

RESULTS = Path(__file__).parent / "results"


def load_results(name: str) -> dict[str, Any]:
    """What `save_results` wrote under this name, the setting included."""
    results: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return results


def save_results(name: str, results: Mapping[str, Any]) -> Path:
    """Write results/<name>.json, with the setting; returns the path."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"setting": setting(), **results}, indent=1) + "\n", encoding="utf-8")
    return path


def milliseconds(times: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """Median and quartiles of each contender's seconds."""
    spread = {name: summary(1e3 * seconds for seconds in values) for name, values in times.items()}
    return {name: {"median": ms.median, "quartiles": [ms.lower, ms.upper]} for name, ms in spread.items()}


def ratio(times: Mapping[str, Sequence[float]], name: str, other: str) -> list[float]:
    """Median of the ratio within each round, and its quartiles."""
    found = paired_ratio(times, name, other)
    return [found.median, found.lower, found.upper]


def by_run(rows: Sequence[Mapping[str, Any]], column: str = "seconds", **chosen: Any) -> NDArray[Any]:
    """A column of the rows that have these values, one line a run.

    Args:
        rows: dicts with a "run".  column: which number.  chosen: name=value that a row must have.
    Returns:
        (run, row), the rows in their order.
    Raises:
        ValueError: no row has these values.
    """
    found = [row for row in rows if chosen.items() <= row.items()]
    if not found:
        raise ValueError(f"there must be rows with {chosen}, got none of {len(rows)}")
    runs = sorted({row["run"] for row in found})
    return np.array([[row[column] for row in found if row["run"] == run] for run in runs])
