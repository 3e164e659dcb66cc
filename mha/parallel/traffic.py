"""What ranks send one another: each collective is seen on its way to the network, and counted in bytes.

Two counts, of two kinds. `Traffic` counts by formula: what a rank has to send if a collective is done the best known
way, round a ring (Chan et al. 2007). `bytes_on_the_wire` asks the operating system what did leave this process.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass, field
from typing import Any, cast

import torch.distributed as dist
from torch.distributed.distributed_c10d import _resolve_process_group as resolve_group  # type: ignore[attr-defined]
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["Message", "Traffic", "bytes_on_the_wire", "bytes_sent"]

# The operations of torch.distributed as its dispatcher names them: the kind, which argument holds the whole (what goes
# in, but for a gathering, whose whole is what comes out: None where that is the result), and which holds the group.
KINDS: dict[str, tuple[str, int | None, int]] = {
    "allreduce_": ("all-reduce", 0, 1),
    "all_reduce": ("all-reduce", 0, 2),
    "all_reduce_": ("all-reduce", 0, 2),
    "_allgather_base_": ("all-gather", 0, 2),
    "allgather_": ("all-gather", 0, 2),
    "all_gather_into_tensor": ("all-gather", None, 2),
    "_reduce_scatter_base_": ("reduce-scatter", 1, 2),
    "reduce_scatter_tensor": ("reduce-scatter", 0, 3),
    "broadcast_": ("broadcast", 0, 1),
    "send": ("send", 0, 1),
}
SILENT = {"recv_", "barrier", "wait_tensor", "_wrap_tensor_autograd"}  # they send nothing, or nothing to speak of
TCP_INFO, BYTES_SENT = 11, 200  # Linux: the option, and where in what it gives stand tcpi_bytes_sent and, of these,
# tcpi_bytes_retrans, 8 bytes each: a busy machine sends some twice


@dataclass(frozen=True)
class Message:
    """One collective: which, how many bytes the whole has (all ranks' parts together), among how many ranks."""

    kind: str
    n_bytes: int
    n_ranks: int

    @property
    def sent(self) -> float:
        """Bytes that each rank sends, on average over the ranks; see `bytes_sent`."""
        return bytes_sent(self.kind, self.n_bytes, self.n_ranks)


def bytes_sent(kind: str, n_bytes: float, n_ranks: int) -> float:
    """What each rank sends in one collective round a ring of ranks, on average.

    To reduce and scatter, each of N - 1 steps hands on an Nth of the whole; to gather, likewise; an all-reduce is both,
    one after the other. No way of doing it lets every rank send less (Patarasuk and Yuan 2009).

    Args:
        kind: "all-reduce", "reduce-scatter", "all-gather", "broadcast" or "send".
        n_bytes: of the whole: what is summed, what is gathered, what is sent.  n_ranks: N.
    Raises:
        ValueError: another kind.
    """
    share = (n_ranks - 1) / n_ranks
    factors = {
        "all-reduce": 2 * share,
        "reduce-scatter": share,
        "all-gather": share,
        "broadcast": share,  # N - 1 copies, of N ranks
        "send": 1.0,
    }
    if kind not in factors:
        raise ValueError(f"kind must be one of {', '.join(map(repr, factors))}, got {kind!r}")
    return factors[kind] * n_bytes


@dataclass
class Traffic(TorchDispatchMode):
    """Counts every collective that this rank takes part in within the context, whoever asked for it.

        with Traffic() as traffic:
            loss(model).backward()
        traffic.sent("all-reduce")

    Raises:
        NotImplementedError: a collective that it has no formula for.
    """

    messages: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if any(issubclass(kind, DTensor) for kind in types):
            return NotImplemented  # it is taken apart first, into what works on plain tensors and what is sent
        out = func(*args, **(kwargs or {}))
        if func.namespace in ("c10d", "_c10d_functional"):
            self._note(func.overloadpacket.__name__, args, out)
        return out

    def _note(self, name: str, args: tuple[Any, ...], out: Any) -> None:
        if name in SILENT:
            return
        if name not in KINDS:
            raise NotImplementedError(f"there is no count for {name}, only for {', '.join(KINDS)}")
        kind, whole, group = KINDS[name]
        n_bytes = sum(x.numel() * x.element_size() for x in tree_leaves(out if whole is None else args[whole]))
        self.messages.append(Message(kind, n_bytes, _group_size(args[group])))

    def sent(self, kind: str | None = None) -> float:
        """Bytes that this rank has to send, of one kind of collective or of all."""
        return sum(message.sent for message in self.messages if kind in (None, message.kind))

    def calls(self, kind: str | None = None) -> int:
        """How many collectives there were, of one kind or of all."""
        return sum(kind in (None, message.kind) for message in self.messages)


def bytes_on_the_wire() -> int:
    """Bytes that this process has sent over its open TCP connections since each was opened, as Linux counts them.

    The difference of two calls is what was sent between them: what the collectives carried, and their headers. Over
    gloo all goes by TCP, between ranks of one machine too; NCCL has other ways, which this does not see.

    Raises:
        OSError: the system is no Linux.
    """
    if sys.platform != "linux":
        raise OSError(f"only Linux tells what a connection has sent, got {sys.platform}")
    return sum(map(_sent_by, os.listdir("/proc/self/fd")))


def _sent_by(descriptor: str) -> int:
    """0 for what is no TCP connection, or was closed meanwhile."""
    try:
        if not os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
            return 0
        with socket.socket(fileno=os.dup(int(descriptor))) as connection:
            if connection.type != socket.SOCK_STREAM or connection.family not in (socket.AF_INET, socket.AF_INET6):
                return 0
            told = connection.getsockopt(socket.IPPROTO_TCP, TCP_INFO, BYTES_SENT + 16)
    except OSError:
        return 0
    sent, again = struct.unpack_from("QQ", told, BYTES_SENT)
    return int(sent - again)


def _group_size(group: Any) -> int:
    """Of a group as the dispatcher hands it on: boxed, by name, or itself."""
    if isinstance(group, str):
        group = resolve_group(cast(Any, group))
    elif not isinstance(group, dist.ProcessGroup):
        group = dist.ProcessGroup.unbox(group)
    return int(group.size())
