"""How many of its eight heads the model that reads reactions needs: every set of them, for two things that it does.

RXNMapper's ALBERT runs one block twelve times, so a head that is removed goes from all twelve runs. With eight heads
all 256 sets can be tried: no order of removal is needed, and the best set of each size is known. What is asked: the
cross-entropy of masked tokens, the task it was trained for, 15 % of the tokens of each reaction in two draws; and the
share of the product's atoms that the weights of one head in one run map right, scored as in `mapped_atoms`.

Fixed before the table was made: every fifteenth reaction of either half, half 0 to choose on and half 1 to judge on.
The place (run, head) that maps atoms is chosen for each set on half 0. Sets are removed physically. Nothing is drawn
by chance but the masks: the seed is 0 everywhere. Budget: 3 core-minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.runner import Row, main
from mha.compress.removal import remove_heads
from mha.interpret.atom_maps import both_ways, largest
from mha.models.albert import AlbertMaskedLM
from mha.models.pretrained import encode
from mha.models.pretrained_reactions import load_rxnmapper
from mha.recording import record_attention
from mha.tasks.masking import mask_tokens
from mha.tasks.reactions import WrittenReaction, reactions

N_HEADS, EVERY, DRAWS = 8, 15, 2

RUNS: list[Row] = [{"n_left": n, "seed": 0} for n in reversed(range(N_HEADS + 1))]


@cache
def written(half: int) -> list[WrittenReaction]:
    """The reactions of a half that are asked about."""
    return [reaction.write() for reaction in reactions() if reaction.half == half][::EVERY]


@cache
def masked(half: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """inputs, key_mask, which tokens are asked for, and what they were: (b, i) each, every text twice."""
    tokenizer = load_rxnmapper()[1]
    ids, key_mask = encode(tokenizer, [one.text for one in written(half)] * DRAWS)
    names = tokenizer.get_vocab()
    mask_id, draw = names["[MASK]"], torch.Generator().manual_seed(half)  # special ones come first, the mask last
    inputs, asked = mask_tokens(ids, draw, mask_id=mask_id, vocab_size=len(names), first_id=mask_id + 1)
    return inputs, key_mask, asked & key_mask, ids


@torch.no_grad()
def token_loss(model: AlbertMaskedLM, half: int) -> float:
    """The mean cross-entropy of the tokens asked for."""
    inputs, key_mask, asked, ids = masked(half)
    logits = model.token_logits(model.encoder(inputs, key_mask=key_mask)[asked])
    return float(F.cross_entropy(logits, ids[asked]))


@torch.no_grad()
def shares_mapped(model: AlbertMaskedLM, half: int) -> np.ndarray:
    """The share of atoms that each place maps right, (run, head)."""
    tokenizer, shares = load_rxnmapper()[1], []
    for one in written(half):
        with record_attention(model) as maps:
            model.encoder(torch.tensor([tokenizer.encode(one.text).ids]))
        weights = torch.cat(maps.calls("encoder.block.attn")).double().numpy()  # (run, h, i, j)
        found = largest(both_ways(weights, one), one)
        shares.append([[one.right(atoms).mean() for atoms in heads] for heads in found])
    return np.mean(shares, axis=0)


def asked_without(gone: Sequence[int]) -> Row:
    """What is left of both tasks without these heads."""
    model = remove_heads(load_rxnmapper()[0], [(0, head) for head in gone])
    row: Row = {"gone": list(gone), "loss": [round(token_loss(model, half), 4) for half in (0, 1)]}
    if len(gone) == N_HEADS:
        return row | {"mapped": None, "place": None}
    chosen, judged = shares_mapped(model, 0), shares_mapped(model, 1)
    at = np.unravel_index(chosen.argmax(), chosen.shape)
    left = [head for head in range(N_HEADS) if head not in gone]
    return row | {
        "mapped": [round(float(chosen[at]), 4), round(float(judged[at]), 4)],
        "place": [int(at[0]), left[at[1]]],
    }


def run(n_left: int, seed: int) -> Row:
    """Every set that leaves so many heads."""
    return {"sets": [asked_without(gone) for gone in combinations(range(N_HEADS), N_HEADS - n_left)]}


if __name__ == "__main__":
    main("pruned_reactions")
