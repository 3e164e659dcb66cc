"""Which heads a small model needs, known by trying every set of them, beside what importance says of each head.

The task and model of `head_counts`: one layer of eight heads looks up two things at once. There, models of one head
never did it and models of two always did; so two heads are the fewest that could be left. Here a trained model of eight
is asked without every one of the 256 sets of heads. Importances are measured on other questions than those it is
judged on. "loss without" is the mean cross-entropy when a head's output is zero; "slope" the mean size of its slope at
the head's gate over 64 sequences, one an example.

Fixed before the table was made: eight seeds, and `head_counts`' own steps, rate and 95 % of answered queries. Budget: 3
core-minutes.
"""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.head_counts import Lookup, fresh_questions, questions, right_answers, train
from experiments.runner import Row, main
from mha.compress.importance import gradient_importance, head_places
from mha.interpret.gating import gate_heads

N_LOOKUPS, N_HEADS, D_MODEL, N_CHOSEN_ON = 2, 8, 32, 64
SETS = [tuple(kept) for kept in product((0, 1), repeat=N_HEADS)]  # of each head whether it stays

RUNS: list[Row] = [{"seed": seed} for seed in range(8)]


def loss(model: Lookup, batch: tuple[Tensor, ...]) -> Tensor:
    """The mean cross-entropy of a batch."""
    *inputs, answers = batch
    return F.cross_entropy(model(*inputs).flatten(0, -2), answers.flatten())


def answered(model: Lookup, batch: tuple[Tensor, ...]) -> float:
    """Share of queries of which all is right."""
    return round(float(right_answers(model, batch).all(dim=-1).float().mean()), 4)


def run(seed: int) -> Row:
    """Train a model; what it answers with every set of heads, in the order of `SETS`, and what importance says."""
    model = train(N_LOOKUPS, N_HEADS, D_MODEL, "linear", seed)[1]
    judged = fresh_questions(N_LOOKUPS, seed)
    chosen_on = questions(N_CHOSEN_ON, N_LOOKUPS, torch.Generator().manual_seed(6000 + seed))
    places = head_places(model)
    by_set = []
    for kept in SETS:
        with gate_heads(model, dict(zip(places, map(float, kept), strict=True))):
            by_set.append(answered(model, judged))
    without = []
    for place in places:
        with gate_heads(model, {place: 0.0}), torch.no_grad():
            without.append(float(loss(model, chosen_on)))
    slopes = gradient_importance(model, lambda n: loss(model, tuple(x[n : n + 1] for x in chosen_on)), N_CHOSEN_ON)
    return {"answered": by_set, "loss without": without, "slope": [slopes[place] for place in places]}


if __name__ == "__main__":
    main("pruned_lookup")
