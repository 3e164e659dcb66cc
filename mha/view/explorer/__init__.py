"""The attention explorer: every layer and head of a model on one sentence, to look at and to walk through.

The output is one piece of HTML with its own style and script: it needs no network and no kernel, and its first state
is a table that can be read where scripts do not run (a notebook that is not trusted, a feed reader).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mha.validation import check_choice, check_finite, check_integer, check_texts
from mha.view.explorer.labelled_maps import LabelledMaps, Reading, read_maps, read_readings
from mha.view.explorer.markup import Opening, page_fragment
from mha.view.explorer.observed import ObservedLayer, observe_attention
from mha.view.values import check_text

__all__ = ["SPECIAL_TOKENS", "Explorer", "ObservedLayer", "Reading", "explore", "explore_readings", "observe_attention"]

# Tokens that mark a place and stand for no text. [MASK] and [UNK] stand for a word and are not among them.
SPECIAL_TOKENS = frozenset(
    ("[CLS]", "[SEP]", "[PAD]", "<s>", "</s>", "<pad>", "<bos>", "<eos>", "<cls>", "<sep>", "<|endoftext|>")
)


class Explorer:
    """What `explore` returns; a notebook shows it as HTML, a terminal as one line."""

    def __init__(self, readings: tuple[tuple[LabelledMaps, ...], ...], html: str) -> None:
        self.readings = readings
        self._html = html

    @property
    def maps(self) -> tuple[LabelledMaps, ...]:
        """Those of the sentence that is shown first."""
        return self.readings[0]

    def _repr_html_(self) -> str:
        return self._html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._html}

    def __repr__(self) -> str:
        parts = [_describe(one) for one in self.maps]
        more = f" and {len(self.readings) - 1} more sentences" if len(self.readings) > 1 else ""
        return f"<Explorer: {'; '.join(parts)}{more}>"


def explore(
    tokens: Sequence[str],
    weights: Any,
    *,
    target_tokens: Sequence[str] | None = None,
    kind: str | None = None,
    layer: int = 0,
    head: int = 0,
    compare: tuple[int, int] | None = None,
    focus: int | None = None,
    title: str | None = None,
    special_tokens: Collection[str] = SPECIAL_TOKENS,
    channels: bool = True,
    scores: Mapping[str, ArrayLike] | None = None,
    sort: str | None = None,
) -> Explorer:
    """Show attention weights, all layers and heads, as something to touch.

    Layers and heads are numbered as in the array, from 0. Nothing is rescaled: every weight shown is one of the array,
    rounded (see `mha.view.explorer.codec`), and the weight of tokens that the reader hides is stated. What
    `observe_attention` recorded shows two things more: weight times the length of the value, and query times key by
    channel; those numbers are computed in the page from rounded ones.

    Args:
        tokens: j strings, what is looked at; for self-attention also what looks.
        weights: (n_layers, n_heads, i, j), an array, a tensor, or a sequence or mapping of layers (n_heads, i, j) or
            (1, n_heads, i, j). Rows sum to 1, or to 0 where a query may attend to nothing.
            An encoder-decoder model: {"encoder": …, "decoder": …, "cross": …}, any of them, or what was recorded of
            it: layers by their names, of which cross-attention has "cross" in its own and a decoder's "decoder"
            before. In either case what `record_attention` or `observe_attention` yields will do.
        target_tokens: i strings, the queries of decoder and cross attention. Given with plain weights, these are the
            rows and tokens the columns.
        kind: of an encoder-decoder model, "encoder", "decoder" or "cross": what is shown first; the first there is if
            None.
        layer, head: what is shown first.  compare: (layer, head) of a second map beside it.
        focus: position of the query that is selected first; none if None.
        title: a line above the maps.
        special_tokens: those that the reader can hide.
        channels: whether observed queries and keys come along: one character in the page for each of their numbers.
        scores: what the small maps can be sorted by, the highest first: name -> (n_layers, n_heads), shares such as
            `mha.interpret.head_scores` gives, shown in percent. For a model with one kind of attention.
        sort: the name of the score that they are sorted by at first; by their places if None.
    Returns:
        Explorer, displayed by Jupyter and by the book.
    Raises:
        ValueError: tokens and weights disagree; a weight outside [0, 1] or not finite; a row that sums to neither 1 nor
            0; no such kind; layer, head, compare or focus outside the maps; more than 128 tokens or a million weights;
            scores of another shape or outside [-1, 1], or of a model with several kinds; sort is none of them.
        TypeError: tokens, title or special_tokens are no strings; weights are no numbers, or a mask; layer, head,
            compare or focus are no integers.
    """
    readings = [("", read_maps(tokens, weights, target_tokens))]
    opening = _opening(readings[0][1], kind, (layer, head), compare, focus, title)
    opening = replace(opening, scores=_scores(readings[0][1], scores), sort=_sort(scores, sort))
    return _explorer(readings, opening, special_tokens, channels)


def explore_readings(
    readings: Sequence[Reading],
    *,
    kind: str | None = None,
    layer: int = 0,
    head: int = 0,
    compare: tuple[int, int] | None = None,
    focus: int | None = None,
    title: str | None = None,
    special_tokens: Collection[str] = SPECIAL_TOKENS,
    channels: bool = True,
    handed_over: bool = False,
) -> Explorer:
    """`explore` for several sentences read by one model, of which the reader chooses one.

    Args:
        readings: what was read; the first is shown first, the others are unpacked when they are chosen.
        kind, layer, head, compare, focus, title, special_tokens, channels: as for `explore`; focus is a place in the
            first sentence.
        handed_over: whether the page may show sentences that it has computed itself, as handed_over.js says.
    Returns:
        Explorer.
    Raises:
        ValueError: as for `explore`; the readings differ in kinds, layers or heads; over a million weights in all.
        TypeError: as for `explore`; readings is no sequence of `Reading`.
    """
    read = read_readings(readings)
    opening = _opening(read[0][1], kind, (layer, head), compare, focus, title)
    return _explorer(read, opening, special_tokens, channels, handed_over)


def _opening(
    maps: tuple[LabelledMaps, ...],
    kind: str | None,
    first: tuple[int, int],
    compare: tuple[int, int] | None,
    focus: int | None,
    title: str | None,
) -> Opening:
    kinds = [one.kind for one in maps]
    if kind is not None:
        check_choice("kind", kind, kinds)
    number = 0 if kind is None else kinds.index(kind)
    shown = maps[number]
    picks = [_check_pick(("layer", "head"), first, shown)]
    if compare is not None:
        if not isinstance(compare, Sequence) or len(compare) != 2:
            raise TypeError(f"compare must be two integers, (layer, head), got {compare!r}")
        picks.append(_check_pick(("compare[0]", "compare[1]"), compare, shown))
    if focus is not None:
        focus = check_integer("focus", focus, at_least=0, at_most=len(shown.queries) - 1)
    if title is not None:
        check_text("title", title)
    return Opening(number, tuple(picks), focus, title)


def _explorer(
    readings: list[tuple[str, tuple[LabelledMaps, ...]]],
    opening: Opening,
    special_tokens: Collection[str],
    channels: bool,
    handed_over: bool = False,
) -> Explorer:
    special = frozenset(check_texts("special_tokens", special_tokens) if special_tokens else ())
    html = page_fragment(readings, opening, special, with_channels=channels, handed_over=handed_over)
    return Explorer(tuple(one for _, one in readings), html)


def _scores(maps: tuple[LabelledMaps, ...], scores: Mapping[str, ArrayLike] | None) -> dict[str, list[list[float]]]:
    """In percent, with one decimal."""
    found: dict[str, list[list[float]]] = {}
    for name, given in (scores or {}).items():
        check_text("a name in scores", name)
        values, shape = check_finite(f"scores of {name!r}", given), maps[0].weights.shape[:2]
        if len(maps) > 1 or values.shape != shape or np.abs(values).max() > 1:
            raise ValueError(
                f"scores of {name!r} must be {shape} numbers from -1 to 1, of a model with one kind of attention, "
                f"got shape {values.shape} and {len(maps)} kinds"
            )
        found[name] = np.round(100 * values, 1).tolist()
    return found


def _sort(scores: Mapping[str, ArrayLike] | None, sort: str | None) -> str | None:
    if sort is not None:
        check_choice("sort", sort, [*(scores or {})])
    return sort


def _check_pick(names: tuple[str, str], pick: Sequence[int], maps: LabelledMaps) -> tuple[int, int]:
    layer, head = (
        check_integer(name, number, at_least=0, at_most=size - 1)
        for name, number, size in zip(names, pick, maps.weights.shape, strict=False)
    )
    return layer, head


def _describe(maps: LabelledMaps) -> str:
    n_layers, n_heads, n_queries, n_keys = maps.weights.shape
    kind = "" if maps.kind == "self" else f"{maps.kind} "
    tokens = f"{n_queries} tokens" if maps.queries == maps.keys else f"{n_queries} x {n_keys} tokens"
    return f"{kind}{n_layers} layers x {n_heads} heads, {tokens}"
