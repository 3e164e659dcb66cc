"""Six ways to keep a small model from overfitting, each against none, with as much tuning for each.

Fixed before the table was made:

- The task: digits as rows of pixels, from 60 and from 400 of them (`experiments.small_tasks`). A seed draws the parts,
  the reader's start and the batches.
- The ways: dropout on activations and on what sublayers add; on weights of attention; of whole heads; weight decay;
  label smoothing; stopping early, which keeps the weights of the lowest validation loss. And none.
- The budget: for each seed and way `TRIALS` trainings of as many steps. Learning rate and strength of each are drawn
  by lot, the same lot for all ways, the strength where a way has one. The training with the lowest cross-entropy on the
  validation part is taken, and it alone counts: the test part has no say in any choice.
- What is scored: cross-entropy on the test part, without any smoothing, dropout switched off; and the gap, that minus
  the cross-entropy on what was trained on. Each way minus none, seed by seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from experiments.runner import Row, main
from experiments.small_tasks.data import TASKS, Part, Parts
from experiments.small_tasks.reader import Reader, score, train
from mha.compress.head_dropout import HeadDropout

SIZES = [("digits", 60), ("digits", 400)]
STEPS = {"digits": 160}
TRIALS, SEEDS = 2, range(8)
RATES = (3e-3, 2e-2)
MOST_SCORED = 500  # of what was trained on

Options = dict[str, Any]
# from a strength in [0, 1] to what the reader and its training are given
WAYS: dict[str, Callable[[float], tuple[Options, Options]]] = {
    "none": lambda u: ({}, {}),
    "dropout": lambda u: ({"dropout": 0.05 + 0.45 * u}, {}),
    "attention dropout": lambda u: ({"attn_dropout": 0.05 + 0.45 * u}, {}),
    "head dropout": lambda u: ({"gate": lambda n_heads: HeadDropout(0.05 + 0.45 * u)}, {}),
    "weight decay": lambda u: ({}, {"weight_decay": 0.1 * 100**u}),
    "label smoothing": lambda u: ({}, {"label_smoothing": 0.02 + 0.28 * u}),
    "early stopping": lambda u: ({}, {}),
}
RUNS: list[Row] = [
    {"task": task, "known": known, "way": way, "seed": seed} for task, known in SIZES for way in WAYS for seed in SEEDS
]


def lots(seed: int) -> list[tuple[float, float]]:
    """A learning rate and a strength for each trial, the same for every way."""
    draws = np.random.default_rng(seed).random((TRIALS, 2))
    low, high = RATES
    return [(float(low * (high / low) ** a), float(b)) for a, b in draws]


def scored(model: torch.nn.Module, parts: Parts) -> Row:
    """Loss and share of right answers on each part."""
    known = Part(*(x[:MOST_SCORED] for x in parts.train))
    return {name: score(model, part) for name, part in (("train", known), ("validation", parts[1]), ("test", parts[2]))}


def run(task: str, known: int, way: str, seed: int) -> Row:
    """All trials of one way; `chosen` says which of them counts."""
    parts, trials = TASKS[task].parts(seed, known), []
    for lr, strength in lots(seed):
        of_model, of_training = WAYS[way](strength)
        torch.manual_seed(seed)
        trained = train(Reader(task, **of_model), parts, seed, steps=STEPS[task], lr=lr, **of_training)
        kept = trained.best if way == "early stopping" else trained.last
        steps = trained.best_step if way == "early stopping" else STEPS[task]
        trials.append({"lr": round(lr, 6), "strength": round(strength, 4), "steps": steps, **scored(kept, parts)})
    return {"trials": trials}


def chosen(row: Row) -> Row:
    """The trial with the lowest loss on the validation part."""
    best: Row = min(row["trials"], key=lambda trial: trial["validation"]["loss"])
    return best


if __name__ == "__main__":
    main("regularisers")
