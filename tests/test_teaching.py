"""The pages for instructors and on data: rows for every chapter, sums that are right, a snippet that grades."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from course.plain import exercises
from tools.notebooks import ROOT, read

TEACHING = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \[[^]]+\]\(\.\./(chapters/[\w/]+)\.ipynb\) \| [^|]+ \| ([\d, ]+) \| (\d+) \|$", re.MULTILINE)
SUBMISSIONS = {
    "ada": """
import numpy as np
def softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
""",
    "bob": """
import numpy as np
def softmax(scores):
    e = np.exp(scores)
    return e / e.sum(axis=-1, keepdims=True)
def attention(q, k, v):
    return None
""",
}


def announced(chapter: str) -> list[int]:
    """The minutes in the headings of a chapter's exercises."""
    cells = read(ROOT / f"{chapter}.ipynb").cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return [exercise.minutes for exercise in exercises(text)]


def test_every_chapter_has_a_row_with_the_minutes_of_its_exercises():
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    chapters = [entry["file"] for part in parts for entry in part["chapters"] if entry["file"].startswith("chapters/")]
    minutes = {chapter: [int(n) for n in each.split(",")] for chapter, each, _ in ROW.findall(TEACHING)}
    assert list(minutes) == chapters
    assert minutes == {chapter: announced(chapter) for chapter in chapters}
    assert [sum(minutes[chapter]) for chapter in chapters] == [int(total) for _, _, total in ROW.findall(TEACHING)]


def test_the_snippet_grades_submissions(tmp_path: Path):
    (tmp_path / "submissions").mkdir()
    for name, source in SUBMISSIONS.items():
        (tmp_path / "submissions" / f"{name}.py").write_text(source, encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", TEACHING, re.DOTALL)
    run = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{snippet}"
    done = subprocess.run([sys.executable, "-c", run], cwd=tmp_path, check=True, capture_output=True, text=True)
    grades = [line.split(",") for line in done.stdout.splitlines()]
    assert [row[:3] for row in grades] == [
        ["ada", "softmax", "1"],
        ["ada", "attention", "0"],
        ["bob", "softmax", "0"],
        ["bob", "attention", "0"],
    ]
    assert grades[0][3] == "correct"
    assert grades[1][3] == grades[3][3] == "unfinished"
    assert grades[2][3] not in ("correct", "unfinished", "different")


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_forms_for_reports_are_whole(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= content.keys()
    assert all(
        {"id", "type", "attributes"} <= field.keys() and field["attributes"]["label"] for field in content["body"]
    )
