"""Where the heads look that are asked for two things at once: the models of `experiments/head_counts.py`, read again.

Each is trained as there and asked the same fresh questions. Of a query's two tokens a head gives one the greater weight
and one the lesser; both are averaged over the queries. They are told apart query by query, since a head that looks at
the first token in half of the queries and at the second in the others would have two large means as well.

A head looks at a token if it gives it more than 1/8, its part if the eight tokens got equal shares. That was fixed
after the weights of seed 0 had been seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from experiments import head_counts
from experiments.runner import Row, main
from mha.recording import record_attention

MODELS = [(1, "linear"), (1, "feed-forward"), (2, "linear")]  # heads, what reads them
EVEN = 1 / head_counts.N_TOKENS
RUNS: list[Row] = [
    {"n_heads": n_heads, "readout": readout, "seed": seed} for n_heads, readout in MODELS for seed in head_counts.SEEDS
]


def on_asked(weights: Tensor, asked: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    """Mean lesser and mean greater weight of each head, (h,), on the two tokens that a query asks for.

    Args:
        weights: (b, h, i, j).  asked: (b, i, 2), names.  names: (b, j), of the tokens.
    """
    places = (names[:, None, None] == asked[..., None]).to(weights)  # (b, i, n, j)
    lesser, greater = torch.einsum("bhij,binj->nbhi", weights, places).sort(dim=0).values
    return lesser.mean(dim=(0, 2)), greater.mean(dim=(0, 2))


def run(n_heads: int, readout: str, seed: int) -> Row:
    """Train one model; the weights of each of its heads, and the share of queries that it answers."""
    _, model = head_counts.train(2, n_heads, head_counts.D_MODEL, readout, seed)
    tested = asked, names, payloads, _ = head_counts.fresh_questions(2, seed)
    with torch.no_grad(), record_attention(model) as maps:
        model(asked, names, payloads)
    lesser, greater = on_asked(maps["attn"], asked, names)
    right = head_counts.right_answers(model, tested).all(dim=-1).float().mean()
    return {
        "lesser": [round(x, 4) for x in lesser.tolist()],
        "greater": [round(x, 4) for x in greater.tolist()],
        "answered": round(right.item(), 4),
    }


if __name__ == "__main__":
    main("where_heads_look")
