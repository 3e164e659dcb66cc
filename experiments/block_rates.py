"""The learning rate of each row of `experiments/block_ablation.py`, tried with one seed that the table does not use."""

from __future__ import annotations

from experiments.block_ablation import SETTINGS, trained
from experiments.runner import Row, main

RATES = [1e-3, 3e-3, 1e-2]
RUNS: list[Row] = [{**setting, "seed": 100, "lr": lr} for setting in SETTINGS for lr in RATES]


def run(variant: str, warmup: int, depth: int, seed: int, lr: float) -> Row:
    """One model, trained at one rate."""
    return trained(variant, warmup, depth, seed, lr)


if __name__ == "__main__":
    main("block_rates")
