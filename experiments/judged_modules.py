"""Which module each of the retrieval's pairs to judge on comes from: what an interval draws over.

Queries about one module are not independent of one another. Reading the packages' docstrings takes longer than a
chapter may run, so that their modules are kept, in the order of `retrieval_pairs("judge")`, numbered as they come.

Nothing is drawn by chance: the seed is 0. Budget: 1 core-minute.
"""

from __future__ import annotations

from experiments.runner import Row, main
from mha.tasks.retrieval import retrieval_pairs

RUNS: list[Row] = [{"part": "judge", "seed": 0}]


def run(part: str, seed: int) -> Row:
    """The number of each pair's module."""
    numbers: dict[str, int] = {}
    return {"modules": [numbers.setdefault(pair.module, len(numbers)) for pair in retrieval_pairs(part)]}


if __name__ == "__main__":
    main("judged_modules")
