"""The pretrained encoder with rounded numbers: how near it stays to itself, and how well it still finds documents.

Fixed before the table was made:

- Data: `mha.tasks.retrieval`, its part to judge on, looked at for these runs alone: 256 lines that head a docstring,
  and 256 texts to choose from. Nothing is chosen by it; all that was run is stored.
- What is rounded: the linear maps, the token table, or both. The tables of positions and segments stay as they are.
- Two controls, five seeds each. *Noise* adds to each number one drawn evenly from -s/2 … s/2, as large as what
  rounding to a step of s makes of it, and independent of it. *Random* rounding goes to one of the two levels next to a
  number, to the nearer more often: its mean error is 0, its size 1.4 times that of nearest rounding.
- Two bits are not stored as such; a float matrix with the numbers that they stand for takes their place.

Measured are the rank at which each query's document came; the cosine of each document's vector with its own in
float32; how much of its attention a token places elsewhere (half the sum of absolute differences, mean over tokens,
heads and layers); and the bytes of the model's numbers. Budget: 3 core-minutes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.compress.quantization import Scheme, matrix_bytes, quantized
from mha.compress.rounding import dequantize, quantize
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm
from mha.recording import record_attention
from mha.tasks.retrieval import embed, retrieval_pairs, score

TABLES = ["embeddings.positions", "embeddings.segments"]
MAPS, TOKENS = "linear maps", "token table"
N_MAPS = 32  # documents whose attention is compared
Rounding = Callable[[Tensor], Tensor]

KINDS: list[Row] = [{"part": "nothing", "bits": 32, "per": "row"}]
KINDS += [{"part": MAPS, "bits": 8, "per": per} for per in ("tensor", "row")]
KINDS += [{"part": MAPS, "bits": 8, "per": "row", "acts": "int8"}]
KINDS += [{"part": MAPS, "bits": 4, "per": per} for per in ("tensor", "row", 128, 64, 32, 16)]
KINDS += [{"part": MAPS, "bits": 2, "per": 32}]
KINDS += [{"part": TOKENS, "bits": 8, "per": "row"}]
KINDS += [{"part": TOKENS, "bits": 4, "per": per} for per in ("row", 32)]
KINDS += [{"part": TOKENS, "bits": 2, "per": 32}]
KINDS += [{"part": "both", "bits": 8, "per": "row", "acts": acts} for acts in ("float", "int8")]
KINDS += [{"part": "both", "bits": 4, "per": 32}]

CONTROLS: list[Row] = [{"part": MAPS, "bits": 4, "per": 32}]

RUNS: list[Row] = [{"acts": "float", "by": "nearest", **kind, "seed": 0} for kind in KINDS]
RUNS += [
    {"acts": "float", "by": by, **kind, "seed": seed}
    for kind in CONTROLS
    for by in ("noise", "random")
    for seed in range(5)
]


@cache
def original() -> tuple[Encoder, Tokenizer]:
    """The encoder in float32."""
    return load_minilm()


def small(part: str, bits: int, per: str | int, acts: str) -> nn.Module:
    """The encoder with integers in the place of numbers, as they are stored."""
    encoder, _ = original()
    kept = {MAPS: ["embeddings.tokens"], TOKENS: ["blocks"], "both": []}[part]
    return quantized(encoder, Scheme(bits, per, acts), keep=[*TABLES, *kept])


def changed(part: str, change: Rounding) -> Encoder:
    """The encoder with other numbers in float32."""
    encoder = copy.deepcopy(original()[0])
    for name, module in encoder.named_modules():
        is_part = part in ("both", MAPS if isinstance(module, nn.Linear) else TOKENS)
        if isinstance(module, nn.Linear | nn.Embedding) and is_part and name not in TABLES:
            module.weight.data = change(module.weight.data)
    return encoder


def rounding(bits: int, per: str | int, by: str, seed: int) -> Rounding:
    """What becomes of a matrix."""
    generator = torch.Generator().manual_seed(seed)

    def noisy(w: Tensor) -> Tensor:
        values, scales = quantize(w, bits=bits, per=per)
        steps = dequantize(torch.ones_like(values), scales)
        return w + steps * (torch.rand(w.shape, generator=generator) - 0.5)

    def rounded(w: Tensor) -> Tensor:
        return dequantize(*quantize(w, bits=bits, per=per, generator=None if by == "nearest" else generator))

    return noisy if by == "noise" else rounded


@cache
def documents() -> tuple[Tensor, Tensor]:
    """Some of the documents as a batch, longest first: ids and which tokens are real."""
    return encode(original()[1], [pair.document for pair in retrieval_pairs("judge")[:N_MAPS]])


@torch.no_grad()
def maps(encoder: nn.Module) -> Tensor:
    """(l, b, h, i, j) for `documents`."""
    token_ids, key_mask = documents()
    with record_attention(encoder) as recorded:
        encoder(token_ids, key_mask=key_mask)
    return recorded.stack()


@cache
def in_float32() -> tuple[Tensor, Tensor]:
    """Vectors of all documents, and the attention of some."""
    encoder, tokenizer = original()
    return embed(encoder, tokenizer, [pair.document for pair in retrieval_pairs("judge")]), maps(encoder)


def judged(encoder: nn.Module) -> Row:
    """What the experiment measures of any encoder with the original's tokenizer and widths."""
    _, tokenizer = original()
    pairs = retrieval_pairs("judge")
    queries, found = (embed(encoder, tokenizer, [getattr(p, side) for p in pairs]) for side in ("query", "document"))
    vectors, weights = in_float32()
    moved = (maps(encoder) - weights).abs().sum(-1) / 2  # (l, b, h, i)
    real = documents()[1][None, :, None, :].expand_as(moved)
    result = score(queries @ found.T)
    cosines = torch.cosine_similarity(found, vectors)
    return {
        "ranks": [round(1 / reciprocal) for reciprocal in result.reciprocal_ranks],
        "cosine": round(float(cosines.mean()), 5),
        "lowest cosine": round(float(cosines.min()), 4),
        "moved": round(float(moved[real].mean()), 5),
    }


def run(part: str, bits: int, per: str | int, acts: str, by: str, seed: int) -> Row:
    """One way of rounding, judged."""
    if part == "nothing":
        encoder: nn.Module = original()[0]
    elif by == "nearest" and bits > 2:
        encoder = small(part, bits, per, acts)
    else:
        encoder = changed(part, rounding(bits, per, by, seed))
    result = judged(encoder)
    if part == "nothing":
        result["modules"] = [pair.module for pair in retrieval_pairs("judge")]
    return result | {"bytes": sum(matrix_bytes(encoder).values()) if by == "nearest" and bits > 2 else None}


if __name__ == "__main__":
    main("quantized_encoder")
