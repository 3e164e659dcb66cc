"""The learning rate of each row of `experiments/several_heads.py`, tried with one seed that the table does not use."""

from __future__ import annotations

from experiments.runner import Row, main
from experiments.several_heads import HEADS, KNOWN, trained

RATES = [3e-3, 8e-3, 2e-2, 5e-2, 1.2e-1]
RUNS: list[Row] = [
    {"task": task, "n_heads": n_heads, "lr": lr, "seed": seed}
    for task in KNOWN
    for n_heads in HEADS
    for lr in RATES
    for seed in (100,)
]


def run(task: str, n_heads: int, lr: float, seed: int) -> Row:
    """One reader, trained at one rate; its lowest validation loss."""
    found = trained(task, n_heads, "none", seed, lr)
    return {"validation_loss": min(loss for *_, loss in found.curve), "best_step": found.best_step}


if __name__ == "__main__":
    main("several_heads_rates")
