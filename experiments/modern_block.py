"""What changed in the block since 2017, one change at a time and together: bits a character at equal size and steps.

Fixed before this table was made:

- Text, pieces and held-out pieces: those of `experiments.continuation`, 64 tokens of its byte-pair encoding of 1024.
- The block they are measured from is GPT-2's: pre-norm LayerNorm, GELU, learned positions, biases, the embedding tied
  to the output. Two layers, 96 channels, eight heads of 12.
- Every model is as large: d_ff is what brings it nearest to the size of the first. So what a change saves elsewhere is
  spent on the feed-forward net, and what it costs is taken from there. A gated net of that size has two thirds of d_ff.
- "Grouped queries" have two heads of keys and values for the eight, the ratio of Llama 3 and Qwen3.
- Weights are drawn as GPT-2's, with a width of 0.02, as the package draws them. With 0.05 or 1/√(inputs), tried on one
  seed outside the table, both the first block and "all together" were worse after 800 steps.
- Steps, batches, warm-up, weight decay and learning rate are the same for all. The rate is the one of 1.5e-3, 3e-3,
  6e-3 and 1.2e-2 at which the first block and "all together" need the fewest bits in the mean of both, with a seed
  outside the table. It was 3e-3 for each of them: 2.087 and 1.928 bits, against 2.114 and 1.953 at 6e-3.
- A first table of 400 steps was given up after 28 of its rows: of two seeds, a gated net had still to leave its first
  plateau in one. So there are 800 steps, after which it had left it with the seed outside the table.
- The question: bits a character on held-out text, less those of the first block with the same seed and batches. A
  change that gives less than 0.01 bits either way makes no difference.

The changes that are there for a smaller cache are measured in `experiments.smaller_caches`, by the code of this module.

Budget: 45 rows of 45 s on one core, 17 minutes on two; it took 35 on two that did other work too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.continuation import LENGTH, VOCAB_SIZE, batch, n_characters, pieces
from experiments.runner import Row, main
from mha.blocks import EncoderBlock, FeedForward, GatedFeedForward
from mha.heads import MultiHeadAttention
from mha.latent import LatentAttention
from mha.models.causal_lm import CausalLM
from mha.patterns import Sink, SlidingWindow
from mha.positions import LearnedPositions, Rotary
from mha.train import fit

D_MODEL, N_LAYERS, N_HEADS, D_FF = 96, 2, 8, 384
HEAD_DIM = D_MODEL // N_HEADS
N_KV_HEADS, WINDOW, KEPT, ROTARY_DIM = 2, 16, 48, 6
STEPS, WARMUP, LR, WEIGHT_DECAY = 800, 40, 0.003, 0.1


@dataclass(frozen=True)
class Recipe:
    """Of what a block is made; as it stands, of what GPT-2's is."""

    norm: Callable[[int], nn.Module] = nn.LayerNorm
    norm_first: bool = True
    gated: bool = False
    rotary: bool = False
    n_kv_heads: int = N_HEADS
    qk_norm: bool = False
    bias: bool = True
    tied: bool = True
    window: bool = False
    sink: bool = False
    latent: bool = False


FIRST = Recipe()
TOGETHER = Recipe(norm=nn.RMSNorm, gated=True, rotary=True, n_kv_heads=N_KV_HEADS, qk_norm=True, bias=False)
RECIPES = {
    "GPT-2's block": FIRST,
    "post-norm": replace(FIRST, norm_first=False),
    "RMSNorm": replace(FIRST, norm=nn.RMSNorm),
    "SwiGLU": replace(FIRST, gated=True),
    "rotary": replace(FIRST, rotary=True),
    "no biases": replace(FIRST, bias=False),
    "not tied": replace(FIRST, tied=False),
    "normed queries and keys": replace(FIRST, qk_norm=True),
    "grouped queries": replace(FIRST, n_kv_heads=N_KV_HEADS),
    "latent": replace(FIRST, latent=True),
    "window": replace(FIRST, window=True),
    "window and sink": replace(FIRST, window=True, sink=True),
    "all together": TOGETHER,
    "all, latent": replace(TOGETHER, n_kv_heads=N_HEADS, qk_norm=False, latent=True),
    "all, window and sink": replace(TOGETHER, window=True, sink=True),
}
FOR_THE_CACHE = ("grouped queries", "latent", "window", "window and sink", "all, latent", "all, window and sink")
RUNS: list[Row] = [
    {"variant": variant, "seed": seed} for seed in range(5) for variant in RECIPES if variant not in FOR_THE_CACHE
]


def attention(recipe: Recipe) -> MultiHeadAttention:
    """The recipe's attention."""
    if recipe.latent:
        r = ROTARY_DIM if recipe.rotary else 0
        rotary = Rotary(r) if recipe.rotary else None
        return LatentAttention(D_MODEL, N_HEADS, latent_dim=KEPT - r, rotary=rotary, bias=recipe.bias)
    patterns = [SlidingWindow(WINDOW)] if recipe.window else []
    return MultiHeadAttention(
        D_MODEL,
        N_HEADS,
        n_kv_heads=recipe.n_kv_heads,
        bias=recipe.bias,
        rotary=Rotary(HEAD_DIM) if recipe.rotary else None,
        qk_norm=nn.RMSNorm if recipe.qk_norm else None,
        patterns=[*patterns, *([Sink(N_HEADS)] if recipe.sink else [])],
    )


def model_of(recipe: Recipe, d_ff: int) -> CausalLM:
    """Two blocks of the recipe and what stands around them."""
    made: type[FeedForward] = GatedFeedForward if recipe.gated else FeedForward
    blocks = (
        EncoderBlock(
            D_MODEL,
            N_HEADS,
            d_ff,
            norm_first=recipe.norm_first,
            norm=recipe.norm,
            attention=attention(recipe),
            ffn=made(D_MODEL, d_ff, bias=recipe.bias),
        )
        for _ in range(N_LAYERS)
    )
    positions = None if recipe.rotary else LearnedPositions(D_MODEL, LENGTH)
    norm = recipe.norm(D_MODEL) if recipe.norm_first else None
    return CausalLM(VOCAB_SIZE, blocks, norm=norm, positions=positions, tied=recipe.tied)


def n_parameters(model: nn.Module) -> int:
    """Numbers that are trained."""
    return sum(p.numel() for p in model.parameters())


def equal_d_ff(recipe: Recipe) -> int:
    """The d_ff with which the recipe's model comes nearest to the size of the first."""
    with torch.device("meta"):
        wanted = n_parameters(model_of(FIRST, D_FF))
        one, two = (n_parameters(model_of(recipe, d_ff)) for d_ff in (1, 2))
    return 1 + round((wanted - one) / (two - one))


def next_token_loss(model: CausalLM, token_ids: Tensor) -> Tensor:
    """The mean, in nats, over all positions."""
    return F.cross_entropy(model(token_ids[:, :-1]).flatten(0, 1), token_ids[:, 1:].flatten())


@torch.no_grad()
def held_out_bits(model: CausalLM) -> Tensor:
    """Bits for each held-out token but the first of its piece, (n, 63)."""
    losses = [
        F.cross_entropy(model(some[:, :-1]).transpose(1, 2), some[:, 1:], reduction="none")
        for some in pieces()[1].split(48)
    ]
    return torch.cat(losses).double() / math.log(2)


def trained(variant: str, seed: int, lr: float, steps: int = STEPS) -> tuple[CausalLM, list[float]]:
    """One model, and its losses."""
    torch.manual_seed(seed)
    recipe, generator = RECIPES[variant], torch.Generator().manual_seed(1000 + seed)
    model = model_of(recipe, equal_d_ff(recipe))
    history = fit(
        model,
        lambda step: next_token_loss(model, batch(generator)),
        steps=steps,
        lr=lr,
        warmup=WARMUP,
        weight_decay=WEIGHT_DECAY,
    )
    return model, history.losses


def run(variant: str, seed: int) -> Row:
    """Train one model; its size, its bits a character, and its bits for held-out tokens with 32 or more before them."""
    model, losses = trained(variant, seed, LR)
    bits = held_out_bits(model)
    return {
        "d_ff": equal_d_ff(RECIPES[variant]),
        "n_parameters": n_parameters(model),
        "bits_per_character": round(float(bits.sum()) / n_characters(), 4),
        "late_bits": round(float(bits[:, 31:].mean()), 4),
        "losses": [round(float(x), 4) for x in torch.tensor(losses).unflatten(0, (10, -1)).mean(dim=1)],
    }


if __name__ == "__main__":
    main("modern_block")
