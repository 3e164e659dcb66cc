"""The blocks of a plain notebook: card, exercise, hint, solution, map of the parts; each as a directive."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token
from sphinx.util import logging

from course.plain import BEGIN, Exercise, without_numbers

LOGGER = logging.getLogger(__name__)
FENCE = ":" * 8  # longer than a fence that a block may hold
CARD = "**This chapter.**"
DETAILS = re.compile(r"<details><summary>(?P<summary>(?:Hint(?: \d+)?|Solution))</summary>\s*")
PARTS = "## The parts"
PART = re.compile(r"- \*\*(?P<title>[^*]+)\.\*\* (?P<about>[^\[*]+)")  # then links, or *To come.*
FOLDER = re.compile(r"\(chapters/(?P<name>\w+)/")

__all__ = ["rewrite"]


def rewrite(text: str, where: str) -> str:
    """A Markdown cell's text with its plain blocks as directives; `where` is named if one is not well formed."""
    lines = text.splitlines()
    made: list[str] = []
    end = 0
    for first, last, block in find_blocks(text, lines, where):
        made += [*lines[end:first], *block]
        end = last
    return without_numbers("\n".join([*made, *lines[end:]]))


def find_blocks(text: str, lines: list[str], where: str) -> Iterator[tuple[int, int, list[str]]]:
    """(first line, line after the last, what to write instead) for each block, in order."""
    tokens = [token for token in MarkdownIt("commonmark").parse(text) if token.level == 0 and token.map]
    end = 0
    for number, token in enumerate(tokens):
        first, last = token.map
        if first < end:
            continue
        if token.type == "blockquote_open":
            block = quoted(lines[first:last])
        elif lines[first].startswith(BEGIN):
            last = exercise_end(tokens[number + 1 :], lines)
            block = exercise(lines[first:last], where)
        elif token.type == "html_block" and lines[first].startswith("<details"):
            last = details_end(tokens[number:], lines, where)
            block = details(lines[first:last], where)
        elif token.type == "bullet_list_open" and PARTS in lines[:first]:
            block = parts(lines[first:last])
        else:
            continue
        end = last
        yield first, last, block


def directive(name: str, argument: str, body: list[str], **options: str) -> list[str]:
    settings = [f":{key}: {value}" for key, value in options.items()]
    content = "\n".join(body).strip("\n")
    return [f"{FENCE}{{{name}}} {argument}".rstrip(), *settings, "", content, FENCE, ""]


def quoted(lines: list[str]) -> list[str]:
    """A blockquote: the card, or what it is; a Predict becomes a box later, by `predict`."""
    inner = [re.sub(r"^> ?", "", line) for line in lines]
    if inner[0].startswith(CARD):
        body = [inner[0].removeprefix(CARD).strip(), *inner[1:]]
        return directive("admonition", "This chapter", body, **{"class": "chapter-card"})
    return lines


def exercise_end(tokens: list[Token], lines: list[str]) -> int:
    """Where an exercise ends: before the next heading, hint or solution, else with the cell."""
    for token in tokens:
        first = token.map[0]
        if token.type == "heading_open" or lines[first].startswith("<details"):
            return first
    return len(lines)


def exercise(lines: list[str], where: str) -> list[str]:
    try:
        announced = Exercise.parse(lines[0])
    except ValueError as error:
        LOGGER.warning(str(error), location=where, type="measured_book")
        return lines
    effort = {"kind": announced.kind, "stars": str(announced.stars), "minutes": str(announced.minutes)}
    return directive("exercise", str(announced.number), lines[1:], **effort)


def details_end(tokens: list[Token], lines: list[str], where: str) -> int:
    """The line after the `</details>` that closes what the first token opens."""
    for token in tokens:
        if token.type == "html_block" and lines[token.map[1] - 1].strip() == "</details>":
            return token.map[1]
    LOGGER.warning("<details> is not closed by </details> on a line of its own", location=where, type="measured_book")
    return len(lines)


def details(lines: list[str], where: str) -> list[str]:
    opening = DETAILS.match(lines[0])
    if opening is None:
        expected = "<details><summary>Hint 1</summary> or <details><summary>Solution</summary>"
        LOGGER.warning(f"a fold begins {lines[0]!r}, expected {expected}", location=where, type="measured_book")
        return lines
    body = [lines[0][opening.end() :], *lines[1:-1]]
    return directive("fold", opening["summary"], body)


def parts(lines: list[str]) -> list[str]:
    """The front page's list of parts; the chapters in it are left to the directive, which knows their minutes.

    A part's folder is that of the chapters it links to; one that links to none is named by its title.
    """
    items = re.split(r"\n(?=- )", "\n".join(lines))
    found = [(part, FOLDER.search(item)) for item in items if (part := PART.match(item))]
    rows = [(folder["name"] if folder else p["title"].lower(), p["title"], p["about"]) for p, folder in found]
    return directive("parts", "", [" | ".join(" ".join(piece.split()) for piece in row) for row in rows])
