"""Time and peak memory of five kinds of attention against the length; time of a layer against heads and width.

    python -m benchmarks.complexity [--runs 5] [--rounds 7]

Everything is a float32 forward pass of batch 1; memory is also taken of forward and backward. Each run is a process of
its own, since two processes differ by more than the rounds of one do. Stored are each run's medians.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.stored import save_results
from mha.attention import attention, fused_attention
from mha.heads import MultiHeadAttention
from mha.measure.memory import peak_bytes
from mha.measure.timing import summary, time_calls
from mha.variants.linear_attention import linear_attention
from mha.variants.sliding_window import sliding_window_attention
from mha.variants.tiled import tiled_attention

LENGTHS = [64, 128, 256, 512, 1024, 2048, 4096, 8192]
HEAD_DIM, WINDOW = 64, 256
HEADS, LENGTH_OF_HEADS, WIDTH_OF_HEADS = [1, 2, 4, 8, 16, 32], 512, 256
WIDTHS, LENGTH_OF_WIDTHS = [64, 128, 256, 512, 1024], 512
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
    """Each variant at each length."""
    rows = []
    for length in LENGTHS:
        q, k, v = tensors(length)
        calls = {name: lambda attend=attend: attend(q, k, v) for name, attend in VARIANTS.items()}  # noqa: B023
        for name, seconds in time_calls(calls, rounds=rounds).items():
            rows.append({"variant": name, "length": length, "seconds": seconds})
    return rows


@torch.no_grad()
def times_of_layers(rounds: int) -> dict[str, list[dict[str, Any]]]:
    """A whole layer at several numbers of heads and widths, and its two parts at several lengths."""
    heads = {n: layer_calls(WIDTH_OF_HEADS, n, LENGTH_OF_HEADS) for n in HEADS}
    widths = {m: layer_calls(m, 4, LENGTH_OF_WIDTHS) for m in WIDTHS}
    tables = {"heads": heads, "width": widths}
    results: dict[str, list[dict[str, Any]]] = {}
    for table, calls in tables.items():
        flat = {(value, path): call for value, paths in calls.items() for path, call in paths.items()}
        named = {f"{value} {path}": call for (value, path), call in flat.items()}
        times = time_calls(named, rounds=rounds)
        results[table] = [{table: value, "path": path, "seconds": times[f"{value} {path}"]} for value, path in flat]
    results["parts"] = []
    for length in PARTS_LENGTHS:
        for part, seconds in time_calls(part_calls(length), rounds=rounds).items():
            results["parts"].append({"length": length, "part": part, "seconds": seconds})
    return results


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


def times(rounds: int) -> dict[str, list[dict[str, Any]]]:
    """One run: every table of times, each with its medians over the rounds."""
    tables = {"length": times_of_lengths(rounds), **times_of_layers(rounds)}
    return {name: [row | {"seconds": summary(row["seconds"]).median} for row in rows] for name, rows in tables.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    results: dict[str, Any] = {"memory": memories(), "length": [], "heads": [], "width": [], "parts": []}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for run, tables in enumerate(tqdm(pool.map(times, [options.rounds] * options.runs), total=options.runs)):
            for name, rows in tables.items():
                results[name] += [{"run": run} | row for row in rows]
    print(save_results("complexity", results | {"rounds": options.rounds}))


if __name__ == "__main__":
    main()
