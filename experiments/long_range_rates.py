"""The learning rate of each row of `experiments/long_range.py`, tried with one seed that the table does not use."""

from __future__ import annotations

from experiments.long_range import MODELS, TASKS, trained
from experiments.runner import Row, main

RATES = [3e-3, 1e-2, 3e-2]
RUNS: list[Row] = [
    {"model": model, "n_items": n_items, "distance": distance, "seed": 100, "lr": lr}
    for model in MODELS
    for n_items in TASKS
    for distance in (32, 128, 256)
    for lr in RATES
    if (model, n_items) != ("GRU", 8)
]


def run(model: str, n_items: int, distance: int, seed: int, lr: float) -> Row:
    """One model, trained at one rate."""
    return trained(model, n_items, distance, seed, lr)


if __name__ == "__main__":
    main("long_range_rates")
