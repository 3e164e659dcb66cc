"""The claims the course grew out of, and the verdicts that a chapter's own numbers give them.

    claim = Claim("C26")
    claim.measure("variance of the scaled scores", variances, between=(0.9, 1.1))  # one value a seed
    claim  # as the last line of a cell: shows the verdict

There is no way to type a verdict in: `course.verdicts.decide` computes it from what was measured.
"""

from __future__ import annotations

import difflib
import html
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course.verdicts import KINDS, NOT_TESTED, OUTCOMES, Criterion, Measurement, decide, round_measurement, shown
from mha.statistics.intervals import student_interval
from mha.validation import check_choice, check_finite, check_integer, check_number, check_texts

__all__ = ["MIME_TYPE", "Claim", "ClaimText", "claims", "read_claims"]

MIME_TYPE = "application/vnd.mha.verdict+json"
MIN_SEEDS = 5
FIXED = ("before", "after")
MOST_WORDS = 45  # of a finding
CELL = "text-align:left;padding:0.2em 0.6em 0.2em 0;"


@dataclass(frozen=True)
class ClaimText:
    """One row of the table: id, the claim in the book's words, kind ("measured" or "definition"), its chapters.

    section: where the article that the claims come from makes it, as its heading reads.
    """

    id: str
    text: str
    kind: str
    chapters: tuple[str, ...]
    section: str


@cache
def claims() -> Mapping[str, ClaimText]:
    """The book's own claims: those of the claims.toml beside this module."""
    return read_claims(files("course").joinpath("claims.toml").read_text(encoding="utf-8"))


def read_claims(toml: str) -> Mapping[str, ClaimText]:
    """The claims of a claims.toml by id, in order. Chapters are paths below chapters/ without their suffix.

    Raises:
        KeyError: an entry lacks id, text, kind, chapters or section.
        ValueError: two have one id, one has no chapters or is of no known kind.
        TypeError: chapters is one string.
    """
    table: dict[str, ClaimText] = {}
    for row in tomllib.loads(toml)["claim"]:
        if row["id"] in table:
            raise ValueError(f"id must be new, got {row['id']!r} a second time")
        check_choice(f"kind of {row['id']}", row["kind"], KINDS)
        chapters = check_texts(f"chapters of {row['id']}", row["chapters"])
        table[row["id"]] = ClaimText(row["id"], row["text"], row["kind"], tuple(chapters), row["section"])
    return MappingProxyType(table)


class Claim:
    """A claim of the table, what a chapter measured of it, and the verdict that follows.

    Args:
        id: "C01" to "C57".
        fixed: whether the criteria were fixed "before" the numbers they judge were seen, or "after".
        scale: where the claim is about larger models than those measured, what was measured, as in "half a million
            parameters": the verdict is then "not tested at this scale", whatever came out.
    Raises:
        ValueError: there is no such claim; fixed is another word; a scale says nothing, or stands beside a definition.
            Showing it (or its verdict) without a measurement raises too.
    """

    def __init__(self, id: str, *, fixed: str | None = None, scale: str | None = None) -> None:
        if id not in claims():
            near = difflib.get_close_matches(str(id), claims(), n=3)
            raise ValueError(f"id must be one of C01 to C57, got {id!r}; near it: {', '.join(near) or 'none'}")
        self.row = claims()[id]
        if fixed is not None:
            check_choice("fixed", fixed, FIXED)
        self.fixed = fixed
        self.finding: str | None = None
        if scale is not None and (self.row.kind == "definition" or not str(scale).strip()):
            raise ValueError(f"scale must say what was measured of a claim that is no definition, got {scale!r}")
        self.scale = scale
        self._measurements: dict[tuple[str, str | None], tuple[Measurement, Criterion]] = {}

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured so far, in order."""
        return tuple(measurement for measurement, _ in self._measurements.values())

    @property
    def verdict(self) -> str:
        """ "holds", "holds if", "fails", "defined", "undecided" or "not tested at this scale"."""
        return self._decide()[0]

    @property
    def condition(self) -> str | None:
        """The condition of "holds if", what was measured where the scale does not suffice, else None."""
        return self._decide()[1]

    def measure(
        self,
        label: str,
        values: ArrayLike,
        *,
        above: float | None = None,
        below: float | None = None,
        between: tuple[float, float] | None = None,
        when: str | None = None,
        unit: str = "",
        exact: bool = False,
        interval: tuple[float, float] | None = None,
        n: int | None = None,
        within: tuple[float, float] | None = None,
        digits: int = 3,
    ) -> None:
        """Add a measurement: a mean over seeds with its 95 % interval (Student's t), or an exact number.

        A figure that is no mean, as a slope, comes with an interval of its own, as from a bootstrap.

        It passes if the whole interval satisfies the criterion, fails if the whole violates it, else is undecided.

        Args:
            label: what is measured, as a reader would say it.
            values: (n,), n ≥ 5, one for each seed or other independent repetition; for a paired comparison, the
                differences. With `exact`, one number that involves no chance.
            above, below, between: exactly one; `above` and `below` exclude the bound, `between` includes both.
            interval, n: the 95 % interval of `values`, then one number, and how many units it was drawn over.
            when: the condition under which this holds, as the words after "holds if". The same label must be measured
                without it too, or under another condition: a condition that was never left was not tested.
            within: what is possible, as (0, 100) for percentages: the interval is cut there.
            digits: significant digits of the value, at least; the ends of the interval get one less. They are counted
                from the largest number of the measurement, so that a value of no size is shown as 0 and not as
                noise, and more are shown where the outcome or the interval's width could not be read off these.
        Raises:
            ValueError: too few values, one that is not finite or not possible, not exactly one criterion, `when` for a
                definition, a label measured twice, or against another criterion on its other side.
            TypeError: values or bounds are no numbers, label, when or unit no text.

        The rounding keeps what is shown the same under relative noise of 1e-6, as between processors, but for one
        number in some 500 that lies by chance at an edge of rounding (digits=2: in 5000; narrow intervals: in 50).
        Round numbers such as 0.125 do not lie there, since a number is rounded after adding 1e-5 of itself. Where
        training amplifies noise, take stored results or fewer digits. For agreement up to noise take `same`.
        """
        _check_words(label=label, when=when, unit=unit)
        value, low, high, count = _estimate(label, values, exact, interval, n)
        if within is not None:
            low, high = _cut(label, low, high, check_finite(f"values of {label!r}", values), within)
        criterion = _criterion(label, above, below, between)
        shown_value, ends = round_measurement(value, low, high, criterion, digits)
        outcome = criterion.judge(low, high)
        measurement = Measurement(
            label, shown_value, None if exact else ends, criterion.text, outcome, count, when, unit
        )
        self._add(measurement, criterion)

    def same(self, label: str, a: ArrayLike, b: ArrayLike, atol: float, *, when: str | None = None) -> None:
        """Add a measurement: the largest |a - b|, which passes if it is at most `atol`.

        A difference within `atol` is shown as 0: its digits are rounding noise and differ between processors.

        Raises:
            ValueError: the shapes differ, an entry is not finite, atol is negative or not finite; as for `measure`.
        """
        _check_words(label=label, when=when)
        a, b = check_finite(f"a of {label!r}", a), check_finite(f"b of {label!r}", b)
        if a.shape != b.shape or a.size == 0:
            raise ValueError(f"a and b of {label!r} must have one shape and not be empty, got {a.shape} and {b.shape}")
        atol = check_number(f"atol of {label!r}", atol, at_least=0)
        distance = float(np.abs(a - b).max())
        criterion = Criterion(f"at most {shown(atol)}", high=atol, closed=True)
        outcome = criterion.judge(distance, distance)
        value = 0.0 if outcome == "pass" else round_measurement(distance, distance, distance, criterion, 3)[0]
        self._add(Measurement(label, value, None, criterion.text, outcome, 1, when), criterion)

    def find(self, finding: str) -> None:
        """Say in one plain sentence what was found, in numbers computed beside it: it opens the claim's account.

        Raises:
            TypeError: it is no text.  ValueError: it ends without a period, or has more than 45 words.
        """
        if not isinstance(finding, str):
            raise TypeError(f"finding must be text, got {finding!r}")
        words = finding.split()
        if not finding.strip().endswith(".") or len(words) > MOST_WORDS:
            raise ValueError(
                f"a finding is one sentence of at most {MOST_WORDS} words with a period, got {len(words)}: {finding!r}"
            )
        self.finding = re.sub(r"(?<=\d)%", " %", " ".join(words))  # as the book writes it

    def _add(self, measurement: Measurement, criterion: Criterion) -> None:
        if measurement.when and self.row.kind == "definition":
            raise ValueError(f"when must be None for {self.row.id}, which is a definition; got {measurement.when!r}")
        if (measurement.label, measurement.when) in self._measurements:
            raise ValueError(f"label must be new, got {measurement.named()!r} a second time")
        others = {other for known, other in self._measurements.values() if known.label == measurement.label}
        if others - {criterion}:
            raise ValueError(
                f"the criterion of {measurement.label!r} must be the same on both sides of a condition, "
                f"got {criterion.text!r} beside {others.pop().text!r}"
            )
        self._measurements[measurement.label, measurement.when] = measurement, criterion

    def _decide(self) -> tuple[str, str | None]:
        if not self._measurements:
            raise ValueError(f"{self.row.id} needs at least one measurement, got none: call measure or same first")
        for one in self.measurements:
            if one.when and not any(m.label == one.label and m.when != one.when for m in self.measurements):
                raise ValueError(
                    f"{one.label!r} must be measured outside {one.when!r} too, under the same label: "
                    f"got one side of the condition"
                )
        decided = decide(self.row.kind, [(m.label, m.when, m.outcome) for m in self.measurements])
        return (NOT_TESTED, self.scale) if self.scale else decided

    def _heading(self) -> str:
        verdict, condition = self._decide()
        if verdict == NOT_TESTED:
            return f"{verdict}, {condition}"
        return f"{verdict} {condition}" if condition else verdict

    def __repr__(self) -> str:
        lines = [f"{self.row.id} {self._heading()}: {self.row.text}", *self._remarks()]
        return "\n".join([*lines, *(f"  {measurement.line()}" for measurement in self.measurements)])

    def _remarks(self) -> list[str]:
        """What was found, and when its criteria were fixed, as far as they are said."""
        when = f"Criteria fixed {self.fixed} the numbers were seen." if self.fixed else None
        return [words for words in (self.finding, when) if words]

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="{CELL}font-weight:normal">{html.escape(m.named())}</th>'
            + "".join(
                f'<td style="{CELL}">{_unbroken(x)}</td>' for x in (m.numbers(), m.criterion, OUTCOMES[m.outcome])
            )
            + "</tr>"
            for m in self.measurements
        )
        heads = "".join(
            f'<th scope="col" style="{CELL}">{name}</th>' for name in ("measured", "value", "criterion", "outcome")
        )
        caption = f"<strong>{self.row.id} {html.escape(self._heading())}</strong>: {html.escape(self.row.text)}"
        caption += "".join(f"<br>{html.escape(words)}" for words in self._remarks())
        return (
            f'<table style="color:inherit;border-collapse:collapse">'
            f'<caption style="{CELL}color:inherit;caption-side:top">{caption}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        verdict, condition = self._decide()
        record = {
            "id": self.row.id,
            "claim": self.row.text,
            "verdict": verdict,
            "condition": condition,
            "finding": self.finding,
            "fixed": self.fixed,
            "measurements": [_record(measurement) for measurement in self.measurements],
        }
        return {"text/plain": repr(self), "text/html": self._repr_html_(), MIME_TYPE: record}


def _unbroken(text: str) -> str:
    """Escaped, and with no line break within "n = 8" or "1e-12"."""
    return html.escape(text).replace("n = ", "n\u00a0=\u00a0").replace("e-", "e\u2011")


def _check_words(*, label: str, when: str | None = None, unit: str = "") -> None:
    for name, words in (("label", label), ("when", when), ("unit", unit)):
        if words is not None and not isinstance(words, str):
            raise TypeError(f"{name} must be text, got {words!r}")
    if not label.strip() or (when is not None and not when.strip()):
        raise ValueError(f"label and when must say something, got {label!r} and {when!r}")


def _estimate(
    label: str, values: ArrayLike, exact: bool, interval: tuple[float, float] | None, n: int | None
) -> tuple[float, float, float, int]:
    """The value, the ends of its interval, and over how many values or units it goes."""
    if interval is None:
        numbers = _numbers(label, values, exact)
        ends = (float(numbers[0]),) * 2 if exact else student_interval(numbers)
        return float(numbers.mean()), *ends, len(numbers)
    if exact:
        raise ValueError(f"interval of {label!r} must be left out where the value is exact, got {interval}")
    value, (low, high) = float(_numbers(label, values, True)[0]), _pair(f"interval of {label!r}", interval)
    if not low <= value <= high:
        raise ValueError(f"interval of {label!r} must hold its value {value}, got ({low}, {high})")
    return value, low, high, check_integer(f"n of {label!r}", n, at_least=MIN_SEEDS)


def _numbers(label: str, values: ArrayLike, exact: bool) -> NDArray[np.float64]:
    numbers = check_finite(f"values of {label!r}", values)
    if exact and numbers.ndim:
        raise ValueError(f"values of {label!r} must be one number where exact, got shape {numbers.shape}")
    if not exact and (numbers.ndim != 1 or len(numbers) < MIN_SEEDS):
        raise ValueError(
            f"values of {label!r} must be (n,) with n ≥ {MIN_SEEDS}, one a seed, got shape {numbers.shape}; "
            f"a number without chance is exact=True"
        )
    return np.atleast_1d(numbers)


def _cut(
    label: str, low: float, high: float, numbers: NDArray[np.float64], within: tuple[float, float]
) -> tuple[float, float]:
    """An interval cut at what is possible."""
    least, most = _pair(f"within of {label!r}", within)
    if numbers.min() < least or numbers.max() > most:
        raise ValueError(
            f"values of {label!r} must lie within {shown(least)} and {shown(most)}, "
            f"got {shown(numbers.min())} to {shown(numbers.max())}"
        )
    return max(low, least), min(high, most)


def _criterion(label: str, above: float | None, below: float | None, between: tuple[float, float] | None) -> Criterion:
    given = [name for name, x in (("above", above), ("below", below), ("between", between)) if x is not None]
    if len(given) != 1:
        raise ValueError(
            f"exactly one of above, below, between must be given for {label!r}, got {' and '.join(given) or 'none'}"
        )
    if between is not None:
        low, high = _pair(f"between of {label!r}", between)
        text = f"exactly {shown(low)}" if low == high else f"between {shown(low)} and {shown(high)}"
        return Criterion(text, low, high, closed=True)
    bound = check_number(f"{given[0]} of {label!r}", above if below is None else below)
    text = f"{given[0]} {shown(bound)}"
    return Criterion(text, low=bound) if below is None else Criterion(text, high=bound)


def _pair(name: str, between: tuple[float, float]) -> tuple[float, float]:
    if not isinstance(between, tuple | list) or len(between) != 2:
        raise TypeError(f"{name} must be (low, high), got {between!r}")
    low, high = (check_number(name, bound) for bound in between)
    if low > high:
        raise ValueError(f"{name} must be (low, high) in this order, got ({shown(low)}, {shown(high)})")
    return low, high


def _record(measurement: Measurement) -> dict[str, Any]:
    """The measurement for the verdict's record, in JSON's types."""
    interval = None if measurement.interval is None else list(measurement.interval)
    return asdict(measurement) | {"interval": interval}
