"""A small GPT divided over ranks in each of the ways of this package: what `ways` compares with one device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from mha.models.gpt import GPT, GPTConfig
from mha.parallel.data_split import NextTokenLoss, copied, sharded
from mha.parallel.group import Rank
from mha.parallel.head_split import cut_at_heads
from mha.parallel.sequence_split import SequenceShare

__all__ = ["BATCH", "CONFIG", "LENGTH", "Make", "Split", "small_batch", "small_model", "ways"]

CONFIG = GPTConfig(vocab_size=256, d_model=64, n_layers=2, n_heads=4, d_ff=192, max_len=40)
BATCH, LENGTH = 4, 32  # sequences, and tokens that are read in each


@dataclass(frozen=True)
class Split:
    """A model divided in one way.

    `module` holds the parameters; `loss` gives this rank's, of which the mean over ranks is the whole one.
    """

    module: nn.Module
    loss: Callable[[], Tensor]


Make = Callable[[GPT, Tensor, Rank], Split]


def small_model(device: torch.device) -> GPT:
    """The same on every rank, and drawn wide enough that attention differs from an average, and each bias from zero."""
    generator = torch.Generator().manual_seed(0)
    model = GPT(CONFIG)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
            if name.endswith("norm.weight"):
                parameter.add_(1.0)
    return model.to(device)


def small_batch(device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(CONFIG.vocab_size, (BATCH, LENGTH + 1), generator=generator).to(device)


def _copied(model: GPT, token_ids: Tensor, rank: Rank) -> Split:
    module = copied(NextTokenLoss(model), rank)
    return Split(module, lambda: module(token_ids[rank.rows(BATCH)]))


def _sharded(model: GPT, token_ids: Tensor, rank: Rank) -> Split:
    module = sharded(NextTokenLoss(model), init_device_mesh(rank.device.type, (rank.size,)))
    return Split(module, lambda: module(token_ids[rank.rows(BATCH)]))


def _heads(model: GPT, token_ids: Tensor, rank: Rank) -> Split:
    cut_at_heads(model, init_device_mesh(rank.device.type, (rank.size,)))
    return Split(model, lambda: model.next_token_loss(token_ids))


def _sequence(model: GPT, token_ids: Tensor, rank: Rank) -> Split:
    module, own = copied(SequenceShare(model), rank), rank.rows(LENGTH)
    return Split(module, lambda: module(token_ids[:, :-1][:, own], token_ids[:, 1:][:, own]))


def _heads_and_weights(model: GPT, token_ids: Tensor, rank: Rank) -> Split:
    """Two ranks share the heads, the others the batch: both at once, as in a cluster of machines."""
    mesh = init_device_mesh(rank.device.type, (rank.size // 2, 2), mesh_dim_names=("batch", "heads"))
    cut_at_heads(model, mesh["heads"])
    module = sharded(NextTokenLoss(model), mesh["batch"])
    share = Rank(mesh.get_local_rank("batch"), rank.size // 2, rank.device)
    return Split(module, lambda: module(token_ids[share.rows(BATCH)]))


WAYS: dict[str, Make] = {"copies": _copied, "sharded weights": _sharded, "heads": _heads, "sequence": _sequence}


def ways(rank: Rank) -> dict[str, Make]:
    """By name, each that so many ranks can take."""
    both = {"heads and weights": _heads_and_weights} if rank.size > 2 and rank.size % 2 == 0 else {}
    return WAYS | both
