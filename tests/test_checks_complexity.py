"""The checks of the chapter on cost against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch

from course.checks import complexity as check

# ---- right answers, written differently


def key_by_key(largest, total, weighted, scores, v):
    largest, total, weighted = largest.copy(), total.copy(), weighted.copy()
    for i, row in enumerate(scores):
        for score, value in zip(row, v, strict=True):
            new = max(largest[i, 0], score)
            factor = np.exp(largest[i, 0] - new)
            total[i] = total[i] * factor + np.exp(score - new)
            weighted[i] = weighted[i] * factor + np.exp(score - new) * value
            largest[i] = new
    return largest, total, weighted


def merged_in_torch(largest, total, weighted, scores, v):
    largest, total, weighted, scores, v = map(torch.from_numpy, (largest, total, weighted, scores, v))
    new = torch.cat([largest, scores], dim=1).amax(dim=1, keepdim=True)
    p, factor = (scores - new).exp(), (largest - new).exp()
    return new, p.sum(1, keepdim=True) + total * factor, weighted * factor + p @ v


def two_states_merged(largest, total, weighted, scores, v):
    tile = scores.max(axis=1, keepdims=True)
    p = np.exp(scores - tile)
    new = np.maximum(largest, tile)
    before, now = np.exp(largest - new), np.exp(tile - new)
    return new, before * total + now * p.sum(axis=1)[:, None], before * weighted + now * (p @ v)


def cost_head_by_head(n_queries, n_keys, d_model, n_heads, item_bytes):
    head_dim = d_model // n_heads
    flops, n_bytes = 0, 0
    for _ in range(n_heads):
        flops += 2 * (2 * n_queries * d_model * head_dim + 2 * n_keys * d_model * head_dim)
        flops += 2 * (n_queries * head_dim * n_keys + n_queries * n_keys * head_dim)
        n_bytes += n_queries * n_keys * item_bytes
    return flops, n_bytes


def cost_in_one_line(n_queries, n_keys, d_model, n_heads, item_bytes):
    return 4 * d_model * ((n_queries + n_keys) * d_model + n_queries * n_keys), [n_heads, n_queries, n_keys, item_bytes]


def exponent_by_sums(lengths, seconds):
    x = np.log2(lengths[:-1])
    y = np.log2(seconds[1:] - seconds[:-1])
    return ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()


def exponent_by_scipy(lengths, seconds):
    return scipy.stats.linregress(np.log10(lengths)[1:], np.log10(np.diff(seconds))).slope


@pytest.mark.parametrize("answer", [key_by_key, merged_in_torch, two_states_merged])
def test_a_right_tile_passes(answer):
    feedback = check.merge(answer)
    assert feedback.ok, feedback.message


def test_a_right_count_passes():
    def in_one_line(*sizes):
        operations, factors = cost_in_one_line(*sizes)
        return float(operations), math.prod(factors)

    assert check.cost(cost_head_by_head).ok
    assert check.cost(in_one_line).ok


@pytest.mark.parametrize("answer", [exponent_by_sums, exponent_by_scipy])
def test_a_right_exponent_passes(answer):
    feedback = check.exponent(answer)
    assert feedback.ok, feedback.message


# ---- wrong answers


def tile(change):
    """A right answer whose last line is changed, as learners write it."""

    def answer(largest, total, weighted, scores, v):
        new = np.maximum(largest, scores.max(axis=1, keepdims=True))
        p = np.exp(scores - new)
        return change(largest, new, total, weighted, p, v)

    return answer


TILES = {
    "nothing-corrected": lambda old, new, total, w, p, v: (new, total + p.sum(1, keepdims=True), w + p @ v),
    "sum-not-corrected": lambda old, new, total, w, p, v: (
        new, total + p.sum(1, keepdims=True), w * np.exp(old - new) + p @ v,
    ),
    "correction-upside-down": lambda old, new, total, w, p, v: (
        new, total * np.exp(new - old) + p.sum(1, keepdims=True), w * np.exp(new - old) + p @ v,
    ),
    "keepdims-missing": lambda old, new, total, w, p, v: (
        new, total * np.exp(old - new) + p.sum(1), w * np.exp(old - new) + p @ v,
    ),
    "values-not-corrected+divided-already": lambda old, new, total, w, p, v: (
        new, (t := total * np.exp(old - new) + p.sum(1, keepdims=True)), (w + p @ v) / t,
    ),
    "tile-alone": lambda old, new, total, w, p, v: (new, p.sum(1, keepdims=True), p @ v),
}  # fmt: skip


@pytest.mark.parametrize("key", TILES)
def test_wrong_tiles_are_named(key):
    assert check.merge(tile(TILES[key])).diagnosis == key


def test_a_state_changed_in_place_is_told():
    def in_place(largest, total, weighted, scores, v):
        new, total_, weighted_ = key_by_key(largest, total, weighted, scores, v)
        total[:], weighted[:] = total_, weighted_
        return new, total, weighted

    assert check.merge(in_place).diagnosis == "changes-its-argument"


def test_a_state_without_its_last_axis_is_told_its_shape():
    def flat(largest, total, weighted, scores, v):
        return tuple(x[..., 0] for x in key_by_key(largest, total, weighted, scores, v))

    assert "(5,): it should be (5, 1)" in check.merge(flat).message


@pytest.mark.parametrize(
    ("operations", "n_bytes", "key"),
    [
        (lambda i, j, m, h: 2 * m * ((i + j) * m + i * j), lambda i, j, h, b: h * i * j * b, "multiplications-alone"),
        (lambda i, j, m, h: 8 * i * m**2 + 4 * i * j * m, lambda i, j, h, b: h * i * j * b, "maps-of-queries-alone"),
        (lambda i, j, m, h: 4 * m * ((i + j) * m + h * i * j), lambda i, j, h, b: h * i * j * b, "heads-multiply"),
        (lambda i, j, m, h: 4 * m * ((i + j) * m + i * j), lambda i, j, h, b: i * j * b, "bytes-of-one-head"),
        (lambda i, j, m, h: 4 * m * ((i + j) * m), lambda i, j, h, b: h * i * j, "pairs-forgotten+items"),
    ],
)
def test_wrong_counts_are_named(operations, n_bytes, key):
    assert check.cost(lambda i, j, m, h, b: (operations(i, j, m, h), n_bytes(i, j, h, b))).diagnosis == key


def test_a_count_that_nobody_foresaw_is_told_the_parts():
    feedback = check.cost(lambda i, j, m, h, b: (17, h * i * j * b))
    assert "operations is wrong: got 17, expected 1.767e+06" in feedback.message
    assert "One map of the queries takes 266,400 operations" in feedback.message


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda n, s: np.polyfit(np.log(n), np.log(s), 1)[0], "fixed-cost-kept"),
        (lambda n, s: np.polyfit(np.log(n[1:]), np.log(s[1:] - s.min()), 1)[0], "shortest-subtracted"),
        (lambda n, s: np.polyfit(np.log(n[1:]), np.log(np.diff(s)), 1), "both-coefficients"),
        (lambda n, s: np.polyfit(np.log(n), np.log(np.diff(s)), 1)[0], "lengths-not-shortened"),
        (lambda n, s: np.polyfit(n[1:], np.diff(s), 1)[0], "no-logarithms"),
        (None, "unfinished"),
    ],
)
def test_wrong_exponents_are_named(answer, key):
    assert check.exponent(answer).diagnosis == key


def test_the_longest_sequence_is_one_number():
    assert check.longest(1365).ok
    assert "round down" in check.longest(1366).message
    assert check.longest(...).diagnosis == "unfinished"


def test_a_surplus_of_one_product_is_told():
    feedback = check.cost(lambda i, j, m, h, b: (*check.cost.right(i, j, m, h, b)[:1], h * i * j))
    assert feedback.diagnosis == "items"
    more = check.cost(lambda i, j, m, h, b: (check.cost.right(i, j, m, h, b)[0] + 7 * h * i * j, h * i * j * b))
    assert "7 · n_heads · n_queries · n_keys too many" in more.message
