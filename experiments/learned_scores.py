"""Raw dot products against learned maps on handwritten digits: every new image attends to known ones, who vote.

The values are the labels. The scores are dot products of the pixels at the best of eight scales ("none"), of one
learned linear map of both sides ("one"), or of a map for the queries and another for the keys ("two").
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.attention import attention
from mha.train import fit

SCALES = [0.003, 0.02, 0.1, 0.5, 2.0, 8.0, 32.0, 128.0]
N_KNOWN, N_QUERIES, HEAD_DIM, STEPS, LR = 1000, 128, 16, 200, 1e-2

RUNS: list[Row] = [{"maps": maps, "seed": seed} for maps in ("none", "one", "two") for seed in range(6)]


def digits(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Known images (j, 64) and labels (j,), new images and labels; the split depends on the seed."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(pixels))
    images, names = torch.tensor(pixels[order] / 16, dtype=torch.float32), torch.tensor(labels[order])
    return images[:N_KNOWN], names[:N_KNOWN], images[N_KNOWN:], names[N_KNOWN:]


def learned_maps(maps: str, seed: int) -> nn.ModuleDict:
    """The maps after training: some known images ask, the other known ones answer."""
    torch.manual_seed(seed)
    model = nn.ModuleDict({name: nn.Linear(64, HEAD_DIM, bias=False) for name in ("query", "key")})
    if maps == "one":
        model["key"] = model["query"]
    images, labels, _, _ = digits(seed)
    values, generator = F.one_hot(labels, 10).float(), torch.Generator().manual_seed(seed)

    def loss(step: int) -> Tensor:
        order = torch.randperm(N_KNOWN, generator=generator)
        ask, answer = order[:N_QUERIES], order[N_QUERIES:]
        votes, _ = attention(model["query"](images[ask]), model["key"](images[answer]), values[answer])
        return F.nll_loss((votes + 1e-6).log(), labels[ask])

    fit(model, loss, steps=STEPS, lr=LR, warmup=20)
    return model


@torch.no_grad()
def accuracy(seed: int, model: nn.ModuleDict | None, scale: float | None = None) -> float:
    """Share of the new images read correctly."""
    known, labels, new, wanted = digits(seed)
    q, k = (new, known) if model is None else (model["query"](new), model["key"](known))
    votes, _ = attention(q, k, F.one_hot(labels, 10).float(), scale=scale)
    return round(float((votes.argmax(-1) == wanted).float().mean()), 6)


def run(maps: str, seed: int) -> Row:
    """Train the maps, if there are any; read the new images."""
    if maps == "none":
        return {"accuracy": max(accuracy(seed, None, scale) for scale in SCALES)}
    return {"accuracy": accuracy(seed, learned_maps(maps, seed))}


if __name__ == "__main__":
    main("learned_scores")
