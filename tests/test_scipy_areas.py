"""The task of naming a text's part of SciPy: nothing gives the class away, and nothing stands on both sides."""

from __future__ import annotations

import hashlib
from collections import Counter
from importlib import metadata

import pytest

from mha.tasks.scipy_areas import AREAS, GIVEAWAYS, Item, at_most, beginning, scipy_areas, split_by_module

SCIPY, N_ITEMS, DIGEST = "1.17.1", 744, "1c0fbd7db6a2b6e3"
DOCSTRING = """f(x, out=None)

Integrate `f` over the *unit*
interval [1]_, see :func:`scipy.integrate.quad`.

The signal-like = result is
one.

Parameters
----------
x : float

Examples
--------
>>> f(1)
"""


def words(item: Item) -> set[str]:
    return set(item.text.lower().split())


def test_the_data_are_those_the_results_were_made_with():
    lines = "\n".join(f"{item.area}\t{item.module}\t{item.text}" for item in scipy_areas())
    digest = hashlib.sha256(lines.encode()).hexdigest()[:16]
    assert (len(scipy_areas()), digest) == (N_ITEMS, DIGEST), (
        f"the task is made of the docstrings of SciPy {SCIPY}, installed is {metadata.version('scipy')}: where the pin "
        f"or the task has changed, put the new numbers here and run python -m experiments.fine_tuning"
    )


def test_texts_are_short_have_a_known_area_and_come_from_it():
    assert {item.area for item in scipy_areas()} == set(AREAS)
    assert all(4 <= len(item.text.split()) <= 20 for item in scipy_areas())
    assert all(item.module.startswith(f"scipy.{item.area}") for item in scipy_areas())
    assert min(Counter(item.area for item in scipy_areas()).values()) >= 40
    assert max(Counter(item.area for item in scipy_areas()).values()) <= 120
    assert max(Counter(item.module for item in scipy_areas()).values()) <= 20


def test_no_word_names_an_area():
    assert not [item for item in scipy_areas() if GIVEAWAYS.search(item.text)]
    assert not [item for item in scipy_areas() if words(item) & set(AREAS)]


def test_no_two_texts_share_half_their_words():
    known = [words(item) for item in scipy_areas()]
    pairs = [(a, b) for n, a in enumerate(known) for b in known[:n]]
    assert not [(a, b) for a, b in pairs if len(a & b) > 0.6 * len(a | b)]


@pytest.mark.parametrize("seed", range(5))
def test_a_split_keeps_modules_whole_and_loses_nothing(seed):
    train, test = split_by_module(scipy_areas(), seed)
    assert {item.module for item in train}.isdisjoint(item.module for item in test)
    assert Counter(train) + Counter(test) == Counter(scipy_areas())
    for area in AREAS:
        n_test, n = (sum(item.area == area for item in items) for items in (test, scipy_areas()))
        assert 0.35 * n <= n_test <= 0.35 * n + 20
    assert split_by_module(scipy_areas(), seed) == (train, test)
    assert split_by_module(scipy_areas(), seed + 1) != (train, test)


def test_at_most_keeps_the_first():
    items = [Item(str(n), AREAS[n % 3 % 2], "module") for n in range(9)]
    assert at_most(2, items) == [items[0], items[1], items[2], items[4]]
    assert at_most(2, items, of="module") == items[:2]
    with pytest.raises(TypeError, match=r"limit must be an integer, got 2.5"):
        at_most(2.5, items)
    with pytest.raises(ValueError, match="of must be one of 'area', 'module', got 'text'"):
        at_most(2, items, of="text")
    with pytest.raises(TypeError, match="seed must be an integer, got None"):
        split_by_module(items, None)


def test_the_beginning_of_a_docstring():
    assert beginning(DOCSTRING) == "f over the *unit* interval see The -like result is one."
    assert beginning(DOCSTRING.split("Examples")[0]) == ""
    assert beginning("Too short.\n\nNotes\n-----\nx\n\nExamples\n--------\ny") == ""
    assert len(beginning(DOCSTRING.replace("unit", "unit " * 50)).split()) == 20
