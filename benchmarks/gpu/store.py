"""One JSON file, written anew and put in place after every cell, so that a run that is cut off has lost nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["Store"]


class Store:
    """Results in a file, taken up again where they were left.

    Args:
        path: of the file.
        same: what must be as it was for old results to be kept: device, versions, kind of plan.
        anew: forget what is there.
    Raises:
        ValueError: the file holds results of something else.
    """

    def __init__(self, path: Path, same: dict[str, Any], *, anew: bool = False) -> None:
        self.path = path
        self.results: dict[str, Any] = {"same": same, "cells": [], "failed": [], "began": None}
        if path.exists() and not anew:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["same"] != same:
                raise ValueError(f"{path.name} must be of {same} to go on, got {found['same']}: pass --anew")
            self.results = found

    def save(self, **parts: Any) -> None:
        """Set these parts and write everything; the old file stays whole until the new one is."""
        self.results |= parts
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_suffix(".part")
        aside.write_text(json.dumps(self.results, indent=1) + "\n", encoding="utf-8")
        os.replace(aside, self.path)

    def began(self, shape: str, backend: str) -> None:
        """Say what is tried next: if nothing follows, that is what took the process down."""
        self.save(began=[shape, backend])

    def add_cell(self, cell: dict[str, Any]) -> None:
        """A cell is measured."""
        self.save(cells=[*self.results["cells"], cell], began=None)

    def blame(self, reason: str) -> bool:
        """Note that what had begun failed, so that it is not tried again; False if nothing had."""
        began = self.results["began"]
        if began is not None:
            self.save(failed=[*self.results["failed"], [*began, reason]], began=None)
        return began is not None

    def done(self) -> set[str]:
        """The names of the shapes that are measured."""
        return {cell["shape"] for cell in self.results["cells"]}

    def failed(self, shape: str) -> dict[str, str]:
        """Backend -> reason, of those that took a process down on this shape."""
        return {backend: reason for name, backend, reason in self.results["failed"] if name == shape}
