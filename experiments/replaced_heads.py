"""Does a head do what its pattern says? Heads of a pretrained encoder look by rule, and the sentence's vector moves.

On ten sentences (`experiments.compared_heads`, none of them prose that the heads were scored on), for each head by
itself, all others as they are: its weights are replaced by the pattern alone, the weight spread evenly over the keys
that a pattern names (over all keys for a query without any), for each pattern of place; by an even map; or its output
is set to zero. Measured is 1 - cosine of the sentence's vector, the mean over tokens, with what it was. Then all heads
of a list at once (`JOINT`): those with more than a half of their weight on a pattern of place in
`experiments.pattern_scores`, by their patterns, by even maps, and by the patterns of one another, dealt out in turn.

Fixed before the table was made: the sentences, the patterns and the measure. A pattern says what a head does in as far
as the vector moves less than by an even map: 1 - moved by the pattern / moved by the even map.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from experiments.compared_heads import SENTENCES
from experiments.pattern_scores import PATTERNS, SPECIAL
from experiments.runner import Row, load, main
from mha.heads import split_heads
from mha.interpret.head_scores import even_weights, pattern_keys
from mha.interpret.patching import attention_layers, patch_heads
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm

BY_PLACE = ("previous", "next", "own", "local", "first", "special")
WAYS = (*BY_PLACE, "even", "off")
JOINT = ("by their patterns", "by patterns of others", "by even maps")

RUNS: list[Row] = [{"seed": seed} for seed in range(len(SENTENCES))]  # the number of the sentence


@cache
def strong_heads() -> list[tuple[int, int, str]]:
    """(layer, head, pattern) of the heads with more than half of their weight on a pattern of place but "local"."""
    rows = load("pattern_scores")
    scores = np.array(next(row["scores"] for row in rows if row["kind"] == "real"))
    found = []
    for pattern in BY_PLACE:
        if pattern != "local":  # which "previous" and "next" are parts of
            at = np.argwhere(scores[PATTERNS.index(pattern)] > 0.5).tolist()
            found += [(layer, head, pattern) for layer, head in at]
    return sorted(found)


def rule_maps(ids: Tensor) -> dict[str, Tensor]:
    """What a head that looks by rule alone does: pattern -> weights (i, j), and "even"."""
    even = even_weights(ids)[0, 0]
    maps = {"even": even}
    for name, keys in pattern_keys(ids, special_ids=SPECIAL).items():
        named = keys[0].float()
        count = named.sum(-1, keepdim=True)
        maps[name] = torch.where(count > 0, named / count.clamp(min=1), even)
    return maps


def vector(encoder: Encoder, x: Tensor, layer: int) -> Tensor:
    """The sentence's vector (m,) of unit length, from what enters a layer (1, i, m)."""
    for block in encoder.blocks[layer:]:
        x = block(x)
    return torch.nn.functional.normalize(x[0].mean(0), dim=0)


def values(encoder: Encoder, x: Tensor, layer: int) -> Tensor:
    """The values of each head (h, i, d) of what enters a layer."""
    attn = attention_layers(encoder)[layer]
    return split_heads(attn.qkv(x).chunk(3, dim=-1)[2], attn.n_heads)[0]


@torch.no_grad()
def one_by_one(encoder: Encoder, ids: Tensor) -> list[list[list[float]]]:
    """How far the vector moves, (n_ways, n_layers, h)."""
    states, rules = list(encoder.hidden_states(ids)), rule_maps(ids)
    intact = vector(encoder, states[0], 0)
    moved = torch.zeros(len(WAYS), len(encoder.blocks), attention_layers(encoder)[0].n_heads)
    for layer in range(moved.shape[1]):
        v = values(encoder, states[layer], layer)
        for n, way in enumerate(WAYS):
            gives = torch.zeros_like(v) if way == "off" else rules[way] @ v
            for head in range(moved.shape[2]):
                with patch_heads(encoder, {layer: gives[None]}, [(layer, head)]):
                    moved[n, layer, head] = 1 - intact @ vector(encoder, states[layer], layer)
    return [[[float(f"{x:.4g}") for x in heads] for heads in layers] for layers in moved.tolist()]


@torch.no_grad()
def together(encoder: Encoder, ids: Tensor, patterns: list[str]) -> float:
    """How far the vector moves when all strong heads look by these rules, layer after layer."""
    rules, x = rule_maps(ids), encoder.embeddings(ids)
    intact = vector(encoder, x, 0)
    for layer, block in enumerate(encoder.blocks):
        here = [(head, rule) for (at, head, _), rule in zip(strong_heads(), patterns, strict=True) if at == layer]
        gives = values(encoder, x, layer)
        for head, rule in here:
            gives[head] = rules[rule] @ gives[head]
        with patch_heads(encoder, {layer: gives[None]}, [(layer, head) for head, _ in here]):
            x = block(x)
    return round(float(1 - intact @ torch.nn.functional.normalize(x[0].mean(0), dim=0)), 6)


def run(seed: int) -> Row:
    """One sentence: how far its vector moves by each way and head, and by all strong heads at once."""
    encoder, tokenizer = load_minilm()
    ids = encode(tokenizer, [SENTENCES[seed]])[0]
    own = [pattern for _, _, pattern in strong_heads()]
    kinds = sorted(set(own))
    others = [kinds[(kinds.index(pattern) + 1) % len(kinds)] for pattern in own]
    dealt = dict(zip(JOINT, (own, others, ["even"] * len(own)), strict=True))
    joint = {name: together(encoder, ids, patterns) for name, patterns in dealt.items()}
    return {"moved": one_by_one(encoder, ids), "joint": joint}


if __name__ == "__main__":
    main("replaced_heads")
