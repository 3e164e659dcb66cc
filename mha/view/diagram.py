"""The diagram of a model, drawn from what it does: `record_flow` runs it once, `draw_flow` draws what was seen."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes

from mha.view.flow import Flow, Node, record_flow
from mha.view.plots import check_axes

__all__ = ["Flow", "Node", "draw_flow", "record_flow"]

COLOURS = {"input": "#eeeeee", "output": "#eeeeee", "sum": "#ffffff", "operation": "#ffffff", "module": "#cbe6f8"}
NORM_COLOUR = "#f7d08a"


def draw_flow(flow: Flow, ax: Axes, *, title: str = "", wording: Callable[[Node], str] | None = None) -> Axes:
    """Draw a flow from top to bottom: steps in a column, edges that go around a step beside it, residuals on the right.

    Args:
        flow: from `record_flow`.  ax: where to draw.  title: above it.
        wording: what to write into a node; its name and label if None.
    Returns:
        The axes.
    Raises:
        TypeError: ax is not one Axes.
    """
    check_axes("ax", ax)
    heights = {node.name: -float(n) for n, node in enumerate(flow.nodes)}
    residuals = flow.residuals()
    lane = -1.0
    for start, end in flow.edges:
        if heights[start] - heights[end] == 1.0:
            ends = (0.0, heights[end] + 0.2), (0.0, heights[start] - 0.2)
            ax.annotate("", *ends, arrowprops={"arrowstyle": "-|>", "color": "#555555"})
        elif (start, end) in residuals:
            _go_around(ax, heights[start], heights[end], 1.35, 0.1, "#D55E00")
        else:
            lane -= 0.2
            _go_around(ax, heights[start], heights[end], lane, -0.75, "#555555")
    for node in flow.nodes:
        text = (wording or _wording)(node)
        colour = NORM_COLOUR if node.label.endswith("Norm") else COLOURS[node.kind]
        shape = "circle,pad=0.25" if node.kind == "sum" else "round,pad=0.4"
        box = {"boxstyle": shape, "facecolor": colour, "edgecolor": "#385da1"}
        ax.text(0.0, heights[node.name], text, ha="center", va="center", bbox=box, fontsize=11, parse_math=False)
    ax.set(xlim=(-1.5, 1.5), ylim=(min(heights.values()) - 0.5, 0.5))
    ax.set_title(title, parse_math=False)
    ax.axis("off")
    return ax


def _go_around(ax: Axes, start: float, end: float, lane: float, tip: float, colour: str) -> None:
    """A line out to a lane beside the column, down, and back in to the tip; out below the middle, in above it."""
    leaves, enters = start - 0.1, end + 0.1
    ax.plot([0.0, lane, lane], [leaves, leaves, enters], color=colour, linewidth=2, linestyle="-", zorder=0)
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": 0}
    ax.annotate("", (tip, enters), (lane, enters), arrowprops=arrow)


def _wording(node: Node) -> str:
    return node.label if node.kind != "module" else f"{node.name}: {node.label}"
