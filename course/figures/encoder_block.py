"""The drawings of the chapter on the encoder block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots
from mha.view.diagram import Flow, draw_flow

__all__ = ["at_the_start", "by_depth", "by_distance", "in_short", "orders"]

Array = NDArray[Any]
SIXTH: dict[str, Any] = {"color": "#8C6D1F", "linestyle": (0, (3, 1))}  # the style sheet has five lines
VARIANTS = ["pre-norm", "post-norm", "no norm", "no residual", "neither", "no norm, small branches"]
WIDE: dict[str, Any] = {"linewidth": 8, "alpha": 0.35, "marker": ""}  # so that a line that coincides is seen on it


def orders(flows: Mapping[str, Flow]) -> None:
    """Two blocks as they ran, side by side.

    Args:
        flows: name -> what `record_flow` noted.
    """
    _, axes = plt.subplots(1, len(flows), figsize=(WIDTH, 5.6))
    for ax, (name, flow) in zip(axes, flows.items(), strict=True):
        draw_flow(flow, ax, title=name, wording=lambda node: node.label)
        ax.set(xticks=[], yticks=[])
        for text in ax.texts:
            text.set_fontsize(12)  # legible on a phone
    plt.show()


def at_the_start(gradients: Mapping[str, Array], cosines: Mapping[str, Array]) -> None:
    """Before training: the norm of the gradient in each block, and how alike the tokens are that leave it.

    Args:
        gradients, cosines: variant -> (seed, block).
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 6.8), sharex=True)
    looks = _looks(gradients)
    for ax, shown in zip(axes, (gradients, cosines), strict=True):
        for variant, values in shown.items():
            plots.spread(ax, np.arange(1, values.shape[1] + 1), values, variant, **looks[variant])
    axes[0].set(yscale="log", ylabel="norm of the gradient")
    axes[1].set(xlabel="block (1 is next to the embeddings)", ylim=(0, 1.03), ylabel="mean cosine of two tokens")
    axes[1].set_xticks(range(2, values.shape[1] + 1, 2))
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    plt.show()


def by_depth(depths: Sequence[int], panels: Mapping[str, Mapping[str, Array]], levels: Mapping[str, float]) -> None:
    """Share of queries answered against the number of blocks; the first variant of a panel is drawn wide and pale.

    Args:
        depths: (n,).  panels: title -> variant -> (seed, n), from 0 to 1.
        levels: what two who know nothing of the queries reach, by name.
    """
    _answered(depths, panels, dict.fromkeys(panels, levels), "blocks", log=False)


def by_distance(
    distances: Sequence[int], panels: Mapping[str, Mapping[str, Array]], levels: Mapping[str, Mapping[str, float]]
) -> None:
    """Share of queries answered against the distance; the first model of a panel is drawn wide and pale.

    Args:
        distances: (n,).  panels: title -> model -> (seed, n), from 0 to 1.
        levels: title -> what those reach who know nothing of the queries, by name.
    """
    _answered(distances, panels, levels, "tokens between the items and the queries", log=True)


def in_short(deepest: Mapping[str, int], answered: Mapping[str, Sequence[float]]) -> None:
    """How deep a stack learned, by its parts; and what each model answered over a distance, by its load.

    Args:
        deepest: variant -> number of blocks.
        answered: model -> percent of the queries, with one item to keep and with eight.
    """
    order = sorted(deepest, key=lambda name: -deepest[name])
    looks = _looks(order)
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(WIDTH, 5.4), height_ratios=[len(deepest), len(answered)])
    bars = top.barh(order, [deepest[n] for n in order], color=[looks[n]["color"] for n in order], height=0.6)
    top.bar_label(bars, padding=4, fontsize=12)
    top.set(title="deepest stack that learned (blocks)", xlim=(0, 13))
    marks: dict[str, dict[str, Any]] = {
        "one item": {"marker": "o", "markersize": 13, "fillstyle": "none"},
        "eight items": {"marker": "s", "markersize": 7},
    }
    for (items, look), shares in zip(marks.items(), zip(*answered.values(), strict=True), strict=True):
        bottom.plot(shares, list(answered), linestyle="none", label=items, **look)
    bottom.set(title="answered over 256 tokens (%)", xlim=(0, 106))
    bottom.margins(y=0.25)
    for ax in (top, bottom):
        ax.invert_yaxis()
        ax.grid(False, axis="y")
    figure.legend(*bottom.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    plt.show()


def _looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour and line of each name: a variant's own in every picture, the others' by their order."""
    styles = [*plt.rcParams["axes.prop_cycle"], SIXTH]
    others = [name for name in dict.fromkeys(names) if name not in VARIANTS]
    return dict(zip([*VARIANTS, *others], [*styles, *styles], strict=False))


def _answered(
    x: Sequence[int],
    panels: Mapping[str, Mapping[str, Array]],
    levels: Mapping[str, Mapping[str, float]],
    label: str,
    log: bool,
) -> None:
    looks = _looks(name for lines in panels.values() for name in lines)
    figure, axes = plt.subplots(len(panels), 1, figsize=(WIDTH, 6.8), sharex=True, sharey=True)
    handles = {}
    for ax, (title, lines) in zip(axes, panels.items(), strict=True):
        for n, (name, shares) in enumerate(lines.items()):
            style = looks[name] | (WIDE if n == 0 else {})
            handles[name] = plots.spread(ax, x, 100 * shares, name, **style)
        for n, (name, level) in enumerate(levels[title].items()):
            ax.axhline(100 * level, color="0.5", linewidth=1, linestyle="-")
            end, side = [(x[0], "left"), (x[-1], "right")][n > 0]  # a second one where no falling line crosses it
            ax.annotate(name, (end, 100 * level), xytext=(0, 5), textcoords="offset points", color="0.3", ha=side)
        ax.set_title(title)
        ax.set(ylabel="queries answered (%)", ylim=(0, 105))
        if log:
            ax.set_xscale("log", base=2)
        ax.set_xticks(x, labels=[str(value) for value in x])
        ax.minorticks_off()
    axes[-1].set_xlabel(label)
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=2)
    plt.show()
