"""Whether another learning rate mends the two single changes of `experiments.modern_block` that came out worse.

Made after that table, in which all blocks share one rate, 3e-3: post-norm needed more bits in each seed, a gated net in
some. Both are tried at half that rate, and so is the block that they are compared with; the gated net, which starts
slowly, at twice that rate too. The seeds are the first two of that table, and so are the batches.

Budget: 4 rows of 45 s on one core, 2 minutes on two; it took 6 on one that did other work too.
"""

from __future__ import annotations

from experiments.continuation import n_characters
from experiments.modern_block import held_out_bits, trained
from experiments.runner import Row, main

TRIED = [("GPT-2's block", 1.5e-3), ("post-norm", 1.5e-3), ("SwiGLU", 1.5e-3), ("SwiGLU", 6e-3)]
RUNS: list[Row] = [{"variant": variant, "lr": lr, "seed": seed} for variant, lr in TRIED for seed in range(2)]


def run(variant: str, lr: float, seed: int) -> Row:
    """Bits a character of one model, trained at one rate."""
    model, losses = trained(variant, seed, lr)
    return {
        "bits_per_character": round(float(held_out_bits(model).sum()) / n_characters(), 4),
        "losses": [round(sum(some) / len(some), 4) for some in zip(*[iter(losses)] * (len(losses) // 10), strict=True)],
    }


if __name__ == "__main__":
    main("modern_block_rates")
