"""What all figures share: the frame around their first state, their data and script, and how a number is written."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from typing import Any

from mha.view.inline import inline_data, inline_source

__all__ = ["TouchFigure", "build", "element", "number", "steps_with", "text"]


class TouchFigure:
    """What each function of `course.touch` returns; a notebook shows it as HTML, a terminal as one line."""

    def __init__(self, summary: str, page: str) -> None:
        self._summary, self._page = summary, page

    def _repr_html_(self) -> str:
        return self._page

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._page}

    def __repr__(self) -> str:
        return f"<{self._summary}>"


def build(
    name: str, *, title: str, hint: str, first_state: str, data: dict[str, Any], uses: Sequence[str] = ()
) -> TouchFigure:
    """The whole figure. The same arguments give the same bytes.

    Args:
        name: of the script beside this module, without its ending.  uses: those it needs before it, but for `shared`.
        title: names the figure, above it and for a screen reader.  hint: what can be done with it, once scripts run.
        first_state: HTML that says what is to be seen; the script changes it in place.
        data: what the script needs, as JSON; floats already rounded to what another processor gives too.
    """
    payload = inline_data(data)
    files = ["shared.css", "shared.js", *(f"{script}.js" for script in (*uses, name))]
    style, *scripts = (inline_source("course.touch", file) for file in files)
    key = hashlib.sha256(f"{name}{title}{payload}".encode()).hexdigest()[:10]
    page = (
        f'<div class="mha-touch mt tex2jax_ignore mathjax_ignore" role="group" data-key="{key}" '
        f'aria-label="{html.escape(title)}"><style>{style}</style>'
        f'<p class="mt-title">{html.escape(title)}</p><div class="mt-controls"></div>{first_state}'
        f'<p class="mt-hint" hidden>{html.escape(hint)}</p>'
        f'<p class="mt-unscripted">To move it, scripts must run: a notebook runs them once it is trusted.</p>'
        f'<script>(function(){{"use strict";const key="{key}",data={payload};\n'
        f"{''.join(scripts)}}})();</script></div>"
    )
    return TouchFigure(f"{title}; a figure to touch, shown in a notebook", page)


def number(value: float, digits: int) -> str:
    """As the scripts write it: a true minus sign, and none before a number that rounds to 0."""
    written = f"{value:.{digits}f}"
    return written.replace("-", "\N{MINUS SIGN}") if float(written) else written.removeprefix("-")


def element(name: str, content: str = "", **attributes: object) -> str:
    """HTML or SVG; content is markup. An attribute's trailing underscore is dropped, others become hyphens."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>"


def text(words: str) -> str:
    """Words of a caller, isolated from the direction of the line around them."""
    return f"<bdi>{html.escape(words)}</bdi>"


def steps_with(steps: Sequence[float], start: float) -> list[float]:
    """The values a slider can take, among them the one it starts at."""
    return sorted({*steps, start})
