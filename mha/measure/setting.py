"""What measured numbers depend on besides the code: the machine, the versions, the day."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import torch

__all__ = ["setting"]


def setting() -> dict[str, Any]:
    """What is stored beside every number that was measured, in JSON's types.

    Returns:
        "processor" with its cores, "threads" that torch uses, "cpu_capability" (its vector units, as torch uses
        them), "torch", "python", "system", and "date" as year-month-day.
    """
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    """Its name where Linux tells it; else what Python knows, which may be the architecture alone."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
