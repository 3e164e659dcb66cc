"""The distance task of `experiments/length_generalization.py` once more, for the encodings that fell short there.

Steps and learning rate were set there so that learned positions master the task, in one trial run. Sinusoidal and
rotary positions and T5's bias do so in every run as well. Learned ones do not, nor do ALiBi and no positions at all:
were they only slow? Here each gets two and a half times the steps, and the rate of four with which its loss at the
trained length was least in `experiments/distance_rates.py`, on a seed outside this table. Longer sequences had no part
in the choice. Task, model and what is scored are the same, and so is the share of the steps in which the rate rises.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.length_generalization import BATCH, STEPS, TIMES, TRAINED, Reader, accuracy, distance_batch
from experiments.runner import Row, load, main
from mha.train import fit

SHORT = ["none", "learned", "ALiBi"]
PATIENCE, WARMUP = 2.5, 0.075  # WARMUP of the steps: 30 of the 400 that the first table has

RUNS: list[Row] = [{"encoding": encoding, "seed": seed} for encoding in SHORT for seed in range(5)]


def trained(encoding: str, seed: int, lr: float, patience: float = PATIENCE) -> Row:
    """Train one model; its loss on fresh sequences of the trained length, its accuracy at each multiple of that."""
    torch.manual_seed(seed)
    model, generator = Reader(encoding), torch.Generator().manual_seed(1000 + seed)

    def loss(step: int) -> Tensor:
        tokens, targets = distance_batch(BATCH, TRAINED, generator)
        return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())

    steps = round(patience * STEPS)
    fit(model, loss, steps=steps, lr=lr, warmup=round(WARMUP * steps))
    shares = [accuracy(model, "distance", TRAINED * times, generator) for times in TIMES]
    with torch.no_grad():
        fresh = torch.stack([loss(0) for _ in range(8)]).mean().item()
    return {"lr": lr, "loss": round(fresh, 7), "accuracy": [round(share, 4) for share in shares]}


def rate(encoding: str) -> float:
    """The learning rate with which the pilot's loss is least."""
    pilots = [row for row in load("distance_rates") if row["encoding"] == encoding]
    return float(min(pilots, key=lambda row: row["loss"])["lr"])


def run(encoding: str, seed: int) -> Row:
    """`trained` at the rate of the pilots."""
    return trained(encoding, seed, rate(encoding))


if __name__ == "__main__":
    main("tuned_distance")
