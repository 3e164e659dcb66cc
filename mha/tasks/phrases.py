"""Phrases in two languages whose words are known to belong together: lists of dates, amounts, prices and places.

An item is a date with its weekday, a time from now ("3 days ago"), an amount, a price, a number in words
("12 million") or a place, worded by Unicode CLDR through Babel. A phrase lists some of them: "3 days ago and Germany
and 12 euros". So which words of a source belong to which of its target is not guessed but follows from how both were
put together: each token carries a label, and tokens with equal labels belong together.

What the words ask for: months and days change places, in French and German too; Turkish puts the weekday last and what
says "ago" or "in" behind its number (gün önce, gün sonra); units agree with their number, and in German with what
stands before them (3 Tage, vor 3 Tagen). Left out is what Babel words badly: "1 million" (in French "1 millions"),
languages in which long units come back as raw keys, and numbers spelt out, of which Babel has no rules.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from datetime import date
from functools import cache, reduce
from math import inf
from typing import Literal, NamedTuple, TypeAlias, cast

import numpy as np
from babel import Locale
from babel.core import get_global
from babel.dates import format_date, format_timedelta
from babel.lists import format_list
from babel.numbers import format_compact_decimal, format_currency
from babel.units import format_unit
from numpy.typing import NDArray

from mha.tasks.cldr import CLDR_VERSION
from mha.validation import check_choice, check_integer

__all__ = ["KINDS", "LANGUAGES", "Item", "Phrase", "joined", "parts", "phrase", "split_text", "translated"]

SOURCE = "en"
LANGUAGES = ("fr", "de", "tr")
SECONDS = {"year": 31_536_000, "month": 2_592_000, "week": 604_800, "day": 86_400, "hour": 3600, "minute": 60}
UNITS = ("length-kilometer", "mass-kilogram", "digital-megabyte", "area-square-kilometer", "volume-cubic-meter")
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "CAD", "SEK", "CZK", "INR", "BRL")
NO_PLACES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})  # unions, and what CLDR has for tests
LONGEST_NAME = 3  # tokens of a place, in every language
ONE_PLACE_IN = 3  # is taken of them all: with fewer words a small model learns them in fewer steps
MAGNITUDES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
FIRST_YEAR, LAST_YEAR = 1990, 2029
LARGEST = 999  # longer numbers are grouped, and by another sign in each language
TOKEN = re.compile(r" ?(?:\d+|[^\W\d_]+(?:[-'’/][^\W\d_]+)*|[^\w\s])")

Label: TypeAlias = tuple[str | int, ...]
Unit: TypeAlias = Literal["year", "month", "week", "day", "hour", "minute", "second"]


class Item(NamedTuple):
    """One item: kind is one of `KINDS`; of names its unit, currency, place, magnitude or month, one of `parts(kind)`.

    n is its number; of a time from now it is negative for the past, of a date it is the ordinal day, of a place 0.
    """

    kind: str
    of: str
    n: int


class Phrase(NamedTuple):
    """Tokens of source and target, and of each token the label of what it says; None where it says nothing."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    source_labels: tuple[Label | None, ...]
    target_labels: tuple[Label | None, ...]

    def links(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which words belong together: (sure, possible), each (target tokens, source tokens).

        Possible are all pairs with one label: in "US dollars", "dollars des États-Unis" nobody says which word is
        which. Sure are those of them where one word of the source alone can be meant.
        """
        possible = np.array([[t is not None and t == s for s in self.source_labels] for t in self.target_labels])
        return possible & (possible.sum(axis=1, keepdims=True) == 1), possible


def split_text(text: str) -> tuple[str, ...]:
    """Words, numbers and signs; each keeps the space before it, the first gets one: `joined` gives the text back."""
    return tuple(TOKEN.findall(" " + " ".join(text.split())))


def joined(tokens: Sequence[str]) -> str:
    return "".join(tokens).strip()


@cache
def parts(kind: str) -> tuple[str, ...]:
    """What an item of a kind can be of: its units, currencies, places, magnitudes or months, in a fixed order.

    Raises:
        ValueError: kind is none of `KINDS`.  RuntimeError: Babel brings another version of CLDR.
    """
    check_choice("kind", kind, KINDS)
    if get_global("cldr")["version"] != CLDR_VERSION:
        raise RuntimeError(f"CLDR must be of version {CLDR_VERSION} (babel==2.18.0), got {get_global('cldr')}")
    if kind == "place":
        return tuple(code for code in sorted(Locale(SOURCE).territories) if _is_short_place(code))
    known = {"day": [str(n) for n in range(1, 13)], "when": SECONDS, "amount": (*SECONDS, *UNITS), "price": CURRENCIES}
    return tuple(known.get(kind, MAGNITUDES))


def translated(item: Item, language: str) -> str:
    """An item as CLDR words it, spaces plain.

    Raises:
        ValueError: the item's kind is none of `KINDS`, it is of nothing that its kind can be of, or its number is out
            of range.
    """
    _check(item)
    return " ".join(_worded(item, language).split())


def phrase(items: Sequence[Item], language: str) -> Phrase:
    """A list of items in English and in a language, with the labels that say which words belong together.

    Args:
        items: one or more.  language: one of `LANGUAGES`.
    Raises:
        ValueError: no items, a language that was not looked through, or as `translated` does.
    """
    check_choice("language", language, LANGUAGES)
    if not items:
        raise ValueError("items must hold one or more, got none")
    (source, source_labels), (target, target_labels) = (_labelled(items, side) for side in (SOURCE, language))
    return Phrase(source, target, source_labels, target_labels)


def _is_short_place(code: str) -> bool:
    if len(code) != 2 or not code.isalpha() or code in NO_PLACES or zlib.crc32(code.encode()) % ONE_PLACE_IN:
        return False
    names = [Locale(language).territories.get(code) for language in (SOURCE, *LANGUAGES)]
    return all(name and len(split_text(name)) <= LONGEST_NAME for name in names)


def _check(item: Item) -> None:
    check_choice("of", item.of, parts(item.kind))
    if item.kind == "place":
        check_integer("n", item.n, at_least=0, at_most=0)
    elif item.kind == "day":
        first, last = date(FIRST_YEAR, 1, 1).toordinal(), date(LAST_YEAR, 12, 31).toordinal()
        month = date.fromordinal(check_integer("n", item.n, at_least=first, at_most=last)).month
        if str(month) != item.of:
            raise ValueError(f"of must be the month of the date, {month}, got {item.of}")
    else:
        check_integer("|n|", abs(item.n) if item.kind == "when" else item.n, at_most=LARGEST, at_least=1)
        if item.kind == "count" and item.n == 1:
            raise ValueError('n must be above 1 of a count, got 1: in French Babel says "1 millions"')


def _day(item: Item, language: str) -> str:
    return format_date(date.fromordinal(item.n), "full", locale=language)


def _unit(item: Item) -> Unit:
    return cast(Unit, item.of)  # one of `SECONDS`


def _when(item: Item, language: str) -> str:
    seconds = item.n * SECONDS[item.of]
    return format_timedelta(seconds, granularity=_unit(item), threshold=inf, add_direction=True, locale=language)


def _amount(item: Item, language: str) -> str:
    if item.of in SECONDS:  # format_unit leaves Turkish years, months and days as raw keys
        return format_timedelta(item.n * SECONDS[item.of], granularity=_unit(item), threshold=inf, locale=language)
    return format_unit(item.n, item.of, "long", locale=language)


def _price(item: Item, language: str) -> str:
    return format_currency(
        item.n, item.of, "#,##0", locale=language, format_type="name", currency_digits=False
    )  # "12 euros", not "12.00 euros"


def _count(item: Item, language: str) -> str:
    return format_compact_decimal(item.n * MAGNITUDES[item.of], format_type="long", locale=language)


def _place(item: Item, language: str) -> str:
    return str(Locale(language).territories[item.of])


WORDINGS = {"day": _day, "when": _when, "amount": _amount, "price": _price, "count": _count, "place": _place}
KINDS = tuple(WORDINGS)


def _worded(item: Item, language: str) -> str:
    return WORDINGS[item.kind](item, language)


def _labelled(items: Sequence[Item], language: str) -> tuple[tuple[str, ...], tuple[Label | None, ...]]:
    """The tokens of a list, and their labels: the items' own, and one for each word that joins two."""
    texts = [translated(item, language) for item in items]
    whole, place = _listed(texts, language), 0
    tokens: list[str] = []
    labels: list[Label | None] = []
    for n, (item, text) in enumerate(zip(items, texts, strict=True)):
        start = whole.index(text, place)
        between = TOKEN.findall(whole[place:start].rstrip())
        tokens += between
        labels += [("joined", n) if token.strip().isalpha() else None for token in between]
        own = split_text(text)
        tokens += own
        labels += [label and (n, *label) for label in _item_labels(item, own, language)]
        place = start + len(text)
    return tuple(tokens), tuple(labels)


def _listed(texts: Sequence[str], language: str) -> str:
    """ "A and B and C": longer lists are made of what two need, so that a longer one asks for no word or sign more."""
    return reduce(lambda left, right: format_list([left, right], style="standard", locale=language), texts)


def _item_labels(item: Item, tokens: Sequence[str], language: str) -> list[Label | None]:
    """One label a token. A number is known by how many stand before it, a word by what it says in its kind."""
    named: list[Label | None] = [_number_label(tokens, i) for i in range(len(tokens))]
    words = [i for i, label in enumerate(named) if label is None and tokens[i].strip()[0].isalpha()]
    if item.kind == "day":
        month = format_date(date.fromordinal(item.n), "MMMM", locale=language)
        return [
            ("month" if tokens[i].strip() == month else "weekday",) if i in words else named[i] for i in _all(named)
        ]
    if item.kind == "when":
        unit = max(i for i in _all(named) if named[i] is not None) + 1  # in all of `LANGUAGES` it follows the number
        return [("unit" if i == unit else "direction",) if i in words else named[i] for i in _all(named)]
    return [label or ("name",) for label in named]


def _all(labels: Sequence[Label | None]) -> range:
    return range(len(labels))


def _number_label(tokens: Sequence[str], i: int) -> Label | None:
    if not tokens[i].strip().isdigit():
        return None
    return "number", sum(token.strip().isdigit() for token in tokens[:i])
