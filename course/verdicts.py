"""Measurements and verdicts: an interval against a criterion gives an outcome, the outcomes give the verdict.

Pure functions of numbers; `course.claims` collects the numbers and shows what follows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mha.validation import check_choice, check_integer

__all__ = [
    "IN_PART",
    "KINDS",
    "NOT_TESTED",
    "OUTCOMES",
    "VERDICTS",
    "Criterion",
    "Measurement",
    "combine",
    "decide",
    "round_measurement",
    "shown",
]

KINDS = ("measured", "definition")
OUTCOMES = {"pass": "pass", "fail": "fail", "undecided": "undecided: the interval spans the criterion"}  # as they read
NOT_TESTED = "not tested at this scale"  # what was measured cannot judge a claim about larger models
IN_PART = "holds in part"  # what was tested of it holds; a chapter that tests another part is not there yet
VERDICTS = ("holds", "holds if", "fails", "defined", "undecided", NOT_TESTED, IN_PART)
NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?)"
FORMS = {"above": rf"above {NUMBER}", "below": rf"below {NUMBER}", "most": rf"at most {NUMBER}"}
FORMS |= {"between": rf"between {NUMBER} and {NUMBER}", "exactly": rf"exactly {NUMBER}"}


@dataclass(frozen=True)
class Criterion:
    """The range a measurement must lie in. `low` and `high` themselves belong to it only if `closed`."""

    text: str
    low: float = -math.inf
    high: float = math.inf
    closed: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"low ({self.low}) must be at most high ({self.high})")

    @classmethod
    def parse(cls, text: str) -> Criterion:
        """The criterion that a stored verdict words as "above 0", "between 0.9 and 1.1" and the like.

        Raises:
            ValueError: it is worded otherwise.
        """
        plain = text.replace("\u2212", "-")
        found = {form: match for form, pattern in FORMS.items() if (match := re.fullmatch(pattern, plain))}
        if not found:
            raise ValueError(f"a criterion is worded as {', '.join(FORMS)} and numbers, got {text!r}")
        (form, match), *_ = found.items()
        numbers = [float(number) for number in match.groups()]
        low = -math.inf if form in ("below", "most") else numbers[0]
        high = math.inf if form == "above" else numbers[-1]
        return cls(text, low, high, closed=form in ("most", "between", "exactly"))

    def judge(self, low: float, high: float) -> str:
        """ "pass" if all of [low, high] satisfies the criterion, "fail" if all violates it, else "undecided".

        Raises:
            ValueError: low is above high, or one is NaN.
        """
        if not low <= high:
            raise ValueError(f"low ({low}) must be at most high ({high})")
        if self._holds(low) and self._holds(high):
            return "pass"
        beyond = (high < self.low or low > self.high) if self.closed else (high <= self.low or low >= self.high)
        return "fail" if beyond else "undecided"

    def _holds(self, x: float) -> bool:
        return self.low <= x <= self.high if self.closed else self.low < x < self.high


@dataclass(frozen=True)
class Measurement:
    """One measured number of a claim, as it is shown: rounded so that another processor shows the same.

    `value` and `interval` are rounded (see `Claim.measure`), and always bear the outcome out; `interval` is None for
    an exact number.
    """

    label: str
    value: float
    interval: tuple[float, float] | None
    criterion: str
    outcome: str
    n: int
    when: str | None = None
    unit: str = ""

    def numbers(self) -> str:
        """ "0.87 [0.85, 0.89] ms, n = 5"; "0.87 ms" where no chance is involved; "1 each time, n = 5" of equal numbers,
        whose interval has no width and says nothing of how rare others are."""
        unit = f" {self.unit}" if self.unit else ""
        if self.interval is None:
            return f"{shown(self.value)}{unit}"
        low, high = _evenly(*self.interval)
        value = _evenly(self.value, self.interval[0], self.interval[1])[0]
        spread = f"{unit} each time" if low == high else f" [{low}, {high}]{unit}"
        return f"{value}{spread}, n = {self.n}"

    def named(self) -> str:
        """The label, with the condition if there is one."""
        return f"{self.label}, when {self.when}" if self.when else self.label

    def line(self) -> str:
        """What, how much, between what, from how many, what was asked of it, and what came out."""
        return f"{self.named()}: {self.numbers()}; {self.criterion}: {OUTCOMES[self.outcome]}"


def decide(kind: str, outcomes: Iterable[tuple[str, str | None, str]]) -> tuple[str, str | None]:
    """The verdict on a claim, from what was measured and nothing else.

    Args:
        kind: "measured" or "definition".
        outcomes: (label, condition or None, "pass" | "fail" | "undecided") of each measurement.
    Returns:
        The verdict and, for "holds if", the condition. A definition is "defined" if all pass, "fails" if any fails,
        else "undecided". A measured claim needs every label to bear it out, each judged by itself:
        - holds: it passes without a condition, and fails under none.
        - holds if: it passes under a condition and fails without it (or under another): both sides are measured.
        - fails: it fails without a condition, or was measured under conditions alone and fails, and passes under none.
        - undecided: anything else.
        One label that fails makes the claim fail; else one undecided leaves it so, unless every label passes under one
        condition and one of them fails without it: then the claim holds if that is so. Else conditions add up.
    Raises:
        ValueError: nothing was measured, or another kind or outcome.
    """
    rows = list(outcomes)
    check_choice("kind", kind, KINDS)
    for _, _, outcome in rows:
        check_choice("outcome", outcome, OUTCOMES)
    if not rows:
        raise ValueError("a verdict needs at least one measurement, got none: call measure or same first")
    if kind == "definition":
        seen = {outcome for _, _, outcome in rows}
        return ("fails" if "fail" in seen else "undecided" if "undecided" in seen else "defined"), None
    verdicts = [
        _decide_label([(c, o) for name, c, o in rows if name == label]) for label in _unique(r[0] for r in rows)
    ]
    if any(verdict == "fails" for verdict, _ in verdicts):
        return "fails", None
    if any(verdict == "undecided" for verdict, _ in verdicts):
        under = _conditions_of_all(rows)
        return ("holds if", " or ".join(under)) if under else ("undecided", None)
    conditions = _unique(condition for _, condition in verdicts if condition)
    return ("holds if", " and ".join(conditions)) if conditions else ("holds", None)


def _decide_label(rows: list[tuple[str | None, str]]) -> tuple[str, str | None]:
    general = next((outcome for condition, outcome in rows if condition is None), None)
    passing = [condition for condition, outcome in rows if condition is not None and outcome == "pass"]
    if all(outcome != "fail" for _, outcome in rows):
        return ("holds", None) if general == "pass" else ("undecided", None)
    if passing:
        return "holds if", " or ".join(passing)
    return ("fails", None) if general in ("fail", None) else ("undecided", None)


def _conditions_of_all(rows: list[tuple[str, str | None, str]]) -> list[str]:
    """The conditions under which every label passes, if the claim fails without: a label that is undecided there adds
    nothing to that failure and takes nothing away."""
    found: dict[tuple[str, str | None], set[str]] = {}
    for label, condition, outcome in rows:
        found.setdefault((label, condition), set()).add(outcome)
    labels = _unique(label for label, _, _ in rows)
    if not any("fail" in found.get((label, None), ()) for label in labels):
        return []
    conditions = _unique(condition for _, condition, _ in rows if condition)
    return [c for c in conditions if all(found.get((n, c), found.get((n, None))) == {"pass"} for n in labels)]


def round_measurement(
    value: float, low: float, high: float, criterion: Criterion, digits: int
) -> tuple[float, tuple[float, float]]:
    """A value and its interval, rounded so that noise does not show and the outcome does.

    Args:
        value, low, high: low ≤ value ≤ high.
        digits: significant digits of the value, counted from the largest of the three; the ends get one less (all the
            same if the interval has no width). More where needed: the rounded interval holds the rounded value, has the
            outcome of the interval, and, if that is wider than a thousandth of its ends, its width to within a third.
    Returns:
        value, (low, high).
    Raises:
        ValueError: low, value and high are not finite and in this order; digits is below 1 or above 15.
    """
    check_integer("digits", digits, at_least=1, at_most=15)
    if not -math.inf < low <= value <= high < math.inf:
        raise ValueError(f"low, value and high must be finite and in order, got {low}, {value} and {high}")
    scale = max(abs(low), abs(high))
    if scale == 0.0:
        return 0.0, (0.0, 0.0)
    first = digits if low == high else max(digits - 1, 1)
    coarsest = (high - low) / 3 if high - low > 1e-3 * scale else math.inf
    for n_digits in range(first, 17):
        middle = _to_digits(value, max(digits, n_digits), scale)
        ends = _to_digits(low, n_digits, scale), _to_digits(high, n_digits, scale)
        honest = ends[0] <= middle <= ends[1] and criterion.judge(*ends) == criterion.judge(low, high)
        if honest and 10.0 ** -_place(n_digits, scale) <= coarsest:
            return middle, ends
    return value, (low, high)


def _to_digits(x: float, n_digits: int, scale: float) -> float:
    """Rounded to the n-th digit of `scale`. A part in 10^5 is added first, so that no round number is at an edge."""
    return round(x * _nudge(n_digits), _place(n_digits, scale)) + 0.0  # + 0.0 makes -0.0 plain


def _place(n_digits: int, scale: float) -> int:
    return n_digits - 1 - math.floor(math.log10(scale * _nudge(n_digits)))


def _nudge(n_digits: int) -> float:
    return 1.0 + min(1e-5, 10.0 ** -(n_digits + 2))


def combine(verdicts: Iterable[tuple[str, str | None]], waiting: int = 0) -> tuple[str, str | None]:
    """One verdict of a claim that several chapters test, from those of the chapters.

    Args:
        verdicts: (verdict, condition or None) of each chapter that gives one, at least one.
        waiting: how many chapters that test another part of it are not there yet.
    Returns:
        The verdict and its condition. A part that fails makes the claim fail, else one that is undecided or not tested
        leaves it so; else it holds, under all the parts' conditions, and while a part waits it "holds in part".
    Raises:
        ValueError: no verdict, or one of no known name.
    """
    rows = list(verdicts)
    if not rows:
        raise ValueError("a claim's verdict needs that of a chapter, got none")
    for verdict, _ in rows:
        check_choice("verdict", verdict, VERDICTS)
    for worst in ("fails", "undecided", NOT_TESTED):
        conditions = _unique(condition for verdict, condition in rows if verdict == worst and condition)
        if any(verdict == worst for verdict, _ in rows):
            return worst, "; ".join(conditions) or None
    if {verdict for verdict, _ in rows} == {"defined"}:
        return "defined", None
    conditions = _unique(condition for _, condition in rows if condition)
    condition = " and ".join(conditions) or None
    return (IN_PART if waiting else "holds if" if condition else "holds"), condition


def shown(x: float) -> str:
    """A rounded number in its shortest form, with a true minus sign."""
    return f"{x:.12g}".replace("-", "\u2212").replace("e\u2212", "e-")


def _evenly(*numbers: float) -> list[str]:
    """Numbers with as many decimals as the one that has most, so that 0.1 stands as 0.10 beside 0.14."""
    texts = [shown(x) for x in numbers]
    if any("e" in text for text in texts):
        return texts
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [f"{x:.{decimals}f}".replace("-", "\u2212") for x in numbers]


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
