"""Each way of dividing a model over ranks, beside one device: what differs, what a rank holds, what it sends.

    torchrun --standalone --nproc-per-node 2 -m mha.parallel.ways results.json

Every rank computes a small GPT's loss and gradients whole, on its own, and then its share of them with the others.
"""

from __future__ import annotations

import copy
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.experimental import context_parallel
from torch.distributed.tensor.experimental._attention import context_parallel_unshard

from mha.attention import attention
from mha.models.gpt import GPT, GPTConfig
from mha.parallel.data_split import NextTokenLoss, copied, sharded
from mha.parallel.group import Rank, joined
from mha.parallel.head_split import cut_at_heads
from mha.parallel.launch import launch
from mha.parallel.sequence_split import SequenceShare, ring_attention
from mha.parallel.traffic import Traffic, bytes_on_the_wire

__all__ = ["BATCH", "CONFIG", "LENGTH", "compare", "main", "on_this_machine"]

CONFIG = GPTConfig(vocab_size=256, d_model=64, n_layers=2, n_heads=4, d_ff=192, max_len=40)
BATCH, LENGTH = 4, 32  # sequences, and tokens that are read in each
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Split:
    """A model divided in one way.

    `module` holds the parameters; `loss` gives this rank's, of which the mean over ranks is the whole one.
    """

    module: nn.Module
    loss: Callable[[], Tensor]


Make = Callable[[GPT, Tensor, Rank], Split]


def compare(rank: Rank) -> dict[str, Any]:
    """Every way, by name.

    Returns:
        "loss", "gradients", "output": the largest difference from one device on any rank, over the largest value there.
        "held": how many numbers the parameters of each rank have.  "sent": bytes that a rank has to send in a training
        step, by kind of collective, and "calls", how many there are.  "wire": bytes that each rank did send over TCP
        meanwhile; None where the system does not tell.
    """
    model, token_ids = _model(rank.device), _token_ids(rank.device)
    found = {name: _compared(make, model, token_ids, rank) for name, make in _ways(rank).items()}
    found |= {f"ring, {name}": _ring(rank, **sizes) for name, sizes in RINGS.items()}
    if rank.device.type == "cuda":
        found["ring, PyTorch's"] = _by_pytorch(rank)
    return found


def _model(device: torch.device) -> GPT:
    """The same on every rank, and drawn wide enough that attention differs from an average, and each bias from zero."""
    generator = torch.Generator().manual_seed(0)
    model = GPT(CONFIG)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
            if name.endswith("norm.weight"):
                parameter.add_(1.0)
    return model.to(device)


def _token_ids(device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(CONFIG.vocab_size, (BATCH, LENGTH + 1), generator=generator).to(device)


def _ways(rank: Rank) -> dict[str, Make]:
    both = {"heads and weights": _heads_and_weights} if rank.size > 2 and rank.size % 2 == 0 else {}
    return WAYS | both


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
RINGS: dict[str, dict[str, Any]] = {
    "plain": {"n_kv_heads": 4, "is_causal": False},
    "causal": {"n_kv_heads": 4, "is_causal": True},
    "shared keys": {"n_kv_heads": 2, "is_causal": True},
}


def _compared(make: Make, model: GPT, token_ids: Tensor, rank: Rank) -> dict[str, Any]:
    split = make(copy.deepcopy(model), token_ids, rank)
    whole = copy.deepcopy(model)
    wanted = whole.next_token_loss(token_ids)
    wanted.backward()
    step, loss = _counted(lambda: _backward(split.loss()), rank)
    dist.all_reduce(loss)
    own = {name: _whole(p.grad) for name, p in _named(split.module).items()}
    gradients = _as_named({name: p.grad for name, p in whole.named_parameters()}, own)
    held = sum(_local(p).numel() for p in split.module.parameters())
    return {
        "loss": _over_ranks(_difference(loss / rank.size, wanted)),
        "gradients": _over_ranks(_difference(torch.cat([g.flatten() for g in own.values()]), gradients)),
        "held": _from_ranks(held),
        **step,
    }


def _backward(loss: Tensor) -> Tensor:
    loss.backward()
    return loss.detach().clone()


def _counted(call: Callable[[], Any], rank: Rank) -> tuple[dict[str, Any], Any]:
    """What the call sends, and what it returns."""
    dist.barrier()
    before = bytes_on_the_wire() if sys.platform == "linux" else None
    with Traffic() as traffic:
        out = call()
    dist.barrier()  # all has arrived
    wire = None if before is None else bytes_on_the_wire() - before
    kinds = sorted({message.kind for message in traffic.messages})
    return {
        "sent": {kind: traffic.sent(kind) for kind in kinds},
        "calls": {kind: traffic.calls(kind) for kind in kinds},
        "wire": _from_ranks(wire),
    }, out


def _ring(rank: Rank, n_kv_heads: int, is_causal: bool) -> dict[str, Any]:
    """`ring_attention` beside `attention`: output and the gradients of q, k and v."""
    generator = torch.Generator().manual_seed(2)
    heads = (CONFIG.n_heads, n_kv_heads, n_kv_heads, CONFIG.n_heads)
    q, k, v, upstream = (torch.randn(2, h, LENGTH, 16, generator=generator).to(rank.device) for h in heads)
    whole = [x.clone().requires_grad_() for x in (q, k, v)]
    wanted, _ = attention(*whole, is_causal=is_causal)
    wanted.backward(upstream)
    own = rank.rows(LENGTH)
    share = [x[:, :, own].clone().requires_grad_() for x in (q, k, v)]

    def forward_and_backward() -> Tensor:
        out = ring_attention(*share, is_causal=is_causal)
        out.backward(upstream[:, :, own])
        return out

    step, out = _counted(forward_and_backward, rank)
    differences = [_difference(one.grad, other.grad[:, :, own]) for one, other in zip(share, whole, strict=True)]
    return {
        "output": _over_ranks(_difference(out, wanted[:, :, own])),
        "gradients": _over_ranks(max(differences)),
        **step,
    }


def _by_pytorch(rank: Rank) -> dict[str, Any]:
    """PyTorch's own ring, causal. It needs the kernels of a GPU: the CPU's it does not know how to share out."""
    generator = torch.Generator().manual_seed(3)
    shape = (2, CONFIG.n_heads, LENGTH, 16)
    q, k, v, upstream = (torch.randn(shape, generator=generator).to(rank.device) for _ in range(4))
    whole = [x.clone().requires_grad_() for x in (q, k, v)]
    wanted, _ = attention(*whole, is_causal=True)
    wanted.backward(upstream)
    mesh, buffers = init_device_mesh(rank.device.type, (rank.size,)), [q, k, v, upstream]
    with context_parallel(mesh, buffers=buffers, buffer_seq_dims=[2] * 4, no_restore_buffers=set(buffers)):
        share = [x.clone().requires_grad_() for x in buffers[:3]]
        out = F.scaled_dot_product_attention(*share, is_causal=True)
        found = [out, *torch.autograd.grad(out, share, upstream)]
        found = context_parallel_unshard(mesh, [x.detach() for x in found], [2] * 4)
    differences = [_difference(got, want) for got, want in zip(found, [wanted, *(x.grad for x in whole)], strict=True)]
    return {"output": _over_ranks(differences[0]), "gradients": _over_ranks(max(differences[1:]))}


def _named(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters by the names they have in the GPT itself, without what wrappers put before them."""
    return {name.replace("module.", "").removeprefix("model."): p for name, p in module.named_parameters()}


def _as_named(gradients: dict[str, Tensor], like: dict[str, Tensor]) -> Tensor:
    """The gradients of one device in the order of `like`, whose q, k and v may lie apart."""
    parts = []
    for name in like:
        stem, _, end = name.partition("qkv.")
        part, _, what = end.partition(".")
        if part in ("q", "k", "v"):
            parts.append(gradients[f"{stem}qkv.{what}"].chunk(3)["qkv".index(part)])
        else:
            parts.append(gradients[name])
    return torch.cat([part.flatten() for part in parts])


def _local(x: Tensor) -> Tensor:
    return x.to_local() if isinstance(x, DTensor) else x


def _whole(x: Tensor) -> Tensor:
    return x.full_tensor() if isinstance(x, DTensor) else x


def _difference(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).detach().abs().max() / wanted.detach().abs().max())


def _from_ranks(value: Any) -> list[Any]:
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, value)
    return found


def _over_ranks(value: float) -> float:
    return max(_from_ranks(value))


def on_this_machine(n_ranks: int, limit_s: float = 300.0) -> dict[str, Any]:
    """What `compare` returns on so many ranks, which are started here and have ended when this returns.

    Raises:
        RankError: as `launch` does.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ways.json"
        launch("mha.parallel.ways", [str(path)], n_ranks=n_ranks, limit_s=limit_s)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main(path: str) -> None:
    """Run by each rank; rank 0 writes the file."""
    with joined(TIMEOUT_S) as rank:
        found = compare(rank)
        if rank.index == 0:
            Path(path).write_text(json.dumps({"ranks": rank.size, "device": rank.device.type, **found}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
