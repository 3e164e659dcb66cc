"""What more heads cost in time at the same width: forward and backward of one layer, on this machine's processor.

One layer of width 256 on 256 tokens, 1 to 64 heads, by three paths: fused (PyTorch's own kernel), explicit (the
weights of all heads in one array) and in turn (the explicit path, one head after another). All contenders of a run are
timed in one process, in turns, in an order shuffled every round; a run gives the median over its rounds. Fixed before
the first run: more heads "cost no more" if 16 of them, the most that leave a head 16 channels, take less than 1.1
times the time of one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from experiments.runner import Row, main
from mha.attention import attention, fused_attention
from mha.heads import MultiHeadAttention
from mha.measure.timing import time_calls

D_MODEL, LENGTH, ROUNDS = 256, 256, 9
HEADS = [1, 2, 4, 8, 16, 32, 64]

RUNS: list[Row] = [{"seed": seed} for seed in range(6)]


def explicit(q: Tensor, k: Tensor, v: Tensor, **options: object) -> Tensor:
    """All heads in one array, with their weights (b, h, i, j)."""
    return attention(q, k, v, **options)[0]  # type: ignore[arg-type]


def in_turn(q: Tensor, k: Tensor, v: Tensor, **options: object) -> Tensor:
    """One head after another."""
    heads = [explicit(*(x[:, n : n + 1] for x in (q, k, v)), **options) for n in range(q.shape[1])]
    return torch.cat(heads, dim=1)


PATHS: dict[str, Callable[..., Tensor]] = {"fused": fused_attention, "explicit": explicit, "in turn": in_turn}


def layer(n_heads: int, path: str) -> MultiHeadAttention:
    """A layer that attends by one of the paths."""
    made = MultiHeadAttention(D_MODEL, n_heads)
    made.attend = PATHS[path]
    return made


def forward_and_backward(made: MultiHeadAttention, x: Tensor) -> None:
    """One training step's worth of work, but for the optimiser."""
    made.zero_grad(set_to_none=True)
    made(x).sum().backward()


def run(seed: int) -> Row:
    """Median milliseconds, by path, for each head count."""
    torch.manual_seed(seed)
    x = torch.randn(1, LENGTH, D_MODEL)
    contenders = {
        f"{path} {n_heads}": partial(forward_and_backward, layer(n_heads, path), x)
        for path in PATHS
        for n_heads in HEADS
    }
    times = time_calls(contenders, rounds=ROUNDS)
    return {
        path: [round(1000 * statistics.median(times[f"{path} {n_heads}"]), 4) for n_heads in HEADS] for path in PATHS
    }


if __name__ == "__main__":
    main("head_timing")
