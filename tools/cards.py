# ruff: noqa: T201
"""Write the times that the front page counts on each chapter's card: `python -m tools.cards`; it names what changed."""

from __future__ import annotations

import argparse
import sys

from book.ext.measured_book.card import TIMES, problem, times
from tools.notebooks import ROOT, notebook_paths, read, write

__all__ = ["main"]


def main() -> int:
    for path in notebook_paths():
        notebook = read(path)
        if problem(notebook):
            for cell in notebook.cells:
                if cell.cell_type == "markdown":
                    cell.source = TIMES.sub(f"> **Time**: {times(notebook)}", cell.source)
            write(notebook, path)
            print(f"{path.relative_to(ROOT)}: {times(notebook)}")
    return 0


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # no arguments, but --help
    sys.exit(main())
