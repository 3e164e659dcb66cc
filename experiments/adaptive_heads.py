"""Gates that choose heads while a small model trains, against none, and against as many heads chosen by lot.

Fixed before the table was made; tasks, reader, steps, lots and scores are those of `experiments/regularisers.py`, and
so are the rows without gates that these are compared with, seed by seed.

- "gates": every head has a hard-concrete gate (`mha.compress.gates`). The loss has the price of every gate that is
  open, in expectation, on top; the lot draws the price. The gates have a learning rate of their own. The range of
  prices was set after three trial runs on 60 digits with seed 0: below 0.1 nats they shut no gate.
- "by lot": as many heads as those gates shut in the end are shut from the start, which ones is drawn by lot. Whatever
  fewer heads do by themselves, these have it too.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from experiments.regularisers import SEEDS, SIZES, STEPS, lots, scored
from experiments.runner import Row, main
from experiments.small_tasks.data import TASKS, Parts
from experiments.small_tasks.reader import Reader, train
from mha.compress.gates import HardConcreteGate, expected_open, gates_of

GATE_RATE = 0.1  # whatever the rate of the weights
PRICES = (0.03, 1.0)  # of an open gate, in nats

RUNS: list[Row] = [{"task": task, "known": known, "seed": seed} for task, known in SIZES for seed in SEEDS]


class Times(nn.Module):
    """A parameter that is stored divided by a factor, so that a step of the optimizer counts so many times.

    Its slope is passed on as if there were no factor: AdamW does not mind, and clipping sees it at its own size.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, stored: Tensor) -> Tensor:
        return stored + (self.factor - 1) * stored.detach()

    def right_inverse(self, value: Tensor) -> Tensor:
        return value / self.factor


class Shut(nn.Module):
    """Heads that give nothing, from the start."""

    def __init__(self, heads: list[int]) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, outputs: Tensor) -> Tensor:
        factors = torch.ones(outputs.shape[1], dtype=outputs.dtype)
        factors[self.heads] = 0.0
        return outputs * factors[:, None, None]


def gated(task: str, lr: float, seed: int) -> Reader:
    """A reader whose gates move by `GATE_RATE` where its weights move by lr."""
    torch.manual_seed(seed)
    reader = Reader(task, gate=HardConcreteGate)
    for gate in gates_of(reader):
        parametrize.register_parametrization(gate, "log_alpha", Times(GATE_RATE / lr))
    return reader


def with_gates(task: str, parts: Parts, seed: int, lr: float, price: float) -> Row:
    """One training with gates: its scores, and which heads are shut in the end, by block."""
    reader = gated(task, lr, seed)
    train(reader, parts, seed, steps=STEPS[task], lr=lr, extra=lambda step: price * expected_open(reader))
    with torch.no_grad():
        shut = [torch.nonzero(gate.value() == 0).flatten().tolist() for gate in gates_of(reader)]
    return {"lr": round(lr, 6), "price": round(price, 5), "shut": shut, **scored(reader, parts)}


def by_lot(task: str, parts: Parts, seed: int, lr: float, n_shut: int) -> Row:
    """One training with so many heads shut from the start."""
    torch.manual_seed(seed)
    reader = Reader(task)
    places = [(n, head) for n, block in enumerate(reader.blocks) for head in range(block.attn.n_heads)]
    drawn = random.Random(seed).sample(places, n_shut)
    for n, block in enumerate(reader.blocks):
        block.attn.gate = Shut([head for at, head in drawn if at == n])
    train(reader, parts, seed, steps=STEPS[task], lr=lr)
    return {"lr": round(lr, 6), "n_shut": n_shut, **scored(reader, parts)}


def run(task: str, known: int, seed: int) -> Row:
    """All trials with gates, and their twins whose heads are chosen by lot."""
    parts, gates, lot = TASKS[task].parts(seed, known), [], []
    low, high = PRICES
    for lr, strength in lots(seed):
        gates.append(with_gates(task, parts, seed, lr, low * (high / low) ** strength))
        lot.append(by_lot(task, parts, seed, lr, sum(map(len, gates[-1]["shut"]))))
    return {"gates": gates, "by lot": lot}


if __name__ == "__main__":
    main("adaptive_heads")
