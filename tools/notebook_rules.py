# ruff: noqa: T201
"""What a stored chapter must hold, checked without running it: mostly what nbval lets pass.

python -m tools.notebook_rules                          every notebook
python -m tools.notebook_rules foundations/attention    those named
"""

from __future__ import annotations

import ast
import difflib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbval.plugin import comment_markers, metadata_tags

from course.predict import Question, questions, settled_letter
from tools.colab import TAG, colab_cell
from tools.execute import named_paths
from tools.notebooks import ROOT, code_cells, hashes, pictures, read
from tools.plain_rules import PLAIN_RULES

LONGEST_CELL = 25
LONGEST_RUN = 3
LONGEST_OPEN_DRAWING = 6  # lines of a cell that draws
SHORTEST_ALT = 20
CAPTION = re.compile(r"\*Figure \d+\.\*")
DRAWERS = {"plt", "plots", "figures"}
NOT_DRAWING = {"close", "get_cmap", "use_book_style"}
SHAKE_EXACT = "shake-exact"  # the tag of a cell that tools/shake.py runs unshaken, and the key of its reason
SHORTEST_REASON = 15
MINUS_ZERO = re.compile(r"(?<![\w.,)\]])[-−]0(?:[.,]0+)?(?![\w.,]*\d)(?!\w)")
FORBIDDEN = {"NBVAL_SKIP", "nbval-skip", "skip-execution"}
PATHS = re.compile(r"(?<![\w/.])(/(home|root|Users|tmp|opt|usr|mnt|var)/\S+|[A-Z]:\\+\S+)|site-packages")

Problems = Iterator[str]

__all__ = ["RULES", "problems"]


def numbered(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    return ((f"code cell {number}", cell) for number, cell in enumerate(code_cells(notebook), 1))


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def markers(cell: NotebookNode) -> set[str]:
    """The nbval markers of a cell, those of comments spelt as tags are."""
    comments = {line.strip().lstrip("#").strip() for line in cell.source.splitlines() if line.strip().startswith("#")}
    found = (comments & set(comment_markers)) | (set(tags(cell)) & set(metadata_tags))
    return {marker.lower().replace("_", "-").replace("pytest-validate", "nbval") for marker in found}


def raises(cell: NotebookNode) -> bool:
    return bool(markers(cell) & {"raises-exception", "nbval-raises-exception"})


def syntax_tree(cell: NotebookNode) -> ast.Module:
    """The cell as Python sees it, magics turned into calls; empty where it is meant not to parse."""
    try:
        return ast.parse(TransformerManager().transform_cell(cell.source))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that running the cell runs: not what stands in the functions it defines."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from outside_functions(child)


def called(node: ast.AST) -> tuple[str, str]:
    """('plt', 'show') for a call of plt.show(), ('', 'print') for print(), ('', '') for anything else."""
    if not isinstance(node, ast.Call):
        return "", ""
    names = ast.unparse(node.func).split(".")
    return (names[0] if len(names) > 1 else ""), names[-1]


def draws(cell: NotebookNode) -> bool:
    calls = [called(node) for node in outside_functions(syntax_tree(cell))]
    return any(module in DRAWERS and name not in NOT_DRAWING and name != "update" for module, name in calls)


def shows(cell: NotebookNode) -> bool:
    """Whether the cell must have an output: it prints, or ends in an expression that is not a call."""
    tree = syntax_tree(cell)
    prints = any(isinstance(node, ast.Expr) and called(node.value) == ("", "print") for node in tree.body)
    last = tree.body[-1] if tree.body else None
    return prints or (isinstance(last, ast.Expr) and not isinstance(last.value, ast.Call | ast.Await))


def texts(cell: NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        yield from (str(data) for mime, data in output.get("data", {}).items() if not mime.startswith("image/"))
        yield output.get("text", "")
        yield "\n".join(output.get("traceback", []))


def is_path(alt: str) -> bool:
    return " " not in alt.strip() or re.search(r"\.(png|svg|jpe?g|gif)\s*$", alt) is not None


def counts_run_from_one(notebook: NotebookNode) -> Problems:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}, not 1 to {len(counts)}: not run from top to bottom"


def errors_are_meant(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        has_error = any(output.output_type == "error" for output in cell.outputs)
        if has_error and not raises(cell):
            yield f"{place} holds an error and is not marked raises-exception"
        if raises(cell) and not has_error:
            yield f"{place} is marked raises-exception and holds no error"


def nothing_on_stderr(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"{place} wrote to stderr"


def outputs_are_there(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        ignored = "nbval-ignore-output" in markers(cell)
        if not cell.outputs and (ignored or (shows(cell) and not raises(cell))):
            yield f"{place} shows something and has no output"
        if any(output.get("text") == "" or output.get("data") == {} for output in cell.outputs):
            yield f"{place} has an empty output"


def drawings_are_there(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        if draws(cell) and not pictures(cell) and not raises(cell):
            yield f"{place} draws and has no picture"
        if len(pictures(cell)) > 1:
            yield f"{place} has {len(pictures(cell))} pictures; one alt text can describe one"


def drawings_are_folded(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        lines = sum(bool(line.strip()) for line in cell.source.splitlines())
        if draws(cell) and lines > LONGEST_OPEN_DRAWING and not cell.metadata.get("jupyter", {}).get("source_hidden"):
            yield f"{place} shows {lines} lines that draw: fold them (jupyter.source_hidden), or call course.figures"


def pictures_have_alt_text(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        alt = str(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", ""))
        if pictures(cell) and (len(alt) < SHORTEST_ALT or is_path(alt)):
            yield f"{place} has a picture without alt text of {SHORTEST_ALT} characters or more (got {alt!r})"
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(|<img(?![^>]*\salt=\"[^\"]+)", cell.source):
            yield "a picture in the text has no alt text"


def captions_count_the_pictures(notebook: NotebookNode) -> Problems:
    """Where one picture has a caption, each has: a Markdown cell after it that begins `*Figure 2.*`."""
    following = [*notebook.cells[1:], None]
    after = [cell for drawn, cell in zip(notebook.cells, following, strict=True) if pictures_of(drawn)]
    texts = [cell.source if cell is not None and cell.cell_type == "markdown" else "" for cell in after]
    if any(CAPTION.match(cell.source) for cell in notebook.cells if cell.cell_type == "markdown"):
        for number, text in enumerate(texts, 1):
            if not text.startswith(f"*Figure {number}.*"):
                yield f"picture {number} has no caption: the text after it must begin '*Figure {number}.*'"


def pictures_of(cell: NotebookNode) -> list[str]:
    return pictures(cell) if cell.cell_type == "code" else []


def markers_are_spelt_right(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        for line in cell.source.splitlines():
            comment = line.rpartition("#")[2].strip() if "#" in line else ""
            spelling = difflib.get_close_matches(comment.upper().replace("-", "_"), comment_markers, cutoff=0.75)
            if spelling and (comment not in comment_markers or not line.strip().startswith("#")):
                yield f"{place}: {line.strip()!r} is no marker; one stands on a line of its own: # {spelling[0]}"
        known = {*metadata_tags, SHAKE_EXACT}
        for tag in set(tags(cell)) - known:
            spelling = difflib.get_close_matches(tag.lower().replace("_", "-"), known, cutoff=0.75)
            if spelling:
                yield f"{place}: the tag {tag!r} is none that the tests know; they know {spelling[0]!r}"


def exact_cells_say_why(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        reason = str(cell.metadata.get(SHAKE_EXACT, ""))
        if (SHAKE_EXACT in tags(cell)) != (len(reason) >= SHORTEST_REASON):
            yield f"{place}: the tag and the reason {SHAKE_EXACT!r} go together (got {tags(cell)} and {reason!r})"


def explorers_are_not_compared(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        if any("mha-explorer" in text for text in texts(cell)) and "nbval-ignore-output" not in markers(cell):
            yield f"{place} shows an explorer, whose code for a weight differs between processors: nbval-ignore-output"


def nothing_is_skipped(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        if FORBIDDEN & {*tags(cell), *(marker.upper().replace("-", "_") for marker in markers(cell))}:
            yield f"{place} is marked to be skipped, so nobody would see it break"


def outputs_belong_to_code(notebook: NotebookNode) -> Problems:
    stored, present = notebook.metadata.get("mha", {}), hashes(notebook)
    if stored.get("source_hash") != present["source_hash"]:
        yield "code cells have changed since the outputs were made (source_hash)"
    if stored.get("pictures_hash") != present.get("pictures_hash"):
        yield "a picture is not the one that the run made (pictures_hash)"
    if stored.get("drawing_hash") != present.get("drawing_hash"):
        yield "mha.view.plots or the style sheet has changed since the pictures were made (drawing_hash)"


def cells_are_short(notebook: NotebookNode) -> Problems:
    for place, cell in numbered(notebook):
        lines = len(cell.source.splitlines())
        if lines > LONGEST_CELL:
            yield f"{place} has {lines} lines; {LONGEST_CELL} are the most"


def words_stand_between(notebook: NotebookNode) -> Problems:
    run = 0
    for cell in notebook.cells:
        run = run + 1 if cell.cell_type == "code" else 0
        if run == LONGEST_RUN + 1:
            yield f"more than {LONGEST_RUN} code cells in a row, the fourth begins: {cell.source.splitlines()[:1]}"


def no_machine_paths(notebook: NotebookNode) -> Problems:
    here = (str(ROOT), str(Path.home()) + "/", sys.prefix)
    for place, cell in numbered(notebook):
        for text in texts(cell):
            found = PATHS.search(text)
            named = found.group() if found else next((path for path in here if path in text), None)
            if named:
                yield f"{place} shows a path of the machine it ran on: {named}"


def zero_has_no_sign(notebook: NotebookNode) -> Problems:
    """Of what is printed, and of the plain twins of tables: a number that rounds to 0 has no sign, so none is shown."""
    for place, cell in numbered(notebook):
        for output in cell.outputs:
            shown = output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
            if found := MINUS_ZERO.search(shown):
                yield f"{place} shows {found.group()}: the z of a format, {{x:z.1f}}, leaves the sign out"


def colab_cell_is_there(notebook: NotebookNode) -> Problems:
    first = next(iter(code_cells(notebook)), None)
    if first is None or TAG not in tags(first) or "remove-cell" not in tags(first) or first.source != colab_cell(ROOT):
        yield f"the first code cell is not the Colab cell of tools/colab.py, tagged {TAG} and remove-cell"


def predictions(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode, list[Question]]]:
    """Each code cell, with the questions that the text since the one before it asks."""
    asked: list[Question] = []
    places = numbered(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            asked += questions(cell.source)
        elif cell.cell_type == "code":
            yield *next(places), asked
            asked = []


def settled_choices(cell: NotebookNode) -> list[str]:
    """The names that the cell's last line gives to settle; empty where it calls something else."""
    last = syntax_tree(cell).body[-1:]
    call = last[0].value if last and isinstance(last[0], ast.Expr) else None
    return [str(word.arg) for word in call.keywords] if call and called(call)[1] == "settle" else []


def predictions_are_settled(notebook: NotebookNode) -> Problems:
    for place, cell, asked in predictions(notebook):
        choices = [question.letters for question in asked if question.letters]
        settled = settled_choices(cell)
        if len(choices) > 1 or any(letters != list("abcd")[: max(2, len(letters))] for letters in choices):
            yield f"{place} follows a Predict with the choices {choices}: one, of a and b, a to c, or a to d"
        elif settled != (choices[0] if choices else []):
            got = settled or "nothing"
            yield f"{place} ends in settle of {got}, the Predict before it asks for {choices or 'none'}"
        elif settled and settled_letter(cell) not in settled:
            yield f"{place} settles {settled} and has stored {settled_letter(cell)!r}"


def answers_are_folded(notebook: NotebookNode) -> Problems:
    """Outputs behind a Predict, up to the first word after its answer: a cell that draws that answer tells it too."""
    waiting = answered = False
    places = numbered(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            waiting = bool(questions(cell.source)) or (waiting and not answered)
            answered = False
        elif cell.cell_type == "code":
            place, _ = next(places)
            if waiting and cell.outputs and not cell.metadata.get("jupyter", {}).get("outputs_hidden"):
                yield f"{place} answers a Predict in the open: its metadata need jupyter.outputs_hidden"
            answered = answered or bool(cell.outputs)


RULES: tuple[Callable[[NotebookNode], Problems], ...] = (
    counts_run_from_one,
    errors_are_meant,
    nothing_on_stderr,
    outputs_are_there,
    drawings_are_there,
    drawings_are_folded,
    pictures_have_alt_text,
    captions_count_the_pictures,
    markers_are_spelt_right,
    exact_cells_say_why,
    explorers_are_not_compared,
    nothing_is_skipped,
    outputs_belong_to_code,
    cells_are_short,
    words_stand_between,
    no_machine_paths,
    zero_has_no_sign,
    colab_cell_is_there,
    predictions_are_settled,
    answers_are_folded,
    *PLAIN_RULES,
)


def problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with a notebook, one sentence for each thing; empty if nothing is."""
    return [problem for rule in RULES for problem in rule(notebook)]


def problems_of_file(path: Path) -> list[str]:
    """`problems` of the notebook in a file; that it holds none is one."""
    try:
        return problems(read(path))
    except ValueError as error:
        return [str(error).removeprefix(f"{path}: ")]


def main() -> None:
    try:
        paths = named_paths(sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
    found = [f"{path.relative_to(ROOT)}: {problem}" for path in paths for problem in problems_of_file(path)]
    print("\n".join(found) or f"{len(paths)} notebooks keep the rules.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
