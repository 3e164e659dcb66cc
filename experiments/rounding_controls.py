"""The controls of `quantized_encoder` at 3 bits, where there is more to lose, and the score of `quantize_dynamic`.

Fixed before the table was made, after `quantized_encoder` and one run of a few of these rows:

- At 4 bits neither rounding nor its controls lose enough to tell them apart. So the linear maps are rounded to 3 bits,
  a scale for every 32 weights, beside *noise* and *random* rounding, five seeds each, as `quantized_encoder` defines
  them. A float matrix with the numbers that the integers stand for takes the place of one that is stored so.
- PyTorch's `quantize_dynamic` saves most time, so its score belongs beside its time: as it comes, with one scale for a
  matrix, and with its setting for a scale a row. Either way all inputs of a call share one scale, and have 7 bits.
  "both" rounds the token table as well, by this package's layer.

Same texts, same measures as `quantized_encoder`. Budget: 3 core-minutes.
"""

from __future__ import annotations

import warnings

import torch.ao.quantization as aoq
from torch import nn

from experiments.quantized_encoder import MAPS, TOKENS, changed, judged, original, rounding, small
from experiments.runner import Row, main

BITS, GROUP, LIBRARY = 3, 32, "quantize_dynamic"

COARSE: Row = {"part": MAPS, "bits": BITS, "per": GROUP, "acts": "float"}
RUNS: list[Row] = [{**COARSE, "by": "nearest", "seed": 0}]
RUNS += [{**COARSE, "by": by, "seed": seed} for by in ("noise", "random") for seed in range(5)]
RUNS += [
    {"part": part, "bits": 8, "per": per, "acts": "int8", "by": LIBRARY, "seed": 0}
    for part in (MAPS, "both")
    for per in ("tensor", "row")
]


def by_library(part: str, per: str) -> nn.Module:
    """The encoder with PyTorch's layers for its linear maps; "both" has this package's for the token table."""
    setting = aoq.default_dynamic_qconfig if per == "tensor" else aoq.per_channel_dynamic_qconfig
    encoder = original()[0] if part == MAPS else small(TOKENS, 8, "row", "float")
    with warnings.catch_warnings(action="ignore"):  # that it will be removed
        made: nn.Module = aoq.quantize_dynamic(encoder, {nn.Linear: setting})
    return made


def run(part: str, bits: int, per: str | int, acts: str, by: str, seed: int) -> Row:
    """One way of rounding, judged."""
    if by == LIBRARY:
        return judged(by_library(part, str(per)))
    return judged(changed(part, rounding(bits, per, by, seed)))


if __name__ == "__main__":
    main("rounding_controls")
