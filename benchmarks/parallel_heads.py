"""Heads over two processes against one process: forward and backward of one layer, wall time and processor time.

    python -m benchmarks.parallel_heads [--rounds 15] [--dry]

Three contenders take turns in one launch of two ranks, so that whatever disturbs the machine meets all of them: rank 0
alone on one thread while rank 1 sleeps; rank 0 alone on two threads; both ranks, each with half of the heads, on one
thread. Processor time is that of both ranks together. Where more runs than there are cores, two that wait for one
another wait for whoever else runs too: the load of the machine is stored beside the times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

from benchmarks.stored import save_results
from mha.heads import MultiHeadAttention
from mha.parallel.group import Rank, joined
from mha.parallel.head_split import cut_at_heads
from mha.parallel.launch import launch

SIZES = [(1, 256, 256, 8), (4, 512, 512, 8)]  # batch, length, d_model, heads
CONTENDERS = ("one process", "one process, two threads", "two processes")
Times = dict[str, dict[str, list[float]]]


def measured(rank: Rank, size: tuple[int, int, int, int], rounds: int) -> Times:
    """Seconds of each round, by contender: "wall_s" until the last rank is done, "processor_s" of both."""
    batch, length, d_model, n_heads = size
    torch.manual_seed(0)
    whole = MultiHeadAttention(d_model, n_heads)
    torch.manual_seed(0)
    cut = cut_at_heads(MultiHeadAttention(d_model, n_heads), init_device_mesh("cpu", (rank.size,)))
    x, upstream = torch.randn(batch, length, d_model), torch.randn(batch, length, d_model)

    def step(layer: torch.nn.Module) -> None:
        layer.zero_grad(set_to_none=True)
        layer(x).backward(upstream)

    def alone(n_threads: int) -> None:
        if rank.index == 0:
            torch.set_num_threads(n_threads)
            step(whole)
            torch.set_num_threads(1)

    calls = dict(zip(CONTENDERS, (lambda: alone(1), lambda: alone(2), lambda: step(cut)), strict=True))
    times: Times = {name: {"wall_s": [], "processor_s": []} for name in CONTENDERS}
    for n in range(rounds + 2):
        for name in CONTENDERS[n % 3 :] + CONTENDERS[: n % 3]:
            wall, processor = _timed(calls[name])
            if n >= 2:  # the first two warm up
                times[name]["wall_s"].append(wall)
                times[name]["processor_s"].append(processor)
    return times


def _timed(call: Callable[[], None]) -> tuple[float, float]:
    """Wall and processor seconds of one call on all ranks, which begin together."""
    dist.barrier()
    start, busy = time.perf_counter(), time.process_time()
    call()
    busy = time.process_time() - busy
    dist.barrier()
    wall = time.perf_counter() - start
    total = torch.tensor(busy)
    dist.all_reduce(total)
    return wall, float(total)


def ranks(path: str, rounds: int) -> None:
    """Run by each rank; rank 0 writes the file."""
    with joined(timeout_s=300) as rank:
        torch.set_num_threads(1)
        found = [{"size": size, "times": measured(rank, size, rounds)} for size in SIZES]
        if rank.index == 0:
            Path(path).write_text(json.dumps(found))


def compared(cell: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By contender: medians in milliseconds, and its ratio to one process, round by round, as median and quartiles."""
    rows = {}
    for name, times in cell["times"].items():
        row: dict[str, Any] = {}
        for what, seconds in times.items():
            first = cell["times"]["one process"][what]
            ratios = [one / other for one, other in zip(seconds, first, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
            row |= {what.replace("_s", "_ms"): 1e3 * statistics.median(seconds)}
            row |= {what.replace("_s", "_ratio"): [middle, low, high]}
        rows[name] = row
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dry", action="store_true", help="store nothing")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "times.json"
        launch("benchmarks.parallel_heads", [str(path), str(options.rounds)], n_ranks=2, limit_s=600)
        cells = json.loads(path.read_text())
    for cell in cells:
        print(tuple(cell["size"]))
        for name, row in compared(cell).items():
            print(f"  {name:26}", *(f"{key} {value}" for key, value in row.items()))
    if not options.dry:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        load = {"cores": cores, "load_before": before, "load_after": os.getloadavg()[0]}
        print(save_results("parallel_heads", {"rounds": options.rounds, **load, "cells": cells}))


if __name__ == "__main__":
    if "RANK" in os.environ:
        ranks(sys.argv[1], int(sys.argv[2]))
    else:
        main()
