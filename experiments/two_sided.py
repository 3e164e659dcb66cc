"""Two gaps that belong together, filled by BERT, GPT and XLNet of one size after the same training.

There are eight names of two words, no word in two of them. A text is two names, a gap, two names, all four different,
and in the gap stood one of the four, each equally likely: "New York, San Diego, __ __, Las Vegas, Los Angeles". Whoever
reads both sides can name the pair with one chance in four, so ln 4 = 1.39 nats is the least that a pair can cost on
average. Whoever fills both gaps at once, each without the other, pays twice that and writes no name three times in
four: "New Angeles". The name stands to the right of the gap as often as to the left, so one side alone does not do.

Fixed before the first table was made:

- Two layers of four heads, 64 channels, the same texts in the same batches, the same number of steps. BERT masks both
  words of the gap in half of the texts and either one in a quarter each, so that it knows all that it is later asked.
  XLNet predicts both in a random order, GPT every word but the first.
- The largest learning rate was chosen for each model by itself, among 1e-3, 2e-3, 4e-3 and 8e-3, on a seed outside the
  table, by the nats of its best way to fill the gap; 8e-3 is the best for all three, and no more than 0.01 ahead of
  4e-3. Names that each text makes up anew were tried first: 1500 steps taught none of the three to match them.
- What is measured, for each way to fill: nats a pair, minus the log of the probability of what really stood there; and
  the probability that a pair drawn from the model is one of the four names of the text.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.models.bert import EncoderConfig, MaskedLM
from mha.models.gpt import GPT, GPTConfig
from mha.models.xlnet import XLNet, XLNetConfig
from mha.train import fit

N_KNOWN, N_NAMES = 8, 4  # names there are, and names in a text
N_SYMBOLS = 2 * N_KNOWN
MASK_ID = N_SYMBOLS
LENGTH, GAP = 2 * N_NAMES + 2, N_NAMES  # the gap is at the positions GAP and GAP + 1
SIZES = {"d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": 128}
BATCH, STEPS, N_TESTED = 64, 1000, 512
LR = {"BERT": 8e-3, "GPT": 8e-3, "XLNet": 8e-3}
WAYS = {"BERT": ("at once", "in turn"), "GPT": ("left to right", "all tried"), "XLNet": ("in turn", "at once")}

RUNS: list[Row] = [{"kind": kind, "seed": seed} for kind in LR for seed in range(5)]


def texts(batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """token_ids (b, i), names (b, n, 2), and which name stands in the gap (b,)."""
    first = torch.rand(batch, N_KNOWN, generator=generator).argsort(1)[:, :N_NAMES]
    names = torch.stack([first, N_KNOWN + first], dim=2)  # (b, n, 2)
    chosen = torch.randint(N_NAMES, (batch,), generator=generator)
    return _filled(names, names[torch.arange(batch), chosen]), names, chosen


def _filled(names: Tensor, pair: Tensor) -> Tensor:
    half = N_NAMES // 2
    return torch.cat([names[:, :half].flatten(1), pair, names[:, half:].flatten(1)], dim=1)  # (b, i)


def build(kind: str) -> nn.Module:
    """An untrained model."""
    if kind == "BERT":
        return MaskedLM(EncoderConfig(vocab_size=N_SYMBOLS + 1, max_len=LENGTH, **SIZES))
    if kind == "GPT":
        return GPT(GPTConfig(vocab_size=N_SYMBOLS, max_len=LENGTH, **SIZES))
    return XLNet(XLNetConfig(vocab_size=N_SYMBOLS, **SIZES))


def masked_loss(model: nn.Module, token_ids: Tensor, generator: torch.Generator) -> Tensor:
    """BERT's: both symbols of the gap masked, or one of them."""
    which = torch.tensor([[1, 1], [1, 1], [1, 0], [0, 1]])[torch.randint(4, (len(token_ids),), generator=generator)]
    masked = F.pad(which.bool(), (GAP, LENGTH - GAP - 2))  # (b, i)
    logits = model.token_logits(model.encoder(token_ids.masked_fill(masked, MASK_ID))[masked])
    return F.cross_entropy(logits, token_ids[masked])


def next_loss(model: nn.Module, token_ids: Tensor, generator: torch.Generator) -> Tensor:
    """GPT's: each symbol from those to its left."""
    return F.cross_entropy(model(token_ids[:, :-1]).flatten(0, 1), token_ids[:, 1:].flatten())


def permuted_loss(model: nn.Module, token_ids: Tensor, generator: torch.Generator) -> Tensor:
    """XLNet's: the two symbols of the gap in a random order, all others given."""
    order = gap_last(len(token_ids))
    order[:, -2:] += torch.randint(2, (len(order), 1), generator=generator) * torch.tensor([1, -1])
    logits = model.permuted(token_ids, order, n_context=LENGTH - 2)
    return F.cross_entropy(logits.flatten(0, 1), token_ids.gather(1, order[:, -2:]).flatten())


LOSSES = {"BERT": masked_loss, "GPT": next_loss, "XLNet": permuted_loss}


def gap_last(batch: int) -> Tensor:
    """The order (b, i): all that is given, then the gap's two positions."""
    given = [position for position in range(LENGTH) if position not in (GAP, GAP + 1)]
    return torch.tensor([*given, GAP, GAP + 1]).repeat(batch, 1)


def bert_log_probs(model: nn.Module, filled: Tensor, way: str) -> Tensor:
    """(b, n, i), a text with each of its names in the gap -> ln p of each (b, n): each word by itself, or in turn."""
    masked = filled.clone()
    masked[..., GAP : GAP + 2] = MASK_ID
    first = second = model(masked.flatten(0, 1))
    if way == "in turn":
        masked[..., GAP] = filled[..., GAP]
        second = model(masked.flatten(0, 1))
    return _picked(torch.stack([first[:, GAP], second[:, GAP + 1]], dim=1)[..., :N_SYMBOLS], filled)


def gpt_log_probs(model: nn.Module, filled: Tensor, way: str) -> Tensor:
    """The same (b, n): from the left alone, or by the probability of the whole text, every pair of words tried."""
    if way == "left to right":
        return _picked(model(filled.flatten(0, 1))[:, GAP - 1 : GAP + 1], filled)
    pairs = torch.cartesian_prod(torch.arange(N_SYMBOLS), torch.arange(N_SYMBOLS))
    tried = filled[:, :1].repeat(1, len(pairs), 1)  # (b, pairs, i)
    tried[..., GAP : GAP + 2] = pairs
    of_text = torch.stack([_text_log_prob(model, one) for one in tried])  # (b, pairs)
    return of_text.log_softmax(1).gather(1, filled[..., GAP] * N_SYMBOLS + filled[..., GAP + 1])


def _text_log_prob(model: nn.Module, token_ids: Tensor) -> Tensor:
    logits = model(token_ids[:, :-1]).transpose(1, 2)  # (b, v, i - 1)
    return -F.cross_entropy(logits, token_ids[:, 1:], reduction="none").sum(1)


def xlnet_log_probs(model: nn.Module, filled: Tensor, way: str) -> Tensor:
    """The same (b, n): one word after the other, in one pass; or, as a control, each by itself."""
    token_ids = filled.flatten(0, 1)
    order = gap_last(len(token_ids))
    if way == "in turn":
        return _picked(model.permuted(token_ids, order, n_context=LENGTH - 2), filled)
    given = torch.ones(LENGTH, dtype=torch.bool).index_fill(0, torch.tensor([GAP, GAP + 1]), False)
    mask = given.expand(len(token_ids), LENGTH, LENGTH)
    unseen = mask & ~torch.eye(LENGTH, dtype=torch.bool)
    return _picked(model.two_streams(token_ids, mask, unseen, order[:, -2:]), filled)


def _picked(logits: Tensor, filled: Tensor) -> Tensor:
    """Logits (b·n, 2, v) of the gap -> ln p of what stands there (b, n)."""
    pair = filled[..., GAP : GAP + 2].flatten(0, 1)[..., None]  # (b·n, 2, 1)
    return logits.log_softmax(-1).gather(2, pair).sum((1, 2)).unflatten(0, filled.shape[:2])


LOG_PROBS: dict[str, Callable[[nn.Module, Tensor, str], Tensor]] = {
    "BERT": bert_log_probs,
    "GPT": gpt_log_probs,
    "XLNet": xlnet_log_probs,
}


@torch.no_grad()
def measure(model: nn.Module, kind: str, way: str, seed: int) -> dict[str, float]:
    """Nats a pair, and the probability of filling in one of the four names, on fresh texts, the same for each model."""
    _, names, chosen = texts(N_TESTED, torch.Generator().manual_seed(10_000 + seed))
    filled = torch.stack([_filled(names, names[:, n]) for n in range(N_NAMES)], dim=1)  # (b, n, i)
    log_probs = LOG_PROBS[kind](model, filled, way).double()
    nats = -log_probs.gather(1, chosen[:, None]).mean()
    return {"nats": float(nats), "a_name": float(log_probs.exp().sum(1).mean())}


def train(kind: str, seed: int, lr: float | None = None) -> tuple[nn.Module, list[float]]:
    """A trained model and its losses."""
    torch.manual_seed(seed)
    model, generator = build(kind), torch.Generator().manual_seed(1000 + seed)
    of_orders = torch.Generator().manual_seed(2000 + seed)  # apart, so that all models read the same texts

    def loss(step: int) -> Tensor:
        return LOSSES[kind](model, texts(BATCH, generator)[0], of_orders)

    return model, fit(model, loss, steps=STEPS, lr=lr or LR[kind], warmup=100).losses


def run(kind: str, seed: int) -> Row:
    """Train one model and fill the gap in each of its ways."""
    model, losses = train(kind, seed)
    n_parameters = sum(p.numel() for p in model.parameters())
    return {
        "ways": {way: measure(model, kind, way, seed) for way in WAYS[kind]},
        "losses": [round(sum(losses[n : n + 50]) / 50, 4) for n in range(0, STEPS, 50)],
        "parameters": n_parameters,
    }


if __name__ == "__main__":
    main("two_sided")
