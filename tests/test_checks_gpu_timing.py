"""The checks of the chapter on timing against answers as learners write them, and the simulated device itself."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from course.checks import gpu_timing as check
from course.checks.gpu_timing import Device
from mha.measure.cost import Cost
from mha.measure.roofline import Machine


def loop(device, rounds):
    times = []
    for _ in range(rounds):
        start = device.clock()
        device.run()
        device.synchronize()
        times.append(device.clock() - start)
    return times, statistics.median(times)


def careful(device, rounds):
    device.run()
    device.synchronize()
    return loop(device, rounds)


def by_marks(device, rounds):
    device.run()
    marks = []
    for _ in range(rounds):
        device.synchronize()
        marks.append(device.clock())
        device.run()
    device.synchronize()
    times = np.diff([*marks, device.clock()])
    return times, np.median(times)


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
    return loop(device, rounds)


def unfinished_warm_up(device, rounds):
    device.run()
    return loop(device, rounds)


def averaged(device, rounds):
    times, _ = careful(device, rounds)
    return times, statistics.fmean(times)


def milliseconds_and_smallest(device, rounds):
    times = [1000 * t for t in careful(device, rounds)[0]]
    return times, min(times)


def on_this_machines_clock(device, rounds):
    return np.full(rounds, 0.003), 0.003


@pytest.mark.parametrize("answer", [careful, by_marks])
def test_a_careful_answer_passes_and_can_be_asked_twice(answer):
    assert check.times(answer).ok
    assert check.times(answer).ok


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (no_waiting, "stopped-too-early"),
        (cold, "no-warm-up"),
        (unfinished_warm_up, "started-too-early"),
        (averaged, "mean"),
        (milliseconds_and_smallest, "milliseconds+smallest"),
        (lambda device, rounds: ..., "unfinished"),
        (None, "unfinished"),
        (lambda device, rounds: careful(device, rounds)[1], "median-alone"),
        (lambda device, rounds: careful(device, rounds - 1), "one-round-too-few"),
    ],
)
def test_other_times_are_named(answer, key):
    assert check.times(answer).diagnosis == key


def test_another_clock_than_the_devices_is_told():
    feedback = check.times(on_this_machines_clock)
    assert not feedback.ok
    assert "read device.clock(), not a clock of this machine" in feedback.message


def test_the_device_queues_and_works():
    device = Device((4.0, 1.0))
    device.synchronize()  # somebody else's work
    start = device.clock()
    device.run()
    assert device.clock() - start == Device.LAUNCH
    device.run()
    device.synchronize()
    assert device.clock() - start == Device.LAUNCH + 4.0 + 1.0


# ---- the roofline


def by_the_book(flops, n_bytes, flops_per_s, bytes_per_s):
    machine = Machine(flops_per_s, bytes_per_s)
    seconds = [machine.seconds(Cost(int(f), int(b))) for f, b in zip(flops, n_bytes, strict=True)]
    return seconds, sum(flops) / sum(seconds)


def by_rates(flops, n_bytes, flops_per_s, bytes_per_s):
    rates = np.minimum(flops_per_s, flops / n_bytes * bytes_per_s)
    seconds = np.where(flops > 0, flops / np.where(rates == 0, 1, rates), n_bytes / bytes_per_s)
    return seconds, (rates * seconds).sum() / seconds.sum()


def largest_by_python(flops, n_bytes, flops_per_s, bytes_per_s):
    seconds = max(flops / flops_per_s, n_bytes / bytes_per_s)
    return seconds, flops.sum() / seconds.sum()


@pytest.mark.parametrize("answer", [by_the_book, by_rates])
def test_a_right_roofline_passes(answer):
    feedback = check.least_seconds(answer)
    assert feedback.ok, feedback.message


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda f, b, peak, bw: ((s := f / peak + b / bw), f.sum() / s.sum()), "added"),
        (lambda f, b, peak, bw: ((s := np.maximum(f / peak, b / bw)), (f / s).mean()), "mean-rate"),
        (lambda f, b, peak, bw: (np.maximum(f / peak, b / bw), min(peak, f.sum() / b.sum() * bw)), "whole-overlaps"),
        (largest_by_python, "python-max"),
    ],
)
def test_wrong_rooflines_are_named(answer, key):
    assert check.least_seconds(answer).diagnosis == key


# ---- in turns


def by_statistics(a, b):
    ratios = sorted(x / y for x, y in zip(a, b, strict=True))
    ratios.remove(a[0] / b[0])
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return middle, low, high


def test_a_right_ratio_passes():
    feedback = check.ratio(by_statistics)
    assert feedback.ok, feedback.message


def quartiles(ratios):
    return np.median(ratios), *np.quantile(ratios, [0.25, 0.75])


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda a, b: quartiles(a / b), "warm-up-kept"),
        (lambda a, b: quartiles(b[1:] / a[1:]), "inverse"),
        (lambda a, b: quartiles(a / b[1:]), "warm-up-of-one"),
        (lambda a, b: quartiles(np.sort(a[1:]) / np.sort(b[1:])), "sorted-first"),
        (lambda a, b: (np.median(a[1:]) / np.median(b[1:]), *quartiles(a[1:] / b[1:])[1:]), "ratio-of-medians"),
        (lambda a, b: np.quantile(a[1:] / b[1:], [0.25, 0.5, 0.75]), "nested"),
    ],
)
def test_wrong_ratios_are_named(answer, key):
    assert check.ratio(answer).diagnosis == key


def test_decoding_asks_for_two_numbers():
    assert check.decoding(1.0115, 0.00303).ok
    assert "the ridge" in check.decoding(333, 0.003).message
    assert check.decoding(1, 0.3).diagnosis == "factor"
