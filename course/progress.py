"""A bar for whoever looks on while a long cell runs; none where a program runs the notebook, so that nothing is stored.

with training_steps(2 * STEPS):  # counts the steps of whatever is trained inside
    model = text_to_text.train(...)

for seed in watched(range(5)):
    ...
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from IPython.core.getipython import get_ipython
from torch.optim.optimizer import register_optimizer_step_post_hook
from tqdm import tqdm

__all__ = ["someone_looks_on", "training_steps", "watched"]

T = TypeVar("T")


def someone_looks_on() -> bool:
    """Whether a reader has run this cell: only a front end with a reader lets a cell ask for input."""
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    return bool(kernel.get_parent().get("content", {}).get("allow_stdin", False))


def bar(total: int | None, label: str) -> tqdm[None]:
    """On the plain output, since the error output is red in a notebook; it takes itself away at the end."""
    return tqdm(total=total, desc=label, leave=False, file=sys.stdout, ncols=72, disable=not someone_looks_on())


def watched(things: Iterable[T], label: str = "") -> Iterator[T]:
    """The things, one after another, counted on a bar."""
    with bar(len(things) if isinstance(things, Sized) else None, label) as progress:
        for thing in things:
            yield thing
            progress.update()


@contextmanager
def training_steps(total: int | None = None, label: str = "training") -> Iterator[None]:
    """Counts the steps of every optimiser that works inside, in whatever function it does.

    Args:
        total: how many steps are to come; None for a bar that only counts.
        label: what stands before the bar.
    """
    with bar(total, label) as progress:
        hook = register_optimizer_step_post_hook(lambda *_: progress.update())
        try:
            yield
        finally:
            hook.remove()
