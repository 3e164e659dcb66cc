"""The roofline with sliders: two ceilings of a machine, and where attention stands under them."""

from __future__ import annotations

import math

from course.touch.fragment import TouchFigure, build, element, number, steps_with
from mha.measure.cost import Cost, explicit_cost, fused_cost
from mha.measure.roofline import Machine
from mha.validation import check_integer
from mha.view.inline import inline_source

__all__ = ["roofline"]

LOW, HIGH = (-1, 8.5), (4.5, 15.5)  # powers of ten at the edges: operations a byte, operations a second
ROWS = ("scores", "scale", "softmax", "average", "written out", "fused")
NAMES = {"scores": "q kᵀ", "average": "weights · v"}
PREFIXES = {-9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}
STEPS = {
    "flops_per_s": [c * 10.0**e for e in range(10, 16) for c in (1, 2, 5)],
    "bytes_per_s": [c * 10.0**e for e in range(10, 13) for c in (1, 2, 5)] + [1e13],
    "tokens": [2**e for e in range(5, 18)],
    "head_dim": [16, 32, 64, 128, 256],
    "batch": [1, 2, 4, 8, 16, 32, 64],
}


def roofline(
    machine: Machine, *, n_heads: int = 8, tokens: int = 1024, head_dim: int = 64, batch: int = 1, item_bytes: int = 4
) -> TouchFigure:
    """Attention under two ceilings, written out part by part and fused; sliders move the machine and the sizes.

    The numbers are those of `mha.measure.cost` and of `Machine`: least times, of bytes that cross once.

    Args:
        machine: at first.  tokens, head_dim, batch: at first; queries and keys are as many, or one query is new.
        n_heads, item_bytes: stay as they are.
    Raises:
        TypeError: machine is no `Machine`, or a size no integer.
        ValueError: a size below 1, or a ceiling outside the picture: 10⁹ to 3·10¹⁵ operations or 10⁸ bytes a second
            and more.
    """
    if not isinstance(machine, Machine):
        raise TypeError(f"machine must be a Machine, got {type(machine).__name__}")
    if not 1e9 <= machine.flops_per_s <= 3e15 or machine.bytes_per_s < 1e8:
        raise ValueError(f"machine must reach 1e9 to 3e15 operations and 1e8 bytes a second or more, got {machine}")
    sizes = {"n_heads": n_heads, "tokens": tokens, "head_dim": head_dim, "batch": batch, "item_bytes": item_bytes}
    sizes = {name: check_integer(name, size, at_least=1) for name, size in sizes.items()}
    at = {"flops_per_s": machine.flops_per_s, "bytes_per_s": machine.bytes_per_s, **sizes}
    data = {
        "at": at,
        "steps": {name: steps_with(steps, at[name]) for name, steps in STEPS.items()},
        "low": LOW,
        "high": HIGH,
    }
    return build(
        "roofline",
        title="Attention under the roofline",
        hint="Find sizes at which the fused kernel leaves the flat roof. Then let one token come at a time.",
        first_state=_first_state(machine, sizes),
        data=data,
    )


def _costs(sizes: dict[str, int]) -> dict[str, list[Cost]]:
    """The parts that each row of the table is made of, one after the other."""
    size = (sizes["batch"] * sizes["n_heads"], sizes["tokens"], sizes["tokens"], sizes["head_dim"])
    parts = explicit_cost(*size, item_bytes=sizes["item_bytes"])
    rows = {name: [part] for name, part in parts.items()}
    return rows | {"written out": list(parts.values()), "fused": [fused_cost(*size, item_bytes=sizes["item_bytes"])]}


def _first_state(machine: Machine, sizes: dict[str, int]) -> str:
    costs = _costs(sizes)
    seconds = {name: sum(machine.seconds(part) for part in parts) for name, parts in costs.items()}
    cells = {name: _cells(machine, parts, seconds[name]) for name, parts in costs.items()}
    rows = "".join(
        f"<tr><th scope=row>{NAMES.get(name, name)}</th>"
        + "".join(f"<td data-part=cell>{cell}</td>" for cell in cells[name])
        + "</tr>"
        for name in ROWS
    )
    heads = "".join(f"<th scope=col>{words}</th>" for words in ("operations a byte", "limit", "least time"))
    table = f"<table class=mt-costs><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    fused = sum(costs["fused"], Cost(0, 0)).intensity
    said = element(
        "p",
        f"The ridge is at {number(machine.ridge, 1)} operations a byte; fused attention of {sizes['tokens']} tokens is "
        f"at {number(fused, 1)}. Written out it takes at least {number(seconds['written out'] / seconds['fused'], 1)} "
        "times as long.",
        data_part="status",
        role="status",
        class_="mt-status",
    )
    style = f"<style>{inline_source('course.touch', 'roofline.css')}</style>"
    return style + _picture(machine, {name: costs[name] for name in ("softmax", "scores", "fused")}) + said + table


def _cells(machine: Machine, parts: list[Cost], seconds: float) -> tuple[str, str, str]:
    whole = sum(parts, Cost(0, 0))
    arithmetic = sum(part.flops for part in parts) / machine.flops_per_s
    limit = "arithmetic" if arithmetic >= seconds * (1 - 1e-9) else "memory" if len(parts) == 1 else "both"
    return number(whole.intensity, 1), limit, in_units(seconds, "s")


def in_units(value: float, unit: str) -> str:
    """Three digits and a prefix: 0.0123, "s" is 12.3 ms."""
    power = min(max(3 * math.floor(math.log10(value) / 3), -9), 15)
    scaled = value / 10.0**power
    return f"{number(scaled, 2 if scaled < 10 else 1 if scaled < 100 else 0)}\N{NO-BREAK SPACE}{PREFIXES[power]}{unit}"


def _place(intensity: float, flops_per_s: float) -> tuple[float, float]:
    """In percent of the picture, from its top left corner; what lies beyond an edge stands on it."""
    shares = [
        (math.log10(value) - low) / (high - low)
        for value, low, high in zip((intensity, flops_per_s), LOW, HIGH, strict=True)
    ]
    x, y = (min(max(share, 0.0), 1.0) for share in shares)
    return 100 * x, 100 * (1 - y)


def _picture(machine: Machine, shown: dict[str, list[Cost]]) -> str:
    line = {"fill": "none", "stroke": "currentColor", "vector_effect": "non-scaling-stroke"}
    places = [_place(10.0**x, machine.attainable(10.0**x)) for x in (LOW[0], math.log10(machine.ridge), HIGH[0])]
    roof = element("path", d=_path(places), stroke_width=2.5, data_part="roof", **line)
    ticks = [(x, f"{10.0**x:g}") for x in range(LOW[0], 5)]
    grid = "".join(f"M{_place(10.0**x, 1)[0]:.2f} 0V100" for x, _ in ticks)
    levels = [9, 12, 15]
    grid += "".join(f"M0 {_place(1, 10.0**y)[1]:.2f}H100" for y in levels)
    drawing = element(
        "svg",
        element("path", d=grid, stroke_opacity=0.25, **line) + roof,
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    labels = "".join(f'<span style="left:{_place(10.0**x, 1)[0]:.2f}%;top:100%">{text}</span>' for x, text in ticks)
    labels += "".join(
        f'<span class=mt-level style="top:{_place(1, 10.0**y)[1]:.2f}%">1 {PREFIXES[y]}FLOP/s</span>' for y in levels
    )
    dots = "".join(_dot(machine, name, parts[0]) for name, parts in shown.items())
    return (
        f"<div class=mt-roof aria-hidden=true>{drawing}{labels}{dots}</div>"
        "<p class=mt-axis>operations a byte (up: operations a second that can be reached)</p>"
    )


def _path(places: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in places)


def _dot(machine: Machine, name: str, cost: Cost) -> str:
    x, y = _place(cost.intensity, machine.attainable(cost.intensity))
    return f'<b data-part=dot style="left:{x:.2f}%;top:{y:.2f}%"><i></i><span>{NAMES.get(name, name)}</span></b>'
