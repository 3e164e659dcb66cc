"""The columns of a table: how each writes its numbers and sets them under one another."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple, TypeAlias

from mha.validation import check_choice, check_integer

__all__ = ["Cell", "Column", "Interval", "Parts", "Spread", "as_html", "as_text", "parts", "widths"]

FORMS = ("plain", "signed", "scientific", "p")
MISSING = "–"
P_DIGITS = 3
MOST_DIGITS = 12


class Interval(NamedTuple):
    """A value with the interval around it: 1.97 [1.91, 2.02]."""

    value: float
    low: float
    high: float


class Spread(NamedTuple):
    """A value with the least and the most of its runs: 97 (66–100)."""

    value: float
    low: float
    high: float


Cell: TypeAlias = "str | int | float | Interval | Spread | None"


@dataclass(frozen=True)
class Column:
    """What a column holds and how its numbers are written.

    Args:
        head: its name.  unit: stands behind the name, not in the cells.
        digits: behind the decimal point; None for whole numbers and for text. Whole numbers are compared exactly when
            a chapter is run again, so give a percentage that it computes itself one digit.
        main: the column that decides, of which a narrow window shows at least this one; one a table.
        note: what the numbers are, if the name does not say it; stands under the caption.
        form: "plain"; "signed", +0.5 for differences; "scientific", 3e−10; "p", three digits, below that <0.001.
    """

    head: str
    unit: str = ""
    digits: int | None = None
    main: bool = False
    note: str = ""
    form: str = "plain"

    def __post_init__(self) -> None:
        for name in ("head", "unit", "note"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be text, got {getattr(self, name)!r}")
        if not self.head.strip():
            raise ValueError("head must name the column, got nothing")
        check_choice(f"form of {self.head!r}", self.form, FORMS)
        if self.form == "p":
            if self.digits not in (None, P_DIGITS):
                raise ValueError(f"digits of {self.head!r} must be {P_DIGITS} for form 'p', got {self.digits}")
            object.__setattr__(self, "digits", P_DIGITS)
        if self.digits is not None:
            check_integer(f"digits of {self.head!r}", self.digits, at_least=0, at_most=MOST_DIGITS)

    @property
    def title(self) -> str:
        return f"{self.head} ({self.unit})" if self.unit else self.head

    def number(self, place: str, x: Any) -> str:
        """A number as this column writes it; `place` is for the message if it cannot."""
        if isinstance(x, bool) or not isinstance(x, Real):
            kind = type(x).__name__
            raise TypeError(f"{place} must be text, a number, Interval, Spread or None, got {x!r} ({kind})")
        if not math.isfinite(x):
            raise ValueError(f"{place} must be finite, or None where there is no number, got {x}")
        if self.digits is None and not isinstance(x, Integral):
            raise ValueError(f"{place} is {x}, no whole number: its column needs digits")
        if self.form == "p" and not 0 <= float(x) <= 1:
            raise ValueError(f"{place} must be a p-value, from 0 to 1, got {x}")
        smallest = 10.0**-P_DIGITS
        return f"<{smallest}" if self.form == "p" and float(x) < smallest else self._written(x)

    def _written(self, x: Any) -> str:
        sign = "+" if self.form == "signed" else ""
        kind = "e" if self.form == "scientific" else "f"
        text = f"{int(x):{sign},d}" if self.digits is None else f"{float(x):{sign},.{self.digits}{kind}}"
        if not any(digit in text for digit in "123456789"):
            text = sign + text.lstrip("+-")  # no negative nought
        return text.replace("-", "−")


class Parts(NamedTuple):
    """A cell in the pieces that stand under one another: value, low, high, and the marks around the two."""

    texts: tuple[str, str, str]
    marks: tuple[str, str, str] = ("", "", "")
    is_number: bool = True


def parts(place: str, cell: Cell, column: Column) -> Parts:
    """A cell as its column writes it; a word, or the sign that there is nothing, is a value alone."""
    if cell is None or isinstance(cell, str):
        return Parts((MISSING if cell is None else cell, "", ""), is_number=False)
    if not isinstance(cell, Interval | Spread):
        return Parts((column.number(place, cell), "", ""))
    value, low, high = (column.number(place, x) for x in cell)
    if not cell.low <= cell.high:
        raise ValueError(f"{place} must have low at most high, got {cell}")
    between = " to " if low.startswith("−") else "–"
    return Parts((value, low, high), (" [", ", ", "]") if isinstance(cell, Interval) else (" (", between, ")"))


class Widths(NamedTuple):
    """What takes most room among the bounds of a column: a low one, a high one, the marks around them."""

    low: str
    high: str
    marks: str


def widths(column: list[Parts]) -> Widths:
    low, high = (max((cell.texts[i] for cell in column), key=len) for i in (1, 2))
    return Widths(low, high, max(("".join(cell.marks) for cell in column if cell.texts[1]), key=len, default=""))


def as_text(cell: Parts, room: Widths) -> str:
    """A cell, to be set to the right: with as many digits in each number, and the room of bounds behind each, decimal
    points stand under one another."""
    (value, low, high), (opening, between, closing) = cell.texts, cell.marks
    bounds = f"{opening}{low.rjust(len(room.low))}{between}{high.rjust(len(room.high))}{closing}" if low else ""
    return value + bounds.ljust(len("".join(room))) if cell.is_number else value


def as_html(cell: Parts, room: Widths) -> str:
    """The same for a browser, whose font may draw a point and a digit at different widths: bounds stand in boxes."""
    (value, low, high), (opening, between, closing) = cell.texts, cell.marks
    if not cell.is_number or not room.low:
        return html.escape(value)
    bounds = [opening.lstrip(), box(low, room.low, "right"), between, box(high, room.high, "right"), closing]
    return f"{html.escape(value)} {box(''.join(bounds) if low else '', ''.join(room).lstrip(), 'left')}"


def box(inside: str, room: str, side: str) -> str:
    """As wide as `room` at least, whose digits are one `ch` each, its signs a little more and its points about half."""
    width = sum(1.0 if sign.isalnum() else 1.3 if sign in "−+–" else 0.5 for sign in room)
    return f'<span style="display:inline-block;min-width:{width:.1f}ch;text-align:{side}">{inside}</span>'
