"""Can a model without positions say where each of its tokens stands? One layer, trained to do just that.

Fixed before the first run: random symbols, sequences of 32 tokens, the target is the position. Three kinds of model,
all without positions: causal, with one fixed start token in front; the same without the start token; and one that looks
both ways, with the start token. What is scored is R² on fresh sequences, all tokens but the first (which the start
token would give away). 0 is what always answering the mean position gets; a model counts as blind below 0.05.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.blocks import EncoderBlock
from mha.train import fit

KINDS = ["causal, start token", "causal", "both ways, start token"]
LENGTH, N_SYMBOLS, D_MODEL, N_HEADS = 32, 16, 32, 4
BATCH, STEPS, LR, N_TESTED = 64, 300, 3e-3, 256

RUNS: list[Row] = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(5)]


class PositionReader(nn.Module):
    """tokens (b, i) -> where each stands (b, i), as a share of the length; nothing tells it but the mask."""

    def __init__(self, is_causal: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(N_SYMBOLS + 1, D_MODEL)
        self.block = EncoderBlock(D_MODEL, N_HEADS, 2 * D_MODEL, norm_first=True)
        self.norm, self.read = nn.LayerNorm(D_MODEL), nn.Linear(D_MODEL, 1)
        self.is_causal = is_causal

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.block(self.embed(tokens), is_causal=self.is_causal)  # (b, i) -> (b, i, m)
        answer: Tensor = self.read(self.norm(x)).squeeze(-1)
        return answer


def sequences(batch: int, start_token: bool, generator: torch.Generator) -> Tensor:
    """Random symbols (b, i); the first is the start token if there is one."""
    tokens = torch.randint(N_SYMBOLS, (batch, LENGTH), generator=generator)
    if start_token:
        tokens[:, 0] = N_SYMBOLS
    return tokens


def run(kind: str, seed: int) -> Row:
    """Train one model; R² on fresh sequences, and its mean answer at each position, as a position."""
    torch.manual_seed(seed)
    model, generator = PositionReader(kind.startswith("causal")), torch.Generator().manual_seed(1000 + seed)
    start_token, where = kind.endswith("start token"), torch.arange(LENGTH) / LENGTH

    def loss(step: int) -> Tensor:
        answers = model(sequences(BATCH, start_token, generator))
        return F.mse_loss(answers[:, 1:], where[1:].expand(BATCH, -1))

    fit(model, loss, steps=STEPS, lr=LR, warmup=30)
    with torch.no_grad():
        answers = model(sequences(N_TESTED, start_token, generator))
    error = (answers - where)[:, 1:].square().mean()
    return {
        "r_squared": float(1 - error / where[1:].var(correction=0)),
        "mean_answer": [round(float(x), 4) for x in LENGTH * answers.mean(dim=0)],
    }


if __name__ == "__main__":
    main("position_readout")
