"""An audit's report: written as Markdown for a reader and as JSON for a machine, both with the same figures."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mha.bias.audit.figures import HARMS, Figure, number
from mha.validation import check_texts

__all__ = ["SECTIONS", "Report"]

FORMAT = 1
# The sections of a model card (Mitchell et al. 2019), and two that an audit adds.
SECTIONS = (
    "Model details",
    "Intended use",
    "Training data",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Quantitative analyses",
    "What may be said",
    "What was not tested",
    "Ethical considerations",
    "Caveats and recommendations",
)
ONE_NAME = "report"


@dataclass(frozen=True)
class Report:
    """What an audit found, and all that a reviewer needs to judge it.

    Fields:
        model: name, details, source, data, intended_use, not_intended, sha256, parameters.
        caveats: of the card.  setting: how it was measured (draws, seed, templates …).
        figures: in order, ids unique.  word_lists: verbatim, by name.  not_tested: one sentence each.
    Raises:
        ValueError: no figures, two of one id, a figure that names a list which is not there, nothing "not tested".
    """

    model: Mapping[str, Any]
    caveats: tuple[str, ...]
    setting: Mapping[str, Any]
    figures: tuple[Figure, ...]
    word_lists: Mapping[str, tuple[str, ...]]
    not_tested: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.figures:
            raise ValueError("figures must hold one at least, got none: an audit without a figure is no report")
        ids = [figure.id for figure in self.figures]
        if len(set(ids)) < len(ids):
            raise ValueError(f"ids of figures must be unique, got {ids}")
        for figure in self.figures:
            if missing := [name for name in figure.lists if not self.word_lists.get(name)]:
                raise ValueError(f"{figure.id!r} was made of word lists that the report must hold, missing {missing}")
        check_texts("not_tested", self.not_tested)

    def __getitem__(self, id: str) -> Figure:
        for figure in self.figures:
            if figure.id == id:
                return figure
        raise KeyError(f"no figure {id!r}; there are {[figure.id for figure in self.figures]}")

    def json(self) -> str:
        """The whole report; `Report.from_json` reads it back."""
        content = {
            "format": FORMAT,
            "model": dict(self.model),
            "caveats": list(self.caveats),
            "setting": dict(self.setting),
            "figures": [figure.as_json() | {"may_be_said": figure.said()} for figure in self.figures],
            "word_lists": {name: list(words) for name, words in self.word_lists.items()},
            "not_tested": list(self.not_tested),
        }
        return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report that `json` wrote.

        Raises:
            ValueError: another format, or a sentence that its figure does not bear: it was edited by hand.
        """
        content = json.loads(text)
        found = content.get("format") if isinstance(content, dict) else content
        if found != FORMAT:
            raise ValueError(f"format of a report must be {FORMAT}, got {found!r}")
        needed = ("model", "caveats", "setting", "figures", "word_lists", "not_tested")
        if missing := [name for name in needed if name not in content]:
            raise ValueError(f"a report must hold {', '.join(needed)}, missing {', '.join(missing)}")
        figures = []
        for row in content["figures"]:
            said = row.pop("may_be_said")
            figures.append(Figure.from_json(row))
            if figures[-1].said() != said:
                raise ValueError(f"{row['id']!r} says {said!r}, but its figure bears {figures[-1].said()!r}")
        return cls(
            content["model"],
            tuple(content["caveats"]),
            content["setting"],
            tuple(figures),
            {name: tuple(words) for name, words in content["word_lists"].items()},
            tuple(content["not_tested"]),
        )

    def markdown(self) -> str:
        """The same as text, under the sections of a model card; numbers with two decimals."""
        return "\n\n".join([f"# Audit of {self.model['name']}", *(self._section(name) for name in SECTIONS)]) + "\n"

    def positive_controls(self) -> str:
        """Whether the audit found what is known to be in trained vectors, and what follows if it did not."""
        known = [figure for figure in self.figures if figure.harm == "none" and figure.controls]
        missed = ", ".join(figure.id for figure in known if not figure.found)
        if not known:
            return "No positive control was asked: nothing shows that this audit finds what is there."
        if missed:
            return (
                f"Positive controls not found: {missed}. Where an audit misses what such tests usually find, "
                "a figure that finds nothing clears nobody."
            )
        return f"Positive controls, all found: {', '.join(figure.id for figure in known)}."

    def section(self, name: str) -> str:
        """One section of `markdown` without its heading.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in SECTIONS:
            raise ValueError(f"section must be one of {', '.join(SECTIONS)}, got {name!r}")
        return self._section(name).partition("\n\n")[2]

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write report.md and report.json, both or neither; what was there stays if that fails.

        Args:
            folder: is made where it is missing.
        Raises:
            OSError: as the file system does.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        contents = {place / f"{ONE_NAME}.md": self.markdown(), place / f"{ONE_NAME}.json": self.json()}
        with tempfile.TemporaryDirectory(dir=place, prefix=".report-") as made:
            for path, text in contents.items():
                Path(made, path.name).write_text(text, encoding="utf-8")
            _exchange(list(contents), Path(made))
        written, machine = contents
        return written, machine

    def _section(self, name: str) -> str:
        model, figures = self.model, self.figures
        lines = {
            "Model details": [
                model["details"],
                f"SHA-256 of the weights: `{model['sha256']}`. Parameters: {model['parameters']:,}.",
                f"Published at: {model['source']}",
            ],
            "Intended use": [f"For: {model['intended_use']}", f"Not for: {model['not_intended']}"],
            "Training data": [model["data"]],
            "Factors": [_bullets(f"{harm}: {what}. {_stands(figures, harm)}" for harm, what in HARMS.items())],
            "Metrics": [_bullets(f"{name}: {value}" for name, value in self.setting.items())],
            "Evaluation data": ["The word lists, verbatim:", _bullets(map(_word_list, self.word_lists.items()))],
            "Quantitative analyses": [_table(figures), _controls(figures), _groups(figures)],
            "What may be said": [
                self.positive_controls(),
                _bullets(f"{figure.id}: {figure.said()}" for figure in figures),
            ],
            "What was not tested": [_bullets(self.not_tested)],
            "Ethical considerations": [ETHICS],
            "Caveats and recommendations": [_bullets(self.caveats)],
        }[name]
        return "\n\n".join([f"## {name}", *(line for line in lines if line)])


def _exchange(paths: list[Path], made: Path) -> None:
    """Put what lies in `made` in the place of each path; if one cannot be, all of them are as they were."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        for path in paths:
            os.replace(made / path.name, path)
    except OSError:
        for path, content in before.items():
            if content is not None:
                path.write_bytes(content)
            elif path.is_file():
                path.unlink()
        raise


ETHICS = (
    "The lists sort names into two genders and into two groups as people in the United States read them; whoever is "
    "neither is not in them, and a name is not a person. A figure that finds nothing does not show that there is "
    "nothing: beside each stands what an audit of its size would miss. No figure is added up with another: a sum would "
    "let one group's loss be paid with another's gain."
)


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _word_list(item: tuple[str, tuple[str, ...]]) -> str:
    name, words = item
    return f"{name}: {', '.join(words)}"


def _stands(figures: tuple[Figure, ...], harm: str) -> str:
    ids = [figure.id for figure in figures if figure.harm == harm]
    return f"Figures: {'; '.join(ids)}." if ids else "No figure of this audit stands for it."


def _table(figures: tuple[Figure, ...]) -> str:
    head = "| Figure | Value [95 %] | Over | Missed 1 in 5 nearer to 0 than | Stands for |\n|---|---|---|---|---|"
    rows = (
        f"| {f.id} | {f.unit} {f.numbers()} | {f.counted} | "
        f"{'' if f.smallest is None else number(f.smallest)} | {f.harm} |"
        for f in figures
    )
    return "\n".join([head, *rows])


def _controls(figures: tuple[Figure, ...]) -> str:
    head = "| Figure | p of its controls (of n: corrected for n questions) |\n|---|---|"
    rows = (
        f"| {f.id} | "
        + "; ".join(f"{c.name} {_p(c.p)}{f' (of {c.corrected})' * (c.corrected > 1)}" for c in f.controls)
        + " |"
        for f in figures
        if f.controls
    )
    return "\n".join([head, *rows])


def _p(p: float) -> str:
    """Three decimals; none is 0, since what was observed is among the draws."""
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def _groups(figures: tuple[Figure, ...]) -> str:
    rows = [f"| {f.id} | {g.group} | {g.n} | {number(g.value)} [{number(g.low)}, {number(g.high)}] |"
            for f in figures for g in f.groups]  # fmt: skip
    return "\n".join(["| Figure | Group | Units | Value [95 %] |\n|---|---|---|---|", *rows]) if rows else ""
