"""Summaries that people wrote of real text: the line that heads a docstring, and the sentences below it.

Nobody wrote them for a benchmark: whoever documented a function put what it does into one line and explained it
underneath. The line is no part of the text, so no sentence is the summary itself.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from mha.tasks.docstrings import docstrings
from mha.tasks.prose import BACKTICKS, CITATION, LEFT_OUT, PACKAGES, ROLE, paragraphs

__all__ = ["N_FOLDS", "Summarised", "fold_of", "split_sentences", "summaries"]

FEWEST_WORDS, MOST_WORDS = 3, 20  # of a summary
FEWEST_SENTENCES, MOST_SENTENCES = 3, 12  # of a text; what comes later is cut
N_FOLDS = 5

BETWEEN = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
NO_PROSE = re.compile(r"^\w+ If |\s:\s|^[\w.]+ \(")  # an error and its condition, a parameter, a signature


@dataclass(frozen=True)
class Summarised:
    """A text in sentences, the one line that sums it up, and the module that holds both."""

    summary: str
    sentences: tuple[str, ...]
    module: str


@cache
def summaries() -> tuple[Summarised, ...]:
    """All texts of 3 to 12 sentences with a summary of 3 to 20 words, in the order of packages, modules and source.

    A sentence that stands in two texts is taken out of both, a summary that heads two texts drops them, and so does
    one that its text repeats.

    Raises:
        ModuleNotFoundError: a package is not installed.
    """
    found = [one for package in PACKAGES for one in _of(package)]
    heads = Counter(_key(one.summary) for one in found)
    lines = Counter(key for one in found for key in {_key(sentence) for sentence in one.sentences})
    kept = []
    for one in found:
        single = tuple(sentence for sentence in one.sentences if lines[_key(sentence)] == 1)[:MOST_SENTENCES]
        told_again = _key(one.summary) in _key(" ".join(single))
        if heads[_key(one.summary)] == 1 and len(single) >= FEWEST_SENTENCES and not told_again:
            kept.append(Summarised(one.summary, single, one.module))
    return tuple(kept)


def fold_of(module: str) -> int:
    """Which of the five folds a module belongs to, with all its texts: by a checksum of its name."""
    return zlib.crc32(module.encode()) % N_FOLDS


def split_sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph: cut behind a stop before a capital letter."""
    return BETWEEN.split(paragraph)


def _of(package: str) -> Iterator[Summarised]:
    for module, docstring in docstrings(package):
        head, _, body = docstring.partition("\n\n")
        summary = _plain(head)
        if module.startswith(LEFT_OUT) or not summary.endswith("."):
            continue
        if not FEWEST_WORDS <= len(summary.split()) <= MOST_WORDS:
            continue
        sentences = [text for paragraph in paragraphs(body) for text in split_sentences(paragraph)]
        yield Summarised(summary, tuple(text for text in sentences if not NO_PROSE.search(text)), module)


def _plain(text: str) -> str:
    return CITATION.sub("", BACKTICKS.sub(r"\2", ROLE.sub(r"\1", " ".join(text.split()))))


def _key(text: str) -> str:
    """What two texts share that differ in capitals and punctuation alone."""
    return " ".join(re.findall(r"\w+", text.lower()))
