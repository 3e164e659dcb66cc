"""The claims the course grew out of, and the verdicts that a chapter's own numbers give them.

    claim = Claim("C26")
    claim.measure("variance of the scaled scores", variances, between=(0.9, 1.1))  # one value a seed
    claim  # as the last line of a cell: shows the verdict

There is no way to type a verdict in: `course.verdicts.decide` computes it from what was measured.
"""

from __future__ import annotations

import difflib
import html
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course.verdicts import Criterion, Measurement, decide, round_measurement, shown
from mha.statistics.intervals import student_interval

__all__ = ["MIME_TYPE", "Claim", "ClaimText", "claims", "read_claims"]

MIME_TYPE = "application/vnd.mha.verdict+json"
MIN_SEEDS = 5
OUTCOMES = {"pass": "pass", "fail": "fail", "undecided": "undecided: the interval spans the criterion"}
CELL = "text-align:left;padding:0.2em 0.6em 0.2em 0;"


@dataclass(frozen=True)
class ClaimText:
    """One row of the table: id, the claim in the book's words, kind ("measured" or "definition"), its chapters."""

    id: str
    text: str
    kind: str
    chapters: tuple[str, ...]


@cache
def claims() -> Mapping[str, ClaimText]:
    """The book's own claims: those of the claims.toml beside this module."""
    return read_claims(files("course").joinpath("claims.toml").read_text(encoding="utf-8"))


def read_claims(toml: str) -> Mapping[str, ClaimText]:
    """The claims of a claims.toml by id, in order. Chapters are paths below chapters/ without their suffix.

    Raises:
        KeyError: an entry lacks id, text, kind or chapters.
    """
    rows = tomllib.loads(toml)["claim"]
    table = {row["id"]: ClaimText(row["id"], row["text"], row["kind"], tuple(row["chapters"])) for row in rows}
    return MappingProxyType(table)


class Claim:
    """A claim of the table, what a chapter measured of it, and the verdict that follows.

    Args:
        id: "C01" to "C57".
    Raises:
        ValueError: there is no such claim. Showing it (or its verdict) without a measurement raises too.
    """

    def __init__(self, id: str) -> None:
        if id not in claims():
            near = difflib.get_close_matches(str(id), claims(), n=3)
            raise ValueError(f"id must be one of C01 to C57, got {id!r}; near it: {', '.join(near) or 'none'}")
        self.text = claims()[id]
        self._measurements: dict[tuple[str, str | None], tuple[Measurement, Criterion]] = {}

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured so far, in order."""
        return tuple(measurement for measurement, _ in self._measurements.values())

    @property
    def verdict(self) -> str:
        """ "holds", "holds if", "fails", "defined" or "undecided"."""
        return self._decide()[0]

    @property
    def condition(self) -> str | None:
        """The condition of "holds if", else None."""
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
        digits: int = 3,
    ) -> None:
        """Add a measurement: a mean over seeds with its 95 % interval (Student's t), or an exact number.

        It passes if the whole interval satisfies the criterion, fails if the whole violates it, else is undecided.

        Args:
            label: what is measured, as a reader would say it.
            values: (n,), n ≥ 5, one for each seed or other independent repetition; for a paired comparison, the
                differences. With `exact`, one number that involves no chance.
            above, below, between: exactly one; `above` and `below` exclude the bound, `between` includes both.
            when: the condition under which this holds, as the words after "holds if". The same label must be measured
                without it too, or under another condition: a condition that was never left was not tested.
            digits: significant digits of the value, at least; the ends of the interval get one less. They are counted
                from the largest number of the measurement, so that a value of no size is shown as 0 and not as
                noise, and more are shown where the outcome or the interval's width could not be read off these.
        Raises:
            ValueError: too few values, one that is not finite, not exactly one criterion, `when` for a definition, a
                label measured twice, or against another criterion on its other side.

        The rounding keeps what is shown the same under relative noise of 1e-6, as between processors, but for one
        number in some 500 that lies by chance at an edge of rounding (digits=2: in 5000; narrow intervals: in 50).
        Round numbers such as 0.125 do not lie there, since a number is rounded after adding 1e-5 of itself. Where
        training amplifies noise, take stored results or fewer digits. For agreement up to noise take `same`.
        """
        numbers = _numbers(label, values, exact)
        low, high = (float(numbers[0]),) * 2 if exact else student_interval(numbers)
        criterion = _criterion(label, above, below, between)
        value, interval = round_measurement(float(numbers.mean()), low, high, criterion, digits)
        outcome = criterion.judge(low, high)
        measurement = Measurement(
            label, value, None if exact else interval, criterion.text, outcome, len(numbers), when or None, unit
        )
        self._add(measurement, criterion)

    def same(self, label: str, a: ArrayLike, b: ArrayLike, atol: float, *, when: str | None = None) -> None:
        """Add a measurement: the largest |a - b|, which passes if it is at most `atol`.

        A difference within `atol` is shown as 0: its digits are rounding noise and differ between processors.

        Raises:
            ValueError: the shapes differ, an entry is not finite, atol is negative; as for `measure`.
        """
        a, b = _float64(a), _float64(b)
        if a.shape != b.shape or a.size == 0:
            raise ValueError(f"a and b of {label!r} must have one shape and not be empty, got {a.shape} and {b.shape}")
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise ValueError(f"a and b of {label!r} must be finite, got NaN or infinity")
        if not atol >= 0:
            raise ValueError(f"atol of {label!r} must be 0 or more, got {atol}")
        distance = float(np.abs(a - b).max())
        criterion = Criterion(f"at most {shown(atol)}", high=atol, closed=True)
        outcome = criterion.judge(distance, distance)
        value = 0.0 if outcome == "pass" else round_measurement(distance, distance, distance, criterion, 3)[0]
        self._add(Measurement(label, value, None, criterion.text, outcome, 1, when or None), criterion)

    def _add(self, measurement: Measurement, criterion: Criterion) -> None:
        if measurement.when and self.text.kind == "definition":
            raise ValueError(f"when must be None for {self.text.id}, which is a definition; got {measurement.when!r}")
        if (measurement.label, measurement.when) in self._measurements:
            raise ValueError(f"label must be new, got {measurement.named()!r} a second time")
        others = {other for shown, other in self._measurements.values() if shown.label == measurement.label}
        if others - {criterion}:
            raise ValueError(
                f"the criterion of {measurement.label!r} must be the same on both sides of a condition, "
                f"got {criterion.text!r} beside {others.pop().text!r}"
            )
        self._measurements[measurement.label, measurement.when] = measurement, criterion

    def _decide(self) -> tuple[str, str | None]:
        if not self._measurements:
            raise ValueError(f"{self.text.id} needs at least one measurement, got none: call measure or same first")
        for one in self.measurements:
            if one.when and not any(m.label == one.label and m.when != one.when for m in self.measurements):
                raise ValueError(
                    f"{one.label!r} must be measured outside {one.when!r} too, under the same label: "
                    f"got one side of the condition"
                )
        return decide(self.text.kind, [(m.label, m.when, m.outcome) for m in self.measurements])

    def _heading(self) -> str:
        verdict, condition = self._decide()
        return f"{verdict} {condition}" if condition else verdict

    def __repr__(self) -> str:
        lines = [f"{self.text.id} {self._heading()}: {self.text.text}"]
        lines += [f"  {m.named()}: {m.numbers()}; {m.criterion}: {OUTCOMES[m.outcome]}" for m in self.measurements]
        return "\n".join(lines)

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
        caption = f"<strong>{self.text.id} {html.escape(self._heading())}</strong>: {html.escape(self.text.text)}"
        return (
            f'<table style="color:inherit;border-collapse:collapse">'
            f'<caption style="{CELL}color:inherit;caption-side:top">{caption}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        verdict, condition = self._decide()
        record = {
            "id": self.text.id,
            "claim": self.text.text,
            "verdict": verdict,
            "condition": condition,
            "measurements": [_record(measurement) for measurement in self.measurements],
        }
        return {"text/plain": repr(self), "text/html": self._repr_html_(), MIME_TYPE: record}


def _unbroken(text: str) -> str:
    """Escaped, and with no line break within "n = 8" or "1e-12"."""
    return html.escape(text).replace("n = ", "n\u00a0=\u00a0").replace("e-", "e\u2011")


def _float64(x: Any) -> NDArray[np.float64]:
    return np.asarray(x.detach().cpu() if hasattr(x, "detach") else x, dtype=np.float64)


def _numbers(label: str, values: ArrayLike, exact: bool) -> NDArray[np.float64]:
    numbers = _float64(values)
    if exact and numbers.ndim:
        raise ValueError(f"values of {label!r} must be one number where exact, got shape {numbers.shape}")
    if not exact and (numbers.ndim != 1 or len(numbers) < MIN_SEEDS):
        raise ValueError(
            f"values of {label!r} must be (n,) with n ≥ {MIN_SEEDS}, one a seed, got shape {numbers.shape}; "
            f"a number without chance is exact=True"
        )
    if not np.isfinite(numbers).all():
        raise ValueError(f"values of {label!r} must be finite, got {numbers[~np.isfinite(numbers)].tolist()}")
    return np.atleast_1d(numbers)


def _criterion(label: str, above: float | None, below: float | None, between: tuple[float, float] | None) -> Criterion:
    given = [name for name, x in (("above", above), ("below", below), ("between", between)) if x is not None]
    if len(given) != 1:
        raise ValueError(
            f"exactly one of above, below, between must be given for {label!r}, got {' and '.join(given) or 'none'}"
        )
    low, high = between if between is not None else (above, below)
    if not all(x is None or math.isfinite(x) for x in (low, high)) or (between and not between[0] <= between[1]):
        raise ValueError(f"{given[0]} of {label!r} must be finite and in order, got {(low, high)}")
    if between is not None:
        return Criterion(f"between {shown(between[0])} and {shown(between[1])}", *between, closed=True)
    if above is not None:
        return Criterion(f"above {shown(above)}", low=above)
    assert below is not None
    return Criterion(f"below {shown(below)}", high=below)


def _record(measurement: Measurement) -> dict[str, Any]:
    """The measurement for the verdict's record, in JSON's types."""
    return {
        "label": measurement.label,
        "value": measurement.value,
        "interval": None if measurement.interval is None else list(measurement.interval),
        "criterion": measurement.criterion,
        "outcome": measurement.outcome,
        "n": measurement.n,
        "when": measurement.when,
        "unit": measurement.unit,
    }
