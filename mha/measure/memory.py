"""How much memory a computation needs at its worst moment."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

__all__ = ["peak_bytes"]

os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # or the profiler writes a line to stderr whenever it starts and stops


def peak_bytes(call: Callable[[], object], device: torch.device | str = "cpu") -> int:
    """The most bytes of tensors that exist at one time while call runs, beyond those that existed before.

    On a CPU the allocations and releases that PyTorch's allocator reports are summed in order: the same number in every
    run, which says nothing of memory that a library takes for itself. On a GPU it is the allocator's own maximum.

    Args:
        call: takes nothing; what it returns is counted, as it exists before it is dropped.  device: where it computes.
    Raises:
        ValueError: the device is neither "cpu" nor "cuda".
        TypeError: call cannot be called. What call itself raises comes through.
    """
    if not callable(call):
        raise TypeError(f"call must be a function without arguments, got {type(call).__name__}")
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    if device.type != "cpu":
        raise ValueError(f"device must be cpu or cuda, got {device}")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    results = profiler.profiler.kineto_results if profiler.profiler is not None else None
    assert results is not None  # the profiler has run
    changes = [event for event in results.events() if event.name() == "[memory]"]
    in_use = peak = 0
    for event in sorted(changes, key=lambda event: event.start_ns()):
        in_use += event.nbytes()
        peak = max(peak, in_use)
    return peak
