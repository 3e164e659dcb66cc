"""The checks of the chapter on positions against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course.checks import positions as check
from mha import positions
from tests.told import told_test

# ---- right answers, written differently


def sinusoidal_slices(length, d_model):
    table = np.zeros((length, d_model))
    where = np.arange(length)[:, None]
    rates = np.exp(-math.log(10000.0) * np.arange(0, d_model, 2) / d_model)
    table[:, 0::2], table[:, 1::2] = np.sin(where * rates), np.cos(where * rates)
    return table


def sinusoidal_loops(length, d_model):
    return [
        [
            (math.cos if channel % 2 else math.sin)(p / 10000 ** (2 * (channel // 2) / d_model))
            for channel in range(d_model)
        ]
        for p in range(length)
    ]


def sinusoidal_complex(length, d_model):
    turns = np.exp(1j * np.outer(np.arange(length), 10000.0 ** (-2 * np.arange(d_model // 2) / d_model)))
    return np.stack([turns.imag, turns.real], axis=2).reshape(length, d_model)


def added_loops(x, table):
    out = x.copy()
    for sequence in out:
        for i in range(len(sequence)):
            sequence[i] = sequence[i] + table[i]
    return out


def added_torch(x, table):
    x, table = torch.tensor(x), torch.tensor(table)
    return x + torch.nn.functional.embedding(torch.arange(x.size(1)), table)


def rotary_complex(x, where):
    turns = np.exp(1j * np.outer(where, 10000.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1])))
    turned = (x[:, ::2] + 1j * x[:, 1::2]) * turns
    return np.stack([turned.real, turned.imag], axis=-1).reshape(x.shape)


def rotary_partner(x, where):
    angles = np.repeat(np.outer(where, 10000.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1])), 2, axis=1)
    partner = np.stack([-x[:, 1::2], x[:, 0::2]], axis=-1).reshape(x.shape)
    return x * np.cos(angles) + partner * np.sin(angles)


def rotary_matrices(x, where):
    d, rows = x.shape[1], []
    for row, p in zip(x, where, strict=True):
        turn = np.zeros((d, d))
        for c in range(0, d, 2):
            angle = p / 10000 ** (c / d)
            turn[c : c + 2, c : c + 2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        rows.append(turn @ row)
    return np.array(rows)


def rotary_of_the_package(x, where):
    turn = positions.Rotary(x.shape[1])
    return torch.cat([turn(row[None], offset=int(p)) for row, p in zip(torch.tensor(x), where, strict=True)])


def alibi_loops(slopes, n_queries, n_keys):
    bias = np.zeros((len(slopes), n_queries, n_keys))
    for h, i, j in np.ndindex(bias.shape):
        bias[h, i, j] = -slopes[h] * abs(j - (n_keys - n_queries + i))
    return bias


def alibi_einsum(slopes, n_queries, n_keys):
    where = torch.arange(n_keys)
    distances = (where[-n_queries:, None] - where[None]).abs().double()
    return -torch.einsum("h,ij->hij", torch.tensor(slopes), distances)


def alibi_cropped(slopes, n_queries, n_keys):
    distances = np.abs(np.subtract.outer(np.arange(n_keys), np.arange(n_keys)))
    return -np.multiply.outer(slopes, distances)[:, n_keys - n_queries :]


RIGHT = [
    (check.sinusoidal_positions, sinusoidal_slices),
    (check.sinusoidal_positions, sinusoidal_loops),
    (check.sinusoidal_positions, sinusoidal_complex),
    (check.sinusoidal_positions, lambda n, m: positions.sinusoidal_positions(n, m, dtype=torch.float64)),
    (check.sinusoidal_positions, lambda n, m: sinusoidal_slices(n, m).astype(np.float32)),
    (check.add_positions, lambda x, table: x + table[: x.shape[1]]),
    (check.add_positions, added_loops),
    (check.add_positions, added_torch),
    (check.add_positions, lambda x, table: np.stack([s + table[: len(s)] for s in x])),
    (check.rotary, rotary_complex),
    (check.rotary, rotary_partner),
    (check.rotary, rotary_matrices),
    (check.rotary, rotary_of_the_package),
    (check.alibi_bias, alibi_loops),
    (check.alibi_bias, alibi_einsum),
    (check.alibi_bias, alibi_cropped),
]


@pytest.mark.parametrize(("judge", "answer"), RIGHT)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback
    assert "single precision" not in feedback.message


# ---- wrong answers


def table_with(length, d_model, exponent, first=np.sin, second=np.cos, start=0):
    """A learner's table: an exponent for each even channel."""
    table = np.zeros((length, d_model))
    angles = np.arange(start, start + length)[:, None] / 10000 ** exponent(np.arange(0, d_model, 2))
    table[:, 0::2], table[:, 1::2] = first(angles), second(angles)
    return table


def table_by_channel(length, d_model):
    angles = np.arange(length)[:, None] / np.power(10000, 2 * np.arange(d_model) / d_model)
    angles[:, 0::2], angles[:, 1::2] = np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])
    return angles


def table_concatenated(length, d_model):
    angles = np.outer(np.arange(length), 10000.0 ** (-np.arange(0, d_model, 2) / d_model))
    return np.hstack([np.sin(angles), np.cos(angles)])


def table_of_the_article(length, d_model):
    return table_with(length, d_model, lambda even: even / d_model, lambda a: a, lambda a: a)


def added_by_batch(x, table):
    x, table = torch.tensor(x), torch.tensor(table)[:, None]  # (max_len, 1, m), as where the batch is the second axis
    return x + table[: x.size(0)]


def added_in_place(x, table):
    x += table
    return x


def turn(x, where, *, sign=1, rate=lambda even, d: even / d, cos=np.cos, sin=np.sin):
    angles = sign * where[:, None] / 10000 ** rate(np.arange(0, x.shape[1], 2), x.shape[1])
    out = np.empty_like(x)
    out[:, 0::2] = x[:, 0::2] * cos(angles) - x[:, 1::2] * sin(angles)
    out[:, 1::2] = x[:, 0::2] * sin(angles) + x[:, 1::2] * cos(angles)
    return out


def turn_as_llama(x, where):
    rates = 10000.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1])
    angles = np.concatenate([np.outer(where, rates)] * 2, axis=1)
    a, b = np.split(x, 2, axis=1)
    return x * np.cos(angles) + np.concatenate([-b, a], axis=1) * np.sin(angles)


def turn_with_angles_of_llama(x, where):
    rates = 10000.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1])
    angles = np.concatenate([np.outer(where, rates)] * 2, axis=1)
    partner = np.stack([-x[:, 1::2], x[:, 0::2]], axis=-1).reshape(x.shape)
    return x * np.cos(angles) + partner * np.sin(angles)


def turn_with_two_minuses(x, where):
    out = np.zeros_like(x)
    for i, c in np.ndindex(len(x), x.shape[1] // 2):
        angle = where[i] / 10000 ** (2 * c / x.shape[1])
        a, b = x[i, 2 * c], x[i, 2 * c + 1]
        out[i, 2 * c] = a * math.cos(angle) - b * math.sin(angle)
        out[i, 2 * c + 1] = b * math.cos(angle) - a * math.sin(angle)
    return out


def turn_in_place(x, where):
    angles = np.outer(where, 10000.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1]))
    out = x.copy()
    out[:, 0::2] = out[:, 0::2] * np.cos(angles) - out[:, 1::2] * np.sin(angles)
    out[:, 1::2] = out[:, 0::2] * np.sin(angles) + out[:, 1::2] * np.cos(angles)
    return out


def bias(slopes, n_queries, n_keys, of=lambda lag: -np.abs(lag), start=None):
    start = n_keys - n_queries if start is None else start
    lag = np.arange(n_keys)[None, :] - np.arange(start, start + n_queries)[:, None]
    return slopes[:, None, None] * of(lag)


WRONG = [
    (
        check.sinusoidal_positions,
        lambda n, m: table_with(n, m, lambda even: even / m, np.cos, np.sin),
        "sin-cos-swapped",
        "row 0 begins 0, 1, 0, 1",
    ),
    (
        check.sinusoidal_positions,
        lambda n, m: table_with(n, m, lambda even: 2 * even / m),
        "exponent-doubled",
        "already steps by two",
    ),
    (
        check.sinusoidal_positions,
        lambda n, m: table_with(n, m, lambda even: even / 2 / m),
        "exponent-halved",
        "pair c has 2c / d",
    ),
    (check.sinusoidal_positions, table_concatenated, "concatenated", "they take turns"),
    (check.sinusoidal_positions, table_of_the_article, "no-sin-no-cos", "as in the article's formula"),
    (check.sinusoidal_positions, table_by_channel, "by-channel-doubled", "i counts pairs"),
    (
        check.sinusoidal_positions,
        lambda n, m: table_with(n, m, lambda even: even / m, start=1),
        "from-one",
        "the first is position 0",
    ),
    (check.sinusoidal_positions, lambda n, m: table_with(n, m, lambda even: -even / m), "multiplied", "divide by it"),
    (
        check.sinusoidal_positions,
        lambda n, m: sinusoidal_slices(m, n + 1),
        "mutant-detour+arguments-exchanged",
        "`length` raised by 1 before it is used",
    ),
    (check.sinusoidal_positions, lambda n, m: sinusoidal_slices(n, m).T, "transposed", "a row for each position"),
    (
        check.sinusoidal_positions,
        lambda n, m: table_with(n, m, lambda even: even / m, np.sin, np.sin),
        "sines-only",
        "the cosines of the same angles",
    ),
    (check.sinusoidal_positions, lambda n, m: 3 * sinusoidal_slices(n, m), "factor", "between -1 and 1"),
    (
        check.sinusoidal_positions,
        lambda n, m: table_with(n, m, lambda even: even / m, np.sin, np.tanh),
        "different",
        "of a pair should be 1",
    ),
    (check.add_positions, added_by_batch, "indexed-by-batch", "axis 0 of x is the batch"),
    (check.add_positions, lambda x, table: x + table[: len(x)], "length-of-batch", "x.shape[1]"),
    (check.add_positions, added_in_place, "whole-table", "as many rows as there are tokens"),
    (check.add_positions, lambda x, table: x + table, "whole-table", "as many rows as there are tokens"),
    (check.add_positions, lambda x, table: x * 0 + table[: x.shape[1]], "replaced", "added to them"),
    (check.add_positions, lambda x, table: table[: x.shape[1]], "replaced", "embeddings are gone"),
    (check.add_positions, lambda x, table: x + table[1 : 1 + x.shape[1]], "from-one", "count from 1"),
    (check.add_positions, lambda x, table: x + table[-x.shape[1] :], "last-rows", "begin at row 0"),
    (check.add_positions, lambda x, table: x + table[0], "first-for-all", "token i gets row i"),
    (check.add_positions, lambda x, table: x + np.arange(x.shape[1])[None, :, None], "index-added", "its row"),
    (
        check.add_positions,
        lambda x, table: x * x.shape[-1] ** 0.5 + table[: x.shape[1]],
        "embeddings-scaled",
        "√d_model",
    ),
    (check.rotary, turn_as_llama, "halves", "weights trained with one fail with the other"),
    (check.rotary, lambda x, p: turn(x, p, sign=-1), "sign", "the wrong way round"),
    (check.rotary, lambda x, p: turn(x, p, cos=np.sin, sin=np.cos), "sin-cos-swapped", "its row is x itself"),
    (check.rotary, lambda x, p: turn(x, p, rate=lambda even, d: 0 * even), "one-angle", "turn at one speed"),
    (check.rotary, lambda x, p: turn(x, p, rate=lambda even, d: 2 * even / d), "exponent-doubled", "steps by two"),
    (check.rotary, lambda x, p: turn(x, p, rate=lambda even, d: even / 2 / d), "exponent-halved", "not of pairs"),
    (check.rotary, lambda x, p: turn(x, np.arange(len(x))), "positions-ignored", "use the positions"),
    (check.rotary, turn_with_angles_of_llama, "mixed-angles", "np.repeat(angles, 2, axis=1)"),
    (check.rotary, turn_with_two_minuses, "two-minuses", "the second is a sin + b cos"),
    (check.rotary, turn_in_place, "overwritten", "keep a copy of x"),
    (check.rotary, lambda x, p: x + sinusoidal_slices(max(p) + 1, x.shape[1])[p], "added", "turn x, and add nothing"),
    (check.rotary, lambda x, p: 2 * turn(x, p), "factor", "do not keep their lengths"),
    (check.rotary, lambda x, p: turn(x, 3 * p), "different", "neighbours keep their lengths"),
    (check.alibi_bias, lambda s, i, j: -bias(s, i, j), "sign", "far keys gain"),
    (check.alibi_bias, lambda s, i, j: bias(s, i, j, lambda lag: lag), "signed-distance", "distance has no sign"),
    (check.alibi_bias, lambda s, i, j: bias(s[::-1], i, j), "slopes-reversed", "head n has slopes[n]"),
    (check.alibi_bias, lambda s, i, j: bias(s**0, i, j), "no-slopes", "the slopes are not used"),
    (check.alibi_bias, lambda s, i, j: bias(s, i, j)[0], "heads-missing", "stack those of all heads"),
    (check.alibi_bias, lambda s, i, j: bias(s, i, j, start=0), "from-the-front", "the last query stands where"),
    (check.alibi_bias, lambda s, i, j: bias(1 / s, i, j), "divided", "multiply"),
    (
        check.alibi_bias,
        lambda s, i, j: np.where(np.tri(i, j, j - i) > 0, bias(s, i, j), -np.inf),
        "later-keys-masked",
        "a thing of its own",
    ),
    (check.alibi_bias, lambda s, i, j: bias(s, i, j).transpose(1, 2, 0), "heads-last", "they come first"),
]


test_wrong_answers_are_told_what_is_wrong = told_test(WRONG)


def test_rounds_are_those_of_the_table():
    second = positions.sinusoidal_positions(2, 512, dtype=torch.float64)[1]
    tokens = 2 * np.pi / torch.atan2(second[0::2], second[1::2]).numpy()  # 1 radian at most: the angle itself
    feedback = check.rounds(tokens[0], tokens[128], tokens[-1], int(np.argmax(tokens > 512)))
    assert feedback.ok, feedback
