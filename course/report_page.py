"""An audit's report as a page: the sections of its Markdown, each folded behind its heading, in HTML and as text.

The headings are native `details`, which open and close without a script; two stand open, since nobody should read the
figures without what may be said of them and what was not tested.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from mha.bias.audit.report import SECTIONS, Report

__all__ = ["ReportPage"]

OPEN = ("What may be said", "What was not tested")
BOX = "border:1px solid #8888;border-radius:0.3em;padding:0.3em 0.8em;margin:0.4em 0"
TABLE = "color:inherit;border-collapse:collapse;font-variant-numeric:tabular-nums"
# Words stay whole in a cell: where a table is too wide, its region scrolls.
CELL = "text-align:left;vertical-align:top;padding:0.15em 0.8em 0.15em 0;overflow-wrap:normal"


@dataclass(frozen=True)
class ReportPage:
    """Shows a report in a notebook and in the book."""

    report: Report

    def __repr__(self) -> str:
        opened = (f"{name}\n\n{self.report.section(name)}" for name in OPEN)
        return "\n\n".join([f"Audit of {self.report.model['name']}", *opened])

    def _repr_html_(self) -> str:
        title = f"<p><strong>Audit of {html.escape(self.report.model['name'])}</strong></p>"
        return "\n".join([title, *(self._folded(name) for name in SECTIONS)])

    def _folded(self, name: str) -> str:
        body = "\n".join(_as_html(self.report.section(name)))
        state = " open" if name in OPEN else ""
        summary = f'<summary style="cursor:pointer"><strong>{html.escape(name)}</strong></summary>'
        return f'<details{state} style="{BOX};overflow-wrap:anywhere">{summary}\n{body}\n</details>'


def _as_html(markdown: str) -> Iterator[str]:
    """Paragraphs, bullets and tables, the three that a report is written in."""
    for kind, lines in groupby(
        filter(None, markdown.splitlines()), key=lambda line: line[0] if line[0] in "-|" else ""
    ):
        block = list(lines)
        if kind == "-":
            yield "<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in block) + "</ul>"
        elif kind == "|":
            yield from _tables(block)
        else:
            yield from (f"<p>{_inline(line)}</p>" for line in block)


def _tables(lines: list[str]) -> Iterator[str]:
    """A table for each line of dashes; the line before it is the head."""
    heads = [n - 1 for n, line in enumerate(lines) if line.startswith("|---")]
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        names, rows = _cells(lines[start]), map(_cells, lines[start + 2 : end])
        head = "".join(f'<th scope="col" style="{CELL}">{_inline(name)}</th>' for name in names)
        body = "".join("<tr>" + "".join(_cell(n, cell) for n, cell in enumerate(row)) + "</tr>" for row in rows)
        table = f'<table style="{TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        label = html.escape(names[1])
        yield f'<div role="region" aria-label="{label}" tabindex="0" style="overflow-x:auto">{table}</div>'


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _cell(n: int, cell: str) -> str:
    return (
        f'<th scope="row" style="{CELL}">{_inline(cell)}</th>' if n == 0 else f'<td style="{CELL}">{_inline(cell)}</td>'
    )


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
