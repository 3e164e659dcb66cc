"""One head and four, trained for three times the steps of `experiments/several_heads.py`: does one head catch up?

There one head fits worse what it is trained on, so that it may lack time and nothing else. Fixed before the table was
made, but after that of `several_heads` had been seen: its readers, parts, seeds, sizes and the way in which weights are
taken; `LONGER` times its steps; for each seed and number of heads a training at each of two rates, of which the one
with the lower validation loss counts. The question: cross-entropy on the test part, one head minus four, seed by seed;
and one head in three times the steps against four in those of the other table.
"""

from __future__ import annotations

import torch

from experiments.runner import Row, main
from experiments.several_heads import KNOWN, SEEDS, STEPS
from experiments.small_tasks.data import TASKS, Part
from experiments.small_tasks.reader import Reader, score, train

ASKED = ("digits",)
LONGER, HEADS, RATES = 3, (1, 4), (8e-3, 2e-2)

RUNS: list[Row] = [{"task": task, "n_heads": n, "seed": seed} for task in ASKED for n in HEADS for seed in SEEDS]


def run(task: str, n_heads: int, seed: int) -> Row:
    """Scores of the better of two trainings, where its validation loss was lowest."""
    parts, trials = TASKS[task].parts(seed, KNOWN[task]), []
    for lr in RATES:
        torch.manual_seed(seed)
        found = train(Reader(task, n_heads=n_heads), parts, seed, steps=LONGER * STEPS[task], lr=lr)
        trials.append((min(loss for *_, loss in found.curve), lr, found))
    _, lr, found = min(trials, key=lambda trial: trial[0])
    known = Part(*(x[:500] for x in parts.train))
    scores = {name: score(found.best, part) for name, part in (("train", known), ("test", parts.test))}
    return {"lr": lr, "best_step": found.best_step, **scores}


if __name__ == "__main__":
    main("longer_heads")
