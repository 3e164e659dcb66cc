"""Three tasks on real data, each cut by a seed into a part to train on, one to choose by and one to judge by.

- digits: scikit-learn's handwritten digits, the eight rows of pixels as eight tokens. Which of ten is it?
- packages: the first words of paragraphs of four packages' documentation, their names taken out. Which is it from?
- dates: 2024-03-05 into French, German and Polish (`mha.tasks.cldr`), character by character after the date.

The parts to judge by hold other modules (packages) and other days and years (dates) than the rest, the same for every
seed, which draws what is trained on.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from experiments.small_tasks.digits import digit_rows
from mha.tasks.cldr import LANGUAGES, Alphabet, task_pairs
from mha.tasks.docstrings import docstrings
from mha.tasks.prose import english_prose, paragraphs

__all__ = ["IGNORED", "TASKS", "Part", "Parts", "Task"]

IGNORED = -100  # a target that no loss counts
N_TESTED = 1000  # digits, at most
LABELS = ("scipy", "sklearn", "matplotlib", "networkx")  # NumPy has too few paragraphs to judge by
NAMES = re.compile(r"\b(scipy|sklearn|scikit-learn|matplotlib|networkx|nx|pyplot)[\w.]*")
WORDS, MOST_IDS = 20, 2000  # of a paragraph; ids of words


class Part(NamedTuple):
    """inputs (n, i) of ids or (n, i, d) of numbers, and targets (n,) or (n, i)."""

    inputs: Tensor
    targets: Tensor


class Parts(NamedTuple):
    """What is trained on, what choices are made by, and what is judged by once they are made."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True)
class Task:
    """A task's data and what a model must have for it.

    parts: called with a seed and how many examples to train on.  embed: makes what gives an input a vector of d_model.
    n_tokens: gives i.  n_classes: gives how many a target can be.
    causal: every token is asked for the next one; otherwise an example for its class.
    """

    parts: Callable[[int, int], Parts]
    embed: Callable[[int], nn.Module]
    n_tokens: Callable[[], int]
    n_classes: Callable[[], int]
    causal: bool = False


@cache
def digit_parts(seed: int, n_train: int, n_validation: int = 200) -> Parts:
    """Rows of pixels (n, 8, 8) from 0 to 1, and digits (n,); fewer to train on are a part of more."""
    rows, digits = digit_rows()
    lot = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed))
    images, targets = rows[lot], digits[lot]
    places = (slice(N_TESTED, N_TESTED + n_train), slice(len(lot) - n_validation, None), slice(N_TESTED))
    return Parts(*(Part(images[place], targets[place]) for place in places))


@cache
def package_parts(seed: int, n_train: int) -> Parts:
    """The first words of paragraphs as ids (n, 20), 0 behind the last, and packages (n,); rare words are id 1.

    As many of each package. No module is in two parts; which of its paragraphs are taken the seed draws.
    """
    lot, each = random.Random(seed), n_train // len(LABELS)
    known, chosen_by = ([lot.sample(texts, n) for texts in _paragraphs()[part]] for part, n in ((0, each), (1, 50)))
    counts = Counter(word for texts in known for text in texts for word in set(_words(text)))
    ids = {word: n for n, word in enumerate(sorted(w for w, count in counts.items() if count > 1), start=2)}
    judged = [random.Random(0).sample(texts, 100) for texts in _paragraphs()[2]]
    return Parts(*(_labelled(part, ids) for part in (known, chosen_by, judged)))


@cache
def _paragraphs() -> tuple[list[list[str]], ...]:
    """Of each package those to train on, of the modules to choose by, and of the modules to judge by."""
    known, tested = map(frozenset, english_prose())
    parts: tuple[dict[str, dict[str, None]], ...] = tuple({label: {} for label in LABELS} for _ in range(3))
    for label in LABELS:
        for module, docstring in docstrings(label):
            chosen_by = zlib.crc32(module.encode()) % 10 in (1, 2)
            for text in paragraphs(docstring):
                if text in known or text in tested:
                    parts[2 if text in tested else int(chosen_by)][label][text] = None
    return tuple([list(part[label]) for label in LABELS] for part in parts)


def _words(text: str) -> list[str]:
    return NAMES.sub("", text.lower()).split()[:WORDS]


def _labelled(parts: list[list[str]], ids: dict[str, int]) -> Part:
    rows = torch.zeros(sum(map(len, parts)), WORDS, dtype=torch.long)
    labels = torch.tensor([n for n, texts in enumerate(parts) for _ in texts])
    for row, text in zip(rows, (text for texts in parts for text in texts), strict=True):
        words = torch.tensor([ids.get(word, 1) for word in _words(text)])
        row[: len(words)] = words
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return Part(rows[order], labels[order])


@cache
def date_parts(seed: int, n_train: int) -> Parts:
    """A language's letter, a date, = and the date in words, as ids (n, i); only what comes after = is asked for."""
    known, tested = ([line for language in LANGUAGES for line in _lines(language)[part]] for part in (0, 1))
    chosen = random.Random(seed).sample(known, n_train + 200)
    judged = random.Random(0).sample(tested, 400)
    return Parts(*(_asked(lines) for lines in (chosen[:n_train], chosen[n_train:], judged)))


@cache
def _lines(language: str) -> tuple[list[tuple[str, str]], ...]:
    """Questions with their answers, known and tested."""
    return tuple(
        [(f"{language[0]}{pair.source}=", pair.target) for pair in part] for part in task_pairs("date", language)
    )


@cache
def date_alphabet() -> tuple[Alphabet, int]:
    """Every character, and the length of the longest line with its end."""
    lines = ["".join(line) for language in LANGUAGES for part in _lines(language) for line in part]
    return Alphabet(lines, n_sentinels=0), max(map(len, lines)) + 1


def _asked(lines: list[tuple[str, str]]) -> Part:
    letters, length = date_alphabet()
    ids = torch.full((len(lines), length), letters.pad_id)
    targets = torch.full((len(lines), length), IGNORED)
    for row, (question, answer) in enumerate(lines):
        line = torch.tensor([*letters.encode(question + answer), letters.end_id])
        ids[row, : len(line)] = line
        targets[row, len(question) : len(line)] = line[len(question) :]
    return Part(ids[:, :-1], targets[:, 1:])


TASKS = {
    "digits": Task(digit_parts, lambda d_model: nn.Linear(8, d_model), lambda: 8, lambda: 10),
    "packages": Task(
        package_parts,
        lambda d_model: nn.Embedding(MOST_IDS, d_model, padding_idx=0),
        lambda: WORDS,
        lambda: len(LABELS),
    ),
    "dates": Task(
        date_parts,
        lambda d_model: nn.Embedding(len(date_alphabet()[0]), d_model),
        lambda: date_alphabet()[1] - 1,
        lambda: len(date_alphabet()[0]),
        causal=True,
    ),
}
