"""Two learning curves with sliders: how many examples are known, and how strong the weight decay is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number
from mha.validation import check_finite, check_integer

__all__ = ["learning_curves"]

WIDTH, HEIGHT, TOP = 340, 210, 2.5  # of the drawing, in pixels; the largest loss that is drawn, in nats
DIGITS = 2
Array = NDArray[np.float64]


def learning_curves(
    known: Sequence[int], decays: Sequence[float], steps: Sequence[int], losses: Any, *, start: tuple[int, int] = (0, 0)
) -> TouchFigure:
    """Losses on what is trained on and on other examples, against the step.

    Args:
        known: (n,), how many examples are trained on.  decays: (d,), strengths of weight decay.
        steps: (s,), when the losses were taken.
        losses: (2, n, d, s), in nats: on what is trained on, then on others. Kept to two decimals.
        start: which of `known` and which of `decays` is shown at first.
    Raises:
        ValueError: losses of another shape, not finite, or below 0; a start that is none.
    """
    table, shape = check_finite("losses", losses), (2, len(known), len(decays), len(steps))
    if table.shape != shape or table.min() < 0:
        raise ValueError(f"losses must have shape {shape} and be 0 or more, got {table.shape}, least {table.min():g}")
    at = [
        check_integer(f"start[{n}]", place, at_least=0, at_most=size - 1)
        for n, (place, size) in enumerate(zip(start, shape[1:3], strict=True))
    ]
    rounded = table.round(DIGITS)
    data = {"known": list(known), "decays": list(decays), "steps": list(steps), "losses": rounded.tolist(), "at": at}
    shown = rounded[:, at[0], at[1]]
    words = element("p", _sentence(shown, known[at[0]], steps), class_="mt-status", role="status", data_part="status")
    return build(
        "learning_curves",
        title="Two curves, data and weight decay",
        hint="Go from few images to many without any decay, then add decay to few.",
        first_state=_picture(shown, steps) + words,
        data=data,
    )


def _sentence(losses: Array, known: int, steps: Sequence[int]) -> str:
    train, others = losses
    least = int(others.argmin())
    return (
        f"Trained on {known} images. At the end: loss {number(train[-1], DIGITS)} nats on them, "
        f"{number(others[-1], DIGITS)} on others, a gap of {number(others[-1] - train[-1], DIGITS)}. "
        f"On others it was least at step {steps[least]}: {number(others[least], DIGITS)}."
    )


def _line(losses: Array, steps: Sequence[int]) -> str:
    x, y = WIDTH * np.array(steps) / steps[-1], HEIGHT * (1 - np.minimum(losses, TOP) / TOP)
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _picture(losses: Array, steps: Sequence[int]) -> str:
    looks: tuple[dict[str, Any], ...] = (
        {"stroke": "var(--accent)"},
        {"stroke": "var(--second)", "stroke_dasharray": "6 4"},
    )
    lines = "".join(
        element("path", d=_line(line, steps), fill="none", stroke_width=2.5, data_part="line", **look)
        for line, look in zip(losses, looks, strict=True)
    )
    levels = "".join(_level(loss) for loss in (0, 0.5, 1, 1.5, 2, 2.5))
    keys = "".join(
        element("path", d=f"M{x} -14h26", fill="none", stroke_width=2.5, **look)
        + element("text", words, x=x + 32, y=-10, font_size=13, fill="currentColor")
        for x, words, look in ((0, "images it trains on", looks[0]), (182, "other images", looks[1]))
    )
    ends = element(
        "text", f"step {steps[-1]}", x=WIDTH, y=HEIGHT + 17, font_size=13, text_anchor="end", fill="currentColor"
    )
    drawing = element(
        "svg",
        levels + lines + keys + ends,
        viewBox=f"-34 -28 {WIDTH + 40} {HEIGHT + 52}",
        width=WIDTH + 40,
        height=HEIGHT + 52,
        aria_hidden="true",
    )
    return element("div", drawing) + element("p", "up: loss in nats", style="font-size:13px")


def _level(loss: float) -> str:
    y = f"{HEIGHT * (1 - loss / TOP):.1f}"
    line = element("path", d=f"M0 {y}H{WIDTH}", stroke="currentColor", stroke_opacity=0.2)
    return line + element(
        "text", f"{loss:g}", x=-7, y=float(y) + 4, font_size=13, text_anchor="end", fill="currentColor"
    )
