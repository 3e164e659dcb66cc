"""A labelled task made of real text: which part of SciPy does this docstring document?

Short texts, eight classes. What would make it too easy is taken out: words that name a class, texts that are nearly the
same, and a module that stands on both sides of a split.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sklearn.feature_extraction.text import CountVectorizer

from mha.tasks.docstrings import docstrings
from mha.validation import check_choice, check_integer

__all__ = ["AREAS", "Item", "at_most", "beginning", "scipy_areas", "split_by_module"]

AREAS = ("integrate", "interpolate", "linalg", "optimize", "signal", "sparse", "spatial", "stats")
GIVEAWAYS = re.compile(
    r"\b(?:scipy[\w.]*|integra\w*|interpola\w*|linalg\w*|linear algebra|optimi\w*|signal\w*|spars\w*|spati\w*|stats\w*"
    r"|statis\w*)",
    re.IGNORECASE,
)
MOST_WORDS, FEWEST_WORDS, FEWEST_SECTIONS = 20, 4, 2
MOST_OF_A_MODULE, MOST_OF_AN_AREA = 20, 120
ALIKE = 0.5  # two texts that share this part of their words are one
TESTED = 0.35  # the part of each area that is tested on, at least

SECTION = re.compile(r"^[A-Z][A-Za-z ]+\n-{3,}[ ]*$", re.MULTILINE)
END_OF_PROSE = re.compile(SECTION.pattern + r"|^\.\. |::[ ]*$|^>>>|%\(", re.MULTILINE)
MARKUP = re.compile(r":\w+:`[^`]*`|\[\w+\]_|`|\|")
SIGNATURE = re.compile(r"[\w.]+\(.*\)")


@dataclass(frozen=True)
class Item:
    """A text, the part of SciPy that it documents (one of `AREAS`) and the module it stands in."""

    text: str
    area: str
    module: str


@cache
def scipy_areas() -> tuple[Item, ...]:
    """The task: the beginnings of SciPy's docstrings, each with its area.

    A docstring counts if it has two sections such as "Parameters". Taken are its first 20 words of prose, without
    markup and without words that begin as the name of an area does. Of two texts of which half the words are the same
    one is left; of each module at most 20, of each area at most 120.

    Returns:
        Some 740 items, in an order that is shuffled once and for all.
    """
    found = [
        Item(text, area, module)
        for module, docstring in docstrings("scipy")
        if (area := module.removeprefix("scipy.").split(".")[0]) in AREAS and (text := beginning(docstring))
    ]
    random.Random(0).shuffle(found)
    kept = _without_near_duplicates(found)
    for limit, of in ((MOST_OF_A_MODULE, "module"), (MOST_OF_AN_AREA, "area")):
        kept = at_most(limit, kept, of=of)
    return tuple(kept)


def beginning(docstring: str) -> str:
    """The first words of a docstring's prose as the task has them; "" with fewer than two sections or four words."""
    prose, n_sections = END_OF_PROSE.split(docstring)[0], len(SECTION.findall(docstring))
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", prose)]
    described = " ".join(part for part in paragraphs if not SIGNATURE.fullmatch(part))
    words = [word for word in GIVEAWAYS.sub("", MARKUP.sub("", described)).split() if re.search("[A-Za-z]", word)]
    return " ".join(words[:MOST_WORDS]) if n_sections >= FEWEST_SECTIONS and len(words) >= FEWEST_WORDS else ""


def at_most(limit: int, items: Sequence[Item], *, of: str = "area") -> list[Item]:
    """The first items, no more than `limit` of each area (or of each module).

    Raises:
        TypeError: limit is no integer.  ValueError: limit is negative, or of is neither "area" nor "module".
    """
    check_integer("limit", limit, at_least=0)
    check_choice("of", of, ("area", "module"))
    seen: Counter[str] = Counter()
    kept = []
    for item in items:
        seen[getattr(item, of)] += 1
        if seen[getattr(item, of)] <= limit:
            kept.append(item)
    return kept


def split_by_module(items: Sequence[Item], seed: int) -> tuple[list[Item], list[Item]]:
    """Training and test items. A module is on one side as a whole; each area gives 35 % or somewhat more to the test.

    Args:
        items: as `scipy_areas` gives them.  seed: chooses the modules, and the order of both lists.
    Raises:
        TypeError: seed is no integer.
    """
    check_integer("seed", seed)
    draw = random.Random(seed)
    tested: set[str] = set()
    for area in sorted({item.area for item in items}):
        sizes = Counter(item.module for item in items if item.area == area)
        modules, wanted = sorted(sizes), TESTED * sizes.total()
        draw.shuffle(modules)
        while wanted > 0:
            tested.add(modules[-1])
            wanted -= sizes[modules.pop()]
    shuffled = draw.sample(list(items), len(items))
    return [i for i in shuffled if i.module not in tested], [i for i in shuffled if i.module in tested]


def _without_near_duplicates(items: Sequence[Item]) -> list[Item]:
    words = CountVectorizer(binary=True, token_pattern=r"\w+").fit_transform([item.text for item in items])
    shared = (words @ words.T).toarray()  # (n, n): words that two texts have in common
    sizes = shared.diagonal()
    alike = shared >= ALIKE * (sizes[:, None] + sizes - shared)  # Jaccard: common words among all words of both
    kept: list[int] = []
    for index in range(len(items)):
        if not alike[index, kept].any():
            kept.append(index)
    return [items[index] for index in kept]
