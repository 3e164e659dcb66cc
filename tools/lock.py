# ruff: noqa: T201
"""Renew constraints.txt: install the pinned requirements into a clean environment and write down what came along."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import environment

ROOT = Path(__file__).resolve().parent.parent
HEADER = (
    "# Every package that the pinned requirements bring, at the version they were tested with. Made by `make lock`.\n"
)
# pip is what reads this file, and the NVIDIA packages come with one build of torch alone, which pins them itself.
LEFT_OUT = re.compile(r"(pip|mha|triton|nvidia-.*|cuda-.*)==", re.IGNORECASE)

__all__ = ["as_constraints"]


def as_constraints(frozen: str) -> str:
    """The lines of `pip freeze --all` that constrain: no editable package, no local version such as +cpu."""
    lines = [re.sub(r"\+.*", "", line) for line in frozen.splitlines() if re.match(r"[\w.-]+==", line)]
    return HEADER + "".join(f"{line}\n" for line in sorted(lines, key=str.lower) if not LEFT_OUT.match(line))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [environment.venv_python(folder), "-m", "pip", "--disable-pip-version-check"]
        wanted = ["-r", "requirements-test.txt", *environment.torch_options()]
        subprocess.run([*pip, "install", *wanted], check=True, cwd=ROOT)
        frozen = subprocess.run([*pip, "freeze", "--all"], check=True, capture_output=True, text=True).stdout
        size = subprocess.run(["du", "-sh", folder], capture_output=True, text=True).stdout.split()[:1]
    (ROOT / "constraints.txt").write_text(as_constraints(frozen), encoding="utf-8")
    print("constraints.txt is renewed; that environment takes", *size)


if __name__ == "__main__":
    main()
