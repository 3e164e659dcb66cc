"""`{parts}`: the map of the book, a card a chapter: its picture, its question, its verdicts, its minutes."""

from __future__ import annotations

import base64
import html
import io
from collections import Counter
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Node
from PIL import Image

from course.verdicts import VERDICTS

from . import stored
from .pages import Stored, badge, block, raw

TO_COME = "To come"
PICTURES = "_static/cards"
PIXELS = (480, 270)  # twice what a card shows


class PartsDirective(Stored):
    """A line a part, `folder | title | what it is about`, shows the chapters that are there.

    What is to come is one line, `to come | To come | what`.
    """

    has_content = True

    def run(self) -> list[Node]:
        self.notebooks = self.chapters()
        self.judged = self.verdicts(self.notebooks)
        self.pictures: dict[str, str] = {}
        found: list[Node] = []
        for line in filter(str.strip, self.content):
            pieces = [piece.strip() for piece in line.split("|", 2)]
            if len(pieces) != 3:
                raise self.error(f"a line of {{parts}} must be 'folder | title | what it is about', got {line!r}")
            found += self.part(*pieces)
        self.env.chapter_pictures = self.pictures
        return [block("parts", *found)]

    def part(self, folder: str, title: str, about: str) -> list[Node]:
        there = [chapter for chapter in self.notebooks if chapter.startswith(f"{folder}/")]
        if not there and title != TO_COME:
            self.warn(f"the part {title!r} has no chapter: what is to come stands in the line '{TO_COME}'")
        head = nodes.paragraph("", "", nodes.strong(text=title), nodes.Text(f" {about}"))
        head["classes"].append("part" if there else "coming")
        return [head, block("cards", *map(self.card, there))] if there else [head]

    def card(self, chapter: str) -> nodes.container:
        notebook = self.notebooks[chapter]
        inside: list[Node] = []
        picture, alt = stored.find_picture(notebook)
        if picture:
            self.pictures[chapter] = picture
            source = "../" * self.env.docname.count("/") + f"{PICTURES}/{file_of(chapter)}"
            inside.append(raw(f'<img src="{source}" alt="{html.escape(alt)}" loading="lazy">'))
        title = nodes.paragraph("", "", self.link(chapter, self.title(chapter, notebook)), classes=["card-title"])
        question = nodes.paragraph(text=stored.find_question(notebook), classes=["card-question"])
        return block("chapter-card", *inside, block("card-words", title, question, self.foot(chapter, notebook)))

    def foot(self, chapter: str, notebook: dict[str, Any]) -> nodes.paragraph:
        """The verdicts, and the minutes to read and to run."""
        line = nodes.paragraph(classes=["card-foot"])
        said = Counter(str(verdict.record["verdict"]) for verdict in self.judged if verdict.chapter == chapter)
        for word in VERDICTS:
            if said[word]:
                mark = badge(word)
                mark += nodes.Text(f" {said[word]}" if said[word] > 1 else "")
                line += [mark, nodes.Text(" ")]
        run = stored.minutes_to_run(notebook)
        line += nodes.inline(text=f"{stored.minutes_to_read(notebook)} min" + (f", runs in {run}" if run else ""))
        return line


def file_of(chapter: str) -> str:
    """`models/gpt` -> `models-gpt.webp`."""
    return chapter.replace("/", "-") + ".webp"


def write_pictures(app: Any, error: Exception | None) -> None:
    """Small versions of the pictures on the cards, on white as the chapters show them (on `build-finished`)."""
    pictures = getattr(app.env, "chapter_pictures", {})
    if error is not None or not pictures or app.builder.format != "html":
        return
    folder = Path(app.outdir) / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for chapter, picture in pictures.items():
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            small = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
        small.thumbnail(PIXELS)
        small.save(folder / file_of(chapter), quality=80)
