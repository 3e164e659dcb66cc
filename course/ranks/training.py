"""A training run with its weights cut over ranks, which saves as it goes, and in which a rank can be made to die.

torchrun --standalone --nproc-per-node 2 -m course.ranks.training FOLDER STEPS [DIES_AT]
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh

from mha.models.gpt import GPT, GPTConfig
from mha.parallel.data_split import NextTokenLoss, sharded
from mha.parallel.group import Rank, joined
from mha.parallel.saved import load_newest, save

__all__ = ["BATCH", "CONFIG", "EVERY", "LR", "TIMEOUT_S", "batch", "new_folder", "new_model", "train"]

CONFIG = GPTConfig(vocab_size=32, d_model=32, n_layers=2, n_heads=4, d_ff=64, max_len=32)
BATCH, LENGTH = 8, 24
LR, EVERY = 0.01, 2
TIMEOUT_S = 120.0


def new_folder() -> Path:
    """An empty one, for checkpoints and whatever else ranks write."""
    return Path(tempfile.mkdtemp(prefix="ranks_"))


def new_model() -> NextTokenLoss:
    """The same weights in every process."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NextTokenLoss(GPT(CONFIG))


def batch(step: int) -> Tensor:
    """(b, i) tokens: runs that count upwards from a random start. The same for a step in every process, and ever."""
    generator = torch.Generator().manual_seed(step)
    start = torch.randint(CONFIG.vocab_size, (BATCH, 1), generator=generator)
    return (start + torch.arange(LENGTH)) % CONFIG.vocab_size


def train(rank: Rank, folder: str, steps: int, dies_at: int | None = None) -> dict[int, float]:
    """Go on from what lies in the folder, up to so many steps; the loss of each step taken, over the whole batch."""
    module = sharded(new_model().to(rank.device), init_device_mesh(rank.device.type, (rank.size,)))
    optimizer = torch.optim.AdamW(module.parameters(), lr=LR)
    losses = {}
    for step in range(load_newest(folder, module, optimizer), steps):
        if step == dies_at and rank.index == rank.size - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        loss = module(batch(step)[rank.rows(BATCH)].to(rank.device))  # this rank's rows alone
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses[step] = _mean(loss)
        if (step + 1) % EVERY == 0:
            save(folder, module, optimizer, step + 1)
    return losses


def _mean(loss: Tensor) -> float:
    total = loss.detach().clone()
    dist.all_reduce(total)
    return float(total / dist.get_world_size())


def main(folder: str, steps: str, dies_at: str | None = None) -> None:
    """Run by each rank; rank 0 writes the losses into the folder."""
    with joined(TIMEOUT_S) as rank:
        losses = train(rank, folder, int(steps), None if dies_at is None else int(dies_at))
        if rank.index == 0:
            (Path(folder) / "losses.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    main(*sys.argv[1:])
