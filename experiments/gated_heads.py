"""Do gates that choose heads while a model trains make it generalise better? Against dropout with as many trials.

Two tasks, each with few examples to train on:

- "digits": scikit-learn's handwritten digits, each image eight tokens of eight pixels; 200 to train on, 200 to choose
  a setting on, the others to judge on.
- "lookups": the task of `head_counts`, two things looked up at once, with 96 sequences to train on again and again.

The model: two blocks of eight heads, width 32 (for "lookups" the one layer of `head_counts`). "gates": a hard-concrete
gate on every head, whose expected number of open ones, times a penalty, is added to the loss; the gates learn at a rate
of their own, except in "gates, one rate". "dropout": on weights, activations and what each sublayer adds, for "lookups"
on weights. Gates and dropout get three settings each; which one counts is chosen for each seed by the share right, then
by the loss, on the examples to choose on.

Fixed before the table was made, after trial runs on seeds 100 and 101, which are not in it: all sizes, rates and
settings; five seeds, each of which draws its own split, start and batches. Budget: 4 core-minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.head_counts import Lookup, questions
from experiments.runner import Row, main
from experiments.small_tasks.digits import digit_rows
from mha.blocks import EncoderBlock
from mha.compress.gates import add_gates, expected_open, parameter_groups, without_closed
from mha.interpret.patching import attention_layers

D_MODEL, N_HEADS, N_BLOCKS, BATCH, STEPS, LR, GATE_LR, WARMUP = 32, 8, 2, 32, 300, 3e-3, 0.05, 20
TASKS = ("digits", "lookups")
PENALTIES, DROPOUTS = (0.01, 0.1, 0.3), (0.1, 0.2, 0.4)
ONE_RATE = 0.1  # of the penalties, that which is tried with one rate too
SEEDS = range(5)

RUNS: list[Row] = [
    {"task": task, "kind": kind, "setting": setting, "seed": seed}
    for task in TASKS
    for kind, settings in (
        ("none", (0.0,)),
        ("gates", PENALTIES),
        ("dropout", DROPOUTS),
        ("gates, one rate", (ONE_RATE,)),
    )
    for setting in settings
    for seed in SEEDS
]

Part = tuple[Tensor, ...]  # inputs, and the answers last


@dataclass(frozen=True)
class Task:
    """What is trained on, chosen on and judged on, and the model for it; make_model(dropout)."""

    make_model: Callable[[float], nn.Module]
    train: Part
    choose: Part
    judge: Part


class Reader(nn.Module):
    """Rows of pixels -> logits: mapped and given their places, two blocks, the mean over all tokens."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.embed, self.places = nn.Linear(8, D_MODEL), nn.Parameter(0.02 * torch.randn(8, D_MODEL))
        made = (EncoderBlock(D_MODEL, N_HEADS, 2 * D_MODEL, norm_first=True, dropout=dropout) for _ in range(N_BLOCKS))
        self.blocks, self.norm = nn.ModuleList(made), nn.LayerNorm(D_MODEL)
        self.read = nn.Linear(D_MODEL, 10)

    def forward(self, rows: Tensor) -> Tensor:
        """rows (b, i, 8) -> logits (b, 10)."""
        x = self.embed(rows) + self.places  # (b, i, m)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.read(self.norm(x).mean(1))
        return logits


def digits(seed: int) -> Task:
    """Images as eight rows."""
    rows, answers = digit_rows()
    order = torch.randperm(len(answers), generator=torch.Generator().manual_seed(seed))
    parts = (order[start:end] for start, end in ((0, 200), (200, 400), (400, None)))
    return Task(Reader, *((rows[part].float(), answers[part]) for part in parts))


def lookups(seed: int) -> Task:
    """Two things looked up at once."""
    draw = torch.Generator().manual_seed(7000 + seed)

    def model(dropout: float) -> nn.Module:
        made = Lookup(2, N_HEADS, D_MODEL, "linear")
        made.attn.dropout = dropout
        return made

    return Task(model, *(questions(n, 2, draw) for n in (96, 64, 256)))


def cross_entropy(model: nn.Module, part: Part) -> tuple[Tensor, Tensor]:
    """The mean loss, and the share of answers that are right."""
    *inputs, answers = part
    logits = model(*inputs).flatten(0, -2)
    return F.cross_entropy(logits, answers.flatten()), (logits.argmax(-1) == answers.flatten()).float().mean()


def train(task: Task, kind: str, setting: float, seed: int) -> nn.Module:
    """One model, its gates trained with it."""
    torch.manual_seed(seed)
    model = task.make_model(setting if kind == "dropout" else 0.0)
    gated = kind.startswith("gates")
    model = add_gates(model) if gated else model
    rates = {"lr": LR, "gate_lr": LR if kind == "gates, one rate" else GATE_LR, "weight_decay": 0.01}
    groups = parameter_groups(model, **rates) if gated else [{"params": [*model.parameters()], "lr": LR}]
    optimizer, draw = torch.optim.AdamW(groups, weight_decay=0.01), torch.Generator().manual_seed(1000 + seed)
    warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARMUP))
    for _ in range(STEPS):
        batch = torch.randint(len(task.train[0]), (BATCH,), generator=draw)
        value = cross_entropy(model.train(), tuple(x[batch] for x in task.train))[0]
        value = value + setting * expected_open(model) if gated else value
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        warm.step()
    return model.eval()


@torch.no_grad()
def run(task: str, kind: str, setting: float, seed: int) -> Row:
    """Loss and share right on each part, and how many heads are left."""
    made = (digits if task == "digits" else lookups)(seed)
    with torch.enable_grad():
        model = train(made, kind, setting, seed)
    if kind.startswith("gates"):
        model = without_closed(model)[0]
    row: Row = {"heads": sum(layer.n_heads for layer in attention_layers(model))}
    for name in ("train", "choose", "judge"):
        loss, right = cross_entropy(model, getattr(made, name))
        row |= {f"{name} loss": round(float(loss), 5), f"{name} right": round(float(right), 5)}
    return row


if __name__ == "__main__":
    main("gated_heads")
