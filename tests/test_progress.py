"""A bar is shown to who looks on, and to nobody else; it counts what happens inside, and leaves no trace."""

from __future__ import annotations

import types

import pytest
import torch
from torch.optim import optimizer

from course import progress
from course.progress import bar, someone_looks_on, training_steps, watched


@pytest.fixture
def kernel(monkeypatch):
    """As in a notebook: whether a cell may ask its reader for input is in the request that runs it."""
    request = {"content": {"allow_stdin": True}}
    shell = types.SimpleNamespace(kernel=types.SimpleNamespace(get_parent=lambda: request))
    monkeypatch.setattr(progress, "get_ipython", lambda: shell)
    return request


def train(steps):
    weight = torch.ones(3, requires_grad=True)
    descent = torch.optim.SGD([weight], lr=0.1)
    for _ in range(steps):
        weight.sum().backward()
        descent.step()


def test_only_a_front_end_with_a_reader_shows_a_bar(kernel, monkeypatch):
    assert someone_looks_on()
    kernel["content"]["allow_stdin"] = False  # as nbclient and nbval ask
    assert not someone_looks_on()
    monkeypatch.setattr(progress, "get_ipython", lambda: None)
    assert not someone_looks_on()


def test_the_steps_of_any_training_inside_are_counted(kernel, capsys, monkeypatch):
    bars = []
    monkeypatch.setattr(progress, "bar", lambda *a: bars.append(made := bar(*a)) or made)
    with training_steps(7, "seven"):
        train(5)
    train(5)  # the hook is gone
    assert [(made.n, made.total) for made in bars] == [(5, 7)]
    printed = capsys.readouterr()
    assert "seven:" in printed.out
    assert printed.out.split("\r")[-1].strip() == ""  # taken away at the end
    assert printed.err == ""


def test_things_come_as_they_are_and_without_a_reader_nothing_is_printed(kernel, capsys):
    kernel["content"]["allow_stdin"] = False
    assert list(watched([3, 1, 2])) == [3, 1, 2]
    assert list(watched(iter("ab"))) == ["a", "b"]
    with training_steps():
        train(2)
    assert capsys.readouterr() == ("", "")


def test_an_error_inside_takes_the_hook_away(kernel):
    with pytest.raises(KeyError), training_steps(3):
        raise KeyError
    assert not optimizer._global_optimizer_post_hooks
