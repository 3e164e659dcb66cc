"""Time and peak memory of five kinds of attention against the length; time of a layer against heads and width.

    python -m benchmarks.complexity [--runs 6] [--rounds 5] [--two-cores]

Everything is a float32 forward pass of batch 1 on one thread; memory is also taken of forward and backward. Each run is
a process of its own, since two processes differ by more than the rounds of one do. Stored is the best of a run's
rounds, since a disturbance only lengthens them. The kinds are timed on two heaps in turn: as the C library manages it,
which gives a large array's pages back and gets new ones, each at the price of a page fault; and, where that library is
glibc, told to keep them. With --two-cores the layers with many heads alone are timed, on two threads, which wants a
machine without other work.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.stored import save_results
from mha.attention import attention, fused_attention
from mha.heads import MultiHeadAttention
from mha.measure.memory import peak_bytes
from mha.measure.timing import time_calls
from mha.variants.linear_attention import linear_attention
from mha.variants.sliding_window import sliding_window_attention
from mha.variants.tiled import tiled_attention

LENGTHS = [64, 128, 256, 512, 1024, 2048, 4096, 8192]
HEAD_DIM, WINDOW = 64, 256
HEADS, LENGTH_OF_HEADS, WIDTH_OF_HEADS = [1, 2, 4, 8, 16, 32], 512, 256
WIDTHS, LENGTH_OF_WIDTHS = [64, 128, 256, 512, 1024], 512
HEAPS = {"fresh": {}, "kept": {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}}
PARTS_WIDTH, PARTS_HEADS, PARTS_LENGTHS = 256, 4, [64, 128, 256, 512, 1024, 2048, 4096]

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
VARIANTS: dict[str, Attend] = {
    "explicit": lambda q, k, v: attention(q, k, v)[0],
    "fused": fused_attention,
    "tiled": tiled_attention,
    "sliding window": lambda q, k, v: sliding_window_attention(q, k, v, window=WINDOW),
    "linear": linear_attention,
}


def tensors(length: int, requires_grad: bool = False) -> list[Tensor]:
    """q, k and v of one head (1, 1, i, 64)."""
    generator = torch.Generator().manual_seed(length)
    shape = (1, 1, length, HEAD_DIM)
    return [torch.randn(shape, generator=generator).requires_grad_(requires_grad) for _ in range(3)]


def memory(variant: str, length: int, backward: bool) -> int:
    """Extra bytes at the worst moment of a pass."""
    q, k, v = tensors(length, requires_grad=backward)

    def forward() -> Tensor:
        return VARIANTS[variant](q, k, v)

    if not backward:
        return peak_bytes(forward)
    return peak_bytes(lambda: torch.autograd.grad(forward().sum(), (q, k, v)))


@torch.no_grad()
def times_of_lengths(rounds: int) -> list[dict[str, Any]]:
    """Each variant at each length: seconds, and how many pages one call had to ask the system for."""
    rows = []
    for length in LENGTHS:
        q, k, v = tensors(length)
        calls = {name: lambda attend=attend: attend(q, k, v) for name, attend in VARIANTS.items()}  # noqa: B023
        for name, seconds in time_calls(calls, rounds=rounds).items():
            row = {"variant": name, "length": length, "seconds": min(seconds)}
            rows.append(row | {"page_faults": page_faults(calls[name])})
    return rows


def page_faults(call: Callable[[], object]) -> int | None:
    """Pages that a call is the first to touch since the system gave them out; None where the system does not say."""
    try:
        import resource  # there is none on Windows
    except ModuleNotFoundError:
        return None

    def counted() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        call()
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    return statistics.median_low(counted() for _ in range(3))


@torch.no_grad()
def times_of_heads(rounds: int) -> list[dict[str, Any]]:
    """A whole layer at several numbers of heads."""
    rows = []
    for path in ("fused", "explicit"):
        calls = {str(n): layer_calls(WIDTH_OF_HEADS, n, LENGTH_OF_HEADS)[path] for n in HEADS}
        times = time_calls(calls, rounds=rounds)
        rows += [{"path": path, "heads": n, "seconds": min(times[str(n)])} for n in HEADS]
    return rows


@torch.no_grad()
def times_of_layers(rounds: int) -> dict[str, list[dict[str, Any]]]:
    """A whole layer at several widths, and its two parts at several lengths."""
    widths, parts = [], []
    for path in ("fused", "explicit"):
        calls = {str(m): layer_calls(m, 4, LENGTH_OF_WIDTHS)[path] for m in WIDTHS}
        for m, seconds in zip(WIDTHS, time_calls(calls, rounds=rounds).values(), strict=True):
            widths.append({"width": m, "path": path, "seconds": min(seconds)})
    for length in PARTS_LENGTHS:
        for part, seconds in time_calls(part_calls(length), rounds=rounds).items():
            parts.append({"length": length, "part": part, "seconds": min(seconds)})
    return {"width": widths, "parts": parts}


def layer_calls(d_model: int, n_heads: int, length: int) -> dict[str, Callable[[], object]]:
    """The layer with its weights stored ("explicit") and not ("fused")."""
    layer, recorded = (MultiHeadAttention(d_model, n_heads).eval() for _ in range(2))
    recorded.attend = _explicit
    x = torch.randn(1, length, d_model, generator=torch.Generator().manual_seed(0))
    return {"fused": lambda: layer(x), "explicit": lambda: recorded(x)}


def _explicit(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    return attention(q, k, v, **options)[0]


def part_calls(length: int) -> dict[str, Callable[[], object]]:
    """The four projections alone, and what lies between them alone."""
    layer = MultiHeadAttention(PARTS_WIDTH, PARTS_HEADS).eval()
    x = torch.randn(1, length, PARTS_WIDTH)
    q, k, v = (torch.randn(1, PARTS_HEADS, length, PARTS_WIDTH // PARTS_HEADS) for _ in range(3))
    return {
        "projections": lambda: layer.out(layer.qkv(x)[..., :PARTS_WIDTH]),
        "explicit": lambda: attention(q, k, v),
        "fused": lambda: fused_attention(q, k, v),
    }


def memories() -> list[dict[str, Any]]:
    """Peak memory of each variant at each length."""
    rows = []
    for length in LENGTHS:
        for name in VARIANTS:
            bytes_ = {part: memory(name, length, part == "both") for part in ("forward", "both")}
            rows.append({"variant": name, "length": length, **bytes_})
    return rows


def times(rounds: int, heap: str, threads: int) -> dict[str, list[dict[str, Any]]]:
    """One run on one heap; the layers are timed on the fresh one alone."""
    torch.set_num_threads(threads)
    if threads > 1:
        return {"heads": times_of_heads(rounds)}
    tables = {"length": [{"heap": heap} | row for row in times_of_lengths(rounds)]}
    if heap == "fresh":
        tables |= {"heads": times_of_heads(rounds), **times_of_layers(rounds)}
    return tables


@contextmanager
def environment(switches: dict[str, str]) -> Iterator[None]:
    """These variables for the processes that are started meanwhile: glibc reads its own when a process begins."""
    os.environ.update(switches)
    try:
        yield
    finally:
        for name in switches:
            del os.environ[name]


def run(number: int, rounds: int, threads: int) -> dict[str, list[dict[str, Any]]]:
    """Both heaps, a process each."""
    found: dict[str, list[dict[str, Any]]] = {}
    for heap in HEAPS if threads == 1 and platform.libc_ver()[0] == "glibc" else ["fresh"]:
        spawn = multiprocessing.get_context("spawn")
        with environment(HEAPS[heap]), ProcessPoolExecutor(1, mp_context=spawn) as pool:
            tables = pool.submit(times, rounds, heap, threads).result()
        for name, rows in tables.items():
            found[name] = found.get(name, []) + [{"run": number} | row for row in rows]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--two-cores", action="store_true")
    options = parser.parse_args()
    threads = 2 if options.two_cores else 1
    torch.set_num_threads(threads)
    results: dict[str, Any] = {} if options.two_cores else {"memory": memories()}
    for number in tqdm(range(options.runs)):
        for name, rows in run(number, options.rounds, threads).items():
            results[name] = results.get(name, []) + rows
    results |= {"rounds": options.rounds, "seconds_are": "the best of a run's rounds"}
    print(save_results("heads_on_two_cores" if options.two_cores else "complexity", results))


if __name__ == "__main__":
    main()
