"""A way that a layer takes for a while: the innermost, in its own thread, and none behind it."""

import threading

import pytest
import torch
from torch import nn

from mha.detours import detour, in_backward, way_of


def first(x):
    return x


def second(x):
    return x


def test_the_innermost_way_counts_and_nothing_stays():
    layer, other = nn.Identity(), nn.Identity()
    assert way_of(layer) is None
    with detour({layer: first}):
        with detour({layer: second, other: second}):
            assert (way_of(layer), way_of(other)) == (second, second)
        assert (way_of(layer), way_of(other)) == (first, None)
        with pytest.raises(ZeroDivisionError), detour({layer: second}):
            raise ZeroDivisionError
        assert way_of(layer) is first
    assert way_of(layer) is None


def test_another_thread_goes_its_own_way():
    layer, found = nn.Identity(), []

    def run():
        found.append(way_of(layer))
        with detour({layer: second}):
            found.append(way_of(layer))

    with detour({layer: first}):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert way_of(layer) is first
    assert found == [None, second]


def test_a_backward_pass_is_seen_from_within():
    seen = []
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda _: seen.append(in_backward()))
    x.sum().backward()
    assert seen == [True]
    assert not in_backward()
