"""Rotary positions as clocks: two positions to move, and the score that keeps only their difference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number
from mha.validation import check_finite, check_integer, check_number

__all__ = ["rotary_clock"]

MOST_PAIRS = 8
RADIUS, DIAL = 56.0, 132  # of a clock's hand at its longest, and of the whole clock, in pixels
Array = NDArray[np.float64]


def rotary_clock(
    q: Any, k: Any, *, positions: tuple[int, int] = (7, 2), last: int = 64, base: float = 10000.0
) -> TouchFigure:
    """One clock for each pair of channels: the query's hand and the key's, turned by their positions.

    Args:
        q, k: (d,), d even and at most 16, as they are before they are turned; kept to six decimals. Channels 2c and
            2c + 1 are a pair, as in `mha.positions.Rotary`.
        positions: of the query and of the key at first.  last: the last position that the sliders reach.
        base: pair c turns by base^(-2c/d) radians a token.
    Raises:
        ValueError: q and k are no two vectors of one even length up to 16; a position is beyond `last`; base is not
            above 1.
        TypeError: q or k are no numbers, a position is no integer.
    """
    query, key = check_finite("q", q).round(6), check_finite("k", k).round(6)
    if query.ndim != 1 or query.shape != key.shape or not 2 <= query.size <= 2 * MOST_PAIRS or query.size % 2:
        wanted = f"one shape (d,), d even and from 2 to {2 * MOST_PAIRS}"
        raise ValueError(f"q and k must have {wanted}, got {query.shape} and {key.shape}")
    last = check_integer("last", last, at_least=1)
    at = [check_integer(f"positions[{n}]", place, at_least=0, at_most=last) for n, place in enumerate(positions)]
    if len(at) != 2:
        raise ValueError(f"positions must be two, of query and key, got {len(at)}")
    base = check_number("base", base, above=1)
    pairs = np.array([query, key]).reshape(2, -1, 2)  # (q or k, pair, 2)
    rates = base ** (-2 * np.arange(query.size // 2) / query.size)
    hands = pairs[..., 0] + 1j * pairs[..., 1]  # (q or k, pair)
    data = {"pairs": pairs.tolist(), "rates": rates.round(12).tolist(), "at": at, "last": last, "radius": RADIUS}
    return build(
        "rotary_clock",
        title="The rotary clock",
        hint="The line shows the score of every lag. Move both positions together: the dot stays where it is.",
        first_state=_first_state(hands, rates, at, last),
        data=data,
    )


def _score_parts(hands: NDArray[np.complex128], rates: Array, lags: Any) -> Array:
    """What each pair adds to the score at each lag = query − key: (lag, pair)."""
    turned = hands[0] * np.exp(1j * np.multiply.outer(np.asarray(lags), rates))
    return (turned * hands[1].conj()).real


def _first_state(hands: NDArray[np.complex128], rates: Array, at: list[int], last: int) -> str:
    turned = hands * np.exp(1j * np.multiply.outer(np.array(at), rates))  # (q or k, pair)
    between = np.degrees(np.angle(turned[0] * turned[1].conj()))
    gains = _score_parts(hands, rates, at[0] - at[1])
    longest = max(float(np.abs(hands).max()), 1e-9)
    clocks = "".join(_clock(turned[:, c] * RADIUS / longest, rates[c], between[c], gains[c]) for c in range(len(rates)))
    legend = (
        '<p><b style="color:var(--accent)">━ query</b> at <b data-part="at">{}</b>, '
        '<b style="color:var(--second)">╍ key</b> at <b data-part="at">{}</b>: lag <b data-part="lag">{}</b></p>'
    ).format(*at, number(at[0] - at[1], 0))
    row = element("div", clocks, class_="mt-beside", style="gap: 14px 18px")
    total = (
        '<p style="margin-top:12px">score, the sum of the parts: '
        f'<b data-part="score" role="status">{number(gains.sum(), 3)}</b></p>'
    )
    return legend + row + total + _curve(_score_parts(hands, rates, np.arange(-last, last + 1)).sum(-1), at, last)


def _clock(turned: NDArray[np.complex128], rate: float, between: float, gain: float) -> str:
    colours = (("var(--accent)", "none"), ("var(--second)", "5 4"))
    hands = "".join(
        element(
            "line",
            x1=0,
            y1=0,
            x2=f"{hand.real:.1f}",
            y2=f"{-hand.imag:.1f}",
            stroke=colour,
            stroke_width=4,
            stroke_dasharray=dashes,
            data_part="hand",
        )
        for hand, (colour, dashes) in zip(turned, colours, strict=True)
    )
    ring = element("circle", r=RADIUS + 4, fill="none", stroke="currentColor", stroke_opacity=0.3)
    arc = element("path", d=_arc(turned), fill="none", stroke="currentColor", stroke_width=1.5, data_part="arc")
    half = DIAL / 2
    box = f"{-half} {-half} {DIAL} {DIAL}"
    dial = element("svg", ring + arc + hands, viewBox=box, width=DIAL, height=DIAL, aria_hidden="true")
    words = (
        f"{rate:.3g} rad a token<br>angle between <b data-part=between>{number(between, 0)}°</b><br>"
        f"part <b data-part=gain>{number(gain, 3)}</b>"
    )
    return element("div", dial + element("div", words, style="font-size:13px"))


def _arc(turned: NDArray[np.complex128], radius: float = 22.0) -> str:
    """From the key's hand the short way round to the query's."""
    start, end = (radius * np.exp(1j * np.angle(hand)) for hand in turned[::-1])
    sweep = int((turned[0] * turned[1].conj()).imag < 0)  # y points down
    return f"M{start.real:.1f} {-start.imag:.1f}A{radius:g} {radius:g} 0 0 {sweep} {end.real:.1f} {-end.imag:.1f}"


def _curve(scores: Array, at: list[int], last: int) -> str:
    """The score of every lag, on which a dot marks the present one."""
    top, bottom = max(scores.max(), 0.0) + 0.1, min(scores.min(), 0.0) - 0.1
    heights = (top - scores) / (top - bottom)  # 0 at the top
    path = "M" + "L".join(f"{n} {height:.3f}" for n, height in enumerate(heights))
    fine = {"fill": "none", "stroke": "currentColor", "vector_effect": "non-scaling-stroke"}
    zero = element("path", d=f"M0 {top / (top - bottom):.3f}H{2 * last}", stroke_opacity=0.3, **fine)
    drawing = element(
        "svg",
        zero + element("path", d=path, stroke_width=1.5, **fine),
        viewBox=f"0 0 {2 * last} 1",
        preserveAspectRatio="none",
        style="width:100%;height:80px",
        aria_hidden="true",
    )
    lag = at[0] - at[1]
    place = f"left:{50 * (1 + lag / last):.2f}%;top:{100 * heights[lag + last]:.2f}%"
    look = "position:absolute;width:13px;height:13px;margin:-6.5px;border-radius:50%;background:var(--accent)"
    dot = f'<i data-part="dot" data-top="{top:.6f}" data-bottom="{bottom:.6f}" style="{look};{place}"></i>'
    ends = f"<span>lag −{last}</span><span>0, the same place</span><span>{last}</span>"
    return (
        f'<div style="position:relative">{drawing}{dot}</div>'
        f'<p style="display:flex;justify-content:space-between;font-size:13px">{ends}</p>'
    )
