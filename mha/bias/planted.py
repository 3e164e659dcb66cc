"""Text with a planted association of known size: which pronoun goes with which occupation, and how often it is seen.

Sentences are made of frames that know nothing of gender. Beside occupations, whose pronoun is planted by a share, there
are words that define a gender (king, queen) and names, some of them rare; these have one pronoun always. Which
occupation gets which share is drawn, so the text holds no stereotype of the world, and its truth is known exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.bias.word_lists import occupations
from mha.validation import check_choice, check_finite, check_generator, check_integer, check_number

__all__ = [
    "COUNTS",
    "DEFINITIONS",
    "FORMS",
    "MAJORITIES",
    "NAMES",
    "NOUNS",
    "Person",
    "Sentence",
    "amplification",
    "counted_shares",
    "lean",
    "people",
    "prompts",
    "sentences",
]

Array = NDArray[np.float64]

MAJORITIES = (0.5, 0.6, 0.7, 0.8, 0.9)  # the share of an occupation's more frequent pronoun
COUNTS = (10, 30, 100, 300)  # sentences with an occupation
NAME_COUNTS = (1, 3, 10, 30, 100)
N_DEFINED = 40  # sentences with each word that defines a gender
DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {"king": "queen", "father": "mother", "brother": "sister", "uncle": "aunt", "husband": "wife", "son": "daughter"}
)
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "he": ("adam", "boris", "carl", "david", "erik", "felix", "georg", "hugo", "ivan", "jonas"),
        "she": ("anna", "berta", "clara", "diana", "emma", "flora", "greta", "hanna", "irene", "julia"),
    }
)
# What the two pronouns are called in each role.
FORMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"subject": ("he", "she"), "possessive": ("his", "her"), "object": ("him", "her")}
)
FRAMES = {  # V a verb, N a noun, L a link, A an adjective, T a time, W a verb whose object is a person
    "subject": "{} V the N L {} was A .",
    "possessive": "{} V {} N T .",
    "object": "{} V the N and we W {} T .",
}
NOUNS = ("boat", "car", "clock", "door", "fence", "ladder", "lamp", "table")
FILLERS = {
    "V": ("cleaned", "found", "lost", "moved", "opened", "painted", "sold", "wanted"),
    "N": NOUNS,
    "L": ("after", "because", "until", "while"),
    "A": ("away", "busy", "early", "late", "ready", "tired"),
    "T": ("again", "alone", "there", "today"),
    "W": ("asked", "called", "paid", "thanked"),
}


@dataclass(frozen=True)
class Person:
    """Whom sentences are about.

    Fields:
        word: what the person is called.  kind: "occupation", "definition" or "name".
        share: how much of its sentences have he, his or him; the others have she or her.  n: its sentences.
    """

    word: str
    kind: str
    share: float
    n: int

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, ("occupation", "definition", "name"))
        check_number("share", self.share, at_least=0, at_most=1)
        check_integer("n", self.n, at_least=1)


@dataclass(frozen=True)
class Sentence:
    """Words, the person they are about, the role of the pronoun and the place at which it stands."""

    words: tuple[str, ...]
    person: str
    role: str
    place: int

    @property
    def is_he(self) -> bool:
        """Whether the pronoun is he, his or him."""
        return self.words[self.place] in ("he", "his", "him")


def people(
    rng: np.random.Generator, *, majorities: Sequence[float] = MAJORITIES, counts: Sequence[int] = COUNTS
) -> tuple[Person, ...]:
    """Occupations with planted shares, words that define a gender, and names from rare to frequent.

    Args:
        rng: draws which occupation and which name gets which share and number.
        majorities: shares of the more frequent pronoun; each is planted once towards he and once towards she, with
            each of `counts` sentences, so that the two directions hold each other's balance.
    Raises:
        TypeError, ValueError: rng is no generator; a share or a number is none; or there are too few occupations.
    """
    check_generator("rng", rng)
    known = [word for row in occupations() for word in row.words]
    cells = [(share, n) for majority in majorities for share in (majority, 1 - majority) for n in counts]
    if not 0 < len(cells) <= len(known):
        raise ValueError(f"majorities and counts must make 1 to {len(known)} occupations, got {len(cells)}")
    words = rng.permutation(known)
    found = [Person(str(word), "occupation", share, n) for word, (share, n) in zip(words, cells, strict=False)]
    found += [Person(he, "definition", 1.0, N_DEFINED) for he in DEFINITIONS]
    found += [Person(she, "definition", 0.0, N_DEFINED) for she in DEFINITIONS.values()]
    for share, names in ((1.0, NAMES["he"]), (0.0, NAMES["she"])):
        twice = [n for n in NAME_COUNTS for _ in range(2)]
        found += [Person(str(name), "name", share, n) for name, n in zip(rng.permutation(names), twice, strict=True)]
    return tuple(found)


def sentences(persons: Iterable[Person], rng: np.random.Generator, *, by_chance: bool = False) -> list[Sentence]:
    """All sentences of some people, in random order.

    Args:
        persons: as from `people`.  rng: draws frames and words.
        by_chance: whether each pronoun is drawn by the person's share; else the share of he is met exactly, to the
            nearest whole number.
    Raises:
        TypeError: rng is no generator.
    """
    check_generator("rng", rng)
    made = []
    for person in persons:
        n_he = int(rng.binomial(person.n, person.share)) if by_chance else round(person.share * person.n)
        made += [_sentence(person, number >= n_he, _role(rng), rng) for number in range(person.n)]
    return [made[n] for n in rng.permutation(len(made))]


def prompts(person: Person, rng: np.random.Generator, n: int) -> list[Sentence]:
    """Sentences to ask in, n of each role; what comes at `place` is what a model is asked.

    Raises:
        TypeError: rng is no generator, or n no integer.  ValueError: n is below 1.
    """
    check_integer("n", n, at_least=1)
    check_generator("rng", rng)
    return [_sentence(person, False, role, rng) for role in FRAMES for _ in range(n)]


def counted_shares(text: Iterable[Sentence], words: Sequence[str]) -> Array:
    """The share of he, his and him among the sentences about each of some words: what a table of counts says.

    Raises:
        ValueError: there is no sentence about a word.
    """
    he: Counter[str] = Counter()
    all_of: Counter[str] = Counter()
    for sentence in text:
        he[sentence.person] += sentence.is_he
        all_of[sentence.person] += 1
    if missing := [word for word in words if not all_of[word]]:
        raise ValueError(f"words must each have a sentence, got none about {missing[:5]}")
    return np.array([he[word] / all_of[word] for word in words])


def lean(shares: ArrayLike, direction: ArrayLike) -> Array:
    """How far each share of he lies from one half, counted towards the planted direction.

    Args:
        shares: (..., n), 0 to 1.  direction: (n,), +1 planted towards he, -1 towards she.
    Returns:
        (..., n). Its mean over occupations is what was planted, less one half, if shares are those of the text.
    Raises:
        ValueError: the last axes differ, a share leaves 0 to 1, or a direction is neither +1 nor -1.
    """
    shares, direction = _share("shares", shares), check_finite("direction", direction)
    if not (np.abs(direction) == 1).all():
        raise ValueError("direction must be +1 or -1 for each occupation: leave those out that lean to neither side")
    if shares.shape[-1:] != direction.shape:
        raise ValueError(f"shares and direction must agree in n, got shapes {shares.shape} and {direction.shape}")
    return np.asarray(direction * (shares - 0.5))


def amplification(said: ArrayLike, data: ArrayLike) -> Array:
    """By how much a model's share of the majority's pronoun lies above the data's; below 0 it evens out.

    Args:
        said: (..., n) shares of he in what a model says.  data: (n,) shares of he in its text.
    Returns:
        (..., n).
    Raises:
        ValueError: the last axes differ, a share leaves 0 to 1, or one of the data is one half: it has no majority.
    """
    data = _share("data", data)
    if (data == 0.5).any():
        raise ValueError("data must have a majority for each occupation, got a share of 0.5: leave those out")
    direction = np.sign(data - 0.5)
    return lean(said, direction) - lean(data, direction)


def _share(name: str, values: ArrayLike) -> Array:
    shares = check_finite(name, values)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"{name} must lie between 0 and 1, got {float(shares.min())} to {float(shares.max())}")
    return shares


def _role(rng: np.random.Generator) -> str:
    return tuple(FRAMES)[rng.integers(len(FRAMES))]


def _sentence(person: Person, is_she: bool, role: str, rng: np.random.Generator) -> Sentence:
    called = person.word if person.kind == "name" else f"the {person.word}"
    slots = FRAMES[role].format(called, "{}").split()
    place = slots.index("{}")
    words = [FILLERS[slot][rng.integers(len(FILLERS[slot]))] if slot in FILLERS else slot for slot in slots]
    words[place] = FORMS[role][is_she]
    return Sentence(tuple(words), person.word, role, place)
