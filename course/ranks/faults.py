"""What goes wrong among ranks, each fault once; the file gets the time at which rank 1 met it.

torchrun --standalone --nproc-per-node 2 -m course.ranks.faults FAULT TIMEOUT_S FILE
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from mha.parallel.group import Rank, joined

__all__ = ["FAULTS", "main", "meet"]

JOIN_S = 120.0


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


def meet(fault: str, rank: Rank, path: Path, timeout_s: float) -> None:
    """Sum something, note the time in the file, let rank 1 meet the fault, and sum again.

    The sums have a group with a time-out of its own: ranks that a busy machine starts one after the other need more
    time to find each other.
    """
    one = torch.ones((), device=rank.device)
    dist.all_reduce(one)
    group = dist.new_group(timeout=timedelta(seconds=timeout_s))
    dist.all_reduce(one, group=group)
    if rank.index == 1:
        path.write_text(str(time.time()))
    FAULTS[fault](rank)
    dist.all_reduce(one, group=group)


def main(fault: str, timeout_s: str, path: str) -> None:
    """Run by each rank."""
    with joined(JOIN_S) as rank:
        meet(fault, rank, Path(path), float(timeout_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
