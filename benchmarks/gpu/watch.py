"""What the card's clocks, power and heat were while it worked, not before and after."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu.backends import one_line

__all__ = ["HELD_BACK", "Reading", "Watch", "reader"]

FIELDS = ("sm_mhz", "memory_mhz", "power_w", "temperature_c")
QUERY = "clocks.sm,clocks.mem,power.draw,temperature.gpu,clocks_event_reasons.active"
HELD_BACK = {
    0x2: "application clocks", 0x4: "power cap", 0x8: "hardware slowdown", 0x10: "synchronised boost",
    0x20: "heat, by software", 0x40: "heat, by hardware", 0x80: "power brake",
}  # fmt: skip
Reading = tuple[float, float, float, float, int]  # FIELDS, then the bits of what holds the clocks back


def reader(device: torch.device) -> Callable[[], Reading]:
    """A function that reads the card once: NVML if its Python package is there, else nvidia-smi.

    Raises:
        RuntimeError: neither answers; the text says why.
    """
    if device.type != "cuda":
        raise RuntimeError("a CPU's clocks are not read")
    uuid = f"GPU-{str(torch.cuda.get_device_properties(device).uuid).removeprefix('GPU-')}"
    refused = []
    for make in (_nvml, _smi):
        try:
            read = make(uuid)
            read()
        except Exception as error:  # a missing package, library, permission or program
            refused.append(one_line(error))
        else:
            return read
    raise RuntimeError("; ".join(refused))


def _nvml(uuid: str) -> Callable[[], Reading]:
    import pynvml  # type: ignore[import-not-found, import-untyped, unused-ignore]

    pynvml.nvmlInit()
    card = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    clock, sm, memory = pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM
    return lambda: (
        clock(card, sm),
        clock(card, memory),
        pynvml.nvmlDeviceGetPowerUsage(card) / 1e3,
        pynvml.nvmlDeviceGetTemperature(card, pynvml.NVML_TEMPERATURE_GPU),
        pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(card),
    )


def _smi(uuid: str) -> Callable[[], Reading]:
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits", f"--id={uuid}"]

    def read() -> Reading:
        line = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
        *numbers, bits = line.strip().split(", ")
        sm, memory, power, heat = map(float, numbers)
        return sm, memory, power, heat, int(bits, 16)

    return read


class Watch:
    """Reads again and again in a thread while the block runs; `found` says afterwards what was seen."""

    def __init__(self, read: Callable[[], Reading] | str, every_s: float = 0.05) -> None:
        self._read, self._every_s = read, every_s
        self._readings: list[Reading] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        if not isinstance(self._read, str):
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        assert not isinstance(self._read, str)
        while not self._done.is_set():
            with contextlib.suppress(Exception):  # one reading that fails is one reading less
                self._readings.append(self._read())
            time.sleep(self._every_s)

    @property
    def found(self) -> dict[str, Any]:
        """Least, median and most of each field, and what held the clocks back; or the reason why nothing was read."""
        if not self._readings:
            return {"reason": self._read if isinstance(self._read, str) else "no reading came in time"}
        columns = list(zip(*self._readings, strict=True))
        spread = {
            name: [min(column), statistics.median(column), max(column)]
            for name, column in zip(FIELDS, columns, strict=False)
        }
        bits = [bit for bit in HELD_BACK if any(reasons & bit for reasons in columns[-1])]
        return {"readings": len(self._readings), **spread, "held_back_by": [HELD_BACK[bit] for bit in bits]}
