"""Checks for the chapter on quantization: a matrix rounded row by row, a linear map of integers, bits to read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "bits", "integer_map", "rows"]

Array = NDArray[Any]

# ---- a matrix, row by row


def _rows(w: Array, n_bits: int) -> tuple[Array, Array]:
    """Each row as integers and a scale."""
    top = 2 ** (n_bits - 1) - 1
    largest = np.abs(w).max(axis=1, keepdims=True)
    scales = np.where(largest > 0, largest / top, 1.0)
    steps = w / scales
    values = np.round(steps)
    return values.astype(int), scales


_NEGATIVE = -np.abs(numbers(411, 3, 7)) - np.arange(3)[:, None]
_WITH_ZEROS = np.where(np.arange(5)[:, None] == 2, 0.0, numbers(421, 5, 3))

_TOP, _LARGEST = "2 ** (n_bits - 1) - 1", "np.abs(w).max(axis=1, keepdims=True)"
_SCALES, _ROUND = "np.where(largest > 0, largest / top, 1.0)", "np.round(steps)"
_VALUES = "return values.astype(int), scales"

rows = Exercise(
    _rows,
    "w (n, m), n_bits -> values (n, m), scales (n, 1)",
    trials=(
        Trial("five rows of seven, 8 bits", {"w": numbers(401, 5, 7), "n_bits": 8}),
        Trial("4 bits, and all numbers below 0", {"w": _NEGATIVE, "n_bits": 4}),
        Trial("a row of zeros", {"w": _WITH_ZEROS, "n_bits": 8}),
    ),
    mistakes=(
        Mistake(
            "one-scale-for-all",
            f"{_LARGEST} -> np.abs(w).max() + 0 * w[:, :1]",
            "all rows share one scale: each has its own, from its own largest magnitude (axis=1).",
        ),
        Mistake(
            "one-level-too-many",
            f"{_TOP} -> 2 ** (n_bits - 1)",
            "the largest number becomes 2^(n_bits - 1), which 8 bits do not hold: the largest integer is "
            "2^(n_bits - 1) - 1.",
        ),
        Mistake(
            "no-sign-bit",
            f"{_TOP} -> 2 ** n_bits - 1",
            "the integers go up to 2^n_bits - 1: one bit is for the sign, so they end at 2^(n_bits - 1) - 1.",
            also=(f"{_TOP} -> 2 ** n_bits",),
        ),
        Mistake(
            "bits-as-levels",
            f"{_TOP} -> n_bits",
            "the number of bits is taken for the largest integer: that is 2^(n_bits - 1) - 1.",
        ),
        Mistake(
            "always-eight-bits",
            f"{_TOP} -> 127",
            "the largest integer is the same whatever n_bits is: compute it, 2^(n_bits - 1) - 1.",
            also=(f"{_TOP} -> 7",),
        ),
        Mistake(
            "largest-with-its-sign",
            (f"{_LARGEST} -> w.max(axis=1, keepdims=True)", "largest > 0 -> largest != 0"),
            "the largest number sets the scale, not the largest magnitude: numbers far below 0 leave the range. "
            "Take np.abs first.",
            also=(f"{_LARGEST} -> w.max(axis=1, keepdims=True)",),
        ),
        Mistake(
            "typical-size",
            f"{_LARGEST} -> np.abs(w).mean(axis=1, keepdims=True)",
            "a mean or a deviation sets the scale, so larger numbers leave the range: take the largest magnitude.",
            also=(f"{_LARGEST} -> w.std(axis=1, keepdims=True)",),
        ),
        Mistake(
            "range-halved",
            f"{_LARGEST} -> (w.max(axis=1, keepdims=True) - w.min(axis=1, keepdims=True)) / 2",
            "the range from the smallest to the largest number sets the scale: with 0 at the integer 0 it is the "
            "largest magnitude that has to fit.",
            also=((f"{_LARGEST} -> np.ptp(w, axis=1, keepdims=True)", f"{_TOP} -> 2 ** n_bits - 1"),),
        ),
        Mistake(
            "zero-point",
            (
                f"{_LARGEST} -> np.ptp(w, axis=1, keepdims=True)",
                f"{_TOP} -> 2 ** n_bits - 1",
                "w / scales -> (w - w.min(axis=1, keepdims=True)) / scales",
            ),
            "the smallest number becomes 0: that needs a zero point, which is not asked for. Here 0 stays 0, and the "
            "largest magnitude sets the scale.",
        ),
        Mistake(
            "zero-row",
            f"{_SCALES} -> largest / top",
            "a row of zeros has the scale 0, and 0 / 0 is NaN: its scale should be 1.",
        ),
        Mistake(
            "small-number-added",
            f"{_SCALES} -> largest / top + 1e-8",
            "a row of zeros has a scale of 0 or nearly 0, by a small number added or a guard elsewhere: its scale "
            "should be 1, and no other row's should change.",
            also=(f"{_SCALES} -> np.maximum(largest / top, 1e-8)", f"{_SCALES} -> largest / top + 1e-12"),
        ),
        Mistake(
            "at-least-one",
            f"{_SCALES} -> np.maximum(largest / top, 1.0)",
            "every scale is at least 1: only that of a row of zeros is, the others are the largest magnitude over the "
            "largest integer.",
        ),
        Mistake(
            "cut-off",
            f"{_ROUND} -> np.trunc(steps)",
            "the fraction is cut off, as a cast to integers does: round to the nearest (np.round).",
        ),
        Mistake(
            "rounded-down",
            f"{_ROUND} -> np.floor(steps)",
            "every number is rounded down, so the errors have a mean of half a step: round to the nearest.",
        ),
        Mistake(
            "rounded-up",
            f"{_ROUND} -> np.ceil(steps)",
            "every number is rounded up, so the errors have a mean of half a step: round to the nearest.",
        ),
        Mistake(
            "multiplied",
            "w / scales -> w * scales",
            "the numbers are multiplied by the scale: divide, so that the largest becomes the largest integer.",
        ),
        Mistake(
            "scale-upside-down",
            f"{_VALUES} -> return values.astype(int), 1 / scales",
            "the scale is upside down: it is what the integers are multiplied by.",
        ),
        Mistake(
            "rounded-before-scaling",
            (f"{_ROUND} -> np.trunc(steps)", "w / scales -> np.round(w) / scales"),
            "the numbers are rounded before they are divided: divide by the scale, then round.",
        ),
        Mistake(
            "no-negative-integers",
            f"{_VALUES} -> return values.astype(int) % 256, scales",
            "the integers below 0 have wrapped around: a type without a sign, as uint8, has none. Take int8.",
        ),
        Mistake(
            "floats-again",
            f"{_VALUES} -> return values * scales, scales",
            "the values are the numbers that the integers stand for: return the integers themselves.",
        ),
    ),
)

# ---- a linear map of integers


def _integer_map(values: Array, scales: Array, w_values: Array, w_scales: Array, bias: Array) -> Array:
    """x Wᵀ + bias from integers and scales."""
    left = values.astype(np.int32)
    right = w_values.astype(np.int32)
    sums = left @ right.T
    steps = scales * w_scales.T
    return sums * steps + bias


def _integers(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).integers(-127, 128, shape).astype(np.int8)


def _map(label: str, seed: int, r: int, m: int, n: int) -> Trial:
    """r tokens, m inputs, n outputs."""
    inputs = {
        "values": _integers(seed, r, m),
        "scales": (0.25 + np.abs(numbers(seed + 1, r, 1))) / 16,
        "w_values": _integers(seed + 2, n, m),
        "w_scales": (0.25 + np.abs(numbers(seed + 3, n, 1))) / 16,
        "bias": 61.5 * numbers(seed + 4, n),
    }
    return Trial(label, inputs)


_SUMS, _STEPS, _OUT = "left @ right.T", "scales * w_scales.T", "return sums * steps + bias"

integer_map = Exercise(
    _integer_map,
    "values (r, m), scales (r, 1), w_values (n, m), w_scales (n, 1), bias (n) -> out (r, n)",
    trials=(_map("three tokens, eleven inputs", 431, 3, 11, 7), _map("five tokens", 441, 5, 13, 2)),
    mistakes=(
        Mistake(
            "sums-in-eight-bits",
            (
                "left = values.astype(np.int32) -> left = values",
                "right = w_values.astype(np.int32) -> right = w_values",
            ),
            "products or sums are kept in 8 bits and wrap around: one product reaches 127 · 127. Cast to int32 first.",
            also=(
                (
                    "left = values.astype(np.int32) -> left = values",
                    "right = w_values.astype(np.int32) -> right = w_values",
                    "left @ right.T -> (left[:, None] * right[None]).sum(-1)",
                ),
            ),
        ),
        Mistake(
            "sums-in-sixteen-bits",
            (
                "left = values.astype(np.int32) -> left = values.astype(np.int16)",
                "right = w_values.astype(np.int32) -> right = w_values.astype(np.int16)",
            ),
            "the sums are kept in 16 bits and wrap around: three products of 127 · 127 are too many. Use int32.",
        ),
        Mistake(
            "no-scale-of-tokens",
            f"{_STEPS} -> w_scales.T + 0 * scales",
            "the scales of the tokens are missing: a sum is in steps of scales · w_scales.",
        ),
        Mistake(
            "no-scale-of-rows",
            f"{_STEPS} -> scales + 0 * w_scales.T",
            "the scales of the weights are missing: a sum is in steps of scales · w_scales.",
        ),
        Mistake(
            "no-scales",
            f"{_OUT} -> return sums + bias",
            "the sums of integers are returned without their scales: multiply by scales · w_scales.",
        ),
        Mistake(
            "sums-alone",
            f"{_OUT} -> return sums",
            "the sums of integers are returned as they are: multiply by scales · w_scales, then add the bias.",
        ),
        Mistake(
            "scales-cut-off",
            f"{_OUT} -> return 0 * sums + bias",
            "only the bias is left: was the product of the scales cut to whole numbers, which is 0? Keep it in float.",
        ),
        Mistake(
            "scales-added",
            f"{_STEPS} -> scales + w_scales.T",
            "the two scales are added: each product of integers stands for a product of both scales.",
        ),
        Mistake(
            "bias-scaled",
            f"{_OUT} -> return (sums + bias) * steps",
            "the bias is scaled as well: it is a float already. Scale the sums, then add it.",
        ),
        Mistake(
            "no-bias",
            f"{_OUT} -> return sums * steps",
            "the bias is missing: add it after the scales.",
        ),
        Mistake(
            "bias-subtracted",
            f"{_OUT} -> return sums * steps - bias",
            "the bias is subtracted: add it.",
        ),
        Mistake(
            "divided",
            f"{_OUT} -> return sums / steps + bias",
            "the sums are divided by the scales: multiply, a scale is what an integer is multiplied by.",
        ),
        Mistake(
            "one-scale-for-all-tokens",
            f"{_STEPS} -> scales.max() * w_scales.T + 0 * scales",
            "all tokens share one scale: each was rounded with its own.",
            also=(
                f"{_STEPS} -> scales[0] * w_scales.T + 0 * scales",
                f"{_STEPS} -> scales.mean() * w_scales.T + 0 * scales",
            ),
        ),
    ),
)

# ---- bits a weight, and what they are read in

_GIGABYTES = 7e9 * (4 + 16 / 64) / 8 / 1e9

bits = Numbers(
    "bits",
    right={"bits_a_weight": 4.25, "gigabytes": _GIGABYTES, "tokens_per_s": 20 / _GIGABYTES},
    mistakes={
        "bits_a_weight": {
            4: "that leaves out the scales: each group of 64 stores one more number.",
            4.125: "that is a scale for every 128 weights, or one of 8 bits: here 16 bits are shared by 64.",
            4.5: "that is a scale in float32, or one for every 32 weights: here 16 bits are shared by 64.",
            5.0: "those are the text's groups: here a scale has 16 bits, and 64 weights share it.",
            4.03125: "that counts a scale as 2 bits: it is 2 bytes, 16 bits for 64 weights.",
            20.0: "that gives each weight a scale: 64 of them share one.",
            36.0: "that gives each weight a scale in float32: one in float16 is shared by 64.",
            0.25: "that is the share of the scale alone: the four bits of the weight come to it.",
            272.0: "those are the bits of a whole group: 64 weights share them.",
            0.53125: "those are bytes: a byte has eight bits.",
            8.0: "that multiplies where it should add: the scale's 16 bits are divided among 64 weights.",
        },
        "gigabytes": {
            8 * _GIGABYTES: "those are gigabits: a byte has eight.",
            3.5: "that leaves out the scales: take the bits you found.",
            3.9375: "that is with 4.5 bits a weight: 16 bits are shared by 64 weights.",
            4.375: "that is with 5 bits a weight: 16 bits are shared by 64 weights.",
            _GIGABYTES * 1e9 / 2**30: "those are units of 2^30 bytes: a gigabyte was given as 10^9.",
            28.0: "that is the model in float32.",
            14.0: "that is the model in float16.",
            7.0: "that is the model in 8 bits.",
        },
        "tokens_per_s": {
            5: "that is cut to whole tokens: give it with one digit after the point.",
            20 / 3.5: "that leaves out the scales, which are read too.",
            20 / 3.9375: "that is with 4.5 bits a weight: divide by the gigabytes of 4.25.",
            20 / 4.375: "that is with 5 bits a weight: divide by the gigabytes of 4.25.",
            20 / 28: "that is for float32: here a weight has 4.25 bits.",
            20 / 14: "that is for float16: here a weight has 4.25 bits.",
            20 / 7: "that counts a byte a weight, or weights for gigabytes: divide by the gigabytes of 4.25 bits.",
            20 / (8 * _GIGABYTES): "that divides gigabytes by gigabits: bring both to bytes.",
            8 * 20 / _GIGABYTES: "that divides gigabits by gigabytes: bring both to bytes.",
            20 * _GIGABYTES: "that multiplies: a token needs all gigabytes of the model, so divide.",
            _GIGABYTES / 20: "those are seconds for a token: tokens for a second are asked for.",
        },
    },
)

EXERCISES = listed(rows, integer_map)
