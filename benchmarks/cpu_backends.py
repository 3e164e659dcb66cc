"""Attention's backends on a CPU by number format and length, its ceilings, first calls, and what more hardware brings.

    python -m benchmarks.cpu_backends [--quick | --second-core]

(1, 8, n, 64), forward. Warm: repeated on the same inputs, in turns. Cold: caches overwritten before every call. What is
too far off float32 (float64 for float32 inputs), over all queries, is not timed. First calls are those of a process of
its own whose compile cache is empty, and of another that finds it filled. `--quick` takes few rounds, stores nothing.
`--second-core` measures and stores one thing alone: what a second thread costs, by how a thread waits for the other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.gpu.backends import NAMES, Backend, backend, failure, make_inputs
from benchmarks.gpu.judge import errors, reference, verdict
from benchmarks.gpu.plan import Shape
from benchmarks.stored import save_results
from mha.measure.timing import cache_flusher, time_calls

N_HEADS, HEAD_DIM, LENGTHS, DTYPES = 8, 64, (128, 512, 2048), ("float32", "bfloat16")
COMPILED = ("explicit, compiled", "FlexAttention, compiled")
NEEDS_GPU = ("memory-efficient", "cuDNN", "Triton", "Triton, tuned")
NARROW = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41"}
HARDWARE = {"one core, narrow": (1, NARROW), "one core, wide": (1, {}), "two cores, wide": (2, {})}


def shape_of(dtype: str, length: int) -> Shape:
    return Shape(dtype, 1, N_HEADS, length, length, HEAD_DIM, N_HEADS)


@torch.no_grad()
def cell(dtype: str, length: int, rounds: int, flush: Callable[[], object]) -> dict[str, Any]:
    """Every backend at one dtype and length: right or wrong, then warm and cold times in turns."""
    shape = shape_of(dtype, length)
    inputs = make_inputs(shape, torch.device("cpu"))
    want = reference(shape, inputs)
    torch._dynamo.reset()  # compiled anew for each shape, so that none falls back to dynamic sizes
    runs: dict[str, dict[str, Any]] = {}
    right: dict[str, Backend] = {}
    for name in NAMES:
        try:
            one = backend(name, shape, inputs)
            with one.chosen():
                runs[name] = verdict(dtype, errors(one.run(), want))
        except Exception as error:  # whatever a backend raises is the finding
            runs[name] = failure(error) | {"needs": "a GPU" if name in NEEDS_GPU else "something else"}
        if runs[name]["status"] == "right":
            right[name] = one
    warm, cold = in_turns(right, rounds, flush)
    for name in right:
        runs[name] |= {"warm_s": warm[name], "cold_s": cold[name]}
    return {"dtype": dtype, "length": length, "backends": runs}


def in_turns(right: dict[str, Backend], rounds: int, flush: Callable[[], object]) -> list[dict[str, list[float]]]:
    """Warm times and cold ones. A backend of SDPA's is chosen before the clock starts and left after it stops."""
    found: list[dict[str, list[float]]] = []
    for options in ({}, {"before": flush, "seconds": 1e-9}):
        times: dict[str, list[float]] = {name: [] for name in right}
        for n in range(rounds):
            names = list(right)[n % len(right) :] + list(right)[: n % len(right)]  # each begins a round in its turn
            for name in names:
                with right[name].chosen():
                    times[name] += time_calls({"": right[name].run}, rounds=1, warmup=0 if n else 3, **options)[""]
        found.append(times)
    return found


FIRST = """
import json, sys, time, torch
from benchmarks.cpu_backends import shape_of
from benchmarks.gpu.backends import backend, make_inputs
name, length = sys.argv[1], int(sys.argv[2])
shape = shape_of("float32", length)
with torch.no_grad():
    one = backend(name, shape, make_inputs(shape, torch.device("cpu")))
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        one.run()
        seconds.append(time.perf_counter() - start)
print(json.dumps([seconds[0], min(seconds[1:])]))
"""


def first_calls() -> list[dict[str, Any]]:
    """First call and a later one in a fresh process: with an empty compile cache, then with what that one left."""
    rows = []
    for name in ("explicit", "SDPA's choice", *COMPILED):
        for length in LENGTHS[::2]:
            with tempfile.TemporaryDirectory() as cache:
                switches = {"TORCHINDUCTOR_CACHE_DIR": cache}
                empty, filled = (in_process(FIRST, switches, name, length) for _ in range(2))
            rows.append({"backend": name, "length": length, "empty": empty[0], "filled": filled[0], "later": filled[1]})
    return rows


PROBE = """
import json, sys, time, torch
from mha.attention import attention
from mha.measure.roofline import measure_machine
from mha.measure.timing import time_calls
threads, rounds = map(int, sys.argv[1:])
torch.set_num_threads(threads)
q, k, v = torch.randn(3, 1, 8, 1024, 64, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    call = lambda: attention(q, k, v)
    waited, worked = [], []
    for _ in range(4 * rounds):
        clocks = time.perf_counter(), time.process_time()
        call()
        waited.append(time.perf_counter() - clocks[0])
        worked.append(time.process_time() - clocks[1])
    machine = measure_machine(rounds=rounds, n_bytes=2**26)
print(json.dumps({
    "seconds": min(waited), "core_seconds": min(worked),
    "flops_per_s": machine.flops_per_s, "bytes_per_s": machine.bytes_per_s,
}))
"""


def hardware(repetitions: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Explicit attention (1, 8, 1024, 64) and the ceilings, in fresh processes with parts of the CPU switched off.

    Seconds by the wall's clock and seconds that cores worked, each the best of many rounds.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in HARDWARE}
    for _ in range(repetitions):
        for name, (threads, switches) in HARDWARE.items():
            found[name].append(in_process(PROBE, switches | {"OMP_NUM_THREADS": str(threads)}, threads, rounds))
    return found


WAITING = """
import json, sys, time, torch
from mha.attention import attention
threads, rounds = map(int, sys.argv[1:])
torch.set_num_threads(threads)
q, k, v = torch.randn(3, 1, 8, 1024, 64, generator=torch.Generator().manual_seed(0))
waited, worked = [], []
with torch.no_grad():
    for _ in range(rounds):
        clocks = time.perf_counter(), time.process_time()
        attention(q, k, v)
        waited.append(time.perf_counter() - clocks[0])
        worked.append(time.process_time() - clocks[1])
print(json.dumps({"seconds": min(waited), "core_seconds": min(worked)}))
"""
POLICIES = {"spinning": "ACTIVE", "sleeping": "PASSIVE"}  # how a thread waits -> OMP_WAIT_POLICY


def second_core(repetitions: int, rounds: int) -> list[dict[str, Any]]:
    """Explicit attention (1, 8, 1024, 64) on one thread and on two, in fresh processes, by how a thread waits.

    A thread that spins while it waits for the other is counted as working, so on a busy machine the policy decides.
    """
    rows = []
    for run in tqdm(range(repetitions)):
        for waiting, policy in POLICIES.items():
            for threads in (1, 2):
                switches = {"OMP_WAIT_POLICY": policy, "OMP_NUM_THREADS": str(threads)}
                found = in_process(WAITING, switches, threads, rounds)
                rows.append({"run": run, "waiting": waiting, "threads": threads} | found)
    return rows


def in_process(program: str, switches: dict[str, str], *arguments: object) -> Any:
    """What a program prints as JSON, run in a process of its own under these environment variables."""
    environment = {key: value for key, value in os.environ.items() if key not in NARROW} | switches
    command = [sys.executable, "-c", program, *map(str, arguments)]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def measure(quick: bool) -> dict[str, Any]:
    """Everything that is stored, but for the setting."""
    rounds, lengths = (2, LENGTHS[:1]) if quick else (8, LENGTHS)
    flush = cache_flusher()
    started = time.time()
    pairs = [(dtype, length) for dtype in DTYPES for length in lengths]
    return {
        "heads": N_HEADS,
        "head_dim": HEAD_DIM,
        "rounds": rounds,
        "cells": [cell(*pair, rounds, flush) for pair in tqdm(pairs)],
        "first_calls": [] if quick else first_calls(),
        "hardware": hardware(2 if quick else 6, rounds),
        "took_s": round(time.time() - started),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--second-core", action="store_true", help="measure and store what a second thread costs, alone"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.second_core:
        print(save_results("second_core", {"rounds": 24, "runs": second_core(repetitions=14, rounds=24)}))
        return
    quick = options.quick
    results = measure(quick)
    for entry in results["cells"]:
        ran = {name: min(run["warm_s"]) for name, run in entry["backends"].items() if "warm_s" in run}
        print(entry["dtype"], entry["length"], {name: f"{1e3 * seconds:.2f} ms" for name, seconds in ran.items()})
    if not quick:
        print(save_results("cpu_backends", results))


if __name__ == "__main__":
    main()
