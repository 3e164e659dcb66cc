"""`MultiHeadAttention` beside the layers one would use instead, and beside the arithmetic that none can avoid.

    python -m benchmarks.layers [--rounds 40] [--only 8,128,256,8]

Each contender maps (b, i, m) to (b, i, m): projections, attention, output projection, no dropout; all but
x-transformers add biases. BertAttention is timed without the residual and norm that follow it there. "floor" is two
matrix products (one for q, k and v) and `F.scaled_dot_product_attention`, with nothing around them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertAttention
from x_transformers.x_transformers import Attention as XAttention

from benchmarks.stored import milliseconds, ratio, save_results
from mha.heads import MultiHeadAttention
from mha.measure.timing import time_calls

SIZES = [(8, 128, 256, 8), (4, 512, 512, 8), (1, 2048, 768, 12), (32, 64, 384, 12)]  # batch, length, d_model, heads
PEERS = ["torch", "transformers", "x-transformers"]
Layer = Callable[[Tensor], Tensor]


def layers(length: int, d_model: int, n_heads: int, causal: bool) -> dict[str, tuple[nn.Module, Layer]]:
    """Every contender as (module that holds the parameters, call)."""
    future = nn.Transformer.generate_square_subsequent_mask(length) if causal else None
    ours = MultiHeadAttention(d_model, n_heads)
    theirs = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
    config = BertConfig(
        hidden_size=d_model, num_attention_heads=n_heads, attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0
    )
    config._attn_implementation = "sdpa"
    bert = BertAttention(config)
    x_attention = XAttention(d_model, heads=n_heads, dim_head=d_model // n_heads, causal=causal, flash=True)
    floor = nn.ModuleList([nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)])

    def call_torch(x: Tensor) -> Tensor:
        return theirs(x, x, x, need_weights=False, attn_mask=future, is_causal=causal)[0]

    def call_bert(x: Tensor) -> Tensor:
        return bert.output.dense(bert.self(x, is_causal=causal)[0])

    def call_floor(x: Tensor) -> Tensor:
        q, k, v = floor[0](x).view(*x.shape[:2], 3, n_heads, -1).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return floor[1](out.transpose(1, 2).reshape(x.shape))

    return {
        "mha": (ours, lambda x: ours(x, is_causal=causal)),
        "torch": (theirs, call_torch),
        "transformers": (bert, call_bert),
        "x-transformers": (x_attention, x_attention),
        "floor": (floor, call_floor),
    }


def contenders(size: tuple[int, int, int, int], causal: bool, backward: bool) -> dict[str, Callable[[], object]]:
    """Calls without arguments, each on the same input."""
    batch, length, d_model, n_heads = size
    x = torch.randn(batch, length, d_model, generator=torch.Generator().manual_seed(0), requires_grad=backward)
    upstream = torch.randn(batch, length, d_model, generator=torch.Generator().manual_seed(1))
    calls: dict[str, Callable[[], object]] = {}
    for name, (module, layer) in layers(length, d_model, n_heads, causal).items():
        module.train(backward)
        wanted = [x, *module.parameters()] if backward else []

        def forward(layer: Layer = layer) -> object:
            with torch.inference_mode():
                return layer(x)

        def both(layer: Layer = layer, wanted: list[Tensor] = wanted) -> object:
            return torch.autograd.grad(layer(x), wanted, upstream, allow_unused=True)

        calls[name] = both if backward else forward
    return calls


def compared(times: dict[str, list[float]]) -> dict[str, Any]:
    """Medians and spread in milliseconds, and the two ratios that count."""
    spread = milliseconds(times)
    best = min(PEERS, key=lambda name: spread[name]["median"])
    return {
        "milliseconds": spread,
        "best_peer": best,
        "ratio_to_best_peer": ratio(times, "mha", best),
        "ratio_to_floor": ratio(times, "mha", "floor"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", help="one size as batch,length,d_model,heads; nothing is stored then")
    options = parser.parse_args()
    sizes = [tuple(int(n) for n in options.only.split(","))] if options.only else SIZES
    cells = []
    for size, causal, backward in tqdm(list(product(sizes, (False, True), (False, True)))):
        times = time_calls(contenders(size, causal, backward), rounds=options.rounds)
        name = {"size": size, "mask": "causal" if causal else "plain", "pass": "both" if backward else "forward"}
        cells.append(name | compared(times))
    print(table(cells))
    if not options.only:
        print(save_results("layers", {"rounds": options.rounds, "cells": cells}))


def table(cells: list[dict[str, Any]]) -> str:
    """One line a cell: medians in milliseconds, then mha's ratios with their quartiles."""
    names = list(cells[0]["milliseconds"])
    heads = "".join(f"{name:>15}" for name in names)
    lines = [f"{'batch, length, d_model, heads':30}{'':17}{heads}   {'/ best peer':20}   / floor"]
    for cell in cells:
        medians = "".join(f"{cell['milliseconds'][name]['median']:15.3f}" for name in names)
        ratios = [cell["ratio_to_best_peer"], cell["ratio_to_floor"]]
        shown = "   ".join("{:.3f} [{:.3f}, {:.3f}]".format(*ratio) for ratio in ratios)
        lines.append(f"{tuple(cell['size'])!s:30}{cell['mask']:8}{cell['pass']:9}{medians}   {shown}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
