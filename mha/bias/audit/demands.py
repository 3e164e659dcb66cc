"""Some of what laws, standards and practices ask about bias, and what of it the report answers: this book's reading.

`demands.toml` says where each comes from, what it asks in this book's own words, and which section answers it.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

from mha.bias.audit.report import SECTIONS
from mha.validation import check_choice

__all__ = ["ANSWERS", "Demand", "Document", "documents", "read_documents"]

ANSWERS = ("measured", "stated", "none")
KNOWN = ("text", "abstract")


@dataclass(frozen=True)
class Demand:
    """One thing that a document asks.

    Fields:
        place: where in it.  asks: in our words.  answer: one of `ANSWERS`.  section: of the report; "" for none.
        why: what limits the answer, or why there is none; may be "".
    """

    place: str
    asks: str
    answer: str
    section: str
    why: str

    def __post_init__(self) -> None:
        check_choice(f"answer to {self.place!r}", self.answer, ANSWERS)
        if self.answer == "none":
            if self.section:
                raise ValueError(f"section of {self.place!r} must be '' where nothing answers it, got {self.section!r}")
        else:
            check_choice(f"section of {self.place!r}", self.section, SECTIONS)


@dataclass(frozen=True)
class Document:
    """A law, standard, guideline or practice.

    Fields:
        id, title, kind.  date: of publication or force.  changed: what was changed since, or "".
        source: an address.  known: "text" or "abstract", where only that was read.  demands: what it asks.
    """

    id: str
    title: str
    kind: str
    date: str
    changed: str
    source: str
    known: str
    demands: tuple[Demand, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many demands are answered in each way."""
        counted = Counter(demand.answer for demand in self.demands)
        return {answer: counted[answer] for answer in ANSWERS}


@cache
def documents() -> tuple[Document, ...]:
    """The documents of demands.toml, each with what it asks."""
    return read_documents(files("mha.bias.audit").joinpath("demands.toml").read_text(encoding="utf-8"))


def read_documents(text: str) -> tuple[Document, ...]:
    """Documents and demands from a toml's text.

    Raises:
        ValueError: a demand of no document, a document without any or without an address, an unknown word.
        TypeError, KeyError: a field is missing, or unknown.
    """
    table = tomllib.loads(text)
    names = [field.name for field in fields(Demand)]
    found = []
    for row in table["document"]:
        own = [demand for demand in table["demand"] if demand["document"] == row["id"]]
        check_choice(f"known of {row['id']!r}", row["known"], KNOWN)
        if not own or not row["source"].startswith("https://"):
            raise ValueError(f"{row['id']!r} must have a demand and an address, got {len(own)} and {row['source']!r}")
        made = tuple(Demand(**{name: demand[name] for name in names}) for demand in own)
        found.append(Document(**row, demands=made))
    if strays := {demand["document"] for demand in table["demand"]} - {document.id for document in found}:
        raise ValueError(f"demands must belong to a document, got some of {sorted(strays)}")
    return tuple(found)
