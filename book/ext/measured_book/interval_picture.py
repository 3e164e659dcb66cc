"""A measurement as a strip: its interval against the range that its criterion asks for."""

from __future__ import annotations

import math
from collections.abc import Callable

from course.verdicts import Criterion, Measurement

WIDTH, HEIGHT, MARGIN = 220, 18, 8


def strip(measurement: Measurement) -> str:
    """An SVG without words: the numbers stand beside it. The shaded part is what the criterion asks for.

    Raises:
        ValueError: the criterion is worded in no known way.
    """
    criterion = Criterion.parse(measurement.criterion)
    low, high = measurement.interval or (measurement.value, measurement.value)
    at = _scale([low, high, measurement.value, criterion.low, criterion.high])
    left = at(criterion.low) if math.isfinite(criterion.low) else 0
    right = at(criterion.high) if math.isfinite(criterion.high) else WIDTH
    bounds = "".join(
        f'<path class="bound" d="M{at(x):.1f} 0V{HEIGHT}"/>'
        for x in dict.fromkeys((criterion.low, criterion.high))
        if math.isfinite(x)
    )
    middle = HEIGHT / 2
    interval = f'<path class="interval" d="M{at(low):.1f} {middle}H{max(at(high), at(low) + 0.5):.1f}"/>'
    return (
        f'<svg class="strip {measurement.outcome}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'aria-hidden="true"><rect class="asked" x="{left:.1f}" width="{right - left:.1f}" height="{HEIGHT}"/>'
        f'{bounds}{interval}<circle cx="{at(measurement.value):.1f}" cy="{middle}" r="3.5"/></svg>'
    )


def _scale(numbers: list[float]) -> Callable[[float], float]:
    """From a number to its place on the strip, all finite ones inside the margins."""
    finite = [x for x in numbers if math.isfinite(x)]
    low, high = min(finite), max(finite)
    if low == high:
        low, high = low - 1, high + 1
    room = WIDTH - 2 * MARGIN
    return lambda x: MARGIN + room * (x - low) / (high - low)
