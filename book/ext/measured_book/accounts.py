"""What is known of each claim: one verdict from those of its chapters, where and when they ran; all of it as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.claims import ClaimText
from course.verdicts import NOT_TESTED, combine

from .stored import Verdict

FILE = "book/claims.json"
ARTICLE = "https://iq.opengenus.org/multi-head-attention-in-deep-learning/"


@dataclass(frozen=True)
class Run:
    """Where and when a chapter's outputs were made: processor, date, the commit that brought them; "" for unknown."""

    processor: str = ""
    date: str = ""
    commit: str = ""

    def words(self) -> str:
        """ "2026-11-27, Intel Xeon, 2 cores, commit 1a2b3c4", as far as it is known."""
        return ", ".join(filter(None, [self.date, self.processor, self.commit and f"commit {self.commit}"]))


@dataclass(frozen=True)
class Account:
    """A claim, the verdicts of the chapters that are there, and the names of those that are not yet."""

    claim: ClaimText
    parts: tuple[Verdict, ...]
    waiting: tuple[str, ...]

    @property
    def judged(self) -> bool:
        return bool(self.parts)

    @property
    def verdict(self) -> tuple[str, str | None]:
        """One verdict and its condition.

        Raises:
            ValueError: no chapter has judged the claim.
        """
        said = [(str(part.record["verdict"]), part.record["condition"]) for part in self.parts]
        return combine(said, len(self.waiting))


def find_accounts(claims: list[ClaimText], verdicts: list[Verdict]) -> list[Account]:
    """An account for each claim, in order. A chapter that gives no verdict on a claim of its own is one that waits."""
    found = []
    for claim in claims:
        parts = tuple(verdict for verdict in verdicts if verdict.id == claim.id)
        judged = {part.chapter for part in parts}
        found.append(Account(claim, parts, tuple(chapter for chapter in claim.chapters if chapter not in judged)))
    return found


def find_run(notebook: dict[str, Any], path: Path) -> Run:
    """Where a notebook's outputs come from. Without git, or before its first commit, the commit stays unknown."""
    ran = notebook["metadata"].get("mha", {}).get("ran", {})
    asked = ["git", "log", "-1", "--format=%h", "--", path.name]
    try:
        said = subprocess.run(asked, cwd=path.parent, capture_output=True, text=True, check=False).stdout
    except OSError:
        said = ""
    return Run(str(ran.get("processor", "")), str(ran.get("date", "")), said.strip())


def as_json(accounts: list[Account], runs: Mapping[str, Run]) -> str:
    """All accounts as indented JSON: `claims`, one object each, and the article that they come from."""
    return json.dumps({"source": ARTICLE, "claims": [_entry(one, runs) for one in accounts]}, indent=1)


def _entry(account: Account, runs: Mapping[str, Run]) -> dict[str, Any]:
    verdict, condition = account.verdict if account.judged else (None, None)
    return {
        "id": account.claim.id,
        "section": account.claim.section,
        "claim": account.claim.text,
        "verdict": verdict,
        "condition": condition,
        "waiting": list(account.waiting),
        "parts": [_part(part, runs.get(part.chapter, Run())) for part in account.parts],
    }


def _part(part: Verdict, run: Run) -> dict[str, Any]:
    taken = ("verdict", "condition", "finding", "fixed", "measurements")
    said = {name: part.record.get(name) for name in taken}
    where = {"chapter": part.chapter, "cell": part.anchor}
    return where | said | {"machine": run.processor, "date": run.date, "commit": run.commit}


def heading(account: Account) -> str:
    """The verdict's own words: "holds if short", "not tested at this scale: half a million parameters"."""
    verdict, condition = account.verdict
    if not condition:
        return verdict
    return f"{verdict}: {condition}" if verdict == NOT_TESTED else f"{verdict} {condition}"
