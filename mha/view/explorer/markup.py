"""The HTML of an explorer: the first head as a table that needs no script, the data, and the script that takes over."""

from __future__ import annotations

import hashlib
import html
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mha.view.explorer import codec
from mha.view.explorer.labelled_maps import LabelledMaps
from mha.view.inline import inline_data, inline_source

__all__ = ["SCRIPTS", "SORTING", "WITH_CHANNELS", "Opening", "fragment_part", "page_fragment", "token_label"]

SCRIPTS = (
    *("elements.js", "weights.js", "overview.js", "matrix.js", "lines.js", "words.js", "layout.js", "picture.js"),
    *("state.js", "explorer.js"),
)
WITH_CHANNELS = (*SCRIPTS[:-1], "channels.js", SCRIPTS[-1])
SORTING = "sorting.js"
HANDED_OVER = "handed_over.js"
LABELS = {
    "self": "self-attention",
    "encoder": "encoder self-attention",
    "decoder": "decoder self-attention",
    "cross": "cross-attention, decoder to encoder",
}
VISIBLE = {"\n": "⏎", "\t": "⇥", "\r": "␍", "\x7f": "␡"}


@dataclass(frozen=True)
class Opening:
    """What the explorer shows first: the number of a kind; picks of (layer, head), one or two; a query; a title.

    scores: what heads can be sorted by, name -> percent by layer and head; the name that they are sorted by at first.
    """

    kind: int
    picks: tuple[tuple[int, int], ...]
    focus: int | None
    title: str | None
    scores: dict[str, list[list[float]]] | None = None
    sort: str | None = None


def token_label(token: str) -> str:
    """The token as it is shown: itself, with what has no shape of its own (nothing, blanks, controls) given one."""
    if token == "":
        return "(empty)"
    token = "".join(map(_visible, token))
    core = token.strip()
    start = token.find(core) if core else len(token)
    return "␣" * start + core + "␣" * (len(token) - start - len(core))


def _visible(character: str) -> str:
    if 0xD800 <= ord(character) < 0xE000:  # half a character, which no file can hold
        return "\ufffd"
    return VISIBLE.get(character, chr(0x2400 + ord(character)) if character < " " else character)


def page_fragment(
    readings: list[tuple[str, tuple[LabelledMaps, ...]]],
    opening: Opening,
    special_tokens: frozenset[str],
    *,
    with_channels: bool,
    handed_over: bool = False,
) -> str:
    """One self-contained piece of HTML. The same arguments give the same bytes.

    The first sentence is data of the script; the others, and the channels of each, are texts that it reads on demand.
    handed_over: a page may show sentences of its own, which it has computed.
    """
    kinds = [[_kind_data(one, special_tokens) for one in maps] for _, maps in readings]
    names = [name for name, _ in readings]
    opens = {"kind": opening.kind, "picks": opening.picks, "focus": opening.focus}
    data = {**opens, "kinds": kinds[0], "names": names}
    if opening.scores:
        data |= {"scores": opening.scores, "sort": [None, *opening.scores].index(opening.sort)}
    payload = inline_data(data)
    more = [inline_data(one) for one in kinds[1:]]
    channels = [
        inline_data([_channels(one) for one in maps]) for _, maps in readings if with_channels and maps[0].vectors
    ]
    key = hashlib.sha256(payload.encode()).hexdigest()[:10]
    title = opening.title or "Attention explorer"
    return (
        f'<div class="mha-explorer mx tex2jax_ignore mathjax_ignore" role="group" data-key="{key}" '
        f'aria-label="{html.escape(title)}"><style>{fragment_part("explorer.css")}</style>'
        + (f'<p class="mx-title">{html.escape(title)}</p>' if opening.title else "")
        + f'<div class="mx-static">{_first_state(readings[0][1][opening.kind], opening, kinds[0][opening.kind])}</div>'
        + f'<script>(function(){{"use strict";const key="{key}",data={payload};\n'
        + f"const more={inline_data(more)},channelTexts={inline_data(channels)};\n"
        + "".join(fragment_part(name) for name in _scripts(bool(channels), bool(opening.scores)))
        + (fragment_part(HANDED_OVER) if handed_over else "")
        + "})();</script></div>"
    )


def _scripts(with_channels: bool, with_sorting: bool) -> tuple[str, ...]:
    names = WITH_CHANNELS if with_channels else SCRIPTS
    return (*names[:-1], SORTING, names[-1]) if with_sorting else names


def fragment_part(name: str) -> str:
    """A style or script of this folder as the page has it."""
    return inline_source("mha.view.explorer", name)


def _kind_data(maps: LabelledMaps, special_tokens: frozenset[str]) -> dict[str, Any]:
    """What the script needs. Behind each row's codes stands one for the sum of its special tokens' weights, and behind
    all rows, for each head, their share of the weight of all queries, then of the queries left when they are hidden."""
    special = {"q": _special(maps.queries, special_tokens), "k": _special(maps.keys, special_tokens)}
    hidden = maps.weights[..., special["k"]].sum(axis=-1, keepdims=True)
    codes = codec.quantise(np.concatenate([maps.weights, hidden], axis=-1))  # (l, h, i, j + 1)
    shares = codec.quantise(_special_shares(maps, special))  # (l, h, 2)
    levels, text = codec.encode(np.concatenate([codes.ravel(), shares.ravel()]))
    labels = [token_label(token) for token in maps.queries]
    return {
        "label": LABELS[maps.kind],
        "self": maps.kind != "cross",
        "q": labels,
        "k": None if maps.queries == maps.keys else [token_label(token) for token in maps.keys],
        "special": special,
        "shape": maps.weights.shape,
        "levels": levels,
        "codes": text,
        "causal": maps.is_causal,
        "lengths": None if maps.vectors is None else _three_digits(maps.vectors.lengths),
    }


def _three_digits(numbers: NDArray[np.float64]) -> list[float]:
    return [float(f"{number:.3g}") for number in numbers.ravel().tolist()]


def _channels(maps: LabelledMaps) -> dict[str, Any] | None:
    if maps.vectors is None:
        return None
    (q_unit, q), (k_unit, k) = (codec.encode_vectors(x) for x in (maps.vectors.queries, maps.vectors.keys))
    width = maps.vectors.queries.shape[-1]
    return {"width": width, "biased": maps.vectors.biased, "qUnit": q_unit, "q": q, "kUnit": k_unit, "k": k}


def _special(tokens: tuple[str, ...], special_tokens: frozenset[str]) -> list[int]:
    """Positions that can be hidden; none if nothing else would be left."""
    found = [position for position, token in enumerate(tokens) if token in special_tokens]
    return [] if len(found) == len(tokens) else found


def _special_shares(maps: LabelledMaps, special: dict[str, list[int]]) -> NDArray[np.float64]:
    """What part of a head's weight the special keys take: (l, h, 2), of all queries and of those that are not special.

    A query that may attend to nothing has no weight and does not count.
    """
    words = np.delete(maps.weights, special["q"], axis=2)
    wholes = [rows.sum(axis=(2, 3)) for rows in (maps.weights, words)]
    parts = [rows[..., special["k"]].sum(axis=(2, 3)) for rows in (maps.weights, words)]
    whole, part = np.stack(wholes, axis=-1), np.stack(parts, axis=-1)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _first_state(maps: LabelledMaps, opening: Opening, kind: dict[str, Any]) -> str:
    layer, head = opening.picks[0]
    n_layers, n_heads = maps.weights.shape[:2]
    codes = codec.quantise(maps.weights[layer, head])
    queries = kind["q"]
    keys = kind["k"] or queries
    share = codec.quantise(_special_shares(maps, kind["special"])[layer, head, 0])
    columns = "".join(f"<th scope=col>{_label(key)}" for key in keys)
    rows = "".join(f"<tr><th scope=row>{_label(query)}{_cells(codes[i])}" for i, query in enumerate(queries))
    return (
        f"<p>Layer {layer}, head {head} of {n_layers} layers with {n_heads} heads each, counted from 0, "
        f"{LABELS[maps.kind]}. {_strongest(codes, kind)}{_taken(share, kind)}"
        "<p>The other heads need scripts, which a notebook runs once it is trusted."
        f'<div class="mx-scroll" tabindex="0" role="group" aria-label="Map of layer {layer}, head {head}">'
        '<table class="mx-map"><caption>'
        "<span>How much each row’s token looks at each column’s token, in percent.</span></caption>"
        f"<thead><tr><td>{columns}</thead><tbody>{rows}</tbody></table></div>"
    )


def _label(label: str) -> str:
    return f"<bdi>{html.escape(label)}</bdi>"


def _cells(codes: codec.Codes) -> str:
    pairs = zip(codec.tone(codes).tolist(), codec.per_cent(codes).tolist(), strict=True)
    return "".join(f"<td class=t{step}>{number}" for step, number in pairs)


def _strongest(codes: codec.Codes, kind: dict[str, Any]) -> str:
    """The three largest weights between different tokens, special ones aside, largest first."""
    queries = kind["q"]
    keys = kind["k"] or queries
    links = [
        (-int(codes[i, j]), i, j)
        for i in range(len(queries))
        for j in range(len(keys))
        if codes[i, j] > 0
        and i not in kind["special"]["q"]
        and j not in kind["special"]["k"]
        and not (kind["self"] and i == j)
    ]
    texts = [
        f"{_name(queries, i)} → {_name(keys, j)} {_percent_text(np.asarray(-code))}" for code, i, j in sorted(links)[:3]
    ]
    ends = "words" if kind["special"]["q"] or kind["special"]["k"] else "different tokens"
    return f"Strongest links between {ends}: {', '.join(texts)}." if texts else ""


def _taken(share: codec.Codes, kind: dict[str, Any]) -> str:
    """What the special tokens take, which the strongest links leave out."""
    keys = kind["k"] or kind["q"]
    *others, last = dict.fromkeys(_label(keys[j]) for j in kind["special"]["k"]) or [""]
    names = f"{', '.join(others)} and {last} take" if others else f"{last} takes"
    return f" {names} {_percent_text(share)} of all weight." if last else ""


def _percent_text(code: codec.Codes) -> str:
    return f"{codec.per_mille(code) / 10:.1f}\u00a0%"


def _name(labels: list[str], position: int) -> str:
    """‘the’, or ‘the’ #2 where the same token stands more than once."""
    label = labels[position]
    again = f" #{labels[: position + 1].count(label)}" if Counter(labels)[label] > 1 else ""
    return f"‘{_label(label)}’{again}"
