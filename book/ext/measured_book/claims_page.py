"""`{claims}`: each claim with its verdict, what was found, the intervals drawn, and where that comes from."""

from __future__ import annotations

import html
from collections import Counter
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Node

from course.verdicts import OUTCOMES, VERDICTS, Measurement

from . import accounts, stored
from .interval_picture import strip
from .pages import CHAPTERS, Stored, badge, block, raw, spelt

PARTS = {"foundations": "Foundations", "models": "Models", "language": "Language", "inside": "Looking inside"}
PARTS |= {"cost": "Cost", "ethics": "Ethics", "beyond": "Beyond", "applications": "Applications"}
SCRIPT = Path(__file__).parent / "claims_filter.js"


class ClaimsDirective(Stored):
    """The claims that a chapter has judged, each in full; the others in one line that opens."""

    def run(self) -> list[Node]:
        self.notebooks = self.chapters()
        found = accounts.find_accounts(self.claims(), self.verdicts(self.notebooks))
        paths = {name: Path(self.env.doc2path(CHAPTERS + name)) for name in self.notebooks}
        self.runs = {name: accounts.find_run(notebook, paths[name]) for name, notebook in self.notebooks.items()}
        self.env.measured_claims = accounts.as_json(found, self.runs)
        judged = [one for one in found if one.judged]
        shown = block("claims", *(self.account(one) for one in judged))
        return [summary(found), raw(controls(judged)), shown, *self.waiting([one for one in found if not one.judged])]

    def account(self, account: accounts.Account) -> nodes.container:
        verdict, _ = account.verdict
        kinds = [f"is-{verdict.replace(' ', '-')}", *(f"in-{part}" for part in parts_of(account))]
        entry = block("claim", self.title_line(account), *self.said(account), classes=kinds)
        entry["ids"].append(account.claim.id.lower())
        return entry

    def title_line(self, account: accounts.Account) -> nodes.paragraph:
        parsed, messages = self.state.inline_text(account.claim.text, self.lineno)
        name = nodes.inline(text=account.claim.id, classes=["claim-id"])
        return nodes.paragraph("", "", name, nodes.Text(" "), *parsed, *messages, classes=["claim-text"])

    def said(self, account: accounts.Account) -> list[Node]:
        verdict, condition = account.verdict
        line = nodes.paragraph("", "", badge(verdict))
        line += nodes.Text(f" {condition}" if condition else "")
        source = nodes.paragraph(classes=["claim-source"])
        source += nodes.Text("From ")
        source += nodes.reference("", account.claim.section, refuri=accounts.ARTICLE)
        parts = [node for part in account.parts for node in self.part(part, alone=len(account.parts) == 1)]
        if account.waiting:
            names = ", ".join(map(spelt, account.waiting))
            parts.append(nodes.paragraph(text=f"Another part of it waits for a chapter: {names}.", classes=["waits"]))
        return [line, *parts, source]

    def part(self, part: stored.Verdict, *, alone: bool) -> list[Node]:
        """What one chapter found: its sentence, the measurements, and when and where it ran."""
        blocks: list[Node] = []
        if not alone:
            own = part.record["condition"]
            line = nodes.paragraph("", "", badge(str(part.record["verdict"])), nodes.Text(f" {own}" if own else ""))
            blocks.append(line)
        if part.record.get("finding"):
            blocks.append(nodes.paragraph(text=part.record["finding"], classes=["finding"]))
        blocks.append(raw(measurements(part.measurements)))
        foot = nodes.paragraph(classes=["claim-foot"])
        foot += self.link(part.chapter, self.title(part.chapter, self.notebooks[part.chapter]), part.anchor)
        foot += nodes.Text("".join(f" · {words}" for words in self.circumstances(part)))
        return [*blocks, foot]

    def circumstances(self, part: stored.Verdict) -> list[str]:
        fixed = part.record.get("fixed")
        when = f"criteria fixed {fixed} the numbers were seen" if fixed else ""
        return [words for words in (when, self.runs[part.chapter].words()) if words]

    def waiting(self, claims: list[accounts.Account]) -> list[Node]:
        if not claims:
            return []
        entries = []
        for one in claims:
            name = nodes.inline(text=one.claim.id, classes=["claim-id"])
            parsed, messages = self.state.inline_text(one.claim.text, self.lineno)
            entry = nodes.list_item("", nodes.paragraph("", "", name, nodes.Text(" "), *parsed, *messages))
            entry["ids"].append(one.claim.id.lower())
            entries.append(entry)
        words = f"{len(claims)} claims wait for chapters that are to come"
        opening = raw(f'<details class="claims-waiting"><summary>{words}</summary>')
        return [opening, nodes.bullet_list("", *entries), raw("</details>")]


def parts_of(account: accounts.Account) -> list[str]:
    """The folders of the chapters that judge it."""
    return list(dict.fromkeys(part.chapter.split("/")[0] for part in account.parts))


def summary(found: list[accounts.Account]) -> nodes.paragraph:
    counts = Counter(account.verdict[0] for account in found if account.judged)
    said = ", ".join(f"{word}: {counts[word]}" for word in VERDICTS if counts[word])
    judged = sum(account.judged for account in found)
    line = nodes.paragraph(text=f"{judged} of {len(found)} claims have a verdict; {said or 'none yet'}. All of it as ")
    line += nodes.reference("", "JSON", refuri=accounts.FILE.rsplit("/", 1)[-1])
    line += nodes.Text(".")
    return line


def measurements(rows: list[Measurement]) -> str:
    """The measurements as a list: what, the strip, the numbers, what was asked."""
    entries = "".join(
        f'<li><span class="what">{html.escape(m.named())}</span>{strip(m)}'
        f'<span class="numbers">{html.escape(m.numbers())}'
        f'<br><span class="asked">{html.escape(m.criterion)}: {OUTCOMES[m.outcome].split(":")[0]}</span></span></li>'
        for m in rows
    )
    return f'<ul class="measured-strips">{entries}</ul>'


def controls(judged: list[accounts.Account]) -> str:
    """Two lists and a search field, which the script shows; without it all claims stand there."""
    verdicts = [word for word in VERDICTS if any(one.verdict[0] == word for one in judged)]
    parts = [folder for folder in PARTS if any(folder in parts_of(one) for one in judged)]
    lists = _list("Verdict", {word.replace(" ", "-"): word for word in verdicts})
    lists += _list("Part", {folder: PARTS[folder] for folder in parts})
    script = SCRIPT.read_text(encoding="utf-8")
    return (
        f'<form class="claims-filter" aria-label="Choose claims" hidden>{lists}<label>Words '
        f'<input type="search" name="words"></label><span role="status"></span></form><script>{script}</script>'
    )


def _list(label: str, options: dict[str, str]) -> str:
    entries = "".join(f'<option value="{value}">{text}</option>' for value, text in options.items())
    return f'<label>{label} <select name="{label.lower()}"><option value="">all</option>{entries}</select></label>'


def write_json(app: Any, error: Exception | None) -> None:
    """Put what the page is made of beside it (on `build-finished`)."""
    text = getattr(app.env, "measured_claims", None)
    if error is None and text and app.builder.format == "html":
        (Path(app.outdir) / accounts.FILE).write_text(text, encoding="utf-8")
