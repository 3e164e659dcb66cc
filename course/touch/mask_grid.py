"""A mask to click: which query may attend to which key, and the weights that are left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number, text
from mha.reference import softmax
from mha.validation import check_finite

__all__ = ["mask_grid"]

MOST = 7  # so many rows and columns of buttons fit a phone
FORBIDDEN = "–"
STYLE = (
    ".mt.mt .mt-mask td{padding:2px;text-align:center}.mt.mt .mt-mask th{padding:2px 6px;text-align:right}"
    ".mt.mt .mt-mask thead th{text-align:center}"
    ".mt.mt .mt-mask button{width:100%;min-width:36px;min-height:34px;padding:0;font-variant-numeric:tabular-nums}"
    ".mt.mt .mt-mask button[aria-pressed=false]{border-style:dashed;color:var(--muted)}"
)


def mask_grid(scores: Any, masks: Mapping[str, Any]) -> TouchFigure:
    """Scores under a mask that is changed cell by cell: the weights of each query, and a query that has no key left.

    Args:
        scores: (i, j), at most 7 by 7; rounded to one decimal.
        masks: name -> (i, j) of bools, True = may attend. They can be chosen by name; the first is shown at first.
    Raises:
        ValueError: scores are no such matrix, there is no mask, or one is not boolean or has another shape.
        TypeError: scores are no numbers.
    """
    table = check_finite("scores", scores).round(1) + 0.0
    if table.ndim != 2 or not all(1 <= size <= MOST for size in table.shape):
        raise ValueError(f"scores must be at most {MOST} by {MOST}, got shape {table.shape}")
    if not masks:
        raise ValueError("masks must name at least one mask, got none")
    allowed = {str(name): _checked(str(name), mask, table.shape) for name, mask in masks.items()}
    return build(
        "mask_grid",
        title="Weights under a mask",
        hint="Click a cell to forbid or allow that pair, or choose a mask by its name.",
        first_state=_first_state(table, next(iter(allowed.values()))),
        data={"scores": table.tolist(), "masks": {name: mask.tolist() for name, mask in allowed.items()}},
    )


def _checked(name: str, mask: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.dtype != bool or array.shape != shape:
        raise ValueError(f"mask {name!r} must be bool of shape {shape}, got {array.dtype} of shape {array.shape}")
    return array


def _weights(scores: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each row's softmax over its allowed keys; zeros where it has none."""
    some = allowed.any(axis=-1, keepdims=True)
    return softmax(np.where(allowed | ~some, scores, -np.inf)) * (allowed & some)


def _first_state(scores: NDArray[np.float64], allowed: NDArray[np.bool_]) -> str:
    weights = _weights(scores, allowed)
    head = "".join(f"<th scope=col>{j}</th>" for j in range(scores.shape[1]))
    rows = ""
    for i, row in enumerate(weights):
        shown = (number(x, 2) if allowed[i, j] else FORBIDDEN for j, x in enumerate(row))
        cells = "".join(f"<td data-part=cell>{x}</td>" for x in shown)
        rows += f"<tr><th scope=row>{i}</th>{cells}<td data-part=sum>{number(row.sum(), 0)}</td></tr>"
    table = (
        f"<table class=mt-mask><caption>weights, queries down, keys across; {FORBIDDEN} is forbidden</caption>"
        f"<thead><tr><td></td>{head}<th scope=col>sum</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    said = element("p", text(_sentence(allowed)), class_="mt-status", role="status", data_part="says")
    return f"<style>{STYLE}</style>{table}{said}"


def _sentence(allowed: NDArray[np.bool_]) -> str:
    count = f"{int(allowed.sum())} of {allowed.size} pairs are allowed."
    empty = [str(i) for i in np.flatnonzero(~allowed.any(axis=-1))]
    if not empty:
        return f"{count} Every row sums to 1."
    who = f"Query {empty[0]} has" if len(empty) == 1 else f"Queries {', '.join(empty)} have"
    return f"{count} {who} no key left: weights of 0 here, NaN where −∞ meets an ordinary softmax."
