"""Exercises, numbered within their chapter, and folds: hints, and solutions with the code cells that belong to them."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from docutils import nodes
from docutils.nodes import Element, Node
from docutils.parsers.rst import directives
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from .folding import SOLUTION

LOGGER = logging.getLogger(__name__)
COUNT = "measured_book:exercises"  # how many exercises this page has had so far
SOLVED = "measured_book:solved"  # the last of them that has its solution
HARDNESS = {1: "easy", 2: "medium", 3: "hard"}

__all__ = ["setup"]


class details(nodes.General, nodes.Element):  # noqa: N801  docutils names nodes so
    """What a page folds under its `summary`."""


def visit_details(translator: HTML5Translator, node: Element) -> None:
    translator.body.append(translator.starttag(node, "details"))
    translator.body.append(f"<summary>{translator.encode(node['summary'])}</summary>\n")


def depart_details(translator: HTML5Translator, node: Element) -> None:
    translator.body.append("</details>\n")


class ExerciseDirective(SphinxDirective):
    """`{exercise} 2`: a box named `exercise-2`; its number is counted, and compared with the one that is written."""

    required_arguments = 1
    has_content = True
    option_spec = {"kind": directives.unchanged, "stars": int, "minutes": int}  # noqa: RUF012

    def run(self) -> list[Node]:
        number = self.env.temp_data[COUNT] = self.env.temp_data.get(COUNT, 0) + 1
        if self.arguments[0] != str(number):
            said = f"exercise {number} of this page is called Exercise {self.arguments[0]}"
            LOGGER.warning(said, location=self.get_location(), type="measured_book")
        box = nodes.admonition(classes=["exercise"], names=[f"exercise-{number}"])
        self.set_source_info(box)
        box += nodes.title("", "", nodes.Text(f"Exercise {number} "), self.effort())
        self.state.nested_parse(self.content, self.content_offset, box)
        self.state.document.note_explicit_target(box)
        return [box]

    def effort(self) -> nodes.inline:
        """Kind, hardness and minutes: "build, ★★, 10 min", the stars with their meaning."""
        count = self.options["stars"]
        stars = nodes.abbreviation("", "★" * count, explanation=HARDNESS[count])
        before, after = nodes.Text(f"{self.options['kind']}, "), nodes.Text(f", {self.options['minutes']} min")
        return nodes.inline("", "", before, stars, after, classes=["effort"])


class FoldDirective(SphinxDirective):
    """`{fold} Hint 1` or `{fold} Solution`: its content under a summary."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[Node]:
        summary = self.arguments[0]
        kind = summary.split()[0].lower()
        page = self.env.temp_data
        if kind == SOLUTION and page.get(COUNT, 0) > page.get(SOLVED, 0):  # else it answers a question of the text
            page[SOLVED] = page[COUNT]
            summary = f"Solution to exercise {page[COUNT]}"
        fold = details(summary=summary, classes=["fold", kind])
        self.set_source_info(fold)
        self.state.nested_parse(self.content, self.content_offset, fold)
        return [fold]


class GatherSolutions(SphinxTransform):
    """Code cells tagged `solution` move into the folded solution that they stand beside."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        for fold in list(self.document.findall(is_solution)):
            siblings = list(fold.parent.children)
            place = siblings.index(fold)
            before = [*takewhile(is_solution_cell, reversed(siblings[:place]))][::-1]
            after = [*takewhile(is_solution_cell, siblings[place + 1 :])]
            for cell in before + after:
                fold.parent.remove(cell)
            fold[:] = [*before, *fold.children, *after]
        for cell in self.document.findall(is_solution_cell):
            if not is_solution(cell.parent):
                said = f"a cell tagged {SOLUTION} stands beside no <details><summary>Solution</summary>"
                LOGGER.warning(said, location=cell, type="measured_book")


def is_solution(node: Node) -> bool:
    return isinstance(node, details) and SOLUTION in node["classes"]


def is_solution_cell(node: Node) -> bool:
    return isinstance(node, nodes.container) and f"tag_{SOLUTION}" in node["classes"]


def setup(app: Any) -> None:
    """Make the directives and the transform known to Sphinx."""
    app.add_node(details, html=(visit_details, depart_details))
    app.add_directive("exercise", ExerciseDirective)
    app.add_directive("fold", FoldDirective)
    app.add_transform(GatherSolutions)
