"""A word on which the answer turns: how much attention it gets, and what is lost when nobody attends to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from mha.interpret.gating import Place, cut_edges
from mha.interpret.patching import attention_layers
from mha.recording import record_attention
from mha.validation import check_integer, check_tensor

__all__ = ["edges_to", "logits_without_edges", "maps_of", "places_of", "weight_on", "word_places"]


def places_of(tokenizer: Tokenizer, text: str, phrase: str) -> list[int]:
    """Where the tokens of a phrase stand, that of its first occurrence, special tokens counted.

    Raises:
        ValueError: the phrase is no whole word of the text, or whole words.
    """
    found = re.search(rf"\b{re.escape(phrase)}\b", text, re.IGNORECASE)
    if not phrase or not found:
        raise ValueError(f"phrase must be in the text as whole words, got {phrase!r} in {text!r}")
    offsets = tokenizer.encode(text).offsets
    return [n for n, (start, end) in enumerate(offsets) if start < found.end() and end > found.start() and end > start]


def word_places(tokenizer: Tokenizer, text: str) -> list[list[int]]:
    """The places of each word's tokens, in order; special tokens and punctuation are no words."""
    offsets = tokenizer.encode(text).offsets
    spans = [match.span() for match in re.finditer(r"\w+", text)]
    return [[n for n, (start, end) in enumerate(offsets) if low <= start < end <= high] for low, high in spans]


def weight_on(maps: Tensor, keys: Sequence[int], queries: Iterable[int] | None = None) -> Tensor:
    """What some keys get together, in the mean over queries; a key's own query is left out.

    Args:
        maps: (..., i, j), weights of one sentence.  keys: places.  queries: places; all others if None.
    Returns:
        (...,), from 0 to 1.
    Raises:
        TypeError, ValueError: maps is no tensor of two axes or more; no key or no other query, or one outside.
    """
    check_tensor("maps", maps)
    if maps.dim() < 2:
        raise ValueError(f"maps must have shape (..., i, j), got {tuple(maps.shape)}")
    kept = [check_integer("a key", k, at_least=0, at_most=maps.shape[-1] - 1) for k in keys]
    asked = range(maps.shape[-2]) if queries is None else queries
    rows = [check_integer("a query", q, at_least=0, at_most=maps.shape[-2] - 1) for q in asked if q not in kept]
    if not kept or not rows:
        raise ValueError(f"there must be a key and another query, got keys {kept} and queries {rows}")
    return maps[..., rows, :][..., kept].sum(dim=-1).mean(dim=-1)


def edges_to(groups: Sequence[Sequence[int]], length: int) -> Tensor:
    """For each group of keys the edges from every query outside of it, as `cut_edges` takes them: (n, i, j)."""
    edges = torch.zeros(len(groups), length, length, dtype=torch.bool)
    for n, keys in enumerate(groups):
        edges[n, :, list(keys)] = True
        edges[n, list(keys)] = False
    return edges


@torch.no_grad()
def logits_without_edges(
    model: nn.Module, token_ids: Tensor, groups: Sequence[Sequence[int]], heads: Iterable[Place] | None = None
) -> Tensor:
    """What a model answers when no other token attends to some keys; their own vectors go on as ever.

    Args:
        model: (token_ids (n, i), key_mask (n, i)) -> (n,).  token_ids: (1, i), one sentence without padding.
        groups: n lists of keys, one run each.  heads: (layer, head) each; all if None.
    Returns:
        (n,).
    Raises:
        TypeError, ValueError: as `cut_edges`.
    """
    layers = attention_layers(model)
    places = [(n, h) for n, layer in enumerate(layers) for h in range(layer.n_heads)] if heads is None else list(heads)
    ids = token_ids.expand(len(groups), -1)
    with cut_edges(model, places, edges_to(groups, ids.shape[1])):
        answers: Tensor = model(ids, torch.ones_like(ids, dtype=torch.bool))
    return answers


@torch.no_grad()
def maps_of(model: nn.Module, token_ids: Tensor) -> Tensor:
    """The weights of every head on one sentence without padding, (layer, h, i, j)."""
    with record_attention(model) as maps:
        model(token_ids, torch.ones_like(token_ids, dtype=torch.bool))
    return maps.stack()[:, 0]
