"""In Google Colab, in the course's folder: install what the course imports and Colab lacks, and the data packages.

Colab's own torch, NumPy and the like stay, since to replace them takes minutes and a restart. What words an output by
its version comes at the pin whatever is there.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from tools.environment import DATA_OPTIONS

ROOT = Path(__file__).resolve().parent.parent
EXACT = {"babel"}  # another version of the Unicode CLDR words some dates and amounts otherwise

__all__ = ["installed", "missing"]


def installed(package: str) -> str | None:
    """The version of a package that is here, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing(root: Path, version: Callable[[str], str | None] = installed) -> list[str]:
    """What pip is to bring, as "tokenizers==0.23.3": of the course's dependencies those that are not there.

    Args:
        root: the course's folder, with its pyproject.toml and requirements.txt.
        version: says which version of a package is there, None for none.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project.get("optional-dependencies", {}).get("chapters", [])]
    names = [re.match(r"[\w.-]+", wanted)[0] for wanted in asked]
    lines = (root / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", lines, re.MULTILINE))
    lacking = [name for name in names if version(name) is None or (name in EXACT and version(name) != pins[name])]
    return [f"{name}=={pins[name]}" for name in lacking]


def main() -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    wanted = missing(ROOT)
    if wanted:
        subprocess.run([*pip, *wanted], check=True)
    subprocess.run([*pip, *DATA_OPTIONS], check=True, cwd=ROOT)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # no arguments, but --help
    main()
