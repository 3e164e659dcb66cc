"""What one head can do and several can: look up one thing, or two at once, with the same number of parameters.

A memory holds one token for each of 8 names drawn from 16, each with a payload of 8 kinds. A query names one of them
and asks for its payload, or names two and asks for both, in order. One layer of attention without biases, then a
readout: one linear map, or (`readout="feed-forward"`) with a hidden layer in between. One layer of width 32 has 1 to
32 heads, all with the same number of parameters; controls are one head at twice the width, and one and two heads
before a feed-forward readout. A query counts as answered if all that it asks for is right. A head count does the task
if it answers more than 95 % of fresh queries: it has learned the lookup, and what it misses is rare. All this was
fixed before the first run of the table; steps and learning rate were chosen on seeds 100 and 101, which are not in it.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.heads import MultiHeadAttention
from mha.recording import record_attention
from mha.train import fit

N_NAMES, N_PAYLOADS, N_TOKENS, N_QUERIES = 16, 8, 8, 16
D_MODEL, BATCH, STEPS, LR, N_TESTED = 32, 32, 500, 1e-2, 128
HEADS, SEEDS, DONE = [1, 2, 4, 8, 16, 32], range(6), 0.95

RUNS: list[Row] = [
    {"n_lookups": n, "n_heads": h, "d_model": D_MODEL, "readout": "linear", "seed": seed}
    for n in (1, 2)
    for h in HEADS
    for seed in SEEDS
] + [
    {"n_lookups": 2, "n_heads": h, "d_model": m, "readout": readout, "seed": seed}
    for h, m, readout in ((1, 2 * D_MODEL, "linear"), (1, D_MODEL, "feed-forward"), (2, D_MODEL, "feed-forward"))
    for seed in SEEDS
]


class Lookup(nn.Module):
    """Names asked for and a memory of named payloads -> logits of the payloads; attention is the only way across."""

    def __init__(self, n_lookups: int, n_heads: int, d_model: int, readout: str) -> None:
        super().__init__()
        self.name, self.payload = nn.Embedding(N_NAMES, d_model), nn.Embedding(N_PAYLOADS, d_model)
        self.asked = nn.ModuleList(nn.Embedding(N_NAMES, d_model) for _ in range(n_lookups))  # first, second
        self.attn = MultiHeadAttention(d_model, n_heads, bias=False)
        hidden = [nn.Linear(d_model, 4 * d_model), nn.GELU()] if readout == "feed-forward" else []
        self.read = nn.Sequential(*hidden, nn.Linear(4 * d_model if hidden else d_model, n_lookups * N_PAYLOADS))

    def forward(self, asked: Tensor, names: Tensor, payloads: Tensor) -> Tensor:
        """asked (b, i, n), names and payloads (b, j) -> logits (b, i, n, payload)."""
        x = torch.stack([table(asked[..., n]) for n, table in enumerate(self.asked)]).sum(dim=0)  # (b, i, m)
        context = self.name(names) + self.payload(payloads)  # (b, j, m)
        logits: Tensor = self.read(self.attn(x, context)).unflatten(-1, (len(self.asked), N_PAYLOADS))
        return logits


def questions(batch: int, n_lookups: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """asked (b, i, n), names (b, j), payloads (b, j) and answers (b, i, n)."""
    names = torch.rand(batch, N_NAMES, generator=generator).argsort(dim=-1)[:, :N_TOKENS]
    payloads = torch.randint(N_PAYLOADS, (batch, N_TOKENS), generator=generator)
    places = torch.rand(batch, N_QUERIES, N_TOKENS, generator=generator).argsort(dim=-1)[..., :n_lookups]
    at = places.flatten(1)  # (b, i, n) -> (b, i·n), all different within a query
    return names.gather(1, at).view_as(places), names, payloads, payloads.gather(1, at).view_as(places)


def mean_distance(model: Lookup, batch: tuple[Tensor, ...]) -> float | None:
    """Mean Jensen-Shannon distance between the weights of two heads, over pairs and queries; 0 alike, 1 disjoint."""
    with torch.no_grad(), record_attention(model) as maps:
        model(*batch[:3])
    weights = maps["attn"].transpose(0, 1)  # (h, b, i, j)
    distances = [
        js_distance(weights[first], weights[second]).mean() for first in range(len(weights)) for second in range(first)
    ]
    return float(torch.stack(distances).mean()) if distances else None


def js_distance(p: Tensor, q: Tensor) -> Tensor:
    """Root of the Jensen-Shannon divergence in bits, along the last axis."""
    middle = (p + q) / 2
    halves = [torch.xlogy(x, x) - torch.xlogy(x, middle) for x in (p, q)]
    bits = (halves[0] + halves[1]).sum(dim=-1) / 2 / torch.log(torch.tensor(2.0))
    return bits.clamp(0, 1).sqrt()


def train(
    n_lookups: int, n_heads: int, d_model: int, readout: str, seed: int, steps: int = STEPS
) -> tuple[Lookup, Lookup]:
    """One model as it was drawn, and the same model trained."""
    torch.manual_seed(seed)
    model = Lookup(n_lookups, n_heads, d_model, readout)
    untrained, generator = copy.deepcopy(model), torch.Generator().manual_seed(1000 + seed)

    def loss(step: int) -> Tensor:
        *inputs, answers = questions(BATCH, n_lookups, generator)
        return F.cross_entropy(model(*inputs).flatten(0, -2), answers.flatten())

    fit(model, loss, steps=steps, lr=LR, warmup=50)
    return untrained, model


def fresh_questions(n_lookups: int, seed: int) -> tuple[Tensor, ...]:
    """What a model is tested on."""
    return questions(N_TESTED, n_lookups, torch.Generator().manual_seed(5000 + seed))


def right_answers(model: Lookup, batch: tuple[Tensor, ...]) -> Tensor:
    """(b, i, n) bool: which of the payloads asked for the model gives."""
    with torch.no_grad():
        logits: Tensor = model(*batch[:3])
    return logits.argmax(dim=-1) == batch[3]


class OneRemoved(nn.Module):
    """A gate that sets one head's output to zero."""

    def __init__(self, head: int) -> None:
        super().__init__()
        self.head = head

    def forward(self, heads: Tensor) -> Tensor:
        return heads * (torch.arange(heads.shape[1]) != self.head)[:, None, None]  # (b, h, i, d)


def answered_without_each(model: Lookup, batch: tuple[Tensor, ...]) -> list[float]:
    """Share of queries still answered when one head's output is zero, for each head."""
    shares = []
    for head in range(model.attn.n_heads):
        model.attn.gate = OneRemoved(head)
        shares.append(round(float(right_answers(model, batch).all(dim=-1).float().mean()), 4))
    model.attn.gate = None
    return shares


def run(n_lookups: int, n_heads: int, d_model: int, readout: str, seed: int) -> Row:
    """Train one model; its share of answered queries, and how far apart its heads look before and after."""
    untrained, model = train(n_lookups, n_heads, d_model, readout, seed)
    tested = fresh_questions(n_lookups, seed)
    few = tuple(x[:16] for x in tested)
    right = right_answers(model, tested)
    return {
        "answered": float(right.all(dim=-1).float().mean()),
        "each": [round(float(x), 4) for x in right.float().mean(dim=(0, 1))],
        "answered_without": answered_without_each(model, tested),
        "parameters": sum(p.numel() for p in model.attn.parameters()),
        "distance_before": mean_distance(untrained, few),
        "distance_after": mean_distance(model, few),
    }


if __name__ == "__main__":
    main("head_counts")
