"""Distilled or alone, with three times the steps of `distilled_students`: does patience bring the teacher's help out?

The same student from every other layer, the same pairs and learning rates, and the two objectives that the claim
compares, "alone" and "vectors". The short runs end after a third of the pairs, these after every pair was seen once
and some twice. A seed's batches come in the same order in both, and the learning rate falls to nothing at the end of
either: a long run is no short one continued.

Judged by what `distilled_students` fixed before its table: more found than alone, and at most five points less than
the teacher.
"""

from __future__ import annotations

from experiments import distilled_students
from experiments.distilled_students import STEPS
from experiments.runner import Row, main

LONG = 3 * STEPS
RUNS: list[Row] = [
    {"start": "copied", "objective": objective, "steps": LONG, "seed": seed}
    for seed in range(5)
    for objective in ("alone", "vectors")
]


def run(start: str, objective: str, steps: int, seed: int) -> Row:
    """As `distilled_students.run`."""
    return distilled_students.run(start, objective, steps, seed)


if __name__ == "__main__":
    main("distillation_patience")
