"""Reactions as the page shows them: molecules drawn, each atom of the product tied to the one it came from."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from mha.interpret.gating import gate_heads
from mha.models.pretrained_reactions import load_rxnmapper
from mha.models.smiles import is_atom, sides
from mha.recording import record_attention

__all__ = ["HEAD", "MappedAtom", "figure", "filled", "map_atoms", "table", "tokens"]

HEAD = (10, 5)  # layer and head that tie the atoms, both from 0: Schwaller et al. 2021
TILE = 30  # pixels a bond is long, about
MARGIN = 12
SIGN = '<span aria-hidden="true" class="live-sign">{}</span>'
ELEMENT = re.compile(r"\[?\d*([A-Z][a-z]?|[a-z]{1,2})")

load = cache(load_rxnmapper)


@dataclass(frozen=True)
class MappedAtom:
    """One atom of the product: its token, the reactants' token it came from, the head's weight both ways added."""

    product: int
    reactant: int
    weight: float


@cache
def map_atoms(text: str) -> tuple[MappedAtom, ...]:
    """For each atom of the product the atom of its element that the head ties it to most, in the order of the text.

    Args:
        text: a reaction in SMILES with one arrow. Tokens are numbered with [CLS] as 0.
    """
    model, tokenizer = load()
    encoding = tokenizer.encode(text)
    with record_attention(model) as maps, torch.no_grad():
        model(torch.tensor([encoding.ids]))
    layer, head = HEAD
    weights = maps.calls(next(iter(maps)))[layer][0, head]  # (i, i)
    both = weights + weights.T
    before, after = ([n for n in side if is_atom(encoding.tokens[n])] for side in sides(encoding.tokens))
    found = []
    for product in after:
        element = _element(encoding.tokens[product])
        own = [reactant for reactant in before if _element(encoding.tokens[reactant]) == element]
        best = max(own, key=lambda reactant: float(both[product, reactant]))
        found.append(MappedAtom(product, best, float(both[product, best])))
    return tuple(found)


def filled(text: str, *, without_map: bool = False) -> dict[str, float]:
    """Every token's probability at the first [MASK] of a reaction, the likeliest first.

    Args:
        text: a reaction with [MASK] for one atom.  without_map: silence the head that ties atoms, in all layers.
    """
    model, tokenizer = load()
    encoding = tokenizer.encode(text)
    silent = {(attention, HEAD[1]): 0.0 for attention in range(model.encoder.config.n_layers)}
    with torch.no_grad(), gate_heads(model, silent if without_map else {}):
        logits = model(torch.tensor([encoding.ids]))[0, encoding.tokens.index("[MASK]")]
    chances, ids = logits.softmax(dim=-1).sort(descending=True)
    return {str(tokenizer.id_to_token(int(token))): float(chance) for token, chance in zip(ids, chances, strict=True)}


def figure(name: str, text: str) -> str:
    """The reaction's molecules as SVG: an atom of the product has a number, and its origin has the same.

    Every atom's ground is a circle that carries its token's number, tinted by the reactant that it belongs to or came
    from; the page's script lights it.
    """
    found = map_atoms(text)
    before, product = text.split(">>")
    reactants = before.split(".")
    atoms = [number for number, token in enumerate(tokens(text)) if is_atom(token)]
    notes = {atom.product: str(number) for number, atom in enumerate(found, 1)}
    for number, atom in enumerate(found, 1):
        notes[atom.reactant] = f"{notes[atom.reactant]}, {number}" if atom.reactant in notes else str(number)
    drawn: list[str] = []
    start, owner = 0, dict[int, int]()
    for place, smiles in enumerate((*reactants, product)):
        molecule = Chem.MolFromSmiles(smiles)
        own = atoms[start : start + molecule.GetNumAtoms()]
        start += molecule.GetNumAtoms()
        if place < len(reactants):
            owner |= dict.fromkeys(own, place)
        else:
            owner |= {atom.product: owner[atom.reactant] for atom in found}
        drawn.append(_draw(molecule, own, notes, owner))
    row = SIGN.format("+").join(drawn[:-1]) + SIGN.format("→") + drawn[-1]
    said = f"{name}, drawn: {len(reactants)} reactant{'s' if len(reactants) > 1 else ''} and the product"
    label = html.escape(f"{said}; the table below says which atom is which")
    return f'<div class="live-molecules" role="img" aria-label="{label}">{row}</div>'


def tokens(text: str) -> list[str]:
    """The reaction's tokens, [CLS] first."""
    _, tokenizer = load()
    return list(tokenizer.encode(text).tokens)


def table(text: str) -> str:
    """The same map as a table: each atom of the product, where it came from, and the weight."""
    found = tokens(text)
    places = _places(found)
    rows = "".join(
        f"<tr><th scope=row>{number}<td>{html.escape(found[atom.product])}<td>{html.escape(found[atom.reactant])}, "
        f"{places[atom.reactant]}<td>{atom.weight / 2:.2f}"
        for number, atom in enumerate(map_atoms(text), 1)
    )
    return (
        "<table><caption>Each atom of the product, and the atom it came from</caption><thead><tr><th scope=col>Number"
        "<th scope=col>Atom<th scope=col>Comes from<th scope=col>Weight, mean of both ways</thead><tbody>"
        f"{rows}</tbody></table>"
    )


def _draw(molecule: Chem.Mol, tokens: Sequence[int], notes: Mapping[int, str], owner: Mapping[int, int]) -> str:
    for atom, token in zip(molecule.GetAtoms(), tokens, strict=True):
        if token in notes:
            atom.SetProp("atomNote", notes[token])
    drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1)
    options: Any = drawer.drawOptions()  # its stubs type each option as all of them
    options.useBWAtomPalette()
    options.clearBackground = False
    options.fixedBondLength = TILE
    options.padding = 0.02
    options.minFontSize, options.annotationFontScale = 12, 0.75
    drawer.DrawMolecule(molecule)
    points = [drawer.GetDrawCoords(n) for n in range(molecule.GetNumAtoms())]
    drawer.FinishDrawing()
    width, height = drawer.Width() + 2 * MARGIN, drawer.Height() + 2 * MARGIN
    circles = "".join(
        f'<circle class="live-atom live-from-{owner.get(token, 9)}" data-token="{token}" cx="{point.x:.0f}" '
        f'cy="{point.y:.0f}" r="{0.36 * TILE:.0f}"/>'
        for point, token in zip(points, tokens, strict=True)
    )
    shapes = "".join(_shapes(drawer.GetDrawingText()))
    box = f"{-MARGIN} {-MARGIN} {width} {height}"
    return (
        f'<svg viewBox="{box}" width="{width}" height="{height}" aria-hidden="true">{circles}'
        f'<g fill="none" stroke="currentColor" stroke-width="1.6">{shapes}</g></svg>'
    )


def _shapes(drawing: str) -> Iterable[str]:
    """RDKit's lines and letters without their styles, in the page's own colour."""
    for d, style in re.findall(r"<path[^>]*?\bd='([^']*)'[^>]*?(style='[^']*'|fill='[^']*')", drawing):
        letter = "fill='#" in style or "fill:#" in style
        yield f'<path d="{d}"{" fill=currentColor stroke=none" if letter else ""} />'


def _places(tokens: Sequence[str]) -> dict[int, str]:
    """For each atom before the arrow which it is, in words: "atom 3 of reactant 2"."""
    before, _ = sides(tokens)
    reactant, atom, found = 1, 0, {}
    for number in before:
        if tokens[number] == ".":
            reactant, atom = reactant + 1, 0
        if is_atom(tokens[number]):
            atom += 1
            found[number] = f"atom {atom} of reactant {reactant}"
    return found


def _element(token: str) -> str:
    found = ELEMENT.match(token)
    return found[1].capitalize() if found else token
