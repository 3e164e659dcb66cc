"""Does a model learn to look up what came after the last time? One layer against two, on sequences that repeat.

A head that looks at the token behind the previous occurrence of the present one is an induction head: in "A B … A" it
looks at B. One layer cannot make one from what a key holds, since a key knows its own token and place but not the token
before it; two layers can, the first by writing into each token what stood before it (Elhage et al. 2021).

Fixed before the first table was made:

- Half of the sequences are text of a kind: a chain over 32 symbols in which each has four equally likely followers, the
  same in all of training. The other half is a block of random symbols, 5 to 12 of them, over and over until the
  sequence is full. The length of the block is drawn anew each time, so that no fixed distance will do.
- "two layers" is a GPT of two layers of four heads; "one layer" has one layer of eight heads and a feed-forward layer
  so wide that both have the same number of parameters within 1 %. Same sequences, same number of steps. The learning
  rate was chosen for each by itself, of 3e-3 and 1e-2, on a seed outside the table, by the bits in the second copy.
- Tested on fresh blocks of eight different symbols, twice. Measured are the bits for each symbol but the first and each
  head's weight on the symbol behind the previous occurrence, on the average over the second copy. Chance is that weight
  for a head that looks at all symbols up to its own alike; the untrained model is measured too.
- Induction has been learnt where the best of the eight heads puts more than half of its weight there.
- Sizes (32 symbols, blocks of 5 to 12, 1500 steps) are such that a model of two layers learns induction on that seed;
  with 64 symbols and blocks of 8 to 20 it had not in 2000 steps.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from experiments.runner import RESULTS, Row, main
from mha.models.gpt import GPT, GPTConfig
from mha.recording import record_attention
from mha.train import fit

N_SYMBOLS, LENGTH, SHORTEST, LONGEST, TESTED = 32, 32, 5, 12, 8
N_FOLLOWERS = 4
SIZES = {
    "two layers": {"n_layers": 2, "n_heads": 4, "d_ff": 256},
    "one layer": {"n_layers": 1, "n_heads": 8, "d_ff": 640},
}
LR = {"two layers": 1e-2, "one layer": 3e-3}
D_MODEL, BATCH, STEPS, N_TESTED, EVERY = 64, 32, 1500, 256, 100

KEPT = RESULTS / "induction.safetensors"  # the model of two layers of seed 0, in 16 bits

RUNS: list[Row] = [{"kind": kind, "seed": seed} for kind in SIZES for seed in range(5)]


def followers() -> Tensor:
    """(v, 4): which symbols may follow each."""
    return torch.rand(N_SYMBOLS, N_SYMBOLS, generator=torch.Generator().manual_seed(7)).argsort(1)[:, :N_FOLLOWERS]


def chains(batch: int, generator: torch.Generator) -> Tensor:
    """Text of a kind (b, i)."""
    table = followers()
    tokens = torch.randint(N_SYMBOLS, (batch, LENGTH), generator=generator)
    for n in range(1, LENGTH):
        tokens[:, n] = table[tokens[:, n - 1], torch.randint(N_FOLLOWERS, (batch,), generator=generator)]
    return tokens


def repeats(batch: int, generator: torch.Generator) -> Tensor:
    """A random block over and over (b, i), each sequence with a length of its own."""
    lengths = torch.randint(SHORTEST, LONGEST + 1, (batch, 1), generator=generator)
    blocks = torch.randint(N_SYMBOLS, (batch, LONGEST), generator=generator)
    return blocks.gather(1, torch.arange(LENGTH) % lengths)


def twice(batch: int, size: int, n_symbols: int, generator: torch.Generator) -> Tensor:
    """A block of different random symbols, two times (b, 2 size)."""
    return torch.rand(batch, n_symbols, generator=generator).argsort(1)[:, :size].repeat(1, 2)


def induction_scores(weights: Tensor) -> Tensor:
    """The weight on the token behind the previous occurrence: means over the batch and the second of two copies.

    Args:
        weights: (n_layers, b, h, i, i), i twice the length of a copy.
    Returns:
        (n_layers, h).
    """
    size = weights.shape[-1] // 2
    behind = weights.diagonal(1 - size, -2, -1)  # query p, key p - size + 1, for p from size - 1 on
    return behind[..., 1:].mean(dim=(1, -1))  # the query size - 1 stands in the first copy


def previous_scores(weights: Tensor) -> Tensor:
    """The weight on the token just before, (n_layers, h): means over the batch and all queries but the first."""
    return weights.diagonal(-1, -2, -1).mean(dim=(1, -1))


def chance(size: int) -> float:
    """The induction score of a head that looks at every token up to its own alike."""
    return sum(1 / (query + 1) for query in range(size, 2 * size)) / size


@torch.no_grad()
def bits(model: GPT, tokens: Tensor) -> Tensor:
    """Bits for each token but the first of a sequence, (i - 1,), means over the batch."""
    losses = F.cross_entropy(model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none")
    return losses.mean(0) / math.log(2)


def measured(model: GPT, generator: torch.Generator) -> Row:
    """Bits by place, and the score of each head."""
    tokens = twice(N_TESTED, TESTED, N_SYMBOLS, generator)
    with torch.no_grad(), record_attention(model) as maps:
        model(tokens)
    return {
        "bits": [round(float(x), 4) for x in bits(model, tokens)],
        "chain_bits": round(float(bits(model, chains(N_TESTED, generator))[8:].mean()), 4),
        "induction": _rounded(induction_scores(maps.stack())),
        "previous": _rounded(previous_scores(maps.stack())),
    }


def _rounded(scores: Tensor) -> list[list[float]]:
    return [[round(float(x), 4) for x in heads] for heads in scores]


def train(kind: str, seed: int, steps: int = STEPS) -> tuple[Row, GPT]:
    """One model, and what it does before and after training; `best_score` follows its best head on the way."""
    torch.manual_seed(seed)
    model, generator = GPT(GPTConfig(N_SYMBOLS, D_MODEL, max_len=LENGTH, **SIZES[kind])), torch.Generator()
    generator.manual_seed(1000 + seed)
    untrained = measured(model, torch.Generator().manual_seed(2000 + seed))

    def loss(step: int) -> Tensor:
        tokens = torch.cat([make(BATCH // 2, generator) for make in (chains, repeats)])
        return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    def best() -> float:
        return max(max(heads) for heads in measured(model, torch.Generator().manual_seed(2000 + seed))["induction"])

    history = fit(model, loss, steps=steps, lr=LR[kind], warmup=100, evaluate=best, every=EVERY)
    trained = measured(model, torch.Generator().manual_seed(2000 + seed))
    on_the_way = [[step, round(score, 4)] for step, score in history.evaluations.items()]
    parameters = sum(p.numel() for p in model.parameters())
    return {"untrained": untrained, "trained": trained, "best_score": on_the_way, "parameters": parameters}, model


def kept() -> GPT:
    """The model of two layers of seed 0, as `run` left it."""
    model = GPT(GPTConfig(N_SYMBOLS, D_MODEL, max_len=LENGTH, **SIZES["two layers"]))
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(KEPT).items()})
    return model.eval()


def run(kind: str, seed: int) -> Row:
    """Train one model and measure it; keep the first of two layers."""
    row, model = train(kind, seed)
    if (kind, seed) == ("two layers", 0):
        save_file({name: tensor.half() for name, tensor in model.state_dict().items()}, KEPT)
    return row


if __name__ == "__main__":
    main("induction")
