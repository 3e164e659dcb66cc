"""How different two heads of one layer are in a pretrained encoder, and in eight that have learned nothing of it.

For one sentence and each condition: how far apart the heads look (Jensen-Shannon distance of their weights, as in
`experiments/head_counts.py`) and how alike their outputs are (CKA without the diagonal), each a mean over all pairs of
heads and all layers. None where a condition leaves one side as it is. Each sentence has its own draw of what is random.
"""

from __future__ import annotations

from functools import cache

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from experiments.head_counts import js_distance
from experiments.runner import Row, main
from mha.heads import MultiHeadAttention, split_heads
from mha.models.bert import Encoder, EncoderConfig
from mha.models.pretrained import encode, load_minilm

SENTENCES = [
    "The trophy did not fit in the suitcase because it was too big.",
    "The bank raised its interest rate last week because prices had gone up.",
    "She poured the coffee into a cup and drank it slowly by the window.",
    "A small dog chased the red ball across the garden and lost it there.",
    "Nobody in the village remembered who had built the old stone bridge.",
    "He did not say that the film was bad, only that it was far too long.",
    "If it rains tomorrow, the match will be moved to Sunday afternoon.",
    "Water boils at a lower temperature on a mountain than by the sea.",
    "The committee read both reports twice before it chose the cheaper one.",
    "My sister learned to repair clocks from a man who made his own tools.",
]
CONDITIONS = [
    *("trained", "random maps", "random values", "one head's weights for all", "no attention, trained"),
    *("no attention, random", "at random keys", "untrained, Xavier", "untrained, 0.02"),
]
RUNS: list[Row] = [{"seed": seed} for seed in range(len(SENTENCES))]  # the number of the sentence as well

Pair = tuple[Tensor | None, Tensor | None]  # weights (h, i, j) and outputs (..., h, i, d)


def alignment(heads: Tensor) -> Tensor:
    """CKA of each two heads, (..., h, h), from their outputs (..., h, i, d); corrected for few tokens.

    Source: Kornblith et al. 2019; the correction: Song et al. 2012.
    """
    n = heads.shape[-2]
    off_diagonal = 1 - torch.eye(n, dtype=heads.dtype)
    gram = heads @ heads.mT * off_diagonal  # (..., h, i, i)
    rows = gram.sum(dim=-1, keepdim=True) / (n - 2)
    total = gram.sum(dim=(-1, -2), keepdim=True) / ((n - 1) * (n - 2))
    centred = ((gram - rows - rows.mT + total) * off_diagonal).flatten(-2)
    unit = centred / centred.norm(dim=-1, keepdim=True)
    return unit @ unit.mT


def attend(q: Tensor, k: Tensor) -> Tensor:
    """Weights (h, i, j) of queries and keys (h, i, d)."""
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1)


def projected(attn: MultiHeadAttention, x: Tensor) -> list[Tensor]:
    """q, k and v of one sentence, (h, i, d) each."""
    return [split_heads(part, attn.n_heads)[0] for part in attn.qkv(x).chunk(3, dim=-1)]


def scrambled(attn: MultiHeadAttention, x: Tensor, generator: torch.Generator) -> list[Tensor]:
    """q, k and v by maps with the layer's own numbers in random places, without biases."""
    maps = [w.flatten()[torch.randperm(w.numel(), generator=generator)].view_as(w) for w in attn.qkv.weight.chunk(3)]
    return [split_heads(x @ w.T, attn.n_heads)[0] for w in maps]


def conditions(attn: MultiHeadAttention, x: Tensor, generator: torch.Generator) -> dict[str, Pair]:
    """Where the heads of one trained layer look and what they hand over, as they are and with parts made random."""
    q, k, v = projected(attn, x)
    weights = attend(q, k)
    q_r, k_r, v_r = scrambled(attn, x, generator)
    places = torch.rand(weights.shape, generator=generator).argsort(dim=-1)
    return {
        "trained": (weights, weights @ v),
        "random maps": (attend(q_r, k_r), attend(q_r, k_r) @ v_r),
        "random values": (None, weights @ v_r),
        "one head's weights for all": (None, weights[:, None] @ v),  # (h, h, i, d)
        "no attention, trained": (None, v),
        "no attention, random": (None, v_r),
        "at random keys": (weights.gather(-1, places), None),
    }


def as_they_are(attn: MultiHeadAttention, x: Tensor) -> Pair:
    """Where the heads of a layer look, and what they hand over."""
    q, k, v = projected(attn, x)
    return attend(q, k), attend(q, k) @ v


def untrained(seed: int) -> dict[str, Encoder]:
    """The same architecture drawn by two rules: Xavier's, as in this book, and BERT's, a spread of 0.02 throughout."""
    torch.manual_seed(seed)
    networks = {"untrained, Xavier": Encoder(EncoderConfig()), "untrained, 0.02": Encoder(EncoderConfig())}
    for parameter in networks["untrained, 0.02"].parameters():
        if parameter.dim() == 2:
            nn.init.normal_(parameter, std=0.02)
    return {name: network.double() for name, network in networks.items()}


@cache
def pretrained() -> tuple[Encoder, Tokenizer]:
    """The encoder in double precision, and its tokenizer."""
    encoder, tokenizer = load_minilm()
    return encoder.double(), tokenizer


def layers(encoder: Encoder, token_ids: Tensor) -> list[tuple[MultiHeadAttention, Tensor]]:
    """Each layer's attention, and what comes into it."""
    states = encoder.hidden_states(token_ids)
    return [(block.attn, state) for block, state in zip(encoder.blocks, states, strict=False)]


def mean_distance(weights: Tensor) -> float:
    """Of two heads' weights (h, i, j), over all pairs and queries."""
    first, second = torch.triu_indices(len(weights), len(weights), offset=1)
    return js_distance(weights[first], weights[second]).mean().item()


def mean_alignment(heads: Tensor) -> float:
    """Of two heads' outputs (..., h, i, d), over all pairs."""
    first, second = torch.triu_indices(heads.shape[-3], heads.shape[-3], offset=1)
    return alignment(heads)[..., first, second].mean().item()


@torch.no_grad()
def run(seed: int) -> Row:
    """[distance, alignment] of one sentence, for each condition; and the mean weight on its ends, layer by layer."""
    encoder, tokenizer = pretrained()
    token_ids, _ = encode(tokenizer, [SENTENCES[seed]])
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, list[Pair]] = {}
    ends = []
    for attn, x in layers(encoder, token_ids):
        ends.append(attend(*projected(attn, x)[:2])[..., [0, -1]].mean(dim=(0, 1)).tolist())
        for name, pair in conditions(attn, x, generator).items():
            found.setdefault(name, []).append(pair)
    for name, network in untrained(seed).items():
        found[name] = [as_they_are(attn, x) for attn, x in layers(network, token_ids)]
    return {"ends": [[round(share, 4) for share in both] for both in ends]} | {
        name: _means(found[name]) for name in CONDITIONS
    }


def _means(pairs: list[Pair]) -> list[float | None]:
    """Over the layers."""
    distances = [mean_distance(weights) for weights, _ in pairs if weights is not None]
    alignments = [mean_alignment(heads) for _, heads in pairs if heads is not None]
    return [round(sum(x) / len(x), 6) if x else None for x in (distances, alignments)]


if __name__ == "__main__":
    main("compared_heads")
