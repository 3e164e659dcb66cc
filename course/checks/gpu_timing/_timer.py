"""Seconds of calls to a device that takes them into a queue and returns at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial

Array = NDArray[Any]
Answer = Callable[["Device", int], tuple[Array, Array]]


class Device:
    """A simulated GPU with a simulated clock, so that what a timing function measures can be known.

    `run()` puts one call into the queue and returns; `synchronize()` returns when the queue is empty; `clock()` is the
    host's time in seconds. At the start the queue holds work of somebody else, and the first call takes longer than
    those that follow.

    Args:
        work: seconds of work of each call, the first one's first; the last is repeated.
    """

    LAUNCH = 257 / 4096  # a float16 cannot hold the sums

    def __init__(self, work: tuple[float, ...]) -> None:
        self.work = work
        self._now, self._free, self._n_runs = 0.0, 5.0, 0

    def new(self) -> Device:
        """The same device at its start."""
        return Device(self.work)

    def run(self) -> None:
        """Queue one call."""
        self._now += self.LAUNCH
        self._free = max(self._free, self._now) + self.work[min(self._n_runs, len(self.work) - 1)]
        self._n_runs += 1

    def synchronize(self) -> None:
        """Wait until all that was queued is done."""
        self._now = max(self._now, self._free)

    def clock(self) -> float:
        """Seconds on the host."""
        return self._now

    def __repr__(self) -> str:
        return "a simulated GPU"


def _answer(
    *,
    warm_up: bool = True,
    before: bool = True,
    after: bool = True,
    typical: Callable[[Array], Any] = np.median,
    unit: float = 1.0,
) -> Answer:
    def answer(device: Device, rounds: int) -> tuple[Array, Array]:
        device = device.new()
        if warm_up:
            device.run()
        times = []
        for _ in range(rounds):
            if before:
                device.synchronize()
            start = device.clock()
            device.run()
            if after:
                device.synchronize()
            times.append(unit * (device.clock() - start))
        return np.asarray(times), np.asarray(typical(np.asarray(times)))

    return answer


def _one_clock(device: Device, rounds: int) -> tuple[Array, Array]:
    device = device.new()
    device.run()
    device.synchronize()
    start = device.clock()
    for _ in range(rounds):
        device.run()
    device.synchronize()
    mean = (device.clock() - start) / rounds
    return np.full(rounds, mean), np.asarray(mean)


TIMES = Exercise(
    returns=("times", "median"),
    right=_answer(),
    trials=(
        Trial("five calls, one of them disturbed", {"device": Device((9.0, 1.0, 3.0, 40.0, 2.5, 2.0)), "rounds": 5}),
        Trial("seven calls", {"device": Device((8.0, 2.0, 1.0, 1.5, 1.25, 3.0, 1.75, 6.0)), "rounds": 7}),
    ),
    mistakes=(
        Mistake(
            "stopped-too-early",
            _answer(after=False),
            "the clock is stopped when the call returns, and a call returns when it is queued: synchronize before you "
            "stop.",
            also=(_answer(after=False, before=False), _answer(after=False, warm_up=False)),
        ),
        Mistake(
            "started-too-early",
            _answer(before=False),
            "the first time holds work that was queued before it, your warm-up or somebody else's: synchronize before "
            "you start the clock.",
        ),
        Mistake(
            "no-warm-up",
            _answer(warm_up=False),
            "the first call is among the times, and it takes longer than those that follow: run once before you time.",
            also=(_answer(warm_up=False, before=False),),
        ),
        Mistake(
            "mean",
            _answer(typical=np.mean),
            "the median is asked for: one disturbed call moves a mean as far as it likes.",
        ),
        Mistake(
            "smallest",
            _answer(typical=np.min),
            "the median is asked for: the smallest is what happens at best, not what happens.",
        ),
        Mistake(
            "one-clock-for-all",
            _one_clock,
            "all calls are timed as one and divided: then there is one number and no spread. Time each by itself.",
        ),
        Mistake(
            "milliseconds",
            _answer(unit=1000.0),
            "these are milliseconds: seconds are asked for.",
        ),
    ),
)
