"""Does the model use the head that maps atoms? Cut its edges, mask an atom of the product, and watch the loss.

Four reactions of each class of the half that judges; in each, up to three atoms of the product that are no carbons are
masked, one at a time, and one of its carbons. The loss is -ln p of the token that was masked. An edge is cut by a mask
before the softmax: what is left of the row sums to 1 again; a row without any edge gives zeros.

"halogens": where a product of that half keeps one halogen, it is replaced by each of four in the reactants alone and
masked in the product. Which does the model write? "passes": the block is run 24 times for the 12 it was trained for.

Fixed after a trial run on more atoms: all of the above, and the controls: other heads, other edges, and as many edges
of the same head from the masked atom to other atoms of the same element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.mapped_atoms import HEAD, JUDGES, share_right, trained
from experiments.runner import Row, main
from mha.interpret.atom_maps import both_ways, largest
from mha.interpret.gating import cut_edges, edges_between
from mha.recording import record_attention
from mha.tasks.reactions import Reaction, WrittenReaction, reactions

N_LAYERS, N_HEADS = 12, 8
A_CLASS, N_HETERO, N_CARBONS = 4, 3, 1
HALOGENS = ("F", "Cl", "Br", "I")
EVERY_PASS, EVERY_HEAD = list(range(N_LAYERS)), list(range(N_HEADS))
OTHERS = [head for head in EVERY_HEAD if head != HEAD]
NOTHING: Row = {"edges": "none", "heads": [], "passes": []}


def _cut(edges: str, heads: list[int], passes: list[int] | None = None) -> Row:
    return {"edges": edges, "heads": heads, "passes": EVERY_PASS if passes is None else passes}


ON_HALOGENS = [
    NOTHING,
    *(_cut(edges, [HEAD]) for edges in ("own to reactants", "product to reactants", "all")),
    *(_cut("product to reactants", heads) for heads in ([2], OTHERS)),
]
RUNS: list[Row] = [
    {"kind": kind, **cut, "seed": 0}
    for kind, cuts in {
        "loss": [
            NOTHING,
            *(_cut("product to reactants", [head]) for head in EVERY_HEAD),
            *(_cut("all", [head]) for head in EVERY_HEAD),
            *(_cut("product to reactants", [HEAD], [n]) for n in EVERY_PASS),
            *(_cut("product to reactants", [HEAD], EVERY_PASS[n:]) for n in (3, 6, 9)),
            *(_cut(edges, [HEAD]) for edges in ("own to reactants", "own to source", "own to others", "back")),
            _cut("product to reactants", OTHERS),
        ],
        "halogens": ON_HALOGENS,
        "passes": [NOTHING],
    }.items()
    for cut in cuts
]


@dataclass(frozen=True)
class Question:
    """A reaction with one token of the product masked.

    Fields:
        written: the reaction.  atom: which of the product's atoms is masked.  asked: its token.
        text: what the model reads, before that token is masked.
    """

    written: WrittenReaction
    atom: int
    asked: str
    text: str

    @property
    def place(self) -> int:
        """Of the masked token."""
        return int(self.written.product_places[self.atom])


def edges_to_cut(question: Question, edges: str, length: int) -> Tensor:
    """(i, j) for a text of that many tokens, True = cut."""
    of_product, before = question.written.product_places.tolist(), question.written.reactant_places.tolist()
    if edges == "none":
        return torch.zeros(length, length, dtype=torch.bool)
    queries, keys = {
        "all": (range(length), range(length)),
        "product to reactants": (of_product, before),
        "back": (before, of_product),
    }.get(edges) or ([question.place], _ends(question, edges))
    return edges_between(queries, keys, length)


def _ends(question: Question, edges: str) -> list[int]:
    """Which tokens before the arrow the masked atom may not look at."""
    written, atom = question.written, question.atom
    source = written.alike == written.alike[written.truth[atom]]
    others = written.reactant_places[written.same_element()[atom] & ~source]
    drawn = np.random.default_rng(question.place).permutation(others)[: source.sum()]
    ends = {"own to source": written.reactant_places[source], "own to others": drawn}
    ends["own to reactants"] = written.reactant_places
    return ends[edges].tolist()


@torch.no_grad()
def answers(questions: Sequence[Question], cut: Row) -> Tensor:
    """Logits (b, v) for the masked tokens of questions on texts of one length."""
    model, tokenizer = trained()
    ids = torch.tensor([tokenizer.encode(question.text).ids for question in questions])
    rows, places = torch.arange(len(questions)), torch.tensor([question.place for question in questions])
    ids[rows, places] = tokenizer.token_to_id("[MASK]")
    edges = torch.stack([edges_to_cut(question, cut["edges"], ids.shape[1]) for question in questions])
    with cut_edges(model.encoder, product(cut["passes"], cut["heads"]), edges):
        return model.token_logits(model.encoder(ids)[rows, places])


def asked() -> list[Question]:
    """The atoms that are masked."""
    found: list[Question] = []
    kept: dict[str, int] = {}
    for reaction in reactions():
        if reaction.half != JUDGES or kept.get(reaction.kind, 0) == A_CLASS:
            continue
        kept[reaction.kind] = kept.get(reaction.kind, 0) + 1
        written = reaction.write()
        carbon, rng = written.product_elements == 6, np.random.default_rng(len(found))
        for atoms, most in ((np.flatnonzero(~carbon), N_HETERO), (np.flatnonzero(carbon), N_CARBONS)):
            found += [ask(written, int(atom)) for atom in rng.permutation(atoms)[:most]]
    return found


def ask(written: WrittenReaction, atom: int) -> Question:
    """The question for an atom of the product."""
    tokens = trained()[1].encode(written.text).tokens
    return Question(written, atom, tokens[written.product_places[atom]], written.text)


def with_halogens() -> list[Question]:
    """Each product's only halogen masked, and in the reactants replaced by each of four."""
    return [question for reaction in reactions() if reaction.half == JUDGES for question in _of_halogen(reaction)]


def _of_halogen(reaction: Reaction) -> list[Question]:
    written, tokenizer = reaction.write(), trained()[1]
    tokens = tokenizer.encode(written.text).tokens
    atoms = [n for n, place in enumerate(written.product_places) if tokens[place] in HALOGENS]
    if len(atoms) != 1:
        return []
    at = written.reactant_places[written.truth[atoms[0]]]
    texts = ["".join([*tokens[1:at], halogen, *tokens[at + 1 : -1]]) for halogen in HALOGENS]
    return [Question(written, atoms[0], halogen, text) for halogen, text in zip(HALOGENS, texts, strict=True)]


def run(kind: str, edges: str, heads: list[int], passes: list[int], seed: int) -> Row:
    """For each question the loss and the token written; for "passes" the loss and the map at each of 24."""
    if kind == "passes":
        return _by_pass()
    tokenizer, cut = trained()[1], {"edges": edges, "heads": heads, "passes": passes}
    losses: list[float] = []
    written: list[str] = []
    for _, group in groupby(asked() if kind == "loss" else with_halogens(), lambda question: id(question.written)):
        questions = list(group)
        logits = answers(questions, cut)
        targets = torch.tensor([tokenizer.token_to_id(question.asked) for question in questions])
        losses += F.cross_entropy(logits, targets, reduction="none").double().numpy().round(5).tolist()
        written += [tokenizer.id_to_token(n) for n in logits.argmax(-1).tolist()]
    return {"loss": losses, "written": written}


@torch.no_grad()
def _by_pass() -> Row:
    model, tokenizer = trained()
    losses, right, done = [], [], set()
    for question in asked():
        ids = torch.tensor([tokenizer.encode(question.text).ids])
        if question.text not in done:
            done.add(question.text)
            with record_attention(model) as maps:
                model.encoder(ids, n_passes=2 * N_LAYERS)
            weights = torch.cat(maps.calls("encoder.block.attn"))[:, HEAD].double().numpy()
            found = largest(both_ways(weights, question.written), question.written)
            right.append(share_right(found, question.written))
        ids[0, question.place] = tokenizer.token_to_id("[MASK]")
        states = torch.cat(model.encoder.hidden_states(ids, n_passes=2 * N_LAYERS))[:, question.place]  # (p, m)
        target = torch.tensor(tokenizer.token_to_id(question.asked)).expand(len(states))
        losses.append(F.cross_entropy(model.token_logits(states), target, reduction="none").numpy().round(5).tolist())
    return {"loss": losses, "right": right}


if __name__ == "__main__":
    main("atom_edges")
