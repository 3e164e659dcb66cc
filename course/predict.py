"""Predict, then run: the cell after a question says which of its choices came out true.

    from course.predict import settle

    settle(a=leader == "sky", b=leader == "brick", c=leader == "sand")  # as the last line of the cell

The letter is computed and stored in the cell's output; the built page takes it from there. `questions` reads the
questions themselves from a chapter's text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["MIME_TYPE", "Question", "Settled", "questions", "settle", "settled_letter"]

MIME_TYPE = "application/vnd.mha.settled+json"
LETTERS = "abcd"
FEWEST = 2
BOOLEANS = {"bool", "torch.bool"}  # the dtypes of NumPy's and torch's
QUESTION = re.compile(r"^> \*\*Predict\.\*\*.*(?:\n>.*)*", re.MULTILINE)
CHOICE = re.compile(r"^> ?[-*+] +\*\*(\w+)\*\*", re.MULTILINE)


@dataclass(frozen=True)
class Settled:
    """The choice that came out true; shown as a sentence, stored as its letter."""

    letter: str

    def __repr__(self) -> str:
        return f"The answer is {self.letter}."

    def _repr_html_(self) -> str:
        # JupyterLab shows the first line of a folded output in its place; that one must not be the answer.
        return f" \n<p>The answer is <strong>{self.letter}</strong>.</p>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._repr_html_(), MIME_TYPE: {"letter": self.letter}}


def settle(**choices: Any) -> Settled:
    """Which of the choices is true.

    Args:
        choices: a and b, or a to c, or a to d, each true or false: a bool, or NumPy's or torch's for one element.
    Returns:
        What a notebook shows as "The answer is b."
    Raises:
        ValueError: other names than these, or not exactly one choice is true.
        TypeError: a choice is neither true nor false: a number, or an array of several.
    """
    names = "".join(sorted(choices))
    if names != LETTERS[: len(choices)] or len(choices) < FEWEST:
        got = ", ".join(choices) or "none"
        raise ValueError(f"the choices must be a and b, or a to c, or a to d, got {got}")
    true = [letter for letter in names if truth(letter, choices[letter])]
    if len(true) != 1:
        got = " and ".join(true) or "none"
        raise ValueError(f"exactly one choice must be true, got {got} of {', '.join(names)}")
    return Settled(true[0])


def truth(letter: str, value: Any) -> bool:
    """A choice as a plain bool."""
    if isinstance(value, bool):
        return value
    shape = tuple(getattr(value, "shape", ()))
    if str(getattr(value, "dtype", "")) not in BOOLEANS:
        raise TypeError(f"{letter} must be true or false, got {str(value)[:60]} ({type(value).__name__}): compare it")
    if shape not in ((), (1,)):
        raise TypeError(f"{letter} must be one true or false, got an array of shape {shape}: take .all() or .any()")
    return bool(value)


@dataclass(frozen=True)
class Question:
    """A blockquote that begins `**Predict.**`, as a chapter's Markdown holds it."""

    text: str

    @property
    def letters(self) -> list[str]:
        """Of the bullets that begin with one; empty where the question has no choices."""
        return CHOICE.findall(self.text)

    @property
    def key(self) -> str:
        """A name that stays while the question does, so that a remembered answer belongs to what was asked."""
        return hashlib.sha256(" ".join(self.text.split()).encode()).hexdigest()[:10]


def questions(markdown: str) -> list[Question]:
    """The questions of a Markdown cell, in order."""
    return [Question(found.group()) for found in QUESTION.finditer(markdown)]


def settled_letter(cell: Mapping[str, Any]) -> str | None:
    """The letter that a code cell has stored; None where it settles nothing."""
    records = (output.get("data", {}).get(MIME_TYPE) for output in cell.get("outputs", []))
    return next((record.get("letter") for record in records if isinstance(record, Mapping)), None)
