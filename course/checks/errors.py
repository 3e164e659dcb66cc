"""What is said of an error that a learner's function raised: where, which arrays with which axes, what to write."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any

from course.checks.answers import NotRight
from course.checks.edits import FILE
from course.checks.scene import Scene, find
from course.checks.signature import Axes
from course.checks.translations import TRANSLATIONS

__all__ = ["describe", "likeness", "place", "told"]

LONGEST_LINE = 120
LONGEST_TEXT = 300
IN_PLACE = re.compile(r"(with shapes (\([\d,]*\)) \([\d,]*\)) \2")


def describe(fn: Callable[..., Any], error: BaseException, axes: Axes, called: str) -> NotRight:
    """The diagnosis and message for an error: translated where its kind is known, quoted where not."""
    frame, whole, expression = find(error)
    scene = Scene(_text(error), frame, whole, expression, axes, _source(fn))
    where = f" in `{_short(whole)}`" if whole else ""
    for pattern, translate in TRANSLATIONS:
        match = re.search(pattern, scene.text, re.DOTALL)
        told = translate(scene, match) if match else None
        if told:
            kind = type(error).__name__
            return NotRight(told[0], f"your function raised {kind}{where}: {told[1]}")
    return NotRight("raises", f"your function raised {scene.text}{where} when called with {called}.")


def told(error: BaseException | None) -> str:
    """An error's kind and text, whatever it does when it is asked for them; x += y says the same as x + y."""
    return IN_PLACE.sub(r"\1", _text(error)) if error else ""


def place(error: BaseException | None) -> str:
    """The learner's expression, or the statement of an edited right answer, that an error came from, or ""."""
    if error is None:
        return ""
    _, line, expression = find(error)
    files = [step.filename for step in traceback.extract_tb(error.__traceback__) if step.filename.startswith(FILE)]
    edited = files[-1].removeprefix(FILE).strip() if files else ""
    return expression or line or edited


def likeness(one: str, other: str) -> float:
    """How much of the shorter of two expressions stands in the other, from 0 to 1; 1 if one of them is not known."""
    a, b = ("".join(text.split(" = ")[-1].split()) for text in (one, other))
    longest = SequenceMatcher(None, a, b, autojunk=False).find_longest_match().size
    return longest / min(len(a), len(b)) if a and b else 1.0


def _text(error: BaseException) -> str:
    try:
        text = f"{type(error).__name__}: {error}".strip().rstrip(":")
    except Exception:  # its own __str__ raises
        text = type(error).__name__
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def _source(fn: Callable[..., Any]) -> str:
    code = getattr(fn, "__code__", None)
    if code is None:
        return ""
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    last = max((number for _, _, number in code.co_lines() if number), default=code.co_firstlineno)
    return "".join(lines[: last - code.co_firstlineno + 1])
