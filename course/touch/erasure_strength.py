"""How hard to erase: what is left of several measures at each strength, beside the same with labels without meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course.touch.fragment import TouchFigure, build, number, text
from mha.validation import check_finite

__all__ = ["erasure_strength"]

DIGITS = 1


def erasure_strength(
    strengths: Sequence[float], left: Mapping[str, Any], control: Mapping[str, Any], *, strength: float = 0.0
) -> TouchFigure:
    """A bar for each measure, in the frame of its control, and a slider for the strength.

    Args:
        strengths: s of them, from 0 to 1.
        left: measure -> (s,), in percent of what it is without erasing, stored to one decimal.
        control: the same measures where the erased labels were shuffled.
        strength: the one it starts at.
    Raises:
        ValueError: no measure, numbers of another shape, other measures in the control, or a strength that is none.
    """
    steps = check_finite("strengths", strengths).tolist()
    if not left or list(left) != list(control):
        raise ValueError(f"left and control must have the same measures, got {list(left)} and {list(control)}")
    tables = [
        {name: check_finite(name, values).round(DIGITS) for name, values in part.items()} for part in (left, control)
    ]
    for table in tables:
        for name, values in table.items():
            if values.shape != (len(steps),):
                raise ValueError(f"{name} must have shape ({len(steps)},), one number a strength, got {values.shape}")
    if strength not in steps:
        raise ValueError(f"strength must be one of {steps}, got {strength}")
    at = steps.index(strength)
    most = max(100.0, *(float(values.max()) for table in tables for values in table.values()))
    rows = "".join(_row(name, tables[0][name][at], tables[1][name][at], most) for name in left)
    head = (
        "<thead><tr><th scope=col>left of the</th><th scope=col>%</th><th scope=col>control</th><td></td></tr></thead>"
    )
    return build(
        "erasure_strength",
        title="Erase a little, or all of it",
        hint="Filled: gender is erased. Dashed: the control, whose labels were shuffled.",
        first_state=f"<table>{head}<tbody>{rows}</tbody></table>",
        data={
            "strengths": steps,
            "at": strength,
            "most": most,
            "left": [values.tolist() for values in tables[0].values()],
            "control": [values.tolist() for values in tables[1].values()],
        },
    )


def _row(name: str, left: float, control: float, most: float) -> str:
    before, now = (f"{100 * max(x, 0) / most:.1f}%" for x in (control, left))
    bars = f'<i class=mt-before style="width:{before}"></i><i style="width:{now}"></i>'
    cells = "".join(f"<td>{number(x, DIGITS)}</td>" for x in (left, control))
    return f"<tr><th scope=row>{text(name)}</th>{cells}<td class=mt-track>{bars}</td></tr>"
