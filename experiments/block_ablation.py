"""The encoder block with parts left out, 2 to 12 blocks deep: does it train, within one small budget?

Fixed before the table was made, after trial runs with one seed outside it:

- The task (`mha.tasks.recall`): eight items with a key and a payload, then four of the keys alone; return their
  payloads. A guess is right once in eight. One block can do it, so depth is only ever a burden here.
- What is left out: each norm, each residual connection, both, or the feed-forward net. "small branches" has no norm
  either, but the last matrix of each sublayer is divided by √(2 n_blocks) at the start. Without residual connections
  pre-norm and post-norm are the same chain, but for one norm at its start; the one that ends in a norm is taken.
- What is the same for all: width, heads, steps, batches, AdamW, a gradient clipped to norm 1, and a warm-up of a tenth
  of the steps, but for the two rows that have none.
- The learning rate: for each variant and depth the one of three that `experiments/block_rates.py` chose with a seed of
  its own.
- "patience": post-norm, 12 blocks deep, once more with four times the steps and the warm-up.
- The question: the share of queries that are answered. A part decides over training where leaving it out costs more
  than half of all queries. A block trains where its interval lies above 90 %.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.runner import Row, load, main
from mha.blocks import EncoderBlock
from mha.tasks.recall import Recall
from mha.train import fit

DEPTHS = [2, 4, 8, 12]
TASK = Recall(n_items=8, n_queries=4)
D_MODEL, N_HEADS, D_FF = 32, 4, 64
BATCH, STEPS, WARMUP, N_TESTED, WINDOW, PATIENCE = 32, 200, 20, 512, 20, 4


class NoResidual(EncoderBlock):
    """Each sublayer's output replaces the stream."""

    def _join(self, x: Tensor, norm: nn.Module, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        joined: Tensor = sublayer(norm(x)) if self.norm_first else norm(sublayer(x))
        return joined


class AttentionOnly(EncoderBlock):
    """No feed-forward net, nor its norm."""

    def __init__(self, d_model: int, n_heads: int, d_ff: int, *, norm_first: bool = False) -> None:
        super().__init__(d_model, n_heads, d_ff, norm_first=norm_first)
        del self.ffn, self.ffn_norm

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return self._join(x, self.attn_norm, self.attn)


def no_norm(d_model: int) -> nn.Module:
    """Stands where a norm would."""
    return nn.Identity()


BLOCKS: dict[str, Callable[[], nn.Module]] = {
    "pre-norm": lambda: EncoderBlock(D_MODEL, N_HEADS, D_FF, norm_first=True),
    "post-norm": lambda: EncoderBlock(D_MODEL, N_HEADS, D_FF),
    "no norm": lambda: EncoderBlock(D_MODEL, N_HEADS, D_FF, norm=no_norm),
    "no norm, small branches": lambda: EncoderBlock(D_MODEL, N_HEADS, D_FF, norm=no_norm),
    "no residual": lambda: NoResidual(D_MODEL, N_HEADS, D_FF),
    "neither": lambda: NoResidual(D_MODEL, N_HEADS, D_FF, norm=no_norm),
    "pre-norm, no feed-forward": lambda: AttentionOnly(D_MODEL, N_HEADS, D_FF, norm_first=True),
    "post-norm, no feed-forward": lambda: AttentionOnly(D_MODEL, N_HEADS, D_FF),
}
NO_WARMUP = ["pre-norm", "post-norm"]  # trained a second time without

SETTINGS: list[Row] = [
    {"variant": variant, "warmup": warmup, "depth": depth}
    for variant in BLOCKS
    for warmup in ([WARMUP, 0] if variant in NO_WARMUP else [WARMUP])
    for depth in DEPTHS
]
RUNS: list[Row] = [{**setting, "seed": seed, "times": 1} for setting in SETTINGS for seed in range(5)]
RUNS += [{"variant": "post-norm", "warmup": WARMUP, "depth": 12, "seed": seed, "times": PATIENCE} for seed in range(5)]


class Stack(nn.Module):
    """tokens (b, t, 2) -> logits (b, t, n_symbols): a stack of one kind of block, without positions."""

    def __init__(self, variant: str, depth: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(TASK.vocab_size, D_MODEL)
        self.blocks = nn.ModuleList(BLOCKS[variant]() for _ in range(depth))
        self.norm = nn.LayerNorm(D_MODEL) if variant.startswith("pre-norm") else nn.Identity()
        self.read = nn.Linear(D_MODEL, TASK.n_symbols)
        if variant == "no norm, small branches":
            with torch.no_grad():
                for block in self.blocks:
                    for weight in (block.attn.out.weight, block.ffn.down.weight):  # type: ignore[union-attr]
                        weight.div_((2 * depth) ** 0.5)  # type: ignore[operator]

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens).sum(dim=2)  # (b, t, 2, m) -> (b, t, m)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.read(self.norm(x))
        return logits


def batch_loss(model: nn.Module, generator: torch.Generator, batch: int = BATCH) -> Tensor:
    """Mean cross-entropy of the queries of fresh sequences."""
    tokens, targets = TASK.sample(batch, 0, generator)
    return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())


def trained(variant: str, warmup: int, depth: int, seed: int, lr: float, times: int = 1) -> Row:
    """Train one model; the share of queries that it answers, and its loss by windows of 20 steps.

    One whose loss is not finite answers none, and has no losses.
    """
    torch.manual_seed(seed)
    model, generator = Stack(variant, depth), torch.Generator().manual_seed(1000 + seed)
    try:
        history = fit(
            model, lambda step: batch_loss(model, generator), steps=STEPS * times, lr=lr, warmup=warmup * times
        )
    except FloatingPointError:
        return {"lr": lr, "answered": 0.0, "losses": []}
    tokens, targets = TASK.sample(N_TESTED, 0, generator)
    with torch.no_grad():
        right = (model(tokens).argmax(-1) == targets)[:, -TASK.n_queries :]
    windows = torch.tensor(history.losses).unflatten(0, (-1, WINDOW)).mean(dim=1)
    return {"lr": lr, "answered": float(right.float().mean()), "losses": [round(x, 4) for x in windows.tolist()]}


def rate(variant: str, warmup: int, depth: int) -> float:
    """The learning rate at which the last loss of the pilot is lowest."""
    pilots = [r for r in load("block_rates") if (r["variant"], r["warmup"], r["depth"]) == (variant, warmup, depth)]
    return float(min(pilots, key=lambda row: row["losses"][-1] if row["losses"] else float("inf"))["lr"])


def run(variant: str, warmup: int, depth: int, seed: int, times: int) -> Row:
    """`trained` at the rate of the pilots."""
    return trained(variant, warmup, depth, seed, rate(variant, warmup, depth), times)


if __name__ == "__main__":
    main("block_ablation")
