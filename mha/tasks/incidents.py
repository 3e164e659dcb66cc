"""Reports with one planted fact: what happened, where and who says so, among sentences that look much like it.

Each sentence tells of a thing, a place and a witness. In one of them something happens; others use the same verbs of
what did not, might have or once did, or tell what was painted. A summary names the incident alone. In training some
names are places alone and some are witnesses alone; a test exchanges them, and a model need not copy to know them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mha.validation import check_choice, check_integer

__all__ = ["KINDS", "LONGEST_SUMMARY", "VERBS", "Report", "Words", "joined", "reports"]

VERBS = {"broke": "break", "burned": "burn", "leaked": "leak", "fell": "fall", "jammed": "jam", "sank": "sink"}
THINGS = ("pump", "valve", "dam", "bridge", "mill", "gate", "tower", "boat")
SYLLABLES = ("ba", "do", "fe", "gu", "hi", "jo", "ka")
NAMES = tuple(first + second for first in SYLLABLES for second in SYLLABLES if first != second)  # 42, a word each
NEVER, PLACES, WITNESSES = NAMES[::6], NAMES[1::6], NAMES[2::6]  # never in training; there in this role alone
BOTH = tuple(name for name in NAMES if name not in NEVER + PLACES + WITNESSES)
AS_TRAINED, EXCHANGED = (BOTH + PLACES, BOTH + WITNESSES), (WITNESSES, PLACES)  # names of places, of witnesses
FRAMES = (  # P a place, W a witness, T a thing, X what is said of it
    "in P the T X , said W .",
    "W reported that the T in P X .",
    "the T in P X , and W saw it .",
    "at noon W wrote : the T in P X .",
    "W , who lives in P , says that the T X .",
)
SAID = {  # V the verb as it is told of what happened, B its plain form
    "happened": ("V", "suddenly V", "did B", "V today"),
    "denied": ("did not B", "never V", "has yet to B"),
    "feared": ("might B", "nearly V", "was about to B"),
    "long ago": ("V last year", "once V", "V in an old tale"),
    "routine": ("was painted", "was cleaned", "was admired"),
}
DECOYS = ("denied", "feared", "long ago")
DECOY = 0.65  # the share of the other sentences that are no routine; two never are
LONGEST_SUMMARY = 8  # words, the end included, and one more

# Sentences a report; names of its places and of its witnesses; whether the incident's names are those never met, and
# whether its wording is one that training never holds.
Kind = tuple[range, tuple[tuple[str, ...], tuple[str, ...]], bool, bool]
KINDS: dict[str, Kind] = {
    "as trained": (range(1, 6), AS_TRAINED, False, False),
    "names in a new role": (range(5, 6), EXCHANGED, False, False),
    "names never met": (range(5, 6), AS_TRAINED, True, False),
    "wordings never met": (range(5, 6), AS_TRAINED, False, True),
    "twice as long": (range(10, 11), AS_TRAINED, False, False),
}


@dataclass(frozen=True)
class Report:
    """Sentences of words, the summary's words, and which sentence holds the incident."""

    sentences: tuple[tuple[str, ...], ...]
    summary: tuple[str, ...]
    which: int

    def sentence_of_words(self) -> list[int]:
        """For each word of the text the number of its sentence."""
        return [n for n, sentence in enumerate(self.sentences) for _ in sentence]


def reports(kind: str, n: int, rng: random.Random) -> list[Report]:
    """Fresh reports, all of one number of sentences.

    Args:
        kind: one of `KINDS`, "as trained" or what a test changes.  n: how many.  rng: where chance comes from.
    Raises:
        TypeError: n is no integer.  ValueError: another kind, or n below 1.
    """
    check_choice("kind", kind, KINDS)
    check_integer("n", n, at_least=1)
    sizes, names, never_met, held_wording = KINDS[kind]
    n_sentences = rng.choice(sizes)
    return [_report(n_sentences, names, never_met, held_wording, rng) for _ in range(n)]


def joined(report: Report) -> list[str]:
    """All words of a report."""
    return [word for sentence in report.sentences for word in sentence]


class Words:
    """The words of the task and their ids: 0 pads, 1 starts a summary, 2 ends it."""

    pad_id, start_id, end_id = 0, 1, 2

    def __init__(self) -> None:
        texts = [*FRAMES, *(said for group in SAID.values() for said in group)]
        plain = {word for text in texts for word in text.split()} - set("PWTXVB")
        self.words = ["<pad>", "<start>", "<end>", *sorted(plain), *THINGS, *VERBS, *VERBS.values(), *NAMES]
        self._ids = {word: n for n, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Iterable[str]) -> list[int]:
        """Raises KeyError for a word that is none of the task's."""
        return [self._ids[word] for word in words]

    def decode(self, ids: Sequence[int]) -> list[str]:
        """The words before the end."""
        ids = list(ids)
        return [self.words[n] for n in (ids[: ids.index(self.end_id)] if self.end_id in ids else ids)]

    def batch(self, rows: Sequence[Sequence[int]], *, padding: int = 0) -> Tensor:
        """(b, i), rows filled up behind."""
        return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], True, padding)

    def sources(self, texts: Sequence[Report]) -> Tensor:
        """(b, j), padded with 0."""
        return self.batch([self.encode(joined(text)) for text in texts])

    def targets(self, texts: Sequence[Report]) -> Tensor:
        """(b, i), each with its end, filled up with -100, which a loss ignores."""
        return self.batch([[*self.encode(text.summary), self.end_id] for text in texts], padding=-100)


def _report(
    n: int, names: tuple[tuple[str, ...], tuple[str, ...]], never_met: bool, held_wording: bool, rng: random.Random
) -> Report:
    kinds = ["happened", *(_decoy(m, rng) for m in range(n - 1))]
    rng.shuffle(kinds)
    which = kinds.index("happened")
    places = rng.sample(names[0], n)
    told = list(zip(places, rng.sample([name for name in names[1] if name not in places], n), strict=True))
    if never_met:
        place, witness = rng.sample(NEVER, 2)
        told[which] = place, witness
    facts = [(*pair, rng.choice(THINGS), rng.choice(list(VERBS))) for pair in told]
    sentences = [_sentence(kind, fact, held_wording, rng) for kind, fact in zip(kinds, facts, strict=True)]
    place, witness, thing, verb = facts[which]
    return Report(tuple(sentences), (place, "the", thing, verb, "says", witness), which)


def _decoy(number: int, rng: random.Random) -> str:
    return rng.choice(DECOYS) if number < 2 or rng.random() < DECOY else "routine"


def _sentence(kind: str, fact: tuple[str, ...], held_wording: bool, rng: random.Random) -> tuple[str, ...]:
    place, witness, thing, verb = fact
    frame, said = _wording(kind, held_wording, rng)
    words = {"P": place, "W": witness, "T": thing, "V": verb, "B": VERBS[verb]}
    return tuple(words.get(word, word) for word in frame.replace("X", said).split())


def _wording(kind: str, held: bool, rng: random.Random) -> tuple[str, str]:
    """A frame and what is said in it; one in four pairs, the held ones, tells of an incident only in a test."""
    while True:
        f, s = rng.randrange(len(FRAMES)), rng.randrange(len(SAID[kind]))
        if kind != "happened" or ((f + s) % 4 == 0) == held:
            return FRAMES[f], SAID[kind][s]
