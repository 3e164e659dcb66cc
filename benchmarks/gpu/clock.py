"""How long a backend takes on the device, not on the host that launches it.

Between two events a GPU waits for its next kernel whenever the host launches more slowly than the card computes, and
the events count the waiting. A CUDA graph is launched once for many calls, so it does not wait; what cannot be captured
is launched many times between two events, and stored as such.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.gpu.backends import Backend, one_line
from mha.measure.timing import time_calls

__all__ = ["Prepared", "kernels_of", "prepare", "regimes", "seconds_of"]

os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # or the profiler writes a line to stderr whenever it starts and stops

REPLAY_S, MOST_CALLS = 5e-3, 100  # a graph holds so much work, and at most so many calls
LAUNCHES_S, FEWEST_LAUNCHES = 20e-3, 20
SHOWN_KERNELS = 6


@dataclass(frozen=True)
class Prepared:
    """`launch` runs the backend `calls` times; `how` is "graph", "launches" or "host"."""

    launch: Callable[[], object]
    calls: int
    how: str
    reason: str | None = None


def prepare(backend: Backend, device: torch.device) -> Prepared:
    """The backend as something to be timed: captured in a graph where that is possible."""
    if device.type != "cuda":
        return Prepared(_launches(backend, 1), 1, "host")
    once = min(time_calls({"": _launches(backend, 3)}, rounds=3, device=device, warmup=1, seconds=1e-9)[""]) / 3
    calls = max(1, min(MOST_CALLS, round(REPLAY_S / once)))
    try:
        return Prepared(_graph(backend, calls), calls, "graph")
    except Exception as error:  # what cannot be captured says so in many ways
        torch.cuda.synchronize(device)
        calls = max(FEWEST_LAUNCHES, min(10 * MOST_CALLS, round(LAUNCHES_S / once)))
        return Prepared(_launches(backend, calls), calls, "launches", one_line(error))


def _launches(backend: Backend, calls: int) -> Callable[[], object]:
    def launch() -> None:
        with backend.chosen():
            for _ in range(calls):
                backend.run()

    return launch


def _graph(backend: Backend, calls: int) -> Callable[[], object]:
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside), backend.chosen():
        for _ in range(2):  # what is allocated or chosen at first calls must not be captured
            backend.run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=aside), backend.chosen():
        for _ in range(calls):
            backend.run()
    return graph.replay


def seconds_of(prepared: Mapping[str, Prepared], device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Seconds of one call, once a round for each backend, in turns."""
    calls = {name: one.launch for name, one in prepared.items()}
    times = time_calls(calls, rounds=rounds, device=device, warmup=1, seconds=REPLAY_S)
    return {name: [t / prepared[name].calls for t in found] for name, found in times.items()}


def regimes(backend: Backend, device: torch.device, rounds: int = 20) -> dict[str, list[float]]:
    """One call by five clocks, of which the first three time the host wherever the work is small."""
    graph = prepare(backend, device)
    seconds: dict[str, list[float]] = {"stopped too early": [], "synchronised": [], "events around one call": []}
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    with backend.chosen():
        for _ in range(rounds):
            torch.cuda.synchronize(device)
            start = time.perf_counter()
            backend.run()
            seconds["stopped too early"].append(time.perf_counter() - start)
            torch.cuda.synchronize(device)
            seconds["synchronised"].append(time.perf_counter() - start)
            marks[0].record()
            backend.run()
            marks[1].record()
            torch.cuda.synchronize(device)
            seconds["events around one call"].append(marks[0].elapsed_time(marks[1]) / 1e3)
    many = {"events around many": Prepared(_launches(backend, 200), 200, "launches"), graph.how: graph}
    return seconds | seconds_of(many, device, rounds)


def kernels_of(backend: Backend, device: torch.device) -> list[dict[str, Any]]:
    """The kernels (on a CPU: the operators) of one call by the profiler, the longest first: what did SDPA choose?"""
    activity = torch.profiler.ProfilerActivity
    on_gpu = device.type == "cuda"
    with backend.chosen():
        backend.run()
        with torch.profiler.profile(activities=[activity.CPU, *[activity.CUDA] * on_gpu]) as profiler:
            backend.run()
            if on_gpu:
                torch.cuda.synchronize(device)
    found = profiler.key_averages()
    field = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    rows = [(str(event.key), getattr(event, field) / 1e6) for event in found if not on_gpu or _is_kernel(event)]
    rows = sorted((row for row in rows if row[1] > 0), key=lambda row: -row[1])[:SHOWN_KERNELS]
    return [{"kernel": name[:120], "seconds": seconds} for name, seconds in rows]


def _is_kernel(event: Any) -> bool:
    return event.device_type == torch.autograd.DeviceType.CUDA
