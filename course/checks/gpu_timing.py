"""Checks for the chapter on timing: times of a device that works on its own, a roofline, two contenders in turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "Device", "decoding", "least_seconds", "ratio", "times"]

Array = NDArray[Any]


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


# ---- the times of single calls


def _times(device: Device, rounds: int) -> tuple[Array, float]:
    """Seconds of each of several calls after one call of warm-up, and their median."""
    device.run()  # warm-up
    times = []
    for _ in range(rounds):
        device.synchronize()  # before
        start = device.clock()
        device.run()  # timed
        device.synchronize()  # after
        stop = device.clock()
        times.append(stop - start)
    seconds = np.array(times)
    return seconds, np.median(seconds)


def _one_clock(device: Device, rounds: int) -> tuple[Array, float]:
    device.run()
    device.synchronize()
    start = device.clock()
    for _ in range(rounds):
        device.run()
    device.synchronize()
    mean = (device.clock() - start) / rounds
    return np.full(rounds, mean), mean


def _one_sum_for_all(device: Device, rounds: int) -> tuple[Array, float]:
    times, mean = _one_clock(device, rounds)
    return rounds * times, rounds * mean


def _queued_together(device: Device, rounds: int) -> tuple[Array, float]:
    """All calls are queued first, and the clock is read as they are waited for."""
    device.run()
    device.synchronize()
    starts = []
    for _ in range(rounds):
        starts.append(device.clock())
        device.run()
    device.synchronize()
    times = device.clock() - np.array(starts)
    return times, np.median(times)


def _is_real_time(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    """A hint for who reads another clock."""
    quick = np.max(outputs["times"]) < Device.LAUNCH / 2
    return "So short is no call of this device: read device.clock(), not a clock of this machine." if quick else ""


_WARM_UP, _BEFORE = "device.run()  # warm-up", "device.synchronize()  # before"
_TIMED, _AFTER = "device.run()  # timed", "device.synchronize()  # after"
_START, _STOP = "start = device.clock()", "stop = device.clock()"
_MEDIAN = "np.median(seconds)"
_RESULTS = f"return seconds, {_MEDIAN}"

times = Exercise(
    _times,
    "device, rounds -> times (rounds), median",
    trials=(
        Trial(
            "five calls with one of them disturbed",
            {"device": Device((9.0, 1.0, 3.0, 40.0, 2.5, 2.0, 7.0)), "rounds": 5},
        ),
        Trial("six calls", {"device": Device((8.0, 2.0, 1.0, 1.5, 1.25, 3.0, 1.75, 6.0)), "rounds": 6}),
    ),
    mistakes=(
        Mistake(
            "stopped-too-early",
            f"{_AFTER} ->",
            "the clock is stopped when the call returns, and a call returns when it is queued: synchronize before you "
            "stop.",
        ),
        Mistake(
            "started-too-early",
            f"{_BEFORE} ->",
            "the first time holds work queued before it, your warm-up or somebody else's: synchronize before you start "
            "the clock.",
        ),
        Mistake(
            "started-before-waiting",
            (f"{_BEFORE} -> start = device.clock()", f"{_START} -> device.synchronize()"),
            "the clock starts before you wait for what was queued earlier: synchronize first, then start.",
        ),
        Mistake(
            "no-warm-up",
            f"{_WARM_UP} ->",
            "the first call is among the times, and takes longer than those that follow: run once before you time.",
        ),
        Mistake(
            "two-warm-ups",
            f"{_WARM_UP} -> device.run(); device.run()",
            "more than one call comes before the first that is timed: one call of warm-up is asked for.",
            also=(
                f"{_WARM_UP} -> device.run(); device.run(); device.run()",
                f"{_WARM_UP} -> [device.run() for _ in range(5)]",
                f"{_WARM_UP} -> [device.run() for _ in range(10)]",
                f"{_WARM_UP} -> [device.run() for _ in range(rounds)]",
            ),
        ),
        Mistake(
            "warm-up-every-round",
            f"{_BEFORE} -> device.run(); device.synchronize()",
            "every round runs a call that is not timed: one call of warm-up is enough, before the loop.",
            also=((f"{_WARM_UP} ->", f"{_BEFORE} -> device.run(); device.synchronize()"),),
        ),
        Mistake(
            "two-calls-timed",
            f"{_TIMED} -> device.run(); device.run()",
            "two calls are queued between start and stop: one call each.",
            also=(f"{_TIMED} -> device.run(); device.synchronize(); device.run()",),
        ),
        Mistake(
            "started-after-the-call",
            (f"{_START} ->", f"{_TIMED} -> device.run(); start = device.clock()"),
            "the clock starts when the call is queued already: start it before device.run().",
        ),
        Mistake(
            "mean",
            f"{_MEDIAN} -> np.mean(seconds)",
            "beside the times comes their mean: one disturbed call moves it as far as it likes. Return the median.",
        ),
        Mistake(
            "smallest",
            f"{_MEDIAN} -> np.min(seconds)",
            "beside the times comes the smallest: that is what happens at best. Return the median.",
        ),
        Mistake(
            "largest",
            f"{_MEDIAN} -> np.max(seconds)",
            "beside the times comes the largest: return the median.",
        ),
        Mistake("sum", f"{_MEDIAN} -> np.sum(seconds)", "beside the times comes their sum: return the median."),
        Mistake(
            "middle-unsorted",
            f"{_MEDIAN} -> seconds[len(seconds) // 2]",
            "beside the times comes the one in the middle of the list: the median is the middle one by size.",
        ),
        Mistake(
            "upper-of-two",
            f"{_MEDIAN} -> np.sort(seconds)[len(seconds) // 2]",
            "of an even number of times the median is the mean of the middle two: np.median.",
            also=(f"{_MEDIAN} -> np.sort(seconds)[(len(seconds) - 1) // 2]",),
        ),
        Mistake(
            "one-clock-for-all",
            _one_clock,
            "all calls are timed as one: that is one number without a spread. Time each by itself.",
            also=(_one_sum_for_all,),
        ),
        Mistake(
            "queued-together",
            _queued_together,
            "all calls are queued before the first is waited for: run and wait for one call a round.",
        ),
        Mistake(
            "since-the-start",
            f"{_START} -> start = start if times else device.clock()",
            "the start is never moved, so the times add up: read the clock anew before each call.",
        ),
        Mistake(
            "clock-readings",
            "stop - start -> stop",
            "these are readings of the clock: subtract the start of each call.",
            also=("stop - start -> start",),
        ),
        Mistake("sign", "stop - start -> start - stop", "the times are negative: stop minus start."),
        Mistake(
            "milliseconds",
            "stop - start -> 1e3 * (stop - start)",
            "these are milliseconds, or smaller units: seconds are asked for.",
            also=("stop - start -> 1e6 * (stop - start)", "stop - start -> 1e9 * (stop - start)"),
        ),
        Mistake(
            "per-round",
            "stop - start -> (stop - start) / rounds",
            "each time is divided by the number of rounds: it is the time of one call already.",
        ),
        Mistake(
            "one-round-too-few",
            "range(rounds) -> range(rounds - 1)",
            "one time is missing: the call of warm-up is not one of the rounds.",
        ),
        Mistake(
            "one-round-too-many",
            "range(rounds) -> range(rounds + 1)",
            "there is one time too many: rounds calls are timed, after one call of warm-up that is not.",
        ),
        Mistake(
            "warm-up-counted",
            (f"{_WARM_UP} ->", "range(rounds) -> range(rounds + 1)"),
            "the call of warm-up is among the times: leave out the first.",
        ),
        Mistake(
            "sorted",
            "seconds = np.array(times) -> seconds = np.sort(times)",
            "the times come sorted: return them in the order of the calls.",
        ),
        Mistake("order", f"{_RESULTS} -> return {_MEDIAN}, seconds", "you return the median first: times, median."),
        Mistake(
            "median-alone", f"{_RESULTS} -> return {_MEDIAN}", "you return the median alone: times, then their median."
        ),
        Mistake("times-alone", f"{_RESULTS} -> return seconds", "you return the times alone: their median too."),
        Mistake(
            "another-clock",
            lambda device, rounds: (np.zeros(rounds), 0.0),
            "these times are next to nothing: read device.clock(); time.perf_counter() knows nothing of a simulated "
            "device.",
        ),
        Mistake(
            "unknown-method",
            f"{_WARM_UP} -> device.sync()",
            "the device has three methods: run() queues a call, synchronize() waits until it is done, clock() reads "
            "the time.",
            also=(
                *(
                    f"{_WARM_UP} -> device.{name}()"
                    for name in (
                        "wait",
                        "time",
                        "now",
                        "start",
                        "launch",
                        "call",
                        "warm_up",
                        "warmup",
                        "elapsed",
                        "stop",
                    )
                ),
                f"{_WARM_UP} -> device()",
            ),
        ),
        Mistake(
            "longest-left-out",
            "seconds = np.array(times) -> times.remove(max(times)); seconds = np.array(times)",
            "the longest or the shortest call is left out: all rounds are returned, and the median bears a disturbed "
            "one.",
            also=(
                "seconds = np.array(times) -> times.remove(min(times)); seconds = np.array(times)",
                "seconds = np.array(times) -> seconds = np.array(sorted(times)[1:-1])",
            ),
        ),
        Mistake(
            "first-time-left-out",
            "seconds = np.array(times) -> seconds = np.array(times[1:])",
            "the first timed call is left out too: the call of warm-up before the loop is enough.",
            also=(f"{_MEDIAN} -> np.median(seconds[1:])",),
        ),
        Mistake(
            "starts-and-stops",
            ("stop - start -> (start, stop)", f"{_MEDIAN} -> np.median(seconds[:, 1] - seconds[:, 0])"),
            "two readings of the clock come for each call: subtract, stop minus start.",
            also=("stop - start -> (start, stop)",),
        ),
    ),
    remark=_is_real_time,
)

# ---- the roofline of several parts


def _least_seconds(flops: Array, n_bytes: Array, flops_per_s: float, bytes_per_s: float) -> tuple[Array, float]:
    """The least seconds of each part of a computation, and operations a second of the whole, one part after another."""
    arithmetic = flops / flops_per_s
    transfers = n_bytes / bytes_per_s
    seconds = np.maximum(arithmetic, transfers)
    rate = flops.sum() / seconds.sum()
    return seconds, rate


def _parts(label: str, flops: list[float], n_bytes: list[float], flops_per_s: float, bytes_per_s: float) -> Trial:
    inputs = {"flops": np.array(flops), "n_bytes": np.array(n_bytes)}
    return Trial(label, {**inputs, "flops_per_s": flops_per_s, "bytes_per_s": bytes_per_s})


_MAXIMUM = "np.maximum(arithmetic, transfers)"
_RATE = "flops.sum() / seconds.sum()"

least_seconds = Exercise(
    _least_seconds,
    "flops (p), n_bytes (p), flops_per_s, bytes_per_s -> seconds (p), rate",
    trials=(
        _parts("three parts with one limited by memory", [768.0, 40.0, 520.0], [48.0, 96.0, 56.0], 40.0, 7.0),
        _parts(
            "five parts with one that has no arithmetic",
            [0.0, 900.0, 33.0, 610.0, 12.0],
            [175.0, 20.0, 155.0, 8.0, 31.0],
            90.0,
            11.0,
        ),
        _parts("two parts with both limited by memory", [60.0, 7.0], [40.0, 35.0], 100.0, 9.0),
    ),
    mistakes=(
        Mistake(
            "added",
            f"{_MAXIMUM} -> arithmetic + transfers",
            "arithmetic and transfers are added: at best they overlap, and the longer of the two counts, np.maximum.",
        ),
        Mistake(
            "smaller",
            f"{_MAXIMUM} -> np.minimum(arithmetic, transfers)",
            "the shorter of the two times is taken: a part waits for the slower, np.maximum. "
            "The minimum belongs to rates.",
        ),
        Mistake(
            "arithmetic-alone",
            f"{_MAXIMUM} -> arithmetic",
            "only arithmetic is counted: a part that moves much waits for n_bytes / bytes_per_s.",
        ),
        Mistake(
            "transfers-alone",
            f"{_MAXIMUM} -> transfers",
            "only transfers are counted: a part that computes much waits for flops / flops_per_s.",
        ),
        Mistake(
            "mean-of-both",
            f"{_MAXIMUM} -> (arithmetic + transfers) / 2",
            "the two times are averaged: the longer of the two counts, np.maximum.",
        ),
        Mistake(
            "ceilings-exchanged",
            ("flops / flops_per_s -> flops / bytes_per_s", "n_bytes / bytes_per_s -> n_bytes / flops_per_s"),
            "the ceilings are exchanged: operations by flops_per_s, bytes by bytes_per_s.",
        ),
        Mistake(
            "upside-down",
            ("flops / flops_per_s -> flops_per_s / flops", "n_bytes / bytes_per_s -> bytes_per_s / n_bytes"),
            "the fractions are upside down: work divided by work a second gives seconds.",
        ),
        Mistake(
            "multiplied",
            ("flops / flops_per_s -> flops * flops_per_s", "n_bytes / bytes_per_s -> n_bytes * bytes_per_s"),
            "work is multiplied by work a second: divide, and seconds remain.",
        ),
        Mistake(
            "bits",
            "n_bytes / bytes_per_s -> 8 * n_bytes / bytes_per_s",
            "the bytes are turned into bits: both n_bytes and bytes_per_s are bytes.",
        ),
        Mistake(
            "rates-for-seconds",
            "return seconds, rate -> return flops / seconds, rate",
            "the first result holds operations a second: the seconds of each part are asked for.",
            also=(f"{_MAXIMUM} -> np.minimum(flops_per_s, flops / n_bytes * bytes_per_s)",),
        ),
        Mistake(
            "one-maximum-for-all",
            f"{_MAXIMUM} -> np.full(len(flops), max(arithmetic.max(), transfers.max()))",
            "the largest time of all parts is taken: np.max reduces, np.maximum compares part by part.",
        ),
        Mistake(
            "largest-of-all-parts",
            f"{_MAXIMUM} -> np.max([arithmetic, transfers], axis=1)",
            "the maximum runs over the parts, axis=1: compare the two times of each part, np.maximum.",
        ),
        Mistake(
            "np-max",
            f"{_MAXIMUM} -> np.max(arithmetic, transfers)",
            "np.max(a, b) takes b for an axis: np.maximum compares two arrays part by part.",
        ),
        Mistake(
            "python-max",
            f"{_MAXIMUM} -> max(flops / flops_per_s, n_bytes / bytes_per_s)",
            "Python's max cannot compare arrays: np.maximum does, part by part.",
        ),
        Mistake(
            "whole-overlaps",
            f"{_RATE} -> flops.sum() / max(arithmetic.sum(), transfers.sum())",
            "the rate treats all parts as one, in which the arithmetic of one hides the transfers of another: "
            "they run one after another. Divide by the sum of the parts' seconds.",
        ),
        Mistake(
            "zero-over-zero",
            f"{_MAXIMUM} -> flops / np.minimum(flops_per_s, flops / n_bytes * bytes_per_s)",
            "a part without operations gives 0/0: compare times, flops / flops_per_s and n_bytes / bytes_per_s, "
            "in place of rates.",
        ),
        Mistake(
            "parts-together",
            f"{_MAXIMUM} -> max(arithmetic.sum(), transfers.sum())",
            "the parts are added up first and come out as one: each has its own seconds, and they run one after "
            "another.",
        ),
        Mistake(
            "floor-division",
            ("flops / flops_per_s -> flops // flops_per_s", "n_bytes / bytes_per_s -> n_bytes // bytes_per_s"),
            "// cuts off what comes after the point: divide with /.",
        ),
        Mistake(
            "mean-intensity",
            f"{_RATE} -> min(flops_per_s, (flops / n_bytes).mean() * bytes_per_s)",
            "the rate is read off the mean of the intensities: parts add up in seconds. "
            "All operations over all seconds.",
        ),
        Mistake(
            "mean-rate",
            f"{_RATE} -> (flops / seconds).mean()",
            "the parts' rates are averaged: a part that takes long counts more. All operations over all seconds.",
            also=(f"{_RATE} -> 1 / (seconds / flops).mean()", f"{_RATE} -> (flops / seconds)[flops > 0].mean()"),
        ),
        Mistake(
            "sum-of-rates",
            f"{_RATE} -> (flops / seconds).sum()",
            "the parts' rates are added up, as if they ran at one time: all operations over all seconds.",
        ),
        Mistake(
            "rate-of-each-part",
            f"{_RATE} -> flops / seconds",
            "the rate of each part is returned: one rate of the whole is asked for, all operations over all seconds.",
            also=(f"{_RATE} -> flops / seconds.sum()",),
        ),
        Mistake(
            "slowest-part",
            f"{_RATE} -> flops.sum() / seconds.max()",
            "the operations are divided by the longest part's seconds: the parts run one after another, so by the sum.",
        ),
        Mistake(
            "bytes-a-second",
            f"{_RATE} -> n_bytes.sum() / seconds.sum()",
            "the rate is in bytes a second: operations a second are asked for.",
        ),
        Mistake(
            "share-of-the-peak",
            f"{_RATE} -> flops.sum() / seconds.sum() / flops_per_s",
            "the rate is divided by the peak: operations a second are asked for, not the share.",
        ),
        Mistake(
            "seconds-for-rate",
            f"{_RATE} -> seconds.sum()",
            "the second result is all seconds: the rate is all operations divided by them.",
        ),
        Mistake(
            "rate-upside-down",
            f"{_RATE} -> seconds.sum() / flops.sum()",
            "the rate is upside down: operations divided by seconds.",
        ),
        Mistake(
            "peak-for-rate",
            f"{_RATE} -> flops_per_s",
            "the second result is one of the ceilings: the rate is all operations over all seconds, and less.",
            also=(f"{_RATE} -> bytes_per_s",),
        ),
        Mistake(
            "total-for-seconds",
            "return seconds, rate -> return seconds.sum(), rate",
            "the seconds are added up: return those of each part.",
        ),
        Mistake("order", "return seconds, rate -> return rate, seconds", "you return the rate first: seconds, rate."),
        Mistake(
            "seconds-alone", "return seconds, rate -> return seconds", "the rate is missing: return seconds, rate."
        ),
        Mistake(
            "idle-parts-left-out",
            f"{_RATE} -> flops.sum() / seconds[flops > 0].sum()",
            "the seconds of parts without operations are left out of the rate: the whole waits for them too, so all "
            "seconds count.",
        ),
        Mistake(
            "no-seconds-without-operations",
            f"{_MAXIMUM} -> np.where(flops > 0, {_MAXIMUM}, 0.0)",
            "a part without operations gets 0 seconds: it waits for the bytes it moves.",
        ),
        Mistake(
            "rate-of-one-part",
            f"{_RATE} -> np.min(flops / seconds)",
            "the rate is that of one part: all operations over all seconds are asked for.",
            also=tuple(
                f"{_RATE} -> {rate}"
                for rate in ("np.max(flops / seconds)", "np.median(flops / seconds)", "(flops / seconds)[-1]")
            ),
        ),
        Mistake(
            "all-work-counted",
            f"{_RATE} -> (flops.sum() + n_bytes.sum()) / seconds.sum()",
            "bytes are counted among the operations: the rate is operations over seconds.",
        ),
        Mistake(
            "added-up-so-far",
            "return seconds, rate -> return np.cumsum(seconds), rate",
            "the seconds are added up from part to part: return those of each part alone.",
        ),
        Mistake(
            "which-ceiling",
            "return seconds, rate -> return np.argmax([arithmetic, transfers], axis=0), rate",
            "np.argmax says which time is the longer: the time itself is asked for, np.maximum.",
            also=(f"{_MAXIMUM} -> np.argmax([arithmetic, transfers], axis=0)",),
        ),
    ),
)

# ---- two contenders in turns


def _ratio(a: Array, b: Array) -> tuple[float, float, float]:
    """How many times as long a takes as b, round by round after the first: the median and the quartiles."""
    one = a[1:]
    other = b[1:]
    ratios = one / other
    low, high = np.quantile(ratios, [0.25, 0.75])
    middle = np.median(ratios)
    return middle, low, high


def _turns(label: str, seed: int, n: int, ratio: float) -> Trial:
    """A machine that is slow in some rounds, for both alike, and a first round that is slower still."""
    slow = 2.0 + np.random.default_rng(seed).integers(0, 4, n)
    a, b = (
        np.round(128 * factor * slow * (1 + numbers(seed + k, n) / 16)) / 128 for k, factor in ((1, ratio), (2, 1.0))
    )
    a[0], b[0] = (3 * a[0], 2 * b[0]) if ratio > 1 else (2 * a[0], 4 * b[0])  # else its ratio is always an extreme
    return Trial(label, {"a": a, "b": b})


_BY_PAIR = "one / other"
_QUARTILES = "np.quantile(ratios, [0.25, 0.75])"
_MIDDLE = "np.median(ratios)"
_THREE = "return middle, low, high"


def _exclusive(share: float) -> str:
    return f"np.quantile(ratios, {share}, method='weibull')"


ratio = Exercise(
    _ratio,
    "a (r), b (r) -> ratio, low, high",
    trials=(
        _turns("seven rounds with a slower than b", 363, 7, 1.5),
        _turns("eleven rounds with a faster than b", 375, 11, 0.75),
    ),
    mistakes=(
        Mistake(
            "warm-up-kept",
            ("a[1:] -> a", "b[1:] -> b"),
            "the first round is among the ratios: it is warm-up, leave it out, a[1:] and b[1:].",
            also=(f"{_MIDDLE} -> np.median(a / b)", f"{_QUARTILES} -> np.quantile(a / b, [0.25, 0.75])"),
        ),
        Mistake(
            "last-left-out",
            ("a[1:] -> a[:-1]", "b[1:] -> b[:-1]"),
            "the last round is left out in place of the first: a[1:] and b[1:].",
        ),
        Mistake(
            "two-left-out",
            ("a[1:] -> a[2:]", "b[1:] -> b[2:]"),
            "two rounds are left out: the first alone is warm-up.",
            also=(("a[1:] -> a[1:-1]", "b[1:] -> b[1:-1]"),),
        ),
        Mistake(
            "warm-up-of-one",
            f"{_BY_PAIR} -> a / b[1:]",
            "the first round is left out of one array alone, so they do not fit: leave it out of both.",
            also=(f"{_BY_PAIR} -> a[1:] / b", "a[1:] -> a[:-1]", "b[1:] -> b[:-1]"),
        ),
        Mistake(
            "inverse",
            f"{_BY_PAIR} -> other / one",
            "the ratio is b over a: a over b is asked for, above 1 where a takes longer.",
        ),
        Mistake(
            "difference",
            f"{_BY_PAIR} -> one - other",
            "these are differences in seconds: divide the times of each round.",
            also=(f"{_BY_PAIR} -> other - one",),
        ),
        Mistake(
            "relative-difference",
            f"{_BY_PAIR} -> one / other - 1",
            "1 is subtracted, or these are percent: a / b itself is asked for.",
            also=(
                f"{_BY_PAIR} -> 100 * (one / other - 1)",
                f"{_BY_PAIR} -> 1 - other / one",
                f"{_BY_PAIR} -> 1 - one / other",
                f"{_BY_PAIR} -> 100 * one / other",
            ),
        ),
        Mistake(
            "logarithms",
            f"{_BY_PAIR} -> np.log(one / other)",
            "these are logarithms of the ratios: return the ratios' own median and quartiles.",
        ),
        Mistake(
            "share-of-both",
            f"{_BY_PAIR} -> one / (one + other)",
            "a is divided by a + b: divide by b.",
        ),
        Mistake(
            "ratio-of-medians",
            f"{_MIDDLE} -> np.median(one) / np.median(other)",
            "the ratio of two medians loses the pairs: divide round by round, then take the median.",
        ),
        Mistake(
            "ratio-of-means",
            f"{_MIDDLE} -> one.mean() / other.mean()",
            "the ratio of two means, or of two sums, loses the pairs: divide round by round, then take the median.",
        ),
        Mistake(
            "ratio-of-smallest",
            f"{_MIDDLE} -> one.min() / other.min()",
            "the ratio of the two smallest times loses the pairs: divide round by round, then take the median.",
        ),
        Mistake(
            "mean",
            f"{_MIDDLE} -> ratios.mean()",
            "the mean of the ratios: one disturbed round moves it as far as it likes. The median is asked for.",
            also=(f"{_MIDDLE} -> np.exp(np.log(ratios).mean())",),
        ),
        Mistake(
            "middle-of-the-quartiles",
            f"{_MIDDLE} -> (low + high) / 2",
            "this is the middle between the quartiles: the median is the middle ratio.",
        ),
        Mistake(
            "upper-of-two",
            f"{_MIDDLE} -> np.sort(ratios)[len(ratios) // 2]",
            "of an even number of ratios the median is the mean of the middle two: np.median.",
            also=(f"{_MIDDLE} -> np.sort(ratios)[(len(ratios) - 1) // 2]",),
        ),
        Mistake(
            "middle-unsorted",
            f"{_MIDDLE} -> ratios[len(ratios) // 2]",
            "this is the ratio in the middle of the list: the median is the middle one by size.",
        ),
        Mistake(
            "sorted-first",
            ("a[1:] -> np.sort(a[1:])", "b[1:] -> np.sort(b[1:])"),
            "both are sorted before they are divided, and a round is no pair any more: divide first.",
            also=(
                ("a[1:] -> np.sort(a)[1:]", "b[1:] -> np.sort(b)[1:]"),
                ("a[1:] -> np.sort(a)", "b[1:] -> np.sort(b)"),
            ),
        ),
        Mistake(
            "every-pair",
            f"{_BY_PAIR} -> (one[:, None] / other).ravel()",
            "every time of a is divided by every time of b: divide those of the same round.",
        ),
        Mistake(
            "by-the-median-of-b",
            f"{_BY_PAIR} -> one / np.median(other)",
            "all times of a are divided by one of b: divide those of the same round.",
            also=(f"{_BY_PAIR} -> one / other.mean()", f"{_BY_PAIR} -> one / other.min()"),
        ),
        Mistake(
            "other-shares",
            f"{_QUARTILES} -> np.quantile(ratios, [0.025, 0.975])",
            "these are other quantiles than the quartiles: a quarter of the ratios lies below low, a quarter above "
            "high.",
            also=tuple(
                f"{_QUARTILES} -> np.quantile(ratios, [{low}, {high}])"
                for low, high in ((0.05, 0.95), (0.1, 0.9), (0.0, 1.0), (0.25, 0.5), (0.5, 0.75))
            ),
        ),
        Mistake(
            "percent-for-shares",
            f"{_QUARTILES} -> np.quantile(ratios, [25, 75])",
            "np.quantile takes shares from 0 to 1, [0.25, 0.75]; np.percentile takes 25 and 75.",
            also=(f"{_QUARTILES} -> np.percentile(ratios, [0.25, 0.75])",),
        ),
        Mistake(
            "other-quartiles",
            f"{_QUARTILES} -> {_exclusive(0.25)}, {_exclusive(0.75)}",
            "these quartiles are cut by another rule (statistics.quantiles has one): np.quantile is asked for.",
            also=(
                f"{_QUARTILES} -> np.sort(ratios)[[len(ratios) // 4, 3 * len(ratios) // 4]]",
                f"{_QUARTILES} -> np.sort(ratios)[[len(ratios) // 4, -1 - len(ratios) // 4]]",
            ),
        ),
        Mistake(
            "quartiles-of-the-times",
            f"{_QUARTILES} -> np.quantile(one, [0.25, 0.75]) / np.quantile(other, [0.25, 0.75])",
            "the quartiles of a are divided by those of b: take the quartiles of the ratios.",
            also=(f"{_QUARTILES} -> np.quantile(one, [0.25, 0.75])",),
        ),
        Mistake(
            "deviation",
            f"{_QUARTILES} -> ratios.mean() + ratios.std(ddof=1) * np.array([-1, 1])",
            "low and high are the middle less and plus a deviation, as if it were symmetric: the quartiles are asked "
            "for.",
            also=(
                f"{_QUARTILES} -> ratios.mean() + ratios.std() * np.array([-1, 1])",
                f"{_QUARTILES} -> np.median(ratios) + ratios.std() * np.array([-1, 1])",
                *(
                    f"{_QUARTILES} -> ratios.mean() + {many} * ratios.std(ddof=1) / len(ratios) ** 0.5 "
                    "* np.array([-1, 1])"
                    for many in (1, 1.96, 2)
                ),
                f"{_QUARTILES} -> np.median(ratios) + ratios.std(ddof=1) * np.array([-1, 1])",
                f"{_QUARTILES} -> np.median(ratios) + (np.quantile(ratios, 0.75) - np.quantile(ratios, 0.25)) / 2 "
                "* np.array([-1, 1])",
            ),
        ),
        Mistake("exchanged", f"{_THREE} -> return middle, high, low", "low and high are exchanged: ratio, low, high."),
        Mistake(
            "order",
            f"{_THREE} -> return low, middle, high",
            "the median stands in the middle: return ratio, low, high.",
            also=(f"{_THREE} -> return low, high, middle",),
        ),
        Mistake(
            "width",
            f"{_THREE} -> return middle, high - low",
            "one number says how wide: return both quartiles, ratio, low, high.",
            also=(f"{_THREE} -> return middle", f"{_THREE} -> return ratios"),
        ),
        Mistake(
            "nested",
            f"{_THREE} -> return middle, np.array([low, high])",
            "numbers come as one array: return ratio, low, high, the median first.",
            also=(
                f"{_THREE} -> return np.array([middle, low, high])",
                f"{_THREE} -> return np.array([low, middle, high])",
            ),
        ),
        Mistake(
            "harmonic-mean",
            f"{_MIDDLE} -> 1 / np.mean(1 / ratios)",
            "a mean of the ratios is returned: the median is asked for.",
        ),
        Mistake(
            "one-quartile-twice",
            f"{_QUARTILES} -> np.quantile(ratios, [0.25, 0.25])",
            "both ends are one quartile: the lower is the quantile at 0.25, the upper that at 0.75.",
            also=(f"{_QUARTILES} -> np.quantile(ratios, [0.75, 0.75])",),
        ),
        Mistake(
            "smallest-left-out",
            f"{_BY_PAIR} -> np.sort(a / b)[1:]",
            "the smallest or the largest ratio is left out: it is round 0 that does not count, a[1:] and b[1:].",
            also=(f"{_BY_PAIR} -> np.sort(a / b)[:-1]",),
        ),
        Mistake(
            "first-subtracted",
            f"{_BY_PAIR} -> (one - a[0]) / (other - b[0])",
            "the first round is subtracted from the others: leave it out, and take the others as they are.",
        ),
    ),
)

# ---- decoding under a roofline

decoding = Numbers(
    "decoding",
    right={"operations_a_byte": 1.0, "share_of_the_peak": 0.003},
    mistakes={
        "operations_a_byte": {
            2.0: "that counts keys or values alone, or one byte for each number: both are read, in two bytes each.",
            0.5: "that counts multiplications alone, or one product of two: a number of a key or value costs a "
            "multiplication and an addition.",
            4.0: "that counts the bytes of the keys alone, one for each number: keys and values are read, in two.",
            0.25: "that takes four bytes a number, and one product of two: 16 bits are two, scores and average count.",
            1e15 / 3e12: "that is the ridge, which belongs to the machine: the work's own operations over its bytes.",
        },
        "share_of_the_peak": {
            1.0: "one operation a byte lies far left of the ridge: memory allows 3e12 operations a second of 1e15.",
            3e12: "that is the rate: divide it by the peak.",
        },
    },
    rtol=0.06,
)

EXERCISES = listed(times, least_seconds, ratio)
