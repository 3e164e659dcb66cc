"""Timing: what is inside the clock and what is not, with a clock of our own; the summary; errors."""

import random

import pytest
import torch

from mha.measure import timing
from mha.measure.timing import cache_flusher, summary, time_calls


class FakeTime:
    """A clock that moves only when a call says so."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)

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


def test_calls_take_turns_in_an_order_that_changes(monkeypatch):
    clock, log = FakeTime(monkeypatch), []
    names = "abc"
    time_calls({n: clock.lasting(1.0, log, n) for n in names}, rounds=20, warmup=0, seconds=1.0)
    turns = [tuple(log[i : i + 3]) for i in range(3, len(log), 3)]
    assert all(set(turn) == set(names) for turn in turns)
    assert len(set(turns)) > 3


def test_summary_is_not_moved_by_one_interruption():
    values = [1.0, 1.1, 0.9, 1.0, 1.05]
    disturbed = summary([*values, 60.0])
    assert disturbed.median < 1.1
    assert disturbed.lower <= disturbed.median <= disturbed.upper < 2.0
    random.shuffle(values)
    assert summary(values) == summary(sorted(values))


def test_the_flusher_touches_all_its_bytes():
    flush = cache_flusher(n_bytes=1000)
    assert int(flush().sum()) == 1000


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_events_wait_for_the_gpu():
    x = torch.randn(4096, 4096, device="cuda")
    times = time_calls({"product": lambda: x @ x}, rounds=5, device="cuda")["product"]
    assert min(times) > 2 * 4096**3 / 1e15  # no GPU multiplies faster


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="calls must hold at least one call"):
        time_calls({})
    with pytest.raises(ValueError, match=r"got 0, 3, 0\.02"):
        time_calls({"a": int}, rounds=0)
    with pytest.raises(ValueError, match="device must be cpu or cuda, got meta"):
        time_calls({"a": int}, device="meta")
    with pytest.raises(ValueError, match="two finite numbers or more"):
        summary([1.0])
    with pytest.raises(ValueError, match="n_bytes must be positive, got 0"):
        cache_flusher(n_bytes=0)
