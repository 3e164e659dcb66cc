"""The pretrained encoder as the page changes it: heads off, layers with uniform attention, no positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from mha.detours import Way, detour
from mha.interpret.patching import attention_layers, patch_heads, record_heads
from mha.models.bert import Encoder
from mha.models.pretrained import load_minilm
from mha.recording import record_attention
from mha.view.explorer import Explorer, Reading, explore_readings

__all__ = ["angle", "cosine", "explorer", "head_outputs", "sentence_vector"]

load = cache(load_minilm)
OPENS = (3, 1)  # layer and head: the one that links "it" to the bridge on the front page


def sentence_vector(
    text: str,
    *,
    without: Iterable[Sequence[int]] = (),
    uniform: Iterable[int] = (),
    positions: bool = True,
) -> Tensor:
    """The mean of the last layer's vectors over all tokens, of length 1: (m,).

    Args:
        text: one sentence.  without: (layer, head) of heads that add nothing.
        uniform: layers in which each token attends to all tokens alike.
        positions: False where the tokens are not told where they stand.
    """
    encoder, tokenizer = load()
    ids = _ids(tokenizer, text)
    layers = attention_layers(encoder)
    shape = (1, layers[0].n_heads, ids.shape[1], layers[0].head_dim)
    nothing = {number: torch.zeros(shape) for number in range(len(layers))}
    ways: dict[nn.Module, Way] = {layers[number]: _uniform for number in uniform}
    off = [(layer, head) for layer, head in without]
    with torch.no_grad(), patch_heads(encoder, nothing, off), detour(ways), _positions(encoder, positions):
        vector = encoder(ids)[0].mean(dim=0)  # (1, i, m) -> (m,)
    return vector / vector.norm()


def head_outputs(text: str) -> Tensor:
    """What each head adds to the tokens' vectors, their mean over tokens: (layers, heads, m)."""
    encoder, tokenizer = load()
    with record_heads(encoder) as kept, torch.no_grad():
        encoder(_ids(tokenizer, text))
    added = []
    for number, layer in enumerate(attention_layers(encoder)):
        maps = layer.out.weight.detach().unflatten(1, (layer.n_heads, -1))  # (m, h, d)
        added.append(torch.einsum("hd,mhd->hm", kept[number][0].mean(dim=1), maps))
    return torch.stack(added)


def cosine(vector: Tensor, other: Tensor) -> float:
    """Of two vectors of length 1."""
    return float(vector @ other)


def angle(vector: Tensor, other: Tensor) -> float:
    """By how many degrees one vector of length 1 is turned against the other."""
    return float(torch.rad2deg(torch.acos((vector @ other).clamp(-1, 1))))


def explorer(sentences: Sequence[str]) -> Explorer:
    """An explorer of the sentences, the first of which stands open, to which the page can hand over more."""
    encoder, tokenizer = load()
    readings = []
    for text in sentences:
        encoding = tokenizer.encode(text)
        with record_attention(encoder) as maps, torch.no_grad():
            encoder(torch.tensor([encoding.ids]))
        readings.append(Reading(encoding.tokens, maps.stack()[:, 0], name=text))
    layer, head = OPENS
    title = "Attention of all-MiniLM-L6-v2"
    return explore_readings(readings, layer=layer, head=head, channels=False, title=title, handed_over=True)


def _ids(tokenizer: Tokenizer, text: str) -> Tensor:
    return torch.tensor([tokenizer.encode(text).ids])  # (1, i)


def _uniform(q: Tensor, k: Tensor, v: Tensor, **_: Any) -> Tensor:
    """What `attention` gives where all weights are alike: (b, h, i, d)."""
    return v.mean(dim=-2, keepdim=True).expand_as(v)


@contextmanager
def _positions(encoder: Encoder, told: bool) -> Iterator[None]:
    """Inside the `with`, a token's vector says where it stands only if it is told."""
    table = encoder.embeddings.positions
    kept = table.weight.data
    table.weight.data = kept if told else torch.zeros_like(kept)
    try:
        yield
    finally:
        table.weight.data = kept
