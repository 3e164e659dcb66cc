"""One figure of an audit: its value with everything that says what it is worth, and the sentence that it bears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from mha.validation import check_choice, check_integer, check_number

__all__ = ["HARMS", "LEVEL", "Control", "Figure", "GroupRow", "with_control"]

LEVEL = 0.05  # a control is passed below it
# What a figure may stand for. Barocas et al. 2017 set the first two apart; the third is from Bird et al. 2020.
HARMS: Mapping[str, str] = MappingProxyType(
    {
        "representation": "a group is described in a narrow or belittling way",
        "allocation": "a group is given fewer chances: seen later, invited less often",
        "quality of service": "the same system works less well for a group",
        "none": "no harm: what the model is worth, or whether the audit finds what is known to be there",
    }
)


@dataclass(frozen=True)
class Control:
    """How often something that cannot be the bias gives as much: p, and of how many draws.

    Fields:
        name: what was put in the place of the bias.  p: in (0, 1].  n: draws, groupings or twins.
        corrected: for how many questions p was corrected; 1 = not at all.
    """

    name: str
    p: float
    n: int
    corrected: int = 1

    def __post_init__(self) -> None:
        check_number(f"p of {self.name!r}", self.p, at_least=0, at_most=1)
        check_integer(f"n of {self.name!r}", self.n, at_least=1)


@dataclass(frozen=True)
class GroupRow:
    """One group by itself: its metric with an interval, and over how many units."""

    group: str
    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Figure:
    """A measured number of an audit.

    Fields:
        id: short and unique.  asks: the question.  above: what a value above 0 would mean, as a clause.
        harm: one of `HARMS`.  value, low, high: with a 95 % interval, low ≤ value ≤ high.  unit: of the three.
        n, counted: over how many of what the interval goes.
        smallest: a true value nearer to 0 is missed more often than one time in five; None where that is not asked.
        controls: all are to be passed.  lists: which word lists went in.  groups: the metric by group.
        below: what a value below 0 would mean, where the controls are two-sided; "" where they are one-sided.
    Raises:
        ValueError: an unknown harm, a value outside its interval, no controls where a harm is meant.
    """

    id: str
    asks: str
    above: str
    harm: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    counted: str
    smallest: float | None = None
    controls: tuple[Control, ...] = ()
    lists: tuple[str, ...] = ()
    groups: tuple[GroupRow, ...] = ()
    below: str = ""

    def __post_init__(self) -> None:
        check_choice(f"harm of {self.id!r}", self.harm, HARMS)
        for name in ("low", "value", "high"):
            check_number(f"{name} of {self.id!r}", getattr(self, name))
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.id!r}: the interval [{self.low}, {self.high}] must hold the value {self.value}")
        if self.harm != "none" and not self.controls:
            raise ValueError(f"{self.id!r} stands for a harm and must have a control, got none")
        check_integer(f"n of {self.id!r}", self.n, at_least=2)

    @property
    def failed(self) -> tuple[Control, ...]:
        """The controls that give as much too often."""
        return tuple(control for control in self.controls if control.p >= LEVEL)

    @property
    def means(self) -> str:
        """What the interval speaks for: `above`, `below`, or "" where it holds 0 or no control judges that side."""
        return self.above if self.low > 0 else self.below if self.high < 0 else ""

    @property
    def found(self) -> bool:
        """Whether the interval lies on a side that is judged, and every control is passed."""
        return bool(self.means) and not self.failed

    def numbers(self) -> str:
        """ "0.48 [0.25, 0.67]": two decimals, true minus signs."""
        return f"{number(self.value)} [{number(self.low)}, {number(self.high)}]"

    def said(self) -> str:
        """The sentence that may be said of it, with its conditions."""
        measured = f"{self.unit} {self.numbers()}, over {self.counted}"
        if not self.controls:
            return f"{self.above}: {measured}."
        if self.low <= 0 <= self.high:
            either = " or the other way round" if self.below else ""
            return f"Nothing may be said of whether {self.above}{either}: {measured}; {self._missed()}."
        if not self.means:
            return (
                f"Whether {self.above} was asked, and the opposite was seen: {measured}; no control judges that side."
            )
        if self.failed:
            names = ", ".join(f"{control.name} (p {control.p:.3f})" for control in self.failed)
            fail = "controls fail" if len(self.failed) > 1 else "control fails"
            return f"It may not be said that {self.means}: {measured}; {len(self.failed)} {fail}: {names}."
        weakest = max(control.p for control in self.controls)
        passed = f"{len(self.controls)} controls passed, the largest p {weakest:.3f}"
        return f"With this model and these words {self.means}: {measured}; {passed}."

    def _missed(self) -> str:
        if self.smallest is None:
            return "the interval holds 0"
        size = number(self.smallest)
        return f"the interval holds 0, and a true value nearer to 0 than {size} is missed more than one time in five"

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Figure:
        """The figure that `asdict` wrote out.

        Raises:
            TypeError: a field is missing or unknown.  ValueError: as for a figure.
        """
        parts = {"controls": Control, "groups": GroupRow}
        made = {name: tuple(kind(**part) for part in row[name]) for name, kind in parts.items()}
        return cls(**{**row, **made, "lists": tuple(row["lists"])})

    def as_json(self) -> dict[str, Any]:
        """In JSON's types."""
        return {name: list(x) if isinstance(x, tuple) else x for name, x in asdict(self).items()}


def with_control(figure: Figure, name: str, p: float, corrected: int) -> Figure:
    """The figure with a control's p replaced by one that is corrected for so many questions."""
    controls = tuple(replace(c, p=p, corrected=corrected) if c.name == name else c for c in figure.controls)
    return replace(figure, controls=controls)


def number(x: float) -> str:
    """Two decimals and a true minus sign; no minus before zeros."""
    return f"{x + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "\u2212")
