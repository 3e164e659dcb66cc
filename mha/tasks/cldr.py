"""Real text-to-text pairs: dates, amounts, prices and places in several languages, from Unicode CLDR through Babel.

A task is a kind and a language, and its name is the prefix that a model reads: "date fr: 2024-03-05" -> "5 mars 2024".
What a held-out pair can ask for differs by kind:

- date: parts met in training, in combinations that were not. Neither the day of the year nor the year of a test date
  occurs in training; every day of a month, month and digit does. A rule gives every answer.
- amount: the number of a test amount occurs nowhere in training. It must be copied, and the unit agree with it: in
  Polish by its last two digits. Numbers below 20 are all trained on. A rule gives every answer.
- price: as amount, with a currency for the unit, whose adjective must agree too.
- place: the name of the place occurs in no training pair. No rule gives "Allemagne" for "Germany": what can be had are
  names that are alike in both languages, and endings such as -ia and -ie.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import torch
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date
from babel.numbers import format_currency
from babel.units import format_unit
from torch import Tensor

from mha.validation import check_choice, check_integer, check_texts

__all__ = [
    "KINDS",
    "LANGUAGES",
    "TASKS",
    "Alphabet",
    "Pair",
    "answer",
    "held_out",
    "prefix",
    "task_pairs",
    "unlabelled",
]

CLDR_VERSION = "47"  # of Babel 2.18; another version words some answers differently
LANGUAGES = ("fr", "de", "pl")
KINDS = ("date", "amount", "price", "place")
ITEMS = {"date": date, "amount": tuple, "price": tuple, "place": str}
TASKS = tuple((kind, language) for kind in KINDS for language in LANGUAGES)

FIRST_DAY, LAST_DAY, DAYS_APART = date(1000, 1, 1), date(2999, 12, 31), 61  # of every month and day, in 2000 years
UNITS = (
    *(f"duration-{unit}" for unit in ("year", "month", "week", "day", "hour", "minute")),
    *("length-kilometer", "mass-kilogram"),
)
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "CAD", "SEK", "CZK")
LARGEST = 999  # of amounts and prices
LONGEST_NAME = 20
NO_PLACES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})  # unions, and what CLDR has for tests


class Pair(NamedTuple):
    """A source without its prefix, and what to answer."""

    source: str
    target: str


def prefix(kind: str, language: str) -> str:
    """What stands before a source: "date fr: ". Raises ValueError where kind is none of `KINDS`."""
    check_choice("kind", kind, KINDS)
    return f"{kind} {language}: "


@cache
def task_pairs(kind: str, language: str) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """All pairs of a task, in a fixed order.

    Args:
        kind: one of `KINDS`.  language: one that CLDR knows, such as those of `LANGUAGES`.
    Returns:
        (training, test); the module says what a test pair asks for. The same sources in every language.
    Raises:
        ValueError: kind or language is unknown.
        RuntimeError: the installed Babel brings another version of CLDR.
    """
    check_choice("kind", kind, KINDS)
    _locale(language)
    if get_global("cldr")["version"] != CLDR_VERSION:
        raise RuntimeError(f"CLDR must be of version {CLDR_VERSION} (babel==2.18.0), got {get_global('cldr')}")
    parts: dict[bool, list[Pair]] = {False: [], True: []}
    for item in _items(kind):
        part = held_out(kind, item)
        if part is not None:
            parts[part].append(Pair(answer(kind, item, None), answer(kind, item, language)))
    return tuple(parts[False]), tuple(parts[True])


def held_out(kind: str, item: date | tuple[int, str] | str) -> bool | None:
    """True for a test item, False for one to train on, None for one that would be half new: a date in neither part.

    Raises:
        TypeError: item is of another kind.  ValueError: kind is unknown.
    """
    _check_item(kind, item)
    if isinstance(item, date):
        new_day, new_year = _chosen(f"{item:%m-%d}"), _chosen(f"{item:%Y}")
        return new_day if new_day == new_year else None
    if isinstance(item, tuple):
        return item[0] >= 20 and _chosen(str(item[0]))
    return _chosen(item)


def answer(kind: str, item: date | tuple[int, str] | str, language: str | None) -> str:
    """An item in a language, as CLDR words it, spaces plain; or the source that stands for it if language is None.

    Args:
        kind: one of `KINDS`.  item: a date, a (number, CLDR unit), a (number, currency's code) or a territory's code.
    Raises:
        TypeError: item is of another kind.  ValueError: kind, language, unit or territory is unknown.
    """
    _check_item(kind, item)
    if language is not None:
        _locale(language)
    if isinstance(item, date):
        text = item.isoformat() if language is None else format_date(item, "long", locale=language)
    elif isinstance(item, tuple) and kind == "price":
        text = format_currency(
            *item, "#,##0", locale=language or "en", format_type="name", currency_digits=False
        )  # "12 euros", not "12.00 euros"
    elif isinstance(item, tuple):
        text = format_unit(*item, "long", locale=language or "en")
    else:
        territories = Locale(language or "en").territories
        if item not in territories:
            raise ValueError(f"item must be the code of a territory, got {item!r}")
        text = territories[item]
    return " ".join(text.split())  # CLDR puts some that do not break


@cache
def unlabelled() -> tuple[str, ...]:
    """Text without answers: names of languages and currencies in English and `LANGUAGES`, and no name of a test place.

    A name that holds the held-out name of a place in any of these languages is left out.
    """
    locales = [Locale(language) for language in ("en", *LANGUAGES)]
    hidden = {locale.territories[code].lower() for locale in locales for code in _places() if held_out("place", code)}
    names = (name for locale in locales for table in (locale.languages, locale.currencies) for name in table.values())
    return tuple(dict.fromkeys(n for n in names if not any(place in n.lower() for place in hidden)))


class Alphabet:
    """Characters as tokens: 0 is padding and the start of a target, 1 its end, 2 … are sentinels, then the characters.

    Args:
        texts: whose characters there are.  n_sentinels: how many sentinels.
    Raises:
        TypeError: texts is one string, or n_sentinels no integer.  ValueError: no text, or n_sentinels is negative.
    """

    pad_id, end_id = 0, 1

    def __init__(self, texts: Iterable[str], n_sentinels: int = 8) -> None:
        self.sentinels = tuple(range(2, 2 + check_integer("n_sentinels", n_sentinels, at_least=0)))
        self.characters = "".join(sorted({character for text in check_texts("texts", texts) for character in text}))
        self._ids = {character: n for n, character in enumerate(self.characters, 2 + n_sentinels)}

    def __len__(self) -> int:
        return 2 + len(self.sentinels) + len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Raises ValueError, with the character, where it is not one of the alphabet."""
        unknown = set(text) - set(self._ids)
        if unknown:
            raise ValueError(f"text holds {', '.join(map(repr, sorted(unknown)))}, not of the alphabet: {text!r}")
        return [self._ids[character] for character in text]

    def decode(self, ids: Sequence[int]) -> str:
        """Up to the end token; sentinels as ⟨0⟩, ⟨1⟩ …; padding is left out. Raises as `check_integer` does."""
        first = 2 + len(self.sentinels)
        ids = [check_integer("ids", n, at_least=0, at_most=len(self) - 1) for n in ids]
        ids = ids[: ids.index(self.end_id)] if self.end_id in ids else ids
        return "".join(self.characters[n - first] if n >= first else f"⟨{n - 2}⟩" for n in ids if n != self.pad_id)

    def batch(self, rows: Sequence[Sequence[int]], padding: int = 0) -> Tensor:
        """(b, i) int64: the rows, the end token behind each, then padding (-100 for targets, which a loss ignores).

        Raises:
            TypeError, ValueError: an id is no integer, or none of the alphabet.
        """
        top = len(self) - 1
        checked = [[check_integer("rows", n, at_least=0, at_most=top) for n in row] for row in rows]
        ended = [torch.tensor([*row, self.end_id]) for row in checked]
        return torch.nn.utils.rnn.pad_sequence(ended, batch_first=True, padding_value=padding)


def _check_item(kind: str, item: object) -> None:
    check_choice("kind", kind, KINDS)
    if not isinstance(item, ITEMS[kind]):
        raise TypeError(f"item of kind {kind!r} must be a {ITEMS[kind].__name__}, got {item!r}")


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise ValueError(f"language must be one that CLDR knows, such as {LANGUAGES}, got {language!r}") from error


def _items(kind: str) -> list[date] | list[tuple[int, str]] | list[str]:
    if kind == "date":
        return [FIRST_DAY + timedelta(n) for n in range(0, (LAST_DAY - FIRST_DAY).days + 1, DAYS_APART)]
    if kind == "place":
        return _places()
    return [(number, of) for number in range(1, LARGEST + 1) for of in (UNITS if kind == "amount" else CURRENCIES)]


@cache
def _places() -> list[str]:
    """Codes of countries and territories with a name of at most `LONGEST_NAME` characters, English too."""
    tables = [Locale(language).territories for language in ("en", *LANGUAGES)]
    codes = sorted(set.intersection(*(set(table) for table in tables)) - NO_PLACES)
    return [c for c in codes if len(c) == 2 and c.isalpha() and max(len(table[c]) for table in tables) <= LONGEST_NAME]


def _chosen(name: str) -> bool:
    """One name in five, the same everywhere."""
    return zlib.crc32(name.encode()) % 5 == 0
