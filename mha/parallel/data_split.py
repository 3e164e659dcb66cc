"""The batch divided over ranks: every rank computes the same function on other rows, and the gradients are averaged."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from mha.models.gpt import GPT
from mha.parallel.group import Rank

__all__ = ["NextTokenLoss", "copied", "sharded"]


class NextTokenLoss(nn.Module):
    """A GPT whose call is its loss, since wrappers for many ranks see calls only.

    Args:
        model: a GPT, or what has its `next_token_loss`.
    """

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model

    def forward(self, token_ids: Tensor) -> Tensor:
        """Token ids (b, i) -> a scalar, the mean over this rank's tokens."""
        return self.model.next_token_loss(token_ids)


def copied(module: nn.Module, rank: Rank) -> nn.Module:
    """The module as one of as many copies as there are ranks, with one gradient: the mean of theirs.

    Rank 0's weights go to all. Each rank hands in its own rows; where each has as many, the mean of the gradients is
    the gradient of the mean over all rows.

    Args:
        module: on the rank's device; it is kept inside what is returned.
    Source: Li et al. 2020, PyTorch Distributed.
    """
    where = [rank.device.index] if rank.device.type == "cuda" else None
    return DistributedDataParallel(module, device_ids=where)


def sharded(module: NextTokenLoss, mesh: DeviceMesh) -> NextTokenLoss:
    """The module with each parameter, its gradient and what the optimizer keeps of it cut over the ranks of the mesh.

    A block's weights are gathered when it computes, and dropped behind it. The module is changed in place and returned;
    all ranks must hold the same weights before. Make the optimizer afterwards.

    Args:
        mesh: one-dimensional, over the ranks that share the weights and have different rows.
    Source: FSDP2; Rajbhandari et al. 2020, ZeRO, stage 3.
    """
    for block in module.model.blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(module, mesh=mesh)
    return module
