"""Words that English genders: names and nouns to fit an eraser and a probe on, none of them in a test of WEAT.

`gendered_words.toml` says how they were chosen.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["GenderedWord", "gendered_words"]


@dataclass(frozen=True)
class GenderedWord:
    """A word, "name" or "noun", and whether it stands for women: in the lists of two genders that are used here."""

    text: str
    kind: str
    woman: bool


@cache
def gendered_words() -> tuple[GenderedWord, ...]:
    """All of them, names before nouns, men's before women's."""
    table = tomllib.loads(files("mha.bias").joinpath("gendered_words.toml").read_text(encoding="utf-8"))
    return tuple(
        GenderedWord(text, kind, women)
        for kind in ("name", "noun")
        for women in (False, True)
        for text in table[kind]["women" if women else "men"].split()
    )
