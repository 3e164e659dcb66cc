"""The published lists: WEAT's sets and tests, women by occupation; and frames for minimal pairs.

`word_lists.toml`, `occupations.toml` and `minimal_pairs.toml` say where each comes from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from mha.validation import check_choice

__all__ = ["CONTRASTS", "AssociationTest", "Occupation", "association_tests", "minimal_pairs", "occupations"]

# One word changes. {now} and {then} are the two forms of a frame's verb, {rest} what follows it.
CONTRASTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "he / she": ("he {then} {rest}.", "she {then} {rest}."),
        "father / mother": ("my father {then} {rest}.", "my mother {then} {rest}."),
        "he / they": ("he {then} {rest}.", "they {then} {rest}."),
        "child / children": ("the child {then} {rest}.", "the children {then} {rest}."),
        "present / past": ("they {now} {rest}.", "they {then} {rest}."),
        "anna / emma": ("anna {then} {rest}.", "emma {then} {rest}."),
        "cat / horse": ("the cat {then} {rest}.", "the horse {then} {rest}."),
        "this / that": ("this man {then} {rest}.", "that man {then} {rest}."),
    }
)


@dataclass(frozen=True)
class AssociationTest:
    """A test of WEAT: are the words x nearer to the words a, and y to b, than the other way round?

    Fields:
        id: "WEAT 1" to "WEAT 10".  label: what it asks.
        about: "control", or what the stereotype is about: "race", "gender", "illness", "age".
        x, y: the target words.  a, b: the attribute words.
    """

    id: str
    label: str
    about: str
    x: tuple[str, ...]
    y: tuple[str, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]


@dataclass(frozen=True)
class Occupation:
    """A published figure: the share of women among those employed in an occupation of the United States.

    Fields:
        words: what the occupation is called; several where the statistics have one row for them.
        women: in percent.  year: which it is of.
    """

    words: tuple[str, ...]
    women: float
    year: int


@cache
def association_tests() -> Mapping[str, AssociationTest]:
    """The ten published tests by id, in order."""
    table = _read("word_lists.toml")
    sets = {name: tuple(words) for name, words in table["sets"].items()}
    tests = [
        AssociationTest(row["id"], row["label"], row["about"], *(sets[row[part]] for part in "xyab"))
        for row in table["tests"]
    ]
    return MappingProxyType({test.id: test for test in tests})


@cache
def occupations() -> tuple[Occupation, ...]:
    """All 60 occupations of the source, by published figure: 56 of them."""
    rows = _read("occupations.toml")["figures"]
    return tuple(Occupation(tuple(words), float(women), year) for words, women, year in rows)


def minimal_pairs(contrast: str, split: str) -> tuple[list[str], list[str]]:
    """Sentences that differ in one word, one pair a frame.

    Args:
        contrast: one of `CONTRASTS`.  split: "reference", "discovery" or "confirmation": no frame is in two of them.
    Returns:
        n sentences with the first word, n with the second.
    Raises:
        ValueError: no such contrast or split.
    """
    frames = _read("minimal_pairs.toml")
    check_choice("contrast", contrast, CONTRASTS)
    check_choice("split", split, frames)
    first, second = (
        [form.format(now=now, then=then, rest=rest) for now, then, rest in frames[split]]
        for form in CONTRASTS[contrast]
    )
    return first, second


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("mha.bias").joinpath(name).read_text(encoding="utf-8"))
