"""Attention's backends by dtype and length, beside the roofline of the machine they run on.

    python -m benchmarks.gpu [--quick] [--device cpu]

On a machine with CUDA it stores results/gpu-<device>.json, on a CPU results/cpu_backends.json. A backend that cannot
run is stored with its reason. Times are of the forward pass: warm (repeated on the same inputs) and cold (caches
overwritten before every call). `--quick` takes few rounds and small sizes and stores nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import flex_attention
from tqdm import tqdm

from benchmarks.stored import save_results
from mha.attention import attention
from mha.measure.roofline import measure_machine
from mha.measure.timing import cache_flusher, summary, time_calls
from mha.variants.triton_attention import triton_attention, triton_is_installed

N_HEADS, HEAD_DIM = 8, 64
SIZES = {"cpu": (128, 512, 2048), "cuda": (128, 512, 2048, 8192, 32768)}
DTYPES = {
    "cpu": (torch.float32, torch.bfloat16),
    "cuda": (torch.float32, torch.float16, torch.bfloat16),
}
SDPA = {
    "math": SDPBackend.MATH,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
}
SMI = "clocks.sm,clocks.mem,clocks.max.sm,temperature.gpu,power.draw,clocks_event_reasons.active,driver_version"
NARROW = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41"}
HARDWARE = {"one core, narrow": (1, NARROW), "one core, wide": (1, {}), "two cores, wide": (2, {})}
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def backends() -> dict[str, Attend]:
    """Every way to compute softmax(q kᵀ / √d) v, by name, as a function of q, k, v (b, h, i, d)."""

    def by(backend: SDPBackend) -> Attend:
        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v)

        return attend

    torch._dynamo.reset()  # compiled anew for each dtype and length, so that no call falls back to dynamic shapes
    return {
        "explicit": lambda q, k, v: attention(q, k, v)[0],
        "explicit, compiled": torch.compile(lambda q, k, v: attention(q, k, v)[0], dynamic=False),
        "SDPA's choice": F.scaled_dot_product_attention,
        **{name: by(backend) for name, backend in SDPA.items()},
        "FlexAttention, compiled": torch.compile(flex_attention, dynamic=False),
        "Triton, the book's": triton_attention,
    }


def first_run(attend: Attend, inputs: tuple[Tensor, Tensor, Tensor], want: Tensor | None) -> dict[str, Any]:
    """What the first call shows: whether it can run, why not, how long it took, how far off it is."""
    device = inputs[0].device
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            synchronize(device)
            start = time.perf_counter()
            out = attend(*inputs)
            synchronize(device)
            seconds = time.perf_counter() - start
        except torch.cuda.OutOfMemoryError as error:
            return {"status": "out of memory", "reason": one_line(error)}
        except Exception as error:  # whatever a backend raises is the finding
            reasons = [one_line(w.message) for w in caught if issubclass(w.category, UserWarning)]
            return {
                "status": "cannot run",
                "reason": "; ".join([f"{type(error).__name__}: {one_line(error)}", *reasons]),
            }
    error = None if want is None else float((out[..., : want.shape[-2], :].double() - want).abs().max())
    return {"status": "ran", "first_call_s": seconds, "largest_error": error}


def one_line(message: object) -> str:
    """The first 300 characters, without this machine's paths."""
    return re.sub(r"(?<![\w.])/\S+/", "", " ".join(str(message).split()))[:300]


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.no_grad()
def cell(
    device: torch.device, dtype: torch.dtype, length: int, rounds: int, flush: Callable[[], object]
) -> dict[str, Any]:
    """Every backend at one dtype and length: first calls, then warm and cold times in turns."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, N_HEADS, length, HEAD_DIM, generator=generator).to(device, dtype) for _ in range(3))
    want = attention(q[..., :64, :].double(), k.double(), v.double())[0]  # the first queries will do
    made = backends()
    runs = {name: first_run(attend, (q, k, v), want) for name, attend in made.items()}
    calls = {name: (lambda f=made[name]: f(q, k, v)) for name, run in runs.items() if run["status"] == "ran"}
    warm = time_calls(calls, rounds=rounds, device=device)
    cold = time_calls(calls, rounds=rounds, device=device, before=flush, seconds=1e-9)
    for name in calls:
        runs[name] |= {"warm_s": warm[name], "cold_s": cold[name]}
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return {"dtype": str(dtype).removeprefix("torch."), "length": length, "backends": runs}


@torch.no_grad()
def naive(device: torch.device, length: int = 2048) -> dict[str, Any]:
    """On a GPU: the same call by a clock stopped too early, by one stopped after synchronising, and by events."""
    if device.type != "cuda":
        return {"status": "not measured", "reason": "a CPU call returns when its work is done"}
    q, k, v = (torch.randn(1, N_HEADS, length, HEAD_DIM, device=device) for _ in range(3))
    for _ in range(10):
        attention(q, k, v)
    seconds: dict[str, list[float]] = {"stopped too early": [], "synchronised": []}
    for _ in range(20):
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        attention(q, k, v)
        seconds["stopped too early"].append(time.perf_counter() - start)
        torch.cuda.synchronize(device)
        seconds["synchronised"].append(time.perf_counter() - start)
    seconds["events"] = time_calls({"": lambda: attention(q, k, v)}, device=device)[""]
    return {"status": "measured", "seconds": seconds}


def gpu_setting(device: torch.device) -> dict[str, Any]:
    """Device, versions and, through nvidia-smi, driver, clocks, temperature, power; empty on a CPU."""
    if device.type != "cuda":
        return {}
    found = torch.cuda.get_device_properties(device)
    return {
        "device": found.name,
        "capability": f"{found.major}.{found.minor}",
        "memory_bytes": found.total_memory,
        "l2_bytes": found.L2_cache_size,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "tf32": torch.backends.cuda.matmul.allow_tf32,
    }


def gpu_state(device: torch.device) -> dict[str, str]:
    """Clocks and what holds them back, now; or the reason why nvidia-smi does not say."""
    if device.type != "cuda":
        return {}
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    command = ["nvidia-smi", f"--query-gpu={SMI}", "--format=csv,noheader", f"--id=GPU-{uuid.removeprefix('GPU-')}"]
    try:
        line = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return {"reason": f"{type(error).__name__}: {one_line(error)}"}
    return dict(zip(SMI.split(","), map(str.strip, line.strip().split(",")), strict=True))


PROBE = """
import sys, torch
from mha.attention import attention
from mha.measure.timing import summary, time_calls
torch.set_num_threads(int(sys.argv[1]))
q, k, v = torch.randn(3, 1, 8, 1024, 64, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    print(summary(time_calls({"": lambda: attention(q, k, v)}, rounds=int(sys.argv[2]))[""]).median)
"""


def hardware(repetitions: int, rounds: int) -> dict[str, list[float]]:
    """Median seconds of explicit attention (1, 8, 1024, 64) in fresh processes: with parts of the CPU switched off."""
    times: dict[str, list[float]] = {name: [] for name in HARDWARE}
    for _ in range(repetitions):
        for name, (threads, switches) in HARDWARE.items():
            environment = {key: value for key, value in os.environ.items() if key not in NARROW} | switches
            environment["OMP_NUM_THREADS"] = str(threads)
            command = [sys.executable, "-c", PROBE, str(threads), str(rounds)]
            run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            times[name].append(float(run.stdout))
    return times


def measure(device: torch.device, quick: bool) -> dict[str, Any]:
    """Everything that is stored, but for the setting."""
    lengths = SIZES[device.type][: 1 if quick else None]
    rounds = 3 if quick else 20 if device.type == "cuda" else 8
    side = 256 if quick else 8192 if device.type == "cuda" else 1024
    before = gpu_state(device)
    ceilings = {
        str(dtype).removeprefix("torch."): dataclasses.asdict(measure_machine(device, dtype, side=side))
        for dtype in DTYPES[device.type]
    }
    flush = cache_flusher(device)
    pairs = [(dtype, length) for dtype in DTYPES[device.type] for length in lengths]
    return {
        "gpu": gpu_setting(device),
        "state_before": before,
        "triton": __import__("triton").__version__ if triton_is_installed() else None,
        "heads": N_HEADS,
        "head_dim": HEAD_DIM,
        "rounds": rounds,
        "ceilings": ceilings,
        "cells": [cell(device, dtype, length, rounds, flush) for dtype, length in tqdm(pairs)],
        "naive": naive(device),
        "hardware": hardware(2 if quick else 6, rounds) if device.type == "cpu" else {},
        "state_after": gpu_state(device),
    }


def table(results: dict[str, Any]) -> str:
    """One line a backend: median warm and cold, first call, least time by the roofline, in milliseconds."""
    lines = []
    for entry in results["cells"]:
        lines.append(f"{entry['dtype']}, length {entry['length']}")
        for name, run in entry["backends"].items():
            if run["status"] != "ran":
                lines.append(f"  {name:25}{run['status']}: {run['reason'][:80]}")
                continue
            medians = [summary(run[kind]).median for kind in ("warm_s", "cold_s")]
            shown = "".join(f"{1e3 * seconds:12.3f}" for seconds in (*medians, run["first_call_s"]))
            lines.append(f"  {name:25}{shown}   off by {run['largest_error']:.1e}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    options = parser.parse_args()
    device = torch.device(options.device)
    results = measure(device, options.quick)
    print(table(results))
    if not options.quick:
        name = re.sub(r"\W+", "-", results["gpu"]["device"]).lower() if device.type == "cuda" else ""
        print(save_results(f"gpu-{name}" if name else "cpu_backends", results))


if __name__ == "__main__":
    main()
