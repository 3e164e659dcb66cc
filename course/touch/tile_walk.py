"""The online softmax as a walk: a tile goes over the scores and carries its running maximum and sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number
from mha.reference import softmax
from mha.validation import check_finite, check_integer

__all__ = ["tile_walk"]

MOST_ROWS, MOST_COLUMNS = 12, 8  # so many fit a phone
HEADS = ("largest", "factor", "sum", "weighted", "output")
BEGIN = "Before the first tile: the largest score so far is −∞, and the sums are 0."
END = (
    "Every output is the one that the softmax gives at once. The matrix now shows the weights: each is "
    "e^(score − largest) / sum, so these two numbers of a row are enough to have any of them again."
)
Array = NDArray[np.float64]
Tile = tuple[range, range]  # rows and columns


@dataclass(frozen=True)
class Step:
    """What a reader sees at once: the tile, what each row of the matrix carries, and the sentence about it."""

    tile: Tile
    carried: list[list[str]]
    says: str


def tile_walk(scores: Any, values: Any, *, tile: tuple[int, int] = (3, 2)) -> TouchFigure:
    """Step by step through a score matrix in tiles: what each query carries, and that it ends as the softmax does.

    Args:
        scores: (i, j), at most 12 by 8. They are shown with one decimal: round them to it, and a reader can add up.
        values: (j,), one number for each key.
        tile: queries and keys in a tile.
    Raises:
        ValueError: scores are no such matrix, values do not fit it, or tile is not two positive numbers.
        TypeError: scores or values are no numbers, tile no integers.
    """
    table, numbers = check_finite("scores", scores), check_finite("values", values)
    if table.ndim != 2 or not (1 <= table.shape[0] <= MOST_ROWS and 1 <= table.shape[1] <= MOST_COLUMNS):
        raise ValueError(f"scores must be at most {MOST_ROWS} by {MOST_COLUMNS}, got shape {table.shape}")
    if numbers.shape != table.shape[1:]:
        raise ValueError(f"values must have shape ({table.shape[1]},), one for each key, got {numbers.shape}")
    if not isinstance(tile, tuple) or len(tile) != 2:
        raise ValueError(f"tile must be two numbers, queries and keys, got {tile!r}")
    height, width = (check_integer(f"tile[{n}]", size, at_least=1) for n, size in enumerate(tile))
    steps = _walk(table, numbers, height, width)
    weights = softmax(table)
    cells = {"scores": _written(table, 1), "weights": _written(weights, 2)}
    columns = {
        "tiles": [[[axis.start, axis.stop] for axis in step.tile] for step in steps],
        "carried": [step.carried for step in steps],
        "says": [step.says for step in steps],
    }
    hint = "Only the framed tile is in memory. The last step shows the weights, which the walk never held."
    first = _first_state(cells["scores"], _written(numbers[None], 1)[0], steps[0], weights @ numbers)
    return build("tile_walk", title="The tile that walks", hint=hint, first_state=first, data={**columns, **cells})


def _written(matrix: Array, digits: int) -> list[list[str]]:
    return [[number(x, digits) for x in row] for row in matrix]


def _walk(scores: Array, values: Array, height: int, width: int) -> list[Step]:
    """Before the first tile, after each, and at the end."""
    n_rows, n_columns = scores.shape
    nowhere = (range(0), range(0))
    carried = np.array([[-inf], [1.0], [0.0], [0.0]]) * np.ones(n_rows)  # largest, factor, total, weighted: (4, i)
    shown = [["−∞", "", "0", "0", ""] for _ in range(n_rows)]
    steps = [Step(nowhere, list(shown), BEGIN)]
    for rows, columns in _tiles(n_rows, n_columns, height, width):
        before, is_last = carried[0].copy(), columns.stop == n_columns
        for i in rows:
            carried[:, i] = _merged(carried[:, i], scores[i, columns], values[columns])
            shown[i] = _line(carried[:, i], is_last)
        steps.append(Step((rows, columns), list(shown), _sentence(rows, columns, before, carried, is_last)))
    return [*steps, Step(nowhere, list(shown), END)]


def _tiles(n_rows: int, n_columns: int, height: int, width: int) -> Iterator[Tile]:
    for top in range(0, n_rows, height):
        for left in range(0, n_columns, width):
            yield range(top, min(top + height, n_rows)), range(left, min(left + width, n_columns))


def _merged(carried: Array, scores: Array, values: Array) -> Array:
    """What one query carries after one more tile, whose scores and values these are."""
    old, _, total, weighted = carried
    new = max(old, scores.max())
    factor, powers = np.exp(old - new), np.exp(scores - new)
    return np.array([new, factor, total * factor + powers.sum(), weighted * factor + powers @ values])


def _line(carried: Array, is_last: bool) -> list[str]:
    largest, factor, total, weighted = carried
    out = number(weighted / total, 3) if is_last else ""
    return [number(largest, 1), number(factor, 3), number(total, 3), number(weighted, 3), out]


def _sentence(rows: range, columns: range, before: Array, carried: Array, is_last: bool) -> str:
    """What the tile changed, told of the row that it changed most."""
    row = max(rows, key=lambda i: float(carried[0, i] - before[i]))
    if columns.start == 0:
        what = "The first tile of these rows: its own largest scores are the largest so far."
    elif carried[0, row] == before[row]:
        what = "No row meets a larger score: every factor is 1, and the tile is only added."
    else:
        change = f"rises from {number(before[row], 1)} to {number(carried[0, row], 1)}"
        factor = number(carried[1, row], 3)
        what = f"In query {row} the largest score {change}, so what was summed is multiplied by {factor}."
    done = " These rows are done: divide, weighted by sum." if is_last else ""
    return f"Queries {rows.start} to {rows.stop - 1}, keys {columns.start} to {columns.stop - 1}. {what}{done}"


def _first_state(scores: list[list[str]], values: list[str], first: Step, exact: Array) -> str:
    matrix = _table(
        '<table class="mt-matrix"><caption data-part="shown">scores, queries down, keys across</caption>',
        [str(j) for j in range(len(values))],
        ["".join(f"<td data-part=cell>{score}</td>" for score in row) for row in scores],
        "<tfoot><tr><th scope=row>value</th>" + "".join(f"<td>{value}</td>" for value in values) + "</tr></tfoot>",
    )
    lines = ["".join(f"<td data-part=carried>{x}</td>" for x in row) for row in first.carried]
    carried = _table(
        '<table class="mt-carried"><caption>carried by each query, and the output at once</caption>',
        [*HEADS, "at once"],
        [f"{line}<td>{number(out, 3)}</td>" for line, out in zip(lines, exact, strict=True)],
    )
    says = element("p", first.says, class_="mt-status", role="status", data_part="says")
    return (
        '<div data-part="buttons"></div>'
        + says
        + element("div", matrix + carried, class_="mt-beside", style="gap:12px")
    )


def _table(start: str, heads: list[str], rows: list[str], foot: str = "") -> str:
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    body = "".join(f"<tr><th scope=row>{i}</th>{row}</tr>" for i, row in enumerate(rows))
    table = f"{start}<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody>{foot}</table>"
    return element("div", table, style="overflow-x:auto")
