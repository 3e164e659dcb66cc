"""What each key adds to the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.attention._softmax import sums_to_one
from course.checks.diagnosis import Exercise, Mistake, Trial
from course.checks.inputs import numbers

Array = NDArray[Any]


_WEIGHTS = np.array([[4, 1, 1, 2, 1, 5, 2], [1, 3, 2, 6, 2, 1, 1], [2, 2, 8, 1, 0, 1, 2]]) / 16.0  # rows sum to 1
CONTRIBUTION = Exercise(
    returns=("contributions",),
    right=lambda weights, v: np.linalg.norm(weights[:, :, None] * v, axis=-1),  # (i, j, 1) (j, e) -> (i, j)
    trials=(
        Trial("weights and values", {"weights": _WEIGHTS, "v": numbers(52, 7, 2)}),
        Trial(
            "a large weight on a value of zeros",
            {"weights": _WEIGHTS, "v": numbers(53, 7, 11) * (np.arange(7) != _WEIGHTS[0].argmax())[:, None]},
        ),
    ),
    mistakes=(
        Mistake(
            "weights-alone",
            lambda w, v: w,
            "these are the weights alone: a large weight on a short value adds little. Multiply by the length of v[j].",
        ),
        Mistake(
            "lengths-alone",
            lambda w, v: np.tile(np.linalg.norm(v, axis=-1), (len(w), 1)),
            "these are the lengths of the values, the same for each query: multiply by the weights.",
        ),
        Mistake(
            "no-length",
            lambda w, v: w[:, :, None] * v,
            "these are the weighted values themselves, a vector for each query and key: take the length of each.",
        ),
        Mistake(
            "length-of-output",
            lambda w, v: np.linalg.norm(w @ v, axis=-1),
            "this is the length of each query's output, in which the keys are already summed: "
            "take the lengths before the sum.",
        ),
        Mistake("output", lambda w, v: w @ v, "this is the output, in which the keys are already summed."),
        Mistake(
            "over-keys",
            lambda w, v: np.linalg.norm(w[:, :, None] * v, axis=1),
            "the norm runs over the keys and should run over the entries of a value, the last axis.",
        ),
        Mistake(
            "over-everything",
            lambda w, v: np.linalg.norm(w[:, :, None] * v),
            "this is one number: np.linalg.norm without an axis takes the whole array; it needs axis=-1.",
        ),
        Mistake(
            "whole-matrix",
            lambda w, v: w * np.linalg.norm(v),
            "this uses the length of the whole matrix v: add axis=-1, for the length of each v[j].",
        ),
        Mistake(
            "summed",
            lambda w, v: w @ np.linalg.norm(v, axis=-1),
            "the contributions of a query are added up: @ sums over the keys, * does not.",
        ),
        Mistake(
            "mean-entry",
            lambda w, v: w * v.mean(-1),
            "the entries are averaged with their signs, so they cancel: the length is the root of the sum of squares, "
            "np.linalg.norm.",
        ),
        Mistake(
            "mean-size",
            lambda w, v: w * np.abs(v).mean(-1),
            "the sizes of the entries are averaged: the length is the root of the sum of squares, np.linalg.norm.",
        ),
        Mistake(
            "over-length-of-output",
            lambda w, v: w * np.linalg.norm(v, axis=-1) / np.linalg.norm(w @ v, axis=-1, keepdims=True),
            "only the last step is wrong: you divide by the length of the output.",
        ),
        Mistake(
            "squared",
            lambda w, v: ((w[:, :, None] * v) ** 2).sum(-1),
            "these are the squares of the lengths: take the root.",
        ),
        Mistake(
            "sum-of-sizes",
            lambda w, v: np.abs(w[:, :, None] * v).sum(-1),
            "the sizes of the entries are added up (the L1 norm): the length is the root of the sum of squares.",
        ),
        Mistake(
            "largest-entry",
            lambda w, v: np.abs(w[:, :, None] * v).max(-1),
            "this is the largest entry, not the length, which is the root of the sum of squares.",
            also=(lambda w, v: w * v.max(-1),),
        ),
        Mistake(
            "signed-sum",
            lambda w, v: (w[:, :, None] * v).sum(-1),
            "the entries are added up with their signs, so they cancel: the length is the root of the sum of squares.",
        ),
        Mistake(
            "root-mean-square",
            lambda w, v: np.sqrt(((w[:, :, None] * v) ** 2).mean(-1)),
            "this is the root of the mean of the squares: take the root of their sum.",
        ),
        Mistake(
            "weights-squared",
            lambda w, v: w**2 * np.linalg.norm(v, axis=-1),
            "the weights enter squared: the length of weights[i, j] * v[j] has the weight once.",
        ),
        Mistake(
            "values-squared",
            lambda w, v: w * (v**2).sum(-1),
            "the weight times the squared length of v[j]: take the root.",
        ),
        Mistake(
            "shares",
            lambda w, v: sums_to_one(w * np.linalg.norm(v, axis=-1)),
            "only the last step is wrong: you divide each row by its sum, and lose how long the contributions are.",
        ),
    ),
)
