"""The readers of `span_readers` after three times the steps: five seeds, the same questions, lengths, heads and cuts.

After 1200 steps one reader of five read far better than the others, and its weights told right rows from wrong ones in
more questions. Whether the others only needed patience is asked here; it was decided on after that table was seen.
"subjects seen" is a control: as many questions about the subjects that were trained on.
"""

from __future__ import annotations

import torch

from experiments import span_readers
from experiments.runner import Row, main
from experiments.span_readers import LOOKED_AT, WAYS, scored

STEPS = 3 * span_readers.STEPS
RUNS: list[Row] = [{"seed": seed} for seed in range(5)]


def run(seed: int) -> Row:
    """Train one reader, and ask it all that the shorter runs were asked."""
    model = span_readers.train(seed, STEPS)
    seen = span_readers.questions("train", LOOKED_AT)
    with torch.no_grad():
        found: Row = {name: measure(model) for name, measure in span_readers.MEASURES.items()}
        return found | {"subjects seen": {way: scored(seen, reading(model, seen)) for way, reading in WAYS.items()}}


if __name__ == "__main__":
    main("span_reader_patience")
