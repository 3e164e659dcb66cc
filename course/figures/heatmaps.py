"""The drawings of the chapter on heatmaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["colour_scales", "faults_found", "idle_heads", "in_short", "resting_places", "unseen_keys"]

Array = NDArray[Any]
PART_COLOURS = {"[CLS]": "#D55E00", "[SEP]": "#E69F00", "punctuation": "#777777", "words": "#2166AC"}
BY_MAP, BY_CHECK = "#D55E00", "#2166AC"


def colour_scales(weights: Mapping[str, Array], tokens: Sequence[str]) -> None:
    """Two heads, each drawn twice: darkest colour for its own largest weight, and for a weight of 1.

    Args:
        weights: name -> (i, i), two of them.  tokens: (i,).
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 6.2), sharex=True, sharey=True)
    for row, (name, one) in zip(axes, weights.items(), strict=True):
        for ax, largest in zip(row, (one.max(), 1.0), strict=True):
            ax.imshow(one, cmap=plots.ATTENTION_COLOURS, vmin=0, vmax=largest)
            ax.set_title(f"{name}: 0 to {largest:.2f}")
            ax.grid(False)
            ax.set_yticks(range(len(tokens)), labels=tokens, parse_math=False)
            ax.set_xticks(range(len(tokens)), labels=tokens, parse_math=False, rotation=90)
    figure.supxlabel("key")
    figure.supylabel("query")
    plt.show()


def resting_places(shares: Mapping[str, Array], lengths: Mapping[str, Array]) -> None:
    """Where the weight lies, layer by layer, and how long the vectors are that lie there.

    Args:
        shares: kind of token -> (n_sentences, n_layers), of all weight.
        lengths: kind of token -> (n_sentences, n_layers), of a value behind the output projection.
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(WIDTH, 6.4), sharex=True)
    for name, share in shares.items():
        layers = np.arange(share.shape[1])
        plots.spread(top, layers, 100 * share, name, color=PART_COLOURS[name])
        plots.spread(bottom, layers, lengths[name], name, color=PART_COLOURS[name])
    top.set(ylabel="share of weight (%)", ylim=(0, None))
    bottom.set(xlabel="layer", ylabel="length of a value", yscale="log", yticks=[0.1, 0.3, 1, 3])
    bottom.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    bottom.yaxis.set_minor_formatter(FuncFormatter(lambda x, _: ""))
    handles, labels = top.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4)
    plt.show()


def unseen_keys(bins: Sequence[str], changes: Mapping[str, Array], limit: float) -> None:
    """How far a head's output moves when keys are hidden, by how much of its weight rests on [CLS].

    Args:
        bins: (n,), names.  changes: how the keys were chosen -> (n_sentences, n), shares of the output's length.
        limit: what a map that shows where a head looks would stay below.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.6))
    for name, change in changes.items():
        plots.spread(ax, np.arange(len(bins)), 100 * change, name)
    ax.axhline(100 * limit, color="0.4", linestyle=":", linewidth=1.5)
    ax.set_xticks(range(len(bins)), labels=bins)
    ax.set(xlabel="weight on [CLS], mean of a sixth of the heads", ylabel="movement of the output (%)", ylim=(0, None))
    figure.legend(loc="outside upper left", ncols=1)
    plt.show()


def idle_heads(left: Mapping[str, Array]) -> None:
    """What remains of the sentences' vectors when a quarter of the heads is switched off.

    Args:
        left: how the heads were chosen -> (n,), cosines of the vectors with and without.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 0.6 * len(left) + 1.3))
    for row, values in enumerate(left.values()):
        jitter = row + 0.2 * np.sin(np.arange(len(values)) * 2.4)  # spread, the same at each run
        ax.plot(values, jitter, ".", color=BY_CHECK, alpha=0.5)
        ax.plot(np.median(values), row, "|", color="black", markersize=22, markeredgewidth=2)
    ax.set_yticks(range(len(left)), labels=list(left))
    ax.set(xlabel="cosine with the whole model's vector", ylim=(len(left) - 0.5, -0.5))
    ax.locator_params(axis="x", nbins=4)
    plt.show()


def faults_found(by_map: Mapping[str, int], by_check: Mapping[str, int], n: int) -> None:
    """In how many models a planted fault was found, by the maps and by a check.

    Args:
        by_map, by_check: fault -> models.  n: models a fault.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.62 * len(by_map) + 1.6))
    rows = np.arange(len(by_map))
    for shift, found, colour, label in (
        (-0.19, by_map, BY_MAP, "a look at the maps"),
        (0.19, by_check, BY_CHECK, "a check without maps"),
    ):
        ax.barh(rows + shift, list(found.values()), 0.36, color=colour, label=label)
    ax.set_yticks(rows, labels=list(by_map))
    ax.set(xlabel=f"models, of {n}, in which it is found", xlim=(0, n + 0.2), xticks=range(0, n + 1, 2))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=2)
    plt.show()


def in_short(bars: Mapping[str, Mapping[str, float]]) -> None:
    """Which share each kind of token has, a bar for each measure.

    Args:
        bars: measure -> kind of token -> percent.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 2.6))
    for row, parts in enumerate(bars.values()):
        start = 0.0
        for name, share in parts.items():
            label: dict[str, Any] = {"label": name} if row == 0 else {}
            ax.barh(row, share, 0.6, left=start, color=PART_COLOURS[name], **label)
            if share > 8:
                ax.text(start + share / 2, row, f"{share:.0f}", ha="center", va="center", color="white")
            start += share
    ax.set_yticks(range(len(bars)), labels=list(bars))
    ax.set(xlabel="percent", xlim=(0, 100))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=4, columnspacing=1.0, handlelength=1.2)
    plt.show()
