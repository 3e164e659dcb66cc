"""Gradient descent in a valley: a start to drag, and sliders for the learning rate and the momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number, steps_with
from mha.validation import check_finite, check_number

__all__ = ["descent", "path"]

SIZE = 300  # of the drawing, in pixels
RATES = (0.01, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.19, 0.2, 0.21, 0.25, 0.3)
MOMENTA = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
SHOWN = (0, 1, 2, 5, 10, 20, 40)  # the steps after which the table gives the loss
LARGEST, SMALLEST = 1e4, 5e-4
Array = NDArray[np.float64]


def path(curvatures: Any, start: Any, *, rate: float, momentum: float = 0.0, steps: int = SHOWN[-1]) -> Array:
    """The points of gradient descent on ½ (c₀ a² + c₁ b²), (steps + 1, 2), from `start` on."""
    at, velocity, points = np.asarray(start, float), np.zeros(2), [np.asarray(start, float)]
    for _ in range(steps):
        velocity = momentum * velocity + np.asarray(curvatures, float) * at
        at = at - rate * velocity
        points.append(at)
    return np.array(points)


def descent(
    curvatures: Sequence[float], *, start: Sequence[float] = (4.0, 1.5), rate: float = 0.05, momentum: float = 0.0
) -> TouchFigure:
    """Forty steps from a start that can be dragged, on the loss ½ (c₀ a² + c₁ b²).

    Args:
        curvatures: c₀ and c₁.  start: a and b.
        rate: the learning rate, from 0.001 to 1.  momentum: the share of the last step that is kept, from 0 to 0.99.
    Raises:
        ValueError: a shape or a number does not fit.
    """
    bends, at = check_finite("curvatures", curvatures), check_finite("start", start).round(1)
    for name, pair in (("curvatures", bends), ("start", at)):
        if pair.shape != (2,):
            raise ValueError(f"{name} must be two numbers, got shape {pair.shape}")
    if bends.min() <= 0:
        raise ValueError(f"curvatures must be above 0, got {bends.min():g}")
    rate = check_number("rate", rate, at_least=0.001, at_most=1)
    momentum = check_number("momentum", momentum, at_least=0, at_most=0.99)
    reach = max(5.0, 1.25 * float(np.abs(at).max()))
    data = {
        "bends": bends.tolist(),
        "start": at.tolist(),
        "reach": reach,
        "rate": rate,
        "momentum": momentum,
        "rates": steps_with(RATES, rate),
        "momenta": steps_with(MOMENTA, momentum),
        "shown": SHOWN,
    }
    points = path(bends, at, rate=rate, momentum=momentum)
    losses = points**2 @ bends / 2
    first = element("div", _valley(points, bends, reach) + _table(losses), class_="mt-beside")
    first += element("p", _sentence(losses), class_="mt-status", role="status", data_part="status")
    hint = "Drag the ring, tap a point, or move the ring with the arrow keys; then change the rate and the momentum."
    return build("descent", title="Forty steps down a valley", hint=hint, first_state=first, data=data, uses=["drag"])


def _written(loss: float) -> str:
    """A loss as the script writes it."""
    return "above 10,000" if loss > LARGEST else "below 0.001" if loss < SMALLEST else number(loss, 3)


def _sentence(losses: Array) -> str:
    steps, first, end = len(losses) - 1, losses[0], losses[-1]
    what = "It grows with every step: the rate is too large." if end > first else "It has come down."
    return f"After {steps} steps the loss is {_written(end)}, at the start it is {_written(first)}. {what}"


def _valley(points: Array, bends: Array, reach: float) -> str:
    """Lines of equal loss, the path, and the ring at its start."""
    levels = bends.min() * reach**2 / 2 * np.array([0.04, 0.16, 0.36, 0.64, 1.0])
    middle = SIZE / 2
    lines = "".join(
        element("ellipse", cx=middle, cy=middle, rx=f"{rx:.1f}", ry=f"{ry:.1f}")
        for rx, ry in (np.sqrt(2 * level / bends) * middle / reach for level in levels)
    )
    places = np.clip(middle + points * [1, -1] * middle / reach, -SIZE, 2 * SIZE)
    x, y = (f"{place:.1f}" for place in places[0])
    drawing = element(
        "svg",
        element("g", lines, fill="none", stroke="currentColor", stroke_opacity=0.3)
        + element("circle", cx=middle, cy=middle, r=3, fill="currentColor")
        + element("path", d=_line(places), fill="none", stroke="var(--accent)", stroke_width=1.5, data_part="path")
        + element("g", _dots(places), fill="var(--accent)", data_part="dots")
        + element("g", _ring(), data_part="handle", transform=f"translate({x} {y})"),
        viewBox=f"0 0 {SIZE} {SIZE}",
        width=SIZE,
        height=SIZE,
        style="overflow:hidden;border:1px solid var(--rule)",
        data_part="valley",
    )
    curves = " and ".join(f"{bend:g}" for bend in bends)
    axes = element("p", f"a →, b ↑; curvatures {curves}", style="margin:2px 0 0;font-size:13px")
    return element("div", drawing + axes, style=f"flex:none;width:{SIZE}px")


def _line(places: Array) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _dots(places: Array) -> str:
    return "".join(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=2.5) for x, y in places[1:])


def _ring() -> str:
    """What is dragged, larger to a finger than to the eye."""
    ring = element("circle", r=9, fill="var(--second)", stroke="currentColor", stroke_width=2)
    return element("circle", r=24, fill="transparent") + ring


def _table(losses: Array) -> str:
    rows = "".join(
        f"<tr><th scope=row>{step}</th><td data-part=loss>{_written(losses[step])}</td></tr>" for step in SHOWN
    )
    head = "<thead><tr><th scope=col>steps</th><th scope=col>loss</th></tr></thead>"
    return element("table", f"{head}<tbody>{rows}</tbody>", style="width:auto;min-width:11em")
