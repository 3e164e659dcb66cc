"""Layers that go another way for a while, in the thread that asked for it: nothing is written on the layer.

So another thread's calls go as ever, a copy of the layer knows nothing of it, and an error leaves nothing behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.module_tracker import ModuleTracker

__all__ = ["Way", "detour", "in_backward", "way_of"]

Way = Callable[..., Tensor]
_ways: dict[nn.Module, dict[int, list[Way]]] = {}  # layer -> thread -> those taken, the innermost last
_lock = threading.Lock()


@contextmanager
def detour(ways: Mapping[nn.Module, Way]) -> Iterator[None]:
    """Within this context, and in this thread, `way_of` gives each of the layers its way; the innermost context's."""
    thread = threading.get_ident()
    with _lock:
        for layer, way in ways.items():
            _ways.setdefault(layer, {}).setdefault(thread, []).append(way)
    try:
        yield
    finally:
        with _lock:
            for layer, way in ways.items():
                _ways[layer][thread].remove(way)
                if not _ways[layer][thread]:
                    del _ways[layer][thread]
                if not _ways[layer]:
                    del _ways[layer]


def way_of(layer: nn.Module) -> Way | None:
    """The layer's way in this thread; None where it goes as ever."""
    by_thread = _ways.get(layer)
    if not by_thread:
        return None
    if torch.compiler.is_compiling():  # the compiler cannot ask for the thread; it does see that there is a way
        return next(iter(by_thread.values()))[-1]
    ways = by_thread.get(threading.get_ident())
    return ways[-1] if ways else None


def in_backward() -> bool:
    """Whether a backward pass runs in this thread: then a layer is called by activation checkpointing, once more."""
    return ModuleTracker().is_bw
