"""A reaction drawn, and where a head looks from each atom of the product: hover, click or go by the arrow keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from course.touch.fragment import TouchFigure, build, element, number, text
from mha.tasks.reactions import Reaction, WrittenReaction
from mha.validation import check_finite, check_integer

__all__ = ["atom_links", "drawing"]

WIDTH, HEIGHT, GAP = 400, 190, 34  # of each side's drawing, and of the arrow between them
FAINT = 0.02  # weights below it get no line
STYLE = (
    ".mt.mt .mt-reaction{width:100%;max-width:33rem}.mt.mt .mt-reaction path{vector-effect:non-scaling-stroke}"
    ".mt.mt .mt-atom{cursor:pointer;fill:transparent;stroke:none}"
    ".mt.mt .mt-atom[aria-pressed=true]{stroke:var(--second);stroke-width:3}"
    ".mt.mt .mt-atom:focus-visible{outline:none;stroke:currentColor;stroke-width:2}"
    ".mt.mt .mt-line{stroke:var(--accent);stroke-linecap:round;fill:none}"
    ".mt.mt .mt-source{fill:none;stroke:var(--second);stroke-width:2;stroke-dasharray:4 3}"
)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Side:
    """One side of the arrow: RDKit's paths, and for each atom of the text its place and name."""

    markup: str
    places: list[list[float]]
    names: list[str]


def atom_links(
    examples: Mapping[str, tuple[Reaction, WrittenReaction, Any]], *, passes: Sequence[int], shown: int = 0
) -> TouchFigure:
    """Reactions to choose from, each with a head's weights from the product's atoms to those before the arrow.

    Args:
        examples: name -> (reaction, how it was written, weights (passes, n, m)).
        passes: which passes of the block the weights are of, counted from 0.  shown: the place of the one shown first.
    Raises:
        ValueError: there is no example, a shape does not fit, or shown is no place among the passes.
    """
    if not examples:
        raise ValueError("examples must hold a reaction, got none")
    check_integer("shown", shown, at_least=0, at_most=len(passes) - 1)
    data = [_example(name, *example, len(passes)) for name, example in examples.items()]
    first = data[0]
    status = element("p", text(_sentence(first, shown, 0)), class_="mt-status", role="status", data_part="status")
    first_state = f"<style>{STYLE}</style>{_picture(first)}{status}{_table(first, shown)}"
    return build(
        "atom_links",
        title="Where each atom came from",
        hint="Point at an atom of the product, or go from atom to atom with the arrow keys.",
        first_state=first_state,
        data={"examples": data, "passes": list(passes), "shown": shown, "faint": FAINT},
    )


def drawing(smiles: str, *, numbered: bool = True) -> TouchFigure:
    """A molecule as a chemist draws it, beside its text; numbered: each atom's place among those of the text.

    Raises:
        ValueError: smiles is no molecule.
    """
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"smiles must be a molecule, got {smiles!r}")
    order = list(range(molecule.GetNumAtoms()))  # RDKit numbers the atoms as it reads them
    side = _draw([molecule], [(0, atom) for atom in order])
    labels = "".join(_label(molecule, n, side.places) for n in order if numbered)
    picture = element(
        "svg", side.markup + labels, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="mt-reaction", role="img",
        aria_label=f"The molecule {smiles}, its atoms numbered as in the text",
    )  # fmt: skip
    page = (
        '<div class="mha-touch mt tex2jax_ignore mathjax_ignore" style="max-width:26rem;color:inherit">'
        f"{picture}<p><code>{text(smiles)}</code></p></div>"
    )
    return TouchFigure(f"the molecule {smiles}, drawn", page)


def _label(molecule: Chem.Mol, n: int, places: list[list[float]]) -> str:
    """An atom's number, where there is most room between its bonds."""
    bonds = [np.subtract(places[other.GetIdx()], places[n]) for other in molecule.GetAtomWithIdx(n).GetNeighbors()]
    angles = np.sort([np.arctan2(y, x) for x, y in bonds] or [0.0])
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    free = angles[gaps.argmax()] + gaps.max() / 2
    x, y = places[n] + 16 * np.array([np.cos(free), np.sin(free)])
    style = {"font_size": 14, "fill": "var(--second)", "text_anchor": "middle", "dominant_baseline": "central"}
    return element("text", str(n + 1), x=round(x), y=round(y), **style)


def _example(name: str, reaction: Reaction, written: WrittenReaction, weights: Any, n_passes: int) -> dict[str, Any]:
    numbers = check_finite(f"weights of {name!r}", weights)
    n, m = len(written.truth), len(written.alike)
    if numbers.shape != (n_passes, n, m):
        raise ValueError(f"weights of {name!r} must have shape {(n_passes, n, m)}, got {numbers.shape}")
    before = _draw(list(reaction.reactants), [tuple(atom) for atom in written.reactant_atoms.tolist()])
    product = _draw([reaction.product], [(0, atom) for atom in written.product_atoms.tolist()])
    return {
        "name": name,
        "before": before.__dict__,
        "product": product.__dict__,
        "truth": [np.flatnonzero(written.alike == written.alike[at]).tolist() for at in written.truth],
        "weights": (numbers.round(2) + 0.0).tolist(),
    }


def _draw(molecules: Sequence[Chem.Mol], atoms: Sequence[tuple[int, int]]) -> _Side:
    """The molecules side by side; atoms: (molecule, atom) in the order of the text."""
    starts = np.cumsum([0, *(molecule.GetNumAtoms() for molecule in molecules)])
    together = Chem.Mol(molecules[0])
    for molecule in molecules[1:]:
        together = Chem.CombineMols(together, molecule)
    for atom in together.GetAtoms():
        atom.SetAtomMapNum(0)
    rdDepictor.Compute2DCoords(together)
    drawer = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
    options: Any = drawer.drawOptions()  # RDKit's types say that its fields cannot be set
    options.useBWAtomPalette()
    options.clearBackground, options.padding, options.fixedBondLength = False, 0.08, 32
    drawer.DrawMolecule(rdMolDraw2D.PrepareMolForDrawing(together, kekulize=True))
    drawer.FinishDrawing()
    numbers = [int(starts[molecule]) + atom for molecule, atom in atoms]
    points = [drawer.GetDrawCoords(number) for number in numbers]
    paths = re.findall(r"<path [^>]*/>", drawer.GetDrawingText())
    return _Side(
        markup="".join(map(_slim, paths)),
        places=[[round(point.x), round(point.y)] for point in points],
        names=[f"{together.GetAtomWithIdx(number).GetSymbol()} {place}" for place, number in enumerate(numbers, 1)],
    )


def _slim(path: str) -> str:
    """RDKit's path in the page's own ink."""
    d = re.sub(r"(\d+\.\d)\d*", r"\1", re.search(r" d='([^']*)'", path)[1])  # type: ignore[index]
    letters = "stroke:#000000" not in path
    return element("path", d=d, **({"fill": "currentColor"} if letters else {"fill": "none", "stroke": "currentColor"}))


def _picture(example: dict[str, Any]) -> str:
    """Reactants above, product below, and room for lines between them."""
    below = HEIGHT + GAP
    arrow = element(
        "path", d=f"M{WIDTH / 2} {HEIGHT + 4}v{GAP - 10}m-5 -6l5 6l5 -6", fill="none", stroke="currentColor"
    )
    sides = element("g", example["before"]["markup"], data_part="before")
    product = element("g", example["product"]["markup"], data_part="product")
    atoms = "".join(
        element("circle", cx=x, cy=y, r=13, class_="mt-atom", data_part="atom") for x, y in example["product"]["places"]
    )
    return element(
        "svg",
        sides + arrow
        + element("g", product + element("g", atoms, data_part="atoms"), transform=f"translate(0 {below})")
        + element("g", data_part="lines", pointer_events="none"),
        viewBox=f"0 0 {WIDTH} {2 * HEIGHT + GAP}", class_="mt-reaction", role="group",
        aria_label="Reactants above, product below", data_part="picture",
    )  # fmt: skip


def _row(example: dict[str, Any], at: int, atom: int) -> tuple[str, str, float, bool]:
    """The atom's name, that of the one it looks at most, the weight, and whether that is right."""
    weights = example["weights"][at][atom]
    best = int(np.argmax(weights))
    names = example["product"]["names"][atom], example["before"]["names"][best]
    return *names, weights[best], best in example["truth"][atom]


def _sentence(example: dict[str, Any], at: int, atom: int) -> str:
    name, best, weight, right = _row(example, at, atom)
    truth = " or ".join(example["before"]["names"][n] for n in example["truth"][atom])
    ending = "which is where it came from." if right else f"but it came from {truth}."
    return f"{name} of the product looks most at {best} of the reactants, weight {number(weight, 2)}: {ending}"


def _table(example: dict[str, Any], at: int) -> str:
    rows = ""
    for atom in range(len(example["truth"])):
        name, best, weight, right = _row(example, at, atom)
        rows += f"<tr><th scope=row>{name}</th><td>{best}</td><td>{number(weight, 2)}</td>"
        rows += f"<td>{'right' if right else 'wrong'}</td></tr>"
    head = "".join(f"<th scope=col>{name}</th>" for name in ("product", "looks most at", "weight", ""))
    return (
        "<details><summary>All atoms as a table</summary><table><caption>Atoms are numbered as in the text.</caption>"
        f"<thead><tr>{head}</tr></thead><tbody data-part=rows>{rows}</tbody></table></details>"
    )
