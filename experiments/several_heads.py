"""One head against several, with as many parameters, on three tasks of real data: which reads better what is new?

Fixed before the table was made, after pilots (`experiments/several_heads_rates.py`) with a seed that is not in it:

- The tasks: digits as rows of pixels, packages by paragraphs of their documentation, dates into French, German and
  Polish (`experiments.small_tasks`, which says how the parts are kept apart).
- The readers: width 32, one pre-norm block. Heads share the width, so that 1, 2, 4 and 8 of them have the same number
  of parameters. Start, batches and parts are the seed's, the same for every number of heads.
- The budget: the same steps. For every task and number of heads, the rate of five with the lowest validation loss of
  the pilots. Weights are taken where the validation loss was lowest on the way, for all alike.
- The question: cross-entropy on the test part, one head minus four, seed by seed and task by task. Four is what is
  asked, since to take the best of 2, 4 and 8 by their test loss would favour several; the others are shown.
- The controls: one head from another start, against which one head may not differ; and digits with weights that are all
  equal, where several heads compute what one does.

In a first table of three rates the largest was often the best; two larger ones were added then. What becomes of one
head and of four in more steps is in `experiments/longer_heads.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from experiments.runner import Row, load, main
from experiments.small_tasks.data import TASKS, Part
from experiments.small_tasks.reader import Reader, Trained, score, train
from mha.patterns import Pattern

KNOWN = {"digits": 200, "packages": 600, "dates": 1000}
STEPS = {"digits": 160, "packages": 120, "dates": 240}
HEADS, SEEDS = [1, 2, 4, 8], range(8)

RUNS: list[Row] = [
    *({"task": t, "n_heads": h, "control": "none", "seed": s} for t in KNOWN for h in HEADS for s in SEEDS),
    *({"task": t, "n_heads": 1, "control": "another start", "seed": s} for t in KNOWN for s in SEEDS),
    *({"task": "digits", "n_heads": h, "control": "equal weights", "seed": s} for h in (1, 4) for s in SEEDS),
]


class EqualWeights(Pattern):
    """Every query attends to every key alike: with queries of zeros all scores are 0."""

    def forward(self, attend: Callable[..., Tensor], q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        return attend(0 * q, k, v, **options)


def trained(task: str, n_heads: int, control: str, seed: int, lr: float) -> Trained:
    """One reader after its training."""
    torch.manual_seed(seed + (10_000 if control == "another start" else 0))
    reader = Reader(task, n_heads=n_heads, patterns=[EqualWeights()] if control == "equal weights" else ())
    return train(reader, TASKS[task].parts(seed, KNOWN[task]), seed, steps=STEPS[task], lr=lr)


def rate(task: str, n_heads: int) -> float:
    """The learning rate at which the pilot's validation loss is lowest."""
    losses: dict[float, list[float]] = {}
    for row in load("several_heads_rates"):
        if (row["task"], row["n_heads"]) == (task, n_heads):
            losses.setdefault(row["lr"], []).append(row["validation_loss"])
    return min(losses, key=lambda lr: sum(losses[lr]))


def run(task: str, n_heads: int, control: str, seed: int) -> Row:
    """One reader at the rate of the pilots: scores where the validation loss was lowest, and that step."""
    lr = rate(task, max(HEADS) if control == "equal weights" else n_heads)  # there one rate, since all compute the same
    found = trained(task, n_heads, control, seed, lr)
    parts = TASKS[task].parts(seed, KNOWN[task])
    return {
        "lr": lr,
        "best_step": found.best_step,
        "train": score(found.best, Part(*(x[:500] for x in parts.train))),
        "validation": score(found.best, parts.validation),
        "test": score(found.best, parts.test),
        "parameters": sum(p.numel() for p in found.best.parameters()),
    }


if __name__ == "__main__":
    main("several_heads")
