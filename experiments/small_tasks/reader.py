"""One small reader for every task, its training, and what is measured of it on each part."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.small_tasks.data import IGNORED, TASKS, Part, Parts
from mha.blocks import EncoderBlock
from mha.heads import MultiHeadAttention
from mha.patterns import Pattern
from mha.train import fit

__all__ = ["Reader", "Trained", "loss_of", "score", "train"]

BATCH, WARMUP, EVALUATIONS = 16, 0.1, 10
D_FF = 2  # times d_model
MOST_WATCHED = 200  # examples of a part, on the way


class Reader(nn.Module):
    """inputs (b, i) or (b, i, d) -> logits (b, classes), or (b, i, classes) where every token is asked for the next.

    Vectors and their places, pre-norm blocks, a norm, and a map of the mean over the real tokens, or of each token.

    Args:
        task: one of `TASKS`.  d_model, n_heads, n_layers: sizes; the heads share d_model.
        dropout: on activations and on what a sublayer adds.  attn_dropout: on weights.
        gate: makes what stands behind the heads of a block, given how many there are.  patterns: of every attention.
    """

    def __init__(
        self,
        task: str,
        *,
        d_model: int = 32,
        n_heads: int = 4,
        n_layers: int = 1,
        dropout: float = 0.0,
        attn_dropout: float = 0.0,
        gate: Callable[[int], nn.Module] | None = None,
        patterns: Sequence[Pattern] = (),
    ) -> None:
        super().__init__()
        asked = TASKS[task]
        self.causal = asked.causal
        self.embed = asked.embed(d_model)
        self.places = nn.Parameter(torch.randn(asked.n_tokens(), d_model) / 4)
        self.blocks = nn.ModuleList(
            EncoderBlock(
                d_model,
                n_heads,
                D_FF * d_model,
                norm_first=True,
                dropout=dropout,
                attention=MultiHeadAttention(
                    d_model, n_heads, dropout=attn_dropout, gate=gate and gate(n_heads), patterns=patterns
                ),
            )
            for _ in range(n_layers)
        )
        self.norm, self.read = nn.LayerNorm(d_model), nn.Linear(d_model, asked.n_classes())
        self.double()  # so that other processors get the same numbers

    def forward(self, inputs: Tensor) -> Tensor:
        real = inputs != 0 if inputs.dim() == 2 and not self.causal else None  # id 0 is padding
        x = self.embed(inputs) + self.places
        for block in self.blocks:
            x = block(x, key_mask=real, is_causal=self.causal)
        x = self.norm(x)
        if self.causal:
            return cast(Tensor, self.read(x))
        means = x.mean(dim=1) if real is None else (x * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
        return cast(Tensor, self.read(means))


def loss_of(model: nn.Module, part: Part, **options: Any) -> Tensor:
    """Mean cross-entropy of the targets that are asked for, in nats."""
    logits = model(part.inputs)
    return F.cross_entropy(logits.flatten(0, -2), part.targets.flatten(), ignore_index=IGNORED, **options)


@torch.no_grad()
def score(model: nn.Module, part: Part) -> dict[str, float]:
    """Loss in nats; percent of targets that are right ("right"), and of examples without a fault ("whole")."""
    logits = model(part.inputs)
    asked = part.targets != IGNORED
    right = (logits.argmax(-1) == part.targets) | ~asked
    loss = F.cross_entropy(logits.flatten(0, -2), part.targets.flatten(), ignore_index=IGNORED)
    whole = right if right.dim() == 1 else right.all(dim=1)
    return {
        "loss": round(loss.item(), 5),
        "right": round(100 * right[asked].double().mean().item(), 3),
        "whole": round(100 * whole.double().mean().item(), 3),
    }


@dataclass
class Trained:
    """A reader as its last step left it, as it was when the part to choose by was read best, and the losses on the way.

    curve: [step, loss on what is trained on, loss on what is chosen by].
    """

    last: nn.Module
    best: nn.Module
    curve: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def best_step(self) -> int:
        """Of `best`."""
        return min(self.curve, key=lambda at: at[2])[0]


def train(
    model: nn.Module,
    parts: Parts,
    seed: int,
    *,
    steps: int,
    lr: float,
    weight_decay: float = 0.0,
    label_smoothing: float = 0.0,
    extra: Callable[[int], Tensor] | None = None,
) -> Trained:
    """Train on batches that the seed draws; look at both parts `EVALUATIONS` times on the way.

    Args:
        extra: called with the step, gives what is added to the loss, such as the price of open gates.
    """
    draw, curve, best = torch.Generator().manual_seed(seed), [], copy.deepcopy(model)
    every = max(1, steps // EVALUATIONS)

    def loss(step: int) -> Tensor:
        at = torch.randint(len(parts.train.targets), (BATCH,), generator=draw)
        value = loss_of(model, Part(*(x[at] for x in parts.train)), label_smoothing=label_smoothing)
        return value if extra is None else value + extra(step)

    def look() -> float:
        known, chosen_by = (loss_of(model, Part(*(x[:MOST_WATCHED] for x in part))).item() for part in parts[:2])
        if all(chosen_by < earlier for _, _, earlier in curve):
            best.load_state_dict(model.state_dict())
        curve.append((min(every * (len(curve) + 1), steps), round(known, 5), round(chosen_by, 5)))
        return chosen_by

    options = {"lr": lr, "warmup": round(WARMUP * steps), "weight_decay": weight_decay}
    fit(model, loss, steps=steps, evaluate=look, every=every, **options)
    return Trained(model, best.eval(), curve)
