"""Which phrases to train on, and sets that ask for something that no training phrase shows.

- phrases: drawn as those of the training, and not among them. validation is another such set, to choose by.
- combinations: no training phrase lists two neighbours like any two of these; their numbers and parts all occur.
- numbers: every number occurs in no training phrase, but that some are a date's day there. Elsewhere in the tests all
  numbers are common ones. Training has some rare ones too, so that a model can learn what to do with a number that it
  does not know.
- alone: one item of each is of a part (a place, a unit, a currency) that training shows in phrases of one item only.
- longer: one item more than any training phrase lists.

The same items serve every language, and training is a fixed list, so that a memory of it and a count of its words have
what a network has.
"""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache

from mha.tasks.phrases import FIRST_YEAR, KINDS, LARGEST, LAST_YEAR, Item, parts

__all__ = ["LONGEST", "N_NUMBERS", "SETS", "is_alone", "is_held_out_pair", "known_numbers", "phrase_sets"]

Items = tuple[Item, ...]
LONGEST = 2  # items of a training phrase
N_TRAINED, N_TESTED, N_NUMBERS = 5000, 200, 100
RARE = 0.1  # share of the training's numbers that are others, each of which comes once or twice
REPEATED = 15  # how often a place that is seen alone is seen: about as often as any other
SETS = ("validation", "phrases", "combinations", "numbers", "alone", "longer")
LENGTHS = {1: 0.3, 2: 0.7}  # shares of phrases of so many items
ALONE = frozenset({"week", "mass-kilogram", "GBP", "SEK"})
N_SMALL = 20  # numbers up to here are all trained on


@cache
def known_numbers() -> tuple[int, ...]:
    """The common numbers of training phrases, dates aside: 1 to `N_SMALL`, and some of those above."""
    above = random.Random("numbers").sample(range(N_SMALL + 1, LARGEST + 1), N_NUMBERS - N_SMALL)
    return (*range(1, N_SMALL + 1), *sorted(above))


def is_alone(item: Item) -> bool:
    """Whether training shows what the item is of in phrases of one item only: `ALONE`, and one place in five."""
    return item.of in ALONE or (item.kind == "place" and _chance(f"{item.of} alone", 5) == 0)


def is_held_out_pair(first: Item, second: Item) -> bool:
    """Whether no training phrase lists these two, whatever their numbers, one behind the other: one pair in five."""
    return _chance(f"{first.kind} {first.of}, {second.kind} {second.of}", 5) == 0


@cache
def phrase_sets() -> dict[str, tuple[Items, ...]]:
    """ "training" and each of `SETS` -> its phrases, as tuples of items."""
    rng = random.Random("phrases")
    places = [Item("place", code, 0) for code in parts("place")]
    training: list[Items] = [(place,) for place in places for _ in range(REPEATED if is_alone(place) else 1)]
    seen = set(training)
    while len(training) < N_TRAINED:
        items = _drawn(rng, _length(rng), _any_number)
        if items not in seen and _is_trainable(items):
            seen.add(items)
            training.append(items)
    wanted: dict[str, Callable[[], Items | None]] = {
        "validation": lambda: _new(_drawn(rng, _length(rng))),
        "phrases": lambda: _new(_drawn(rng, _length(rng))),
        "combinations": lambda: _in_new_pairs(_drawn(rng, rng.randint(2, LONGEST))),
        "numbers": lambda: _new(_drawn(rng, _length(rng), _new_number, kinds=("when", "amount", "price", "count"))),
        "alone": lambda: _with_one_alone(_drawn(rng, rng.randint(2, LONGEST))),
        "longer": lambda: _new(_drawn(rng, LONGEST + 1)),
    }
    sets: dict[str, tuple[Items, ...]] = {"training": tuple(training)}
    for name in SETS:
        found: list[Items] = []
        while len(found) < N_TESTED:
            new = wanted[name]()
            if new is not None and new not in seen:
                seen.add(new)
                found.append(new)
        sets[name] = tuple(found)
    return sets


def _chance(name: str, one_in: int) -> int:
    return zlib.crc32(name.encode()) % one_in


def _length(rng: random.Random) -> int:
    return rng.choices([*LENGTHS], weights=[*LENGTHS.values()])[0]


def _tested_number(rng: random.Random) -> int:
    return rng.choice(known_numbers()[1:])  # with 1 some units come nowhere in training


def _any_number(rng: random.Random) -> int:
    return _other_number(rng, 0) if rng.random() < RARE else rng.choice(known_numbers())


def _new_number(rng: random.Random) -> int:
    return _other_number(rng, 1)


def _other_number(rng: random.Random, part: int) -> int:
    """One that is not common: of those that training may show (0), or of those that it never does (1)."""
    while (n := rng.randint(N_SMALL + 1, LARGEST)) in known_numbers() or n % 2 != part:
        pass
    return n


def _drawn(
    rng: random.Random,
    length: int,
    number: Callable[[random.Random], int] = _tested_number,
    kinds: Sequence[str] = KINDS,
) -> Items:
    return tuple(_item(rng, rng.choice(kinds), number) for _ in range(length))


def _item(rng: random.Random, kind: str, number: Callable[[random.Random], int]) -> Item:
    if kind == "day":
        day = date.fromordinal(rng.randint(date(FIRST_YEAR, 1, 1).toordinal(), date(LAST_YEAR, 12, 31).toordinal()))
        return Item(kind, str(day.month), day.toordinal())
    of, n = rng.choice(parts(kind)), 0 if kind == "place" else number(rng)
    while kind == "count" and n == 1:  # not to be had in French, see `mha.tasks.phrases`
        n = number(rng)
    return Item(kind, of, -n if kind == "when" and rng.random() < 0.5 else n)


def _pairs(items: Items) -> list[bool]:
    return [is_held_out_pair(first, second) for first, second in itertools.pairwise(items)]


def _is_trainable(items: Items) -> bool:
    return len(items) == 1 or not (any(_pairs(items)) or any(map(is_alone, items)))


def _new(items: Items) -> Items | None:
    return items if _is_trainable(items) else None


def _in_new_pairs(items: Items) -> Items | None:
    return items if all(_pairs(items)) and not any(map(is_alone, items)) else None


def _with_one_alone(items: Items) -> Items | None:
    return items if sum(map(is_alone, items)) == 1 and not any(_pairs(items)) else None
