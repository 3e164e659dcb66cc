"""What the chapters have found, read from their stored outputs: sentences with links, for the front page.

findings("C05", "C13")  # as the last line of a cell
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.claims import MIME_TYPE, claims
from mha.validation import check_choice

__all__ = ["Finding", "Findings", "findings", "stored_findings"]

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"


@dataclass(frozen=True)
class Finding:
    """One sentence that a chapter stored with its verdict: claim's id, verdict, sentence, the chapter and its title."""

    claim: str
    verdict: str
    sentence: str
    chapter: str
    title: str


@dataclass(frozen=True)
class Findings:
    """A list of findings that shows itself as Markdown, each with a link to its chapter, or as plain text."""

    found: tuple[Finding, ...]

    def __repr__(self) -> str:
        return "\n".join(f"- {one.sentence} ({one.title}; {one.claim})" for one in self.found)

    def _repr_markdown_(self) -> str:
        lines = (f"{one.sentence} ([{one.title}](chapters/{one.chapter}.ipynb))" for one in self.found)
        return "\n".join(f"- {line}" for line in lines)


def findings(*ids: str) -> Findings:
    """The findings on some claims, in this order; of a claim that several chapters treat, those of all.

    Raises:
        ValueError: an id is no claim's, or no chapter has stored a finding on it.
    """
    known = list(stored_findings())
    for id in ids:
        check_choice("id", id, claims())
        if id not in {one.claim for one in known}:
            raise ValueError(f"no chapter has stored a finding on {id}: claim.find(...) in its cell says one")
    return Findings(tuple(one for id in ids for one in known if one.claim == id))


def stored_findings(folder: Path = CHAPTERS) -> Iterator[Finding]:
    """The findings in the stored outputs of all chapters below a folder."""
    for path in sorted(folder.rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        notebook = json.loads(path.read_text(encoding="utf-8"))
        chapter = path.relative_to(folder).with_suffix("").as_posix()
        for record in _records(notebook):
            if record.get("finding"):
                yield Finding(record["id"], record["verdict"], record["finding"], chapter, _title(notebook))


def _records(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if MIME_TYPE in output.get("data", {}):
                yield output["data"][MIME_TYPE]


def _title(notebook: dict[str, Any]) -> str:
    heading = "".join(notebook["cells"][0]["source"]).partition("\n")[0]
    return heading.removeprefix("#").strip()
