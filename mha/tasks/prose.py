"""Real English text that every installation holds: the prose in the documentation of the packages the book pins."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cache

from mha.tasks.docstrings import docstrings

__all__ = ["PACKAGES", "english_prose", "paragraphs"]

PACKAGES = ("numpy", "scipy", "sklearn", "matplotlib", "networkx")
LEFT_OUT = "numpy.distutils"  # NumPy's wheel for Python 3.11 holds it, those for later ones do not
FEWEST_WORDS = 8
HELD_OUT = 10  # one module in so many
RUN = 8  # no run of so many words stands in both parts

ROLE = re.compile(r":[\w:+.-]+:`~?\.?([^`<]*?)(?: <[^`]*>)?`")
BACKTICKS = re.compile(r"`{1,2}(~?)([^`]*)`{1,2}_{0,2}")
CITATION = re.compile(r"\s*\[[\w.]+\]_")
PROSE = re.compile(r"[A-Z][^\n]*[.!?]")
NOT_PROSE = re.compile(r"[\\|{}<>=*_#@~^]|::|--|\.\.|>>>|[^\x20-\x7e]")


@cache
def english_prose() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paragraphs to train on and paragraphs held out, from the docstrings of `PACKAGES`.

    One module in ten is held out as a whole, chosen by a checksum of its name. A paragraph that stands in several
    places counts once, and what is held out shares no run of eight words with what is trained on. The text is the same
    on every Python: numpy.distutils, which only the oldest has, is left out.

    Returns:
        (training, held out), each paragraph one line of ASCII text without markup.
    Raises:
        ModuleNotFoundError: a package is not installed.
    """
    parts: dict[bool, dict[str, None]] = {False: {}, True: {}}
    for package in PACKAGES:
        for module, docstring in docstrings(package):
            if module.startswith(LEFT_OUT):
                continue
            held_out = zlib.crc32(module.encode()) % HELD_OUT == 0
            parts[held_out].update(dict.fromkeys(paragraphs(docstring)))
    seen = {run for text in parts[False] for run in _runs(text)}
    held_out_texts = (text for text in parts[True] if text not in parts[False] and seen.isdisjoint(_runs(text)))
    return tuple(parts[False]), tuple(held_out_texts)


def paragraphs(docstring: str) -> Iterator[str]:
    """The paragraphs of a docstring that are sentences of eight words or more: no lists, no code, no formulas."""
    for block in re.split(r"\n[ ]*\n", docstring):
        if block.startswith((" ", "-", "..")):
            continue
        text = CITATION.sub("", BACKTICKS.sub(r"\2", ROLE.sub(r"\1", " ".join(block.split()))))
        if PROSE.fullmatch(text) and not NOT_PROSE.search(text) and len(text.split()) >= FEWEST_WORDS:
            yield text


def _runs(text: str) -> Iterable[tuple[str, ...]]:
    words = text.lower().split()
    return (tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1))
