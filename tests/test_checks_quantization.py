"""The checks of the chapter on quantization against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.checks import quantization as check

# ---- right answers, written differently


def row_by_row(w, n_bits):
    values, scales = [], []
    for row in w:
        scale = max(abs(x) for x in row) / (2 ** (n_bits - 1) - 1) or 1.0
        scales.append([scale])
        values.append([int(np.rint(x / scale)) for x in row])
    return np.array(values), np.array(scales)


def rows_in_torch(w, n_bits):
    w = torch.from_numpy(w)
    scales = w.abs().amax(1, keepdim=True) / (2 ** (n_bits - 1) - 1)
    scales[scales == 0] = 1
    return (w / scales).round().to(torch.int8), scales


def dequantized_first(values, scales, w_values, w_scales, bias):
    return (values * scales) @ (w_values * w_scales).T + bias


def map_by_einsum(values, scales, w_values, w_scales, bias):
    sums = np.einsum("rm,nm->rn", values.astype(int), w_values.astype(int))
    return sums * scales * w_scales[:, 0] + bias


@pytest.mark.parametrize("answer", [row_by_row, rows_in_torch])
def test_right_rows_pass(answer):
    feedback = check.rows(answer)
    assert feedback.ok, feedback.message


@pytest.mark.parametrize("answer", [dequantized_first, map_by_einsum])
def test_a_right_map_passes(answer):
    feedback = check.integer_map(answer)
    assert feedback.ok, feedback.message


# ---- wrong answers


def written(top=None, largest=None, round_=np.round, guard=True):
    def answer(w, n_bits):
        k = top(n_bits) if top else 2 ** (n_bits - 1) - 1
        size = (largest or (lambda w: np.abs(w).max(1, keepdims=True)))(w)
        scales = np.where(size == 0, 1.0, size / k) if guard else size / k
        return round_(w / scales).astype(int), scales

    return answer


def spoiled(w, n_bits, change):
    return change(*written()(w, n_bits))


SMALL = "small-number-added"


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (written(top=lambda b: 2 ** (b - 1)), "one-level-too-many"),
        (written(top=lambda b: 2**b - 1), "no-sign-bit"),
        (written(top=lambda b: 127), "always-eight-bits"),
        (written(largest=lambda w: w.max(1, keepdims=True)), "largest-with-its-sign"),
        (written(largest=lambda w: np.full((len(w), 1), np.abs(w).max())), "one-scale-for-all"),
        (written(largest=lambda w: np.abs(w).mean(1, keepdims=True)), "typical-size"),
        (written(guard=False), "zero-row"),
        (written(round_=np.trunc), "cut-off"),
        (written(round_=np.floor), "rounded-down"),
        (written(top=lambda b: 7), "always-eight-bits"),
        (written(largest=lambda w: w.std(1, keepdims=True)), "typical-size"),
        (lambda w, n_bits: spoiled(w, n_bits, lambda v, s: (v, np.where(w.any(1, keepdims=True), s, 0))), SMALL),
        (lambda w, n_bits: spoiled(w, n_bits, lambda v, s: (v.astype(np.uint8), s)), "no-negative-integers"),
        (lambda w, n_bits: (np.round(w).astype(int), np.ones((len(w), 1))), "at-least-one"),
        (lambda w, n_bits: ..., "unfinished"),
    ],
)
def test_wrong_rows_are_named(answer, key):
    assert check.rows(answer).diagnosis == key


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda v, s, w, ws, b: (v @ w.T) * s * ws.T + b, "sums-in-eight-bits"),
        (lambda v, s, w, ws, b: (v.astype("i2") @ w.T.astype("i2")) * s * ws.T + b, "sums-in-sixteen-bits"),
        (lambda v, s, w, ws, b: (v.astype(int) @ w.T) * ws.T + b, "no-scale-of-tokens"),
        (lambda v, s, w, ws, b: (v.astype(int) @ w.T) * s + b, "no-scale-of-rows"),
        (lambda v, s, w, ws, b: (v.astype(int) @ w.T + b) * s * ws.T, "bias-scaled"),
        (lambda v, s, w, ws, b: (v.astype(int) @ w.T) * s * ws.T, "no-bias"),
        (lambda v, s, w, ws, b: (v.astype(int) @ w.T) * (s + ws.T) + b, "scales-added"),
        (lambda v, s, w, ws, b: (v[:, None] * w[None]).sum(-1) * s * ws.T + b, "sums-in-eight-bits"),
        (lambda v, s, w, ws, b: (v.astype(int) @ w.T) * (s * ws.T).astype(int) + b, "scales-cut-off"),
        (lambda v, s, w, ws, b: v.astype(int) @ w.T, "sums-alone"),
        (lambda v, s, w, ws, b: (v.astype(int) @ w.T) * s * ws.T + np.round(b), "mutant-detour"),
    ],
)
def test_wrong_maps_are_named(answer, key):
    assert check.integer_map(answer).diagnosis == key


def test_bits_are_three_numbers():
    assert check.bits(4.25, 3.72, 5.4).ok
    assert "leaves out the scales" in check.bits(4, 3.72, 5.4).message
    assert "2 bits" in check.bits(4.03, 3.72, 5.4).message
    assert "whole tokens" in check.bits(4.25, 3.72, 5).message
    assert "gigabits" in check.bits(4.25, 29.75, 5.4).message
    assert "seconds for a token" in check.bits(4.25, 3.72, 0.186).message
    assert check.bits(..., ..., ...).diagnosis == "unfinished"
