"""Does making the encoder smaller change its bias? Association and outcome of encoders that the tables on cost made.

Ways and their encoders are those of `experiments.compressed_encoder`: half of the heads removed, chosen by gradient or
by lot; three of six layers, every other one, or drawn, or taught the encoder's vectors for 24 steps; neighbouring
layers sharing weights; and of `experiments.quantized_encoder`: all matrices in 8 bits, or in 4 with a scale for 32
weights. Ways that draw have five seeds. What the smaller encoders still find, and what they save, say those tables.

Measured as in `experiments.erased_labels`: cosines of each occupation with the men's and women's words of WEAT 7
(56, 16), and how often the woman's version of a profile comes before the man's (56, 8 pairs of names), in percent. The
chapter compares slopes over women's share on the same draws of words. Fixed before the table was made: an encoder's
bias is *changed* where the interval of the difference from the whole encoder's leaves 0 out. Budget: 4 core-minutes.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from experiments.compressed_encoder import made
from experiments.erased_labels import Array, intrinsic, nothing, ranking
from experiments.gendered_vectors import by_text, judged, people
from experiments.quantized_encoder import changed, rounding, small
from experiments.runner import Row, main
from experiments.untrained_twins import text_vectors
from mha.models.pretrained import load_minilm

SINGLE = ("nothing", "heads by gradient", "every other layer", "shared", "8 bits", "4 bits")
DRAWN = ("heads by lot", "layers by lot", "distilled")

RUNS: list[Row] = [{"way": way, "seed": 0} for way in SINGLE]
RUNS += [{"way": way, "seed": seed} for way in DRAWN for seed in range(5)]


def smaller(way: str, seed: int) -> nn.Module:
    """The encoder of a way."""
    if way == "8 bits":
        return small("both", 8, "row", "int8")
    if way == "4 bits":
        return changed("both", rounding(4, 32, "nearest", seed))
    return made(way, seed)


def run(way: str, seed: int) -> Row:
    """One encoder."""
    encoder, tokenizer = smaller(way, seed), load_minilm()[1]
    of: dict[str, Array] = {
        name: by_text(name, text_vectors(encoder, tokenizer, texts)) for name, texts in judged().items()
    }
    same = nothing(of["tested"].shape[-1])
    versions = (of[who].reshape(len(people()[who]), -1, of[who].shape[-1]) for who in ("women", "men"))
    cosines, _ = intrinsic(same, of["tested"])
    ahead, _ = ranking(same, of["adverts"], *versions)
    return {"cosines": np.round(cosines, 5).tolist(), "ahead": np.round(ahead, 2).tolist()}


if __name__ == "__main__":
    main("compressed_bias")
