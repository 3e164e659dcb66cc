"""How many atoms each head of RXNMapper's ALBERT maps right: trained or not, and however the reaction is written.

A head's score for an atom of the product and one before the arrow is the sum of its two weights, there and back; among
the atoms of its element the largest wins. "forth" is the plain alternative: the weight of the product's atom alone, and
no word of elements. "one to one" is the assignment with the largest sum. "cosine" compares hidden states instead.

Fixed before the table was made: reactions whose blocks have even places (half 0) choose the head, the others judge;
twelve untrained twins; five seeds for each way of writing, and the mean over up to four spellings. Twins and other ways
of writing are asked about every second reaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Tokenizer

from experiments.runner import Row, main
from mha.interpret.atom_maps import both_ways, largest, one_to_one, product_to_reactants
from mha.models.albert import AlbertConfig, AlbertMaskedLM
from mha.models.pretrained_reactions import load_rxnmapper
from mha.recording import record_attention
from mha.tasks.reactions import SPECTATORS, Reaction, WrittenReaction, reactions

HEAD, N_HEADS = 5, 8  # what half 0 chooses; the chapter checks it
N_TWINS = 12
SEEDS = range(5)
SPELLINGS = (1, 2, 4)  # so many are averaged
JUDGES = 1  # the half

RUNS: list[Row] = [
    {"model": "trained", "written": "canonical", "seed": 0},
    *({"model": "twin", "written": "canonical", "seed": seed} for seed in range(N_TWINS)),
    {"model": "trained", "written": "swapped", "seed": 0},
    *({"model": "trained", "written": "spectator", "seed": seed} for seed in range(len(SPECTATORS))),
    *(
        {"model": "trained", "written": f"{side} respelt", "seed": s}
        for side in ("reactants", "product")
        for s in SEEDS
    ),
    *({"model": "trained", "written": "both respelt", "seed": seed} for seed in SEEDS),
]

Array = NDArray[np.float64]


@cache
def trained() -> tuple[AlbertMaskedLM, Tokenizer]:
    """The published weights, and the tokenizer."""
    return load_rxnmapper()


def twin(seed: int) -> AlbertMaskedLM:
    """The same architecture with weights that nothing was read into."""
    torch.manual_seed(seed)
    return AlbertMaskedLM(AlbertConfig()).eval()


@torch.no_grad()
def look(model: AlbertMaskedLM, written: WrittenReaction) -> tuple[Array, Array]:
    """Every head's weights (layer, head, i, j), and the cosines of hidden states (layer + 1, n, m)."""
    ids = torch.tensor([trained()[1].encode(written.text).ids])
    with record_attention(model) as maps:
        states = torch.cat(model.encoder.hidden_states(ids))  # (l, i, m)
    of_product, before = (
        F.normalize(states[:, places], dim=-1) for places in (written.product_places, written.reactant_places)
    )
    weights = torch.cat(maps.calls("encoder.block.attn"))  # (l, h, i, j)
    return weights.double().numpy(), (of_product @ before.mT).double().numpy()


def share_right(found: Iterable[NDArray[np.int64]], written: WrittenReaction) -> list[float]:
    """The share of the product's atoms that each map gets right, to four digits."""
    return [round(float(written.right(one).mean()), 4) for one in found]


def every_place(model: AlbertMaskedLM, written: WrittenReaction) -> Row:
    """The share of atoms right at every place: (layer · head) for weights, (layer + 1) for cosines."""
    weights, cosines = look(model, written)
    forth, both = (read(weights, written) for read in (product_to_reactants, both_ways))
    atoms = both.shape[-2:]
    return {
        "forth": share_right(largest(forth, written, any_element=True).reshape(-1, atoms[0]), written),
        "both": share_right(largest(both, written).reshape(-1, atoms[0]), written),
        "one to one": share_right([one_to_one(scores, written) for scores in both[:, HEAD]], written),
        "cosine": share_right(largest(cosines, written), written),
        "cosine, one to one": share_right([one_to_one(scores, written) for scores in cosines], written),
    }


def layers_of_head(both: Array, written: WrittenReaction) -> Row:
    """The same for the head alone: both (layer, n, m)."""
    return {
        "both": share_right(largest(both, written), written),
        "one to one": share_right([one_to_one(scores, written) for scores in both], written),
    }


def scores_of_head(written: WrittenReaction) -> Array:
    """The head's scores at each layer, (layer, n, m)."""
    return np.asarray(both_ways(look(trained()[0], written)[0][:, HEAD], written))


def in_given_order(scores: Array, written: WrittenReaction) -> Array:
    """The scores (..., n, m) with atoms in the order of the molecules and not of the text, so that spellings add up."""
    before = np.lexsort(written.reactant_atoms.T[::-1])
    return scores[..., np.argsort(written.product_atoms)[:, None], before]


def averaged(reaction: Reaction, seed: int) -> list[Row]:
    """The mean of the head's scores over the first 1, 2 and 4 of its spellings."""
    rng = np.random.default_rng([seed, *reaction.write().text.encode()])
    texts = [reaction.write(rng=rng) for _ in range(max(SPELLINGS))]
    scores = np.array([in_given_order(scores_of_head(text), text) for text in texts])  # (spelling, layer, n, m)
    place = np.argsort(texts[0].product_atoms), np.lexsort(texts[0].reactant_atoms.T[::-1])
    back = np.argsort(place[0])[:, None], np.argsort(place[1])  # to the order of the first text, which has the truth
    return [layers_of_head(scores[:n].mean(0)[:, *back], texts[0]) for n in SPELLINGS]


def run(model: str, written: str, seed: int) -> Row:
    """Shares of atoms right, one list a reaction: of both halves for "canonical", else of every second that judges."""
    if written == "canonical":
        return _of_halves(twin(seed), reactions()[::2]) if model == "twin" else _canonical()
    judging = [reaction for reaction in reactions() if reaction.half == JUDGES][::2]
    if written == "both respelt":
        rows_by_number = zip(*(averaged(reaction, seed) for reaction in judging), strict=True)
        return {str(n): _columns(rows) for n, rows in zip(SPELLINGS, rows_by_number, strict=True)}
    write = _writer(written, seed)
    texts = [write(reaction) for reaction in judging if written != "swapped" or len(reaction.reactants) > 1]
    return _columns([layers_of_head(scores_of_head(text), text) for text in texts])


def _writer(written: str, seed: int) -> Callable[[Reaction], WrittenReaction]:
    if written == "swapped":
        return lambda reaction: reaction.write(order=(1, 0))
    if written == "spectator":
        return lambda reaction: reaction.write(spectator=SPECTATORS[seed])
    side, rng = written.removesuffix(" respelt"), np.random.default_rng(seed)
    return lambda reaction: reaction.write(rng=rng, respell=side)


def _columns(rows: Sequence[Row]) -> Row:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _canonical() -> Row:
    """Every place by halves, (2, layer · head); the head and the hidden states by reaction, (reaction, layer)."""
    columns = _columns([every_place(trained()[0], reaction.write()) for reaction in reactions()])
    halves = np.array([reaction.half for reaction in reactions()])
    for name in ("forth", "both"):
        places = np.array(columns.pop(name))
        columns[f"{name}, every place"] = [places[halves == half].mean(0).round(4).tolist() for half in (0, 1)]
        columns[name] = places.reshape(len(places), -1, N_HEADS)[:, :, HEAD].tolist()
    return columns


def _of_halves(model: AlbertMaskedLM, asked: Sequence[Reaction]) -> Row:
    """The means over each half's reactions of what the weights give, (2, layer · head)."""
    halves: list[list[list[float]]] = [[], []]
    for reaction in asked:
        written = reaction.write()
        scores = both_ways(look(model, written)[0], written)
        found = largest(scores, written).reshape(-1, scores.shape[-2])
        halves[reaction.half].append(share_right(found, written))
    return {"both, every place": [np.mean(half, axis=0).round(4).tolist() for half in halves]}


if __name__ == "__main__":
    main("mapped_atoms")
