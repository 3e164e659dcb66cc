"""One thing seen in the heads turned into a change: keys that hold the token before, and induction without a detour.

In the models of `experiments.induction` the head that looks up what came last time reads its keys from what a head of
the layer below wrote there: the token before each. Seen that, one can hand it over: in the last layer each head's keys
become a mixture, learnt for each head, of the key at a place and the key one place before it (`KeyShift`).

Fixed before the table was made:

- The models of `induction`: same sequences, seeds, learning rates and schedule, followed for 700 of 1500 steps, or
  until 150 steps after induction has been learnt. "two layers" is run again to look into it on the way; what is stored
  there is the same until rounding parts the two. "shift 1" has the change in its last layer. "shift 2" is the control:
  as many parameters, as much to compute, but the key two places before.
- Looked at every 50 steps, on the blocks of `induction_circuit`: the best induction score, the best previous-token
  score of layer 0, bits for a symbol of the second copy; in two layers also those bits without the previous-token head,
  and its composition with the keys of the best induction head and of all 16 pairs of heads.
- Induction has been learnt where the best head has more than a half of its weight there, as in `induction`. The change
  helps two layers if that comes earlier than without it and than in the control, seed by seed; it helps one layer if
  that comes at all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.induction import BATCH, D_MODEL, LENGTH, LR, N_SYMBOLS, SIZES, STEPS, chains, repeats
from experiments.induction_circuit import blocks_twice, composition, scores_of, second_copy, without_head
from experiments.runner import Row, main
from mha.blocks import EncoderBlock
from mha.models.gpt import GPT, GPTConfig
from mha.patterns import Pattern
from mha.train import fit

STOP, AFTER, EVERY, ENOUGH = 700, 150, 50, 0.5
KINDS = {"two layers": ("two layers", 0), "two layers, shift 1": ("two layers", 1)}
KINDS |= {"two layers, shift 2": ("two layers", 2)}
KINDS |= {"one layer, shift 1": ("one layer", 1), "one layer, shift 2": ("one layer", 2)}

RUNS: list[Row] = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(5)]


class KeyShift(Pattern):
    """Mix each key with the key some places before it, (1 - s) k_j + s k_{j - lag}, with one learnt s for each head.

    For whole sequences: a cache would have to hold the keys unmixed.

    Args:
        n_heads: h.  lag: how many places before; what stands before the first place is zero.
    Source: the smeared keys of Olsson et al. 2022.
    """

    def __init__(self, n_heads: int, lag: int = 1) -> None:
        super().__init__()
        self.logit, self.lag = nn.Parameter(torch.zeros(n_heads)), lag

    def forward(self, attend: Callable[..., Tensor], q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        """As for `Pattern`, for keys (b, h, j, d)."""
        before = F.pad(k, (0, 0, self.lag, 0))[:, :, : -self.lag]  # the key lag places before
        s = self.logit.sigmoid()[:, None, None]
        return attend(q, (1 - s) * k + s * before, v, **options)


def shift_keys(model: GPT, lag: int) -> GPT:
    """Give the last layer of a model a `KeyShift`; 0 leaves it as it is."""
    attn = cast(EncoderBlock, model.blocks[-1]).attn
    if lag:
        attn.patterns = nn.ModuleList([KeyShift(attn.n_heads, lag)])
    return model


class EnoughError(Exception):
    """Training has gone as far as it is followed."""


def looked_at(model: GPT, tokens: Tensor) -> Row:
    """What the heads score now, and what the second copy costs."""
    found, before = scores_of(model, tokens)
    row: Row = {"induction": round(float(found.max()), 4), "bits": second_copy(model, tokens)}
    if len(found) == 2:
        head = int(before[0].argmax())
        keys = composition(model)["keys"]
        row |= {
            "previous": round(float(before[0, head]), 4),
            "bits_without": second_copy(without_head(model, head), tokens),
            "composed": keys[head][int(found[1].argmax())],
            "composed_all": round(sum(map(sum, keys)) / sum(map(len, keys)), 4),
        }
    return row


def train(kind: str, seed: int) -> tuple[GPT, list[Row]]:
    """A model as `induction` trains it, as far as it is followed, and what was seen on the way."""
    sizes, lag = KINDS[kind]
    torch.manual_seed(seed)
    model = shift_keys(GPT(GPTConfig(N_SYMBOLS, D_MODEL, max_len=LENGTH, **SIZES[sizes])), lag)
    generator, tokens = torch.Generator().manual_seed(1000 + seed), blocks_twice(seed)
    seen = [{"step": 0} | looked_at(model.eval(), tokens)]

    def loss(step: int) -> Tensor:
        learnt = first_step(seen)
        if step == STOP or (learnt is not None and step == learnt + AFTER):
            raise EnoughError
        tokens = torch.cat([make(BATCH // 2, generator) for make in (chains, repeats)])
        return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    def look() -> float:
        seen.append({"step": seen[-1]["step"] + EVERY} | looked_at(model, tokens))
        return 0.0

    with suppress(EnoughError):
        fit(model, loss, steps=STEPS, lr=LR[sizes], warmup=100, evaluate=look, every=EVERY)
    return model, seen


def first_step(seen: list[Row]) -> int | None:
    """The first step looked at in which induction has been learnt; None if it was not."""
    return next((row["step"] for row in seen if row["induction"] > ENOUGH), None)


def run(kind: str, seed: int) -> Row:
    """Train one model; what was seen on the way, and each head's share of the shifted key."""
    model, seen = train(kind, seed)
    shifts = [m for m in model.modules() if isinstance(m, KeyShift)]
    shares = [round(float(s), 3) for m in shifts for s in m.logit.sigmoid()]
    return {"seen": seen, "shares": shares, "parameters": sum(p.numel() for p in model.parameters())}


if __name__ == "__main__":
    main("shifted_keys")
