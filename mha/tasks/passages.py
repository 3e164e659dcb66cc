"""Questions about passages made of real facts, of which one sentence holds the answer and the others look like it.

Facts come from two places. Unicode CLDR, through Babel, says of a territory which currency it has, which language is
official, on which day its week begins and by which city's clock it lives. SciPy's signatures say of a function which
default a parameter has. Every fact is a row: whose it is (subject), what is told (relation), and the answer. A passage
is some rows in words, and a question asks for one of them; the others are rows of the same relation about other
subjects and of the same subject about other relations, so that neither tells which sentence is meant.

What answers a question may stand in other rows too: weeks begin on one of four days. `Passage.right` says which row was
asked for.
"""

from __future__ import annotations

import importlib
import inspect
import random
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.languages import get_official_languages
from babel.numbers import get_territory_currencies

from mha.tasks.records import Asked, Span
from mha.validation import check_choice, check_integer

__all__ = [
    "PARTS",
    "QUESTIONS",
    "RELATIONS",
    "SENTENCES",
    "TRAINED",
    "Fact",
    "Passage",
    "ask",
    "facts",
    "passage",
    "say",
]

PARTS = ("train", "choose", "judge")
SHARES = {"choose": 6, "judge": 7}  # of ten subjects those from 6 on, and from 7 on; the first six are trained on
DEFAULT = "default"  # the relation of functions, with the parameter's name behind it
RELATIONS = ("currency", "language", "weekday", "clock")
MODULES = ("linalg", "ndimage", "signal")
MOST_DEFAULTS = 3  # of a function
LONGEST_SUBJECT = 24  # characters
NO_PLACES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ", "AQ", "CP"})  # unions, tests, no inhabitants

# Each relation in three wordings. The last of a question shares no word with a sentence, and no training uses it.
SENTENCES: Mapping[str, tuple[str, ...]] = {
    "currency": ("The currency of {0} is the {1}.", "Money in {0} is counted in the {1}."),
    "language": ("The official language of {0} is {1}.", "{1} is what the laws of {0} are written in."),
    "weekday": ("The first day of the week in {0} is {1}.", "In {0} a week begins on {1}."),
    "clock": ("The time zone of {0} is that of {1}.", "Clocks in {0} are set as those of {1}."),
    DEFAULT: ("The default of {2} in {0} is {1}.", "If {0} is not told its {2} it takes {1}."),
}
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "currency": ("What is the currency of {0}?", "Which money has {0}?", "How do shoppers pay across {0}?"),
    "language": (
        "What is the official language of {0}?",
        "How are laws written in {0}?",
        "What do officials speak across {0}?",
    ),
    "weekday": (
        "What is the first day of the week in {0}?",
        "When does a week begin in {0}?",
        "From when do calendars count across {0}?",
    ),
    "clock": (
        "What is the time zone of {0}?",
        "How are clocks set in {0}?",
        "Where is it always as late as across {0}?",
    ),
    DEFAULT: (
        "What is the default of {2} in {0}?",
        "What does {0} take if not told its {2}?",
        "Unless one passes {2}, what will {0} use?",
    ),
}
TRAINED = 2  # wordings of a question that training uses; the one behind them is new


class Fact(NamedTuple):
    """A row: whose it is, what is told, and the answer; `parameter` is whose default it is, "" for a territory."""

    subject: str
    relation: str
    answer: str
    parameter: str = ""

    @property
    def kind(self) -> tuple[str, str]:
        """What rows have in common that answer the same question about other subjects."""
        return self.relation, self.parameter


class Passage(NamedTuple):
    """A question, the sentences it is asked of, the row behind each, and which answers it: None where none does."""

    question: str
    asked: Fact
    sentences: tuple[str, ...]
    rows: tuple[Fact, ...]
    right: int | None

    def record(self) -> Asked:
        """As a set of questions holds it: the passage as one text, and where its answer stands."""
        text = " ".join(self.sentences)
        if self.right is None:
            return Asked(self.question, text, ())
        before = sum(len(sentence) + 1 for sentence in self.sentences[: self.right])
        start, answer = place(self.sentences[self.right], self.asked), self.asked.answer
        return Asked(self.question, text, (Span(before + start, answer),))


def say(fact: Fact, wording: int) -> str:
    """The row as a sentence, in one of its wordings. Raises ValueError where there is no such wording."""
    return _worded(SENTENCES, fact, wording)


def ask(fact: Fact, wording: int) -> str:
    """What the row answers, in one of its wordings. Raises ValueError where there is no such wording."""
    return _worded(QUESTIONS, fact, wording)


def place(sentence: str, fact: Fact) -> int:
    """The character at which the answer begins in a sentence that `say` made."""
    for template in SENTENCES[fact.relation]:
        if _filled(template, fact) == sentence:
            return len(_filled(template.partition("{1}")[0], fact))
    raise ValueError(f"sentence must be one of {fact}, got {sentence!r}")


@cache
def facts(part: str) -> tuple[Fact, ...]:
    """All rows of one part, in a fixed order; a subject stands in one part with all its rows.

    Args:
        part: "train", "choose" (heads and thresholds) or "judge".
    Raises:
        ValueError: part is none of them.
    """
    check_choice("part", part, PARTS)
    return tuple(fact for fact in (*_territories(), *_defaults()) if _part(fact.subject) == part)


def passage(
    part: str, n_sentences: int, rng: random.Random, *, answered: bool = True, new_wording: bool = False
) -> Passage:
    """One question, about a row drawn by chance, and a passage of so many sentences in a random order.

    A third of the sentences beside the right one, three at most, are of the subject that is asked about; the others are
    of the same relation and of other subjects, as far as there are some. Where no sentence answers, another row of the
    same relation stands in the place of the right one.

    Args:
        part: one of `PARTS`.  n_sentences: from 1 on.  answered: whether a sentence answers the question.
        new_wording: whether the question is worded as no training question is.
    Raises:
        TypeError, ValueError: part is none, or n_sentences no integer from 1 on.
    """
    n = check_integer("n_sentences", n_sentences, at_least=1)
    asked = rng.choice(facts(part))
    own = [row for row in _by_subject(part)[asked.subject] if row != asked]
    own = rng.sample(own, min(len(own), (n - 1) // 3, 3))
    if n == 1 and not answered and rng.random() < 0.5:
        own = _by_subject(part)[asked.subject]
        own = [rng.choice([row for row in own if row != asked] or [_other(part, asked, rng)])]
    rows = [*([asked] if answered else []), *own]
    rows += _others(part, asked, n - len(rows), rng)
    rng.shuffle(rows)
    question = ask(asked, TRAINED if new_wording else rng.randrange(TRAINED))
    sentences = tuple(say(row, rng.randrange(len(SENTENCES[row.relation]))) for row in rows)
    return Passage(question, asked, sentences, tuple(rows), rows.index(asked) if answered else None)


def _others(part: str, asked: Fact, n: int, rng: random.Random) -> list[Fact]:
    """n rows of other subjects: of the same relation first, then any of the same source."""
    alike = [row for row in _by_kind(part)[asked.kind] if row.subject != asked.subject]
    found = rng.sample(alike, min(n, len(alike)))
    while len(found) < n:
        row = _other(part, asked, rng)
        found += [row] if row not in found else []
    return found


def _other(part: str, asked: Fact, rng: random.Random) -> Fact:
    """A row of another subject of the same source."""
    while True:
        row = rng.choice(facts(part))
        if row.subject != asked.subject and bool(row.parameter) == bool(asked.parameter):
            return row


@cache
def _by_subject(part: str) -> dict[str, list[Fact]]:
    return {name: [row for row in facts(part) if row.subject == name] for name in {f.subject for f in facts(part)}}


@cache
def _by_kind(part: str) -> dict[tuple[str, str], list[Fact]]:
    return {kind: [row for row in facts(part) if row.kind == kind] for kind in {f.kind for f in facts(part)}}


def _worded(wordings: Mapping[str, tuple[str, ...]], fact: Fact, wording: int) -> str:
    templates = wordings[fact.relation]
    return _filled(templates[check_integer("wording", wording, at_least=0, at_most=len(templates) - 1)], fact)


def _filled(template: str, fact: Fact) -> str:
    return template.format(fact.subject, fact.answer, fact.parameter)


def _part(subject: str) -> str:
    place = zlib.crc32(subject.encode()) % 10
    return "train" if place < SHARES["choose"] else "choose" if place < SHARES["judge"] else "judge"


def _territories() -> Iterator[Fact]:
    english = Locale("en")
    for code in sorted(english.territories):
        name = english.territories[code]
        if len(code) == 2 and code.isalpha() and code not in NO_PLACES and len(name) <= LONGEST_SUBJECT:
            for relation, answer in _of_territory(code, english):
                if answer and answer not in name and name not in answer:  # "Panama" is no question
                    yield Fact(name, relation, answer)


def _of_territory(code: str, english: Locale) -> Iterator[tuple[str, str]]:
    currencies = get_territory_currencies(code)
    languages = get_official_languages(code, de_facto=True)
    zones = get_global("territory_zones").get(code) or [""]
    yield "currency", english.currencies.get(currencies[0], "") if currencies else ""
    yield "language", english.languages.get(languages[0], "") if languages else ""
    yield "weekday", _first_day(code, english)
    yield "clock", zones[0].rpartition("/")[2].replace("_", " ")


def _first_day(code: str, english: Locale) -> str:
    try:
        number = Locale.parse(f"und_{code}").first_week_day
    except UnknownLocaleError:  # no language of that territory is known
        return ""
    return english.days["stand-alone"]["wide"][number]


def _defaults() -> Iterator[Fact]:
    seen: set[str] = set()
    for name in MODULES:
        module = importlib.import_module(f"scipy.{name}")
        for function in sorted(set(module.__all__) - seen):
            seen.add(function)
            told = list(_of_function(getattr(module, function)))
            yield from (Fact(function, DEFAULT, answer, parameter) for parameter, answer in told[:MOST_DEFAULTS])


def _of_function(function: object) -> Iterator[tuple[str, str]]:
    """Parameters and their defaults: a word or a number; None and False tell too little to ask for."""
    if not inspect.isfunction(function):
        return
    for parameter in inspect.signature(function).parameters.values():
        if isinstance(parameter.default, str | int | float) and parameter.default not in (False, ""):
            yield parameter.name, str(parameter.default)
