"""What the notebooks have stored: the verdicts in their outputs, their titles, how long they take."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from course.claims import MIME_TYPE, ClaimText
from course.verdicts import NOT_TESTED, OUTCOMES, Measurement, decide

WORDS_A_MINUTE = 200
CODE_LINES_A_MINUTE = 20
CARD = "card"  # the tag of a cell whose picture stands for its chapter
STEP = 5  # nobody reads to the minute, and a changed sentence must not change a card


@dataclass(frozen=True)
class Verdict:
    """One stored verdict: the chapter (`foundations/attention`), the cell it stands in, the record in its output."""

    chapter: str
    cell: int
    record: dict[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        return str(self.record.get("id", ""))

    @property
    def anchor(self) -> str:
        """The name of the cell on the chapter's page."""
        return f"verdict-{self.id.lower()}"

    @property
    def measurements(self) -> list[Measurement]:
        """The measurements behind it.

        Raises:
            TypeError: one lacks an entry, or has one that no measurement has.
        """
        return [Measurement(**entry) for entry in self.record.get("measurements", [])]


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook as JSON.

    Raises:
        ValueError: the file holds no notebook.
    """
    return parse_notebook(path.read_text(encoding="utf-8"))


def parse_notebook(text: str) -> dict[str, Any]:
    """A notebook's text as JSON, with its metadata, empty where there are none.

    Raises:
        ValueError: it is no notebook; the message says in which line JSON ends, as at the marks of a merge.
    """
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        line = "".join(text.splitlines()[error.lineno - 1 : error.lineno])
        raise ValueError(f"is no notebook: line {error.lineno} is no JSON: {line[:60]!r}") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(c, dict) and {"cell_type", "source"} <= {*c} for c in cells):
        raise ValueError("is no notebook of format 4: it has no list of cells, each with cell_type and source")
    return {"metadata": {}} | notebook


def stored_records(notebook: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(cell number, verdict) for each verdict in a notebook's outputs, in order."""
    for number, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            bundle = output.get("data", {}).get(MIME_TYPE)
            if isinstance(bundle, dict):
                yield number, bundle


def read_verdicts(chapter: str, notebook: dict[str, Any]) -> list[Verdict]:
    """The verdicts stored in one chapter; of several on the same claim the last, which has seen the most."""
    last = {str(record.get("id", "")): Verdict(chapter, cell, record) for cell, record in stored_records(notebook)}
    return list(last.values())


def find_problems(claims: list[ClaimText], verdicts: list[Verdict]) -> list[str]:
    """What is wrong with stored verdicts, one sentence each; nothing if all is well."""
    known = {claim.id: claim for claim in claims}
    problems = []
    for verdict in verdicts:
        problem = find_problem(known.get(verdict.id), verdict)
        if problem:
            problems.append(f"{verdict.chapter}, cell {verdict.cell}: {problem}")
    return problems


def find_problem(claim: ClaimText | None, verdict: Verdict) -> str:
    """Why a verdict cannot stand: it is not the chapter's to give, or not what was measured. Empty if it can."""
    if claim is None:
        return f"no claim is called {verdict.id!r}"
    if verdict.chapter not in claim.chapters:
        return f"{claim.id} is tested in {', '.join(claim.chapters)}, not here"
    if verdict.record.get("claim") != claim.text:
        return f"the stored wording of {claim.id} is not the one of claims.toml; run the chapter again"
    expected = {field.name for field in fields(Measurement)}
    entries = verdict.record.get("measurements")
    if not entries or any(set(entry) != expected for entry in entries):
        return f"{claim.id} needs measurements, each with {', '.join(sorted(expected))}"
    unknown = sorted({str(m.outcome) for m in verdict.measurements} - set(OUTCOMES))
    if unknown:
        return f"{claim.id} has a measurement with the outcome {unknown[0]!r}, not one of {', '.join(OUTCOMES)}"
    if verdict.record.get("verdict") == NOT_TESTED and verdict.record.get("condition") and claim.kind == "measured":
        return ""
    decided = decide(claim.kind, [(m.label, m.when, m.outcome) for m in verdict.measurements])
    if decided != (verdict.record.get("verdict"), verdict.record.get("condition")):
        said = verdict.record.get("verdict")
        return f"the measurements of {claim.id} say {decided[0]!r}, the stored verdict is {said!r}"
    return ""


def find_title(notebook: dict[str, Any]) -> str:
    """The first heading of a notebook.

    Raises:
        ValueError: no Markdown cell holds a heading of the first level.
    """
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            heading = re.search(r"^# +(.+)$", "".join(cell["source"]), re.MULTILINE)
            if heading:
                return heading[1].strip()
    raise ValueError("a notebook needs a heading of the first level: # Title")


def find_question(notebook: dict[str, Any]) -> str:
    """The question that a chapter asks in a line of its own, in italics, before all else; empty if it asks none."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            found = re.search(r"^\*([^*\n][^*]*\?)\*$", "".join(cell["source"]), re.MULTILINE)
            return " ".join(found[1].split()) if found else ""
    return ""


def find_picture(notebook: dict[str, Any]) -> tuple[str, str]:
    """The picture that stands for a chapter, of the cell tagged `card`, else the first; ("", "") where there is none.

    Returns:
        The PNG in base64, and what it shows in words.
    """
    pictures = [
        (CARD not in cell["metadata"].get("tags", []), str(output["data"]["image/png"]), alt_text(cell))
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    return min(pictures, key=lambda one: one[0])[1:] if pictures else ("", "")


def alt_text(cell: dict[str, Any]) -> str:
    """What a cell says of its picture for those who cannot see it."""
    return str(cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", ""))


def minutes_to_read(notebook: dict[str, Any]) -> int:
    """Minutes in fives: the words of the text and the lines of the code, each at its own pace."""
    words = lines = 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            words += len(source.split())
        elif cell["cell_type"] == "code":
            lines += sum(bool(line.strip()) for line in source.splitlines())
    minutes = words / WORDS_A_MINUTE + lines / CODE_LINES_A_MINUTE
    return STEP * max(1, math.ceil(minutes / STEP))


def minutes_to_run(notebook: dict[str, Any]) -> str:
    """How long the last execution took, in words; empty if none has been timed."""
    seconds = notebook["metadata"].get("mha", {}).get("run_s")
    if not isinstance(seconds, int | float):
        return ""
    return "under 1 min" if seconds < 60 else f"{math.ceil(seconds / 60)} min"
