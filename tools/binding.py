"""Binds printed pages of the book into one PDF: bookmarks, and links that lead from sheet to sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, FloatObject, NameObject, NullObject

Place = tuple[int, float]  # a sheet of the book, from 0, and the height on it

__all__ = ["Part", "Printed", "bind", "inside"]


@dataclass(frozen=True)
class Part:
    """A part of the book: its title, "" before the first, and its pages, as paths of the HTML without `.html`."""

    title: str
    pages: list[str]


@dataclass(frozen=True)
class Printed:
    """A page as printed: its sheets, and the number of its first in the book, from 0."""

    name: str
    sheets: PdfReader
    first: int

    @property
    def title(self) -> str:
        """Its heading."""
        return str(self.sheets.outline[0].title) if self.sheets.outline else self.name

    def places(self) -> Iterator[tuple[str, Place]]:
        """(address inside the book, place) of the page, and of what can be linked to on it."""
        yield f"{self.name}.html", (self.first, float(self.sheets.pages[0].mediabox.top))
        for anchor, destination in self.sheets.named_destinations.items():
            number = self.sheets.get_destination_page_number(destination)
            if number is not None:
                top = float(destination.get("/Top", 0))
                yield f"{self.name}.html#{unquote(anchor.removeprefix('/'))}", (self.first + number, top)


def inside(address: str, html: Path) -> str:
    """An address in the folder of the built book as `page.html#anchor`; "" for one elsewhere."""
    base = f"{html.as_uri()}/"
    return unquote(address.removeprefix(base)) if address.startswith(base) else ""


def bind(printed: list[Printed], parts: list[Part], html: Path) -> PdfWriter:
    """One document of all sheets in order.

    Args:
        printed: every page that `parts` name, and others, as the contents.
        parts: what the bookmarks show, with the headings of each page below it.
        html: the folder of the built book, which the links of the sheets point into.
    """
    writer = PdfWriter()
    links: list[tuple[Any, str]] = []
    for one in printed:
        for sheet in one.sheets.pages:
            notes = [note.get_object() for note in writer.add_page(sheet).get("/Annots", [])]
            links += [(note, address) for note in notes if (address := target(note, one.name, html))]
    places = dict(place for one in printed for place in one.places())
    for note, address in links:
        point(writer, note, places.get(address) or places.get(urldefrag(address)[0]))
    add_bookmarks(writer, {one.name: one for one in printed}, parts)
    return writer


def target(note: Any, name: str, html: Path) -> str:
    """Where a link of page `name` leads inside the book; "" for one that leads out of it, or for no link."""
    if "/Dest" in note:
        return f"{name}.html#{unquote(str(note['/Dest']).removeprefix('/'))}"
    return inside(str(note.get("/A", {}).get("/URI", "")), html)


def point(writer: PdfWriter, note: Any, place: Place | None) -> None:
    """Let a link lead to a place of this document, or nowhere: no reader has the folder that was printed."""
    for key in ("/A", "/Dest"):
        note.pop(key, None)
    if place:
        sheet, top = place
        where = [
            writer.pages[sheet].indirect_reference,
            NameObject("/XYZ"),
            NullObject(),
            FloatObject(top),
            NullObject(),
        ]
        note[NameObject("/Dest")] = ArrayObject(where)


def add_bookmarks(writer: PdfWriter, printed: dict[str, Printed], parts: Iterable[Part]) -> None:
    for part in parts:
        first = printed[part.pages[0]].first
        above = writer.add_outline_item(title=part.title, page_number=first) if part.title else None
        for name in part.pages:
            add_headings(writer, printed[name], printed[name].sheets.outline, above)


def add_headings(writer: PdfWriter, one: Printed, headings: list[Any], above: Any) -> None:
    """A page's headings, those of a list below the one before it."""
    last = above
    for heading in headings:
        if isinstance(heading, list):
            add_headings(writer, one, heading, last)
        else:
            sheet = one.first + (one.sheets.get_destination_page_number(heading) or 0)
            last = writer.add_outline_item(title=str(heading.title), page_number=sheet, parent=above)
