"""The drawings of the chapter on training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from course.figures import WIDTH

__all__ = ["four_curves", "some_digits", "surprise"]

Array = NDArray[Any]
TOP = 2.6  # of the losses that are drawn; ten classes guessed alike cost 2.3 nats


def some_digits(images: Array, targets: Sequence[int]) -> None:
    """Images side by side, each under the digit that it is.

    Args:
        images: (n, 8, 8).  targets: n digits.
    """
    _, axes = plt.subplots(1, len(images), figsize=(WIDTH, 1.3))
    for ax, image, digit in zip(axes, images, targets, strict=True):
        ax.imshow(image, cmap="gray_r")
        ax.set_title(str(digit), loc="center")
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    plt.show()


def surprise(marked: Sequence[float]) -> None:
    """The loss against the probability of what happened, in nats and in bits.

    Args:
        marked: probabilities to put a dot on, powers of 1/2.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 3.4))
    p = np.linspace(0.005, 1, 400)
    ax.plot(p, -np.log(p))
    for at in marked:
        ax.plot(at, -np.log(at), "o", color="C1")
        words = f"1/{1 / at:.0f}: {-np.log2(at):.0f} bit" + "s" * (at != 0.5)
        ax.annotate(words, (at, -np.log(at)), xytext=(8, 4), textcoords="offset points")
    ax.set(xlabel="probability given to what happened", ylabel="loss (nats)", xlim=(0, 1.02), ylim=(0, 5.2))
    bits = ax.secondary_yaxis("right", functions=(lambda nats: nats / np.log(2), lambda n: n * np.log(2)))
    bits.set_ylabel("loss (bits)")
    bits.set_yticks(range(8))
    plt.show()


def four_curves(steps: Sequence[int], curves: Mapping[str, tuple[Array, Array]]) -> None:
    """Loss on the images trained on and on others, against the step; four panels on one scale.

    Args:
        steps: (n,).  curves: title -> the loss while training, (n,), and the loss on the test images, (n + 1,), from
            before the first step on. What lies above 2.6 nats is cut off.
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.4), sharex=True, sharey=True)
    for ax, (title, (train, test)) in zip(axes.flat, curves.items(), strict=True):
        ax.plot(steps, train, color="C0", linestyle="-", marker="o", label="images it trains on")
        ax.plot([0, *steps], test, color="C1", linestyle="--", marker="s", label="other images")
        ax.set_title(title)
        ax.set(ylim=(-0.08, TOP), xlim=(-steps[-1] * 0.04, steps[-1] * 1.04))
        ax.set_xticks([0, steps[-1] // 2, steps[-1]])
    for ax in axes[1]:
        ax.set_xlabel("steps")
    for ax in axes[:, 0]:
        ax.set_ylabel("loss (nats)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    plt.show()
