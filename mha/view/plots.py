"""Figures in the book's style. Each function takes arrays or tensors, not models, and draws into axes that it returns.

Labels and titles are drawn as they are: a token may hold dollar signs, and they begin no mathematics. The style is
`book.mplstyle`; `use_book_style()` switches it on for a notebook.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.resources import as_file, files
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from mha.statistics.intervals import median_interval
from mha.validation import check_number
from mha.view.values import check_text, literal, to_labels, to_numbers, to_weights

__all__ = ["ATTENTION_COLOURS", "attention_map", "check_axes", "spread", "use_book_style"]

# White to navy; the lightness (CIELAB L*) falls in equal steps, so equal differences of weight look equal.
ATTENTION_COLOURS = LinearSegmentedColormap.from_list(
    "attention",
    ["#ffffff", "#cbe6f8", "#9bccf2", "#71b1e7", "#5195d7", "#4179be", "#385da1", "#2e4384", "#0a2d6b"],
)
READABLE_VALUES = 64  # at most so many cells get their number written into them unless asked for


def use_book_style() -> None:
    """Draw everything from here on in the book's style; in a notebook at twice the density of pixels."""
    with as_file(files("mha.view") / "book.mplstyle") as path:
        plt.style.use(path)
    ipython = sys.modules.get("IPython")  # not imported for this: who has no notebook needs none
    shell = ipython and ipython.get_ipython()
    if shell and shell.has_trait("kernel"):
        shell.run_line_magic("config", "InlineBackend.figure_format = 'retina'")


def attention_map(
    weights: ArrayLike,
    row_labels: Sequence[str],
    col_labels: Sequence[str],
    ax: Axes | None = None,
    *,
    title: str = "",
    colour_bar: str = "weight (share of each row)",
    largest: float | None = None,
) -> Axes:
    """Draw one attention map: a row for each query, a column for each key, a colour bar with its unit.

    Args:
        weights: (i, j), not negative.
        row_labels: i labels, of the queries.  col_labels: j labels, of the keys.
        ax: where to draw; a new figure if None.
        title: above the map.  colour_bar: what the colours mean, with the unit.
        largest: the weight that gets the darkest colour; the largest weight if None. Set it to compare two maps.
            Where a weight is larger, the colour bar ends in an arrow.
    Returns:
        The axes, with the map as their only image.
    Raises:
        TypeError: weights are no numbers, labels no strings, largest no number, ax no Axes.
        ValueError: weights is not two-dimensional, holds negative or non-finite numbers, or a label is missing; largest
            is not above 0.
    """
    row_labels, col_labels = to_labels("row_labels", row_labels), to_labels("col_labels", col_labels)
    weights = check_map(weights, row_labels, col_labels)
    top = weights.max() if largest is None else check_number("largest", largest, above=0)
    if ax is None:
        _, ax = plt.subplots()
    check_axes("ax", ax)
    image = ax.imshow(weights, cmap=ATTENTION_COLOURS, vmin=0.0, vmax=top)
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(len(col_labels)), labels=col_labels, parse_math=False, **slant)
    ax.set_yticks(range(len(row_labels)), labels=row_labels, parse_math=False)
    ax.set(xlabel="key: the token looked at", ylabel="query: the token that looks")
    ax.set_title(check_text("title", title), parse_math=False)
    ax.grid(False)
    if weights.size <= READABLE_VALUES:
        write_values(ax, weights, image)
    ax.figure.colorbar(image, ax=ax, label=literal(colour_bar), extend="max" if weights.max() > top else "neither")
    return ax


def check_axes(name: str, ax: object) -> None:
    """Refuse what cannot be drawn into.

    Raises:
        TypeError: it is not one Axes.
    """
    if not isinstance(ax, Axes):
        raise TypeError(f"{name} must be one matplotlib Axes, got {type(ax).__name__}")


def check_map(weights: ArrayLike, row_labels: Sequence[str], col_labels: Sequence[str]) -> NDArray[np.float64]:
    """The weights as a float64 array, or an error that says what does not fit."""
    weights = to_weights("weights", weights)
    if weights.ndim != 2 or weights.size == 0:
        raise ValueError(f"weights must have two axes (i, j) and none empty, got shape {weights.shape}")
    for axis, (name, labels) in enumerate({"row_labels": row_labels, "col_labels": col_labels}.items()):
        if len(labels) != weights.shape[axis]:
            raise ValueError(f"{name} must name {weights.shape[axis]} tokens of {weights.shape}, got {len(labels)}")
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError("weights must be finite and not negative: pass what comes after the softmax, not the scores")
    return weights


def write_values(ax: Axes, weights: NDArray[np.float64], image: Any) -> None:
    """Write each weight into its cell, white on dark colours and dark on light ones."""
    for (row, column), weight in np.ndenumerate(weights):
        colour = "white" if image.norm(weight) > 0.55 else "#222222"
        ax.text(column, row, f"{weight:.2f}".lstrip("0"), ha="center", va="center", color=colour, fontsize=11)


def spread(ax: Axes, x: ArrayLike, values: ArrayLike, label: str, **style: Any) -> Line2D:
    """Draw the median over seeds as a line and its interval (`median_interval`) as a band in the same colour.

    Args:
        ax: where to draw.
        x: (n,), what was varied.  values: (n_seeds, n), what was measured.
        label: the name of the line in the legend. Matplotlib leaves a name out that begins with an underscore.
        style: color, linestyle and the like, where the style sheet's next ones will not do.
    Returns:
        The line.
    Raises:
        TypeError: values are no numbers, label no string, ax no Axes.
        ValueError: the shapes do not fit, there are fewer than two seeds, or the legend would leave the label out.
    """
    check_axes("ax", ax)
    if check_text("label", label).startswith("_"):
        raise ValueError(f"label must not begin with an underscore, or the legend leaves it out, got {label!r}")
    x, values = np.asarray(x), to_numbers("values", values)
    if x.ndim != 1 or values.ndim != 2 or values.shape[1] != len(x):
        raise ValueError(f"values must have shape (n_seeds, n) and x (n,), got {values.shape} and {x.shape}")
    median, low, high = median_interval(values)
    (line,) = ax.plot(x, median, **{"marker": "o", "label": literal(label)} | style)
    ax.fill_between(x, low, high, color=line.get_color(), alpha=0.22, linewidth=0)
    return line
