"""Checks for the chapter on timing: the times of a device that works on its own."""

from __future__ import annotations

from functools import wraps
from typing import Any

from course.checks.former import Feedback, examine
from course.checks.gpu_timing._timer import TIMES, Device

__all__ = ["EXERCISES", "Device", "times"]

EXERCISES = {"times": TIMES}


def times(fn: object) -> Feedback:
    """Check fn(device, rounds) -> seconds of each call (rounds,) and their median; each call gets a new `Device`."""
    if not callable(fn):
        return examine(fn, EXERCISES["times"])

    @wraps(fn)
    def on_a_new_device(device: Device, rounds: int) -> Any:
        return fn(device.new(), rounds)

    return examine(on_a_new_device, EXERCISES["times"])
