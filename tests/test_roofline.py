"""The roofline: the two ceilings, and the measured ones in order of size."""

import math

import pytest

from mha.measure.cost import Cost
from mha.measure.roofline import Machine, measure_machine


def test_below_the_ridge_memory_is_the_limit_and_above_it_arithmetic():
    machine = Machine(flops_per_s=100.0, bytes_per_s=20.0)
    assert machine.ridge == 5.0
    assert machine.attainable(2.0) == 40.0
    assert machine.attainable(50.0) == 100.0
    assert machine.seconds(Cost(flops=200, bytes=1000)) == 50.0
    assert machine.seconds(Cost(flops=20000, bytes=1000)) == 200.0


def test_ceilings_are_those_of_the_best_round(monkeypatch):
    times = {"product": [3.0, 2.0, 5.0], "triad": [0.5, 4.0, 0.25]}
    monkeypatch.setattr("mha.measure.roofline.time_calls", lambda calls, **_: {name: times[name] for name in calls})
    machine = measure_machine(side=10, n_bytes=4000)
    assert machine.flops_per_s == 2 * 10**3 / 2.0
    assert machine.bytes_per_s == 3 * 4000 / 0.25


def test_measured_ceilings_are_plausible_and_more_in_a_larger_product():
    machine = measure_machine(side=256, n_bytes=2**22, rounds=3)
    assert 1e8 < machine.bytes_per_s < 1e13
    assert 1e9 < machine.flops_per_s < 1e14
    assert measure_machine(side=4, n_bytes=2**22, rounds=3).flops_per_s < machine.flops_per_s


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measure_machine(side=-1), r"side \(-1\) must be at least 1"),
        (lambda: measure_machine(rounds=0), r"rounds \(0\) must be at least 1"),
        (lambda: Machine(0.0, 1.0), r"flops_per_s \(0.0\) must be above 0"),
        (lambda: Machine(1.0, math.inf), r"bytes_per_s \(inf\) must be above 0"),
        (lambda: Machine(1.0, 1.0).attainable(math.nan), r"intensity \(nan\) must be at least 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
