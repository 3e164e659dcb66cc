"""The pages for instructors and on data: rows for every chapter, sums that are right, a snippet that grades."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from course.plain import exercises
from tools.notebooks import ROOT, notebook_paths, read

TEACHING = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \[[^]]+\]\(\.\./(chapters/[\w/]+)\.ipynb\) \| [^|]+ \| ([\d, ]+) \| (\d+) \|$", re.MULTILINE)
SUBMISSIONS = {
    "ada": """
import numpy as np
def my_softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
""",
    "bob": """
import numpy as np
def my_softmax(scores):
    e = np.exp(scores)
    return e / e.sum(axis=-1, keepdims=True)
""",
    "cleo": "def my_softmax(scores: return scores",
    "dan": "import sys; sys.exit()",
    "eve": "def my_attention(q, k, v): return v",
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


def test_the_minutes_to_read_are_those_of_the_cards():
    cells = [cell for path in notebook_paths() for cell in read(path).cells if cell.cell_type == "markdown"]
    minutes = [int(found[1]) for cell in cells if (found := re.search(r"Time\*\*: (\d+) min to read", cell.source))]
    assert f"takes {min(minutes)} to {max(minutes)} minutes to read" in TEACHING


def test_the_weeks_take_as_long_as_their_exercises():
    minutes = {chapter.split("/")[-1]: [int(n) for n in each.split(",")] for chapter, each, _ in ROW.findall(TEACHING)}
    weeks = [
        ("attention", "training", "queries_keys_values"),
        ("multi_head", "positions"),
        ("encoder_block", "bert"),
        ("gpt", "generation", "xlnet"),
        ("gpt", "generation", "t5"),
        ("complexity", "gpu_timing"),
        ("bias_probes",),
    ]
    one, two, three, four, with_t5, five, six = (sum(sum(minutes[name][:-1]) for name in week) for week in weeks)
    said = f"take {one}, {two}, {three}, {four} ({with_t5} with T5), {five} and {six} minutes in weeks 1 to 6"
    assert said in " ".join(TEACHING.split())


def test_the_command_grades_submissions(tmp_path: Path):
    for name, source in SUBMISSIONS.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    (command,) = re.findall(r"```\n\S*python (-m tools\.grade \S+) submissions/", TEACHING)
    run = [sys.executable, *command.split(), str(tmp_path)]
    done = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True)
    grades = {row["answer"]: (row["right"], row["diagnosis"]) for row in csv.DictReader(done.stdout.splitlines())}
    assert list(grades) == sorted(SUBMISSIONS)
    assert grades["ada"] == ("1", "correct")
    assert grades["bob"] == ("0", "overflows")
    assert grades["eve"] == ("0", "unfinished")
    assert all(right == "0" for name, (right, _) in grades.items() if name != "ada")


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_forms_for_reports_are_whole(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= content.keys()
    assert all(
        {"id", "type", "attributes"} <= field.keys() and field["attributes"]["label"] for field in content["body"]
    )
