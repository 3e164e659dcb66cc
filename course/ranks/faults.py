"""What goes wrong among ranks, each fault once; the file gets the time at which rank 1 met it.

torchrun --standalone --nproc-per-node 2 -m course.ranks.faults FAULT TIMEOUT_S FILE
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

from mha.parallel.group import Rank, joined

__all__ = ["FAULTS", "main"]


def _killed(rank: Rank) -> None:
    if rank.index == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def _stopped(rank: Rank) -> None:
    if rank.index == 1:
        os.kill(os.getpid(), signal.SIGSTOP)


def _raises(rank: Rank) -> None:
    if rank.index == 1:
        raise ValueError("a row of the batch is empty")


def _skips(rank: Rank) -> None:
    """A collective that one rank does not take part in, since it has no loss to report."""
    if rank.index == 1:
        time.sleep(3600)


FAULTS = {"killed": _killed, "stopped": _stopped, "raises": _raises, "skips": _skips}


def main(fault: str, timeout_s: str, path: str) -> None:
    """Run by each rank: sum something, note the time, meet the fault, and sum again."""
    with joined(float(timeout_s)) as rank:
        one = torch.ones((), device=rank.device)
        dist.all_reduce(one)
        if rank.index == 1:
            Path(path).write_text(str(time.time()))
        FAULTS[fault](rank)
        dist.all_reduce(one)


if __name__ == "__main__":
    main(*sys.argv[1:])
