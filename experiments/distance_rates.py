"""The learning rate of each row of `experiments/tuned_distance.py`, tried with one seed that the table does not use."""

from __future__ import annotations

from experiments.runner import Row, main
from experiments.tuned_distance import SHORT, trained

RATES = [6e-3, 1.2e-2, 2.4e-2, 4.8e-2]
RUNS: list[Row] = [{"encoding": encoding, "seed": 100, "lr": lr} for encoding in SHORT for lr in RATES]


def run(encoding: str, seed: int, lr: float) -> Row:
    """One model, trained at one rate."""
    return trained(encoding, seed, lr)


if __name__ == "__main__":
    main("distance_rates")
