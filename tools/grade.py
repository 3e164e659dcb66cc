"""Run a check on every answer in a folder: `python -m tools.grade attention.softmax submissions/`.

An answer is a Python file that defines the function, by the name in the chapter (`my_softmax`), the check's (`softmax`)
or, where no name begins with my_, as its last one. One line of CSV an answer: its name, 1 or 0, the diagnosis, and the
message that the check gives in the notebook. Answers run with your rights: use an account or a container with nothing
to lose.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any

from course.checks.answers import Feedback
from course.checks.diagnosis import Exercise

SECONDS = 30


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run a check on every answer in a folder.")
    parser.add_argument("check", help="chapter and exercise, as in attention.softmax")
    parser.add_argument("folder", type=Path, help="a folder of Python files, one an answer")
    chosen = parser.parse_args(arguments)
    out = csv.writer(sys.stdout)
    out.writerow(["answer", "right", "diagnosis", "message"])
    for path in sorted(chosen.folder.glob("*.py")):
        feedback = judge(exercise(chosen.check), path)
        out.writerow([path.stem, int(feedback.ok), feedback.diagnosis, feedback.message])
    return 0


def exercise(name: str) -> Exercise:
    """The exercise "chapter.name"."""
    chapter, _, check = name.partition(".")
    known = importlib.import_module(f"course.checks.{chapter}").EXERCISES
    if check not in known:
        raise SystemExit(f"{chapter} has no check {check!r}; it has {', '.join(known)}")
    return known[check]


def judge(check: Exercise, path: Path) -> Feedback:
    """What the check says of the function in a file; a file that cannot be run is an answer that fails."""
    try:
        with _limited():
            return check(_function(runpy.run_path(str(path)), check.name))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Feedback(False, "does-not-run", f"the file raised {type(error).__name__}: {error}")


def _function(names: dict[str, Any], name: str) -> Callable[..., Any] | None:
    functions = {key: x for key, x in names.items() if isinstance(x, FunctionType)}
    as_in_the_chapter = any(key.startswith("my_") for key in functions)
    last = None if as_in_the_chapter or not functions else list(functions.values())[-1]
    return functions.get(f"my_{name}", functions.get(name, last))


@contextmanager
def _limited() -> Iterator[None]:
    """Ends an answer that takes too long, where the system can."""

    def stop(*_: Any) -> None:
        raise TimeoutError(f"it took longer than {SECONDS} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    raise SystemExit(main())
