"""What a run needs to go on, on disk: weights, optimizer and step, written by each rank for any number of ranks.

A rank that dies takes the run with it, so a run that is to end needs these. `torch.distributed.checkpoint` cuts what it
reads to whoever asks: the ranks that go on may be more or fewer, or one process without a group.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save as save_shares

from mha.validation import check_integer

__all__ = ["load_newest", "save"]

WRITTEN_LAST = ".metadata"


def save(folder: str | Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> Path:
    """Write folder/step_<step>; every rank of the group calls it, or the one process there is.

    Earlier steps are removed once this one is whole, so that a run that dies while it writes has lost nothing.

    Args:
        model: plain, copied, sharded or cut at heads.  optimizer: of its parameters.  step: how many were taken.
    Returns:
        Where it lies.
    Raises:
        TypeError, ValueError: step is no integer from 0 on.
    """
    check_integer("step", step, at_least=0)
    path = Path(folder) / f"step_{step:08d}"
    with _quietly():
        save_shares(_state(model, optimizer, step), checkpoint_id=path, no_dist=not dist.is_initialized())
    if not dist.is_initialized() or dist.get_rank() == 0:
        for older in _whole(folder)[:-1]:
            shutil.rmtree(older)
    return path


def load_newest(folder: str | Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put the newest checkpoint that was written to its end into model and optimizer; 0 if there is none.

    Args:
        folder: where `save` wrote.  model, optimizer: of the same sizes, split in any of the ways or in none.
    Returns:
        The step to go on from.
    Raises:
        torch.distributed.checkpoint.CheckpointException: what is there belongs to another model.
    """
    found = _whole(folder)
    if not found:
        return 0
    state = _state(model, optimizer, 0)
    with _quietly():
        load(state, checkpoint_id=found[-1], no_dist=not dist.is_initialized())
    set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
    return int(state["step"])


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warning that there is no group, which is one of the ways this is meant to be used."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled, unavailable or uninitialized")
        yield


def _whole(folder: str | Path) -> list[Path]:
    """The checkpoints that were written to their end, oldest first."""
    return sorted(path.parent for path in Path(folder).glob(f"step_*/{WRITTEN_LAST}"))


def _state(model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> dict[str, Any]:
    weights, moments = get_state_dict(model, optimizer)
    return {"model": weights, "optimizer": moments, "step": torch.tensor(step)}
