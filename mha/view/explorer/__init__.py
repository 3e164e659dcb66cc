"""The attention explorer: every layer and head of a model on one sentence, to look at and to walk through.

The output is one piece of HTML with its own style and script: it needs no network and no kernel, and its first state
is a table that can be read where scripts do not run (a notebook that is not trusted, a feed reader).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from mha.view.explorer.labelled_maps import LabelledMaps, read_maps
from mha.view.explorer.markup import Opening, page_fragment

__all__ = ["SPECIAL_TOKENS", "Explorer", "explore"]

# Tokens that mark a place and stand for no text. [MASK] and [UNK] stand for a word and are not among them.
SPECIAL_TOKENS = frozenset(
    ("[CLS]", "[SEP]", "[PAD]", "<s>", "</s>", "<pad>", "<bos>", "<eos>", "<cls>", "<sep>", "<|endoftext|>")
)


class Explorer:
    """What `explore` returns; a notebook shows it as HTML, a terminal as one line."""

    def __init__(self, maps: tuple[LabelledMaps, ...], html: str) -> None:
        self.maps = maps
        self._html = html

    def _repr_html_(self) -> str:
        return self._html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._html}

    def __repr__(self) -> str:
        parts = [_describe(one) for one in self.maps]
        return f"<Explorer: {'; '.join(parts)}>"


def explore(
    tokens: Sequence[str],
    weights: Any,
    *,
    target_tokens: Sequence[str] | None = None,
    layer: int = 0,
    head: int = 0,
    compare: tuple[int, int] | None = None,
    focus: int | None = None,
    title: str | None = None,
    special_tokens: Collection[str] = SPECIAL_TOKENS,
) -> Explorer:
    """Show attention weights, all layers and heads, as something to touch.

    Layers and heads are numbered as in the array, from 0. Nothing is rescaled: every number shown is a weight of the
    array, rounded (see `mha.view.explorer.codec`), and the weight of tokens that the reader hides is stated.

    Args:
        tokens: j strings, what is looked at; for self-attention also what looks.
        weights: (n_layers, n_heads, i, j), an array, a tensor, or a sequence or mapping of layers (n_heads, i, j) or
            (1, n_heads, i, j). Rows sum to 1, or to 0 where a query may attend to nothing.
            An encoder-decoder model: {"encoder": …, "decoder": …, "cross": …}, any of them.
        target_tokens: i strings, the queries of decoder and cross attention. Given with plain weights, these are the
            rows and tokens the columns.
        layer, head: what is shown first.  compare: (layer, head) of a second map beside it.
        focus: position of the query that is selected first; none if None.
        title: a line above the maps.
        special_tokens: those that the reader can hide.
    Returns:
        Explorer, displayed by Jupyter and by the book.
    Raises:
        ValueError: tokens and weights disagree; a weight outside [0, 1] or not finite; a row that sums to neither 1 nor
            0; layer, head, compare or focus outside the maps; more than 128 tokens or a million weights.
        TypeError: tokens are not strings.
    """
    maps = read_maps(tokens, weights, target_tokens)
    first = maps[0]
    picks = [("layer and head", (layer, head))] + ([] if compare is None else [("compare", compare)])
    for name, pick in picks:
        _check_pick(name, pick, first)
    if focus is not None and not 0 <= focus < len(first.queries):
        raise ValueError(f"focus must be a position from 0 to {len(first.queries) - 1}, got {focus}")
    opening = Opening(tuple(pick for _, pick in picks), focus, title)
    return Explorer(maps, page_fragment(maps, opening, frozenset(special_tokens)))


def _check_pick(name: str, pick: tuple[int, int], maps: LabelledMaps) -> None:
    n_layers, n_heads = maps.weights.shape[:2]
    if len(pick) != 2 or not all(isinstance(number, (int, np.integer)) for number in pick):
        raise ValueError(f"{name} must be two whole numbers, a layer and a head, got {pick!r}")
    if not (0 <= pick[0] < n_layers and 0 <= pick[1] < n_heads):
        raise ValueError(f"{name} must lie within {n_layers} layers and {n_heads} heads, counted from 0, got {pick}")


def _describe(maps: LabelledMaps) -> str:
    n_layers, n_heads, n_queries, n_keys = maps.weights.shape
    kind = "" if maps.kind == "self" else f"{maps.kind} "
    tokens = f"{n_queries} tokens" if maps.queries == maps.keys else f"{n_queries} x {n_keys} tokens"
    return f"{kind}{n_layers} layers x {n_heads} heads, {tokens}"
