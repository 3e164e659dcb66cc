"""Figures that others have published for shapes of the plan, and ours beside them; each with its card.

Forward pass. Operations are counted as there: 4 b h i² d, half of it under a causal mask. What was read off a picture
is good to a hundredth or so. Another card than the published one is another measurement: both are named in each row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu.plan import TOKENS, WIDTH, Shape
from mha.measure.timing import summary

__all__ = ["PUBLISHED", "Figure", "beside"]

PICTURE = "read off the picture in the repository of FlashAttention-3 (Shah et al. 2024)"
SXM = "H100 SXM5"
LENGTHS = (1024, 2048, 4096, 8192, 16384)
# (head_dim, causal, what was measured there, what stands for it here): TFLOP/s at the five lengths; None: out of memory
ROWS: dict[tuple[int, bool, str, str], tuple[int | None, ...]] = {
    (64, False, "standard", "explicit"): (63, 67, 72, 73, None),
    (64, False, "FlashAttention-2", "flash"): (306, 318, 321, 322, 324),
    (64, False, "Triton", "Triton, tuned"): (382, 396, 400, 401, 403),
    (64, False, "cuDNN", "cuDNN"): (373, 395, 408, 412, 413),
    (64, False, "FlashAttention-3", "SDPA's choice"): (392, 460, 476, 496, 497),
    (64, True, "FlashAttention-3", "SDPA's choice"): (265, 371, 420, 460, 473),
    (128, False, "FlashAttention-2", "flash"): (350, 362, 368, 370, 370),
    (128, False, "FlashAttention-3", "SDPA's choice"): (565, 625, 638, 646, 648),
    (128, True, "FlashAttention-3", "SDPA's choice"): (423, 521, 579, 602, 616),
}
LONG = Shape("bfloat16", 1, 8, 32768, 32768, 64, 8)
ISSUE = "issue 1438 of the repository flash-attention"


@dataclass(frozen=True)
class Figure:
    """One published number, and which of our backends it is to be set beside."""

    shape: Shape
    theirs: str
    ours: str
    flops_per_s: float | None
    card: str
    source: str


def _of_the_picture() -> list[Figure]:
    figures = []
    for (head_dim, is_causal, theirs, ours), rates in ROWS.items():
        for n, rate in zip(LENGTHS, rates, strict=True):
            heads = WIDTH // head_dim
            shape = Shape("float16", TOKENS // n, heads, n, n, head_dim, heads, is_causal)
            figures.append(Figure(shape, theirs, ours, rate and rate * 1e12, SXM, PICTURE))
    return figures


def _of_the_issue() -> list[Figure]:
    return [
        Figure(LONG, "FlashAttention-3", "SDPA's choice", LONG.flops / seconds, card, ISSUE)
        for card, seconds in (("H100", 4.28e-3), ("H200", 4.52e-3))
    ]


PUBLISHED = (*_of_the_picture(), *_of_the_issue())


def beside(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each published figure whose shape and backend were measured: theirs, ours, the ratio, and both cards.

    Args:
        results: as `worker` stores them.
    """
    measured = {(cell["shape"], name): run for cell in results["cells"] for name, run in cell["backends"].items()}
    rows = []
    for figure in PUBLISHED:
        run = measured.get((figure.shape.name, figure.ours))
        if run is None:
            continue
        ran = run["status"] == "right"
        ours = figure.shape.flops / summary(run["seconds"]).median if ran else None
        theirs = figure.flops_per_s
        rows.append({
            "shape": figure.shape.name, "n_keys": figure.shape.n_keys, "theirs": figure.theirs, "ours": figure.ours,
            "their_flops_per_s": theirs, "our_flops_per_s": ours, "ratio": ours / theirs if ours and theirs else None,
            "status": run["status"], "their_card": figure.card, "our_card": results["gpu"]["device"],
            "source": figure.source,
        })  # fmt: skip
    return rows
