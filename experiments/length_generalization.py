"""Trained at one length, tested at that length, twice and four times, with each way to tell a model where tokens stand.

Fixed before the first table was made:

- Two tasks. In "content" each of the first tokens carries a key and a payload, and the last eight carry a key alone:
  return the payload of the earlier token with that key. Where anything stands does not matter. In "distance" return the
  symbol three steps back.
- One model: two causal pre-norm layers of four heads, 32 channels. Only the positions differ. "none, both ways" is the
  control that may look ahead; without positions it cannot do better than chance in "distance".
- What is scored, at every length: accuracy on the last eight tokens, so that all of them stand beyond the trained
  length when the sequence is twice or four times as long.
- The published settings: base 10000 for sinusoidal and rotary, 32 buckets up to 128 for T5's bias, ALiBi's slopes.
  Learned positions have a vector for all 64 positions, of which training reaches 16. Steps and learning rate are such
  that one model with learned positions, of a seed outside the table, masters "distance" at the trained length.
- The question about adding: the better of the two encodings added to the embeddings against the best of the three that
  act on queries, keys or scores, seed by seed. Adding is as good where it is less than 5 points of accuracy behind.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.blocks import EncoderBlock
from mha.heads import MultiHeadAttention
from mha.positions import LearnedPositions, RelativeBias, Rotary, SinusoidalPositions, alibi_bias
from mha.train import fit

ENCODINGS = ["none, both ways", "none", "sinusoidal", "learned", "T5 bias", "rotary", "ALiBi"]
TASKS = ["content", "distance"]
TRAINED, TIMES = 16, (1, 2, 4)
STEPS_BACK, N_SCORED, N_SYMBOLS = 3, 8, 16
N_KEYS = TRAINED * max(TIMES)  # so that the keys of the longest sequence can all differ
D_MODEL, N_HEADS, N_LAYERS = 32, 4, 2
BATCH, STEPS, LR, N_TESTED = 64, 400, 6e-3, 256

RUNS: list[Row] = [
    {"task": task, "encoding": encoding, "seed": seed}
    for task in TASKS
    for encoding in ENCODINGS
    for seed in range(5)
    if (task, encoding) != ("content", "none, both ways")  # looking ahead is no help and no harm there
]


def distance_batch(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """tokens (b, i, 1) and, for each, the symbol three steps back (b, i); -100 where there is none."""
    symbols = torch.randint(N_SYMBOLS, (batch, length), generator=generator)
    targets = symbols.roll(STEPS_BACK, dims=1)
    targets[:, :STEPS_BACK] = -100
    return symbols[..., None], targets


def content_batch(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """tokens (b, i, 2), a payload (or blank) and a key; targets (b, i): payloads for the last eight, -100 before."""
    n_items = length - N_SCORED
    keys = torch.rand(batch, N_KEYS, generator=generator).argsort(dim=1)[:, :n_items]  # (b, n), all different
    payloads = torch.randint(N_SYMBOLS, (batch, n_items), generator=generator)
    asked = torch.randint(n_items, (batch, N_SCORED), generator=generator)
    blanks = torch.full((batch, N_SCORED), N_SYMBOLS)
    fields = [torch.cat([payloads, blanks], 1), N_SYMBOLS + 1 + torch.cat([keys, keys.gather(1, asked)], 1)]
    targets = torch.cat([torch.full((batch, n_items), -100), payloads.gather(1, asked)], 1)
    return torch.stack(fields, dim=-1), targets


BATCHES = {"content": content_batch, "distance": distance_batch}


class Reader(nn.Module):
    """tokens (b, i, fields) -> logits (b, i, symbols); the embeddings of a token's fields are summed."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self.embed = nn.Embedding(N_SYMBOLS + 1 + N_KEYS, D_MODEL)
        self.positions: nn.Module = nn.Identity()
        if encoding == "sinusoidal":
            self.positions = SinusoidalPositions(D_MODEL, N_KEYS)
        elif encoding == "learned":
            self.positions = LearnedPositions(D_MODEL, N_KEYS)
        self.bias = RelativeBias(N_HEADS, bidirectional=False) if encoding == "T5 bias" else None
        self.alibi, self.is_causal = encoding == "ALiBi", encoding != "none, both ways"
        rotary = Rotary(D_MODEL // N_HEADS) if encoding == "rotary" else None
        self.blocks = nn.ModuleList(
            EncoderBlock(
                D_MODEL,
                N_HEADS,
                2 * D_MODEL,
                norm_first=True,
                attention=MultiHeadAttention(D_MODEL, N_HEADS, rotary=rotary),
            )
            for _ in range(N_LAYERS)
        )
        self.norm, self.read = nn.LayerNorm(D_MODEL), nn.Linear(D_MODEL, N_SYMBOLS)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.positions(self.embed(tokens).sum(dim=2))  # (b, i, fields, m) -> (b, i, m)
        for block in self.blocks:
            x = block(x, attn_bias=self._bias(x.shape[1]), is_causal=self.is_causal)
        logits: Tensor = self.read(self.norm(x))
        return logits

    def _bias(self, length: int) -> Tensor | None:
        if self.alibi:
            return alibi_bias(N_HEADS, length)
        return None if self.bias is None else self.bias(length)


def accuracy(model: Reader, task: str, length: int, generator: torch.Generator) -> float:
    """Share of right answers on the last eight tokens of fresh sequences."""
    tokens, targets = BATCHES[task](N_TESTED, length, generator)
    with torch.no_grad():
        right = model(tokens).argmax(-1) == targets
    return float(right[:, -N_SCORED:].float().mean())


def run(task: str, encoding: str, seed: int) -> Row:
    """Train one model; its accuracy at each multiple of the trained length."""
    torch.manual_seed(seed)
    model, generator = Reader(encoding), torch.Generator().manual_seed(1000 + seed)

    def loss(step: int) -> Tensor:
        tokens, targets = BATCHES[task](BATCH, TRAINED, generator)
        return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())

    fit(model, loss, steps=STEPS, lr=LR, warmup=30)
    return {"accuracy": [accuracy(model, task, TRAINED * times, generator) for times in TIMES]}


if __name__ == "__main__":
    main("length_generalization")
