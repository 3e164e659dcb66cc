"""How much finding a text depends on each of the pretrained encoder's 72 heads, by two measures.

The loss is that of a query among the first 96 documents of the pairs to choose on: the cross-entropy of its own, at
logits of 20 times the cosine. "ablation": the loss of each query when the head's output is zero, all else as it was.
"gradient": the mean size of the loss's slope at the head's gate over groups of 8 pairs; the vectors of all other
documents are constants. Nothing here has seen a pair to judge on.

Nothing is drawn by chance: the seed is 0 everywhere. Budget: 2 core-minutes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from experiments.runner import Row, main
from mha.compress.importance import gradient_importance, head_places, outputs_without_each
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm
from mha.tasks.retrieval import embed, mean_vectors, retrieval_pairs

SCALE, GROUP, BATCH, N_PAIRS = 20.0, 8, 32, 96
RUNS: list[Row] = [{"measure": measure, "seed": 0} for measure in ("gradient", "ablation")]


def losses(queries: Tensor, documents: Tensor, numbers: Tensor) -> Tensor:
    """Cross-entropy of each query's own document, (n,): queries (n, m), documents (N, m), which are their own (n,)."""
    return F.cross_entropy(SCALE * queries @ documents.T, numbers, reduction="none")


@torch.no_grad()
def vectors_without_each(encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """(head, n, m): every text's vector without each head."""
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    batches = []
    for start in range(0, len(texts), BATCH):
        ids, mask = encode(tokenizer, [texts[n] for n in order[start : start + BATCH]])
        found = outputs_without_each(encoder, ids, key_mask=mask)
        batches.append(torch.stack([mean_vectors(hidden, mask) for _, hidden in found]))
    return torch.cat(batches, 1)[:, torch.tensor(order).argsort()]


def by_ablation() -> Row:
    """Every query's loss with all heads (n,), and without each (72, n)."""
    encoder, tokenizer = load_minilm()
    pairs, numbers = retrieval_pairs("choose")[:N_PAIRS], torch.arange(N_PAIRS)
    texts = [[pair.query for pair in pairs], [pair.document for pair in pairs]]
    whole = losses(*(embed(encoder, tokenizer, side) for side in texts), numbers)
    without = zip(*(vectors_without_each(encoder, tokenizer, side) for side in texts), strict=True)
    return {
        "whole": [round(x, 5) for x in whole.tolist()],
        "without": [[round(x, 5) for x in losses(*vectors, numbers).tolist()] for vectors in without],
    }


class PairEncoder(torch.nn.Module):
    """One call for the vectors of queries and documents: a gate then acts in the same run for both."""

    def __init__(self, encoder: Encoder, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.encoder, self.tokenizer = encoder, tokenizer

    def forward(self, texts: list[str]) -> Tensor:
        ids, mask = encode(self.tokenizer, texts)
        return mean_vectors(self.encoder(ids, key_mask=mask), mask)


def by_gradient() -> Row:
    """The mean size of the slope at each head's gate, (72,)."""
    encoder, tokenizer = load_minilm()
    encoder.requires_grad_(False)
    pairs, model = retrieval_pairs("choose")[:N_PAIRS], PairEncoder(encoder, tokenizer)
    documents = embed(encoder, tokenizer, [pair.document for pair in pairs])

    def loss(group: int) -> Tensor:
        numbers = torch.arange(group * GROUP, (group + 1) * GROUP)
        chosen = [pairs[n] for n in numbers.tolist()]
        queries, own = model([pair.query for pair in chosen] + [pair.document for pair in chosen]).chunk(2)
        return losses(queries, documents.index_copy(0, numbers, own), numbers).mean()

    found = gradient_importance(model, loss, N_PAIRS // GROUP)
    return {"slope": [found[place] for place in head_places(encoder)]}


def run(measure: str, seed: int) -> Row:
    """One measure of all heads."""
    return by_ablation() if measure == "ablation" else by_gradient()


if __name__ == "__main__":
    main("head_importance")
