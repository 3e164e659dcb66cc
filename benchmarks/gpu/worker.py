"""Measures cell after cell of the plan and stores each at once; takes up where another was cut off."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.backends import Backend, Inputs, backend, failure, freed, make_inputs, one_line
from benchmarks.gpu.clock import Prepared, kernels_of, prepare, regimes, seconds_of
from benchmarks.gpu.judge import errors, reference, verdict
from benchmarks.gpu.plan import Cell, Shape, plan
from benchmarks.gpu.published import beside
from benchmarks.gpu.store import Store
from benchmarks.gpu.watch import Reading, Watch
from mha.measure.setting import setting
from mha.measure.timing import summary, time_calls

__all__ = ["POISONED", "ceilings", "measure", "work"]

POISONED = 3  # exit status after an error that leaves the card unusable for this process
PROFILED = ("SDPA's choice", "explicit")
DTYPES = ("float16", "bfloat16", "float32")
Read = Callable[[], Reading] | str
Say = Callable[[str], None]


def work(store: Store, device: torch.device, read: Read, *, quick: bool, deadline: float, say: Say = print) -> None:
    """Everything of the plan that is not stored yet, as far as the deadline (seconds since 1970) lets it begin."""
    rounds = 3 if quick else 10
    store.save(setting=setting(), gpu=card(device), complete=False)
    if "ceilings" not in store.results:
        store.save(ceilings=ceilings(device, read, quick=quick))
    if device.type == "cuda" and "regimes" not in store.results:
        store.save(regimes=[one_regime(length, device) for length in (128, 2048)])
    for cell in plan(quick):
        if cell.shape.name in store.done():
            continue
        if time.time() > deadline:
            say("The time is up: run the same command again for what is missing.")
            return
        found = measure(cell, device, store, read, rounds)
        store.add_cell(found)
        store.save(published=beside(store.results))
        say(lines(cell.shape, found))
    store.save(complete=True)


def measure(cell: Cell, device: torch.device, store: Store, read: Read, rounds: int) -> dict[str, Any]:
    """Every backend on one shape: what it raises, how far it is off, how long it takes, what the card did meanwhile."""
    shape = cell.shape
    found: dict[str, Any] = {"phase": cell.phase, "shape": shape.name, **dataclasses.asdict(shape)}
    found |= {"flops": shape.flops, "n_bytes": shape.n_bytes}
    with torch.set_grad_enabled(shape.backward), freed(device):
        try:
            inputs = make_inputs(shape, device)
            want = reference(shape, inputs)
        except Exception as error:  # out of memory, most likely
            return found | {"backends": dict.fromkeys(cell.backends, failure(error))}
        torch._dynamo.reset()  # compiled anew for each shape, so that none falls back to dynamic sizes
        made: dict[str, Backend] = {}
        runs = {name: first_run(name, shape, inputs, want, store, device, made) for name in cell.backends}
        del want
        right = {name: made[name] for name, run in runs.items() if run["status"] == "right"}
        with Watch(read) as watch:
            time_right_ones(runs, right, device, rounds)
        profile_some(runs, right, device)
    return found | {"backends": runs, "while_timed": watch.found}


def first_run(
    name: str,
    shape: Shape,
    inputs: Inputs,
    want: tuple[Tensor, ...],
    store: Store,
    device: torch.device,
    made: dict[str, Backend],
) -> dict[str, Any]:
    """One call: can it run, is it right, how long did it take with whatever had to be compiled or tuned?"""
    before = store.failed(shape.name)
    if name in before:
        return {"status": "took the process down", "reason": before[name]}
    store.began(shape.name, name)
    with freed(device):
        try:
            one = made[name] = backend(name, shape, inputs)
            start = time.perf_counter()
            with one.chosen():
                got = one.run()
            synchronize(device)
            seconds = time.perf_counter() - start
            return verdict(shape.dtype, errors(got, want)) | {"first_call_s": seconds}
        except Exception as error:  # whatever a backend raises is the finding
            found = failure(error)
    leave_if_poisoned(device, store)
    return found


def time_right_ones(
    runs: dict[str, dict[str, Any]], right: Mapping[str, Backend], device: torch.device, rounds: int
) -> None:
    """Add their times to the runs that are right. The first named needs most memory, so it is made ready last."""
    prepared: dict[str, Prepared] = {}
    for name, one in reversed(right.items()):
        try:
            prepared[name] = prepare(one, device)
        except Exception as error:
            runs[name] |= failure(error)
    try:
        times = seconds_of(prepared, device, rounds) if prepared else {}
    except Exception as error:  # together they may need more memory than each alone
        times = {}
        for name in prepared:
            runs[name] |= failure(error)
    for name, seconds in times.items():
        ready = prepared[name]
        runs[name] |= {"seconds": seconds, "timed_by": ready.how, "calls": ready.calls, "not_captured": ready.reason}


def profile_some(runs: dict[str, dict[str, Any]], right: Mapping[str, Backend], device: torch.device) -> None:
    """Add the kernels of one call to some of the runs."""
    for name in PROFILED:
        if name not in right:
            continue
        try:
            runs[name]["kernels"] = kernels_of(right[name], device)
        except Exception as error:
            runs[name]["kernels_reason"] = one_line(error)


def leave_if_poisoned(device: torch.device, store: Store) -> None:
    """After some errors every later call on the card fails in this process: a new one must go on."""
    try:
        synchronize(device)
    except RuntimeError as error:
        store.blame(one_line(error))
        sys.exit(POISONED)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.no_grad()
def ceilings(device: torch.device, read: Read, *, quick: bool = False) -> dict[str, Any]:
    """By number format: operations a second of a matrix product and bytes a second of a copy, both of random numbers.

    Zeros would flatter: they switch fewer transistors, and a card that is held back by its power runs faster on them.
    The best of the rounds is the ceiling.
    """
    side, n_bytes = (256, 2**22) if quick else (8192, 2**30)
    found = {}
    for name in DTYPES:
        dtype = getattr(torch, name)
        x, y = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        a = torch.randn(n_bytes // dtype.itemsize, device=device).to(dtype)
        product, b = torch.empty_like(x), torch.empty_like(a)
        calls = {"product": lambda: torch.mm(x, y, out=product), "copy": lambda: b.copy_(a)}  # noqa: B023
        with Watch(read) as watch:
            times = time_calls(calls, rounds=3 if quick else 10, device=device, seconds=0.01 if quick else 0.05)
        best = {call: min(seconds) for call, seconds in times.items()}
        rates = {"flops_per_s": 2 * side**3 / best["product"], "bytes_per_s": 2 * a.nbytes / best["copy"]}
        found[name] = rates | {"while_timed": watch.found}
    return found


@torch.no_grad()
def one_regime(length: int, device: torch.device) -> dict[str, Any]:
    """The same small work by five clocks."""
    shape = Shape("bfloat16", 1, 8, length, length, 64, 8)
    try:
        seconds = regimes(backend("SDPA's choice", shape, make_inputs(shape, device)), device)
    except Exception as error:
        return {"shape": shape.name, **failure(error)}
    return {"shape": shape.name, "seconds": seconds}


def card(device: torch.device) -> dict[str, Any]:
    """What computes."""
    if device.type != "cuda":
        return {"device": "cpu"}
    found = torch.cuda.get_device_properties(device)
    return {
        "device": found.name,
        "capability": f"{found.major}.{found.minor}",
        "multiprocessors": found.multi_processor_count,
        "memory_bytes": found.total_memory,
        "l2_bytes": found.L2_cache_size,
        "cudnn": torch.backends.cudnn.version(),
        "tf32": torch.backends.cuda.matmul.allow_tf32,
    }


def lines(shape: Shape, found: dict[str, Any]) -> str:
    """A cell as text: microseconds, TFLOP/s, GB/s, how it was timed, how far it is off."""
    text = [shape.name]
    for name, run in found["backends"].items():
        if "seconds" not in run:
            text.append(f"  {name:24}{run['status']}: {run.get('reason', '')[:90]}")
            continue
        seconds = summary(run["seconds"]).median
        rates = f"{shape.flops / seconds / 1e12:9.1f} TFLOP/s{shape.n_bytes / seconds / 1e9:9.0f} GB/s"
        how = f"{run['timed_by']}, off by {run['errors']['output']:.0e}"
        text.append(f"  {name:24}{1e6 * seconds:12.1f} us{rates}  {how}")
    return "\n".join(text)
