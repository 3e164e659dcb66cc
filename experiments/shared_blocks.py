"""A small GPT whose blocks share their weights beside four that do not: real English, the same steps, five seeds.

Fixed before the table was made:

- Text: `mha.tasks.prose`, the WordPiece vocabulary of 1024 tokens and the pieces of 32 tokens of
  `experiments.gap_filling`; asked is the next token, measured the nats that it costs in 384 held-out pieces.
- "apart": four blocks of 48 channels. "shared": one block of 48 channels, four times. "wide": one block, four times,
  of so many channels that the whole model has as many numbers as "apart". "narrow": four blocks apart, of so many
  channels that it has about as many numbers as "shared". "one block": one block of 48 channels, once.
- The same batches and number of steps for all. Each kind is trained at the same two learning rates, and counts at the
  one that is better for it, on the mean of its seeds, in 384 other held-out pieces ("choose"). On a seed outside the
  table half of the smaller rate was worse for all kinds, and the larger one for "apart", "shared" and "wide".

Budget: 8 core-minutes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.gap_filling import VOCAB_SIZE, pieces
from experiments.runner import Row, main
from mha.compress.sharing import share_blocks, weights_of
from mha.models.gpt import GPT, GPTConfig
from mha.train import fit

LENGTH, BATCH, STEPS, WARMUP, WEIGHT_DECAY, N_HELD_OUT = 32, 32, 200, 20, 0.01, 384
N_LAYERS = 4
WIDTHS = {"apart": 48, "shared": 48, "wide": 80, "narrow": 32, "one block": 48}
RATES = (4e-3, 8e-3)

RUNS: list[Row] = [{"kind": kind, "lr": lr, "seed": seed} for kind in WIDTHS for lr in RATES for seed in range(5)]


def new_model(kind: str) -> GPT:
    """An untrained model of this kind."""
    width = WIDTHS[kind]
    n_layers = 1 if kind == "one block" else N_LAYERS
    model = GPT(GPTConfig(VOCAB_SIZE, width, n_layers, 4, 4 * width, LENGTH))
    if kind not in ("shared", "wide"):
        return model
    shared = share_blocks(model)
    assert isinstance(shared, GPT)
    return shared


@torch.no_grad()
def held_out(model: GPT) -> dict[str, float]:
    """Mean nats of a token, in the pieces that judge and in those that choose a learning rate."""
    parts = pieces()[1][: 2 * N_HELD_OUT].split(N_HELD_OUT)
    judge, choose = (F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten()).item() for x in parts)
    return {"nats": round(judge, 4), "choose": round(choose, 4)}


def run(kind: str, lr: float, seed: int) -> Row:
    """Train one model; what it costs to store, what it computes, what it has learnt."""
    torch.manual_seed(seed)
    model, draw = new_model(kind), torch.Generator().manual_seed(1000 + seed)
    training = pieces()[0]

    def loss(step: int) -> Tensor:
        return model.next_token_loss(training[torch.randint(len(training), (BATCH,), generator=draw)])

    fit(model, loss, steps=STEPS, lr=lr, warmup=WARMUP, weight_decay=WEIGHT_DECAY)
    stored, used = weights_of(model, lambda: model(training[:1]))
    return {**held_out(model), "stored": stored, "used": used}


if __name__ == "__main__":
    main("shared_blocks")
