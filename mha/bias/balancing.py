"""Treatments of a text's data against a planted association: counterfactual sentences, weights, and sampling.

They see words, and lists of words, as one would who has not made the text. `careless` swaps by a list of pronouns
alone, and goes wrong in three ways: a king becomes she, `her` becomes `his` where it should be `him`, and a name loses
its pronoun. `careful` leaves sentences with a defining word as they are, tells the two kinds of `her` apart, and puts
another name, about as frequent, in a name's place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mha.bias.planted import DEFINITIONS, NAMES, NOUNS, Sentence
from mha.validation import check_callable, check_generator

__all__ = ["augmented", "balancing_weights", "careful", "careless", "evened", "name_partners"]

Words = tuple[str, ...]
PRONOUNS = MappingProxyType({"he": "she", "she": "he", "his": "her", "him": "her", "her": "his"})
DEFINING = frozenset([*DEFINITIONS, *DEFINITIONS.values()])


def careless(words: Sequence[str]) -> Words:
    """A sentence with its pronouns swapped by a list of five, word by word.

    Raises:
        TypeError: words is one string.
    """
    return tuple(PRONOUNS.get(word, word) for word in _listed(words))


def careful(words: Sequence[str], partners: Mapping[str, str]) -> Words:
    """A sentence with pronouns and names swapped, unless a word in it defines a gender.

    Args:
        words: of one sentence.  partners: name -> the name that stands for it, as from `name_partners`.
    Raises:
        TypeError: words is one string.
    """
    words = _listed(words)
    if DEFINING.intersection(words):
        return words
    swapped = [partners.get(word, PRONOUNS.get(word, word)) for word in words]
    for n, word in enumerate(words):
        if word == "her" and words[n + 1 : n + 2] not in [(noun,) for noun in NOUNS]:
            swapped[n] = "him"  # no noun follows, so it is no possessive
    return tuple(swapped)


def name_partners(text: Iterable[Sentence]) -> dict[str, str]:
    """Each name with one of the other list: the most frequent with the most frequent, and so on.

    Source: the pairing by frequency of Hall Maudslay et al. 2019, with the assignment by rank.
    """
    seen = Counter(word for sentence in text for word in sentence.words)
    he, she = (sorted(names, key=lambda name: (-seen[name], name)) for names in (NAMES["he"], NAMES["she"]))
    return dict(zip(he, she, strict=True)) | dict(zip(she, he, strict=True))


def augmented(text: Sequence[Sentence], swap: Callable[[Words], Words]) -> list[Sentence]:
    """Each sentence and its counterfactual: twice the text. What the swap leaves alone stands there twice.

    Raises:
        TypeError: swap is no function.  ValueError: it changes the number of words.
    Source: counterfactual data augmentation, Lu et al. 2018.
    """
    check_callable("swap", swap)
    others = []
    for sentence in text:
        words = swap(sentence.words)
        if len(words) != len(sentence.words):
            raise ValueError(f"swap must keep the number of words ({len(sentence.words)}), got {len(words)}")
        at = sentence.words.index(sentence.person)
        others.append(replace(sentence, words=words, person=words[at]))
    return [*text, *others]


def balancing_weights(text: Sequence[Sentence], words: Collection[str]) -> NDArray[np.float64]:
    """A weight for each sentence, so that both pronouns weigh alike with each of some words: n / 2 of all, n of a word.

    Args:
        text: n sentences.  words: the persons to balance; sentences about others weigh 1.
    Returns:
        (n,). A word that has one pronoun alone keeps its weights of 1: no weight makes the other.
    Source: reweighing, Kamiran and Calders 2012.
    """
    both, pairs = _seen(text)
    weights = [
        both[s.person] / (2 * pairs[s.person, s.is_he])
        if s.person in words and 0 < pairs[s.person, True] < both[s.person]
        else 1.0
        for s in text
    ]
    return np.array(weights)


def evened(text: Sequence[Sentence], words: Collection[str], rng: np.random.Generator) -> list[Sentence]:
    """The text without so many sentences, drawn at random, that both pronouns are as frequent with each of some words.

    Args:
        text: sentences.  words: the persons to balance; sentences about others stay.  rng: draws what goes.
    Raises:
        TypeError: rng is no generator.
    """
    check_generator("rng", rng)
    _, pairs = _seen(text)
    kept: Counter[tuple[str, bool]] = Counter()
    left = []
    for n in rng.permutation(len(text)):
        pair = text[n].person, text[n].is_he
        kept[pair] += 1
        if pair[0] not in words or kept[pair] <= min(pairs[pair[0], True], pairs[pair[0], False]):
            left.append(text[n])
    return left


def _seen(text: Iterable[Sentence]) -> tuple[Counter[str], Counter[tuple[str, bool]]]:
    """How often each person comes, and each with each pronoun."""
    pairs = Counter((sentence.person, sentence.is_he) for sentence in text)
    both: Counter[str] = Counter()
    for (person, _), n in pairs.items():
        both[person] += n
    return both, pairs


def _listed(words: Sequence[str]) -> Words:
    if isinstance(words, str):
        raise TypeError(f"words must be a sequence of words, got one string: {words!r}")
    return tuple(words)
