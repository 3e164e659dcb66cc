"""The readers of `span_readers` after three times the steps: five seeds, the same questions, lengths, heads and cuts.

After 1200 steps one reader of five read far better than the others, and its weights told right rows from wrong ones in
more questions. Whether the others only needed patience is asked here; it was decided on after that table was seen.
"subjects seen" is a control: as many questions about the subjects that were trained on.
"""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments import span_readers
from experiments.runner import Row, main
from experiments.span_readers import (
    BATCH,
    LOOKED_AT,
    LR,
    TRAINED_ON,
    UNANSWERED,
    WARMUP,
    WAYS,
    WEIGHT_DECAY,
    scored,
    scores_of,
    tokens,
)
from mha.models.span_reader import SpanReader, SpanReaderConfig
from mha.tasks.passages import passage
from mha.tasks.spans import as_batch
from mha.train import fit

STEPS = 3 * span_readers.STEPS
RUNS: list[Row] = [{"seed": seed} for seed in range(5)]


def train(seed: int) -> SpanReader:
    """As `span_readers.train` does, for longer."""
    torch.manual_seed(seed)
    model, rng = SpanReader(SpanReaderConfig()), random.Random(seed)

    def loss(step: int) -> Tensor:
        n = rng.choice(TRAINED_ON)
        drawn = [passage("train", n, rng, answered=rng.random() >= UNANSWERED) for _ in range(BATCH)]
        batch = as_batch(tokens(), drawn)
        scores = scores_of(model, batch)  # (b, i, 2)
        return F.cross_entropy(scores[..., 0], batch.spans[:, 0]) + F.cross_entropy(scores[..., 1], batch.spans[:, 1])

    fit(model, loss, steps=STEPS, lr=LR, warmup=WARMUP, weight_decay=WEIGHT_DECAY)
    return model


def run(seed: int) -> Row:
    """Train one reader, and ask it all that the shorter runs were asked."""
    model = train(seed)
    seen = span_readers.questions("train", LOOKED_AT)
    with torch.no_grad():
        found: Row = {name: measure(model) for name, measure in span_readers.MEASURES.items()}
        return found | {"subjects seen": {way: scored(seen, reading(model, seen)) for way, reading in WAYS.items()}}


if __name__ == "__main__":
    main("span_reader_patience")
