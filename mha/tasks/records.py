"""What a task on text asks and what it expects: one small record an example, wherever it came from."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Asked", "Headed", "Rated", "Span"]


class Headed(NamedTuple):
    """A text and its summary."""

    document: str
    summary: str


class Rated(NamedTuple):
    """A text and whether it speaks well of its subject."""

    text: str
    positive: bool


class Span(NamedTuple):
    """A piece of a passage: it begins at the character `start`, and reads `text`."""

    start: int
    text: str


class Asked(NamedTuple):
    """A question about a passage, and the spans that answer it: none where the passage does not."""

    question: str
    passage: str
    answers: tuple[Span, ...]
