"""`{live}`: what the page on which one types shows before its scripts run, and what these need to know.

The models are imported where they are used: a book without that page needs neither torch nor RDKit.
"""

from __future__ import annotations

import json
import tomllib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils.nodes import Node
from sphinx.util.docutils import SphinxDirective

import course.live
from mha.view.inline import inline_data

from .pages import raw

if TYPE_CHECKING:
    from course.live.tasks import Task

ENGINE = "../live/engine.js"  # from _static/; the engine lies beside the pages with its weights
SCRIPTS = ("parts.js", "sentence.js", "reaction.js", "tasks.js")
FOLDER = Path(course.live.__file__).parent
PARTS = ("explorer", "examples", "reactions", "task")
LETTERS = "abcdefgh"


def read_examples() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "examples.toml").read_text(encoding="utf-8"))


class LiveDirective(SphinxDirective):
    """`{live} explorer`, `{live} examples`, `{live} reactions`, `{live} task KEY`: a part of the page as HTML."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[Node]:
        self.env.metadata[self.env.docname]["live"] = True
        for path in filter(Path.is_file, FOLDER.iterdir()):
            self.env.note_dependency(str(path))
        return [raw(self.html(*self.arguments))]

    def html(self, part: str, key: str = "") -> str:
        from course.live.encoder import explorer
        from course.live.tasks import tasks

        examples = read_examples()
        if part == "explorer":
            shown = explorer(examples["sentences"])._repr_html_()
            return f'<div class="live-explorer cell_output"><div class="text_html">{shown}</div></div>'
        if part == "examples":
            return f'<script type="application/json" data-live="examples">{inline_data(examples)}</script>'
        if part == "reactions":
            return "".join(map(reaction, (*examples["reactions"], *examples["swapped"])))
        if part == "task" and key in tasks():
            return task_form(tasks()[key])
        raise self.error(f"live must be one of {', '.join(PARTS)} with a task's key, got {part!r} {key!r}")


def reaction(example: dict[str, str]) -> str:
    """One reaction: its molecules, its text, its map as a table, and the same for the page's script."""
    from course.live.reactions import figure, map_atoms, table, tokens

    name, text = example["name"], example["text"]
    answer = {"tokens": tokens(text), "map": [vars(atom) for atom in map_atoms(text)]}
    return (
        f'<figure class="live-reaction" data-text="{escape(text)}" data-answer="{escape(json.dumps(answer))}">'
        f"<figcaption>{escape(name)}</figcaption>{figure(name, text)}<p><code>{escape(text)}</code></p>"
        f"<details><summary>Its map as a table</summary>{table(text)}</details></figure>"
    )


def task_form(task: Task) -> str:
    """A task as a form whose answer is folded; the script compares, and shows what can be tried."""
    lettered = list(zip(LETTERS, task.choices, strict=False))
    answer = next(letter for letter, choice in lettered if choice.true)
    settings = {json.dumps(choice.setting) for choice in task.choices if choice.setting}
    rows = "".join(
        f'<div class="live-choice"><label><input type="radio" name="choice" value="{letter}"> <b>{letter}</b> '
        f"<span>{escape(choice.text)}</span></label>"
        f"{attempt(json.dumps(choice.setting), f'Try {letter}') if choice.setting and len(settings) > 1 else ''}</div>"
        for letter, choice in lettered
    )
    shared = attempt(settings.pop(), "Try it") if len(settings) == 1 else ""
    return (
        f'<form class="live-task" id="task-{task.key}" data-answer="{answer}" data-model="{task.model}" '
        f'data-shows="{task.shows}"><fieldset><legend><b>Task.</b> {escape(task.question)}</legend>{rows}</fieldset>'
        f'<div class="live-row"><button type="submit" class="live-main" hidden>Check</button>{shared}</div>'
        '<p class="live-said" role="status"></p>'
        f'<details><summary>Answer</summary><p>{answer}. <span class="live-measured">{escape(task.measured)}</span></p>'
        "</details></form>"
    )


def attempt(setting: str, text: str) -> str:
    """A button that sets the page's controls, and the place for what came out."""
    return (
        f'<button type="button" class="live-try" hidden data-setting="{escape(setting)}">{text}</button>'
        '<span class="live-found" role="status"></span>'
    )


def add_files(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Load style and scripts on the page that has such parts, and on no other (on `html-page-context`)."""
    if app.env.metadata.get(page, {}).get("live"):
        app.add_css_file("live/live.css")
        for script in (ENGINE, *(f"live/{name}" for name in SCRIPTS)):
            app.add_js_file(script, defer="defer")


def setup(app: Any) -> None:
    """Connect this part to Sphinx; called by the extension."""
    app.add_directive("live", LiveDirective)
    app.connect("html-page-context", add_files)
