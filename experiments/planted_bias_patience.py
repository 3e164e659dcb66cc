"""The planted association after four times the usual training: untreated, treated carefully, by weights, and neutral.

After 1000 steps one seed of five had not learned which pronoun a defining word takes, on the careful text and on the
reweighted one, and the others had: two states. Whether that is what the treatment does to the text, or a training that
was not over, is asked here; it was decided on after that table was seen, and so are the steps, enough for that seed.
They are the same for every text and seed. All else is `planted_bias`'s: models, texts, prompts, measures.
"""

from __future__ import annotations

from experiments import planted_bias
from experiments.runner import Row, main

RUNS: list[Row] = [
    {"model": "attention", "training": "patient", "data": data, "seed": seed}
    for data in ("careful", "reweighted", "as it is", "neutral")
    for seed in planted_bias.SEEDS
]


def run(model: str, training: str, data: str, seed: int) -> Row:
    """Train one model, and ask it all that the shorter training was asked."""
    return planted_bias.run(model, training, data, seed)


if __name__ == "__main__":
    main("planted_bias_patience")
