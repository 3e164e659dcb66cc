"""The plain-Markdown forms that carry a number: exercises and labelled equations.

A notebook writes `#### Exercise 2 (build, ★★, 10 min)`, and ends a labelled equation in `\\tag{3}` and `$$ (label)`, so
that every reader shows the number. The book counts for itself; what is written is compared with the count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

KINDS = ("compute", "build", "think")
FORM = "#### Exercise 2 (build, ★★, 10 min), of a kind compute, build or think"
HEADING = re.compile(
    rf"#### Exercise (?P<number>\d+) \((?P<kind>{'|'.join(KINDS)}), (?P<stars>★{{1,3}}), (?P<minutes>\d+) min\)"
)
BEGIN = "#### Exercise"
FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
LABELLED = re.compile(r"^\$\$\n(?P<tex>(?:(?!^\$\$).)*?)\n\$\$ \((?P<label>[\w-]+)\)$", re.MULTILINE | re.DOTALL)
TAG = re.compile(r" ?\\tag\{(?P<number>\d+)\}$")

__all__ = ["BEGIN", "FORM", "Exercise", "equations", "exercises", "without_code", "without_numbers"]


@dataclass(frozen=True)
class Exercise:
    """An exercise as its heading announces it; `stars` from 1, easy, to 3, hard."""

    number: int
    kind: str
    stars: int
    minutes: int

    @classmethod
    def parse(cls, heading: str) -> Exercise:
        """The exercise that a heading announces.

        Raises:
            ValueError: the heading has another form.
        """
        found = HEADING.fullmatch(heading.strip())
        if found is None:
            raise ValueError(f"an exercise's heading is {heading.strip()!r}, expected {FORM}")
        return cls(int(found["number"]), found["kind"], len(found["stars"]), int(found["minutes"]))


def without_code(markdown: str) -> str:
    """Markdown without its fenced blocks of code."""
    return FENCED.sub("", markdown)


def exercises(markdown: str) -> Iterator[Exercise]:
    """The exercises that a text announces, in order.

    Raises:
        ValueError: a heading begins as an exercise's does and has another form.
    """
    lines = without_code(markdown).splitlines()
    return (Exercise.parse(line) for line in lines if line.startswith(BEGIN))


def equations(markdown: str) -> Iterator[tuple[str, int | None]]:
    """(label, number written in it or None) for each labelled equation of a text, in order."""
    for equation in LABELLED.finditer(without_code(markdown)):
        tag = TAG.search(equation["tex"])
        yield equation["label"], int(tag["number"]) if tag else None


def without_numbers(markdown: str) -> str:
    """The text with the numbers taken out of its labelled equations, for a page that numbers them itself."""
    return LABELLED.sub(lambda equation: f"$$\n{TAG.sub('', equation['tex'])}\n$$ ({equation['label']})", markdown)
