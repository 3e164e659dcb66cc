"""Time calls so that the numbers can be trusted: warmed up, in turns, synchronised, with their spread."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from mha.validation import check_choice, check_integer, check_number

__all__ = ["Timing", "cache_flusher", "paired_ratio", "summary", "time_calls"]

Call = Callable[[], object]
MOST_REPEATS = 10_000
FLUSH_BYTES = 2**28  # five times the 50 MB of an H100's L2; more than a server processor's share of L3


@dataclass(frozen=True)
class Timing:
    """Median and quartiles of several times, in the unit of the times."""

    median: float
    lower: float
    upper: float


class Clock(Protocol):
    """Something that runs a call several times and says how long one run took."""

    def seconds(self, call: Call, repeats: int, before: Call | None) -> float:
        """Mean seconds of one call. `before` runs ahead of each, outside the time."""


class HostClock:
    """The processor's own monotonic clock. Right where a call returns only when its work is done."""

    def seconds(self, call: Call, repeats: int, before: Call | None) -> float:
        total, runs = 0.0, repeats if before else 1
        for _ in range(runs):
            if before:
                before()
            start = time.perf_counter()
            for _ in range(repeats // runs):
                call()
            total += time.perf_counter() - start
        return total / repeats


class CudaClock:
    """Events that the GPU stamps itself, in the stream where the kernels run, read after a synchronisation.

    Without `before`, one pair of events encloses all repeats. With it, each call gets a pair of its own; `before` keeps
    the GPU busy while the host queues the call behind it, so the launch is not counted.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def seconds(self, call: Call, repeats: int, before: Call | None) -> float:
        runs = repeats if before else 1
        with torch.cuda.device(self.device):
            marks = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(runs)]
            torch.cuda.synchronize()
            for start, end in marks:
                if before:
                    before()
                start.record()
                for _ in range(repeats // runs):
                    call()
                end.record()
            torch.cuda.synchronize()
        return sum(start.elapsed_time(end) for start, end in marks) / repeats / 1e3  # events speak in milliseconds


def time_calls(
    calls: Mapping[str, Call],
    *,
    rounds: int = 20,
    device: torch.device | str = "cpu",
    warmup: int = 3,
    seconds: float = 0.02,
    before: Call | None = None,
) -> dict[str, list[float]]:
    """Seconds for one call, once a round for each, in an order shuffled every round.

    Whatever the machine does meanwhile so meets all of them, and the times of one round can be compared as a pair.

    Args:
        calls: by name. Make the inputs outside: what a call does is what is timed.
        rounds: how many times each is timed.
        device: where the calls work. On "cuda" they are timed by events and synchronised.
        warmup: calls that are not timed, before the first round.
        seconds: a short call is repeated until it fills about so long; the mean of the repeats is one time.
        before: runs ahead of every timed call, untimed; `cache_flusher` makes one.
    Returns:
        For each name its `rounds` times in seconds; position n of each list belongs to the same round.
    Raises:
        ValueError: no calls, rounds below 1, warmup below 0, seconds not positive, or a device that is neither CPU nor
            CUDA, or not there.
        TypeError: a call that cannot be called; rounds or warmup is no integer.
    """
    if not calls:
        raise ValueError("calls must hold at least one call, got none")
    for name, call in calls.items():
        if not callable(call):
            raise TypeError(f"calls must hold what can be called, got {type(call).__name__} for {name!r}")
    rounds, warmup = check_integer("rounds", rounds, at_least=1), check_integer("warmup", warmup, at_least=0)
    check_number("seconds", seconds, above=0)
    return _in_turns(calls, _clock(torch.device(device)), rounds, warmup, seconds, before)


def summary(values: Iterable[float]) -> Timing:
    """Median and quartiles, which one interrupted round cannot move far, as it moves a mean.

    Args:
        values: two or more times, or ratios of times, in any unit.
    Raises:
        ValueError: fewer than two values, or one that is negative or not finite.
    """
    times = [check_number("values", value, at_least=0) for value in values]
    if len(times) < 2:
        raise ValueError(f"values must hold two times or more, got {times}")
    lower, median, upper = statistics.quantiles(times, n=4, method="inclusive")
    return Timing(median, lower, upper)


def paired_ratio(times: Mapping[str, Sequence[float]], name: str, other: str) -> Timing:
    """How many times as long `name` takes as `other`: the ratio within each round, which both met in one state.

    Args:
        times: as `time_calls` returns them.
    Raises:
        ValueError: there is no such name, the two have not as many rounds, or a time of `other` is 0.
    """
    check_choice("name", name, times)
    check_choice("other", other, times)
    if len(times[name]) != len(times[other]):
        raise ValueError(f"{name} and {other} must share their rounds, got {len(times[name])} and {len(times[other])}")
    pairs = zip(times[name], times[other], strict=True)
    return summary(one / check_number(f"times[{other!r}]", two, above=0) for one, two in pairs)


def cache_flusher(device: torch.device | str = "cpu", n_bytes: int = FLUSH_BYTES) -> Call:
    """A call that reads and writes a buffer larger than the caches, so that nothing else is left in them.

    Args:
        device: whose caches.  n_bytes: size of the buffer; take a few times the largest cache.
    Raises:
        ValueError: n_bytes is below 1.
    """
    check_integer("n_bytes", n_bytes, at_least=1)
    buffer = torch.zeros(n_bytes, dtype=torch.uint8, device=device)
    return lambda: buffer.add_(1)


def _clock(device: torch.device) -> Clock:
    if device.type == "cpu":
        return HostClock()
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device must be there, got {device}: this machine has no GPU that torch can use")
    if device.type == "cuda":
        return CudaClock(device)
    raise ValueError(f"device must be cpu or cuda, got {device.type}: there is no clock for it here")


def _in_turns(
    calls: Mapping[str, Call], clock: Clock, rounds: int, warmup: int, seconds: float, before: Call | None
) -> dict[str, list[float]]:
    repeats = {name: _repeats(call, clock, warmup, seconds, before) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    shuffle = random.Random(0)
    for _ in range(rounds):
        for name in shuffle.sample(list(calls), len(calls)):
            times[name].append(clock.seconds(calls[name], repeats[name], before))
    return times


def _repeats(call: Call, clock: Clock, warmup: int, seconds: float, before: Call | None) -> int:
    if warmup:
        clock.seconds(call, warmup, None)
    once = clock.seconds(call, 1, before)
    return MOST_REPEATS if once * MOST_REPEATS < seconds else max(1, round(seconds / once))
