# ruff: noqa: T201
"""Renew constraints.txt: install the pinned requirements into a clean environment and write down what came along.

    python -m tools.lock              what is in constraints.txt keeps its version
    python -m tools.lock --upgrade    everything that no requirements file pins comes at its newest version

Where a new pin needs another version of something kept, pip names the two: take that line out, and lock again. Data
packages are installed too, so that their hashes are tried, but not written down: data-packages.txt pins them.
"""

from __future__ import annotations

import argparse
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
LEFT_OUT = re.compile(r"(pip|mha|nvidia-.*|cuda-.*)==", re.IGNORECASE)

__all__ = ["as_constraints", "kept"]


def kept(constraints: str, requirements: str) -> str:
    """The constraints on what no requirements file pins itself; a pin that was edited there must not be held back."""
    pinned = {canonical(name) for name in re.findall(r"^([\w.-]+)==", requirements, re.MULTILINE)}
    lines = constraints.splitlines(keepends=True)
    return "".join(line for line in lines if canonical(line.partition("==")[0]) not in pinned)


def canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def as_constraints(frozen: str) -> str:
    """The lines of `pip freeze --all` that constrain: no editable package, no local version such as +cpu."""
    lines = [re.sub(r"\+.*", "", line) for line in frozen.splitlines() if re.match(r"[\w.-]+==", line)]
    return HEADER + "".join(f"{line}\n" for line in sorted(lines, key=str.lower) if not LEFT_OUT.match(line))


def freeze(folder: str, wanted: list[str]) -> str:
    """Install what is wanted, and the data packages, into a new environment in the folder; return its `pip freeze`."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [environment.venv_python(folder), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *wanted, *environment.torch_options()], check=True, cwd=ROOT)
    frozen = subprocess.run([*pip, "freeze", "--all"], check=True, capture_output=True, text=True).stdout
    subprocess.run([*pip, "install", *environment.DATA_OPTIONS], check=True, cwd=ROOT)
    return frozen


def main() -> None:
    parser = argparse.ArgumentParser(description="Renew constraints.txt.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions of what no file pins")
    constraints = ROOT / "constraints.txt"
    wanted = ["-r", "requirements-test.txt"]
    with tempfile.TemporaryDirectory() as folder:
        if not parser.parse_args().upgrade:
            pinned = "".join(environment.read(name) for name in ("requirements.txt", "requirements-test.txt"))
            held = Path(folder) / "kept.txt"
            held.write_text(kept(constraints.read_text(encoding="utf-8"), pinned), encoding="utf-8")
            wanted += ["-c", str(held)]
        frozen = freeze(str(Path(folder) / "venv"), wanted)
        size = subprocess.run(["du", "-sh", folder], capture_output=True, text=True).stdout.split()[:1]
    constraints.write_text(as_constraints(frozen), encoding="utf-8")
    print("constraints.txt is renewed; that environment takes", *size)


if __name__ == "__main__":
    main()
