"""Read what the benchmarks have stored."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.interleaved import RESULTS

__all__ = ["RESULTS", "load_results"]


def load_results(name: str) -> dict[str, Any]:
    """What `save_results` wrote under this name, the setting included."""
    results: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return results
