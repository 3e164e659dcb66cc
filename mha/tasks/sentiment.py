"""Sentences with an opinion in minimal pairs: the same words of opinion, one sentence positive, the other negative.

`sentiment_pairs.toml` has them and says by which rule each got its label. No word of a pair can tell its two sentences
apart but the negator that one of them holds; in three of the four rules both hold the same words.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np

from mha.validation import check_generator, check_integer

__all__ = ["FILLERS", "PARTS", "RULES", "Pair", "opinion_words", "sentiment_pairs", "templated_pairs", "words"]

RULES = ("negation", "contrast", "intensifier", "scope")
PARTS = (0, 1, 2)
# A word that may stand where the negator stood, and turns nothing.
FILLERS: Mapping[str, str] = MappingProxyType(
    {"not": "truly", "never": "always", "hardly": "clearly", "seldom": "often", "rarely": "often", "no": "some"}
)
# {wins} and {loses} are clauses; the winner is the main clause, or the one behind "but" and its like.
FRAMES: Mapping[str, str] = MappingProxyType(
    {
        "but": "{loses}, but {wins}.",
        "yet": "{loses}, yet {wins}.",
        "however": "{loses}; however, {wins}.",
        "although": "although {loses}, {wins}.",
        "though": "{wins}, though {loses}.",
        "even though": "{wins}, even though {loses}.",
        "while": "while {loses}, {wins}.",
    }
)
WEAK = frozenset({"slightly", "somewhat", "mildly", "fairly", "a bit", "a little"})
USUAL = {"negation": ("not",), "contrast": ("but",), "intensifier": ("very", "slightly"), "scope": ("not",)}
THINGS = ("room", "film", "soup", "shop", "train", "book", "garden", "song", "phone", "teacher", "bridge", "letter")


@dataclass(frozen=True)
class Pair:
    """Two sentences that differ as their rule says.

    Fields:
        number: in the file, from 0.  part: 0, 1 or 2.  rule: one of `RULES`.
        positive, negative: the sentences, by their label.
        cue: what the rule turns on: the negator, the connective, or the stronger word of degree.
        opinions: the words of opinion, as they stand in both.
        turned: "positive" or "negative": in a pair of negation the sentence that holds the cue; None in others.
    """

    number: int
    part: int
    rule: str
    positive: str
    negative: str
    cue: str
    opinions: tuple[str, ...]
    turned: str | None = None

    @property
    def texts(self) -> tuple[str, str]:
        """The positive sentence and the negative one."""
        return self.positive, self.negative

    @property
    def cued(self) -> str:
        """Of a pair of negation, the sentence with the negator. Raises ValueError of another pair."""
        return self.positive if self._turned() == "positive" else self.negative

    @property
    def plain(self) -> str:
        """Of a pair of negation, the sentence without the negator. Raises ValueError of another pair."""
        return self.negative if self._turned() == "positive" else self.positive

    @property
    def filled(self) -> str:
        """Of a pair of negation, the sentence with a word in the negator's place that turns nothing."""
        return re.sub(rf"\b{self.cue}\b", self.filler, self.cued)

    @property
    def filler(self) -> str:
        """Of a pair of negation, the word that may stand in the negator's place. Raises ValueError of another pair."""
        self._turned()
        return FILLERS[self.cue]

    def _turned(self) -> str:
        if self.turned is None:
            raise ValueError(f"pair {self.number} must be of the rule 'negation', got {self.rule!r}")
        return self.turned


def words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return re.findall(r"[a-z]+", text.lower())


@cache
def opinion_words() -> Mapping[str, tuple[int, str]]:
    """Each word of opinion with its part and its label by itself, "positive" or "negative"."""
    table: dict[str, tuple[int, str]] = {}
    for number, part in enumerate(_parts()):
        for label in ("positive", "negative"):
            table |= dict.fromkeys((*part[label], *part[f"{label}_others"]), (number, label))
    return MappingProxyType(table)


@cache
def sentiment_pairs() -> tuple[Pair, ...]:
    """All 240 pairs in the order of the file: three parts of four rules of twenty."""
    found: list[Pair] = []
    for number, part in enumerate(_parts()):
        for rule in RULES:
            found += [_pair(len(found) + n, number, rule, line) for n, line in enumerate(part[rule])]
    return tuple(found)


def templated_pairs(
    parts: Sequence[int], n_each: int, rng: np.random.Generator, *, written_cues: bool = False
) -> list[Pair]:
    """Pairs from one template a rule, with the adjectives of some parts: as many as one likes, all alike.

    Args:
        parts: whose adjectives are put in.  n_each: pairs of each rule and part.
        written_cues: take negators, connectives and words of degree from the part's written pairs, each from the pair
            of the same rule and place ("no", which stands before no adjective alone, becomes "not"); else "not", "but",
            "very" and "slightly" throughout.
    Raises:
        TypeError, ValueError: a part that there is not, n_each below 1, or no generator.
    """
    check_integer("n_each", n_each, at_least=1)
    check_generator("rng", rng)
    found: list[Pair] = []
    for part in parts:
        check_integer("part", part, at_least=0, at_most=len(PARTS) - 1)
        for rule in RULES:
            for n in range(n_each):
                lines = _parts()[part][rule]
                cues = _cues(lines[n % len(lines)]) if written_cues else USUAL[rule]
                found.append(_pair(len(found), part, rule, _templated(_parts()[part], rule, n, cues, rng)))
    return found


def _templated(part: Mapping[str, Any], rule: str, n: int, cues: Sequence[str], rng: np.random.Generator) -> list[str]:
    """One line as the file has them. Odd lines are the other way round."""
    good, bad = (str(rng.choice(part[label])) for label in ("positive", "negative"))
    one, other = (str(thing) for thing in rng.choice(THINGS, size=2, replace=False))
    sign, first, second = ("+", good, bad) if n % 2 == 0 else ("-", bad, good)
    return {
        "negation": [sign, f"The {one} was [{cues[0]}] {first}."],
        "contrast": [cues[0], f"the {one} was {good}", f"the {other} was {bad}"],
        "intensifier": [sign, f"The {one} was {{{cues[0]}}} {first} and {{{cues[-1]}}} {second}."],
        "scope": [sign, f"The {one} was [{cues[0]}] {second} and was [] {first}."],
    }[rule]


def _cues(line: Sequence[str]) -> tuple[str, ...]:
    """The words of degree of a line, the stronger first; or its negator; or its connective."""
    if degrees := re.findall(r"\{(.*?)\}", line[1]):
        return tuple(sorted(degrees, key=_is_weak))
    negators = re.findall(r"\[(\w+)\]", line[1])
    return ("not" if negators[0] == "no" else negators[0],) if negators else (line[0],)


def _pair(number: int, part: int, rule: str, line: Sequence[str]) -> Pair:
    if rule == "contrast":
        connective, good, bad = line
        positive = _sentence(FRAMES[connective].format(wins=good, loses=bad))
        negative = _sentence(FRAMES[connective].format(wins=bad, loses=good))
        return Pair(number, part, rule, positive, negative, connective, _opinions(positive))
    sign, text = line
    as_it_stands, changed, cue = _both(rule, text)
    positive, negative = (as_it_stands, changed) if sign == "+" else (changed, as_it_stands)
    turned = None if rule != "negation" else "negative" if sign == "+" else "positive"
    return Pair(number, part, rule, positive, negative, cue, _opinions(positive), turned)


def _both(rule: str, text: str) -> tuple[str, str, str]:
    """The two sentences of a line, and their cue: that of the sign first."""
    if rule == "intensifier":
        first, second = re.findall(r"\{(.*?)\}", text)
        return (
            re.sub(r"[{}]", "", text),
            text.format(**{first: second, second: first}),
            min(first, second, key=_is_weak),
        )
    cue = re.findall(r"\[(\w+)\]", text)[0]
    with_it = text.replace(f"[{cue}]", cue)
    if rule == "negation":
        return text.replace(f"[{cue}] ", ""), with_it, cue
    return with_it.replace("[] ", ""), text.replace(f"[{cue}] ", "").replace("[]", cue), cue


def _is_weak(degree: str) -> bool:
    return degree.removeprefix("only ") in WEAK


def _opinions(text: str) -> tuple[str, ...]:
    return tuple(word for word in words(text) if word in opinion_words())


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


@cache
def _parts() -> tuple[Mapping[str, Any], ...]:
    text = files("mha.tasks").joinpath("sentiment_pairs.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["part"])
