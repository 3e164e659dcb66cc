"""A stack before training: with which parts and how deep does a gradient reach its first block, and tokens differ?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number, text
from mha.validation import check_choice, check_finite

__all__ = ["untrained_stack"]

EXPLODES, VANISHES = 4.0, -6.0  # logarithms to base 10 of the gradient in the first block
ALIKE = 0.99  # a mean cosine above which two tokens are as good as one
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
HEADS = {"gradient": "norm of the gradient", "cosine": "mean cosine of two tokens"}
STYLE = (
    ".mt.mt .mt-chart{position:relative;height:120px;margin:2px 0 10px 46px;border-left:1px solid}"
    ".mt.mt .mt-chart svg{width:100%;height:100%}"
    ".mt.mt .mt-chart span{position:absolute;right:100%;padding-right:5px;transform:translateY(-50%);font-size:12px;"
    "white-space:nowrap}.mt.mt .mt-ends{width:auto}"
)
Array = NDArray[np.float64]
Scale = tuple[float, float]
Values = dict[str, list[float]]  # "gradient" (its logarithm) and "cosine", block by block


def untrained_stack(measured: Mapping[str, Mapping[int, Any]], *, variant: str, depth: int) -> TouchFigure:
    """Choose what a stack is made of and how deep it is: the gradient in each block, and how alike tokens leave it.

    Args:
        measured: variant -> number of blocks -> (2, blocks): norms of gradients, and mean cosines of two tokens. All
            variants have the same depths. The first stays as dashes beside the others.
        variant, depth: shown at first.
    Raises:
        ValueError: a shape does not fit, depths differ, a gradient is not above 0, or what is to be shown is not there.
        TypeError: what was measured is no numbers.
    """
    check_choice("variant", variant, measured)
    depths = sorted(measured[variant])
    if depth not in depths:
        raise ValueError(f"depth ({depth}) must be one of {depths}")
    values = {name: _checked(name, by_depth, depths) for name, by_depth in measured.items()}
    logarithms = [x for by_depth in values.values() for blocks in by_depth.values() for x in blocks["gradient"]]
    scale = (float(min(-2, math.floor(min(logarithms)))), float(max(2, math.ceil(max(logarithms)))))
    beside = next(iter(values))
    data = {
        "measured": values,
        "variant": variant,
        "depth": depth,
        "depths": depths,
        "beside": beside,
        "range": scale,
        "explodes": EXPLODES,
        "vanishes": VANISHES,
        "alike": ALIKE,
    }
    shown, other = values[variant][depth], values[beside][depth]
    first = f"<style>{STYLE}</style>"
    for name, limits in (("gradient", scale), ("cosine", (0.0, 1.0))):
        first += _chart(name, shown[name], other[name], limits)
    first += f"<p>dashes: {text(beside)}; blocks from left to right, the first is next to the embeddings</p>"
    first += _table(shown, depth)
    first += element("p", text(_sentence(variant, shown)), class_="mt-status", role="status", data_part="status")
    hint = "Choose a stack and a number of blocks: which danger does each part keep off, and from which depth on?"
    return build("untrained_stack", title="A stack before training", hint=hint, first_state=first, data=data)


def _checked(name: str, by_depth: Mapping[int, Any], depths: Sequence[int]) -> dict[int, Values]:
    if sorted(by_depth) != depths:
        raise ValueError(f"measured[{name!r}] must have the depths {depths}, got {sorted(by_depth)}")
    found = {}
    for depth in depths:
        label = f"measured[{name!r}][{depth}]"
        array = check_finite(label, by_depth[depth])
        if array.shape != (2, depth):
            raise ValueError(f"{label} must have shape (2, {depth}), got {array.shape}")
        if array[0].min() <= 0:
            raise ValueError(f"gradients of {label} must be above 0, got {array[0].min():g}")
        gradients, cosines = np.log10(array[0]).round(2) + 0.0, array[1].round(3) + 0.0
        found[depth] = {"gradient": gradients.tolist(), "cosine": cosines.tolist()}
    return found


def _chart(name: str, values: Sequence[float], beside: Sequence[float], scale: Scale) -> str:
    line = {"fill": "none", "stroke": "currentColor", "vector_effect": "non-scaling-stroke"}
    base = _height(0, scale)
    drawing = element(
        "svg",
        element("path", d=_bars(values, scale), fill="var(--accent)", data_part=f"{name}-bars")
        + element("path", d=f"M0 {base}H100", stroke_opacity=0.5, **line)
        + element("path", d=_dashes(beside, scale), stroke_width=2, data_part=f"{name}-beside", **line),
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
    )
    ticks = (
        {0.0: "0", 1.0: "1"} if name == "cosine" else {0.0: "1"} | {x: _power(x).removeprefix("1 · ") for x in scale}
    )
    labels = "".join(f'<span style="top:{_height(at, scale)}%">{label}</span>' for at, label in ticks.items())
    title = f'<p style="margin-bottom:8px">{HEADS[name]}{"" if name == "cosine" else ", in powers of ten"}</p>'
    return f"{title}<div class=mt-chart aria-hidden=true>{drawing}{labels}</div>"


def _height(value: float, scale: Scale) -> str:
    low, high = scale
    return f"{100 * (1 - min(max((value - low) / (high - low), 0.0), 1.0)):.1f}"


def _sides(n: int, count: int) -> tuple[str, str]:
    return f"{100 * (n + 0.15) / count:.1f}", f"{100 * (n + 0.85) / count:.1f}"


def _bars(values: Sequence[float], scale: Scale) -> str:
    base, edges = _height(0, scale), [_sides(n, len(values)) for n in range(len(values))]
    return "".join(
        f"M{left} {base}V{_height(value, scale)}H{right}V{base}Z"
        for value, (left, right) in zip(values, edges, strict=True)
    )


def _dashes(values: Sequence[float], scale: Scale) -> str:
    edges = [_sides(n, len(values)) for n in range(len(values))]
    return "".join(
        f"M{left} {_height(value, scale)}H{right}" for value, (left, right) in zip(values, edges, strict=True)
    )


def _power(logarithm: float) -> str:
    """A number whose logarithm to base 10 is given, as the script writes it: 0.25, 340, 6 · 10⁵."""
    exponent = math.floor(logarithm)
    if -2 <= exponent < 3:
        return number(10.0**logarithm, max(1 - exponent, 0))
    digit = number(10.0 ** (logarithm - exponent), 0)
    if digit == "10":
        digit, exponent = "1", exponent + 1
    return f"{digit} · 10{str(exponent).translate(SUPERSCRIPTS)}"


def _table(shown: Values, depth: int) -> str:
    ends = {
        "gradient": [_power(shown["gradient"][n]) for n in (0, -1)],
        "cosine": [number(shown["cosine"][n], 2) for n in (0, -1)],
    }
    rows = "".join(
        f"<tr><th scope=row>{name}</th>" + "".join(f"<td data-part=end>{x}</td>" for x in both) + "</tr>"
        for name, both in ends.items()
    )
    head = f"<thead><tr><td></td><th scope=col>block 1</th><th scope=col data-part=last>block {depth}</th></tr></thead>"
    return f"<table class=mt-ends>{head}<tbody>{rows}</tbody></table>"


def _sentence(variant: str, shown: Values) -> str:
    first, likeness = shown["gradient"][0], shown["cosine"][-1]
    size = (
        "explodes on its way to" if first > EXPLODES else "vanishes on its way to" if first < VANISHES else "arrives at"
    )
    alike = "as good as one" if likeness > ALIKE else "still told apart"
    blocks = f"{len(shown['gradient'])} blocks, {variant}"
    return f"{blocks}: the gradient {size} the first block, and two tokens that leave the last one are {alike}."
