"""The checks of the chapter on many devices against answers as learners write them."""

from __future__ import annotations

import numpy as np
import pytest

from course.checks import scaling_out as check


def stacked(w_qkv, w_out, b_out, rank, n_ranks):
    return np.split(w_qkv, n_ranks)[rank], np.split(w_out, n_ranks, axis=1)[rank], b_out / n_ranks


def by_reshaping(w_qkv, w_out, b_out, rank, n_ranks):
    parts = w_qkv.reshape(3, n_ranks, -1, w_qkv.shape[1])
    columns = w_out.reshape(len(w_out), n_ranks, -1)
    return parts[:, rank].reshape(-1, w_qkv.shape[1]), columns[:, rank], b_out * (1 / n_ranks)


def whole_bias(w_qkv, w_out, b_out, rank, n_ranks):
    return *by_reshaping(w_qkv, w_out, b_out, rank, n_ranks)[:2], b_out


def bias_once(w_qkv, w_out, b_out, rank, n_ranks):
    return *by_reshaping(w_qkv, w_out, b_out, rank, n_ranks)[:2], b_out if rank == 0 else np.zeros_like(b_out)


def every_nth(w_qkv, w_out, b_out, rank, n_ranks):
    rows = np.concatenate([part[rank::n_ranks] for part in np.split(w_qkv, 3)])
    return rows, w_out[:, rank::n_ranks], b_out / n_ranks


def test_a_right_share_passes():
    assert check.share(by_reshaping).ok


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (stacked, "stack-cut"),
        (whole_bias, "bias-on-every-rank"),
        (bias_once, "bias-on-one-rank"),
        (every_nth, "interleaved"),
    ],
)
def test_wrong_shares_are_named(answer, key):
    assert check.share(answer).diagnosis == key


def step(largest, total, weighted, q, k, v, mask):
    scores = np.where(mask, q @ k.T / np.sqrt(q.shape[1]), -np.inf)
    new = np.maximum(largest, scores.max(1, keepdims=True))
    factor, p = np.exp(largest - new), np.exp(scores - new)
    return new, total * factor + p.sum(1, keepdims=True), weighted * factor + p @ v


def by_cases(largest, total, weighted, q, k, v, rank, source):
    if source > rank:
        return largest, total, weighted
    mask = np.tri(len(q), dtype=bool) if source == rank else np.ones((len(q), len(k)), dtype=bool)
    return step(largest, total, weighted, q, k, v, mask)


def own_diagonal(largest, total, weighted, q, k, v, rank, source):
    return step(largest, total, weighted, q, k, v, np.tri(len(q), dtype=bool))


def not_causal(largest, total, weighted, q, k, v, rank, source):
    return step(largest, total, weighted, q, k, v, np.ones((len(q), len(k)), dtype=bool))


def from_later_ranks(largest, total, weighted, q, k, v, rank, source):
    places = np.arange(len(q))
    return step(largest, total, weighted, q, k, v, rank * len(q) + places <= source * len(q) + places[:, None])


def divided(*arguments):
    new, total, weighted = by_cases(*arguments)
    return new, total, weighted / total


def test_a_right_step_passes():
    assert check.ring_step(by_cases).ok


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (own_diagonal, "every-part-triangular"),
        (not_causal, "no-mask"),
        (from_later_ranks, "ranks-exchanged"),
        (divided, "divided-already"),
    ],
)
def test_wrong_steps_are_named(answer, key):
    assert check.ring_step(answer).diagnosis == key


def test_numbers_of_bytes():
    assert check.sent(7, 1, 1.75).ok
    assert "a copy for rank 0 itself" in check.sent(8, 1, 1.75).message
    assert "one time round" in check.sent(7, 1, 0.875).message
    assert check.held(112, 7, 26.25, 39.4).ok
    assert "the weights alone" in check.held(14, 7, 26.25, 39.4).message
    assert "the weights are divided too" in check.held(112, 20.125, 26.25, 39.4).message
