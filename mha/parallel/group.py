"""How ranks find each other: a group over NCCL where each has a GPU, over gloo elsewhere, with a time-out."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from mha.validation import check_integer, check_number

__all__ = ["FAILED", "Rank", "joined"]

FAILED = "Failed: "  # begins the line that a rank writes before it ends with an error, which `launch` looks for
PLACE_IN_SOURCE = re.compile(r"\[/[^\]]*:\d+\]\s*")  # gloo begins its messages with its own file and line
STARTED_BY_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Rank:
    """This process among those of its group.

    `index` counts from 0 to `size` - 1; `device` is where it computes: a GPU of its own, or the CPU.
    """

    index: int
    size: int
    device: torch.device

    def rows(self, n: int) -> slice:
        """The share of n rows, tokens or whatever is divided in order: the same number for each rank.

        Raises:
            ValueError: size does not divide n: a rank with fewer rows would weigh them more in a mean.
        """
        check_integer("n", n, at_least=1)
        if n % self.size:
            raise ValueError(f"n ({n}) must be divisible by the number of ranks ({self.size})")
        each = n // self.size
        return slice(self.index * each, (self.index + 1) * each)


@contextmanager
def joined(timeout_s: float) -> Iterator[Rank]:
    """Within this context the process is a rank of the group that `torchrun` started; it leaves the group at the end.

    Args:
        timeout_s: how long a rank waits for another, in joining and in each collective, before it gives up. A rank
            that dies closes its connections, which the others see at once; one that hangs is noticed by this alone.
    Raises:
        ValueError: timeout_s is not positive.
        RuntimeError: the process was not started by `torchrun`.
        torch.distributed.DistError: the other ranks did not come within timeout_s.
    """
    check_number("timeout_s", timeout_s, above=0)
    missing = [name for name in STARTED_BY_TORCHRUN if name not in os.environ]
    if missing:
        raise RuntimeError(f"this process must be started by torchrun, which sets {', '.join(missing)}: see `launch`")
    device, backend = _device(int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"]))
    own = device if device.type == "cuda" else None
    try:
        dist.init_process_group(backend, timeout=timedelta(seconds=timeout_s), device_id=own)
        yield Rank(dist.get_rank(), dist.get_world_size(), device)
    except Exception as error:
        name = f"rank {os.environ['RANK']} of {os.environ['WORLD_SIZE']}"
        words = " ".join(PLACE_IN_SOURCE.sub("", str(error)).split())
        sys.stderr.write(f"{FAILED}{name}: {type(error).__name__}: {words}\n")
        sys.stderr.flush()
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _device(local_rank: int, n_here: int) -> tuple[torch.device, str]:
    """A GPU of its own if this machine has one for each of its ranks, which NCCL asks for."""
    if torch.cuda.device_count() < n_here:
        return torch.device("cpu"), "gloo"
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device, "nccl"
