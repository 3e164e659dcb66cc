"""The check of the chapter on timing against answers as learners write them, and the simulated device itself."""

from __future__ import annotations

import statistics

import pytest

from course.checks import gpu_timing as check
from course.checks.gpu_timing import Device


def careful(device, rounds):
    device.run()
    device.synchronize()
    times = []
    for _ in range(rounds):
        start = device.clock()
        device.run()
        device.synchronize()
        times.append(device.clock() - start)
    return times, statistics.median(times)


def no_waiting(device, rounds):
    times = []
    device.run()
    for _ in range(rounds):
        start = device.clock()
        device.run()
        times.append(device.clock() - start)
    return times, statistics.median(times)


def cold(device, rounds):
    device.synchronize()
    times = []
    for _ in range(rounds):
        start = device.clock()
        device.run()
        device.synchronize()
        times.append(device.clock() - start)
    return times, statistics.median(times)


def unfinished_warm_up(device, rounds):
    device.run()
    times = []
    for _ in range(rounds):
        start = device.clock()
        device.run()
        device.synchronize()
        times.append(device.clock() - start)
    return times, statistics.median(times)


def averaged(device, rounds):
    times, _ = careful(device, rounds)
    return times, statistics.fmean(times)


def test_a_careful_answer_passes_and_can_be_asked_twice():
    assert check.times(careful).ok
    assert check.times(careful).ok


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (no_waiting, "stopped-too-early"),
        (cold, "no-warm-up"),
        (unfinished_warm_up, "started-too-early"),
        (averaged, "mean"),
        (lambda device, rounds: ..., "unfinished"),
        (None, "unfinished"),
        (lambda device, rounds: careful(device, rounds)[1], "count"),
    ],
)
def test_other_answers_are_named(answer, key):
    assert check.times(answer).diagnosis == key


def test_the_device_queues_and_works():
    device = Device((4.0, 1.0))
    device.synchronize()  # somebody else's work
    start = device.clock()
    device.run()
    assert device.clock() - start == Device.LAUNCH
    device.run()
    device.synchronize()
    assert device.clock() - start == Device.LAUNCH + 4.0 + 1.0
