"""How an exercise is judged in which a learner marks the sentences that may be said of a measurement.

    may_be_said = Statements(
        "may_be_said",
        {
            "a": Statement(True, "the interval holds 0, and this says just that."),
            "b": Statement(False, "no difference was shown: that is not a difference of none."),
        },
    )

In a notebook, `check.may_be_said("a")` returns what to show, and the stub is `check.may_be_said(...)`. What is told of
a sentence holds for it whether it was marked or left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course.checks.answers import Feedback

__all__ = ["Statement", "Statements"]


@dataclass(frozen=True)
class Statement:
    """Whether a sentence may be said, and why: one that begins in lower case and ends in a full stop."""

    may: bool
    why: str

    def __post_init__(self) -> None:
        if not self.why or self.why[0].isupper() or not self.why.endswith("."):
            raise ValueError(f"why must begin in lower case and end in a full stop, got {self.why!r}")


@dataclass(frozen=True)
class Statements:
    """Sentences, some of which may be said; see the module's own text.

    Args:
        name: as in the chapter.  sentences: by letter; both kinds are there.
    """

    name: str
    sentences: Mapping[str, Statement]

    def __post_init__(self) -> None:
        if {statement.may for statement in self.sentences.values()} != {True, False}:
            raise ValueError(
                f"{self.name} must hold sentences of both kinds, some that may be said and some that may not"
            )
        object.__setattr__(self, "__doc__", f"Check which of {', '.join(self.sentences)} may be said.")

    def __repr__(self) -> str:
        return f"<check of {self.name}: {', '.join(self.sentences)}>"

    def __call__(self, *letters: Any) -> Feedback:
        """Judge the letters of the sentences that may be said, in any order; "ab" and ["a", "b"] are read too.

        Returns:
            Feedback: diagnosis "correct", "unfinished", "letter" (there is none such), "oversteps-b" (the first that
            may not be said) or "left-out-a" (all that were marked are right, and one is missing).
        """
        marked = _letters(letters)
        if not marked:
            return Feedback(
                False, "unfinished", "put the letters of the sentences in place of the dots, as in 'a', 'b'."
            )
        if unknown := [letter for letter in marked if letter not in self.sentences]:
            known = ", ".join(self.sentences)
            return Feedback(False, "letter", f"{unknown[0]!r} is none of the sentences, which are {known}.")
        wrong = [letter for letter in self.sentences if letter in marked and not self.sentences[letter].may]
        if wrong:
            more = f" {_listed(wrong[1:])} too." if wrong[1:] else ""
            return Feedback(
                False, f"oversteps-{wrong[0]}", f"({wrong[0]}) oversteps: {self.sentences[wrong[0]].why}{more}"
            )
        missing = [letter for letter, statement in self.sentences.items() if statement.may and letter not in marked]
        if missing:
            why = self.sentences[missing[0]].why
            return Feedback(False, f"left-out-{missing[0]}", f"right so far; ({missing[0]}) may be said as well: {why}")
        told = " ".join(f"({letter}) {self.sentences[letter].why}" for letter in self.sentences if letter not in marked)
        return Feedback(True, "correct", f"{_listed(sorted(marked))} may be said. What the others overstep: {told}")


def _letters(given: tuple[Any, ...]) -> set[str]:
    """The letters in strings, lists and sets of them; dots and None are none."""
    found: set[str] = set()
    for part in given:
        if isinstance(part, str):
            found |= {letter for letter in part.lower().replace(" and ", " ") if letter.isalnum()}
        elif isinstance(part, list | tuple | set | frozenset):
            found |= _letters(tuple(part))
        elif part is not ... and part is not None:
            found.add(repr(part))
    return found


def _listed(letters: list[str]) -> str:
    return ", ".join(f"({letter})" for letter in letters)
