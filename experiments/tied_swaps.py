"""Queries, keys and values exchanged where a shared map is no hindrance: the control of `tied_projections`.

A head with Q = K cannot follow pointers, so what it does with the queries of another set says nothing of its maps. The
vote it solves. Here two "vote" sets hold the same three names, on other tokens; each token of the first gets the
queries (or keys, or values) of the second, and one answer is right: the majority among the tokens whose keys bear the
name that is asked for, in the set that the values come from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.runner import Row, main
from experiments.tied_projections import FIELDS, N_TESTED, OneHead, trained, vote_batch

HEAD_DIM = 16
PARTS = ("queries", "keys", "values")

RUNS: list[Row] = [{"tied": tied, "seed": seed} for tied in ("none", "K = V", "Q = V", "Q = K") for seed in range(6)]

Set = tuple[Tensor, Tensor]


def two_sets(batch: int, generator: torch.Generator) -> tuple[Set, Set]:
    """Two sets of tokens (b, i, 26) with their answers (b, i); no token of the second has its name in the first."""
    (first, answers), (second, others) = (vote_batch(batch, generator) for _ in range(2))
    second = second.clone()
    second[..., FIELDS["name"]] = first[..., FIELDS["name"]].roll(3, dims=1)  # three tokens bear each name
    return (first, answers), (second, others)


@torch.no_grad()
def swaps(model: OneHead, first: Set, second: Set) -> Row:
    """For each part taken from the second set: how often the answer is the predicted one, and how often the old one."""
    own, other, rates = model.qkv(first[0]), model.qkv(second[0]), {}
    for n, part in enumerate(PARTS):
        asking, asked, handing = (second if m == n else first for m in range(3))
        names = asking[0][..., FIELDS["name"]] @ asked[0][..., FIELDS["name"]].mT  # (b, i, j): 1 where they are equal
        predicted = handing[1].gather(1, names.argmax(-1))
        answer = model.answer(*(other[m] if m == n else own[m] for m in range(3))).argmax(-1)
        rates[part] = {"moved": share(answer == predicted), "stayed": share(answer == first[1])}
    return rates


def share(right: Tensor) -> float:
    return round(float(right.float().mean()), 6)


def run(tied: str, seed: int) -> Row:
    """One head trained on the vote; its accuracy on fresh sets, and what the swaps do."""
    model = trained("vote", tied, HEAD_DIM, seed)
    first, second = two_sets(N_TESTED, torch.Generator().manual_seed(3000 + seed))
    with torch.no_grad():
        accuracy = share(model(first[0]).argmax(-1) == first[1])
    return {"accuracy": accuracy, "swaps": swaps(model, first, second)}


if __name__ == "__main__":
    main("tied_swaps")
