"""The pretrained encoder with heads or layers removed: how well it still finds texts, and against which control.

Heads are removed physically, the first k of an order. Orders: by ablation and by gradient, as `head_importance`
measured them on the pairs to choose on; by gradient with each layer's importances divided by their norm; by lot; and,
for each of the two measures, by lot with as many heads from each layer as its order has after every step ("matched").
"layers": whole layers, one after the other that whose removal leaves the smallest loss on the pairs to choose on;
"layers by lot" is its control. "none" and "all" are the encoder with all its heads and without any.

Fixed before the table was made: the numbers of heads, five seeds for everything drawn by lot, the first 96
pairs to judge on and their scores, stored as the rank of each query's own document. Budget: 4 core-minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from tokenizers import Tokenizer

from experiments.head_importance import N_PAIRS, losses
from experiments.runner import Row, load, main
from mha.compress.importance import head_places, matched_order, per_layer_norm, pruning_order, random_order
from mha.compress.removal import remove_heads, remove_layers
from mha.interpret.gating import Place
from mha.models.bert import Encoder
from mha.models.pretrained import load_minilm
from mha.tasks.retrieval import embed, retrieval_pairs, score

COUNTS = (12, 24, 36, 48)  # of 72 heads
LAYER_COUNTS = (1, 2, 3)  # of 6 layers
SEEDS, N_JUDGED = range(5), 96
ORDERS = ("ablation", "gradient", "gradient by layer")
LOTS = ("lot", "ablation, matched", "gradient, matched")

RUNS: list[Row] = [
    *({"order": order, "seed": 0} for order in ("none", "all", *ORDERS, "layers")),
    *({"order": lot, "seed": seed} for lot in (*LOTS, "layers by lot") for seed in SEEDS),
]


def importance(measure: str) -> dict[Place, float]:
    """Each head's importance on the pairs to choose on; `measure` is one of `ORDERS`."""
    rows = {row["measure"]: row for row in load("head_importance")}
    places = [(layer, head) for layer in range(6) for head in range(12)]
    if measure == "ablation":
        rises = np.subtract(rows["ablation"]["without"], rows["ablation"]["whole"]).mean(1)
        return dict(zip(places, rises.tolist(), strict=True))
    slopes = dict(zip(places, rows["gradient"]["slope"], strict=True))
    return slopes if measure == "gradient" else per_layer_norm(slopes)


def head_order(order: str, seed: int) -> list[Place]:
    """All heads, those that go first before the others."""
    if order in ORDERS:
        return pruning_order(importance(order))
    rng = np.random.default_rng(seed)
    measure = order.removesuffix(", matched")
    chosen = pruning_order(importance(ORDERS[0] if order == "lot" else measure))
    return random_order(sorted(chosen), rng) if order == "lot" else matched_order(chosen, rng)


def ranks(encoder: Encoder, tokenizer: Tokenizer) -> list[int]:
    """The rank of each query's own document among those to judge on."""
    pairs = retrieval_pairs("judge")[:N_JUDGED]
    queries = embed(encoder, tokenizer, [pair.query for pair in pairs])
    documents = embed(encoder, tokenizer, [pair.document for pair in pairs])
    found = score((queries @ documents.T).double().numpy()).reciprocal_ranks
    return np.rint(1 / found).astype(int).tolist()


def chosen_layers(encoder: Encoder, tokenizer: Tokenizer) -> Iterator[list[int]]:
    """After each step the layers that are gone."""
    pairs, gone = retrieval_pairs("choose")[:N_PAIRS], list[int]()
    texts = [pair.query for pair in pairs] + [pair.document for pair in pairs]

    def loss(layers: Sequence[int]) -> float:
        queries, documents = embed(remove_layers(encoder, layers), tokenizer, texts).chunk(2)
        return float(losses(queries, documents, torch.arange(N_PAIRS)).mean())

    for _ in LAYER_COUNTS:
        left = [layer for layer in range(len(encoder.blocks)) if layer not in gone]
        gone.append(min(left, key=lambda layer: loss([*gone, layer])))
        yield list(gone)


def run(order: str, seed: int) -> Row:
    """The ranks of all queries after each number of removals, and what was removed, in order."""
    encoder, tokenizer = load_minilm()
    if order.startswith("layers"):
        lot = np.random.default_rng(seed).permutation(6).tolist()
        steps = chosen_layers(encoder, tokenizer) if order == "layers" else (lot[:n] for n in LAYER_COUNTS)
        gone = list(steps)
        return {"removed": gone[-1], "ranks": [ranks(remove_layers(encoder, some), tokenizer) for some in gone]}
    if order in ("none", "all"):
        places = head_places(encoder) if order == "all" else []
        return {"removed": places, "ranks": [ranks(remove_heads(encoder, places), tokenizer)]}
    places = head_order(order, seed)
    return {"removed": places, "ranks": [ranks(remove_heads(encoder, places[:n]), tokenizer) for n in COUNTS]}


if __name__ == "__main__":
    main("pruned_encoder")
