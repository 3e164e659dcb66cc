"""Time and size of the pretrained encoder with heads or layers removed, and with heads that are only masked.

    python -m benchmarks.pruned [--runs 5] [--rounds 2]

Heads go evenly, as many from each layer; layers go from the top. "masked" is the whole encoder with the outputs of half
the heads multiplied by zero. A forward pass on one thread, in turns, of one text or 32 of 32 tokens each; of a run's
rounds the least is stored, since a disturbance only lengthens them, both of wall and of processor seconds. Each run is
a process of its own. The size is that of the file that `save_smaller` writes, in which the table of tokens is the same
for all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.stored import save_results
from mha.compress.removal import remove_heads, remove_layers, save_smaller
from mha.interpret.gating import gate_heads
from mha.models.bert import Encoder
from mha.models.pretrained import load_minilm

N_LAYERS, N_HEADS, LENGTH, BATCHES = 6, 12, 32, (1, 32)
HEADS_A_LAYER, LAYERS = (2, 4, 6, 8, 10, 12), (1, 2, 3, 4, 5)
MASKED = 6  # of each layer


def heads(n_a_layer: int) -> list[tuple[int, int]]:
    """The first of each layer."""
    return [(layer, head) for layer in range(N_LAYERS) for head in range(n_a_layer)]


def contenders() -> dict[str, Encoder]:
    """By what was removed, as "heads 12" and "layers 3"; "whole" first."""
    whole = load_minilm()[0]
    without_heads = {f"heads {N_LAYERS * n}": remove_heads(whole, heads(n)) for n in HEADS_A_LAYER}
    without_layers = {f"layers {n}": remove_layers(whole, range(N_LAYERS - n, N_LAYERS)) for n in LAYERS}
    return {"whole": whole, **without_heads, **without_layers}


def masked(encoder: Encoder, ids: Tensor) -> Tensor:
    """A run with half of the heads at zero."""
    with gate_heads(encoder, dict.fromkeys(heads(MASKED), 0.0)):
        return encoder(ids)


def calls(batch: int) -> dict[str, Callable[[], Tensor]]:
    """What is timed, by name."""
    ids = torch.randint(1000, 30000, (batch, LENGTH), generator=torch.Generator().manual_seed(0))
    models = contenders()
    return {f"masked {N_LAYERS * MASKED}": partial(masked, models["whole"], ids)} | {
        name: partial(model, ids) for name, model in models.items()
    }


@torch.no_grad()
def least_seconds(timed: dict[str, Callable[[], Tensor]], rounds: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds of a call, the least of the rounds of each, in an order shuffled every round."""
    for call in timed.values():
        call()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
    shuffle = random.Random(0)
    for _ in range(rounds):
        for name in shuffle.sample(list(timed), len(timed)):
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(repeats):
                timed[name]()
            found[name].append(((time.perf_counter() - wall) / repeats, (time.process_time() - processor) / repeats))
    return {name: tuple(map(min, zip(*both, strict=True))) for name, both in found.items()}


def one_run(run: int, rounds: int) -> list[dict[str, Any]]:
    """A row a batch and contender."""
    torch.set_num_threads(1)
    rows = []
    for batch in BATCHES:
        seconds = least_seconds(calls(batch), rounds, repeats=8 if batch == 1 else 1)
        rows += [
            {"run": run, "batch": batch, "model": name, "seconds": wall, "processor_seconds": processor}
            for name, (wall, processor) in seconds.items()
        ]
    return rows


def sizes() -> dict[str, Any]:
    """Bytes of each file, and of the table of tokens in it."""
    with tempfile.TemporaryDirectory() as folder:
        path, found = Path(folder) / "model.safetensors", {}
        for name, model in contenders().items():
            save_smaller(model, path, [])
            found[name] = path.stat().st_size
    table = contenders()["whole"].embeddings.tokens.weight
    return {"bytes": found, "table_bytes": table.numel() * table.element_size()}


def main() -> None:
    """Run all, each run in a process of its own, and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for run in tqdm(range(options.runs)):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            rows += pool.submit(one_run, run, options.rounds).result()
    print(save_results("pruned", {"length": LENGTH, "time": rows, **sizes()}))


if __name__ == "__main__":
    main()
