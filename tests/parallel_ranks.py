"""What tests/test_parallel.py runs on two ranks and on four: all that needs a group, in one launch each.

When all is done and written, the second of two ranks dies, which saves a launch of its own.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

from course.ranks import training
from course.ranks.faults import meet
from mha.blocks import EncoderBlock, GatedFeedForward
from mha.heads import MultiHeadAttention
from mha.parallel.group import Rank, joined
from mha.parallel.head_split import cut_at_heads
from mha.parallel.sequence_split import ring_attention, split_sequence
from mha.parallel.traffic import Traffic
from mha.parallel.ways import compare

TIMEOUT_S = 120.0
HALF = training.EVERY * 2  # steps, at whose end a checkpoint lies
WHOLE = training.EVERY * 4


def refusals(rank: Rank) -> dict[str, str]:
    """What each refuses, by what it says."""
    mesh = init_device_mesh(rank.device.type, (rank.size,))
    x = torch.randn(1, 2, 3, 4, device=rank.device)
    calls = {
        "rows": lambda: rank.rows(3 * rank.size + 1),
        "heads": lambda: cut_at_heads(MultiHeadAttention(9, 3), mesh),
        "keys": lambda: cut_at_heads(MultiHeadAttention(24, 12, n_kv_heads=3), mesh),
        "channels": lambda: cut_at_heads(EncoderBlock(16, 4, 7), mesh),
        "dropout": lambda: cut_at_heads(EncoderBlock(16, 4, 8, dropout=0.1), mesh),
        "mask": lambda: ring_attention(x, x, x, attn_mask=torch.ones(3, 3, dtype=torch.bool)),
        "tokens": lambda: ring_attention(x, x[:, :, :2], x[:, :, :2]),
        "rotary": lambda: split_sequence(MultiHeadAttention(8, 2, rotary=torch.nn.Identity())),
    }
    said = {}
    for name, call in calls.items():
        try:
            call()
        except ValueError as error:
            said[name] = str(error)
    return said


def gated_and_shared(rank: Rank) -> float:
    """A block with shared keys, a gated net and no biases, cut at its heads, beside itself whole."""
    torch.manual_seed(0)
    attention = MultiHeadAttention(24, 8, n_kv_heads=4, bias=False)
    block = EncoderBlock(24, 8, 40, attention=attention, ffn=GatedFeedForward(24, 40, bias=False)).to(rank.device)
    x = torch.randn(2, 5, 24, device=rank.device)
    whole = x.clone().requires_grad_()
    wanted = block(whole, is_causal=True)
    wanted.square().sum().backward()
    share = x.clone().requires_grad_()
    out = cut_at_heads(block, init_device_mesh(rank.device.type, (rank.size,)))(share, is_causal=True)
    out.square().sum().backward()
    return max(float((out - wanted).detach().abs().max()), float((share.grad - whole.grad).abs().max()))


def counted(rank: Rank) -> list[tuple[str, int, int]]:
    """Collectives of sizes known beforehand, as `Traffic` saw them."""
    with Traffic() as traffic:
        dist.all_reduce(torch.zeros(7, device=rank.device))
        dist.broadcast(torch.zeros(3, dtype=torch.float64, device=rank.device), 0)
        dist.all_gather(
            [torch.zeros(5, device=rank.device) for _ in range(rank.size)], torch.zeros(5, device=rank.device)
        )
        dist.barrier()
    return [(message.kind, message.n_bytes, message.n_ranks) for message in traffic.messages]


def trained(rank: Rank, folder: Path) -> dict[str, dict[int, float]]:
    """Two ranks train in one go, and in two halves; four go on from the two's first half."""
    if rank.size == 4:
        return {"second half": training.train(rank, str(folder / "others"), WHOLE)}
    found = {"whole": training.train(rank, str(folder / "whole"), WHOLE)}
    found["first half"] = training.train(rank, str(folder / "halves"), HALF)
    if rank.index == 0:
        shutil.copytree(folder / "halves", folder / "others")
    dist.barrier()
    return found | {"second half": training.train(rank, str(folder / "halves"), WHOLE)}


def main(folder: str) -> None:
    with joined(timeout_s=TIMEOUT_S) as rank:
        found = {
            "ways": compare(rank),
            "refusals": refusals(rank),
            "gated_and_shared": gated_and_shared(rank),
            "counted": counted(rank),
            "losses": trained(rank, Path(folder)),
        }
        if rank.index == 0:
            (Path(folder) / f"ranks_{rank.size}.json").write_text(json.dumps(found))
        dist.barrier()
        if rank.size == 2:
            meet("killed", rank, Path(folder) / "killed", TIMEOUT_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
