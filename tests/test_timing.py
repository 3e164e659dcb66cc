"""Timing: what is inside the clock and what is not, with a clock of our own; the summary; errors."""

import random

import pytest
import torch

from mha.measure import timing
from mha.measure.timing import Timing, cache_flusher, paired_ratio, summary, time_calls


class FakeTime:
    """A clock that moves only when a call says so, and by what it takes to read it."""

    def __init__(self, monkeypatch, reading=0.0):
        self.now, self.reading = 0.0, reading
        monkeypatch.setattr(timing.time, "perf_counter", self.read)

    def read(self):
        self.now += self.reading
        return self.now

    def lasting(self, seconds, log=None, name=""):
        def call():
            self.now += seconds() if callable(seconds) else seconds
            if log is not None:
                log.append(name)

        return call


def test_warm_up_and_what_runs_before_are_not_in_the_time(monkeypatch):
    clock = FakeTime(monkeypatch)
    slow_at_first = iter([100.0, 100.0, 100.0])
    call = clock.lasting(lambda: next(slow_at_first, 1.0))
    times = time_calls({"a": call}, rounds=5, before=clock.lasting(50.0), seconds=1e-9)
    assert times == {"a": [1.0] * 5}


def test_a_short_call_is_repeated_and_its_mean_is_one_time(monkeypatch):
    clock, log = FakeTime(monkeypatch), []
    times = time_calls({"short": clock.lasting(0.25, log)}, rounds=2, warmup=0, seconds=1.0)
    assert times["short"] == [0.25, 0.25]
    assert len(log) == 1 + 2 * 4  # one to learn how long it takes, four fill a second


def test_what_runs_before_runs_ahead_of_each_call(monkeypatch):
    clock, log = FakeTime(monkeypatch), []
    flush = clock.lasting(50.0, log, "flush")
    times = time_calls({"short": clock.lasting(0.25, log, "call")}, rounds=1, warmup=2, seconds=1.0, before=flush)
    assert times["short"] == [0.25]
    assert log == ["call"] * 2 + ["flush", "call"] * (1 + 4)


def test_a_call_longer_than_the_time_runs_once_and_one_without_length_ten_thousand_times(monkeypatch):
    clock, log = FakeTime(monkeypatch), []
    calls = {"long": clock.lasting(3.0, log, "long"), "none": clock.lasting(0.0, log, "none")}
    times = time_calls(calls, rounds=1, warmup=0, seconds=1.0)
    assert times == {"long": [3.0], "none": [0.0]}
    assert (log.count("long"), log.count("none")) == (1 + 1, 1 + 10_000)


def test_times_that_nobody_chose(monkeypatch):
    clock, log = FakeTime(monkeypatch), []
    assert len(time_calls({"a": clock.lasting(0.005, log)})["a"]) == 20
    assert len(log) == 3 + 1 + 20 * 4  # warm-up; one to learn how long it takes; four fill 20 ms


def test_reading_the_clock_is_shared_by_all_repeats(monkeypatch):
    clock = FakeTime(monkeypatch, reading=0.125)
    assert time_calls({"a": clock.lasting(0.875)}, rounds=1, warmup=0, seconds=4.0) == {"a": [0.875 + 0.125 / 4]}


def test_a_cold_call_is_repeated_by_its_cold_time(monkeypatch):
    clock, log, lasts = FakeTime(monkeypatch), [], []
    call = clock.lasting(lambda: lasts.pop() if lasts else 0.01, log)
    assert time_calls({"a": call}, rounds=3, warmup=0, seconds=1.0, before=lambda: lasts.append(1.0)) == {
        "a": [1.0] * 3
    }
    assert len(log) == 1 + 3


def test_calls_take_turns_in_an_order_that_changes(monkeypatch):
    clock, log = FakeTime(monkeypatch), []
    names = "abc"
    time_calls({n: clock.lasting(1.0, log, n) for n in names}, rounds=20, warmup=0, seconds=1.0)
    turns = [tuple(log[i : i + 3]) for i in range(3, len(log), 3)]
    assert all(set(turn) == set(names) for turn in turns)
    assert len(set(turns)) > 3


def test_summary_is_the_median_and_the_quartiles():
    assert summary([4.0, 1.0, 10.0, 2.0, 3.0]) == timing.Timing(median=3.0, lower=2.0, upper=4.0)
    assert summary([1.0, 2.0]) == timing.Timing(median=1.5, lower=1.25, upper=1.75)


def test_summary_is_not_moved_by_one_interruption():
    values = [1.0, 1.1, 0.9, 1.0, 1.05]
    disturbed = summary([*values, 60.0])
    assert disturbed.median < 1.1
    assert disturbed.lower <= disturbed.median <= disturbed.upper < 2.0
    random.shuffle(values)
    assert summary(values) == summary(sorted(values))


def test_a_ratio_pairs_the_times_of_one_round():
    times = {"a": [1.0, 20.0, 3.0, 40.0], "b": [1.0, 10.0, 1.0, 10.0]}
    assert paired_ratio(times, "a", "b") == Timing(2.5, 1.75, 3.25)


def test_the_flusher_touches_all_its_bytes():
    flush = cache_flusher(n_bytes=1000)
    assert int(flush().sum()) == 1000
    assert int(flush().sum()) == 2000
    assert flush().nbytes == 1000


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_events_wait_for_the_gpu():
    x = torch.randn(4096, 4096, device="cuda")
    times = time_calls({"product": lambda: x @ x}, rounds=5, device="cuda")["product"]
    assert min(times) > 2 * 4096**3 / 1e15  # no GPU multiplies faster


NAN = float("nan")
TIMES = {"a": [1.0, 2.0], "b": [0.0, 1.0], "c": [1.0]}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: time_calls({}), ValueError, "calls must hold at least one call"),
        (lambda: time_calls({"a": 3}), TypeError, "calls must hold what can be called, got int for 'a'"),
        (lambda: time_calls({"a": int}, rounds=0), ValueError, r"rounds \(0\) must be at least 1"),
        (lambda: time_calls({"a": int}, rounds=2.5), TypeError, "rounds must be an integer, got 2.5"),
        (lambda: time_calls({"a": int}, warmup=-1), ValueError, r"warmup \(-1\) must be at least 0"),
        (lambda: time_calls({"a": int}, seconds=0), ValueError, r"seconds \(0\) must be above 0"),
        (lambda: time_calls({"a": int}, seconds=NAN), ValueError, r"seconds \(nan\) must be above 0"),
        (lambda: time_calls({"a": int}, device="meta"), ValueError, "device must be cpu or cuda, got meta"),
        (lambda: summary([1.0]), ValueError, r"values must hold two times or more, got \[1.0\]"),
        (lambda: summary([1.0, NAN]), ValueError, r"values \(nan\) must be at least 0"),
        (lambda: summary([1.0, float("inf")]), ValueError, r"values \(inf\) must be"),
        (lambda: summary([1.0, -1e-9]), ValueError, r"values \(-1e-09\) must be at least 0"),
        (lambda: paired_ratio(TIMES, "a", "b"), ValueError, r"times\['b'\] \(0.0\) must be above 0"),
        (lambda: paired_ratio(TIMES, "a", "c"), ValueError, "a and c must share their rounds, got 2 and 1"),
        (lambda: paired_ratio(TIMES, "a", "d"), ValueError, "other must be one of 'a', 'b', 'c', got 'd'"),
        (lambda: cache_flusher(n_bytes=0), ValueError, r"n_bytes \(0\) must be at least 1"),
        (lambda: cache_flusher(n_bytes=1e3), TypeError, "n_bytes must be an integer"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="device must be there, got cuda"):
        time_calls({"a": int}, device="cuda")
