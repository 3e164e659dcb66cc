"""Why three projections: tie queries, keys and values, one pair at a time, on two tasks whose answers are known.

A set of nine tokens in no order. Each token has a name, a pointer (a name) and a payload, as three one-hot vectors side
by side. One attention head and a linear readout must name a payload for every token:

- "follow": the payload of the token my pointer names. All names differ, and the pointers run through the whole set in
  one ring, so that each token points at one other and is pointed at by one other.
- "vote": the commonest payload among the tokens with my name. Three names, three tokens each, of which two share their
  payload; the pointers are noise.

Both are solved exactly by attention in which a token's score with another is high where the name is the right one.
The interventions give each token the queries (or keys, or values) of another set and ask whose payload comes out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.attention import attention
from mha.train import fit

N_TOKENS = N_NAMES = 9
N_PAYLOADS = 8
FIELDS = {"name": slice(0, 9), "pointer": slice(9, 18), "payload": slice(18, 26)}
D_MODEL = 26
BATCH, STEPS, LR, N_TESTED = 64, 400, 1e-2, 500
# which of the three maps each of q, k and v uses; None: the input itself
SHARING: dict[str, tuple[int | None, int | None, int | None]] = {
    "none": (0, 1, 2),
    "K = V": (0, 1, 1),
    "Q = V": (0, 1, 0),
    "Q = K": (0, 0, 1),
    "Q = K = V": (0, 0, 0),
    "no maps": (None, None, None),
}
WIDTHS = [2, 4, 8, 16]
EQUAL_PARAMETERS = {"none": 16, "K = V": 24, "Q = V": 24, "Q = K": 24, "Q = K = V": 48}  # 3 · 16 = 2 · 24 = 48
_PAIRS = [(tied, width) for tied in EQUAL_PARAMETERS for width in WIDTHS]
_PAIRS += [(tied, width) for tied, width in EQUAL_PARAMETERS.items() if width > 16] + [("no maps", D_MODEL)]

RUNS: list[Row] = [
    {"task": task, "tied": tied, "head_dim": width, "seed": seed}
    for task in ("follow", "vote")
    for tied, width in _PAIRS
    for seed in range(6)
]


def follow_batch(batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """tokens (b, i, 26) and the payload to name for each (b, i)."""
    names = _shuffled(batch, N_NAMES, generator)  # (b, i), each name once
    ring = _shuffled(batch, N_TOKENS, generator)  # the order of the hunt
    target = torch.empty_like(ring).scatter_(1, ring, ring.roll(-1, dims=1))  # (b, i): which token to find
    payloads = torch.randint(N_PAYLOADS, (batch, N_TOKENS), generator=generator)
    return _tokens(names, names.gather(1, target), payloads), payloads.gather(1, target)


def vote_batch(batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """tokens (b, i, 26) and the payload to name for each (b, i)."""
    group = torch.arange(N_TOKENS) // 3
    names = _shuffled(batch, N_NAMES, generator)[:, group]  # three names, three tokens each
    common = torch.randint(N_PAYLOADS, (batch, 3), generator=generator)
    other = (common + torch.randint(1, N_PAYLOADS, (batch, 3), generator=generator)) % N_PAYLOADS
    payloads = torch.where(torch.arange(N_TOKENS) % 3 == 2, other[:, group], common[:, group])
    pointers = torch.randint(N_NAMES, (batch, N_TOKENS), generator=generator)
    return _tokens(names, pointers, payloads), common[:, group]


BATCHES = {"follow": follow_batch, "vote": vote_batch}


def _shuffled(batch: int, n: int, generator: torch.Generator) -> Tensor:
    return torch.rand(batch, n, generator=generator).argsort(dim=1)


def _tokens(names: Tensor, pointers: Tensor, payloads: Tensor) -> Tensor:
    parts = [(names, N_NAMES), (pointers, N_NAMES), (payloads, N_PAYLOADS)]
    return torch.cat([F.one_hot(part, size).float() for part, size in parts], dim=-1)


class OneHead(nn.Module):
    """tokens (b, i, 26) -> logits (b, i, payloads): one head, nothing around it, some of its maps shared.

    Without maps, queries, keys and values are the tokens themselves; one number, the scale, is learned for them.
    """

    def __init__(self, tied: str, head_dim: int) -> None:
        super().__init__()
        self.sharing = SHARING[tied]
        n_maps = len(set(self.sharing) - {None})
        self.maps = nn.ModuleList(nn.Linear(D_MODEL, head_dim, bias=False) for _ in range(n_maps))
        self.scale = nn.Parameter(torch.tensor(1.0)) if n_maps == 0 else None
        self.read = nn.Linear(head_dim, N_PAYLOADS)

    def qkv(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = (x if which is None else self.maps[which](x) for which in self.sharing)
        return (q if self.scale is None else q * self.scale), k, v

    def answer(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        logits: Tensor = self.read(attention(q, k, v)[0])
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(*self.qkv(x))


def trained(task: str, tied: str, head_dim: int, seed: int) -> OneHead:
    """A model after training, in evaluation mode."""
    torch.manual_seed(seed)
    model, generator = OneHead(tied, head_dim), torch.Generator().manual_seed(1000 + seed)

    def loss(step: int) -> Tensor:
        tokens, targets = BATCHES[task](BATCH, generator)
        return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())

    fit(model, loss, steps=STEPS, lr=LR, warmup=30)
    return model


@torch.no_grad()
def swaps(model: OneHead, seed: int) -> Row:
    """Give every token of a "follow" set A the queries, keys or values of a set B.

    Returns, for each of the three, how often the answer is the one that the swap predicts ("moved") and how often it is
    still the one of set A alone ("stayed").
    """
    generator = torch.Generator().manual_seed(3000 + seed)
    (a, stayed), (b, _) = (follow_batch(N_TESTED, generator) for _ in range(2))
    of_a, of_b, rates = model.qkv(a), model.qkv(b), {}
    for n, name in enumerate(("queries", "keys", "values")):
        mixed = [of_b[m] if m == n else of_a[m] for m in range(3)]
        pointers, names, payloads = (
            (b if m == n else a)[..., FIELDS[field]].argmax(-1)
            for m, field in enumerate(("pointer", "name", "payload"))
        )
        found = (pointers[:, :, None] == names[:, None, :]).float().argmax(-1)  # (b, i): where the key is that fits
        answer = model.answer(*mixed).argmax(-1)
        rates[name] = {"moved": _rate(answer == payloads.gather(1, found)), "stayed": _rate(answer == stayed)}
    return rates


def _rate(right: Tensor) -> float:
    return round(float(right.float().mean()), 6)


@torch.no_grad()
def where_it_looks(model: OneHead, x: Tensor) -> list[float]:
    """In "follow" sets: mean weight on itself, on the token it points at, on the one that points at it, on others."""
    _, weights = attention(*model.qkv(x))
    points_at = x[..., FIELDS["pointer"]] @ x[..., FIELDS["name"]].transpose(-1, -2)  # (b, i, j): i points at j
    itself = torch.eye(N_TOKENS).expand_as(points_at)
    shares = [_rate((weights * m).sum(-1)) for m in (itself, points_at, points_at.transpose(-1, -2))]
    return [*shares, round(1.0 - sum(shares), 6)]


def run(task: str, tied: str, head_dim: int, seed: int) -> Row:
    """Train one model; its accuracy on fresh sets, and on "follow" where it looks and what swaps do."""
    model = trained(task, tied, head_dim, seed)
    tokens, targets = BATCHES[task](N_TESTED, torch.Generator().manual_seed(2000 + seed))
    with torch.no_grad():
        row: Row = {"accuracy": _rate(model(tokens).argmax(-1) == targets)}
    row["parameters_in_maps"] = sum(p.numel() for p in model.maps.parameters())
    if task == "follow":
        row |= {"weights": where_it_looks(model, tokens), "swaps": swaps(model, seed)}
    return row


if __name__ == "__main__":
    main("tied_projections")
