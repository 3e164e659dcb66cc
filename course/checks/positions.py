"""Checks for the chapter on positions: sinusoidal positions, adding them, rotary positions, ALiBi's bias, rounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "add_positions", "alibi_bias", "rotary", "rounds", "sinusoidal_positions"]

Array = NDArray[Any]


def woven(even: Array, odd: Array) -> Array:
    """(i, d/2) twice -> (i, d), taking turns."""
    return np.stack([even, odd], axis=-1).reshape(len(even), -1)


def side_by_side(even: Array, odd: Array) -> Array:
    """(i, d/2) twice -> (i, d), one half after the other."""
    return np.concatenate([even, odd], axis=1)


def alternating(even: Array, odd: Array) -> Array:
    """(i, d) twice -> (i, d): even channels of the one, odd channels of the other."""
    return np.where(np.arange(even.shape[1]) % 2 == 0, even, odd)


# ---- angles, which sinusoidal and rotary positions share: lines to the letter, as in `course.checks.shared`

_RATES = "10000.0 ** (-even / width)"
ANGLES = (
    Mistake(
        "exponent-doubled",
        "-even -> -2 * even",
        "the exponent is twice too large: if your index already steps by two (0, 2, 4 …), it is 2c itself, "
        "and the exponent is index / d.",
    ),
    Mistake(
        "exponent-halved",
        "-even -> -even / 2",
        "the exponent is half of what it should be: pair c has 2c / d, where d is the number of channels, not of "
        "pairs.",
    ),
    Mistake(
        "multiplied",
        "-even -> even",
        "the position is multiplied by the power of 10000: divide by it (the exponent is negative), "
        "so that later pairs turn more slowly.",
    ),
    Mistake(
        "index-from-one",
        "-even -> -(even + 2)",
        "the exponents begin at 2 / d: the first pair is c = 0, and turns by one radian a token.",
        also=("-even -> -(even + 1)",),
    ),
    Mistake(
        "base-e",
        "10000.0 -> np.e",
        "the base is e: exp(-2c / d) lacks the factor log(10000) in its exponent.",
    ),
    Mistake(
        "base",
        "10000.0 -> 1000.0",
        "the base is another number than 10000.",
        also=tuple(
            f"10000.0 -> {base}"
            for base in (
                "100000.0",
                "100.0",
                "500000.0",
                "2.0",
                "10.0",
                "1e6",
                "np.exp(4.0)",
                "np.exp(np.log2(10000.0))",
            )
        ),
    ),
    Mistake(
        "base-not-raised",
        f"{_RATES} -> 1.0 / (10000.0 * even / width + (even == 0))",
        "10000 is multiplied by the exponent: it is raised to it, 10000 ** (2c / d).",
        also=(
            f"{_RATES} -> 1.0 / (10000.0 * even / width)",
            f"{_RATES} -> 10000.0 * (-even / width)",
            f"{_RATES} -> 1.0 / 10000.0 * even / width",
        ),
    ),
    Mistake(
        "power-before-fraction",
        f"{_RATES} -> 10000.0 ** -even / width",
        "the power is taken before the division: brackets are missing, 10000 ** (-2c / d).",
    ),
    Mistake(
        "integer-power",
        f"{_RATES} -> 10000.0 ** (-even // width)",
        "// rounds the exponents to 0 and -1: divide with /.",
    ),
    Mistake(
        "integer-base",
        f"{_RATES} -> 10000 ** (-even // width)",
        "NumPy refuses integers to negative integer powers: the exponent is a fraction, -2c / d, divided with / and "
        "not with //.",
        also=(f"{_RATES} -> 10000 ** -even",),
    ),
    Mistake(
        "one-angle",
        f"{_RATES} -> np.ones(len(even))",
        "all pairs turn at one speed: divide the position of pair c by 10000^(2c / d).",
    ),
    Mistake(
        "last-pair-at-base",
        "/ width -> / (width - 2)",
        "the last pair has exponent 1, as in some libraries: the paper's exponents 2c / d stay below 1.",
    ),
    Mistake(
        "rate-for-each-channel",
        "np.arange(0, width, 2) -> np.arange(width)",
        "there is a rate for each of the d channels: two channels share one, so make d/2, for 2c = 0, 2, 4.",
        also=("np.arange(0, width, 2) -> np.arange(0, width, 1) // 2 * 2",),
    ),
    Mistake(
        "rates-reversed",
        "* rates -> * rates[::-1]",
        "the first pair turns slowest: it turns fastest, by one radian a token.",
    ),
    Mistake(
        "degrees",
        "* rates -> * np.deg2rad(rates)",
        "the angles are converted from degrees: they are radians as they stand.",
    ),
    Mistake(
        "cycles",
        "* rates -> * 2 * np.pi * rates",
        "the angles are multiplied by 2π: position times rate is in radians already.",
    ),
    Mistake(
        "from-one",
        "where[:, None] -> (where + 1)[:, None]",
        "every position is one too far: the first is position 0, whose angles are all 0.",
    ),
    Mistake(
        "axis-missing",
        "where[:, None] -> where",
        "positions (i,) and rates (d/2,) do not fit: give the positions a second axis, positions[:, None] * rates.",
    ),
    Mistake(
        "axis-on-the-rates",
        "where[:, None] * rates -> where * rates[:, None]",
        "the angles are (d/2, i), a row for each pair: give each position a row, positions[:, None] * rates.",
    ),
)

# ---- the sinusoidal table


def _sinusoidal_positions(length: int, d_model: int) -> Array:
    """Sines in the even channels, cosines of the same angles in the odd ones."""
    width = d_model
    where = np.arange(length)
    even = np.arange(0, width, 2)
    rates = 10000.0 ** (-even / width)
    angles = where[:, None] * rates
    table = woven(np.sin(angles), np.cos(angles))
    return table


def _sizes_of_sines(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    table = outputs["table"]
    if np.abs(table).max() > 1.001:
        return "Sines and cosines lie between -1 and 1; your table does not."
    squares = (table**2).sum(axis=1)
    return "" if np.allclose(squares, table.shape[1] / 2, atol=1e-4) else "sin² + cos² of a pair should be 1."


_ALL_CHANNELS = ("np.arange(0, width, 2) -> np.arange(width)", "woven -> alternating")
sinusoidal_positions = Exercise(
    _sinusoidal_positions,
    "length, d_model -> table (length, d_model)",
    trials=(
        Trial("seven positions", {"length": 7, "d_model": 6}),
        Trial("more channels", {"length": 13, "d_model": 22}),
    ),
    shared=ANGLES,
    mistakes=(
        Mistake(
            "sin-cos-swapped",
            ("np.sin -> np.cos", "np.cos -> np.sin"),
            "sin and cos are swapped: sines stand in the even channels 0, 2, 4 …, so row 0 begins 0, 1, 0, 1.",
        ),
        Mistake(
            "concatenated",
            "woven -> side_by_side",
            "all sines come first, then all cosines: they take turns, sin in channel 2c and cos in channel 2c + 1.",
        ),
        Mistake(
            "no-sin-no-cos",
            ("np.sin(angles) -> angles", "np.cos(angles) -> angles"),
            "these are the angles themselves, twice: sin and cos are missing, as in the article's formula.",
        ),
        Mistake(
            "angles-alone",
            "woven(np.sin(angles), np.cos(angles)) -> angles",
            "these are the angles, one for each pair: return their sines and cosines, (length, d_model).",
        ),
        Mistake(
            "by-channel",
            _ALL_CHANNELS,
            "every channel has an exponent of its own: channels 2c and 2c + 1 are sine and cosine of one angle, "
            "with exponent 2c / d_model.",
        ),
        Mistake(
            "by-channel-doubled",
            (*_ALL_CHANNELS, "-even -> -2 * even"),
            "2i / d_model was taken with i as the channel: i counts pairs, so channels 2i and 2i + 1 share an angle.",
        ),
        Mistake(
            "length-for-width",
            "/ width -> / length",
            "the exponent is divided by the number of positions: divide 2c by d_model.",
        ),
        Mistake(
            "sines-only",
            "np.cos -> np.sin",
            "the odd channels hold sines too: they hold the cosines of the same angles.",
        ),
        Mistake(
            "cosines-only",
            "np.sin -> np.cos",
            "the even channels hold cosines too: they hold the sines of the same angles.",
        ),
        Mistake(
            "odd-channels-empty",
            "np.cos(angles) -> 0 * angles",
            "the odd channels are left at 0: they hold the cosines of the same angles.",
        ),
        Mistake(
            "even-channels-empty",
            "np.sin(angles) -> 0 * angles",
            "the even channels are left at 0: they hold the sines of the same angles.",
        ),
        Mistake(
            "turned-back",
            "np.sin -> -np.sin",
            "the sines have the wrong sign: the angle is position times rate, without a minus.",
        ),
        Mistake(
            "transposed",
            "return table -> return table.T",
            "the table is transposed: a row for each position, a column for each channel.",
        ),
        Mistake(
            "arguments-exchanged",
            "width = d_model -> length, width = d_model, length",
            "length and d_model are exchanged: the table has length rows, one for each position, and d_model columns.",
        ),
        Mistake(
            "cut-to-integers",
            "return table -> return table.astype(int)",
            "the numbers are cut to -1, 0 and 1: the table was made for integers, make it with np.zeros, "
            "without dtype=int.",
        ),
    ),
    remark=_sizes_of_sines,
)

# ---- adding positions


def _table(seed: int, max_len: int, d_model: int) -> Array:
    """Normal numbers in steps of 2^-16: their sums with the embeddings are exact in float32 and not in float16."""
    return np.round(65536.0 * np.random.default_rng(seed).standard_normal((max_len, d_model))) / 65536.0


def _add_positions(x: Array, table: Array) -> Array:
    """Token i of every sequence plus row i of the table."""
    return x + table[: x.shape[1]]


_OWN = "table[: x.shape[1]]"
_SUM = f"x + {_OWN}"


def _rows(rows: str) -> str:
    return f"{_OWN} -> {rows}"


add_positions = Exercise(
    _add_positions,
    "x (b, i, m), table (max_len, m) -> out (b, i, m)",
    trials=(
        Trial("2 sequences of 5 tokens", {"x": numbers(71, 2, 5, 3), "table": _table(72, 11, 3)}),
        Trial("more sequences than tokens", {"x": numbers(73, 3, 2, 5), "table": _table(74, 7, 5)}),
    ),
    mistakes=(
        Mistake(
            "indexed-by-batch",
            _rows("table[: len(x), None]"),
            "every token of a sequence gets the same vector, that of the sequence's place in the batch: axis 0 of x "
            "is the batch, and positions run along axis 1.",
        ),
        Mistake(
            "axis-stays",
            _rows("table[: x.shape[1], None]"),
            "the length is right, but None still puts an axis in between, (i, 1, m): without it the rows, (i, m), "
            "meet the tokens of each sequence.",
        ),
        Mistake(
            "length-of-batch",
            _rows("table[: len(x)]"),
            "the table is cut to the number of sequences: cut it to the number of tokens, x.shape[1].",
        ),
        Mistake(
            "whole-table",
            _rows("table"),
            "the whole table is longer than the sequences: take as many rows as there are tokens, x.shape[1].",
            also=(_rows("table[None]"),),
        ),
        Mistake(
            "length-of-channels",
            _rows("table[: x.shape[2]]"),
            "the table is cut to the number of channels: cut it to the number of tokens, x.shape[1].",
            also=(_rows("table[:, : x.shape[1]]"),),
        ),
        Mistake(
            "replaced",
            f"{_SUM} -> np.broadcast_to({_OWN}, x.shape)",
            "the embeddings are gone: positions are added to them.",
            also=(f"{_SUM} -> {_OWN}",),
        ),
        Mistake("not-added", f"{_SUM} -> x", "this is x itself: nothing was added."),
        Mistake("first-for-all", _rows("table[0]"), "every token gets position 0: token i gets row i."),
        Mistake(
            "last-for-all",
            _rows("table[x.shape[1]]"),
            "every token gets one and the same position: token i gets row i.",
        ),
        Mistake("from-one", _rows("table[1 : x.shape[1] + 1]"), "positions count from 1: the first token gets row 0."),
        Mistake(
            "last-rows", _rows("table[-x.shape[1] :]"), "the last rows of the table are taken: tokens begin at row 0."
        ),
        Mistake("reversed", _rows("table[: x.shape[1]][::-1]"), "the rows are in reverse order: token i gets row i."),
        Mistake(
            "running-count",
            _rows("table[: len(x) * x.shape[1]].reshape(x.shape)"),
            "the count runs on from one sequence to the next: every sequence begins at row 0.",
        ),
        Mistake(
            "index-added",
            _rows("np.arange(x.shape[1])[:, None]"),
            "the number of the position is added to every channel: add its row of the table.",
        ),
        Mistake(
            "positions-summed",
            _rows("table[: x.shape[1]].sum(axis=0)"),
            "every token gets all positions at once, summed or averaged: token i gets row i.",
            also=(_rows("table[: x.shape[1]].mean(axis=0)"), _rows("table.sum(axis=0)"), _rows("table.mean(axis=0)")),
        ),
        Mistake(
            "first-token-only",
            _rows("np.where(np.arange(x.shape[1])[:, None] == 0, table[: x.shape[1]], 0.0)"),
            "only the first token gets its position: token i of every sequence gets row i.",
        ),
        Mistake(
            "first-sequence-only",
            "x + -> x + (np.arange(len(x)) == 0)[:, None, None] *",
            "only the first sequence gets positions: every sequence does.",
        ),
        Mistake(
            "one-number-a-position",
            _rows("table[: x.shape[1], :1]"),
            "all channels of a token get one number, the row's first: add the whole row.",
        ),
        Mistake("multiplied", "x + -> x *", "embeddings and positions are multiplied: add them."),
        Mistake("subtracted", "x + -> x -", "the positions are subtracted: add them."),
        Mistake(
            "embeddings-scaled",
            "x + -> x * np.sqrt(x.shape[2]) +",
            "x is multiplied by √d_model, as the first transformer does to its embeddings: here x stays as it is.",
        ),
        Mistake("averaged", f"{_SUM} -> ({_SUM}) / 2", "this is the mean of embedding and position: take the sum."),
        Mistake(
            "concatenated",
            f"{_SUM} -> np.concatenate([x, np.broadcast_to({_OWN}, x.shape)], axis=-1)",
            "the positions stand beside the embeddings, (b, i, 2m): add them, channel by channel.",
        ),
    ),
)

# ---- rotary positions


def neighbours(x: Array) -> Array:
    """The pair (a, b) a quarter turn on, (-b, a), where pairs are neighbours."""
    return woven(-x[:, 1::2], x[:, 0::2])


def other_half(x: Array) -> Array:
    """The same where channel c is paired with c + d/2."""
    a, b = np.split(x, 2, axis=1)
    return side_by_side(-b, a)


def turned(x: Array, quarter: Array, angles: Array) -> Array:
    """Rotation from the quarter turn, as most code has it."""
    return x * np.cos(angles) + quarter * np.sin(angles)


def _rotary(x: Array, where: Array) -> Array:
    """Channels 2c and 2c + 1 turned by position / 10000^(2c/d)."""
    width = x.shape[1]
    even = np.arange(0, width, 2)
    rates = 10000.0 ** (-even / width)
    angles = where[:, None] * rates
    a, b = x[:, 0::2], x[:, 1::2]
    first = a * np.cos(angles) - b * np.sin(angles)
    second = a * np.sin(angles) + b * np.cos(angles)
    rotated = woven(first, second)
    return rotated


def _lengths_of_pairs(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    before, after = (np.hypot(rows[:, 0::2], rows[:, 1::2]) for rows in (inputs["x"], outputs["rotated"]))
    if np.allclose(np.sort(before, axis=0), np.sort(after, axis=0), atol=1e-4) and not np.allclose(before, after):
        return "The rows come in another order than they were given."
    kept = "keep" if np.allclose(before, after, atol=1e-4) else "do not keep"
    return f"The pairs of neighbours {kept} their lengths, which a rotation keeps."


_PAIRS = "a, b = x[:, 0::2], x[:, 1::2]"
_OUT = "woven(first, second)"
rotary = Exercise(
    _rotary,
    "x (i, d), where (i) -> rotated (i, d)",
    trials=(
        Trial("positions 0, 1, 2 …", {"x": numbers(81, 5, 6), "where": np.arange(5)}),
        Trial("positions that begin later", {"x": numbers(82, 3, 10), "where": np.arange(7, 10)}),
        Trial("positions in no order", {"x": numbers(83, 7, 10), "where": np.array([4, 11, 0, 6, 23, 6, 2])}),
    ),
    shared=ANGLES,
    mistakes=(
        Mistake(
            "halves",
            (f"{_PAIRS} -> a, b = np.split(x, 2, axis=1)", "woven -> side_by_side"),
            "channel c is paired with c + d/2, as in Llama: here 2c is paired with 2c + 1. Both work, but weights "
            "trained with one fail with the other.",
        ),
        Mistake(
            "mixed-pairing",
            f"{_OUT} -> turned(x, other_half(x), np.repeat(angles, 2, axis=1))",
            "the partner comes from the other half while the angles are laid out for neighbours: "
            "use one pairing for both.",
        ),
        Mistake(
            "mixed-angles",
            f"{_OUT} -> turned(x, neighbours(x), np.tile(angles, 2))",
            "the partner is the neighbour while the angles are laid out for halves: repeat each angle for both "
            "channels of its pair, np.repeat(angles, 2, axis=1).",
        ),
        Mistake(
            "unwoven",
            "woven -> side_by_side",
            "the pairs are turned rightly but come out as two halves: weave them together again, 2c and 2c + 1.",
        ),
        Mistake(
            "read-as-halves",
            f"{_PAIRS} -> a, b = np.split(x, 2, axis=1)",
            "pairs are read from the two halves and written to neighbours: read channels 2c and 2c + 1.",
        ),
        Mistake(
            "sign",
            "where[:, None] * rates -> -where[:, None] * rates",
            "it turns the wrong way round: a pair (a, b) becomes (a cos - b sin, a sin + b cos).",
            also=(("- b * np.sin -> + b * np.sin", "second = a -> second = -a"),),
        ),
        Mistake(
            "without-minus",
            "- b * np.sin -> + b * np.sin",
            "the minus sign is missing, so lengths change: the first of a pair is a cos - b sin.",
        ),
        Mistake(
            "two-minuses",
            "second = a -> second = -a",
            "both channels of a pair have a minus sign, so lengths change: the second is a sin + b cos.",
            also=("+ b * np.cos -> - b * np.cos",),
        ),
        Mistake(
            "overwritten",
            "second = a -> second = first",
            "the second channel of a pair is made from the first after that was changed: keep a copy of x.",
        ),
        Mistake(
            "sin-cos-swapped",
            ("np.sin -> np.cos", "np.cos -> np.sin"),
            "sin and cos are swapped: position 0 turns by nothing, so its row is x itself.",
        ),
        Mistake(
            "pair-exchanged",
            f"{_OUT} -> woven(second, first)",
            "the two channels of each pair have changed places: a cos - b sin stays in channel 2c.",
        ),
        Mistake(
            "a-b-exchanged",
            f"{_PAIRS} -> b, a = x[:, 0::2], x[:, 1::2]",
            "the odd channels are taken for a and the even ones for b: a is channel 2c.",
        ),
        Mistake(
            "half-turned",
            "return rotated -> return side_by_side(rotated[:, : width // 4 * 2], x[:, width // 4 * 2 :])",
            "only the first half of the channels is turned: all pairs are.",
        ),
        Mistake(
            "positions-ignored",
            "where[:, None] -> np.arange(len(where))[:, None]",
            "the rows are counted from 0: use the positions that you are given.",
        ),
        Mistake(
            "counted-on",
            "where[:, None] -> (where[0] + np.arange(len(where)))[:, None]",
            "the positions are counted on from the first: use each as it is given.",
        ),
        Mistake(
            "from-one",
            "where[:, None] -> (where + 1)[:, None]",
            "every position is one too far: position 0 turns by nothing.",
        ),
        Mistake(
            "added",
            f"{_OUT} -> x + woven(np.sin(angles), np.cos(angles))",
            "sinusoidal positions are added: rotary positions turn x, and add nothing.",
        ),
        Mistake(
            "multiplied-by-table",
            f"{_OUT} -> x * woven(np.sin(angles), np.cos(angles))",
            "x is multiplied by sines and cosines: turn each pair, a cos - b sin and a sin + b cos.",
            also=(f"{_OUT} -> x * woven(np.cos(angles), np.sin(angles))",),
        ),
        Mistake(
            "scaled-only",
            ("- b * np.sin(angles) ->", "a * np.sin(angles) + ->"),
            "every channel is multiplied by its cosine alone: the partner times the sine is missing.",
        ),
        Mistake(
            "unchanged",
            "return rotated -> return x",
            "this is x itself, and nothing was turned: return what you computed.",
        ),
        Mistake(
            "cut-to-integers",
            "return rotated -> return rotated.astype(int)",
            "the numbers are cut to integers: make the array for the result from x, or without dtype=int.",
        ),
    ),
    remark=_lengths_of_pairs,
)

# ---- ALiBi's bias


def _slopes(n_heads: int) -> Array:
    """As many slopes, falling, in steps of 2^-16 so that float32 holds them and float16 does not."""
    return np.round(65536.0 * 0.7 ** np.arange(1, n_heads + 1)) / 65536.0


def _alibi_bias(slopes: Array, n_queries: int, n_keys: int) -> Array:
    """Minus slope times distance; the last query stands where the last key stands."""
    queries = np.arange(n_queries) + (n_keys - n_queries)
    keys = np.arange(n_keys)
    lags = queries[:, None] - keys
    distances = np.abs(lags)
    bias = -slopes[:, None, None] * distances
    return bias


_SLOPES = "slopes[:, None, None]"
alibi_bias = Exercise(
    _alibi_bias,
    "slopes (h), n_queries, n_keys -> bias (h, i, j)",
    trials=(
        Trial("as many queries as keys", {"slopes": _slopes(3), "n_queries": 5, "n_keys": 5}),
        Trial("queries at the end of the keys", {"slopes": _slopes(2), "n_queries": 3, "n_keys": 7}),
        Trial("few queries, many keys", {"slopes": _slopes(5), "n_queries": 2, "n_keys": 11}),
    ),
    mistakes=(
        Mistake(
            "sign",
            "bias = - -> bias =",
            "the bias is positive, so far keys gain: it is minus slope times distance.",
        ),
        Mistake(
            "signed-distance",
            "np.abs(lags) -> lags",
            "keys after the query get a positive bias: distance has no sign, take its absolute value.",
        ),
        Mistake(
            "signed-the-other-way",
            "np.abs(lags) -> -lags",
            "keys before the query get a positive bias: distance has no sign, take its absolute value.",
        ),
        Mistake(
            "later-keys-free",
            "np.abs(lags) -> np.maximum(lags, 0)",
            "keys after the query get no bias: here distance counts both ways; hiding them is the causal mask's work.",
        ),
        Mistake(
            "later-keys-masked",
            "return bias -> return np.where(lags < 0, -np.inf, bias)",
            "keys after the query get -inf: that is the causal mask, which is a thing of its own. Return the bias.",
        ),
        Mistake(
            "from-the-front",
            "+ (n_keys - n_queries) ->",
            "with fewer queries than keys you line up the first ones: the queries are the newest tokens, "
            "so the last query stands where the last key does.",
        ),
        Mistake(
            "offset-subtracted",
            "+ (n_keys - n_queries) -> - (n_keys - n_queries)",
            "the earlier keys move the queries the wrong way: query i stands at i + n_keys - n_queries.",
        ),
        Mistake(
            "one-too-late",
            "(n_keys - n_queries) -> (n_keys - n_queries + 1)",
            "every query stands one too late: the last stands where the last key does, at distance 0.",
        ),
        Mistake(
            "one-too-early",
            "(n_keys - n_queries) -> (n_keys - n_queries - 1)",
            "every query stands one too early: the last stands where the last key does, at distance 0.",
        ),
        Mistake(
            "keys-from-one",
            "np.abs(lags) -> np.abs(lags) + 1",
            "the distances are one too large: a query is at distance 0 from its own key.",
        ),
        Mistake(
            "position-of-the-key",
            "np.abs(lags) -> np.tile(keys, (n_queries, 1))",
            "the key's own position takes the place of the distance: it is how far query and key stand apart.",
        ),
        Mistake(
            "newest-for-all",
            "np.abs(lags) -> np.tile(keys[::-1], (n_queries, 1))",
            "every query has the distances of the newest: query i stands at i + n_keys - n_queries.",
        ),
        Mistake(
            "position-of-the-query",
            "np.abs(lags) -> np.tile(queries[:, None], n_keys)",
            "the query's own position takes the place of the distance: it is how far query and key stand apart.",
        ),
        Mistake(
            "slopes-reversed",
            f"{_SLOPES} -> slopes[::-1, None, None]",
            "the heads are in reverse order: head n has slopes[n].",
        ),
        Mistake(
            "no-slopes",
            f"{_SLOPES} -> np.ones_like(slopes)[:, None, None]",
            "the slopes are not used: every head gets minus the distance.",
        ),
        Mistake(
            "one-slope",
            f"{_SLOPES} -> np.full_like(slopes, slopes[0])[:, None, None]",
            "every head has the same slope: head n has slopes[n].",
            also=(
                f"{_SLOPES} -> np.full_like(slopes, slopes.mean())[:, None, None]",
                f"{_SLOPES} -> np.full_like(slopes, slopes[-1])[:, None, None]",
            ),
        ),
        Mistake(
            "own-slopes",
            f"{_SLOPES} -> (2.0 ** (-8 * np.arange(1, len(slopes) + 1) / len(slopes)))[:, None, None]",
            "these are the paper's slopes: use those that you are given.",
        ),
        Mistake(
            "axes-missing",
            f"{_SLOPES} -> slopes",
            "slopes (h,) and distances (i, j) do not fit: slopes[:, None, None] * distances is (h, i, j).",
            also=(f"{_SLOPES} -> slopes[:, None]",),
        ),
        Mistake(
            "heads-missing",
            "return bias -> return bias[0]",
            "this is the first head's bias: stack those of all heads along axis 0.",
        ),
        Mistake(
            "heads-summed",
            "return bias -> return bias.sum(axis=0)",
            "the heads are added up: each keeps a matrix of its own, (h, i, j).",
        ),
        Mistake(
            "heads-last",
            "return bias -> return np.moveaxis(bias, 0, -1)",
            "the heads are on the last axis: they come first, (h, i, j).",
        ),
        Mistake(
            "heads-in-the-middle",
            "return bias -> return np.moveaxis(bias, 0, 1)",
            "the heads are on the middle axis: they come first, (h, i, j).",
        ),
        Mistake(
            "transposed",
            "queries[:, None] - keys -> keys[:, None] - queries",
            "queries and keys have changed places: a row for each query, a column for each key.",
        ),
        Mistake("squared", "np.abs(lags) -> lags**2", "the distance is squared: it enters as it is."),
        Mistake(
            "root-or-logarithm",
            "np.abs(lags) -> np.log(np.abs(lags) + 1)",
            "the distance is put through a function: it enters as it is.",
            also=("np.abs(lags) -> np.sqrt(np.abs(lags))",),
        ),
        Mistake(
            "shares",
            "np.abs(lags) -> np.abs(lags) / n_keys",
            "the distance is divided by the number of keys: it enters as it is, in tokens.",
        ),
        Mistake(
            "divided",
            f"{_SLOPES} -> 1 / {_SLOPES}",
            "the distance is divided by the slope: multiply.",
        ),
        Mistake(
            "subtracted",
            f"-{_SLOPES} * distances -> {_SLOPES} - distances",
            "the distance is subtracted from the slope: multiply the two.",
        ),
        Mistake(
            "exponential",
            "return bias -> return np.exp(bias)",
            "this is exp of the bias, which the softmax will take: return the bias itself.",
        ),
    ),
)

# ---- wavelengths

_WAVELENGTHS = 2 * np.pi * 10000.0 ** (np.arange(0, 512, 2) / 512)
rounds = Numbers(
    "rounds",
    right={
        "first_pair": float(_WAVELENGTHS[0]),
        "middle_pair": float(_WAVELENGTHS[128]),
        "last_pair": float(_WAVELENGTHS[255]),
        "first_unfinished": int((_WAVELENGTHS > 512).argmax()),
    },
    mistakes={
        "first_pair": {
            1.0: "it turns by one radian a token, and a round has 2π of them.",
            360.0: "the angles are radians, not degrees: a round is 2π.",
        },
        "middle_pair": {
            100.0: "its rate is 1/100 radian a token, and a round is 2π radians.",
            20 * np.pi: "the exponent of pair c is 2c / d_model, here 256 / 512.",
            0.01: "that is the rate, in radians a token: count the tokens that make 2π.",
        },
        "last_pair": {
            20000 * np.pi: "that would be exponent 1: the last pair is c = 255, with exponent 510 / 512.",
            10000.0: "a round is 2π radians, and the last pair's exponent is 510 / 512, a little below 1.",
            10000.0 ** (510 / 512): "that is one over its rate: a round is 2π radians.",
            200 * np.pi: "the exponent is 2c / d_model with c = 255, not c / d_model.",
        },
        "first_unfinished": {
            122: "pair 122 needs just under 512 tokens: the next does not come round.",
            133: "that is how many do not come round: the first of them is asked for, counted from 0.",
            124: "counted from 0, pair 123 already needs more than 512 tokens.",
            246: "that is the channel 2c: the number c of the pair is asked for.",
            173: "without 2π that would be it: a round is 2π radians.",
            174: "without 2π that would be it: a round is 2π radians.",
        },
    },
    rtol=0.01,
)

EXERCISES = listed(sinusoidal_positions, add_positions, rotary, alibi_bias)
