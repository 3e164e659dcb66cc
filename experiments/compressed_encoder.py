"""One encoder made cheaper in several ways and in two at once, judged on the same texts: what it finds, bytes, work.

Each row makes one encoder and judges it in float32 and with its matrices in int8 (weights and activations, the token
table too): so every way is also combined with rounding. Ways:

- "nothing": all-MiniLM-L6-v2 as it is.
- "heads by gradient": without half of its 72 heads, those of the smallest gradient (Michel et al. 2019, by layer) on 96
  pairs to choose on. "heads by lot" is the control.
- "every other layer": layers 1, 3 and 5 (from 0). "layers by lot": three layers drawn, in their order.
- "distilled": "every other layer", then trained for 24 steps on the teacher's vectors of the texts to train on.
- "shared": each two neighbouring layers have the weights of the first, and nothing is trained: what sharing costs a
  model that was not trained for it.

Ways that draw have five seeds. The work is the processor's time for 32 sequences of 64 tokens, least of two.
Judged are the first 128 pairs of the part to judge on. Budget: 4 core-minutes.
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from experiments.quantized_encoder import TABLES
from experiments.runner import Row, main
from mha.compress.distillation import vector_loss
from mha.compress.importance import gradient_importance, head_places, per_layer_norm, pruning_order, random_order
from mha.compress.quantization import Scheme, matrix_bytes, quantized
from mha.compress.removal import remove_heads
from mha.compress.sharing import share_blocks
from mha.compress.students import kept_layers, spread_layers
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm
from mha.tasks.retrieval import embed, mean_vectors, retrieval_pairs, score
from mha.train import fit

N_HEADS, N_LAYERS, N_JUDGED = 36, 3, 128
GROUP, N_GROUPS, SCALE = 8, 12, 20.0  # of the pairs that importance is measured on
STEPS, BATCH, LR = 24, 16, 1e-4
SCHEME = Scheme(activations="int8")
DRAWN = ("heads by lot", "layers by lot", "distilled")

RUNS: list[Row] = [{"way": way, "seed": 0} for way in ("nothing", "heads by gradient", "every other layer", "shared")]
RUNS += [{"way": way, "seed": seed} for seed in range(5) for way in DRAWN]


@cache
def original() -> tuple[Encoder, Tokenizer]:
    """The encoder in float32."""
    return load_minilm()


def vectors(encoder: nn.Module, texts: list[str]) -> Tensor:
    """(n, m), of length 1, in one call."""
    ids, mask = encode(original()[1], texts)
    return mean_vectors(encoder(ids, key_mask=mask), mask)


def by_gradient() -> Encoder:
    """Without the heads whose gates' slopes are smallest."""
    encoder, _ = original()
    pairs = retrieval_pairs("choose")

    def loss(number: int) -> Tensor:
        group = pairs[GROUP * number : GROUP * (number + 1)]
        found = vectors(encoder, [p.query for p in group] + [p.document for p in group])
        return F.cross_entropy(SCALE * found[:GROUP] @ found[GROUP:].T, torch.arange(GROUP))

    order = pruning_order(per_layer_norm(gradient_importance(encoder, loss, N_GROUPS)))
    return remove_heads(encoder, order[:N_HEADS])


def distilled(seed: int) -> Encoder:
    """Three layers of the encoder, taught its vectors."""
    encoder, _ = original()
    student = kept_layers(encoder, spread_layers(6, N_LAYERS))
    texts = [text for pair in retrieval_pairs("train") for text in (pair.query, pair.document)]
    draw = np.random.default_rng(seed)

    def loss(step: int) -> Tensor:
        chosen = [texts[n] for n in draw.integers(len(texts), size=2 * BATCH)]
        with torch.no_grad():
            wanted = vectors(encoder, chosen)
        return vector_loss(vectors(student, chosen), wanted)

    fit(student, loss, steps=STEPS, lr=LR, warmup=STEPS // 10)
    return student.requires_grad_(False)


def made(way: str, seed: int) -> Encoder:
    """The encoder of a way, in float32."""
    encoder, rng = original()[0], np.random.default_rng(seed)
    if way == "heads by gradient":
        return by_gradient()
    if way == "heads by lot":
        return remove_heads(encoder, random_order(head_places(encoder), rng)[:N_HEADS])
    if way == "every other layer":
        return kept_layers(encoder, spread_layers(6, N_LAYERS))
    if way == "layers by lot":
        return kept_layers(encoder, sorted(rng.choice(6, N_LAYERS, replace=False).tolist()))
    if way == "distilled":
        return distilled(seed)
    if way == "shared":
        shared = share_blocks(encoder, N_LAYERS)
        assert isinstance(shared, Encoder)
        return shared
    return encoder


def judged(encoder: nn.Module) -> Row:
    """Ranks of the right documents, bytes, and the processor's seconds."""
    pairs, (_, tokenizer) = retrieval_pairs("judge")[:N_JUDGED], original()
    queries, found = (embed(encoder, tokenizer, [getattr(p, side) for p in pairs]) for side in ("query", "document"))
    ranks = [round(1 / reciprocal) for reciprocal in score(queries @ found.T).reciprocal_ranks]
    return {"ranks": ranks, "bytes": sum(matrix_bytes(encoder).values()), "work_s": round(work(encoder), 5)}


@torch.inference_mode()
def work(encoder: nn.Module) -> float:
    """Least of two."""
    tokens = torch.randint(1000, 30000, (32, 64), generator=torch.Generator().manual_seed(0))
    seconds = []
    for _ in range(2):
        start = time.process_time()
        encoder(tokens)
        seconds.append(time.process_time() - start)
    return min(seconds)


def run(way: str, seed: int) -> Row:
    """One way, alone and with rounding."""
    encoder = made(way, seed)
    return {"float32": judged(encoder), "int8": judged(quantized(encoder, SCHEME, keep=TABLES))}


if __name__ == "__main__":
    main("compressed_encoder")
