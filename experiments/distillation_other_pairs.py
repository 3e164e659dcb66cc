"""Do other questions tell a taught student from one that learns alone? Those of the part "choose".

They are 256, of other modules than those that judge. The students are those of `distilled_students` that start from
every other layer, "alone" and "vectors", after as many steps. The learning rate was chosen on these questions, with
another seed: it is the best one of the student alone, and not of the one that is taught, so that it favours no teacher.

Made after the trial runs on these questions had put the taught student ahead, where those that judge saw no difference.
It judges no claim; it says how far a null result on 256 questions reaches.
"""

from __future__ import annotations

from experiments.distilled_students import STEPS, ranks, train
from experiments.runner import Row, main

RUNS: list[Row] = [
    {"start": "copied", "objective": objective, "steps": STEPS, "seed": seed}
    for seed in range(5)
    for objective in ("alone", "vectors")
]


def run(start: str, objective: str, steps: int, seed: int) -> Row:
    """The ranks at which a student finds the right texts of the part "choose"."""
    student, _ = train(start, objective, steps, seed)
    return {"ranks": ranks(student, "choose")}


if __name__ == "__main__":
    main("distillation_other_pairs")
