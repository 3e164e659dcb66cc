"""How an exercise that asks for plain numbers is judged: each is compared, and typical wrong ones are named.

    sizes = Numbers(
        "sizes",
        right={"n_scores": 49, "share": 1 / 3},        # the names of the numbers, in the order in which they are asked
        mistakes={
            "n_scores": {7: "that is one row: each query has a score for every key."},
            "share": {2 / 3: "that is what is left over: take the other part."},
        },
        rtol=0.01,
    )

In a notebook, `check.sizes(49, 0.33)` returns what to show, and the stub is `check.sizes(..., ...)`. An integer must be
met exactly, any other number within `rtol`. `mistakes` may also give a message to a value whichever number it was put
for: `mistakes={7: "…"}`. Besides these, exchanged numbers, a lost sign, the inverse, percent, powers of ten or 1024 and
rounding that went too far are told without being listed.

`tests/test_checks_numeric.py` holds all that a chapter's module defines to the same promises as the tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from course.checks.answers import Feedback

__all__ = ["Numbers"]

Messages = Mapping[Any, str]
COARSE = 0.08  # nearer than this is a matter of rounding
FACTORS = {
    100.0: "that is percent: a share is asked for.",
    0.01: "that is 100 times too small: percent is asked for, or a factor of 100 was lost.",
    1024.0: "that is 1024 times too large: mind the unit.",
    1 / 1024: "that is 1024 times too small: mind the unit.",
}


@dataclass(frozen=True)
class Numbers:
    """Numbers that a learner works out; see the module's own text.

    Args:
        name: as in the chapter.  right: the right numbers by name, in order.
        mistakes: by number (str -> {float: message}), or for all of them alike (float -> message), what to say of a
            wrong value. A message has at most 35 words,
            begins in lower case and ends in a full stop.
        rtol: how far off, relatively, a number may be that is not an integer.
    """

    name: str
    right: Mapping[str, float]
    mistakes: Mapping[Any, Any] = field(default_factory=dict)
    rtol: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", f"Check {', '.join(self.right)}: plain numbers, in this order.")
        if unknown := [key for key in self.mistakes if isinstance(key, str) and key not in self.right]:
            raise ValueError(f"{self.name}: mistakes of {unknown}, but the numbers are {list(self.right)}")

    def __repr__(self) -> str:
        return f"<check of {self.name}: {', '.join(self.right)}>"

    def __call__(self, *numbers: Any) -> Feedback:
        """Judge the numbers, given in the order of `right`; `...` stands for one that is still to be worked out.

        Returns:
            Feedback: diagnosis "correct", "unfinished", "count", "type", "mistake" where a message was written for the
            value, "exchanged", "sign", "inverse", "factor", "rounding", "whole" or "different".
        """
        if len(numbers) != len(self.right):
            wanted = f"{len(self.right)} number{'s' * (len(self.right) > 1)}, {', '.join(self.right)}"
            return Feedback(False, "count", f"put in {wanted}; got {len(numbers)}.")
        given = {name: x for name, x in zip(self.right, numbers, strict=True) if x is not ... and x is not None}
        if not given:
            return Feedback(False, "unfinished", "put your numbers in place of the dots, then run this again.")
        wrong = {name: told for name, x in given.items() if (told := self._judge(name, x, given))}
        if wrong:
            name, (diagnosis, message) = next(iter(wrong.items()))
            return Feedback(False, diagnosis, f"{self._named(name)}{message}{self._rest(given, wrong)}")
        if missing := [name for name in self.right if name not in given]:
            return Feedback(False, "unfinished", f"{_listed(list(given))} right; {', '.join(missing)} still to come.")
        return Feedback(True, "correct", f"{', '.join(f'{name} = {_shown(x)}' for name, x in self.right.items())}.")

    def messages(self, name: str) -> Messages:
        """What is said of wrong values of one number."""
        own = self.mistakes.get(name, {})
        return {**{x: told for x, told in self.mistakes.items() if not isinstance(x, str)}, **own}

    def meets(self, name: str, x: float, right: float) -> bool:
        """Whether a value counts as equal to another of the number `name`."""
        return x == right if _is_whole(self.right[name]) else math.isclose(x, right, rel_tol=self.rtol)

    def _judge(self, name: str, given: Any, others: Mapping[str, Any]) -> tuple[str, str] | None:
        """Diagnosis and message for one number, None if it is right."""
        x, right = _number(given), self.right[name]
        if x is None:
            return "type", f"should be one number, got {type(given).__name__}."
        if self.meets(name, x, right):
            return None
        for value, message in self.messages(name).items():
            if math.isclose(x, value, rel_tol=min(self.rtol, 1e-6) if _is_whole(value) else self.rtol):
                return "mistake", message
        elsewhere = next((other for other, y in self.right.items() if other in others and self.meets(other, x, y)), "")
        return ("exchanged", f"that is {elsewhere}: mind the order.") if elsewhere else _described(x, right)

    def _named(self, name: str) -> str:
        return f"{name}: " if len(self.right) > 1 else ""

    def _rest(self, given: Mapping[str, Any], wrong: Mapping[str, Any]) -> str:
        """What else is right or wrong."""
        right, others = [name for name in given if name not in wrong], list(wrong)[1:]
        return (f" {_listed(right)} right." if right else "") + (f" {_listed(others)} wrong too." if others else "")


def _described(x: float, right: float) -> tuple[str, str]:
    """How a wrong number that nobody foresaw is related to the right one."""

    def near(y: float, rtol: float = 0.005) -> bool:
        return math.isclose(x, y, rel_tol=rtol)

    if near(-right):
        return "sign", "the sign is the wrong way round."
    if right and near(1 / right):
        return "inverse", "that is one divided by what is asked for."
    for factor, message in FACTORS.items():
        if near(factor * right):
            return "factor", message
    power = round(math.log10(x / right)) if right and x / right > 0 and math.isfinite(x) else 0
    if power and near(10.0**power * right):
        return "factor", f"that is {10 ** abs(power)} times too {'large' if power > 0 else 'small'}: count the zeros."
    if _is_whole(right) and x != round(x) and round(x) == right:
        return "whole", "a whole number is asked for: round it."
    if near(right, COARSE):
        return "rounding", "that is close, but not it: compute it exactly, and round at the very end."
    return "different", f"that is too {'large' if x > right else 'small'}."


def _number(given: Any) -> float | None:
    """One real number, from whatever holds it (an array of one, a tensor, a fraction), or None."""
    try:
        given = float(given) if isinstance(given, (Fraction, Decimal)) else given
        array = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
        return float(array.item()) if array.size == 1 and array.dtype.kind in "fiu" else None
    except (TypeError, ValueError, RuntimeError):
        return None


def _is_whole(x: float) -> bool:
    return isinstance(x, (int, np.integer))


def _listed(names: list[str]) -> str:
    """The names with "is" or "are" after them."""
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"


def _shown(x: float) -> str:
    return f"{x:,}" if _is_whole(x) else f"{x:,.4g}" if abs(x) < 1e4 else f"{x:,.0f}"
