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
from mha.models.gpt import GPT
from mha.parallel.group import Rank, joined
from mha.parallel.launch import launch
from mha.parallel.sequence_split import ring_attention
from mha.parallel.small import BATCH, CONFIG, LENGTH, Make, small_batch, small_model, ways
from mha.parallel.traffic import Traffic, bytes_on_the_wire

__all__ = ["BATCH", "CONFIG", "LENGTH", "compare", "main", "on_this_machine"]

TIMEOUT_S = 120.0


def compare(rank: Rank) -> dict[str, Any]:
    """Every way, by name.

    Returns:
        "loss", "gradients", "output": the largest difference from one device on any rank, over the largest value there.
        "held": how many numbers the parameters of each rank have.  "sent": bytes that a rank has to send in a training
        step, by kind of collective, and "calls", how many there are.  "wire": bytes that each rank did send over TCP
        meanwhile; None over NCCL, and where the system does not tell.
    """
    model, token_ids = small_model(rank.device), small_batch(rank.device)
    found = {name: _compared(make, model, token_ids, rank) for name, make in ways(rank).items()}
    found |= {f"ring, {name}": _ring(rank, **sizes) for name, sizes in RINGS.items()}
    if rank.device.type == "cuda":
        found["ring, PyTorch's"] = _by_pytorch(rank)
    return found


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
    own = {name: _whole(_gradient(p)) for name, p in _named(split.module).items()}
    gradients = _as_named({name: _gradient(p) for name, p in whole.named_parameters()}, own)
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
    before = bytes_on_the_wire() if sys.platform == "linux" and rank.device.type == "cpu" else None
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
    differences = [
        _difference(_gradient(one), _gradient(other)[:, :, own]) for one, other in zip(share, whole, strict=True)
    ]
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
        out = F.scaled_dot_product_attention(share[0], share[1], share[2], is_causal=True)
        found = [out, *torch.autograd.grad(out, share, upstream)]
        found = context_parallel_unshard(mesh, [x.detach() for x in found], [2] * 4)
    differences = [
        _difference(got, want) for got, want in zip(found, [wanted, *(_gradient(x) for x in whole)], strict=True)
    ]
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


def _gradient(x: Tensor) -> Tensor:
    if x.grad is None:
        raise RuntimeError(f"a parameter of shape {tuple(x.shape)} has got no gradient")
    return x.grad


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
