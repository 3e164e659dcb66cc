"""How do two layers look up what came last time, and what does one layer do instead? The models of `induction`, opened.

In a model of two layers the *induction head* is the head of layer 1 with the largest induction score, and the
*previous-token head* the head of layer 0 that puts the most weight on the token just before. Measured for each seed:

- ablation: each head of layer 0 taken away by itself (what it adds to the stream set to zero): bits in the second copy,
  and the induction head's score;
- by path: the keys of the induction head, or its queries, made from a layer 0 without the head, everything else left
  as it is; and the keys made without what the head itself wrote, while the feed-forward net behind it has read it;
- composition (Elhage et al. 2021): ‖A B‖ / (‖A‖ ‖B‖) of a head of layer 0, A = W_V W_O, with a head of layer 1,
  B = W_K W_Qᵀ for its keys and W_Q W_Kᵀ for its queries, the weights of the norm in between multiplied in; of all 16
  pairs, before training and after.

In a model of one layer: the probability given to the right symbol at each place of the second copy, to the symbols of
the block that have been seen twice by then, and to those seen once.

Fixed before the table was made, after a look at two models of seed 0: what is measured, and that the previous-token
head feeds the induction head's keys if, of the four heads of layer 0, it is the one without which the second copy costs
most, and without which in the keys, not in the queries, the induction score falls most.
"""

from __future__ import annotations

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor

from experiments.induction import (
    D_MODEL,
    LENGTH,
    N_SYMBOLS,
    N_TESTED,
    SIZES,
    TESTED,
    bits,
    induction_scores,
    previous_scores,
    train,
    twice,
)
from experiments.runner import Row, main
from mha.attention import attention
from mha.blocks import EncoderBlock
from mha.heads import split_heads
from mha.models.gpt import GPT, GPTConfig
from mha.recording import record_attention

RUNS: list[Row] = [{"kind": kind, "seed": seed} for kind in SIZES for seed in range(5)]


def blocks_twice(seed: int) -> Tensor:
    """The sequences that all is measured on (256, 16)."""
    return twice(N_TESTED, TESTED, N_SYMBOLS, torch.Generator().manual_seed(2000 + seed))


@torch.no_grad()
def composition(model: GPT) -> dict[str, list[list[float]]]:
    """‖A B‖ / (‖A‖ ‖B‖) of each head of layer 0 with the keys and the queries of each head of layer 1, (4, 4)."""
    first, second = _blocks(model)
    (_, _, v, o), (q, k, _, _) = _matrices(first), _matrices(second)
    writes, reads = v @ o, {"keys": k @ q.mT, "queries": q @ k.mT}  # (h, m, m) each
    return {side: _rounded(_share(writes[:, None], maps)) for side, maps in reads.items()}


def _blocks(model: GPT) -> list[EncoderBlock]:
    return [cast(EncoderBlock, block) for block in model.blocks]


def _matrices(block: EncoderBlock) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """W_Q, W_K, W_V (h, m, d) and W_O (h, d, m), for rows x; the weights of the norm before them multiplied in."""
    n_heads = block.attn.n_heads
    rows = block.attn.qkv.weight * cast(Tensor, block.attn_norm.weight)  # (3 m, m)
    q, k, v = rows.unflatten(0, (3, n_heads, -1)).mT  # (h, m, d) each
    return q, k, v, block.attn.out.weight.mT.unflatten(0, (n_heads, -1))


def _share(a: Tensor, b: Tensor) -> Tensor:
    product, first, second = (torch.linalg.matrix_norm(x) for x in (a @ b, a, b))
    return product / (first * second)


def without_head(model: GPT, head: int) -> GPT:
    """A copy in which a head of layer 0 adds nothing to the stream."""
    cut = deepcopy(model)
    attn = _blocks(cut)[0].attn
    with torch.no_grad():
        attn.out.weight.unflatten(1, (attn.n_heads, -1))[:, head] = 0
    return cut


@torch.no_grad()
def scores_by_path(model: GPT, tokens: Tensor, found: int) -> dict[str, list[float]]:
    """The score of head `found` of layer 1 if its keys, or its queries, are made without each head of layer 0.

    "keys" and "queries" leave out all that follows from the head within layer 0, "keys, direct" what it wrote alone:
    the feed-forward net has still read it.
    """
    first, second = _blocks(model)
    x = model.positions(model.tokens(tokens))
    whole = first(x, is_causal=True)  # (b, i, m)
    cut = [_blocks(without_head(model, head))[0](x, is_causal=True) for head in range(first.attn.n_heads)]
    direct = [whole - wrote for wrote in _written(first, x)]

    def score(for_queries: Tensor, for_keys: Tensor) -> float:
        q, (_, k, v) = _projected(second, for_queries)[0], _projected(second, for_keys)
        _, weights = attention(q, k, v, is_causal=True)  # (b, h, i, j)
        return round(float(induction_scores(weights[None])[0, found]), 4)

    return {
        "keys": [score(whole, other) for other in cut],
        "queries": [score(other, whole) for other in cut],
        "keys, direct": [score(whole, other) for other in direct],
    }


def _written(block: EncoderBlock, x: Tensor) -> Tensor:
    """What each head adds to the stream, (h, b, i, m)."""
    out, _ = attention(*_projected(block, x), is_causal=True)  # (b, h, i, d)
    return (out @ _matrices(block)[3]).transpose(0, 1)


def _projected(block: EncoderBlock, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of each head, (b, i, m) -> (b, h, i, d)."""
    q, k, v = block.attn.qkv(block.attn_norm(x)).chunk(3, dim=-1)
    return split_heads(q, block.attn.n_heads), split_heads(k, block.attn.n_heads), split_heads(v, block.attn.n_heads)


@torch.no_grad()
def scores_of(model: GPT, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Induction scores and weights on the token just before, (n_layers, h) each."""
    with record_attention(model) as maps:
        model(tokens)
    return induction_scores(maps.stack()), previous_scores(maps.stack())


def second_copy(model: GPT, tokens: Tensor) -> float:
    """Bits for each symbol of the second copy but its first, which nothing foretells."""
    return round(float(bits(model, tokens)[TESTED:].mean()), 4)


def opened(model: GPT, tokens: Tensor) -> Row:
    """A model of two layers: its two heads, and what each head of layer 0 is worth to the second."""
    found, before = scores_of(model, tokens)
    inducing = int(found[1].argmax())
    cut = [without_head(model, head) for head in range(len(found[0]))]
    return {
        "bits": second_copy(model, tokens),
        "induction": _rounded(found),
        "previous": _rounded(before),
        "bits_without": [second_copy(one, tokens) for one in cut],
        "induction_without": [round(float(scores_of(one, tokens)[0][1, inducing]), 4) for one in cut],
        "induction_by_path": scores_by_path(model, tokens, inducing),
        "composition": composition(model),
    }


@torch.no_grad()
def guesses(model: GPT, tokens: Tensor) -> Row:
    """Probabilities at each place of the second copy but its first: of the right symbol, those met twice and once."""
    shares = model(tokens).softmax(-1)  # (b, i, v)
    result: dict[str, list[float]] = {"right": [], "met twice": [], "met once": []}
    for place in range(TESTED + 1, 2 * TESTED):
        of_block = shares[:, place - 1].gather(1, tokens[:, :TESTED]).mean(0)  # (8,), in the block's order
        again = place - TESTED  # symbols that stood in the second copy already; the next one is right
        parts = of_block[again], of_block[:again].sum(), of_block[again + 1 :].sum()
        for name, share in zip(result, parts, strict=True):
            result[name].append(round(float(share), 4))
    return {"guesses": result}


def _rounded(rows: Tensor) -> list[list[float]]:
    return [[round(float(x), 4) for x in row] for row in rows]


def run(kind: str, seed: int) -> Row:
    """Train one model as `induction` does, and open it."""
    model = train(kind, seed)[1]
    tokens = blocks_twice(seed)
    if kind == "one layer":
        return guesses(model, tokens)
    torch.manual_seed(seed)  # the weights that training began with
    untrained = GPT(GPTConfig(N_SYMBOLS, D_MODEL, max_len=LENGTH, **SIZES[kind]))
    return opened(model, tokens) | {"composition_untrained": composition(untrained)}


if __name__ == "__main__":
    main("induction_circuit")
