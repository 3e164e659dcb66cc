"""How losses on known and on other digits go as a small reader is trained, by how many it knows and by weight decay.

A reader of one block (`experiments.small_tasks`) learns 50 to 800 of scikit-learn's digits as rows of pixels, for as
many steps whatever their number, without weight decay and with two strengths of it. Its losses on what it is trained
on and on 200 other digits are taken on the way. The seed draws the digits, the start and the batches.
"""

from __future__ import annotations

import torch

from experiments.runner import Row, main
from experiments.small_tasks.data import digit_parts
from experiments.small_tasks.reader import Reader, score, train

KNOWN = [50, 100, 200, 400, 800]
DECAYS = [0.0, 1.0, 3.0]
STEPS, LR = 200, 1e-2
WIDE, TINY = 32, 4  # channels; the tiny reader, one head of 4 channels, is trained without decay

RUNS: list[Row] = [
    *({"d_model": WIDE, "known": n, "decay": decay, "seed": s} for n in KNOWN for decay in DECAYS for s in range(5)),
    *({"d_model": TINY, "known": n, "decay": 0.0, "seed": s} for n in (50, 800) for s in range(5)),
]


def reader(d_model: int, seed: int) -> Reader:
    """A reader as the seed draws it."""
    torch.manual_seed(seed)
    n_heads = 1 if d_model == TINY else 4
    return Reader("digits", d_model=d_model, n_heads=n_heads)


def run(d_model: int, known: int, decay: float, seed: int) -> Row:
    """One training: its curves, and how many of the known and of the 1000 digits to judge by are read in the end."""
    parts = digit_parts(seed, known)
    trained = train(reader(d_model, seed), parts, seed, steps=STEPS, lr=LR, weight_decay=decay)
    ends = {name: score(trained.last, getattr(parts, name)) for name in ("train", "test")}
    return {
        "steps": [step for step, *_ in trained.curve],
        "train_loss": [round(loss, 4) for _, loss, _ in trained.curve],
        "validation_loss": [round(loss, 4) for *_, loss in trained.curve],
        "train_right": ends["train"]["right"],
        "test_right": ends["test"]["right"],
        "parameters": sum(p.numel() for p in trained.last.parameters()),
    }


if __name__ == "__main__":
    main("overfitting")
