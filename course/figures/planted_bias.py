"""The drawings of a planted bias: what a model says against what its text says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
from numpy.typing import NDArray

from course.figures import WIDTH
from mha.view import plots

__all__ = ["amplification_curves"]

Array = NDArray[Any]


def amplification_curves(data: Array, panels: Mapping[str, Mapping[str, Array]]) -> None:
    """The majority's share in what models say against its share in the text, a panel each on one scale.

    Args:
        data: (n,), the majority's shares in the text, in percent.
        panels: title -> model -> (seed, n), the same shares in what it says. The line is the median of the seeds.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 4.0), sharex=True, sharey=True)
    for ax, (title, models) in zip(axes, panels.items(), strict=True):
        ax.plot([50, 100], [50, 100], color="0.55", linewidth=1, linestyle="-", label="as in the text")
        for (name, shares), marker in zip(models.items(), "osD", strict=False):
            plots.spread(ax, data, shares, name, marker=marker)
        ax.set_title(title)
        ax.set(xlabel="share in the text (%)", xticks=data, ylim=(45, 103), yticks=[50, 60, 70, 80, 90, 100])
    axes[0].set_ylabel("share in what is said (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    plt.show()
