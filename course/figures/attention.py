"""The drawings of the chapter on attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from course.figures import WIDTH
from mha import reference
from mha.view import plots

__all__ = [
    "accuracy_by_scale",
    "attention_in_one_picture",
    "colour_plane",
    "contributions",
    "nearest_images",
    "one_row",
    "scale_and_gradients",
    "ties_and_gradients",
]

Array = NDArray[Any]
OUTLINE = [withStroke(linewidth=3, foreground="white")]  # so that a name is read on any colour


def colour_plane(keys: Array, values: Array, names: Sequence[str], scales: Sequence[float], reach: float = 2.2) -> None:
    """Paint each query of a plane in the colour that attention returns to it, once for each scale.

    Args:
        keys: (j, 2).  values: (j, 3), red, green and blue from 0 to 1.  names: of the keys.
        scales: what the scores are multiplied by, a panel each.  reach: queries run from -reach to reach.
    """
    line = np.linspace(-reach, reach, 220)
    queries = np.stack(np.meshgrid(line, line), axis=-1)  # (y, x, d)
    _, axes = plt.subplots(1, len(scales), figsize=(WIDTH, 2.7), sharey=True)
    for ax, scale in zip(axes, scales, strict=True):
        weights = reference.softmax(scale * queries @ keys.T)  # (y, x, j)
        extent = [-reach, reach, -reach, reach]
        # smoothing would add no detail, and a third to the picture's bytes
        ax.imshow(weights @ values, origin="lower", extent=extent, interpolation="nearest")
        for name, key in zip(names, keys, strict=True):
            ax.annotate("", key, (0, 0), arrowprops={"arrowstyle": "-|>"})
            ax.text(
                key[0] * 0.8, key[1] + np.copysign(0.36, key[1]), name, ha="center", va="center", path_effects=OUTLINE
            )
        ax.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        ax.set_title(f"scale {scale:g}")
        ax.grid(False)
    axes[0].set_ylabel("query, channel 1")
    axes[len(axes) // 2].set_xlabel("query, channel 0")
    plt.show()


def scale_and_gradients(widths: Sequence[int], with_scale: Array, without: Array) -> None:
    """Variance, largest weight and gradients against the number of channels, with the scale and without.

    Args:
        widths: (n,), channels.
        with_scale, without: (seed, n, 6): variance of the scores, largest weight of a row, then the median and the mean
            gradient at the scores, the median and the mean gradient at the queries.
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.8), sharex=True)
    axes[1, 1].sharey(axes[1, 0])  # the same kind of thing at two places; above stand two kinds
    for colour, label, results in (("C0", "with 1/√d", with_scale), ("C1", "without", without)):
        variance, largest, *gradients = np.moveaxis(results, -1, 0)  # each (seed, n)
        plots.spread(axes[0, 0], widths, variance, label, color=colour, linestyle="-")
        plots.spread(axes[0, 1], widths, largest, label, color=colour, linestyle="-")
        for n, (ax, sizes) in enumerate(zip(axes[1].repeat(2), gradients, strict=True)):
            kind, style = ("mean", "--") if n % 2 else ("median query", "-")
            plots.spread(ax, widths, sizes, f"{label}, {kind}", color=colour, linestyle=style)
    titles = ("variance of scores", "largest weight", "gradient at scores", "gradient at queries")
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_xscale("log", base=2)
        ax.set_xticks([2, 16, 128, 1024], labels=["2", "16", "128", "1024"])
        ax.set_title(title)
    axes[0, 1].set_ylim(0, 1)
    for ax, ticks in ((axes[0, 0], (1, 10, 100, 1000)), (axes[1, 0], (0.0001, 0.01, 1, 100))):
        ax.set_yscale("log")  # plain numbers: an exponent is too small to read on a phone
        ax.set_yticks(ticks, labels=[str(tick) for tick in ticks])
        ax.minorticks_off()
    figure.supxlabel("channels d", fontsize=12)
    figure.legend(*axes[1, 1].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    plt.show()


def ties_and_gradients(draws: Mapping[str, tuple[Array, Array]], edge: float) -> None:
    """The gradient at each query against the lead of its best key over the second best.

    Args:
        draws: name -> (leads, gradients), each (n,), of a panel; leads up to 31 are shown.
        edge: a lead that a line marks.
    """
    _, axes = plt.subplots(1, len(draws), figsize=(WIDTH, 3.8), sharex=True, sharey=True)
    for n, (ax, (name, (leads, gradients))) in enumerate(zip(axes, draws.items(), strict=True)):
        ax.plot(leads, gradients, "o", color=f"C{n}", markersize=3.5, alpha=0.5)
        ax.axvline(edge, color="0.4", linewidth=1.2, linestyle="--")
        ax.set_title(name)
        ax.set_xlabel("lead of the best score")
    axes[0].set_yscale("log")
    ticks = [1e-9, 1e-6, 1e-3, 1, 1000]
    axes[0].set_yticks(ticks, labels=["1e−9", "1e−6", "0.001", "1", "1000"])
    axes[0].minorticks_off()
    axes[0].set(ylim=(1e-10, 3000), xlim=(-1, 31))
    axes[0].set_ylabel("gradient at the query")
    plt.show()


def nearest_images(images: Array, weights: Array, titles: Mapping[int, str], labels: Array) -> None:
    """For each query, its image and the five that it attends to most.

    Args:
        images: queries' images, then the keys', (i + j, pixels), square.  weights: (i, j).
        titles: query -> what stands above its image, a row each.  labels: (j,), of the keys.
    """
    n_queries = len(weights)
    size = (WIDTH, 1.3 * len(titles))
    _, axes = plt.subplots(len(titles), 6, figsize=size, width_ratios=[1.7, *[1] * 5], squeeze=False)
    for row, (query, title) in zip(axes, titles.items(), strict=True):
        _image(row[0], images[query], title, "bold")
        for ax, key in zip(row[1:], np.argsort(-weights[query])[:5], strict=True):
            _image(ax, images[n_queries + key], f"{labels[key]}: {weights[query, key]:.2f}", "normal")
    plt.show()


def _image(ax: Axes, pixels: Array, title: str, fontweight: str) -> None:
    side = round(len(pixels) ** 0.5)
    ax.imshow(pixels.reshape(side, side), cmap="gray_r")
    ax.set_title(title, fontsize=12, loc="center", fontweight=fontweight)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.grid(False)


def accuracy_by_scale(scales: Sequence[float], accuracy: Mapping[str, Array], nearest: float) -> None:
    """Share of images read correctly against the scale: the median of each score, and each split as a thin line.

    Args:
        scales: (n,).  accuracy: score -> (seed, n), from 0 to 1; the first is drawn wide and pale, so that a line that
            coincides with it is seen on top of it.  nearest: what the nearest neighbour alone reaches.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.0))
    for n, (name, shares) in enumerate(accuracy.items()):
        colour, style = f"C{n}", ("-", "--", "-.")[n]
        ax.plot(scales, 100 * shares.T, color=colour, linewidth=0.7, alpha=0.4, linestyle="-")
        wide: dict[str, Any] = {"linewidth": 7, "alpha": 0.4} if n == 0 else {}
        ax.plot(scales, 100 * np.median(shares, axis=0), color=colour, linestyle=style, label=name, **wide)
    ax.axhline(100 * nearest, color="0.45", linewidth=1.2, linestyle="-", label="nearest neighbour")
    ax.set_xscale("log")
    ax.set_xticks([0.01, 0.1, 1, 10, 100], labels=["0.01", "0.1", "1", "10", "100"])
    ax.set(xlabel="scale (for the distance: 1/β²)", ylabel="digits read correctly (%)", ylim=(0, 102))
    figure.legend(loc="outside upper left", ncols=1)
    plt.show()


def one_row(scores: Array, weights: Array, tokens: Sequence[str], title: str) -> None:
    """One query's scores and the weights that the softmax makes of them, as bars, a row for each token.

    Args:
        scores, weights: (j,).  tokens: j names.  title: who asks, and in which head.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.8), sharey=True)
    for ax, numbers, name, digits in (
        (axes[0], scores, "scores s", 1),
        (axes[1], weights, "weights w", 2),
    ):
        ax.barh(range(len(tokens)), numbers, height=0.7, color="C0")
        for row, number in enumerate(numbers):
            beside = max(number, 0) + 0.02 * np.abs(numbers).max()
            ax.text(beside, row, f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "−"), va="center")
        ax.set_title(name)
        ax.margins(x=0.22)
        ax.grid(False)
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
    axes[0].axvline(0, color="0.4", linewidth=1)
    axes[0].set_yticks(range(len(tokens)), labels=tokens, parse_math=False)
    axes[0].set_ylim(len(tokens) - 0.5, -0.5)
    figure.suptitle(title, x=0.02, ha="left", fontsize=12)
    plt.show()


def contributions(weights: Array, sizes: Array, special: Array, title: str) -> None:
    """What a key adds to a query's output against its weight, one dot for each query and key.

    Args:
        weights, sizes: (h, i, j).  special: (j,), True for a token that is no word.  title: which layer.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    for marker, chosen, label in (("o", ~special, "key is a word"), ("^", special, "key is [CLS] or [SEP]")):
        x, y = weights[..., chosen].ravel(), sizes[..., chosen].ravel()
        ax.plot(x, y, marker, markersize=3.5, alpha=0.5, label=label)
    ax.set(xlabel="weight w", ylabel="contribution ‖w · v W_O‖", xlim=(-0.02, 1.02), ylim=(0, None))
    ax.set_title(title)
    figure.legend(loc="outside upper left", ncols=2, markerscale=2)
    plt.show()


def attention_in_one_picture(scores: Array, weights: Array, values: Array, names: Sequence[str]) -> None:
    """Scores, weights and output of a few queries side by side, the output as the colour it is.

    Args:
        scores, weights: (i, j).  values: (j, 3), red, green and blue from 0 to 1.  names: of the keys.
    """
    _, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.0), width_ratios=[len(names), len(names), 1])
    reach = np.abs(scores).max()
    shown = (
        (scores, "scores q·k / √d", {"cmap": "PuOr", "vmin": -reach, "vmax": reach}, "{:+.1f}"),
        (weights, "weights: softmax", {"cmap": plots.ATTENTION_COLOURS, "vmin": 0, "vmax": 1}, "{:.2f}"),
    )
    for ax, (array, title, colours, form) in zip(axes, shown, strict=False):
        image = ax.imshow(array, **colours)
        for (row, column), number in np.ndenumerate(array):
            light = image.cmap(image.norm(number))[1] > 0.5  # the green of a colour is most of its lightness
            text = form.format(number).replace("-", "−")
            ax.text(column, row, text, ha="center", va="center", color="#222222" if light else "white")
        ax.set_title(title)
        ax.set_xticks(range(len(names)), labels=names)
    axes[2].imshow((weights @ values)[:, None])
    axes[2].set_title("output")
    axes[2].set_xticks([])
    for ax in axes:
        ax.set_yticks(
            range(len(scores)), labels=[f"query {n + 1}" for n in range(len(scores))] if ax is axes[0] else []
        )
        ax.grid(False)
    plt.show()
