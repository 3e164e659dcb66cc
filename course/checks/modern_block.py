"""Checks for the chapter on the block of today: rotary with an offset, grouped queries, latents, bytes of a cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers
from course.checks.positions import ANGLES, side_by_side, woven  # noqa: F401 (mistakes name it)
from course.checks.shared import ATTENTION, largest, total

__all__ = ["EXERCISES", "cache_bytes", "grouped_attention", "latent_attention", "rotary_from"]

Array = NDArray[Any]

# ---- rotary positions of tokens that follow others


def _rotary_from(x: Array, offset: int) -> Array:
    """Channels c and c + d/2 turned by position / 10000^(2c/d), the first row's position being `offset`."""
    width = x.shape[1]
    even = np.arange(0, width, 2)
    rates = 10000.0 ** (-even / width)
    where = offset + np.arange(len(x))
    angles = where[:, None] * rates
    a, b = np.split(x, 2, axis=1)
    first = a * np.cos(angles) - b * np.sin(angles)
    second = a * np.sin(angles) + b * np.cos(angles)
    rotated = side_by_side(first, second)
    return rotated


_PAIRS = "a, b = np.split(x, 2, axis=1)"
rotary_from = Exercise(
    _rotary_from,
    "x (i, d), offset -> rotated (i, d)",
    trials=(
        Trial("five tokens after three", {"x": numbers(211, 5, 6), "offset": 3}),
        Trial("three tokens after none", {"x": numbers(212, 3, 10), "offset": 0}),
        Trial("seven tokens after eleven", {"x": numbers(213, 7, 10), "offset": 11}),
    ),
    shared=ANGLES,
    mistakes=(
        Mistake(
            "offset-ignored",
            "offset + np.arange -> np.arange",
            "the tokens are counted from 0, whatever came before them: the first stands at `offset`.",
        ),
        Mistake(
            "all-at-the-offset",
            "offset + np.arange(len(x)) -> offset + 0 * np.arange(len(x))",
            "every row is turned as if it stood at `offset`: the next one stands at offset + 1, and so on.",
        ),
        Mistake(
            "from-one",
            "offset + np.arange -> 1 + offset + np.arange",
            "every position is one too far: after p tokens, numbered 0 to p - 1, the next is number p.",
        ),
        Mistake(
            "one-short",
            "offset + np.arange -> offset - 1 + np.arange",
            "every position is one too low: after p tokens, numbered 0 to p - 1, the next is number p.",
        ),
        Mistake(
            "backwards",
            "offset + np.arange -> offset - np.arange",
            "positions fall from row to row: they rise by one with each token.",
        ),
        Mistake(
            "subtracted",
            "offset + np.arange -> -offset + np.arange",
            "the offset is subtracted: the tokens follow those before them, so it is added.",
        ),
        Mistake(
            "times-offset",
            "offset + np.arange -> offset * np.arange",
            "the offset multiplies the positions: it is added to them.",
        ),
        Mistake(
            "neighbours",
            (f"{_PAIRS} -> a, b = x[:, 0::2], x[:, 1::2]", "side_by_side -> woven"),
            "channels 2c and 2c + 1 make a pair: here c goes with c + d/2, as in the Llama of transformers.",
        ),
        Mistake(
            "woven",
            "side_by_side -> woven",
            "pairs are read from the two halves and written to neighbours: first halves side by side, then second.",
        ),
        Mistake(
            "read-as-neighbours",
            f"{_PAIRS} -> a, b = x[:, 0::2], x[:, 1::2]",
            "pairs are read from neighbours and written to the two halves: channel c goes with c + d/2.",
        ),
        Mistake(
            "sign",
            "angles = where -> angles = -where",
            "it turns the wrong way round: a pair (a, b) becomes (a cos - b sin, a sin + b cos).",
            also=(("- b * np.sin -> + b * np.sin", "second = a -> second = -a"),),
        ),
        Mistake(
            "without-minus",
            "- b * np.sin -> + b * np.sin",
            "the minus sign is missing, so lengths change: the first of a pair is a cos - b sin.",
        ),
        Mistake(
            "sin-cos-swapped",
            ("np.sin -> np.cos", "np.cos -> np.sin"),
            "sin and cos are swapped: at position 0 nothing turns, so a comes out as a, which has the factor cos.",
        ),
        Mistake(
            "overwritten",
            "second = a -> second = first",
            "the second channel of a pair is made from the first after that was changed: keep a copy.",
        ),
        Mistake(
            "unchanged",
            "return rotated -> return x",
            "this is x itself, and nothing was turned: return what you computed.",
        ),
    ),
)

# ---- grouped queries


def _grouped_attention(q: Array, k: Array, v: Array) -> Array:
    """h heads of queries over g heads of keys and values; h / g queries in a row share one."""
    times = len(q) // len(k)
    k = np.repeat(k, times, axis=0)
    v = np.repeat(v, times, axis=0)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    out = weights @ v
    return out


def _grouped(label: str, seed: int, h: int, g: int, i: int, j: int, d: int) -> Trial:
    return Trial(label, {"q": numbers(seed, h, i, d), "k": numbers(seed + 1, g, j, d), "v": numbers(seed + 2, g, j, d)})


_SCORES = "q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])"
_REPEAT_K, _REPEAT_V = "np.repeat(k, times, axis=0)", "np.repeat(v, times, axis=0)"
grouped_attention = Exercise(
    _grouped_attention,
    "q (h, i, d), k (g, j, d), v (g, j, d) -> out (h, i, d)",
    trials=(
        _grouped("six heads over two", 221, 6, 2, 5, 7, 3),
        _grouped("ten heads over five", 231, 10, 5, 3, 2, 7),
    ),
    shared=ATTENTION,
    mistakes=(
        Mistake(
            "tiled",
            (f"{_REPEAT_K} -> np.tile(k, (times, 1, 1))", f"{_REPEAT_V} -> np.tile(v, (times, 1, 1))"),
            "heads take turns: np.tile gives 0, 1, 0, 1 …, but h / g heads in a row share one, 0, 0, … 1, 1, …: "
            "np.repeat.",
        ),
        Mistake(
            "values-tiled",
            f"{_REPEAT_V} -> np.tile(v, (times, 1, 1))",
            "the values are laid out in another order than the keys: repeat both in a row.",
        ),
        Mistake(
            "keys-tiled",
            f"{_REPEAT_K} -> np.tile(k, (times, 1, 1))",
            "the keys are laid out in another order than the values: repeat both in a row.",
        ),
        Mistake(
            "first-for-all",
            (f"{_REPEAT_K} -> np.repeat(k[:1], len(q), axis=0)", f"{_REPEAT_V} -> np.repeat(v[:1], len(q), axis=0)"),
            "all heads read the first head of keys and values: that is multi-query attention, of one group.",
        ),
        Mistake(
            "mean-of-groups",
            (
                f"{_REPEAT_K} -> np.repeat(k.mean(0, keepdims=True), len(q), axis=0)",
                f"{_REPEAT_V} -> np.repeat(v.mean(0, keepdims=True), len(q), axis=0)",
            ),
            "keys and values are averaged over their heads: each group of queries has a head of its own.",
        ),
        Mistake(
            "queries-averaged",
            "q @ k -> np.repeat(q.reshape(-1, times, *q.shape[1:]).mean(1), times, axis=0) @ k",
            "the queries of a group are averaged: they share keys and values, but each asks for itself.",
        ),
        Mistake(
            "reversed-groups",
            (f"{_REPEAT_K} -> np.repeat(k[::-1], times, axis=0)", f"{_REPEAT_V} -> np.repeat(v[::-1], times, axis=0)"),
            "the groups are in reverse order: the first h / g heads read head 0.",
        ),
        Mistake(
            "scale-of-all-heads",
            "/ np.sqrt(q.shape[-1]) -> / np.sqrt(len(q) * q.shape[-1])",
            "the scores are divided by the root of the width of all heads: d is that of one, q.shape[-1].",
        ),
        Mistake(
            "masked",
            _SCORES + " -> np.where(np.tri(q.shape[1], k.shape[1], dtype=bool), " + _SCORES + ", -np.inf)",
            "a causal mask is in it: here is none, and every query reads all keys.",
            also=(
                _SCORES
                + " -> np.where(np.tri(q.shape[1], k.shape[1], k.shape[1] - q.shape[1], dtype=bool), "
                + _SCORES
                + ", -np.inf)",
            ),
        ),
    ),
)

# ---- attention over latents


def _latent_attention(q: Array, latents: Array, w_k: Array, w_v: Array) -> Array:
    """A token's query in each head over the keys c W_K and values c W_V of the tokens' latents c."""
    asked = np.matmul(w_k, q[:, :, None])[:, :, 0]
    scores = asked @ latents.T / np.sqrt(q.shape[-1])
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    mixed = weights @ latents
    out = np.matmul(mixed[:, None], w_v)[:, 0]
    return out


def _of_latents(label: str, seed: int, h: int, d: int, j: int, c: int) -> Trial:
    return Trial(
        label,
        {
            "q": numbers(seed, h, d),
            "latents": numbers(seed + 1, j, c),
            "w_k": numbers(seed + 2, h, c, d),
            "w_v": numbers(seed + 3, h, c, d),
        },
    )


_ROOT = "np.sqrt(q.shape[-1])"
_NORMED = "latents / np.sqrt((latents**2).mean(-1, keepdims=True))"
latent_attention = Exercise(
    _latent_attention,
    "q (h, d), latents (j, c), w_k (h, c, d), w_v (h, c, d) -> out (h, d)",
    trials=(
        _of_latents("three heads, seven tokens", 241, 3, 5, 7, 2),
        _of_latents("five heads, eleven tokens", 251, 5, 2, 11, 3),
    ),
    mistakes=(
        Mistake(
            "scale-of-latents",
            f"{_ROOT} -> np.sqrt(latents.shape[-1])",
            "the scores are divided by √c: they are those of keys of d channels, so divide by √d.",
        ),
        Mistake("unscaled", f"/ {_ROOT} ->", "the scale is missing: divide the scores by √d before the softmax."),
        Mistake("divides-by-d", f"{_ROOT} -> q.shape[-1]", "the scores are divided by d: divide by its square root."),
        Mistake(
            "scale-of-tokens",
            f"{_ROOT} -> np.sqrt(len(latents))",
            "the scores are divided by the root of the number of tokens: d is the width of one query, q.shape[-1].",
        ),
        Mistake(
            "scale-of-all-heads",
            f"{_ROOT} -> np.sqrt(q.size)",
            "the scores are divided by the root of the width of all heads: d is that of one, q.shape[-1].",
            also=(f"{_ROOT} -> np.sqrt(len(q))",),
        ),
        Mistake(
            "values-from-the-keys-map",
            "mixed[:, None], w_v -> mixed[:, None], w_k",
            "the values are made with w_k: they are latents times w_v.",
        ),
        Mistake(
            "keys-from-the-values-map",
            "np.matmul(w_k, q -> np.matmul(w_v, q",
            "the keys are made with w_v: they are latents times w_k.",
        ),
        Mistake(
            "maps-exchanged",
            ("np.matmul(w_k, q -> np.matmul(w_v, q", "mixed[:, None], w_v -> mixed[:, None], w_k"),
            "w_k and w_v have changed places.",
        ),
        Mistake(
            "latents-as-output",
            "return out -> return mixed",
            "these are mixed latents, (h, c): each head still has to read its values off them, with w_v.",
        ),
        Mistake(
            "weights-alone",
            "return out -> return weights",
            "these are the weights: return what the heads read with them, (h, d).",
        ),
        Mistake(
            "one-query-for-all",
            "q[:, :, None] -> np.repeat(q[:1], len(q), axis=0)[:, :, None]",
            "all heads ask with the first head's query: head n asks with q[n].",
        ),
        Mistake(
            "one-map-for-all",
            ("np.matmul(w_k, q -> np.matmul(w_k[:1], q", "mixed[:, None], w_v -> mixed[:, None], w_v[:1]"),
            "all heads use the first head's maps: head n has w_k[n] and w_v[n].",
        ),
        Mistake(
            "softmax-over-heads",
            ("largest(scores, axis=-1) -> largest(scores, axis=0)", "total(exponentials, axis=-1) -> "
             "total(exponentials, axis=0)"),
            "the softmax runs over the heads: it runs over the tokens, the last axis.",
        ),
        Mistake(
            "softmax-over-all",
            "total(exponentials, axis=-1) -> exponentials.sum()",
            "all weights together sum to 1: those of each head should, so the softmax needs its axis, the last.",
            also=(("- largest(scores, axis=-1) ->", "total(exponentials, axis=-1) -> exponentials.sum()"),),
        ),
        Mistake(
            "softmax-missing",
            "weights @ latents -> scores @ latents",
            "the latents are averaged with the scores themselves: the softmax is missing.",
        ),
        Mistake(
            "normed-again",
            (f"latents.T -> ({_NORMED}).T", f"weights @ latents -> weights @ ({_NORMED})"),
            "the latents are normed once more: they were when they were made, before they went into the cache.",
        ),
        Mistake(
            "reshaped-map",
            "np.matmul(w_k, q -> np.matmul(w_k.swapaxes(1, 2).reshape(w_k.shape), q",
            "w_k is reshaped where it should be transposed, or not turned at all: its axes are (h, c, d) as it comes.",
            also=("np.matmul(w_k, q -> np.matmul(w_k.reshape(len(w_k), q.shape[1], -1).swapaxes(1, 2), q",),
        ),
        Mistake(
            "heads-averaged",
            "return out -> return np.repeat(out.mean(0, keepdims=True), len(out), axis=0)",
            "the heads are averaged: each keeps its own output.",
        ),
    ),
)  # fmt: skip

# ---- bytes of a cache

_KIB, _MIB = 2**10, 2**20

cache_bytes = Numbers(
    "cache_bytes",
    right={"plain": 512 * _KIB, "grouped": 128 * _KIB, "latent": 60 * (512 + 64) * 2, "rolling": 512 * _MIB},
    mistakes={
        "plain": {
            256 * _KIB: "that is half: count keys and values, and two bytes for 16 bits.",
            1024 * _KIB: "that is twice too much: 16 bits are two bytes.",
            16 * _KIB: "that is one layer: there are 32.",
            8 * 512 * _KIB: "that is in bits: 8 are a byte.",
        },
        "grouped": {
            512 * _KIB: "keys and values have 8 heads here: only the queries keep their 32.",
            64 * _KIB: "that is half: count keys and values, and two bytes for 16 bits.",
            4 * _KIB: "that is one layer: there are 32.",
            16 * _KIB: "that is one head of keys and values: there are 8.",
            32 * _KIB: "the quarter was taken twice: 8 heads of 32 are left.",
            256 * _KIB: "that is half of plain: 8 heads of 32 are a quarter. Mind that 16 bits are two bytes.",
        },
        "latent": {
            60 * 512 * 2: "the key that carries the position is missing: 64 channels more.",
            60 * 576 * 4: "a latent is kept once: keys and values are both read off it.",
            60 * (2 * 512 + 64) * 2: "a latent is kept once: keys and values are both read off it.",
            60 * (512 - 64) * 2: "the key that carries the position is kept beside the latent: add its 64 channels.",
            60 * 128 * 128 * 4: "those are the keys and values of all heads: only the latent and one key are kept.",
            32 * 576 * 2: "these are 32 layers: DeepSeek-V2 has 60.",
            60 * 576: "that counts numbers: each takes two bytes.",
            576 * 2: "that is one layer: there are 60.",
            60 * 128 * 576 * 2: "the heads share one latent: it is not kept for each of them.",
            60 * (512 + 128 * 64) * 2: "all heads share the key that carries the position.",
        },
        "rolling": {
            100000 * 128 * _KIB: "only the tokens of the window are kept, whatever the length of the text.",
            128 * _KIB: "that is one token: a window of them is kept.",
            2048 * _MIB: "keys and values have 8 heads here, as in the second model.",
            256 * _MIB: "that is half: count keys and values, and two bytes for 16 bits.",
            16 * _MIB: "that is one layer: there are 32.",
            4095 * 128 * _KIB: "that is without the token being read, which counts here: 4096 tokens in all.",
            4097 * 128 * _KIB: "the token being read is one of the 4096 of the window, and not one more.",
            (100000 - 4096) * 128 * _KIB: "those are the tokens that were pushed out: count those that are kept.",
            512: "that is in MiB: give bytes.",
            0.5: "that is in GiB: give bytes.",
        },
    },
)

EXERCISES = listed(rotary_from, grouped_attention, latent_attention)
