"""What is left of an encoder whose attention weights are replaced: by equal ones, or by its own, dealt out anew.

In all six layers. *Equal* weights give every token of the text the same share. *Shuffled* ones are a row's own, dealt
out anew among its keys, another way in each row, head and text. What is asked: how near the text's vector stays
to its own (cosine), and how often a linear probe still names the right part of SciPy; the probe is fitted on vectors of
the encoder as it was, and once more on those of the encoder as it is now.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from torch import Tensor

from experiments.explained_texts import split, vectors
from experiments.runner import Row, main
from mha.attention import attention
from mha.detours import detour
from mha.interpret.patching import attention_layers
from mha.models.bert import Encoder
from mha.models.pretrained import load_minilm

RUNS: list[Row] = [{"weights": "equal", "seed": 0}, *({"weights": "shuffled", "seed": seed} for seed in range(5))]


def equal(weights: Tensor, seen: Tensor) -> Tensor:
    """(b, h, i, j), the same for all keys that are seen."""
    share = seen.expand_as(weights).to(weights)
    return share / share.sum(-1, keepdim=True)


def shuffled(weights: Tensor, seen: Tensor, generator: torch.Generator) -> Tensor:
    """Each row's weights, in another order among the keys that are seen."""
    order = torch.rand(weights.shape, generator=generator).masked_fill(~seen, 2.0).argsort(-1)  # padding stays behind
    places = torch.arange(weights.shape[-1]).expand_as(weights).masked_fill(~seen, weights.shape[-1]).argsort(-1)
    return torch.zeros_like(weights).scatter(-1, places, weights.gather(-1, order))


def replaced(change: Callable[[Tensor, Tensor], Tensor], q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """Attention with other weights."""
    _, weights = attention(q, k, v, **options)
    mask = options.get("attn_mask")
    seen = torch.ones_like(weights, dtype=torch.bool) if mask is None else mask.expand_as(weights)
    return change(weights, seen) @ v


@cache
def as_they_are() -> tuple[Encoder, Tokenizer, list[Tensor]]:
    """The encoder, its tokenizer, and the vectors of the texts to fit on and of those to test."""
    encoder, tokenizer = load_minilm()
    return encoder, tokenizer, [vectors(encoder, tokenizer, [item.text for item in part]) for part in split()]


def run(weights: str, seed: int) -> Row:
    """One replacement: the mean cosine with the vector as it was, and two probes' shares of right answers."""
    encoder, tokenizer, before = as_they_are()
    fit_on, tested = split()
    groups = [[item.text for item in part] for part in (fit_on, tested)]
    areas = [[item.area for item in part] for part in (fit_on, tested)]
    generator = torch.Generator().manual_seed(seed)
    change = equal if weights == "equal" else partial(shuffled, generator=generator)
    with detour({layer: partial(replaced, change) for layer in attention_layers(encoder)}):
        after = [vectors(encoder, tokenizer, texts) for texts in groups]
    old, new = (LogisticRegression(max_iter=2000).fit(np.asarray(x[0]), areas[0]) for x in (before, after))
    return {
        "cosine": round(float(torch.cosine_similarity(before[1], after[1]).mean()), 4),
        "right": round(float(old.score(np.asarray(before[1]), areas[1])), 4),
        "right then": round(float(old.score(np.asarray(after[1]), areas[1])), 4),
        "right anew": round(float(new.score(np.asarray(after[1]), areas[1])), 4),
    }


if __name__ == "__main__":
    main("replaced_weights")
