"""Time several contenders in one process, in turns, so that whatever the machine does meets all of them."""

from __future__ import annotations

import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

__all__ = ["Times", "measure", "ratio", "save_results", "setting"]

RESULTS = Path(__file__).parent / "results"
Times = dict[str, list[float]]


def measure(contenders: Mapping[str, Callable[[], object]], *, rounds: int, seconds: float = 0.02) -> Times:
    """Seconds for one call, once a round for each contender, in an order shuffled every round.

    Args:
        contenders: by name.  rounds: how many times each is timed.
        seconds: a short call is repeated until it fills about so long, and the mean of the repeats counts as one time.
    Returns:
        For each name its `rounds` times in seconds; position n of each list belongs to the same round.
    """
    repeats = {}
    for name, call in contenders.items():
        for _ in range(3):  # warm up: allocate, choose kernels
            call()
        start = time.perf_counter()
        call()
        repeats[name] = max(1, round(seconds / (time.perf_counter() - start)))
    times: Times = {name: [] for name in contenders}
    shuffle = random.Random(0)
    for _ in range(rounds):
        for name in shuffle.sample(list(contenders), len(contenders)):
            start = time.perf_counter()
            for _ in range(repeats[name]):
                contenders[name]()
            times[name].append((time.perf_counter() - start) / repeats[name])
    return times


def ratio(times: Times, name: str, other: str) -> tuple[float, float, float]:
    """Median over rounds of the ratio of two contenders in the same round, and its quartiles."""
    ratios = [mine / theirs for mine, theirs in zip(times[name], times[other], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return middle, low, high


def setting() -> dict[str, Any]:
    """What the numbers depend on: processor, threads, versions, date."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "date": time.strftime("%Y-%m-%d"),
    }


def save_results(name: str, results: Mapping[str, Any]) -> Path:
    """Write results/<name>.json beside this module, with the setting; returns the path."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"setting": setting(), **results}, indent=1) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        if names:
            return f"{names[0]}, {len(names)} cores"
    return platform.processor() or platform.machine()
