"""Are planted heads found, and is nothing found where nothing was planted? Models whose heads are known, built by hand.

Two layers of eight heads read random symbols. A token's vector holds which symbol it is, where it stands and room for
what stood before it; a head's score for a query and a key is a table of symbols plus a table of places. In "planted"
models six heads, in slots that the seed draws, get the tables of what they are for (`PLANTED`); the previous-token head
of layer 0 writes what it sees into the room, and the induction head of layer 1 compares that with its own symbol. All
other heads have tables of random numbers. In "null" models all heads have.

Fixed before the table was made: each model is set beside 19 others of random heads alone, its own; all scores of a
pattern are standardised by those of its 19, and p-values are corrected by the maximum over 16 heads x 10 scores. A
planted head is found if its pattern's score is the highest there and its p is at most 0.05; a null model rejects if
any of its 160 p-values is. 20 planted models, 200 null ones; random tables as sharp as gives a largest weight of about
a half.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.heads import MultiHeadAttention
from mha.interpret.head_scores import content_scores, pattern_keys, score_heads
from mha.recording import record_attention
from mha.statistics.maximum import corrected_by_maximum

N_SYMBOLS, LENGTH, N_TEXTS, N_HEADS = 11, 16, 12, 8
SHARP, SPREAD = 12.0, 2.0  # scores of a planted head on its keys; standard deviation of a random head's scores
N_TWINS = 19
PLANTED = {"previous": 0, "next": 0, "first": 0, "same token": 0, "local": 1, "induction": 1}  # pattern -> layer
SCORES = ("previous", "next", "own", "local", "first", "same token", "duplicate", "induction", "content", "place")

RUNS: list[Row] = [{"kind": kind, "seed": seed} for kind, n in (("planted", 20), ("null", 200)) for seed in range(n)]

SLOTS = {"symbol": slice(0, N_SYMBOLS), "place": slice(N_SYMBOLS, N_SYMBOLS + LENGTH)}
SLOTS["before"] = slice(N_SYMBOLS + LENGTH, 2 * N_SYMBOLS + LENGTH)
D_MODEL, HEAD_DIM = 2 * N_SYMBOLS + LENGTH, N_SYMBOLS + LENGTH


class HandMade(nn.Module):
    """Two layers of attention that add to the stream, without norms or feed-forward nets."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MultiHeadAttention(D_MODEL, N_HEADS, head_dim=HEAD_DIM, bias=False, scale=1.0) for _ in range(2)
        )
        for layer in self.layers:
            nn.init.zeros_(layer.qkv.weight)
            nn.init.zeros_(layer.out.weight)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Token ids (b, i) -> the stream (b, i, m)."""
        symbols, places = F.one_hot(token_ids, N_SYMBOLS), torch.eye(LENGTH)[: token_ids.shape[1]]
        x = torch.cat([symbols.float(), places.expand(len(token_ids), -1, -1)], dim=-1)
        x = F.pad(x, (0, N_SYMBOLS))
        for layer in self.layers:
            x = x + layer(x)
        return x


def set_head(layer: MultiHeadAttention, head: int, by_symbol: Tensor, by_place: Tensor, reads: str = "symbol") -> None:
    """Give a head its tables of scores: (v, v) of the query's symbol and the key's (or of what stood before the key),
    and (i, i) of their places."""
    q, k, _ = (part.unflatten(0, (N_HEADS, HEAD_DIM))[head].zero_() for part in layer.qkv.weight.data.chunk(3))
    q[:N_SYMBOLS, SLOTS["symbol"]], q[N_SYMBOLS:, SLOTS["place"]] = by_symbol.T, by_place.T
    k[:N_SYMBOLS, SLOTS[reads]], k[N_SYMBOLS:, SLOTS["place"]] = torch.eye(N_SYMBOLS), torch.eye(LENGTH)


def write_before(layer: MultiHeadAttention, head: int) -> None:
    """Let a head write the symbols it looks at into the room for what stood before."""
    values = layer.qkv.weight.data.chunk(3)[2].unflatten(0, (N_HEADS, HEAD_DIM))[head]
    values[:N_SYMBOLS, SLOTS["symbol"]] = torch.eye(N_SYMBOLS)
    layer.out.weight.data.unflatten(1, (N_HEADS, HEAD_DIM))[SLOTS["before"], head, :N_SYMBOLS] = torch.eye(N_SYMBOLS)


def tables(pattern: str) -> tuple[Tensor, Tensor]:
    """What a planted head scores: by symbols (v, v) and by places (i, i)."""
    lag = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
    none, same = torch.zeros(N_SYMBOLS, N_SYMBOLS), SHARP * torch.eye(N_SYMBOLS)
    return {
        "previous": (none, SHARP * (lag == 1)),
        "next": (none, SHARP * (lag == -1)),
        "first": (none, SHARP * (torch.arange(LENGTH) == 0).expand(LENGTH, -1)),
        "local": (none, SHARP * ((lag != 0) & (lag.abs() <= 3))),
        "same token": (same, -2 * SHARP * (lag == 0)),
        "induction": (same, -2 * SHARP * (lag <= 0)),
    }[pattern]


def random_heads(generator: torch.Generator) -> HandMade:
    """A model whose heads all have tables of random numbers."""
    model = HandMade()
    for layer, head in product(model.layers, range(N_HEADS)):
        by_symbol, by_place = (torch.randn(n, n, generator=generator) for n in (N_SYMBOLS, LENGTH))
        set_head(layer, head, SPREAD * by_symbol, SPREAD * by_place)
    return model


def planted(generator: torch.Generator) -> tuple[HandMade, dict[str, tuple[int, int]]]:
    """A model with one head of each kind among random ones, and where they are: pattern -> (layer, head)."""
    model, where = random_heads(generator), {}
    slots = [torch.randperm(N_HEADS, generator=generator).tolist() for _ in range(2)]
    for pattern, layer in PLANTED.items():
        where[pattern] = layer, slots[layer].pop()
        reads = "before" if pattern == "induction" else "symbol"
        set_head(model.layers[layer], where[pattern][1], *tables(pattern), reads=reads)
    write_before(model.layers[0], where["previous"][1])
    return model, where


@torch.no_grad()
def scores(model: nn.Module, generator: torch.Generator) -> Tensor:
    """Each head's scores on random texts, (n_scores, n_layers, h), in the order of `SCORES`."""
    texts = torch.randint(N_SYMBOLS, (N_TEXTS, LENGTH), generator=generator)
    order = torch.rand(texts.shape, generator=generator).argsort(-1)
    found = []
    for read in (texts, texts.gather(1, order)):
        with record_attention(model) as maps:
            model(read)
        found.append(maps.stack())  # (n_layers, b, h, i, j)
    by_pattern = score_heads(found[0], pattern_keys(texts))
    by_pattern["content"] = content_scores(found[0], found[1], order)
    by_pattern["place"] = -by_pattern["content"]
    return torch.stack([by_pattern[name] for name in SCORES])


def corrected(observed: Tensor, twins: Tensor) -> np.ndarray:
    """p-values (n_scores, n_layers, h) of scores, corrected by the maximum, from those of twins (n, n_scores, …)."""
    middle, spread = (part(twins, (0, 2, 3)).unsqueeze(-1).unsqueeze(-1) for part in (torch.mean, torch.std))
    maxima = ((twins - middle) / spread).flatten(1).amax(1)
    return corrected_by_maximum((observed - middle) / spread, maxima)


def judged(found: Tensor, p: np.ndarray, where: Mapping[str, tuple[int, int]]) -> dict[str, bool]:
    """For each planted pattern whether its head has the highest score and p at most 0.05."""
    results = {}
    for pattern, (layer, head) in where.items():
        n = SCORES.index(pattern)
        highest = int(found[n].argmax()) == layer * N_HEADS + head
        results[pattern] = highest and bool(p[n, layer, head] <= 0.05)
    return results


def run(kind: str, seed: int) -> Row:
    """One model beside its 19 twins: the heads that were found, or the smallest p of all."""
    generator = torch.Generator().manual_seed(10_000 * (kind == "planted") + seed)
    model, where = planted(generator) if kind == "planted" else (random_heads(generator), {})
    found = scores(model, generator)
    twins = torch.stack([scores(random_heads(generator), generator) for _ in range(N_TWINS)])
    p = corrected(found, twins)
    row: Row = {"p_min": round(float(p.min()), 4)}
    if where:
        others = np.ones(p.shape[1:], dtype=bool)
        for layer, head in where.values():
            others[layer, head] = False
        row |= {"found": judged(found, p, where), "others": int((p[:, others] <= 0.05).any())}
    return row


if __name__ == "__main__":
    main("planted_heads")
