"""The colour plane: a query to drag among the keys, whose values are colours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import hypot, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number, steps_with, text
from mha.reference import softmax
from mha.validation import check_finite, check_number, check_texts

__all__ = ["attention_plane"]

SIZE = 300  # of the drawing, in pixels; names stay legible on a phone, since it is not scaled down there
SCALES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
WIDTHS = tuple(2**power for power in range(1, 11))
Array = NDArray[np.float64]
INK = "#111"
HALO = {
    "text_anchor": "middle",
    "fill": INK,
    "stroke": "#fff",
    "stroke_width": 3,
    "stroke_linejoin": "round",
    "paint_order": "stroke",
    "pointer_events": "none",
}


def attention_plane(
    keys: Any,
    values: Any,
    names: Sequence[str],
    *,
    query: Any = (1.0, 0.8),
    scale: float = 1.0,
    d: int | None = None,
) -> TouchFigure:
    """Drag the query; its scores, weights and mixed colour follow. A point of the plane has the colour it would get.

    Args:
        keys: (j, 2).  values: (j, 3), red, green and blue from 0 to 1.  names: j texts.
        query: (2,), where it is first.
        scale: what scores are multiplied by at first, one of 0.1 to 10; its slider is the inverse of a temperature.
        d: with a slider for the number of channels, which starts there, a power of two from 2 to 1024, and a box to
            divide by √d. A score of d channels is a sum of d products, so of independent ones its standard deviation is
            √(d / 2) times that of the two seen here, and the slider stretches the scores by that.
    Raises:
        ValueError: a shape does not fit, a colour lies outside [0, 1], d is none of its slider's values.
        TypeError: names are no texts; keys, values or query no numbers.
    """
    points, colours, at = check_finite("keys", keys), check_finite("values", values), check_finite("query", query)
    labels = check_texts("names", names)
    _check_shapes(points, colours, at, labels)
    scale = check_number("scale", scale, at_least=SCALES[0], at_most=SCALES[-1])
    if d is not None and d not in WIDTHS:
        raise ValueError(f"d ({d}) must be a power of two from {WIDTHS[0]} to {WIDTHS[-1]}")
    points, colours, at = points.round(4), colours.round(4), at.round(2)
    reach = round(1.35 * max(hypot(*point) for point in [*points, at]), 2)
    data = {
        "keys": points.tolist(),
        "values": colours.tolist(),
        "names": labels,
        "query": at.tolist(),
        "reach": reach,
        "scale": scale,
        "scales": steps_with(SCALES, scale),
        "d": d,
        "widths": WIDTHS if d else [],
    }
    hint = "Drag the ring, tap a point of the plane, or move the ring with the arrow keys."
    stretch = scale * sqrt((d or 2) / 2)
    scores = stretch * points @ at
    weights = softmax(scores)
    where = f"query ({number(at[0], 2)}, {number(at[1], 2)}), "
    where += f"scores × {number(stretch, 2)}" if d else f"length {number(hypot(*at), 2)}"
    numbers = _numbers(where, scores, weights, colours, labels)
    first = element("div", _plane(points, labels, at, weights @ colours, reach) + numbers, class_="mt-beside")
    first += element("p", _status(labels, weights, d), class_="mt-status", role="status", data_part="status")
    title = "The colour plane" if d is None else "The colour plane, for d channels"
    return build("attention_plane", title=title, hint=hint, first_state=first, data=data, uses=["drag"])


def _check_shapes(points: Array, colours: Array, at: Array, labels: Sequence[str]) -> None:
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"keys must have shape (j, 2), j at least 1, got {points.shape}")
    if colours.shape != (len(points), 3):
        raise ValueError(
            f"values must have shape (j, 3), one colour for each of {len(points)} keys, got {colours.shape}"
        )
    if len(labels) != len(points):
        raise ValueError(f"names must hold one text for each of {len(points)} keys, got {len(labels)}")
    if at.shape != (2,):
        raise ValueError(f"query must have shape (2,), got {at.shape}")
    if colours.min() < 0 or colours.max() > 1:
        raise ValueError(f"values must lie between 0 and 1, got {colours.min():g} to {colours.max():g}")
    if not points.any():
        raise ValueError("keys must not all be zero: no query could tell them apart")


def _plane(points: Array, labels: Sequence[str], at: Array, mixed: Array, reach: float) -> str:
    """The keys as arrows and the query as a ring, on the canvas that the script paints."""
    arrows = "".join(_arrow(_pixels(point, reach)) for point in points)
    beyond = [point * (1 + 0.3 / hypot(*point)) if point.any() else point for point in points]
    names = "".join(_name(label, _pixels(point, reach)) for label, point in zip(labels, beyond, strict=True))
    look = "position:absolute;left:0;top:0;width:100%;height:100%;background:#eee"
    canvas = element("canvas", width=SIZE // 2, height=SIZE // 2, style=look, data_part="field")
    drawing = element(
        "svg",
        element("g", arrows, stroke=INK, stroke_width=1.5) + element("g", names, **HALO) + _ring(at, mixed, reach),
        viewBox=f"0 0 {SIZE} {SIZE}",
        width=SIZE,
        height=SIZE,
        style="position:relative;font-size:14px",
        data_part="plane",
    )
    axes = element("p", "query: channel 0 →, channel 1 ↑", style="margin:2px 0 0;font-size:13px")
    frame = element("div", canvas + drawing, style="position:relative")
    return element("div", frame + axes, style=f"flex:none;width:{SIZE}px")


def _ring(at: Array, mixed: Array, reach: float) -> str:
    """The query: a line from the middle, and what is dragged, larger to a finger than to the eye."""
    x, y = (f"{coordinate:.1f}" for coordinate in _pixels(at, reach))
    line = element("line", x1=SIZE / 2, y1=SIZE / 2, x2=x, y2=y, stroke=INK, stroke_width=3, data_part="line")
    ring = element("circle", r=10, fill=_css(mixed), stroke=INK, stroke_width=3, data_part="ring")
    finger = element("circle", r=24, fill="transparent")
    return line + element("g", finger + ring, data_part="handle", transform=f"translate({x} {y})")


def _pixels(point: Array, reach: float) -> tuple[float, float]:
    return (1 + point[0] / reach) * SIZE / 2, (1 - point[1] / reach) * SIZE / 2


def _arrow(tip: tuple[float, float]) -> str:
    """From the middle to the tip: a line and its head, which would need an id as a marker."""
    middle = SIZE / 2
    along = np.array(tip) - middle
    if hypot(*along) < 1:
        return element("circle", cx=middle, cy=middle, r=2)
    along = along / hypot(*along)
    foot, across = np.array(tip) - 10 * along, 4 * along[::-1] * [-1, 1]
    head = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, foot + across, foot - across))
    line = element("line", x1=middle, y1=middle, x2=f"{foot[0]:.1f}", y2=f"{foot[1]:.1f}")
    return line + element("polygon", points=head)


def _name(label: str, place: tuple[float, float]) -> str:
    x, y = (min(max(coordinate, 14.0), SIZE - 14.0) for coordinate in place)
    return element("text", escape(label), x=f"{x:.1f}", y=f"{y + 5:.1f}")


def _numbers(where: str, scores: Array, weights: Array, colours: Array, labels: Sequence[str]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{_swatch(colour)}{text(label)}</th><td>{number(score, 2)}</td><td>{number(weight, 3)}</td>"
        f'<td class=mt-track><i style="width:{weight:.1%};background:{_css(colour)}"></i></td></tr>'
        for label, score, weight, colour in zip(labels, scores, weights, colours, strict=True)
    )
    head = "<thead><tr><th scope=col>key</th><th scope=col>score</th><th scope=col>weight</th><td></td></tr></thead>"
    mixed = weights @ colours
    out = " ".join(number(channel, 2) for channel in mixed)
    look = f"display:block;height:34px;border:1px solid var(--rule);background:{_css(mixed)}"
    mixture = f'mixed colour (RGB): <b data-part="mixed">{out}</b><i data-part="mixture" style="{look}"></i>'
    table = f"<table>{head}<tbody>{rows}</tbody></table>"
    return element(
        "div", f'<p data-part="query">{where}</p>{table}<p style="margin-top:8px">{mixture}</p>', style="flex:1 1 260px"
    )


def _swatch(colour: Array) -> str:
    look = f"display:inline-block;width:12px;height:12px;margin-right:6px;background:{_css(colour)}"
    return f'<i style="{look}"></i>'


def _css(colour: Array) -> str:
    return f"rgb({', '.join(str(round(255 * channel)) for channel in colour)})"


def _status(labels: Sequence[str], weights: Array, d: int | None) -> str:
    leader = int(weights.argmax())
    leads = f"{text(labels[leader])} leads with weight {number(weights[leader], 3)}."
    slope = number(weights[leader] * (1 - weights[leader]), 3)
    return leads if d is None else f"{leads} The gradient of that weight by its score, w (1 − w), is {slope}."
