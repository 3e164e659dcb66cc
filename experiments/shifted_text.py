"""Does the change of `shifted_keys` help on real text? Small GPTs on English prose, with and without it, five seeds.

Fixed before the table was made: the model, text, batches and learning rate of `continuation`, tuned there without the
change, over 250 steps with the schedule fitted to them; "shift 1" mixes the keys of the
last layer with those one place before, "shift 2", the control, with those two places before. Measured are bits per
character of the held-out text. The change helps if it takes fewer than the same seed without it and than the control.
"""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.continuation import CONFIG, LR, WARMUP, WEIGHT_DECAY, batch, bits_per_character, next_token_loss
from experiments.runner import Row, main
from experiments.shifted_keys import shift_keys
from mha.models.gpt import GPT
from mha.train import fit

STEPS = 250
LAGS = {"plain": 0, "shift 1": 1, "shift 2": 2}

RUNS: list[Row] = [{"kind": kind, "seed": seed} for kind in LAGS for seed in range(5)]


def run(kind: str, seed: int) -> Row:
    """Train one model; bits per character of the held-out text."""
    torch.manual_seed(seed)
    model, generator = shift_keys(GPT(CONFIG), LAGS[kind]), torch.Generator().manual_seed(1000 + seed)

    def loss(step: int) -> Tensor:
        return next_token_loss(model, batch(generator))

    fit(model, loss, steps=STEPS, lr=LR, warmup=WARMUP, weight_decay=WEIGHT_DECAY)
    return {"bits_per_character": round(bits_per_character(model.eval()), 4)}


if __name__ == "__main__":
    main("shifted_text")
