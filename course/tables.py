"""A table of what was measured: HTML for the page, and the same as plain text for everything else.

    columns = [Column("variant"), Column("time", unit="ms", digits=2, main=True), Column("p", form="p")]
    Table(rows, columns, caption="One layer, 512 tokens")  # as the last line of a cell

The columns say how their numbers are written, so that a chapter says it once; the same digits in a whole column are
what puts its decimal points under one another.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from course.columns import Cell, Column, Interval, Parts, Spread, Widths, as_html, as_text, parts, widths

__all__ = ["Column", "Interval", "Spread", "Table"]

GAP = "  "
# Inherited by every cell; a page may add to it by the class.
STYLE = "color:inherit;border-collapse:collapse;font-variant-numeric:tabular-nums"
CAPTION_STYLE = "caption-side:top;text-align:left;color:inherit"


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns, one thing a row.

    Args:
        rows: one cell for each column: text, a number, Interval, Spread, or None where there is none. The first names
            the thing.
        columns: at least two.
        caption: what the table shows, one sentence.
    Raises:
        TypeError, ValueError: a row of another length, a cell that its column cannot write, two main columns.
    """

    rows: Sequence[Sequence[Cell]]
    columns: Sequence[Column]
    caption: str

    def __post_init__(self) -> None:
        for i, column in enumerate(self.columns):
            if not isinstance(column, Column):
                raise TypeError(f"columns[{i}] must be a Column, got {column!r}")
        if len(self.columns) < 2 or not self.rows:
            raise ValueError(f"a table needs 2 columns and a row, got {len(self.columns)} and {len(self.rows)}")
        if not isinstance(self.caption, str) or not self.caption.strip():
            raise ValueError(f"caption must say what the table shows, got {self.caption!r}")
        main = [column.head for column in self.columns if column.main]
        if len(main) > 1:
            raise ValueError(f"one column can be main, got {' and '.join(main)}")
        self._cells()  # so that a mistake shows where the table is made

    def _cells(self) -> list[list[Parts]]:
        """The parts of each cell, column by column."""
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} cells, the table {len(self.columns)} columns")
        return [
            [parts(f"{column.head!r} of {row[0]!r}", row[i], column) for row in self.rows]
            for i, column in enumerate(self.columns)
        ]

    def _written(self, write: Callable[[Parts, Widths], str]) -> Iterator[tuple[Column, bool, list[str]]]:
        """Each column, whether it is set to the right, and its cells as `write` writes them."""
        for column, cells in zip(self.columns, self._cells(), strict=True):
            room = widths(cells)
            yield column, any(cell.is_number for cell in cells), [write(cell, room) for cell in cells]

    def _notes(self) -> list[str]:
        return [f"{column.head}: {column.note}" for column in self.columns if column.note]

    def __repr__(self) -> str:
        set_columns = []
        for column, right, cells in self._written(as_text):
            texts = [column.title, *cells]
            width = max(map(len, texts))
            texts = [text.rjust(width) if right else text.ljust(width) for text in texts]
            set_columns.append([texts[0], "─" * width, *texts[1:]])
        lines = [GAP.join(row).rstrip() for row in zip(*set_columns, strict=True)]
        return "\n".join([self.caption, *self._notes(), "", *lines])

    def _repr_html_(self) -> str:
        columns = list(self._written(as_html))
        heads = "".join(
            f'<th scope="col"{look(column, right, True)}>{title(column)}</th>' for column, right, _ in columns
        )
        rows = [
            "<tr>" + "".join(entry(i, columns[i], cells[i]) for i in range(len(columns))) + "</tr>"
            for cells in zip(*(cells for _, _, cells in columns), strict=True)
        ]
        notes = "".join(f"<br><small>{html.escape(note)}</small>" for note in self._notes())
        return "\n".join([
            f'<table class="measured" style="{STYLE}">',
            f'<caption style="{CAPTION_STYLE}">{html.escape(self.caption)}{notes}</caption>',
            f"<thead><tr>{heads}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody></table>",
        ])  # fmt: skip


def title(column: Column) -> str:
    unit = f' <span style="font-weight:normal">({html.escape(column.unit)})</span>' if column.unit else ""
    return html.escape(column.head) + unit


def look(column: Column, right: bool, is_head: bool = False) -> str:
    style = "text-align:right" + (";white-space:nowrap" if not is_head else "") if right else "text-align:left"
    return f' class="main" style="{style}"' if column.main else f' style="{style}"'


def entry(i: int, column: tuple[Column, bool, list[str]], text: str) -> str:
    """A cell; the first of a row is its name."""
    attributes = look(*column[:2])
    if i == 0:
        return f'<th scope="row"{attributes}>{text}</th>'
    return f"<td{attributes}>{text}</td>"
